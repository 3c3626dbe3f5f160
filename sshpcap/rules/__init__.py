"""Diagnoses: one finding per file, listed here by hand, in the order in which they explain a connection.

`judge` asks every rule and adds the verdict: the first of the gravest findings. To add a rule: one file, one import,
one name in `RULES`; a test checks its page and its samples.
"""

from typing import Final

import msgspec

from sshpcap.model import SEVERITIES, Finding, Session
from sshpcap.rules import (
    authentication_failed,
    client_alive_timeout,
    client_closed_before_identification,
    closed_during_handshake,
    closed_during_login,
    connection_forgotten,
    connection_refused,
    connection_went_dead,
    disconnect_message,
    host_key_not_accepted,
    incomplete_capture,
    login_aborted_by_user,
    login_grace_time,
    login_grace_time_at_prompt,
    malformed_message,
    no_answer_to_syn,
    no_common_cipher,
    no_common_compression,
    no_common_host_key_algorithm,
    no_common_kex_algorithm,
    no_common_mac,
    no_usable_public_key,
    not_an_ssh_client,
    not_an_ssh_server,
    protocol_version_mismatch,
    refused_before_identification,
    second_factor_missing,
    server_closed_before_identification,
    session_ended_at_once,
    slow_authentication,
    stalled,
    too_many_authentication_failures,
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
    host_key_not_accepted,
    malformed_message,
    disconnect_message,
    login_grace_time,
    stalled,
    too_many_authentication_failures,
    authentication_failed,
    no_usable_public_key,
    second_factor_missing,
    login_grace_time_at_prompt,
    login_aborted_by_user,
    session_ended_at_once,
    connection_went_dead,
    connection_forgotten,
    client_alive_timeout,
    slow_authentication,
    incomplete_capture,
    closed_during_handshake,
    closed_during_login,
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
