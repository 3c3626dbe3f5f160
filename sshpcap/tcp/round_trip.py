"""The round trip of the path as a capture point sees it: how long TCP's own answers take, whatever the programs do.

A pure function of a recording. SYN to SYN-ACK to ACK tells it best; where one of them was sent twice, it is not known
which was answered (RFC 6298 §3, Karn's algorithm), and segments with data and their acknowledgements tell it. Must not
know: SSH, files, results.
"""

from itertools import pairwise
from typing import Final

from sshpcap.frames import ACK, FIN, RST, SYN
from sshpcap.tcp.recorded import RETRANSMISSION, Event
from sshpcap.tcp.recorder import Recorder

_EXAMINED: Final = 64
"""Segments of a side that are looked at: the smallest time of so many is near enough."""
_SECONDS_NS: Final = 1_000_000_000
_ALIKE: Final = 1.5


def round_trip(recorder: Recorder) -> int | None:
    """Nanoseconds from one side to the other and back, both halves seen from here; None where nothing tells it."""
    opening = [event for event in recorder.events if event.flags & SYN]
    if not opening:
        return None
    if len(opening) == 2 and not opening[0].flags & ACK and opening[1].flags & ACK:
        return _of_opening(recorder, opening[0], opening[1])
    if recorder.clock_steps:
        return None
    halves = [_half(recorder, direction) for direction in (0, 1)]
    return sum(half for half in halves if half is not None) if None not in halves else None


def _of_opening(recorder: Recorder, asked: Event, answered: Event) -> int | None:
    """TCP acknowledges a SYN-ACK at once. Where that ACK was not captured, what stands next was sent by a program."""
    for event in recorder.events:
        if event.frame > answered.frame and event.direction != answered.direction and event.flags & ACK:
            next_ones = ((event.seq - asked.seq) & 0xFFFFFFFF, (event.ack - answered.seq) & 0xFFFFFFFF)
            if next_ones != (1, 1) or event.length or event.flags & (FIN | RST):
                return None
            return event.time - asked.time if event.time >= asked.time else None
    return None


def _half(recorder: Recorder, direction: int) -> int | None:
    """The shortest time from octets that were sent once to their acknowledgement: to the other side and back here.

    An acknowledgement that is lost makes one of them longer, never shorter. So seconds are believed only where another
    one agrees.
    """
    sent = [e for e in recorder.events if e.direction == direction and e.length and not e.flags & (SYN | RST | FIN)]
    again = {recorder.offset(direction, e.seq) for e in sent if e.notes & RETRANSMISSION}
    acks = [e for e in recorder.events if e.direction != direction and e.flags & (ACK | RST) == ACK]
    took: list[int] = []
    for event in sent[:_EXAMINED]:
        start = recorder.offset(direction, event.seq)
        end = start + event.length
        if any(start <= at < end for at in again):
            continue
        # The acknowledgement that first goes past it; one that was there before answers something else.
        for before, ack in pairwise([None, *acks]):
            if ack is None or ack.frame < event.frame or recorder.offset(direction, ack.ack) < end:
                continue
            if before is None or recorder.offset(direction, before.ack) < end:
                took.append(ack.time - event.time)
            break
    took.sort()
    if not took or (took[0] >= _SECONDS_NS and (len(took) == 1 or took[1] > _ALIKE * took[0])):
        return None
    return took[0]
