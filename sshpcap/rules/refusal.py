"""What the findings about refusals in plain text share: the server's text, and the finding around it."""

from sshpcap.model import Confidence, Evidence, Finding, Remedy, Session
from sshpcap.rules.base import how_it_ended, with_close
from sshpcap.rules.printed import before_greeting, fill
from sshpcap.ssh import plain_text


def refused_with(session: Session) -> tuple[str, plain_text.Refusal] | None:
    """The server's first line with text, where it is a known refusal and no identification string came."""
    lines = session.server.pre_identification
    if session.server.identification is not None or not lines:
        return None
    text = plain_text.first_text(lines)
    known = plain_text.refusal(text)
    return (text, known) if known else None


def refusal_finding(
    session: Session,
    *,
    id: str,
    title: str,
    meaning: str,
    log: str | None,
    causes: tuple[str, ...],
    remedies: tuple[Remedy, ...],
    confidence: Confidence = "high",
) -> Finding:
    """A refusal as a finding: the text is certain, so is that the server sent it."""
    text = plain_text.first_text(session.server.pre_identification)
    lines = [m for m in session.messages if m.sender == "server"]
    said = next((m for m in lines if m.fields.get("text") == text), next(iter(lines), None))
    frame = said.frame if said else session.tcp.server.last_data_frame
    where = f" (frame {frame})" if frame is not None else ""
    what = f'the server\'s text "{text}"'
    return Finding(
        id=id,
        severity="error",
        confidence=confidence,
        party="server",
        title=title,
        summary=(
            f'The server said "{text}"{where} instead of an identification string, and'
            f" {how_it_ended(session)}: {meaning}."
        ),
        evidence=with_close(
            session,
            Evidence(frame=frame, what=what, bytes=said.bytes if said else None) if frame is not None else None,
        ),
        expected_messages={**before_greeting(session), **fill({"sshd_log": log} if log else {}, session)},
        causes=causes,
        remedies=remedies,
    )
