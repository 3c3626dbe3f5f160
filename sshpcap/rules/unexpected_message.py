"""A message that must not come yet.

What it means
    One side sent, in the clear, a message that belongs behind encryption: of the login (50 to 79) or of the session
    (80 and above). The other side ended the connection. Real clients never do that; scanners, tests and broken
    programs do, and it would reveal what should be encrypted. Or it sent its proposal twice, which RFC 4253 §7.1
    forbids: PuTTY and asyncssh leave then, OpenSSH answers with SSH_MSG_UNIMPLEMENTED and goes on with the first. Or
    it sent SSH_MSG_NEWKEYS before its part of the key exchange, so that there are no keys.

How it is known
    The message number stands in the clear (RFC 4250 §4.1), before the sender's SSH_MSG_NEWKEYS, and the other side
    closed after it, or said that it does not understand it. sshd prepares a DISCONNECT "protocol error: rcvd type 50"
    but exits before it is sent. SSH_MSG_NEWKEYS is called early only where no octet of its sender is missing before
    it.

When it may be wrong
    The message is certain when the capture is complete. The close may have had another reason where it came long
    after.

What to do
    Find out what the sender is and update or replace it. From the internet: a scanner, harmless to a server that
    closes.

References
    RFC 4250 §4.1.2; RFC 4253 §7.1 (what may be sent during the key exchange), §7.3, §10, §11.4
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Message, Remedy, Session
from sshpcap.rules.base import Rule, gave_up, how_it_ended, lost_to_the_capture, with_close
from sshpcap.rules.greetings import other
from sshpcap.rules.objections import not_understood
from sshpcap.rules.printed import LATER, fill, later, together
from sshpcap.ssh.numbers import KEXINIT, NEWKEYS

ID = "unexpected-message"
TITLE = "A message that must not come yet"
_FIRST_AFTER_KEX = 50
_MESSAGES = {
    "putty": "Received unexpected packet when expecting",
    "dropbear": "Unexpected packet type {number}, expected",
}
_HUNG_UP = {"sshd_log": "Disconnected from {client} port {client_port} [preauth]"}
"""sshd hangs up on a type that it has no function for (dispatch.c)."""


_EARLY_NEWKEYS = {
    "openssh_client": "kex_protocol_error: type {number} seq {place}",
    "sshd_log": "kex_protocol_error: type {number} seq {place} [preauth]",
}


def check(session: Session) -> Iterator[Finding]:
    """Fire on a message that must not come yet, and a reader that gave up or said that it does not understand it."""
    if session.stage == "encrypted" or session.close.how not in ("fin", "rst"):
        return
    objected = not_understood(session)
    for message in session.messages:
        how = _out_of_turn(message)
        if how is None:
            continue
        answer = objected[0] if objected and objected[1] is message and message.number == NEWKEYS else None
        if answer is None and gave_up(session) != other(message.sender):
            return
        again = "again" in message.fields
        if again and _went_on(session, message):
            return
        yield _finding(session, message, how, answer, sure=not again and not lost_to_the_capture(session))
        return


def _out_of_turn(message: Message) -> str | None:
    """How a message comes that must not come yet."""
    if message.kind != "message" or message.number is None:
        return None
    if "again" in message.fields:
        return "a second time, before encryption"
    if "early" in message.fields:
        return "before its part of the key exchange, so that there are no keys"
    return "in the clear, before encryption" if message.number >= _FIRST_AFTER_KEX else None


def _finding(session: Session, message: Message, how: str, answer: Message | None, *, sure: bool) -> Finding:
    who = message.sender
    said = (
        f" The {other(who)} answered that it does not understand it (SSH_MSG_UNIMPLEMENTED, frame {answer.frame})."
        if answer
        else ""
    )
    causes = (f"a scanner or a test that looks for {other(who)}s that let it through", f"the {who}'s program is broken")
    named = f"{message.name} (number {message.number}, frame {message.frame})"
    return Finding(
        id=ID,
        severity="error",
        confidence="high" if sure else "medium",
        party=who,
        title=TITLE,
        summary=f"The {who} sent {named} {how}; {how_it_ended(session)}.{said}",
        evidence=with_close(
            session,
            Evidence(frame=message.frame, what=f"{message.name} {how.partition(',')[0]}", bytes=message.bytes),
            Evidence(frame=answer.frame, what="SSH_MSG_UNIMPLEMENTED: it was not understood") if answer else None,
        ),
        expected_messages=_printed(session, message),
        causes=causes if who == "client" else causes[::-1],
        remedies=(Remedy(side=who, action="find out what this program is, and update or replace it"),),
    )


def _printed(session: Session, message: Message) -> dict[str, str]:
    """What the reader prints; OpenSSH names the place of the packet in its sender's row, too."""
    hung_up = session.close.by == "server" and (message.number or 0) >= _FIRST_AFTER_KEX
    texts = fill({**_MESSAGES, **(_HUNG_UP if hung_up else {})}, session, number=message.number)
    if "early" in message.fields:
        before = [m for m in session.messages if m.sender == message.sender and m.number is not None]
        of = {"openssh_client"} if message.sender == "server" else {"sshd_log"}
        early = fill(_EARLY_NEWKEYS, session, number=message.number, place=before.index(message))
        return {**texts, **later(session), **{name: text for name, text in early.items() if name in of}}
    return {**texts, **later(session)}


def _went_on(session: Session, message: Message) -> bool:
    """Whether the reader answered behind a message: a part of the key exchange, that it did not understand, or why it
    leaves."""
    answers = [m for m in session.messages if m.sender == other(message.sender) and m.frame > message.frame]
    return any(m.number is not None and m.number != KEXINIT for m in answers)


RULE = Rule(
    ID,
    TITLE,
    "error",
    check,
    messages=together(_MESSAGES, left=LATER, hung_up=_HUNG_UP, no_keys=_EARLY_NEWKEYS),
    instead_of=("stalled",),
)
