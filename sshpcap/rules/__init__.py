"""Diagnoses: one finding per file, listed here by hand, in the order in which they explain a connection.

`judge` asks every rule and adds the verdict: the first of the gravest findings. To add a rule: one file, one import,
one name in `RULES`; a test checks its page and its samples.
"""

from typing import Final

import msgspec

from sshpcap.model import SEVERITIES, Finding, Session
from sshpcap.rules import (
    authentication_failed,
    bad_packet_length,
    certificate_expired,
    certificate_for_another_name,
    client_alive_timeout,
    client_closed_before_identification,
    closed_during_handshake,
    closed_during_login,
    connection_refused,
    connection_unknown_to_peer,
    disconnect_message,
    dropped_midflow,
    echo_service,
    group_out_of_range,
    half_closed,
    half_open_scan,
    handshake_not_completed,
    health_check_or_scan,
    host_certificate_not_accepted,
    host_key_changed,
    host_key_collected,
    host_key_differs,
    host_key_not_accepted,
    host_key_rejected_after_newkeys,
    host_key_revoked,
    host_key_too_short,
    host_key_unknown,
    http_client,
    http_server,
    identification_dropped,
    identification_too_long,
    incomplete_capture,
    inserted_message,
    invalid_key_exchange_value,
    login_aborted_by_user,
    login_grace_time,
    login_grace_time_at_prompt,
    malformed_identification,
    malformed_message,
    max_startups,
    no_answer_to_syn,
    no_common_cipher,
    no_common_compression,
    no_common_host_key_algorithm,
    no_common_kex_algorithm,
    no_common_mac,
    no_usable_public_key,
    not_allowed_at_this_time,
    not_an_ssh_client,
    not_an_ssh_server,
    path_mtu_black_hole,
    peer_vanished,
    port_reused,
    protocol_version_mismatch,
    proxy_header_unexpected,
    receiver_stuck,
    refused_before_identification,
    rejected_midflow,
    reset_injected,
    second_factor_missing,
    server_alive_timeout,
    server_closed_before_identification,
    server_sends_no_proposal,
    server_silent,
    session_ended_at_once,
    session_ended_by_server,
    signature_of_another_algorithm,
    slow_authentication,
    slow_handshake,
    smtp_or_ftp_server,
    ssh1_in_use,
    ssh1_only_client,
    ssh1_only_server,
    stalled,
    strict_kex_violation,
    tarpit,
    terrapin_exposed,
    tls_client,
    tls_server,
    too_many_authentication_failures,
    unexpected_message,
    weak_algorithm_refused,
    weak_algorithms,
)
from sshpcap.rules.base import Rule, mixed_up
from sshpcap.rules.company import Company, companies, server_of
from sshpcap.rules.own_log import fitted
from sshpcap.rules.quoted import quoted
from sshpcap.rules.verdict import verdict

_MODULES: Final = (
    connection_refused,
    no_answer_to_syn,
    max_startups,
    not_allowed_at_this_time,
    handshake_not_completed,
    half_open_scan,
    reset_injected,
    path_mtu_black_hole,
    identification_dropped,
    dropped_midflow,
    rejected_midflow,
    peer_vanished,
    refused_before_identification,
    ssh1_only_server,
    ssh1_only_client,
    malformed_identification,
    identification_too_long,
    protocol_version_mismatch,
    http_server,
    tls_server,
    smtp_or_ftp_server,
    tarpit,
    not_an_ssh_server,
    echo_service,
    proxy_header_unexpected,
    http_client,
    tls_client,
    not_an_ssh_client,
    server_silent,
    server_closed_before_identification,
    health_check_or_scan,
    client_closed_before_identification,
    no_common_kex_algorithm,
    no_common_host_key_algorithm,
    no_common_cipher,
    no_common_mac,
    no_common_compression,
    weak_algorithm_refused,
    host_certificate_not_accepted,
    host_key_too_short,
    strict_kex_violation,
    signature_of_another_algorithm,
    host_key_revoked,
    host_key_changed,
    certificate_for_another_name,
    certificate_expired,
    host_key_unknown,
    host_key_not_accepted,
    host_key_collected,
    host_key_differs,
    host_key_rejected_after_newkeys,
    group_out_of_range,
    invalid_key_exchange_value,
    unexpected_message,
    bad_packet_length,
    malformed_message,
    disconnect_message,
    login_grace_time,
    server_sends_no_proposal,
    too_many_authentication_failures,
    authentication_failed,
    no_usable_public_key,
    second_factor_missing,
    login_grace_time_at_prompt,
    login_aborted_by_user,
    session_ended_at_once,
    client_alive_timeout,
    server_alive_timeout,
    session_ended_by_server,
    slow_authentication,
    half_closed,
    connection_unknown_to_peer,
    stalled,
    receiver_stuck,
    slow_handshake,
    port_reused,
    incomplete_capture,
    closed_during_handshake,
    closed_during_login,
    inserted_message,
    ssh1_in_use,
    weak_algorithms,
    terrapin_exposed,
)

RULES: Final[tuple[Rule, ...]] = tuple(module.RULE for module in _MODULES)
_CHECKS: Final = tuple(rule.check for rule in RULES if not rule.fallback)
_FALLBACKS: Final = tuple(rule.check for rule in RULES if rule.fallback)
_INSTEAD_OF: Final = {rule.id: rule.instead_of for rule in RULES}
_AMONG: Final = tuple(rule for rule in RULES if rule.among)
_BY_OCTETS: Final = frozenset(
    module.RULE.id
    for module in (
        ssh1_only_server, ssh1_only_client, protocol_version_mismatch, http_server, tls_server, smtp_or_ftp_server,
        not_an_ssh_server, http_client, tls_client, not_an_ssh_client, no_common_kex_algorithm,
        no_common_host_key_algorithm, no_common_cipher, no_common_mac, no_common_compression, host_key_too_short,
        host_key_revoked, host_key_changed, certificate_for_another_name, certificate_expired, group_out_of_range,
        invalid_key_exchange_value, disconnect_message, incomplete_capture, ssh1_in_use, weak_algorithms,
        terrapin_exposed,
    )
)  # fmt: skip
"""Findings that rest on what the peers sent alone, not on when, or on how often."""
PAGES: Final[dict[str, str]] = {module.RULE.id: module.__doc__ or "" for module in _MODULES}
"""The page of every finding, by id: the docstring of its module."""


def judge(session: Session) -> Session:
    """The session with its findings, gravest first, and its verdict."""
    findings = [finding for check in _CHECKS for finding in check(session)]
    if not any(finding.severity == "error" for finding in findings) and not _explained(findings):
        findings += [finding for check in _FALLBACKS for finding in check(session)]
    return _summed_up(session, findings)


def judge_together(sessions: tuple[Session, ...]) -> tuple[Session, ...]:
    """The sessions of one capture, judged; those rules that can learn from the others are asked again."""
    known = companies(sessions)
    return tuple(_judge_among(session, known[server_of(session)]) for session in sessions)


def _judge_among(session: Session, company: Company) -> Session:
    findings = list(session.findings)
    for rule in _AMONG:
        found = list(rule.among(session, company)) if rule.among else []
        if found:
            findings = [*found, *(finding for finding in findings if finding.id != rule.id)]
    if findings == list(session.findings):
        return session
    rank = {rule.id: place for place, rule in enumerate(RULES)}
    findings.sort(key=lambda finding: rank.get(finding.id, len(rank)))
    return _summed_up(session, findings)


def _summed_up(session: Session, findings: list[Finding]) -> Session:
    """The session with these findings, gravest first, without those that a narrower one replaces."""
    found = {finding.id for finding in findings}
    narrower = {broad for narrow in found for broad in _INSTEAD_OF.get(narrow, ())}
    findings = [quoted(session, fitted(session, finding)) for finding in findings if finding.id not in narrower]
    if mixed_up(session):
        findings = [_unsure(finding) for finding in findings]
    findings.sort(key=lambda finding: -SEVERITIES.index(finding.severity))
    return msgspec.structs.replace(session, findings=tuple(findings), verdict=verdict(session, tuple(findings)))


def _unsure(finding: Finding) -> Finding:
    """Most rests on the order of the frames and the time between them, and that is mixed up where two places with
    different clocks were captured. What the peers said is as sure as ever."""
    return finding if finding.id in _BY_OCTETS else msgspec.structs.replace(finding, confidence="low")


def _explained(findings: list[Finding]) -> bool:
    """A warning that says what happened is an explanation; one about the capture is not."""
    return any(finding.severity == "warning" and finding.id != incomplete_capture.ID for finding in findings)
