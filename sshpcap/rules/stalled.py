"""The handshake stood still.

What it means
    One side waited for the next step of the handshake and it did not come; then it gave up, or the capture shows
    nothing more. The finding says whose step was missing and what came before.

How it is known
    RFC 4253 fixes who has to send what next. The last step is named with its frame, and the time from there to the
    end: two seconds or more. SSH_MSG_DISCONNECT of the side that waited is how it gave up: it is no step, and no
    complaint, for nothing had come. Acknowledgements tell whether a side's octets had arrived: acknowledged and
    unanswered means that the other side's program did not react, or that its answer was lost before the capture
    point; sent again and never acknowledged means that they, or the acknowledgements, did not get through.

When it may be wrong
    The wait is certain. What the other side did meanwhile is not in the capture, and when frames are missing the step
    may have been made unseen. Where segments of the connection had to be sent again, the step may have been lost on
    the way to the capture point, as often as TCP repeated it: medium.

What to do
    Acknowledged but unanswered: look at the other side's program (hung, stopped, out of memory, waiting for name
    resolution, or a proxy without a backend). Not acknowledged: look at the path; if only full-size segments are
    lost, at the MTU (`ping -M do -s 1472`). Capture at both ends to be sure.

References
    RFC 4253 §4.2, §7; RFC 9293 §3.8; RFC 2923 §2.1 (path MTU black holes)
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Message, Remedy, Repeat, Session, TcpSide
from sshpcap.rules.base import (
    WAITED_NS,
    Rule,
    announced,
    duration,
    farewell,
    gave_up,
    how_it_ended,
    lost_to_the_capture,
    octets,
    patience_ended,
    with_close,
)
from sshpcap.rules.objections import not_supported, not_understood, not_understood_words
from sshpcap.rules.path import handshake_open, lossy, trouble
from sshpcap.rules.printed import GREETING_TIMED_OUT, HANGS_LATER, fill, together

ID = "stalled"
TITLE = "The handshake stood still"

_REPEATED = 2


def check(session: Session) -> Iterator[Finding]:
    """Fire when somebody waited long for the other side, and gave up or is still waiting."""
    waiting = session.awaited
    if waiting is None or waiting.waited.ns < WAITED_NS or session.outcome not in ("failed", "stalled"):
        return
    stuck = _stuck(session)
    who, said = gave_up(session), session.close.disconnect
    left = session.outcome == "failed" and (said or session.close.how in ("fin", "rst")) and who in ("client", "server")
    # Whoever leaves while the other side has to move gave up waiting; who leaves in its own turn did something else.
    waited = left and waiting.party not in (who, "unknown")
    if not (session.outcome == "stalled" or waited or (left and stuck)):
        return
    if left and who == "server" and not stuck:
        return  # login-grace-time
    if said and not patience_ended(session):
        return  # disconnect-message
    if any(
        party.unreadable and not side.undelivered
        for party, side in ((session.client, session.tcp.client), (session.server, session.tcp.server))
    ):
        return
    if trouble(session) is not None or handshake_open(session) is not None:
        return  # told more precisely by a finding of its own
    other = {"client": session.tcp.server, "server": session.tcp.client}.get(waiting.party)
    losses = _losses(session)
    # What the waiting side had said may not have arrived: then nobody is known to have been silent.
    unheard = losses and other is not None and bool(other.unacknowledged)
    party = "network" if stuck else "unknown" if unheard else waiting.party
    unsupported = not_supported(session)
    causes = _causes(party, lost=stuck is not None or bool(_lost(session)), too_big=_too_big(session))
    yield Finding(
        id=ID,
        severity="error",
        confidence=(
            "medium"
            if lost_to_the_capture(session)
            or party == "unknown"
            or _unexplained(session, other)
            or (not stuck and (losses or _held_back(session)))
            else "high"
        ),
        party=party,
        title=TITLE,
        summary=(
            f"After frame {waiting.since_frame} nothing brought the handshake forward for"
            f" {duration(waiting.waited.ns)}: {stuck or _silence(session, other)}"
            f" In the end {farewell(session)}{how_it_ended(session)}{_limit(session)}."
        ),
        evidence=with_close(
            session,
            Evidence(frame=waiting.since_frame, what="the last step of the handshake"),
            *_repeats(session),
            announced(session),
        ),
        expected_messages=fill(GREETING_TIMED_OUT if session.server.identification is None else HANGS_LATER, session),
        causes=(unsupported, *causes[:1]) if unsupported else causes,
        remedies=(
            Remedy(side="capture", action="capture at both ends at the same time: it tells loss from silence"),
            Remedy(
                side="server",
                action="look at the server's console and log at this time",
                command="journalctl -u ssh; dmesg | tail",
            ),
            *_limit_the_wait(session),
        ),
    )


def _limit_the_wait(session: Session) -> Iterator[Remedy]:
    """For a client that waits: one that is waited for, because it asks its user, is helped by no limit of its own."""
    waiting = session.awaited
    if waiting is not None and waiting.party == "client":
        return
    if session.server.identification is None:
        yield Remedy(side="client", action="limit the wait. ssh_config:", command="ConnectTimeout 10")
        return
    yield Remedy(
        side="client",
        action="limit the wait: ConnectTimeout does not cover this step, this does",
        command="ssh -o ServerAliveInterval=5 -o ServerAliveCountMax=3 HOST",
        risk="sessions end after 15 s without the server, too",
    )


def _limit(session: Session) -> str:
    """A client that leaves at a limit of its own: the time since the connection was asked for is a whole number."""
    close = session.close
    if close.by != "client" or close.how not in ("fin", "rst") or close.time is None or session.coverage.midstream:
        return ""
    age = (close.time.ns - session.start.ns) / 1e9
    known = session.client.identification.implementation if session.client.identification else None
    if known == "paramiko" and 14.9 <= age <= 16:
        return ", as paramiko does after 15 s"
    if session.server.identification is None and age >= _SHORTEST_LIMIT and abs(age - round(age)) <= _PRECISE:
        return f", {round(age)} s after it had asked for the connection: a ConnectTimeout of that length does this"
    return ""


_SHORTEST_LIMIT = 3
_PRECISE = 0.06
"""Seconds: ssh sets a timer, and needs some milliseconds to leave."""


def _silence(session: Session, waiting_side: TcpSide | None) -> str:
    """What did not come, and what TCP tells of it."""
    objected, words = not_understood(session), not_understood_words(session)
    if objected is not None and session.awaited is not None and objected[0].sender == session.awaited.party:
        return f"{_missing(session)}; {words} (frame {objected[0].frame})."
    return f"{_missing(session)}.{_lost(session) or _arrived(waiting_side, lost=_losses(session))}{_held_back(session)}"


def _missing(session: Session) -> str:
    waiting = session.awaited
    if waiting is None or waiting.party == "unknown":
        return f"{waiting.what if waiting else 'the next step'} did not come"
    if waiting.party == "client" and waiting.what == "SSH_MSG_NEWKEYS":
        return "the client did not send SSH_MSG_NEWKEYS, its consent (a user may have been asked about the host key)"
    return f"{waiting.what} of the {waiting.party} did not come".replace("its ", "the ", 1)


def _losses(session: Session) -> bool:
    """Segments had to be sent again: others may have been lost before they came by here."""
    return lossy(session) or any(row.kind == "retransmission" for row in session.timeline)


def _arrived(waiting_side: TcpSide | None, *, lost: bool) -> str:
    """Did what the waiting side had sent get through?"""
    if waiting_side is None or waiting_side.unacknowledged is None:
        return ""
    if waiting_side.unacknowledged == 0:
        return (
            " What the waiting side had sent was acknowledged, so it arrived; no answer came by here: none was sent, or"
            " it was lost on the way."
        )
    if lost:
        return (
            f" {octets(waiting_side.unacknowledged, 'the waiting side')} not acknowledged, and segments of this"
            " connection had to be sent again: they, or the acknowledgements, may not have got through."
        )
    return (
        f" {octets(waiting_side.unacknowledged, 'the waiting side')} not acknowledged, nor sent again, as TCP does"
        " within a second or two: frames are probably missing in this capture."
    )


def _held_back(session: Session) -> str:
    """Whoever has to send waits for an acknowledgement itself: TCP sends nothing small before (RFC 9293 §3.7.4)."""
    party = session.awaited.party if session.awaited else "unknown"
    side = {"client": session.tcp.client, "server": session.tcp.server}.get(party)
    if side is None or not side.unacknowledged:
        return ""
    return (
        f" {octets(side.unacknowledged, f'the {party}')} not acknowledged: its TCP may hold back what comes next until"
        " that is."
    )


def _unexplained(session: Session, waiting_side: TcpSide | None) -> bool:
    """Neither acknowledged nor sent again in all that time: the acknowledgements came, and were not captured."""
    waited = session.awaited.waited.ns if session.awaited else 0
    if waiting_side is None or not waiting_side.unacknowledged or waited < WAITED_NS:
        return False
    return not _losses(session)


def _stuck(session: Session) -> str | None:
    """The first message that was sent again and again and never acknowledged: it did not get through."""
    for message in session.messages:
        if message.acknowledged is not False:
            continue
        again = next((r for r in session.tcp.repeats if _repeats_of(r, message) and r.times > _REPEATED), None)
        if again is not None:
            frames = ", ".join(map(str, message.frames))
            return (
                f"octets of the {message.sender}'s {message.name} (frame{'s' if len(message.frames) > 1 else ''}"
                f" {frames}) were sent {again.times - 1} times more and never acknowledged: they, or the"
                " acknowledgements, do not get through."
            )
    return None


def _repeats_of(repeat: Repeat, message: Message) -> bool:
    """Octets of this message were sent again, and never acknowledged."""
    if repeat.sender != message.sender or repeat.acknowledged is not None or repeat.probe:
        return False
    return repeat.bytes[0] <= message.bytes[1] and message.bytes[0] <= repeat.bytes[1]


def _lost(session: Session) -> str:
    """Did the awaited side's octets get lost before the capture point?"""
    party = session.awaited.party if session.awaited else "unknown"
    side = {"client": session.tcp.client, "server": session.tcp.server}.get(party)
    if side is None or not side.undelivered:
        return ""
    return (
        f" {octets(side.undelivered, f'the {party}')} not seen here although later ones were, nor acknowledged: lost,"
        " or held back, between there and the capture point."
    )


def _repeats(session: Session) -> list[Evidence]:
    return [
        Evidence(frame=entry.frame, what=f"the {entry.sender} {entry.text}")
        for entry in session.timeline
        if entry.kind == "retransmission" and entry.frame is not None
    ][-3:]


def _too_big(session: Session) -> str | None:
    """An ICMP error about a packet too big, as the timeline tells it."""
    for entry in session.timeline:
        if entry.kind == "icmp" and ("fragmentation needed" in entry.text or "packet too big" in entry.text):
            return f"a path MTU problem: frame {entry.frame} is an {entry.text}"
    return None


def _causes(party: str, *, lost: bool, too_big: str | None) -> tuple[str, ...]:
    program = (
        "the server's program hangs: stopped, swapping, waiting for name resolution, or a proxy without a backend"
        if party == "server"
        else "the client's program hangs, or waits for its user"
    )
    path = (
        "full-size segments are lost on the way (a path MTU black hole), or all are",
        "a firewall drops the connection's packets from here on",
    )
    first = (too_big,) if too_big else ()
    return (*first, *path) if lost else (*first, program, *path)


RULE = Rule(
    ID,
    TITLE,
    "error",
    check,
    messages=together(HANGS_LATER, before_identification=GREETING_TIMED_OUT),
    instead_of=("disconnect-message",),
)
