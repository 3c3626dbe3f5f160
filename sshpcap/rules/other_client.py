"""What the findings about clients that do not speak SSH share: the client's first octets, the server's answer, and the
finding around them."""

import re
from typing import Final, NamedTuple

from sshpcap.model import Confidence, Evidence, Finding, Message, Remedy, Session
from sshpcap.rules.base import client_place, how_it_ended, lost_to_the_capture, with_close
from sshpcap.ssh import plain_text
from sshpcap.ssh.identification import in_front

_SHOWN = 80
_ESCAPED: Final = re.compile(r"\\\\|\\x([0-9a-f]{2})")
"""What `wire.printable` makes of octets."""
_C_STYLE: Final = {"\a": "\\a", "\b": "\\b", "\t": "\\t", "\v": "\\v", "\f": "\\f"}
PROXY_PROTOCOLS = ("PROXY protocol v1", "PROXY protocol v2")


class Spoken(NamedTuple):
    """What a client began with that is no identification string."""

    protocol: str | None
    begun: str
    """Its first octets."""
    shown: str
    """The first line, short enough for a sentence."""
    frame: int | None
    answer: Message | None
    """What the server says about it."""


def other_client(session: Session) -> Spoken | None:
    """What the client began with, where that is not SSH and the server did not take it."""
    client, answer = session.client, complaint(session)
    # A whole preamble is the beginning, also where the SYN was not captured, if the server did not understand it.
    begun_late = session.coverage.midstream and (client.preamble is None or answer is None)
    if begun_late or session.stage in ("kex", "newkeys", "encrypted"):
        return None
    if client.preamble is None and not client.pre_identification:
        return None
    if client.kexinit is not None and session.server.kexinit is not None:
        return None  # the server understood it
    if client.identification is not None and lost_to_the_capture(session) and answer is None:
        return None  # a proxy's answer to it may be what the capture missed
    text = client.pre_identification[0] if client.pre_identification else client.preamble or ""
    if (
        text.startswith("SSH-")
        or in_front(text)
        or (session.server.identification is None and session.server.pre_identification)
    ):
        return None
    begun = client.first_octets or text
    said = next((m for m in session.messages if m.sender == "client"), None)
    frame = (
        said.frame if said else (client.unreadable.frame if client.unreadable else session.tcp.client.last_data_frame)
    )
    shown = begun.partition("\\x0d\\x0a")[0] or begun
    return Spoken(plain_text.protocol(begun), begun, _short(shown), frame, answer)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _in_a_log(character: str) -> str:
    """As syslog shows an octet of a peer: vis(3) with VIS_CSTYLE and VIS_OCTAL."""
    if character.isascii() and character.isprintable():
        return "\\\\" if character == "\\" else character
    return _C_STYLE.get(character) or f"\\{ord(character):03o}"


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
        expected_messages=logged(session, spoken.begun),
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


def logged(session: Session, begun: str) -> dict[str, str]:
    """What the server's log has about these first octets, where the server is OpenSSH: it reads a line, and gives up at
    NUL, and at CR without LF (kex.c)."""
    server = session.server.identification
    if server is None or server.implementation not in ("OpenSSH", "OpenSSH for Windows"):
        return {}
    line = _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else "\\", begun).partition("\n")[0]
    line = line.removesuffix("\r")
    why = f'client sent invalid protocol identifier "{_short("".join(map(_in_a_log, line)))}"'
    if "\0" in line or "\r" in line:
        why = "banner line contains invalid characters"
    return {
        "sshd_log": (
            f"kex_exchange_identification: {why} / banner exchange: Connection from {client_place(session)}:"
            " invalid format"
        )
    }
