"""A step of the handshake took seconds.

What it means
    The handshake went on, but one step of it came late, or TCP took seconds to open the connection. The finding names
    the step, the side that had to make it, and whether that side was thinking, or its segments had to be repeated, or
    the path is as slow as that.

How it is known
    The time from the frame before to the frame that completed the step. Where nothing of that side was repeated
    meanwhile, the time is its program's own, but for one round trip, which is measured and taken off. Where SYN or
    SYN-ACK had to be repeated, TCP's timers are long at first: an acknowledgement that is lost then holds back what its
    side wants to send next, for seconds and without any repetition (Nagle's algorithm).

When it may be wrong
    The times are those of the capture point. A segment of the slow side that was lost before the capture point and sent
    again looks like one that was sent late: medium. What the program did meanwhile is not in the capture; the causes
    are those that such a delay usually has.

What to do
    Before the server's identification string: name resolution (an access list, `UseDNS yes`, sslh's or a proxy's
    log). At the server's key exchange reply: a slow or overloaded processor, or an old method with large groups. At
    the client: a question to its user (host key), a hardware token, or a slow name resolution there.

References
    sshd_config(5), UseDNS; hosts_access(5); RFC 4419; RFC 6298 §2; RFC 9293 §3.7.4
"""

from collections.abc import Iterator
from typing import NamedTuple

from sshpcap.model import Evidence, Finding, Message, Remedy, Session, TimelineEntry
from sshpcap.rules.base import Rule, duration
from sshpcap.rules.path import handshake_open

ID = "slow-handshake"
TITLE = "A step of the handshake took seconds"

_SLOW_NS = 2_000_000_000
_SHOWN = 3
_FRAMES = 4


class _Wait(NamedTuple):
    ns: int
    since: int
    message: Message


def check(session: Session) -> Iterator[Finding]:
    """Fire on a step that came, but seconds after the one before it."""
    opening = _opening(session)
    waits = sorted(_waits(session), key=lambda wait: -wait.ns)[:_SHOWN]
    if not waits:
        if opening is not None or _slow_path(session):
            yield _of_the_path(session, opening)
        return
    worst = waits[0]
    said = [*((opening.said,) if opening is not None else ()), *(_told(session, wait) for wait in waits)]
    path = _repeated(session, worst) or _may_be_held(session, worst)
    yield Finding(
        id=ID,
        severity="info",
        confidence="high" if _repeated(session, worst) or (_near(session, worst) and not path) else "medium",
        party="network" if path else worst.message.sender,
        title=TITLE,
        summary=f"{' '.join(said)}{_trip(session)}",
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


class _Opening(NamedTuple):
    said: str
    evidence: tuple[Evidence, ...]


def _rows(session: Session, kind: str) -> list[TimelineEntry]:
    return [row for row in session.timeline if row.kind == kind and row.frame is not None]


def _opening(session: Session) -> _Opening | None:
    """SYN or SYN-ACK had to be sent again, and that took seconds, although the connection then opened."""
    asked, answered = _rows(session, "syn"), _rows(session, "syn-ack")
    if not asked or not answered or session.coverage.clock_steps or handshake_open(session) is not None:
        return None
    if not session.messages:
        return None
    took = answered[-1].time.ns - asked[0].time.ns
    if took < _SLOW_NS:
        return None
    said = (
        f"TCP took {duration(took)} to open the connection: the client asked {_times(asked)} and was answered"
        f" {_times(answered)}."
    )
    return _Opening(
        said,
        (
            Evidence(frame=asked[0].frame or 0, what="the first SYN"),
            Evidence(frame=answered[-1].frame or 0, what="the last SYN-ACK"),
        ),
    )


def _times(rows: list[TimelineEntry]) -> str:
    many = "once" if len(rows) == 1 else f"{len(rows)} times"
    shown = ", ".join(str(row.frame) for row in rows[:_FRAMES]) + (", …" if len(rows) > _FRAMES else "")
    return f"{many} (frame{'s' if len(rows) > 1 else ''} {shown})"


def _slow_path(session: Session) -> bool:
    """One round trip takes as long as what is called slow here: every step has to wait for it."""
    return session.tcp.rtt is not None and session.tcp.rtt.ns >= _SLOW_NS


def _may_be_held(session: Session, wait: _Wait) -> bool:
    """TCP had to repeat its opening, and the step is not the first of its side: a lost acknowledgement of what was sent
    before may hold it back without any repetition."""
    first = next((m for m in session.messages if m.sender == wait.message.sender), wait.message)
    again = len(_rows(session, "syn")) > 1 or len(_rows(session, "syn-ack")) > 1
    return again and first.bytes != wait.message.bytes


def _of_the_path(session: Session, opening: _Opening | None) -> Finding:
    slow = _slow_path(session)
    trip = f" (The round trip of the path is {duration(session.tcp.rtt.ns)}.)" if session.tcp.rtt is not None else ""
    if slow and session.tcp.rtt is not None:
        trip = (
            f" One round trip of the path takes {duration(session.tcp.rtt.ns)}, by TCP's own acknowledgements, and"
            " every step of the handshake waits for one: that is the path, not a program."
        )
    return Finding(
        id=ID,
        severity="info",
        confidence="high",
        party="network",
        title=TITLE,
        summary=f"{opening.said if opening is not None else ''}{trip}".strip(),
        evidence=opening.evidence if opening is not None else (),
        causes=_SLOW_PATH if slow else _OPENING_LOST,
        remedies=_PATH_REMEDIES,
    )


_SLOW_PATH = (
    "a full queue on a slow link (another transfer on the same line), a satellite, a mobile network that wakes up",
    "a device on the path holds segments back (an overloaded VPN or firewall)",
)
_OPENING_LOST = (
    "a firewall or a limit of new connections drops the first SYNs, or the answers to them (state tables, rate limits)",
    "the server's queue of new connections was full for a moment",
    "segments are lost on the path",
)


def _waits(session: Session) -> Iterator[_Wait]:
    if session.coverage.midstream or session.coverage.gaps or session.coverage.clock_steps:
        return
    opened = [row for row in session.timeline if row.kind in ("syn", "syn-ack") and row.frame is not None]
    if not opened:
        return
    before, since = opened[-1].time.ns, opened[-1].frame or 0
    trip = session.tcp.rtt.ns if session.tcp.rtt is not None else 0
    # On a slow path a step may wait for one round trip more: until what was sent before it is acknowledged.
    trip = 2 * trip if _slow_path(session) else trip
    for message in session.messages:
        if message.kind == "text":
            return  # a tarpit, or another protocol: not a step of the handshake
        if message.name == "SSH_MSG_DISCONNECT" and not _its_turn(session, message):
            return  # it waited for the other side, and gave up
        if message.time.ns - before - trip >= _SLOW_NS and message.frame > since:
            yield _Wait(message.time.ns - before, since, message)
        if message.time.ns > before:
            before, since = message.time.ns, message.frame


def _its_turn(session: Session, message: Message) -> bool:
    return session.awaited is not None and session.awaited.party == message.sender


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
    if _may_be_held(session, wait):
        return (
            f"{text}, and nothing was sent again meanwhile. TCP had to repeat its opening and is slow to repeat"
            f" anything then: a lost acknowledgement may have held it back, or the {sender} took that time itself."
        )
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
    if _may_be_held(session, wait):
        return (_OPENING_LOST[-1], *_of_the_program(wait))
    if _repeated(session, wait):
        return ("segments are lost on the path", "large segments are lost on the path (see path-mtu-black-hole)")
    return _of_the_program(wait)


def _of_the_program(wait: _Wait) -> tuple[str, ...]:
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


_PATH_REMEDIES = (
    Remedy(
        side="network",
        action="see where the time goes or segments are lost, and what else uses the line",
        command="traceroute -T -p PORT HOST; ping -c 20 HOST",
    ),
    Remedy(
        side="server",
        action="does a firewall limit new connections, or was the queue for them full?",
        command="nft list ruleset; ss -ltn 'sport = :22'; nstat -az TcpExtListenDrops",
    ),
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
