"""Owns the comparison of what sshpcap found with what is true. Functions return what disagrees."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sshpcap.model import Report, Session

_SLOTS = (
    "kex_algorithm",
    "server_host_key_algorithm",
    "encryption_client_to_server",
    "mac_client_to_server",
    "compression_client_to_server",
    "encryption_server_to_client",
    "mac_server_to_client",
    "compression_server_to_client",
)


def judge(report: "Report", expect: dict[str, Any]) -> list[str]:
    """Compares a report with the `expect` of a case."""
    found = len(report.sessions)
    wrong = [f"{found} sessions, not {expect['sessions']}"] if found != expect["sessions"] else []
    if not report.sessions:
        return wrong
    session = of_interest(report, expect)
    facts = (
        ("outcome", session.outcome, [expect["outcome"]]),
        ("stage", session.stage, [expect["stage"]]),
        ("closed by", session.close.by, expect["closed_by"]),
        ("closed how", session.close.how, expect["how"]),
    )
    wrong += [f"{what}: {got}, not {' or '.join(right)}" for what, got, right in facts if got not in right]
    return wrong + _judge_findings(session, expect)


def judge_details(session: "Session", truth: dict[str, Any]) -> list[str]:
    """Compares what a session shows of algorithms and host key with what the programs said of them.

    A capture that ends early shows less than the programs did; what it does not show is not compared.
    """
    wrong = []
    partial = truth["expect"]["outcome"] == "incomplete"
    if truth["negotiated"] and not (partial and session.negotiation is None):
        for slot in _SLOTS:
            right = truth["negotiated"][slot]
            got = getattr(session.negotiation, slot).chosen if session.negotiation else "no negotiation"
            if got != (None if right == "<implicit>" else right):
                wrong.append(f"{slot}: {got}, not {right}")
    shown = session.stage in ("newkeys", "encrypted")
    if session.host_key is None:
        wrong += ["no host key"] if shown else []
    elif session.host_key.sha256 not in [key["sha256"] for key in truth["host_keys"]]:
        wrong.append(f"host key {session.host_key.sha256}, which the server does not have")
    return wrong


def of_interest(report: "Report", expect: dict[str, Any]) -> "Session":
    """The session that the case is about."""
    alike = (session for session in report.sessions if session.outcome == expect["outcome"])
    return next(alike, report.sessions[0])


def _judge_findings(session: "Session", expect: dict[str, Any]) -> list[str]:
    got = {finding.id for finding in session.findings}
    if expect["finding"] is None:
        errors = [finding.id for finding in session.findings if finding.severity == "error"]
        wrong = [f"finding {name} on a connection without trouble" for name in errors]
    else:
        wrong = []
    wanted = [name for name in (expect["finding"], *expect.get("also", [])) if name is not None]
    return wrong + [f"no finding {name}, but {sorted(got) or 'none'}" for name in wanted if name not in got]
