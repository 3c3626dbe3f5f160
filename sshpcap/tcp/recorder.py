"""Records one connection: both streams, and what TCP did around them. Bounded, and without opinion.

A connection is one incarnation of a pair of endpoints. A `Recorder` is fed its segments in capture order;
`Recording`s are what `interpret` reads. Direction 0 is that of the segments from `endpoints[0]`, the sender of the
first frame seen (or of the first SYN without ACK). Must not know: SSH, files, results.
"""

from itertools import repeat
from typing import Final

from sshpcap import limits
from sshpcap.frames import ACK, FIN, RST, SYN, Endpoint, IcmpError, Run, Segment
from sshpcap.tcp.options import read_options
from sshpcap.tcp.recorded import (
    KEEP_ALIVE,
    OUT_OF_ORDER,
    RECENT,
    RETRANSMISSION,
    ZERO_WINDOW,
    Direction,
    Event,
    LastData,
    Skim,
    new_event,
    remember,
)
from sshpcap.tcp.run import goes_on, take
from sshpcap.tcp.sequence import unwrap
from sshpcap.tcp.stream import Piece

_MOST_TUNNELS: Final = 8
_SYNS_COMPARED: Final = 64
"""First events of a connection among which a SYN is looked for that came before."""
_WITH_TIMESTAMP: Final = 10
_TWICE_NS: Final = 200_000_000
"""Less than the shortest retransmission timeout of Linux (200 ms)."""
_SOON_NS: Final = 1_000_000
_AT_ONCE_NS: Final = 100_000


class Recorder:
    """Takes segments and ICMP errors of one connection in capture order."""

    def __init__(self, first: Segment) -> None:
        answers = first.flags & (SYN | ACK) == SYN | ACK
        self.endpoints: tuple[Endpoint, Endpoint] = (
            (first.destination, first.source) if answers else (first.source, first.destination)
        )
        self.directions = (Direction(), Direction())
        self.first_frame = first.frame
        self.first_time = first.time
        self.last_frame = first.frame
        self.last_time = first.time
        self.events: list[Event] = []
        self.events_lost = 0
        self.resets: list[Event] = []
        self.icmp: list[IcmpError] = []
        self.clock_steps = 0
        self.clock_back = 0
        """Nanoseconds by which a frame's time lay at most before that of an earlier frame."""
        self.tunnels: list[tuple[str, ...]] = []
        """Tunnels that its segments came through."""
        self.duplicates = 0
        """Frames that are the same segment again: captured at two places (SPAN, bridge, `-i any`), not sent twice."""
        self.elsewhere_frame: int | None = None
        """A SYN that is an earlier one once more, but too late for a bridge: captured where the clock differs, or far
        away."""
        self.copies: dict[int, int] = {}
        """RSTs that were captured twice, by frame: the TTL of the other copy."""
        self.superseded_by: int | None = None
        """Frame with which the same endpoints began a new connection, without a captured end of this one."""
        self.quiet = False
        """Only count from now on: nothing in the payload can matter any more."""
        self.notes = 0
        """All notes on its segments together."""
        self.history: list[str] = []
        """Zeek's history letters in order of appearance."""

    @property
    def unanswered(self) -> bool:
        """All there is of it is one SYN."""
        if len(self.events) != 1 or self.events_lost or self.icmp or self.superseded_by is not None:
            return False
        event = self.events[0]
        return event.flags & (SYN | ACK | FIN | RST) == SYN and not event.length

    def direction_of(self, segment: Segment) -> int:
        """0 for segments from `endpoints[0]`, else 1."""
        return 0 if segment.source == self.endpoints[0] else 1

    def begins_anew(self, segment: Segment) -> bool:
        """A SYN with another number than this connection's: the endpoints are used for a new connection."""
        if segment.flags & (SYN | RST) != SYN:
            return False
        direction = self.direction_of(segment)
        mine, other = self.directions[direction], self.directions[1 - direction]
        answers = segment.flags & ACK != 0
        if mine.origin is None:
            # The first frame seen of this side. It opens this connection unless the other side's octets came before.
            return not answers and other.last_data_frame is not None
        if (segment.seq + 1) & 0xFFFFFFFF == mine.origin:
            return False
        # A SYN-ACK may come with another number as long as none was used (SYN cookies); behind data its SYN was missed.
        return not answers or mine.last_data_frame is not None

    def add(self, segment: Segment) -> None:
        """Record one segment; its payload too, unless the recorder is quiet."""
        direction = self.direction_of(segment)
        mine, other = self.directions[direction], self.directions[1 - direction]
        if self.quiet and not segment.flags & (SYN | FIN | RST):
            data = segment.length > 0
            end = self._offset(mine, segment.seq) + segment.length
            self.skim(direction, Skim(
                frames=1, data_bytes=segment.length, last_frame=segment.frame, last_time=segment.time,
                last_data_frame=segment.frame if data else None, last_data_time=segment.time if data else 0,
                sent=end,
                ack=segment.ack if segment.flags & ACK else None, window=segment.window,
                tail=((LastData(segment.frame, segment.time, False), end),) if data else (),
                ahead_frame=segment.frame, ahead_time=segment.time, data_frames=int(data), largest=segment.length,
            ))  # fmt: skip
            return
        copy_of = self._captured_twice(segment, mine)
        if copy_of is not None:
            self.duplicates += 1
            if not copy_of.flags & RST:
                mine.copied += 1
                if len(mine.copied_ttls) < limits.MAX_TTLS:
                    mine.copied_ttls.add(segment.ttl)
            elif len(self.copies) < limits.MAX_EVENTS:
                self.copies[copy_of.frame] = segment.ttl
            return
        if segment.flags & SYN and mine.syn_seen and self._captured_elsewhere(segment, direction):
            self.duplicates += 1
            self.elsewhere_frame = self.elsewhere_frame or segment.frame
            return
        before = self.last_time
        notes = self._count(segment, mine, other)
        mine.last_before = before
        # The fields by name once: this is done for every segment.
        frame, time, _, _, seq, ack, flags, window, ttl, ip_id, options, _, length, _, _ = segment
        if length <= 1 and self._keeps_alive(segment, mine):
            mine.keep_alives += 1
            notes |= KEEP_ALIVE
        elif length:
            notes |= self._payload(segment, mine, other)
        self.notes |= notes
        event = new_event((frame, time, direction, flags, seq, ack, length, window, ttl, notes, ip_id, options))
        remember(mine.recent, event, RECENT)
        if notes or flags & (SYN | FIN | RST) or len(self.events) >= limits.MAX_EVENTS:
            self._remember(event)
            self._history(event, mine, other)
        else:
            self.events.append(event)
            if ("d" if length else "a") not in mine.letters:
                self._history(event, mine, other)
        if not flags & RST:
            # A SYN stands before offset 0.
            end = unwrap(seq, mine.origin or 0, mine.sent) + length + (flags & 1) + (flags >> 1 & 1)
            if end > mine.sent or mine.ahead_frame is None:
                mine.sent, mine.again = max(end, mine.sent), 0
                mine.ahead_frame, mine.ahead_time, mine.ahead_before = frame, time, before
            else:
                mine.again += (length > 0 and not notes & KEEP_ALIVE) or flags & FIN != 0

    def add_run(self, first: Segment, run: Run) -> bool:
        """Record the segments of a run as `add` would one after the other; `first` is its first one.

        False, and nothing recorded, where it does not go on where this connection stands, or that is not a simple case.
        """
        if self.quiet or self.events_lost or len(self.events) + len(run.frame) >= limits.QUIET_AFTER_EVENTS:
            return False
        if first.time < self.last_time:
            return False
        turned = self.direction_of(first) != run.side[0]
        sides = [1 - side for side in run.side] if turned else run.side
        events = list(map(new_event, zip(
            run.frame, run.time, sides, run.flags, run.seq, run.ack, run.length, run.window, run.ttl, repeat(0),
            run.ip_id, run.options, strict=False,
        )))  # fmt: skip
        rows = list(zip(sides, events, run.payload, run.checksum, (self.last_time, *run.time), strict=False))
        parts = [[row[1:] for row in rows if row[0] == side] for side in (0, 1)]
        (left, right), (mine, theirs) = self.directions, parts
        if (mine and not goes_on(left, right, mine)) or (theirs and not goes_on(right, left, theirs)):
            return False
        if mine:
            take(left, right, mine)
        if theirs:
            take(right, left, theirs)
        self.last_frame, self.last_time = run.frame[-1], run.time[-1]
        self.events += events
        for event in events:
            side = self.directions[event.direction]
            if ("d" if event.length else "a") not in side.letters:
                self._history(event, side, side)
        return True

    @staticmethod
    def _captured_twice(segment: Segment, mine: Direction) -> Event | None:
        """The earlier one, if this is the same segment once more and no retransmission: that has another IP
        identification (RFC 6864 §4.1) or comes later.

        Where the identification says nothing (IPv6, or 0 with DF), only what follows within a millisecond with the same
        TCP timestamp, or within a tenth of that without one, is taken for the same segment; a SYN with a timestamp is
        sent again after a second, and with another one.
        """
        _, now, _, _, seq, ack, flags, window, ttl, ip_id, options, _, length, _, _ = segment
        for known in mine.recent:
            if known.seq != seq or known.ack != ack or known.length != length or known.flags != flags:
                continue
            if known.window != window or known.ip_id != ip_id:
                continue
            same_syn = flags & SYN and _same_stamps(known.options, options)
            if known.options != options and not same_syn:
                continue  # a router between may have changed the largest segment that a SYN allows
            apart = (
                _TWICE_NS
                if ip_id > 0 or (same_syn and ttl == known.ttl)
                else _SOON_NS
                if len(options) >= _WITH_TIMESTAMP
                else _AT_ONCE_NS
            )
            if abs(now - known.time) <= apart:
                return known
        return None

    def _captured_elsewhere(self, segment: Segment, direction: int) -> bool:
        """Whether a SYN is an earlier one: who sends a SYN again gives it another timestamp (RFC 7323 §3.2), or
        at least another IP identification, and there are as many hops behind it as before."""
        for known in self.events[:_SYNS_COMPARED]:
            if not known.flags & SYN or known.direction != direction:
                continue
            if known.seq != segment.seq or known.ack != segment.ack or known.flags != segment.flags:
                continue
            if known.ip_id != segment.ip_id and known.ip_id > 0 and segment.ip_id > 0:
                continue
            if _same_stamps(known.options, segment.options) or (
                known.ip_id == segment.ip_id > 0 and known.ttl != segment.ttl
            ):
                return True
        return False

    def skim(self, direction: int, skim: "Skim") -> None:
        """Count a run of segments of a quiet connection, none of which has SYN, FIN or RST set."""
        mine, other = self.directions[direction], self.directions[1 - direction]
        mine.frames += skim.frames
        mine.data_bytes += skim.data_bytes
        if mine.last_frame is None or skim.last_frame > mine.last_frame:
            mine.last_frame, mine.last_time, mine.last_window = skim.last_frame, skim.last_time, skim.window
            mine.last_before = self.last_time if skim.last_before is None else skim.last_before
        if skim.last_data_frame is not None and skim.last_data_frame > (mine.last_data_frame or 0):
            mine.last_data_frame, mine.last_data_time = skim.last_data_frame, skim.last_data_time
        for seen, end in skim.tail:
            mine.remember_data(seen._replace(again=seen.again or end <= mine.data_end), end, other)
        if skim.sent > mine.sent:
            mine.sent, mine.ahead_frame, mine.ahead_time = skim.sent, skim.ahead_frame, skim.ahead_time
            mine.ahead_before = self.last_time if skim.ahead_before is None else skim.ahead_before
            mine.again = skim.again
        else:
            mine.again += skim.data_frames
        mine.data_end = max(mine.data_end, skim.sent)
        mine.largest = max(mine.largest, skim.largest)
        if skim.ack is not None:
            self._acknowledge(other, skim.ack)
        self.last_frame = max(self.last_frame, skim.last_frame)
        self.last_time = max(self.last_time, skim.last_time)
        self.events_lost += skim.frames

    def add_icmp(self, error: IcmpError) -> None:
        """Record an ICMP error that quotes a segment of this connection."""
        if len(self.icmp) < limits.MAX_EVENTS:
            self.icmp.append(error)
        self.last_frame, self.last_time = error.frame, max(self.last_time, error.time)

    def offset(self, direction: int, seq: int) -> int:
        """Where a sequence number of a direction stands in its stream."""
        return self._offset(self.directions[direction], seq)

    @staticmethod
    def _offset(mine: Direction, seq: int) -> int:
        return unwrap(seq, mine.origin or 0, mine.sent)

    def _count(self, segment: Segment, mine: Direction, other: Direction) -> int:
        """Keep what every segment tells, whatever its payload."""
        frame, time, _, _, seq, ack, flags, window, ttl, _, _, _, _, tunnel, checksum = segment
        if time < self.last_time:
            self.clock_steps += 1
            self.clock_back = max(self.clock_back, self.last_time - time)
        else:
            self.last_time = time
        self.last_frame = frame
        mine.frames += 1
        mine.checksums[checksum] += 1
        if tunnel and tunnel not in self.tunnels and len(self.tunnels) < _MOST_TUNNELS:
            self.tunnels.append(tunnel)
        mine.last_frame, mine.last_time = frame, time
        if mine.first_frame is None:
            mine.first_frame = frame
        if not flags & RST and len(mine.ttls) < limits.MAX_TTLS:
            mine.ttls.add(ttl)
        notes = 0
        if flags & SYN:
            notes |= self._syn(segment, mine)
        elif mine.origin is None and not flags & RST:
            mine.origin = seq
        if flags & RST:
            return notes
        mine.last_window = window
        if window == 0 and not flags & SYN:
            notes |= ZERO_WINDOW
        if flags & ACK:
            if flags & SYN and other.origin is None:
                other.origin, other.anchored = ack, True  # the SYN itself was not captured
            if flags & SYN and not other.data_bytes:
                other.acked = None  # what came before it was for an older connection
            self._acknowledge(other, ack)
        return notes

    @staticmethod
    def _acknowledge(other: Direction, ack: int) -> None:
        if other.origin is None:
            return
        known = other.acked
        acknowledged = unwrap(ack, other.origin, other.sent if known is None else known)
        if known is None or acknowledged > known:
            other.acked = acknowledged

    def _syn(self, segment: Segment, mine: Direction) -> int:
        origin = (segment.seq + 1) & 0xFFFFFFFF
        if mine.origin != origin and not mine.data_bytes and mine.acked is None:
            mine.origin, mine.sent = origin, 0
        mine.anchored = mine.anchored or mine.origin == origin
        if mine.syn_seen:
            mine.retransmissions += 1
            return RETRANSMISSION
        mine.syn_seen = True
        options = read_options(segment.options)
        mine.mss, mine.window_scale, mine.sack_permitted = options.mss, options.window_scale, options.sack_permitted
        return 0

    def _payload(self, segment: Segment, mine: Direction, other: Direction) -> int:
        frame, time, _, _, seq, _, flags, _, _, _, _, payload, length, _, _ = segment
        if flags & RST:
            return 0  # RFC 9293 §3.5.3: text in a RST is not part of the stream
        start = unwrap(seq + (flags >> 1 & 1), mine.origin or 0, mine.sent)
        notes = 0
        end = start + length
        if end <= mine.sent:
            if self._carried_before(start, end, mine):
                mine.retransmissions += 1
                notes = RETRANSMISSION
            else:
                mine.out_of_order += 1
                notes = OUT_OF_ORDER
        elif start < mine.sent:
            mine.retransmissions += 1
            notes = RETRANSMISSION
        mine.data_bytes += length
        mine.remember_data(LastData(frame, time, end <= mine.data_end), end, other)
        if end > mine.data_end:
            mine.data_end = end
        if length > mine.largest:
            mine.largest = length
        mine.last_data_frame, mine.last_data_time = frame, time
        missing = length - len(payload)
        if start < limits.HANDSHAKE_BYTES and not self.quiet:
            if mine.stream.append_next(start, payload, missing, frame, time):
                return notes
            piece = Piece(start, payload, missing, frame, time)
            moved = mine.stream.add(piece, anchored=mine.anchored)
            if moved:
                mine.origin = ((mine.origin or 0) - moved) & 0xFFFFFFFF
                mine.sent += moved
                mine.data_end += moved
                mine.acked = None if mine.acked is None else mine.acked + moved
        return notes

    def _keeps_alive(self, segment: Segment, mine: Direction) -> bool:
        """No octet or one, just before what is acknowledged already (RFC 9293 §3.8.4)."""
        if segment.length > 1 or segment.flags & (SYN | FIN | RST) or mine.fin is not None or mine.acked is None:
            return False
        return self._offset(mine, segment.seq) == mine.sent - 1 and mine.acked >= mine.sent

    @staticmethod
    def _carried_before(start: int, end: int, mine: Direction) -> bool:
        """Octets below the highest one sent: sent again, or sent once and late? Known while the stream is kept."""
        if end > limits.HANDSHAKE_BYTES:
            return True
        return start < len(mine.stream.octets) or mine.stream.holds(start)

    def _remember(self, event: Event) -> None:
        if event.flags & FIN and not event.flags & RST and self.directions[event.direction].fin is None:
            self.directions[event.direction].fin = event
        if event.flags & RST and len(self.resets) < limits.MAX_EVENTS:
            self.resets.append(event)
        if len(self.events) < limits.MAX_EVENTS or (
            event.flags & (SYN | FIN | RST) and len(self.events) < 2 * limits.MAX_EVENTS
        ):
            self.events.append(event)
        else:
            self.events_lost += 1

    def _history(self, event: Event, mine: Direction, other: Direction) -> None:
        """Zeek's letters, by its documentation of `Conn::Info$history`."""
        control = event.flags & (SYN | FIN | RST)
        if control.bit_count() > 1:
            self._letter(event, "i" if control == FIN | RST else "q", mine, once=True)
        elif control:
            letter = "r" if control == RST else "f" if control == FIN else "h" if event.flags & ACK else "s"
            self._letter(event, letter, mine, place=event.seq + (event.length if control == FIN else 0))
        elif event.length or event.flags & ACK:
            letter = "d" if event.length else "a"
            if letter not in mine.letters:
                self._letter(event, letter, mine, once=True)
        if not event.notes:
            return
        if event.notes & RETRANSMISSION and event.length:
            self._letter(event, "t", mine)
        if event.notes & ZERO_WINDOW and not event.flags & RST and other.fin is None:
            self._letter(event, "w", mine)

    def _letter(
        self, event: Event, letter: str, mine: Direction, *, once: bool = False, place: int | None = None
    ) -> None:
        """Note a letter: once; or again at every other place; or the first, the tenth, the hundredth … time."""
        before = mine.letters.get(letter)
        if place is not None:
            again, mine.letters[letter] = before != place, place
        else:
            count = mine.letters[letter] = (before or 0) + 1
            again = not once and str(count).strip("0") == "1"
        if (before is None or again) and len(self.history) < limits.MAX_EVENTS:
            self.history.append(letter.upper() if event.direction == 0 else letter)


def _same_stamps(first: bytes, second: bytes) -> bool:
    """Both SYNs carry the same TCP timestamps: who sends one again gives it another (RFC 7323 §3.2). Old Windows begins
    with 0, which tells nothing."""
    stamps = read_options(first).stamps
    return any(stamps[:4]) and read_options(second).stamps == stamps
