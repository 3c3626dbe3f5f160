"""A step of the handshake took seconds.

What it means
    The handshake went on, but one step of it came late. The finding names the step, the side that had to make it, and
    whether that side was thinking or its segments had to be repeated.

How it is known
    The time from the frame before to the frame that completed the step. Where nothing of that side was repeated
    meanwhile, the time is its program's own, but for one round trip.

When it may be wrong
    The times are those of the capture point. Far from the slow side one round trip is in them, and a segment of it that
    was lost before the capture point and sent again looks like one that was sent late: medium. What the program did
    meanwhile is not in the capture; the causes are those that such a delay usually has.

What to do
    Before the server's identification string: name resolution (an access list, `UseDNS yes`, sslh's or a proxy's
    log). At the server's key exchange reply: a slow or overloaded processor, or an old method with large groups. At
    the client: a question to its user (host key), a hardware token, or a slow name resolution there.

References
    sshd_config(5), UseDNS; hosts_access(5); RFC 4419
"""

from collections.abc import Iterator
from typing import NamedTuple

from sshpcap.model import Evidence, Finding, Message, Remedy, Session
from sshpcap.rules.base import Rule, duration

ID = "slow-handshake"
TITLE = "A step of the handshake took seconds"

_SLOW_NS = 2_000_000_000
_SHOWN = 3


class _Wait(NamedTuple):
    ns: int
    since: int
    message: Message


def check(session: Session) -> Iterator[Finding]:
    """Fire on a step that came, but seconds after the one before it."""
    waits = sorted(_waits(session), key=lambda wait: -wait.ns)[:_SHOWN]
    if not waits:
        return
    worst = waits[0]
    yield Finding(
        id=ID,
        severity="info",
        confidence="high" if _repeated(session, worst) or _near(session, worst) else "medium",
        party="network" if _repeated(session, worst) else worst.message.sender,
        title=TITLE,
        summary=f"{' '.join(_told(session, wait) for wait in waits)}{_trip(session)}",
        evidence=tuple(
            item
            for wait in waits
            for item in (
                Evidence(frame=wait.since, what="the frame before"),
                Evidence(frame=wait.message.frame, what=_what(wait.message), bytes=wait.message.bytes),
            )
        ),
        causes=_causes(session, worst),
        remedies=_REMEDIES if not _repeated(session, worst) else (),
    )


def _waits(session: Session) -> Iterator[_Wait]:
    if session.coverage.midstream or session.coverage.gaps or session.coverage.clock_steps:
        return
    opened = [row for row in session.timeline if row.kind in ("syn", "syn-ack") and row.frame is not None]
    if not opened:
        return
    before, since = opened[-1].time.ns, opened[-1].frame or 0
    for message in session.messages:
        if message.kind == "text":
            return  # a tarpit, or another protocol: not a step of the handshake
        if message.time.ns - before >= _SLOW_NS and message.frame > since:
            yield _Wait(message.time.ns - before, since, message)
        if message.time.ns > before:
            before, since = message.time.ns, message.frame


def _repeated(session: Session, wait: _Wait) -> bool:
    """Segments were repeated during the wait: the path had its part."""
    return any(
        row.kind == "retransmission" and row.frame is not None and wait.since < row.frame <= wait.message.frame
        for row in session.timeline
    )


def _what(message: Message) -> str:
    return "identification string" if message.kind == "identification" else message.name


def _told(session: Session, wait: _Wait) -> str:
    text = (
        f"The {wait.message.sender}'s {_what(wait.message)} (frame {wait.message.frame}) came {duration(wait.ns)} after"
        f" frame {wait.since}"
    )
    if _repeated(session, wait):
        return f"{text}; segments had to be sent again meanwhile, so the path had its part in it."
    sender = wait.message.sender
    if _near(session, wait):
        return f"{text}; it was captured on the {sender}'s side, so the {sender} took that time itself."
    return (
        f"{text}, and nothing was sent again meanwhile: the {sender} took that time itself, unless its segments were"
        " lost before they came by here."
    )


def _near(session: Session, wait: _Wait) -> bool:
    """Captured next to the slow side: nothing of it can have been lost before."""
    return session.tcp.vantage.place == wait.message.sender


def _trip(session: Session) -> str:
    return f" (The round trip of the path is {duration(session.tcp.rtt.ns)}.)" if session.tcp.rtt is not None else ""


def _causes(session: Session, wait: _Wait) -> tuple[str, ...]:
    if _repeated(session, wait):
        return ("segments are lost on the path", "large segments are lost on the path (see path-mtu-black-hole)")
    message = wait.message
    if message.sender == "client":
        if message.name == "SSH_MSG_NEWKEYS":
            return ("the client asked its user whether the host key is right", "a slow or busy client")
        return ("the client's program was busy: name resolution, a token, a slow processor", "a person typed it")
    if message.kind == "identification":
        return (
            "name resolution before the greeting (5 s for each try at a silent name server): an access list with names,"
            " sslh or a proxy that logs names, libwrap",
            "the server is overloaded, or was woken up for this connection",
            "a proxy or load balancer had to reach its backend first",
        )
    return (
        "a slow or overloaded server: the key exchange is its heaviest part",
        "diffie-hellman-group-exchange or a large group on a small device",
    )


_REMEDIES = (
    Remedy(
        side="server",
        action="does name resolution answer on the server? (5 or 10 s is the typical wait)",
        command="time getent hosts CLIENT_ADDRESS; sshd -T | grep -i usedns; cat /etc/hosts.allow /etc/hosts.deny",
    ),
    Remedy(side="server", action="is the server busy?", command="uptime; vmstat 1 5"),
    Remedy(side="client", action="see which step waits", command="ssh -vvv HOST"),
)

RULE = Rule(ID, TITLE, "info", check)
