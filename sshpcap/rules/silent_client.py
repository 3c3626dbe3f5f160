"""What the findings about clients without a word share: how long they stayed, what they saw, and the finding."""

from typing import NamedTuple

from sshpcap.model import Confidence, Finding, Message, Remedy, Session
from sshpcap.rules.base import duration, first, how_it_ended, server_said_nothing, shown, with_close
from sshpcap.rules.path import handshake_open
from sshpcap.rules.printed import Texts, fill

QUICK_NS = 2_000_000_000


class SilentClient(NamedTuple):
    """A client that closed and had sent nothing."""

    stayed: int
    """Nanoseconds from its SYN to its close."""
    greeting: Message | None
    """The server's identification string."""
    greeted: bool
    """That string had arrived before the close."""
    both_silent: bool

    @property
    def quick(self) -> bool:
        """It left before anybody could lose patience."""
        return self.stayed < QUICK_NS


def silent_client(session: Session) -> SilentClient | None:
    """The client, where it closed without having sent an octet."""
    close, client = session.close, session.client
    if close.by != "client" or close.how not in ("fin", "rst") or session.outcome == "encrypted":
        return None
    if client.identification or client.pre_identification or session.tcp.client.bytes or session.coverage.midstream:
        return None
    if session.coverage.gaps or session.tcp.client.undelivered:
        return None  # something was sent that is not in the capture
    if session.tcp.conn_state in ("S0", "RSTOS0", "SH", "OTH") or handshake_open(session) is not None:
        return None
    greeting = first(session, "server", "identification")
    opened = next((entry.time.ns for entry in session.timeline if entry.kind == "syn"), session.start.ns)
    stayed = close.time.ns - opened if close.time else 0
    arrived = (
        greeting is not None
        and close.frame is not None
        and greeting.frame < close.frame
        and bool(greeting.acknowledged)
    )
    return SilentClient(stayed, greeting, arrived, server_said_nothing(session))


def silent_client_finding(
    session: Session,
    silent: SilentClient,
    *,
    id: str,
    title: str,
    confidence: Confidence,
    more: str,
    messages: Texts,
    causes: tuple[str, ...],
    remedies: tuple[Remedy, ...],
) -> Finding:
    """Such a client as a finding."""
    seen = ", when the server's identification string had arrived" if silent.greeted else ""
    greeting = silent.greeting
    return Finding(
        id=id,
        severity="warning",
        confidence=confidence,
        party="client",
        title=title,
        summary=(
            f"The client opened the connection, sent nothing, and left after {duration(silent.stayed)}{seen}:"
            f" {how_it_ended(session)}. {more}"
        ),
        evidence=with_close(session, shown(greeting, "the server's identification string") if greeting else None),
        expected_messages=fill(messages, session),
        causes=causes,
        remedies=remedies,
    )
