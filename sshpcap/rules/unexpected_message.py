"""A message that must not come before encryption.

What it means
    One side sent, in the clear, a message that belongs behind encryption: of the login (50 to 79) or of the session
    (80 and above). The other side ended the connection. Real clients never do that; scanners, tests and broken
    programs do, and it would reveal what should be encrypted. Or it sent its proposal twice, which the same section
    forbids: PuTTY and asyncssh leave then, OpenSSH answers with SSH_MSG_UNIMPLEMENTED and goes on with the first.

How it is known
    The message number stands in the clear (RFC 4250 §4.1), before the sender's SSH_MSG_NEWKEYS, and the other side
    closed after it. sshd prepares a DISCONNECT "protocol error: rcvd type 50" but exits before it is sent.

When it may be wrong
    The message is certain when the capture is complete. The close may have had another reason where it came long
    after.

What to do
    Find out what the sender is and update or replace it. From the internet: a scanner, harmless to a server that
    closes.

References
    RFC 4250 §4.1.2; RFC 4253 §7.1 (what may be sent during the key exchange), §10
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Message, Remedy, Session
from sshpcap.rules.base import Rule, gave_up, how_it_ended, lost_to_the_capture, with_close
from sshpcap.rules.greetings import other
from sshpcap.rules.printed import LATER, fill, later, together
from sshpcap.ssh.numbers import KEXINIT

ID = "unexpected-message"
TITLE = "A message that must not come before encryption"
_FIRST_AFTER_KEX = 50
_MESSAGES = {
    "putty": "Received unexpected packet when expecting",
    "dropbear": "Unexpected packet type {number}, expected",
    "sshd_log": "Connection closed by {client} port {client_port} [preauth]",
}


def check(session: Session) -> Iterator[Finding]:
    """Fire on a message of the login or the session in the clear, and a reader that gave up."""
    if session.stage == "encrypted" or session.close.how not in ("fin", "rst"):
        return
    for message in session.messages:
        again = "again" in message.fields
        if message.kind != "message" or message.number is None or not (again or message.number >= _FIRST_AFTER_KEX):
            continue
        if gave_up(session) != other(message.sender) or (again and _went_on(session, message)):
            return
        named = f"{message.name} (number {message.number}, frame {message.frame})"
        yield Finding(
            id=ID,
            severity="error",
            confidence="medium" if again or lost_to_the_capture(session) else "high",
            party=message.sender,
            title=TITLE,
            summary=(
                f"The {message.sender} sent {named} {'a second time' if again else 'in the clear'},"
                f" before encryption; {how_it_ended(session)}."
            ),
            evidence=with_close(
                session,
                Evidence(
                    frame=message.frame,
                    what=f"{message.name} {'again' if again else 'in the clear'}",
                    bytes=message.bytes,
                ),
            ),
            expected_messages={**fill(_MESSAGES, session, number=message.number), **later(session)},
            causes=(
                "a scanner or a test that looks for servers that let it through",
                f"the {message.sender}'s program is broken",
            ),
            remedies=(Remedy(side=message.sender, action="find out what this program is, and update or replace it"),),
        )
        return


def _went_on(session: Session, message: Message) -> bool:
    """Whether the reader answered behind a message: a part of the key exchange, that it did not understand, or why it
    leaves."""
    answers = [m for m in session.messages if m.sender == other(message.sender) and m.frame > message.frame]
    return any(m.number is not None and m.number != KEXINIT for m in answers)


RULE = Rule(ID, TITLE, "error", check, messages=together(_MESSAGES, left=LATER))
