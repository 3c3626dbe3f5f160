"""One direction of a connection as a byte stream (RFC 9293 §3.4): in-order octets, and which frame carried each.

The first copy of an octet that comes in order counts, as it does for most receivers; another copy that differs is
counted as a conflict, never silently preferred. Everything is bounded by `limits`. Must not know: what the octets mean.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import accumulate
from typing import Final, NamedTuple

from sshpcap import limits

_REBASE_WINDOW: Final = 1 << 16
_MAX_REBASES: Final = 16
"""Each costs as much as all that was collected; reordering at the start of a capture needs one or two."""


class Piece(NamedTuple):
    """Octets of one segment at their place in the stream."""

    start: int
    octets: bytes
    missing: int
    """Octets behind them that were sent but cut off by the capture's snaplen."""
    frame: int
    time: int

    @property
    def end(self) -> int:
        """Offset behind the piece, the part that was cut off included."""
        return self.start + len(self.octets) + self.missing


class Assembled(NamedTuple):
    """A stream as far as it is known; octets in `holes` were not captured and stand as zeros."""

    octets: bytes
    starts: list[int]
    frames: list[int]
    times: list[int]
    holes: tuple[tuple[int, int], ...]
    snapped: tuple[tuple[int, int], ...] = ()
    """What the snaplen cut off: holes, or parts of them."""

    def gaps(self) -> list[tuple[int, int]]:
        """The holes, without what the snaplen cut off: octets of frames that are not in the capture."""
        if not self.holes:
            return []
        found, cuts, next_cut = [], self.snapped, 0
        for start, end in self.holes:
            at = start
            while next_cut < len(cuts) and cuts[next_cut][0] < end:
                if cuts[next_cut][0] > at:
                    found.append((at, cuts[next_cut][0]))
                at = cuts[next_cut][1]
                next_cut += 1
            if at < end:
                found.append((at, end))
        return found

    def frames_of(self, start: int, end: int) -> tuple[int, ...]:
        """All frames that carried octets of a range, in the order of the stream."""
        first = max(0, bisect_right(self.starts, start) - 1)
        last = bisect_left(self.starts, end)
        return tuple(dict.fromkeys(self.frames[first:last]))

    def completed(self, start: int, end: int) -> tuple[int, int]:
        """Frame and time that completed a range: the latest of those that carried it."""
        first = max(0, bisect_right(self.starts, start) - 1)
        last = max(first + 1, bisect_left(self.starts, end))
        return max(zip(self.frames[first:last], self.times[first:last], strict=True), default=(0, 0))

    def carried(self, start: int, end: int) -> tuple[tuple[int, ...], int, int]:
        """`frames_of` and `completed` of a range that is not empty, in one step."""
        first = max(0, bisect_right(self.starts, start) - 1)
        last = bisect_left(self.starts, end, first)
        if last - first == 1:
            return (self.frames[first],), self.frames[first], self.times[first]
        return (self.frames_of(start, end), *self.completed(start, end))

    def hole_in(self, start: int, end: int) -> tuple[int, int] | None:
        """The first hole that touches a range."""
        return _hole_in(self.holes, start, end)


class Stream:
    """Collects the first `limits.HANDSHAKE_BYTES` octets of one direction."""

    def __init__(self) -> None:
        self.octets = bytearray()
        self.starts: list[int] = []
        self.frames: list[int] = []
        self.times: list[int] = []
        self.holes: list[tuple[int, int]] = []
        self.generation = 0
        """Grows when octets before the known beginning turned up, so that whoever reads along starts again."""
        self.overlaps = 0
        self.conflict_frame: int | None = None
        """First frame whose copy of known octets differs from the first copy."""
        self.limit_hit = False
        self._pending: dict[int, Piece] = {}
        self._pending_starts: list[int] = []  # heap over the keys of _pending
        self._pending_bytes = 0

    def add(self, piece: Piece, *, anchored: bool) -> int:
        """Take one piece in; `anchored` means that offset 0 is known to be the stream's beginning (SYN seen).

        Returns by how many octets the stream's beginning moved: more than 0 when it was not anchored and octets from
        before it turned up (the start of a capture, with reordering).
        """
        moved = 0
        if piece.start < 0:
            if not anchored and piece.start >= -_REBASE_WINDOW and self.generation < _MAX_REBASES:
                moved = -piece.start
                self._rebase(moved)
                piece = piece._replace(start=0)
            else:
                piece = _behind(piece, 0)
        here = len(self.octets)
        if piece.start > here:
            self._wait(piece)
            return moved
        if piece.start < here:
            self._compare(piece)
            piece = _behind(piece, here)
        if piece.end > piece.start:
            self._append(piece)
            if self._pending:
                self._drain()
        return moved

    def append_next(self, start: int, octets: bytes, missing: int, frame: int, time: int) -> bool:
        """Take in what `add` would without further ado: whole octets that come next. False where it is not so."""
        here = len(self.octets)
        if start != here or missing or self._pending or not octets:
            return False
        if here + len(octets) > limits.HANDSHAKE_BYTES or len(self.starts) >= limits.MAX_PIECES:
            return False
        self.starts.append(here)
        self.frames.append(frame)
        self.times.append(time)
        self.octets += octets
        return True

    def takes_next(self, start: int, octets: int, pieces: int) -> bool:
        """Whether `append_next` would take in so much, all of it whole, from an offset on."""
        if start != len(self.octets) or self._pending:
            return False
        return start + octets <= limits.HANDSHAKE_BYTES and len(self.starts) + pieces <= limits.MAX_PIECES

    def append_all(self, pieces: list[tuple[int, int, bytes]]) -> int:
        """Take in frame, time and octets of pieces that come next, where `takes_next` says so; returns the octets."""
        here = len(self.octets)
        starts = list(accumulate([len(octets) for _, _, octets in pieces], initial=here))
        self.starts += starts[:-1]
        self.frames += [frame for frame, _, _ in pieces]
        self.times += [time for _, time, _ in pieces]
        self.octets += b"".join([octets for _, _, octets in pieces])
        return starts[-1] - here

    def _rebase(self, shift: int) -> None:
        pieces = [*self._pieces(), *self._pending.values()]
        self.octets, self.starts, self.frames, self.times, self.holes = bytearray(), [], [], [], []
        self._forget_pending()
        self.generation += 1
        for piece in pieces:
            self.add(piece._replace(start=piece.start + shift), anchored=True)

    def assemble(self) -> Assembled:
        """Everything known, with holes where octets are missing between captured ones."""
        if not self._pending:
            holes = tuple(self.holes)
            return Assembled(bytes(self.octets), self.starts, self.frames, self.times, holes, holes)
        snapped = self.holes.copy()
        whole = Stream()
        for piece in self._pieces():
            whole._append(piece)
        for start in sorted(self._pending):
            piece = _behind(self._pending[start], len(whole.octets))
            if piece.end <= piece.start:
                continue
            here = len(whole.octets)
            if piece.start > here:
                whole._append(Piece(here, b"", piece.start - here, piece.frame, piece.time))
            whole._append(piece)
            if piece.missing:
                snapped.append((piece.start + len(piece.octets), piece.end))
        octets, holes = bytes(whole.octets), tuple(whole.holes)
        return Assembled(octets, whole.starts, whole.frames, whole.times, holes, tuple(snapped))

    def holds(self, offset: int) -> bool:
        """Whether the octet at an offset has been seen, as far as pieces begin there."""
        return offset < len(self.octets) or offset in self._pending

    def _pieces(self) -> list[Piece]:
        ends = [*self.starts[1:], len(self.octets)]
        pieces = []
        for start, end, frame, time in zip(self.starts, ends, self.frames, self.times, strict=False):
            # What is missing of a piece is its tail; the hole may have begun in the piece before.
            hole = _hole_in(self.holes, start, end)
            cut = max(start, hole[0]) if hole else end
            pieces.append(Piece(start, bytes(self.octets[start:cut]), end - cut, frame, time))
        return pieces

    def _append(self, piece: Piece) -> None:
        here = len(self.octets)
        room = limits.HANDSHAKE_BYTES - here
        if room <= 0 or len(self.starts) >= limits.MAX_PIECES:
            self.limit_hit = True
            return
        octets = piece.octets[:room]
        missing = min(piece.missing, room - len(octets))
        self.starts.append(here)
        self.frames.append(piece.frame)
        self.times.append(piece.time)
        self.octets += octets
        if missing:
            hole = len(self.octets)
            if self.holes and self.holes[-1][1] == hole:
                hole = self.holes.pop()[0]
            self.octets += bytes(missing)
            self.holes.append((hole, len(self.octets)))

    def _wait(self, piece: Piece) -> None:
        if piece.start >= limits.HANDSHAKE_BYTES or self._pending_bytes + len(piece.octets) > limits.OUT_OF_ORDER_BYTES:
            self.limit_hit = True
            return
        known = self._pending.get(piece.start)
        if known is not None:
            self.overlaps += 1
            size = min(len(known.octets), len(piece.octets))
            if known.octets[:size] != piece.octets[:size] and self.conflict_frame is None:
                self.conflict_frame = piece.frame
            # The first copy counts where both have octets; the longer one adds its tail.
            end, octets = max(known.end, piece.end), known.octets + piece.octets[size:]
            newer = known if len(octets) == len(known.octets) else piece
            piece = newer._replace(octets=octets, missing=end - piece.start - len(octets))
            self._pending_bytes -= len(known.octets)
        else:
            if len(self._pending) >= limits.MAX_PIECES:
                self.limit_hit = True
                return
            heappush(self._pending_starts, piece.start)
        self._pending[piece.start] = piece
        self._pending_bytes += len(piece.octets)

    def _forget_pending(self) -> None:
        self._pending, self._pending_starts, self._pending_bytes = {}, [], 0

    def _drain(self) -> None:
        """Append what waited for the octets that have just come."""
        while self._pending:
            start = self._pending_starts[0]
            here = len(self.octets)
            if start > here:
                return
            piece = self._pending.pop(heappop(self._pending_starts))
            self._pending_bytes -= len(piece.octets)
            if start < here:
                self._compare(piece)
            piece = _behind(piece, here)
            if piece.end > piece.start:
                self._append(piece)
            if len(self.octets) >= limits.HANDSHAKE_BYTES:
                self._forget_pending()

    def _compare(self, piece: Piece) -> None:
        """Note octets that came twice, and whether the copies agree where both were captured."""
        end = min(piece.start + len(piece.octets), len(self.octets))
        if end <= piece.start:
            return
        self.overlaps += 1
        if self.conflict_frame is None and self.octets[piece.start : end] != piece.octets[: end - piece.start]:
            hidden = _hole_in(self.holes, piece.start, end)
            if not hidden:
                self.conflict_frame = piece.frame


def _hole_in(holes: Sequence[tuple[int, int]], start: int, end: int) -> tuple[int, int] | None:
    """The first hole that touches a range; holes are in order and apart."""
    if not holes:
        return None
    behind = bisect_right(holes, start, key=lambda hole: hole[1])
    return holes[behind] if behind < len(holes) and holes[behind][0] < end else None


def _behind(piece: Piece, offset: int) -> Piece:
    """The part of a piece at or behind an offset."""
    cut = offset - piece.start
    if cut <= 0:
        return piece
    gone = max(0, cut - len(piece.octets))
    return piece._replace(start=offset, octets=piece.octets[cut:], missing=max(0, piece.missing - gone))
