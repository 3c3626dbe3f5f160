"""What the rules about the encrypted part share: who spoke last there, how long ago, and how sure that makes one.

All of it rests on `Session.authentication`, which is inference from sizes and times; no rule here is ever more sure
than that.
"""

from typing import Final

from sshpcap.model import Authentication, Evidence, Session, Unanswered, Who
from sshpcap.rules.base import duration, how_it_ended

AT_ONCE_NS = 1_000_000_000
"""Sooner than a person reacts: a program's own decision."""
_SHOWN = 6

ASKED: Final = 2
"""So many questions at one distance are no chance."""
_LEAST_NS: Final = 900_000_000
_JITTER: Final = 1.15


def failed_login(session: Session) -> Authentication | None:
    """The login of a connection that was closed before anything that looks like a success."""
    login = session.authentication
    if login is None or login.result != "failed" or session.close.how not in ("fin", "rst"):
        return None
    return login if session.close.by in ("client", "server") else None


def last_speaker(session: Session) -> str | None:
    """The side that sent the last data."""
    return session.unanswered[-1].sender if session.unanswered else None


def waited_ns(session: Session) -> int:
    """From the last data to the close."""
    if session.close.time is None or not session.unanswered:
        return 0
    return max(0, session.close.time.ns - session.unanswered[-1].time.ns)


def delivered(session: Session) -> bool:
    """All that the server sent was acknowledged, as far as the capture tells."""
    return not session.tcp.server.unacknowledged


def told(session: Session, what: str) -> str:
    """A summary: what was read, what was inferred, how it ended."""
    after = ""
    last = session.unanswered[-1] if session.unanswered else None
    if session.close.how in ("fin", "rst") and last is not None and last.frame != session.close.frame:
        after = f", {duration(waited_ns(session))} after the last data"
    return (
        f"The handshake completed; {what} (inferred from sizes and times). In the end {how_it_ended(session)}{after}."
    )


def exchanges(login: Authentication, *readings: str) -> tuple[Evidence, ...]:
    """Answers of the server as evidence; the first, and the last of them."""
    found = [
        Evidence(
            frame=one.answer_frame,
            what=f"answer of {one.answer_octets} octets, {duration(one.delay.ns)} after the request",
        )
        for one in login.exchanges
        if one.reading in readings and one.answer_frame is not None and one.delay is not None
    ]
    return tuple(found if len(found) <= _SHOWN else [*found[: _SHOWN - 1], found[-1]])


def methods(login: Authentication) -> str:
    """The list of methods that OpenSSH's client prints in brackets, as far as its length tells."""
    return login.offered_methods[0] if login.offered_methods else "publickey,password"


def asked_regularly(session: Session, sender: Who, closed_ns: int) -> list[Unanswered]:
    """The last packets of a side, all without an answer, that stand at one distance from each other and from the close:
    questions whether the other side is still there (ClientAliveInterval, ServerAliveInterval)."""
    sent = [one for one in session.unanswered if one.sender == sender and not one.again]
    found: list[Unanswered] = []
    until, interval = closed_ns, 0
    for one in reversed(sent):
        distance = until - one.time.ns
        if distance < _LEAST_NS or (interval and not interval / _JITTER <= distance <= interval * _JITTER):
            break
        found.insert(0, one)
        until, interval = one.time.ns, interval or distance
    return found
