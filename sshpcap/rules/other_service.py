"""What the findings about another service on the port share: the server's first octets, and the finding around them."""

from typing import NamedTuple

from sshpcap.model import Confidence, Evidence, Finding, Remedy, Session
from sshpcap.rules.base import began_unseen, how_it_ended, server_place, with_close
from sshpcap.rules.printed import before_greeting
from sshpcap.ssh import plain_text
from sshpcap.ssh.identification import in_front

_SHOWN = 80


class Spoken(NamedTuple):
    """What a server sent that is no SSH."""

    text: str
    """Its first line that is not blank, made printable."""
    protocol: str | None
    lines: tuple[str, ...]
    frame: int | None
    """The frame that completed the first line."""

    @property
    def shown(self) -> str:
        """The first line, short enough for a sentence."""
        return self.text if len(self.text) <= _SHOWN else self.text[:_SHOWN] + "…"


def other_service(session: Session) -> Spoken | None:
    """What the server sent, where it is neither SSH nor a text of an SSH server, or about one."""
    server = session.server
    if server.identification is not None or not server.pre_identification or began_unseen(session):
        return None
    text = plain_text.first_text(server.pre_identification)
    if plain_text.refusal(text) or plain_text.complaint(text):
        return None
    if plain_text.start_error(server.pre_identification):
        return None  # server-closed-before-identification
    if server.pre_identification[-1].startswith("SSH-") or any(map(in_front, server.pre_identification)):
        return None  # malformed-identification, and the string whose end is missing in the capture
    lines = [m for m in session.messages if m.sender == "server"]
    said = next((m for m in lines if m.fields.get("text") == text), next(iter(lines), None))
    frame = (
        said.frame if said else (server.unreadable.frame if server.unreadable else session.tcp.server.last_data_frame)
    )
    return Spoken(text, plain_text.protocol(text), server.pre_identification, frame)


def service_finding(
    session: Session,
    spoken: Spoken,
    *,
    id: str,
    title: str,
    named: str,
    more: str = "",
    confidence: Confidence = "high",
    messages: dict[str, str] | None = None,
    causes: tuple[str, ...],
    remedies: tuple[Remedy, ...],
) -> Finding:
    """Another service as a finding; `named` is the verb of the sentence: "speaks HTTP, not SSH"."""
    many = f" ({len(spoken.lines):,} lines)" if len(spoken.lines) > 1 else ""
    where = f" in frame {spoken.frame}" if spoken.frame is not None else ""
    return Finding(
        id=id,
        severity="error",
        confidence="medium" if session.coverage.midstream else confidence,
        party="server",
        title=title,
        summary=(
            f'What answers on {server_place(session)} {named}: it sent "{spoken.shown}"{many}{where} and no'
            f" identification string{more}; {how_it_ended(session)}."
        ),
        evidence=with_close(
            session, Evidence(frame=spoken.frame, what=f'"{spoken.shown}"') if spoken.frame is not None else None
        ),
        expected_messages={**before_greeting(session), **(messages or {})},
        causes=causes,
        remedies=remedies,
    )


RIGHT_PORT = Remedy(
    side="client", action="use the port of the SSH server (ask its administrator)", command="ssh -p PORT HOST"
)
WHO_LISTENS = Remedy(
    side="server",
    action="see what listens on the port, and on which port sshd does",
    command="ss -ltnp; sshd -T | grep -E '^(port|listenaddress)'",
)
