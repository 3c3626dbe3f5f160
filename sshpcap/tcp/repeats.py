"""What was sent again and again, what became of it, and what got through meanwhile.

A pure function of a recording. A loss is told from a silent program by acknowledgements, a path that swallows large
segments from one that swallows all by what else arrived (RFC 2018, RFC 2923 §2.1). Must not know: SSH, files, results.
"""

from collections import Counter
from typing import Final, NamedTuple

from sshpcap.frames import ACK, FIN, RST, SYN
from sshpcap.tcp.recorded import KEEP_ALIVE, RETRANSMISSION, Event
from sshpcap.tcp.recorder import Recorder
from sshpcap.tcp.sequence import difference

MANY: Final = 3
"""Sent so often, something is wrong; a segment or two is lost everywhere."""
_SHOWN: Final = 10
_KEPT: Final = 8
_EXAMINED: Final = 16
"""Places of a stream that are looked at, the most repeated first: a hostile peer may repeat hundreds."""
_ON_ITS_WAY_NS: Final = 1_000_000_000
_LATE_NS: Final = 50_000_000
"""Behind an acknowledgement by this much, a segment was sent because that did not arrive; what crossed it on the way is
faster."""


class Repeated(NamedTuple):
    """A stretch of one direction's stream that was sent more than once."""

    direction: int
    start: int
    end: int
    length: int
    times: int
    frames: tuple[int, ...]
    first_time: int
    last_frame: int
    last_time: int
    idle: int | None
    """Nanoseconds of silence of both sides before the first time."""
    acknowledged: int | None
    after: int
    passed: int | None
    passed_length: int
    heard: int | None
    last_length: int
    probe: bool = False
    """TCP keep-alives (RFC 9293 §3.8.4): nothing new, only the question whether the other side is there."""


def repeats(recorder: Recorder) -> tuple[Repeated, ...]:
    """All that was sent three times or more, or again and never acknowledged: unacknowledged and longest first."""
    if not recorder.quiet and not any(side.retransmissions or side.keep_alives for side in recorder.directions):
        return ()
    found = [one for direction in (0, 1) for one in _of(recorder, direction)]
    found.sort(key=lambda one: (one.acknowledged is not None, -(one.last_time - one.first_time), one.last_frame))
    return tuple(found[:_KEPT])


def _of(recorder: Recorder, direction: int) -> list[Repeated]:
    mine = [e for e in recorder.events if e.direction == direction and e.length and not e.flags & (RST | SYN)]
    spans = [(recorder.offset(direction, e.seq), e) for e in mine if not e.notes & KEEP_ALIVE]
    found: list[Repeated] = []
    covered: list[tuple[int, int]] = []
    often = Counter(at for at, event in spans if event.notes & RETRANSMISSION)
    for start in sorted(at for at, _ in often.most_common(_EXAMINED)):
        if any(first <= start < end for first, end in covered):
            continue
        carriers = [event for at, event in spans if at <= start < at + event.length]
        one = _repeated(recorder, direction, start, carriers)
        if one is not None:
            found.append(one)
            covered.append((start, one.end))
    more = (_uncounted(recorder, direction), _probes(recorder, direction))
    return [*found, *(one for one in more if one is not None)]


def _repeated(recorder: Recorder, direction: int, start: int, carriers: list[Event]) -> Repeated | None:
    first, last = carriers[0], carriers[-1]
    largest = max(event.length for event in carriers)
    end = max(recorder.offset(direction, e.seq) + e.length for e in carriers if e.length == largest)
    acknowledged = _acknowledged(recorder, direction, start, first.frame)
    after = 0
    if acknowledged is not None and _uncaptured(recorder, direction, last.frame) is None:
        after = sum(event.time > acknowledged.time + _LATE_NS for event in carriers)
    if len(carriers) < MANY and acknowledged is not None:
        return None
    if acknowledged is None and _uncaptured(recorder, 1 - direction, last.frame) is not None:
        return None  # the other side's segments are no longer captured, so neither are its acknowledgements
    passed, passed_length = _passed(recorder, direction, start)
    return Repeated(
        direction=direction,
        start=start,
        end=end,
        length=largest,
        times=len(carriers),
        frames=tuple(event.frame for event in carriers[:_SHOWN]),
        first_time=first.time,
        last_frame=last.frame,
        last_time=last.time,
        idle=_idle(recorder, first),
        acknowledged=acknowledged.frame if acknowledged is not None else None,
        after=after,
        passed=passed,
        passed_length=passed_length,
        heard=_heard(recorder, direction, first.frame),
        last_length=last.length,
    )


def _acknowledged(recorder: Recorder, direction: int, start: int, behind: int) -> Event | None:
    """The first segment of the other side that acknowledges the octet at `start`."""
    for event in recorder.events:
        if event.direction == direction or event.flags & (ACK | RST) != ACK or event.frame <= behind:
            continue
        if recorder.offset(direction, event.ack) > start:
            return event
    return None


def _passed(recorder: Recorder, direction: int, start: int) -> tuple[int | None, int]:
    """A frame that tells that later octets got through although these did not, and the longest segment that did."""
    shown: int | None = None
    longest = 0
    arrived: list[tuple[int, int]] = []
    acked = recorder.directions[direction].acked or 0
    for event in recorder.events:
        if event.direction == direction or not event.flags & ACK or event.flags & RST:
            continue
        for left, right in event.sacks:
            # A block below the acknowledgement reports a copy (RFC 2883 §3), not a hole before it.
            if difference(right, event.ack) > 0 and recorder.offset(direction, event.ack) <= start:
                block = (recorder.offset(direction, left), recorder.offset(direction, right))
                if block[0] > start:
                    shown = shown or event.frame
                    arrived.append(block)
    for event in recorder.events:
        if event.direction != direction or not event.length or event.flags & (RST | SYN):
            continue
        at = recorder.offset(direction, event.seq)
        if at + event.length <= min(start, acked) or any(
            low <= at and at + event.length <= high for low, high in arrived
        ):
            longest = max(longest, event.length)
    if shown is None:
        shown, behind = _acknowledged_again(recorder, direction, start)
        longest = max(longest, behind)
    return shown, longest


def _acknowledged_again(recorder: Recorder, direction: int, start: int) -> tuple[int | None, int]:
    """The same without SACK: a duplicate acknowledgement (RFC 5681 §2) where only octets from behind `start` were sent
    since the one before it. They arrived, out of order; and the longest of the segments that it may be about."""
    before: Event | None = None
    behind: list[int] = []
    for event in recorder.events:
        if event.direction == direction:
            if event.length and not event.flags & (RST | SYN):
                at = recorder.offset(direction, event.seq)
                if at > start:
                    behind.append(event.length)
                elif at < start:
                    before = None  # a copy of what had arrived is answered in the same way
            continue
        if not event.flags & ACK or event.flags & (RST | SYN):
            continue
        again = before is not None and (before.ack, before.window) == (event.ack, event.window)
        if again and behind and not event.length and not event.flags & FIN:
            return event.frame, max(behind)
        before = event if recorder.offset(direction, event.ack) == start else None
        behind = []
    return None, 0


def _heard(recorder: Recorder, direction: int, first: int) -> int | None:
    """The last frame of the other side since the first time, or one that acknowledges something of it that was not
    captured."""
    frames = [
        event.frame
        for event in recorder.events
        if event.direction != direction and event.frame > first and not event.flags & RST
    ]
    return frames[-1] if frames else _uncaptured(recorder, 1 - direction, first)


def _uncaptured(recorder: Recorder, direction: int, behind: int) -> int | None:
    """The last frame behind `behind` that acknowledges octets of a direction that are not in the capture."""
    side = recorder.directions[direction]
    if side.origin is None or not side.frames:
        return None
    for event in reversed(recorder.events):
        if event.frame <= behind or event.direction == direction or event.flags & (ACK | RST) != ACK:
            continue
        if recorder.offset(direction, event.ack) > side.sent + 1:  # one more may be a FIN
            return event.frame
    return None


def _idle(recorder: Recorder, first: Event) -> int | None:
    before = [event.time for event in recorder.events if event.frame < first.frame and not event.flags & (SYN | RST)]
    return max(0, first.time - before[-1]) if before else None


def _uncounted(recorder: Recorder, direction: int) -> Repeated | None:
    """The end of a connection of which only sums are kept: octets without acknowledgement, and nothing new behind."""
    side, other = recorder.directions[direction], recorder.directions[1 - direction]
    if not recorder.quiet or side.acked is None or side.ahead_frame is None or side.again + 1 < MANY:
        return None
    last_event = max((event.frame for event in recorder.events if not event.flags & (FIN | SYN | RST)), default=0)
    if side.acked >= side.sent or side.last_data_frame is None or side.ahead_frame <= last_event:
        return None
    return Repeated(
        direction=direction,
        start=side.acked,
        end=side.sent,
        length=min(side.sent - side.acked, side.largest),
        times=side.again + 1,
        frames=(side.ahead_frame,),
        first_time=side.ahead_time,
        last_frame=side.last_data_frame,
        last_time=side.last_data_time,
        idle=max(0, side.ahead_time - side.ahead_before),
        acknowledged=None,
        after=0,
        passed=None,
        passed_length=0,
        # What was on its way is no answer.
        heard=other.last_frame if other.last_time > side.ahead_time + _ON_ITS_WAY_NS else None,
        last_length=min(side.sent - side.acked, side.largest),
    )


def _probes(recorder: Recorder, direction: int) -> Repeated | None:
    """Keep-alives behind the last frame of the other side."""
    other = [e.frame for e in recorder.events if e.direction != direction]
    since = other[-1] if other else 0
    asked = [e for e in recorder.events if e.direction == direction and e.frame > since and e.notes & KEEP_ALIVE]
    if len(asked) < MANY or recorder.events_lost:
        return None
    first, last = asked[0], asked[-1]
    at = recorder.offset(direction, first.seq)
    return Repeated(
        direction=direction,
        start=at,
        end=at + 1,
        length=first.length,
        times=len(asked),
        frames=tuple(event.frame for event in asked[:_SHOWN]),
        first_time=first.time,
        last_frame=last.frame,
        last_time=last.time,
        idle=_idle(recorder, first),
        acknowledged=None,
        after=0,
        passed=None,
        passed_length=0,
        heard=None,
        last_length=last.length,
        probe=True,
    )
