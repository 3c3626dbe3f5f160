"""What the findings about identification strings share: which version each side announces, and who went on with it."""

from sshpcap.model import Identification, Message, Session, Who
from sshpcap.rules.base import first
from sshpcap.ssh import plain_text

BEGUN = ("kex", "newkeys", "encrypted")
"""Stages at which both sides have accepted each other's identification string."""


def major(identification: Identification | None) -> int | None:
    """Major version; 1.99 counts as 2; -1 where it is no number; None without an identification string."""
    if identification is None:
        return None
    if identification.protocol_version == "1.99":
        return 2
    head = identification.protocol_version.partition(".")[0]
    return int(head) if head.isascii() and head.isdigit() and len(head) < 4 else -1


def other(who: Who) -> Who:
    """The other side."""
    return "client" if who == "server" else "server"


def greeting(session: Session, who: Who) -> Message | None:
    """The identification string of a side, malformed or not."""
    return first(session, who, "identification")


def went_on(session: Session, odd: Who, heard: Message | None = None) -> bool:
    """The other side read this identification string (or this line) and began the key exchange all the same."""
    heard = heard or greeting(session, odd)
    proposal = first(session, other(odd), "SSH_MSG_KEXINIT")
    own = greeting(session, other(odd))
    if heard is None or proposal is None or own is None:
        return False
    # Some send their proposal along with their identification string, without having read anything.
    return proposal.frame > heard.frame and proposal.frames[0] not in own.frames


def gave_up_on(session: Session, odd: Who) -> bool:
    """The reader of this identification string, or a text of it, ended the connection and had not gone on."""
    return (
        session.stage not in BEGUN
        and session.close.how in ("fin", "rst")
        and session.close.by == other(odd)
        and not went_on(session, odd)
    )


def major_complaint(session: Session) -> str | None:
    """The server's "Protocol major versions differ.", if it said so."""
    for message in session.messages:
        text = str(message.fields.get("text", ""))
        if message.sender == "server" and text.startswith("Protocol major versions differ"):
            return text
    for text in session.server.pre_identification:
        if text.startswith("Protocol major versions differ") and plain_text.complaint(text):
            return text
    return None


def announced(session: Session) -> str:
    """What both sides say they are, as a clause."""
    said = {who: m for who in ("client", "server") if (m := greeting(session, who)) is not None}
    return " and ".join(f'the {who} says "{m.fields["text"]}" (frame {m.frame})' for who, m in said.items())
