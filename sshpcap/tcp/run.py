"""One side's part of a run: whether it goes on where that side stands, and what it adds.

The same as `Recorder.add` would do segment by segment, where nothing happens but that octets come in order. Must not
know: SSH, files, results.
"""

from typing import Final

from sshpcap import limits
from sshpcap.frames import CHECKSUM_RIGHT
from sshpcap.tcp.recorded import RECENT, Direction, Event, LastData
from sshpcap.tcp.sequence import difference, unwrap

Row = tuple[Event, bytes, int, int]
"""A segment, its payload, what its checksums say, and the latest time of the connection before it."""

_CIRCLE: Final = (1 << 32) - 1
_NEAR: Final = 1 << 30


def goes_on(mine: Direction, other: Direction, rows: list[Row]) -> bool:
    """Whether a side's segments are the next of it, and nothing about them is special."""
    first = rows[0][0]
    if mine.origin is None or other.origin is None or mine.ahead_frame is None or mine.fin is not None:
        return False
    if (mine.origin + mine.sent) & _CIRCLE != first.seq or mine.data_end > mine.sent:
        return False
    if not mine.stream.takes_next(mine.sent, sum(row[0].length for row in rows), len(rows)):
        return False
    known = other.acked
    higher = difference(first.ack, other.origin + (other.sent if known is None else known))
    if higher >= _NEAR or higher < (-_NEAR if known is None else 0):
        return False
    # Of the others none can be a copy: a copy has the numbers of the one before it.
    return not any(seen.seq == first.seq and seen.ack == first.ack and seen.length == first.length
                   for seen in mine.recent)  # fmt: skip


def take(mine: Direction, other: Direction, rows: list[Row]) -> None:
    """Add a side's segments."""
    events = [row[0] for row in rows]
    first, last = events[0], events[-1]
    sums = [row[2] for row in rows]
    mine.frames += len(rows)
    for verdict in range(len(mine.checksums)) if sums.count(CHECKSUM_RIGHT) < len(sums) else (CHECKSUM_RIGHT,):
        mine.checksums[verdict] += sums.count(verdict)
    for ttl in dict.fromkeys([event.ttl for event in events]):
        if len(mine.ttls) < limits.MAX_TTLS:
            mine.ttls.add(ttl)
    mine.last_frame, mine.last_time, mine.last_before = last.frame, last.time, rows[-1][3]
    mine.last_window = last.window
    mine.recent = [*mine.recent, *events[-RECENT:]][-RECENT:]
    origin, known = other.origin or 0, other.acked
    near = other.sent if known is None else known
    other.acked = near + difference(first.ack, origin + near) + (last.ack - first.ack & _CIRCLE)
    data = [row for row in rows if row[1]]
    if not data:
        return
    newest, _, _, before = data[-1]
    octets = mine.stream.append_all([(event.frame, event.time, octets) for event, octets, _, _ in data])
    mine.data_bytes += octets
    mine.sent += octets
    mine.data_end = mine.sent
    mine.largest = max(mine.largest, *[event.length for event in events])
    mine.last_data_frame, mine.last_data_time = newest.frame, newest.time
    mine.ahead_frame, mine.ahead_time, mine.ahead_before, mine.again = newest.frame, newest.time, before, 0
    for event, _, _, _ in data if other.fin is not None else data[-limits.LAST_DATA :]:
        end = unwrap(event.seq, mine.origin or 0, mine.sent) + event.length
        mine.remember_data(LastData(event.frame, event.time, False), end, other)
