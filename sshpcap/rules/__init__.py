"""Diagnoses: one finding per file, listed here by hand, in the order in which they explain a connection.

`judge` asks every rule and adds the verdict: the first of the gravest findings. To add a rule: one file, one import,
one name in `RULES`; a test checks its page and its samples.
"""

from typing import Final

import msgspec

from sshpcap.model import SEVERITIES, Finding, Session
from sshpcap.rules import (
    certificate_expired,
    certificate_for_another_name,
    client_closed_before_identification,
    closed_during_handshake,
    connection_refused,
    disconnect_message,
    host_key_changed,
    host_key_not_accepted,
    host_key_revoked,
    host_key_unknown,
    incomplete_capture,
    inserted_message,
    login_grace_time,
    malformed_message,
    no_answer_to_syn,
    no_common_cipher,
    no_common_compression,
    no_common_host_key_algorithm,
    no_common_kex_algorithm,
    no_common_mac,
    not_an_ssh_client,
    not_an_ssh_server,
    protocol_version_mismatch,
    refused_before_identification,
    server_closed_before_identification,
    several_host_keys,
    signature_of_another_algorithm,
    ssh1_in_use,
    stalled,
    strict_kex_violation,
    terrapin_exposed,
    weak_algorithms,
)
from sshpcap.rules.base import Rule
from sshpcap.rules.verdict import verdict

_MODULES: Final = (
    connection_refused,
    no_answer_to_syn,
    refused_before_identification,
    protocol_version_mismatch,
    not_an_ssh_server,
    not_an_ssh_client,
    server_closed_before_identification,
    client_closed_before_identification,
    no_common_kex_algorithm,
    no_common_host_key_algorithm,
    no_common_cipher,
    no_common_mac,
    no_common_compression,
    strict_kex_violation,
    signature_of_another_algorithm,
    host_key_revoked,
    host_key_changed,
    certificate_for_another_name,
    certificate_expired,
    host_key_unknown,
    host_key_not_accepted,
    malformed_message,
    disconnect_message,
    login_grace_time,
    stalled,
    incomplete_capture,
    closed_during_handshake,
    inserted_message,
    several_host_keys,
    ssh1_in_use,
    weak_algorithms,
    terrapin_exposed,
)

RULES: Final[tuple[Rule, ...]] = tuple(module.RULE for module in _MODULES)
PAGES: Final[dict[str, str]] = {module.RULE.id: module.__doc__ or "" for module in _MODULES}
"""The page of every finding, by id: the docstring of its module."""


def judge(session: Session) -> Session:
    """The session with its findings, gravest first, and its verdict."""
    findings = [finding for rule in RULES if not rule.fallback for finding in rule.check(session)]
    if not any(finding.severity == "error" for finding in findings) and not _explained(findings):
        findings += [finding for rule in RULES if rule.fallback for finding in rule.check(session)]
    findings.sort(key=lambda finding: -SEVERITIES.index(finding.severity))
    return msgspec.structs.replace(session, findings=tuple(findings), verdict=verdict(session, tuple(findings)))


def _explained(findings: list[Finding]) -> bool:
    """A warning that says what happened is an explanation; one about the capture is not."""
    return any(finding.severity == "warning" and finding.id != incomplete_capture.ID for finding in findings)
