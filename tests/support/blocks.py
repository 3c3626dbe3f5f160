"""Blocks without files: makes `FrameBlock`s from frames, cuts them up, and flattens what a reader yields."""

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from sshpcap.capture.errors import Notices
from sshpcap.capture.pcap import PcapReader
from sshpcap.capture.pcapng import PcapngReader
from sshpcap.capture.sources import open_capture
from sshpcap.capture.window import Window
from sshpcap.frames import FrameBlock
from sshpcap.model import Capture
from tests.support.captures import Recorded


class Row(NamedTuple):
    """One frame as it came out of a reader."""

    number: int
    time: int
    octets: bytes
    original: int
    link_type: int
    interface: int


def rows_of(block: FrameBlock) -> Iterator[Row]:
    """The frames of a block, copied."""
    columns = (block.number, block.time, block.original, block.link_type, block.interface)
    for row, values in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        number, time, original, link_type, interface = values
        yield Row(number, time, bytes(block.frame(row)), original, link_type, interface)


def read_file(path: object) -> tuple[list[Row], Capture]:
    """Every frame of a capture file, and what it was."""
    with open_capture(str(path)) as source:
        rows = [row for block in source.blocks() for row in rows_of(block)]
        return rows, source.describe()


class Dribble:
    """A stream that gives at most so many octets at a time."""

    def __init__(self, octets: bytes, at_most: int | None = None) -> None:
        self._stream = io.BytesIO(octets)
        self._at_most = at_most

    def readinto(self, buffer: memoryview, /) -> int:
        return self._stream.readinto(buffer if self._at_most is None else buffer[: self._at_most])


class Read(NamedTuple):
    """What a reader made of some octets."""

    rows: list[Row]
    notices: Notices
    reader: PcapReader | PcapngReader
    window: Window

    @property
    def codes(self) -> list[str]:
        """The kinds of trouble that were noted."""
        return [notice.code for notice in self.notices.listed()]


def read_octets(octets: bytes, at_most: int | None = None) -> Read:
    """Read a pcap or pcapng file that is in memory."""
    window, notices = Window(Dribble(octets, at_most)), Notices()
    kind = PcapngReader if octets.startswith(b"\x0a\x0d\x0d\x0a") else PcapReader
    reader = kind(window, "memory", notices)
    return Read([row for block in reader.blocks() for row in rows_of(block)], notices, reader, window)


def block_of(frames: Iterable[Recorded], link_type: int | Sequence[int] = 1, *, first: int = 1) -> FrameBlock:
    """One block that holds these frames, between octets that are not theirs; one link type for all or for each."""
    every = list(frames)
    links = [link_type] * len(every) if isinstance(link_type, int) else link_type
    buffer = bytearray(b"\xee" * 7)
    offsets = []
    for frame in every:
        offsets.append(len(buffer))
        buffer += frame.octets + b"\xee" * 5
    return FrameBlock(
        buffer=np.frombuffer(bytes(buffer), dtype=np.uint8),
        number=np.arange(first, first + len(every), dtype=np.int64),
        offset=np.array(offsets, dtype=np.int64),
        captured=np.array([len(frame.octets) for frame in every], dtype=np.int64),
        original=np.array([frame.length for frame in every], dtype=np.int64),
        time=np.array([frame.time for frame in every], dtype=np.int64),
        link_type=np.array(links, dtype=np.int64),
        interface=np.zeros(len(every), dtype=np.int64),
    )


def packets_of(path: object) -> list[bytes]:
    """The IP packets of an Ethernet capture without tags; the padding of short frames is left off."""
    packets = []
    for row in read_file(path)[0]:
        kind, packet = row.octets[12:14], row.octets[14:]
        if kind == b"\x08\x00":
            packets.append(packet[: int.from_bytes(packet[2:4], "big")])
        elif kind == b"\x86\xdd":
            packets.append(packet[: 40 + int.from_bytes(packet[4:6], "big")])
    return packets


def sliced(block: FrameBlock, sizes: Iterable[int]) -> Iterator[FrameBlock]:
    """The same frames in smaller blocks, of these sizes in turn and again from the first."""
    wanted = list(sizes)
    at = turn = 0
    while at < len(block.number):
        stop = at + wanted[turn % len(wanted)]
        yield FrameBlock(block.buffer, *(column[at:stop] for column in block[1:]))
        at, turn = stop, turn + 1
