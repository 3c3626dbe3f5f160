"""What a side said in the clear about the other's messages, or about itself, before the connection ended.

SSH_MSG_UNIMPLEMENTED (RFC 4253 §11.4) names a packet by its number alone; which one that is can be told where all
packets of its sender are there. SSH_MSG_DEBUG (§11.3) carries a text for people.
"""

from sshpcap.model import Message, Session
from sshpcap.rules.greetings import other
from sshpcap.ssh.numbers import KEX_FIRST, KEX_LAST


def not_understood(session: Session) -> tuple[Message, Message] | None:
    """The last SSH_MSG_UNIMPLEMENTED in the clear, and the packet that it is about."""
    for message in reversed(session.messages):
        number = message.fields.get("sequence_number")
        if message.name != "SSH_MSG_UNIMPLEMENTED" or not isinstance(number, int):
            continue
        packets = [m for m in session.messages if m.sender == other(message.sender) and m.number is not None]
        late = session.coverage.gaps or session.coverage.midstream or session.coverage.late_side
        if late or number >= len(packets) or packets[number].frame > message.frame:
            return None
        return message, packets[number]
    return None


def not_understood_words(session: Session) -> str | None:
    """The same as a clause."""
    found = not_understood(session)
    if found is None:
        return None
    answer, message = found
    return f"the {answer.sender} said that it did not understand {message.name} of frame {message.frame}"


def not_supported(session: Session) -> str | None:
    """The cause, where a side does not understand a packet of the method that both agreed on."""
    found = not_understood(session)
    method = session.negotiation.kex_algorithm.chosen if session.negotiation else None
    if found is None or method is None or not KEX_FIRST <= (found[1].number or 0) <= KEX_LAST:
        return None
    return f"the {found[0].sender} proposes {method}, but does not have it, or not for this connection"


def debug_text(session: Session) -> Message | None:
    """The last text for people in the clear of the side that ended the connection."""
    texts = [m for m in session.messages if m.name == "SSH_MSG_DEBUG" and m.fields.get("message")]
    return next((m for m in reversed(texts) if m.sender == session.close.by), None)
