"""The one sentence about a connection: its first finding, or that nothing is wrong with it."""

from sshpcap.model import Finding, Session, Verdict
from sshpcap.rules.base import how_it_ended


def verdict(session: Session, findings: tuple[Finding, ...]) -> Verdict:
    """Sum a session up; `findings` stand in order of gravity."""
    grave = next((finding for finding in findings if finding.severity != "info"), None)
    if grave is not None:
        return Verdict(summary=grave.summary, cause=grave.id, confidence=grave.confidence)
    if session.outcome == "encrypted":
        return Verdict(summary=_encrypted(session), cause=None, confidence="high")
    other = next(iter(findings), None)
    return Verdict(
        summary=f"The connection reached the stage {session.stage}; {how_it_ended(session)}.",
        cause=other.id if other else None,
        confidence="medium",
    )


def _encrypted(session: Session) -> str:
    parts = ["The handshake completed"]
    negotiated = session.negotiation
    if negotiated is not None and negotiated.agreed:
        both = dict.fromkeys(
            (negotiated.encryption_client_to_server.chosen, negotiated.encryption_server_to_client.chosen)
        )
        ciphers = " and ".join(name for name in both if name)
        parts[0] += f" ({negotiated.kex_algorithm.chosen}, {negotiated.server_host_key_algorithm.chosen}, {ciphers})"
    entry = next((row for row in session.timeline if row.kind == "encrypted"), None)
    if entry is not None:
        parts.append(f"from frame {entry.frame} on everything is encrypted")
    alone = session.coverage.one_sided
    only = f" The capture has only the {alone}'s frames." if alone is not None else ""
    return f"{'; '.join(parts)}. What was said there is not readable{_login(session)}; {how_it_ended(session)}.{only}"


def _login(session: Session) -> str:
    """What sizes and times tell of the login, as a clause; a failed one has a finding."""
    login = session.authentication
    if login is None or login.result not in ("succeeded", "failed"):
        return ", nor whether a login succeeded"
    looks = "successful login" if login.result == "succeeded" else "login that did not succeed"
    frame = f", frame {login.accepted_frame}" if login.accepted_frame is not None else ""
    return f"; sizes and times look like a {looks} (confidence {login.confidence}{frame})"
