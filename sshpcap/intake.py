"""From blocks of frames to what is recorded, in the order of the capture.

What is muted is counted, what may wait is set aside, what is plain goes on together, and the rest one by one. Must not
know: connections, sessions.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable
from operator import attrgetter, itemgetter
from typing import Final

import numpy as np

from sshpcap.frames import FrameBlock, IcmpError, Int64s, Run, Segment
from sshpcap.net.columns import Columns, checksums_of, read_columns, segments
from sshpcap.net.keys import keys_of
from sshpcap.net.neighbours import Neighbours
from sshpcap.net.openings import Numbering, Openings
from sshpcap.net.rare import Rare, RareFrames
from sshpcap.net.runs import Runs
from sshpcap.net.strangers import Pair, Stranger, Strangers
from sshpcap.net.triage import Muted, Triage

_PIECE: Final = 256
"""Rows that are looked at one by one before it is asked anew what of them is muted."""


class Intake(ABC):
    """What stands between a capture and those who record its connections."""

    sets_aside = True  # lone SYNs wait as rows of numbers, and what begins on other ports as frames
    reads_along = False  # every payload is cut as it comes, because stages are told as they are reached

    def __init__(self, ports: Iterable[int], strangers: Strangers, *, triage: bool) -> None:
        self.ports = frozenset(ports)
        self.protocols: Counter[str] = Counter()
        self._triage = Triage() if triage else None
        self._neighbours = Neighbours()
        self._rare = RareFrames(self._neighbours, self.protocols)
        self._openings = Openings()
        self._strangers = strangers
        self._aside: Numbering | None = None
        self._last_index = 0
        self._observed_until = 0

    # --- for who records -------------------------------------------------------------------------------------------

    @abstractmethod
    def _segment(self, found: Segment) -> None:
        """Record a segment."""

    @abstractmethod
    def _run(self, first: Segment, run: Run, rare: Rare, gone: bytearray) -> bool:
        """Record a run of a known connection at once, and mark its rows as done; False leaves it to `_segment`."""

    @abstractmethod
    def _icmp(self, error: IcmpError) -> None:
        """Record an ICMP error."""

    @abstractmethod
    def _count(self, muted: Muted) -> None:
        """Count frames of a connection of which nothing more has to be recorded."""

    @abstractmethod
    def _reopen(self, index: int, first: Segment) -> None:
        """A SYN that was set aside begins a connection after all."""

    @abstractmethod
    def _is_foreign(self, pair: Pair) -> None:
        """A connection has shown that it is something else."""

    @abstractmethod
    def _has_room(self, rows: int) -> bool:
        """No limit can be reached with so many rows, so that it does not matter when candidates are recorded."""

    @abstractmethod
    def _runs(self, block: FrameBlock, columns: Columns, places: Int64s, sums: list[int]) -> Runs | None:
        """What of these rows can be recorded together, if anything may be."""

    # --- frames in -------------------------------------------------------------------------------------------------

    def feed(self, block: FrameBlock) -> None:
        """Take in a block of frames."""
        if not len(block.number):
            return
        self._observed_until = max(self._observed_until, int(block.time.max()))
        shapes = read_columns(block)
        self.protocols.update(shapes.protocols)
        self.protocols["tcp"] += len(shapes.columns.row)
        self._neighbours.arp_rows(block.number[shapes.arp], block.buffer, shapes.arp_at)
        rare = self._rare.read(block, shapes.rest)
        if self._triage is None:
            self._walk(block, shapes.columns, np.arange(len(shapes.columns.row), dtype=np.int64), rare)
            return
        columns = shapes.columns
        if len(self._openings):
            for index, segment in self._openings.take(np.concatenate((columns.key, keys_of(list(touched(rare)))))):
                self._reopen(index, segment)
        alone = self._openings.choose(columns, self.ports, touched(rare)) if self.sets_aside else np.empty(0, np.int64)
        if len(alone):
            others = np.ones(len(columns.row), dtype=np.bool_)
            others[alone] = False
            self._aside = Numbering(columns.row[alone])
            self._sift(block, columns.at(others), rare, self._triage)
            self._last_index = self._aside.before(len(block.number), self._last_index)
            self._openings.add(block, columns.at(alone), self._aside.numbers)
            self._aside = None
        else:
            self._sift(block, columns, rare, self._triage)

    def _sift(self, block: FrameBlock, columns: Columns, rare: Rare, triage: Triage) -> None:
        """Count what is muted, look at the rest."""
        places, sums = triage.sift(block, columns, touched(rare))
        if self.sets_aside:
            if self._has_room(len(columns.row)):
                columns, places, strangers, earlier = self._strangers.sift(
                    block, columns, places, self.ports, touched(rare)
                )
                rare = sorted([*rare, *strangers], key=itemgetter(0))
            else:
                earlier = self._strangers.take_all()
            self._recall(earlier)
        if len(places) <= _PIECE or triage.empty:
            self._sifted(block, columns, places, sums, rare)
            return
        # Little is muted of this block, perhaps for one FIN in it, or something will be in its course: by pieces.
        done = 0
        for first in range(0, len(columns.row), _PIECE):
            piece = columns.at(slice(first, first + _PIECE))
            last = int(piece.row[-1]) if first + _PIECE < len(columns.row) else len(block.number)
            until = done
            while until < len(rare) and rare[until][0] <= last:
                until += 1
            between = rare[done:until]
            done = until
            self._sifted(block, piece, *triage.sift(block, piece, touched(between)), between)

    def _recall(self, segments: list[Segment]) -> None:
        for segment in segments:
            self._segment(segment)

    def _sifted(self, block: FrameBlock, columns: Columns, places: Int64s, sums: list[Muted], rare: Rare) -> None:
        for muted in sorted(sums, key=attrgetter("first_frame")):
            self._count(muted)
        self._walk(block, columns, places, rare)

    def _walk(self, block: FrameBlock, columns: Columns, places: Int64s, rare: Rare) -> None:
        """Hand on common and rare frames in the order of the capture."""
        waiting = 0
        sums = checksums_of(block, columns, places)
        runs, gone = self._runs(block, columns, places, sums), bytearray(len(block.number))
        for row, found in segments(block, columns, places, sums, gone):
            while waiting < len(rare) and rare[waiting][0] < row:
                self._take(*rare[waiting])
                waiting += 1
            if self._aside is not None:
                self._last_index = self._aside.before(row, self._last_index)
            if runs is not None and runs.begins(row) and self._run(found, runs.at(row), rare, gone):
                continue
            self._segment(found)
        for unusual in rare[waiting:]:
            self._take(*unusual)

    def _take(self, row: int, found: Segment | IcmpError | Stranger) -> None:
        if self._aside is not None:
            self._last_index = self._aside.before(row, self._last_index)
        if isinstance(found, Segment):
            self._segment(found)
        elif isinstance(found, Stranger):
            self._is_foreign(found)
        else:
            self._icmp(found)


def touched(rare: Rare) -> set[Pair]:
    """The endpoints of frames of rare shape, as they stand in them."""
    return {(found.source, found.destination) for _, found in rare}
