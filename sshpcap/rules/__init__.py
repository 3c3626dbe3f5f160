"""Diagnoses: one finding per file, listed here by hand, in the order in which they explain a connection.

`judge` asks every rule and adds the verdict: the first of the gravest findings. To add a rule: one file, one import,
one name in `RULES`; a test checks its page and its samples.
"""

from typing import Final

import msgspec

from sshpcap.model import SEVERITIES, Finding, Session
from sshpcap.rules import (
    client_closed_before_identification,
    closed_during_handshake,
    connection_refused,
    connection_unknown_to_peer,
    disconnect_message,
    dropped_midflow,
    half_closed,
    half_open_scan,
    handshake_not_completed,
    host_key_not_accepted,
    identification_dropped,
    incomplete_capture,
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
    path_mtu_black_hole,
    peer_vanished,
    port_reused,
    protocol_version_mismatch,
    receiver_stuck,
    refused_before_identification,
    rejected_midflow,
    reset_injected,
    server_closed_before_identification,
    slow_handshake,
    stalled,
)
from sshpcap.rules.base import Rule
from sshpcap.rules.verdict import verdict

_MODULES: Final = (
    connection_refused,
    no_answer_to_syn,
    handshake_not_completed,
    half_open_scan,
    reset_injected,
    path_mtu_black_hole,
    identification_dropped,
    dropped_midflow,
    rejected_midflow,
    peer_vanished,
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
    half_closed,
    connection_unknown_to_peer,
    stalled,
    receiver_stuck,
    slow_handshake,
    port_reused,
    incomplete_capture,
    closed_during_handshake,
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
