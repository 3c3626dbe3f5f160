"""Frames of rare shape, one by one: what they carry, and which of them nobody can read. Must not know: connections."""

from collections import Counter
from typing import TYPE_CHECKING

from sshpcap.frames import FrameBlock, IcmpError, Int64s, Segment
from sshpcap.net.link import LINK_TYPES
from sshpcap.net.neighbours import Neighbours
from sshpcap.net.strangers import Stranger

if TYPE_CHECKING:
    from sshpcap.net.decode import CutErrors, Decoder

Rare = list[tuple[int, Segment | IcmpError | Stranger]]
"""What the frames of rare shape of a block carry, with their rows, and who turned out not to be SSH."""


class RareFrames:
    """Decodes what `columns` leaves over."""

    def __init__(self, neighbours: Neighbours, protocols: Counter[str]) -> None:
        """`protocols`: where the frames are counted."""
        self.decoder: Decoder | None = None
        """Nothing before the first such frame: it brings dpkt along."""
        self.unknown_links: dict[int, tuple[int, int]] = {}
        """Link types that nobody here knows: the first frame, and how many."""
        self.cut_errors: CutErrors = {}
        self._neighbours = neighbours
        self._protocols = protocols

    def read(self, block: FrameBlock, rows: Int64s) -> Rare:
        """What some rows of a block carry, where it is TCP or an ICMP error about it."""
        return [(row, found) for row in rows.tolist() if (found := self._one(block, row)) is not None]

    def _one(self, block: FrameBlock, row: int) -> Segment | IcmpError | None:
        if self.decoder is None:
            from sshpcap.net.decode import Decoder

            self.decoder = Decoder(self._neighbours, self.cut_errors)
        link_type = int(block.link_type[row])
        number = int(block.number[row])
        if link_type not in LINK_TYPES:
            first, count = self.unknown_links.get(link_type, (number, 0))
            self.unknown_links[link_type] = (first, count + 1)
        time, original = int(block.time[row]), int(block.original[row])
        protocol, found = self.decoder.decode(number, time, block.frame(row), link_type, original)
        self._protocols[protocol] += 1
        return found
