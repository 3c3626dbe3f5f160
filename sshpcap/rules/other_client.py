"""What the findings about clients that do not speak SSH share: the client's first octets, the server's answer, and the
finding around them."""

from typing import NamedTuple

from sshpcap.model import Confidence, Evidence, Finding, Message, Remedy, Session
from sshpcap.rules.base import client_place, how_it_ended, lost_to_the_capture, with_close
from sshpcap.ssh import plain_text

_SHOWN = 80
PROXY_PROTOCOLS = ("PROXY protocol v1", "PROXY protocol v2")


class Spoken(NamedTuple):
    """What a client began with that is no identification string."""

    protocol: str | None
    shown: str
    """The first line, short enough for a sentence."""
    frame: int | None
    answer: Message | None
    """What the server says about it."""


def other_client(session: Session) -> Spoken | None:
    """What the client began with, where that is not SSH and the server did not take it."""
    client = session.client
    if session.coverage.midstream or session.stage in ("kex", "newkeys", "encrypted"):
        return None
    if client.preamble is None and not client.pre_identification:
        return None
    if client.kexinit is not None and session.server.kexinit is not None:
        return None  # the server understood it
    if client.identification is not None and lost_to_the_capture(session):
        return None  # a proxy's answer to it may be what the capture missed
    text = client.pre_identification[0] if client.pre_identification else client.preamble or ""
    if text.startswith("SSH-") or (session.server.identification is None and session.server.pre_identification):
        return None
    begun = client.first_octets or text
    said = next((m for m in session.messages if m.sender == "client"), None)
    frame = (
        said.frame if said else (client.unreadable.frame if client.unreadable else session.tcp.client.last_data_frame)
    )
    shown = begun.partition("\\x0d\\x0a")[0] or begun
    return Spoken(
        plain_text.protocol(begun), shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…", frame, complaint(session)
    )


def complaint(session: Session) -> Message | None:
    """What the server says in plain text about the client's first line."""
    for message in session.messages:
        text = str(message.fields.get("text", ""))
        if message.sender == "server" and message.kind == "text" and plain_text.complaint(text):
            return message
    return None


def client_finding(
    session: Session,
    spoken: Spoken,
    *,
    id: str,
    title: str,
    confidence: Confidence,
    causes: tuple[str, ...],
    remedies: tuple[Remedy, ...],
    named: str | None = None,
) -> Finding:
    """A client without SSH as a finding."""
    if named is None:
        named = f"speaks {spoken.protocol}, not SSH" if spoken.protocol else "does not speak SSH"
        if session.client.identification is not None:
            before = spoken.protocol or "something else"
            named = f"sent {before} before its identification string, which a server does not expect"
    replied = ""
    if spoken.answer:
        replied = f' The server answered "{spoken.answer.fields["text"]}" (frame {spoken.answer.frame}).'
    where = f" (frame {spoken.frame})" if spoken.frame is not None else ""
    return Finding(
        id=id,
        severity="error",
        confidence=confidence,
        party="client",
        title=title,
        summary=(
            f'The client {session.client.address} {named}: its first octets are "{spoken.shown}"{where}.{replied}'
            f" In the end {how_it_ended(session)}."
        ),
        evidence=with_close(
            session,
            Evidence(frame=spoken.frame, what=f'"{spoken.shown}"') if spoken.frame is not None else None,
            (
                Evidence(frame=spoken.answer.frame, what="the server's complaint", bytes=spoken.answer.bytes)
                if spoken.answer
                else None
            ),
        ),
        expected_messages=logged(session, spoken.shown),
        causes=causes,
        remedies=remedies,
    )


LOGGED = {
    "sshd_log": (
        'kex_exchange_identification: client sent invalid protocol identifier "{line}" / banner exchange: Connection'
        " from {client} port {client_port}: invalid format"
    ),
    "sshd_log_binary": (
        "kex_exchange_identification: banner line contains invalid characters / banner exchange: Connection from"
        " {client} port {client_port}: invalid format"
    ),
    "sshd_log_before_8": "Bad protocol version identification '{line}' from {client} port {client_port}",
}
"""What sshd writes about a client's first line that it cannot use."""


def logged(session: Session, shown: str) -> dict[str, str]:
    """What the server's log has about this first line, where the server is OpenSSH."""
    server = session.server.identification
    if server is None or server.implementation not in ("OpenSSH", "OpenSSH for Windows"):
        return {}
    why = (
        "banner line contains invalid characters"
        if "\\x" in shown
        else f'client sent invalid protocol identifier "{shown}"'
    )
    return {
        "sshd_log": (
            f"kex_exchange_identification: {why} / banner exchange: Connection from {client_place(session)}:"
            " invalid format"
        )
    }
