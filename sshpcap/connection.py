"""A connection that is being recorded: what it is, and when nothing in it can matter any more.

The recorder knows no SSH and the cutter no TCP; here they meet. Must not know: frames, files, results.
"""

from typing import Final

from sshpcap import limits
from sshpcap.frames import Segment
from sshpcap.net.triage import Muted
from sshpcap.ssh import midstream, preamble
from sshpcap.ssh.cut import FINAL, Cutter, State
from sshpcap.tcp.recorded import LastData, Skim
from sshpcap.tcp.recorder import Recorder
from sshpcap.tcp.sequence import unwrap

_DECIDED_BYTES: Final = 4
_GIVE_UP_BYTES: Final = 4096


def foreign(octets: bytes) -> bool:
    """Whether a stream that begins so has no identification string to come, not even behind a preamble."""
    begins = octets[:_DECIDED_BYTES] == b"SSH-"[: len(octets)]
    return not (begins or preamble.possible(octets) or preamble.find(octets))


class Connection:
    """A recording and two cursors that read along, to know when the payload stops to matter."""

    __slots__ = ("_cutters", "_generations", "candidate", "held", "index", "recorder")

    def __init__(self, first: Segment, *, candidate: bool) -> None:
        self.recorder = Recorder(first)
        self.candidate = candidate
        self.held = limits.CONNECTION_BYTES
        """Memory that the recording takes, about."""
        self.index = 0
        """Number in the report, in the order in which connections were known to be SSH; 0 before that."""
        self._cutters: list[Cutter | None] = [None, None]
        self._generations = [0, 0]

    def read_along(self, direction: int) -> None:
        """Cut what has become in-order octets of one direction."""
        side = self.recorder.directions[direction]
        cutter = self._cutters[direction]
        if cutter is None or self._generations[direction] != side.stream.generation:
            cutter = self._cutters[direction] = Cutter(anchored=side.anchored)
            self._generations[direction] = side.stream.generation
        if cutter.state not in FINAL:
            cutter.advance(side.stream.octets, tuple(side.stream.holes))

    @property
    def may_settle(self) -> bool:
        """Enough has been remembered of it that `settled` is worth asking, and reading along with it."""
        return len(self.recorder.events) + self.recorder.events_lost >= limits.QUIET_AFTER_EVENTS

    def count(self, muted: Muted) -> None:
        """Take in what triage counted of a run of its segments."""
        side = self.recorder.directions[muted.direction]
        self.recorder.skim(
            muted.direction,
            Skim(
                frames=muted.frames,
                data_bytes=muted.data_bytes,
                last_frame=muted.last_frame,
                last_time=muted.last_time,
                last_data_frame=muted.last_data_frame,
                last_data_time=muted.last_data_time,
                sent=unwrap(muted.end, side.origin or 0, side.sent),
                ack=muted.ack,
                window=muted.window,
                tail=tuple(
                    (LastData(seen.frame, seen.time, seen.again), unwrap(seen.end, side.origin or 0, side.sent))
                    for seen in muted.tail
                ),
                ahead_frame=muted.ahead_frame,
                ahead_time=muted.ahead_time,
                again=muted.again,
                data_frames=muted.data_frames,
                largest=muted.largest,
                ahead_before=muted.ahead_before,
                last_before=muted.last_before,
            ),
        )

    def give_up(self) -> None:
        """Only count from now on, though more might be told: there is no memory for it."""
        self.recorder.quiet = True
        for side in self.recorder.directions:
            side.stream.limit_hit = True

    def settled(self) -> bool:
        """Nothing that may still come can change the handshake's reading: both directions are cut to their end."""
        recorder = self.recorder
        events = len(recorder.events) + recorder.events_lost
        if events < limits.QUIET_AFTER_EVENTS:
            return False
        states = [cutter.state if cutter else None for cutter in self._cutters]
        if self.encrypted():
            return True
        if events < limits.MAX_EVENTS:
            return False
        return all(
            state in FINAL or side.sent > limits.HANDSHAKE_BYTES or not side.frames
            for state, side in zip(states, recorder.directions, strict=True)
        )

    def mark(self) -> object:
        """How far both directions are cut; equal while nothing new could be read."""
        return tuple((len(cutter.units), cutter.state) if cutter else None for cutter in self._cutters)

    def encrypted(self) -> bool:
        """Both directions are read to their NEWKEYS."""
        return all(cutter is not None and cutter.state is State.ENCRYPTED for cutter in self._cutters)

    def closed(self) -> bool:
        """Both sides have closed, or one has reset it."""
        recorder = self.recorder
        return bool(recorder.resets) or all(side.fin is not None for side in recorder.directions)

    def speaks_ssh(self) -> bool | None:
        """Whether either direction begins with an identification string; None while that is open.

        Where the capture missed the beginning, packets of the key exchange tell it too.
        """
        undecided = False
        for side in self.recorder.directions:
            octets = side.stream.octets
            goes_on = False if side.anchored else midstream.speaks_ssh(octets)
            if octets.startswith(b"SSH-") or preamble.find(octets) or goes_on:
                return True
            begins = len(octets) < _DECIDED_BYTES and b"SSH-".startswith(octets)
            if begins or preamble.possible(octets) or goes_on is None:
                undecided = undecided or side.sent < _GIVE_UP_BYTES
        sent = sum(side.sent for side in self.recorder.directions)
        return None if undecided and sent < _GIVE_UP_BYTES else False
