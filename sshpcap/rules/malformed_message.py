"""A message contradicts itself.

What it means
    One side sent an SSH packet whose content does not fit its own lengths, or that is cut short: a proposal with
    fewer lists than RFC 4253 demands, a string longer than its message, octets behind the last field, a host key or a
    signature that is none. Strict readers give up (OpenSSH: "incomplete message", "unexpected bytes remain after
    decoding", "invalid format"), others read on.

How it is known
    The message is in the capture in the clear; the finding names the field and the place. What a tolerant reader gets
    over is told only where the reader left at that message.

When it may be wrong
    That the message is malformed is certain when the capture is complete. Whether the reader minded is not: PuTTY,
    Dropbear and paramiko forgive missing language lists. Who damaged it, the program or something between, is not in
    the capture.

What to do
    Update the program that sent it (embedded devices, home-made servers). If both ends are good programs, capture at
    both ends and compare: something between changes octets.

References
    RFC 4253 §7.1; RFC 4251 §5
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Message, Remedy, Session, Who
from sshpcap.rules.base import Rule, gave_up, how_it_ended, with_close
from sshpcap.rules.greetings import other
from sshpcap.rules.printed import fill, together
from sshpcap.ssh.numbers import DISCONNECT, KEXINIT

ID = "malformed-message"
TITLE = "A message contradicts itself"
_SIDES: tuple[Who, ...] = ("client", "server")
_MESSAGES = {
    "openssh_client": (
        "kex_input_kexinit: discard proposal: incomplete message / ssh_dispatch_run_fatal: Connection to {server} port"
        " {port}: incomplete message"
    ),
    "putty": "KEXINIT packet was incomplete",
    "asyncssh": "Incomplete packet",
}
_NOT_CUT_SHORT = {
    "openssh_client": "ssh_dispatch_run_fatal: Connection to {server} port {port}: {words}",
    "sshd_log": "ssh_dispatch_run_fatal: Connection from {client} port {client_port}: {words} [preauth]",
}
"""Octets that are too many, and keys and signatures that are none."""
_LOGGED = {
    "sshd_log": "ssh_dispatch_run_fatal: Connection from {client} port {client_port}: incomplete message [preauth]"
}


def check(session: Session) -> Iterator[Finding]:
    """Fire on a message that could not be parsed."""
    if session.stage == "encrypted":
        return
    for who in _SIDES:
        for message in session.messages:
            fault = _fault(message) if message.sender == who and message.name != "identification" else None
            if fault is not None and (message.kind == "malformed" or _left_for(session, message)):
                yield _finding(session, who, message, fault)
                break


def _fault(message: Message) -> str | None:
    """What contradicts what in a message."""
    fields, found = message.fields, []
    if message.kind == "malformed":
        return f"{fields.get('malformed_field')}: {fields.get('malformed_reason')}"
    if isinstance(count := fields.get("trailing_octets"), int):
        found.append(f"{count:,} octet{' stands' if count == 1 else 's stand'} behind its last field")
    if fields.get("host_key") == "unreadable":
        found.append(f"its host key of {fields.get('K_S_octets')} octets cannot be read")
    if fields.get("signature_algorithm") == "unreadable":
        found.append("its signature cannot be read")
    return ", ".join(found) or None


def _left_for(session: Session, message: Message) -> bool:
    """The reader ended the connection, and said nothing behind the message but its proposal or why."""
    if gave_up(session) != other(message.sender) or session.close.how not in ("fin", "rst"):
        return False
    if message.acknowledged is False or message.frame > (session.close.frame or 0):
        return False
    behind = [m for m in session.messages if m.sender == other(message.sender) and m.frame > message.frame]
    return all(m.number in (DISCONNECT, KEXINIT) for m in behind)


def _finding(session: Session, who: Who, odd: Message, reason: str) -> Finding:
    texts = _MESSAGES if who == "server" else _LOGGED
    if odd.kind != "malformed":
        texts = {name: text for name, text in _NOT_CUT_SHORT.items() if name in texts}
    words = "unexpected bytes remain after decoding" if "trailing_octets" in odd.fields else "invalid format"
    verb = "contradicts itself" if odd.kind == "malformed" or "trailing_octets" in odd.fields else "is of no use"
    return Finding(
        id=ID,
        severity="error",
        confidence="medium" if session.coverage.gaps or session.coverage.midstream else "high",
        party=who,
        title=TITLE,
        summary=(f"The {who}'s {odd.name} (frame {odd.frame}) {verb}: {reason}. In the end {how_it_ended(session)}."),
        evidence=with_close(session, Evidence(frame=odd.frame, what=reason, bytes=odd.bytes)),
        expected_messages=fill(texts, session, words=words),
        causes=(
            f"the {who}'s program does not follow RFC 4253: an embedded device, a home-made or very old program",
            "something on the way changes octets",
        ),
        remedies=(
            Remedy(side=who, action="update the program that sent this message"),
            Remedy(side="capture", action="capture at both ends and compare the message octet by octet"),
        ),
    )


RULE = Rule(ID, TITLE, "error", check, messages=together({**_MESSAGES, **_LOGGED}, otherwise=_NOT_CUT_SHORT))
