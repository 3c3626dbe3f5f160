"""snoop files (Solaris): the file header, and blocks of records.

Facts: RFC 1761; further datalink types RFC 3827; which of them carry frames that a LINKTYPE describes, and what Shomiti
Surveyor made of the format: Wireshark's reader. Must not know: compression, what is in a frame.
"""

import struct
from collections import Counter
from collections.abc import Iterator
from typing import Final

import numpy as np

from sshpcap import limits
from sshpcap.capture.chain import headers
from sshpcap.capture.errors import CaptureError, Notices
from sshpcap.capture.records import Scan, walk
from sshpcap.capture.window import Window
from sshpcap.frames import FrameBlock, Int64s
from sshpcap.model import Interface

MAGIC: Final = b"snoop\x00\x00\x00"
FILE_HEADER_BYTES: Final = 16
RECORD_HEADER_BYTES: Final = 24

LINK_TYPES: Final[dict[int, int]] = {
    0: 1,  # IEEE 802.3
    2: 6,  # IEEE 802.5 token ring
    4: 1,  # Ethernet
    8: 10,  # FDDI
    9: 0,  # other: what Solaris writes for its loopback
    14: 0,  # the loopback, by its DLPI number
    16: 122,  # IP over Fibre Channel
    18: 123,  # ATM with Sun's header before the cells' data
    0x80000005: 226,  # Solaris ipnet
}
"""Datalink type → LINKTYPE_… number."""

SHOMITI_LINK_TYPES: Final[dict[int, int]] = {
    0: 1,  # IEEE 802.3
    2: 6,  # IEEE 802.5 token ring
    4: 1,  # Ethernet
    8: 10,  # FDDI
    10: 1,  # Fast Ethernet
    11: 6,  # token ring of 4 Mbit/s
    12: 1,  # Gigabit Ethernet
    13: 6,
    14: 6,
    19: 1,  # 10 Gigabit Ethernet
}
"""The same in files of Shomiti (later Finisar) Surveyor, which gave free numbers a meaning of its own."""

_VERSIONS: Final = (2, 3, 4, 5)
"""3 to 5 are Surveyor's, with hardware of its own; with an ordinary network card it wrote 2."""
_SHOMITI_TRAILER: Final = 16
"""Octets of padding in which Surveyor keeps its own times; others pad up to whole words."""

UNKNOWN_LINK_TYPE: Final = 1 << 16
"""Added to a datalink type without a LINKTYPE_… number, of which none has more than 16 bits."""


class SnoopReader:
    """Reads one snoop file from a window that stands at its first octet."""

    format = "snoop"
    snaplen = 0  # the header does not tell

    def __init__(self, window: Window, where: str, notices: Notices) -> None:
        if not window.require(FILE_HEADER_BYTES):
            raise CaptureError(f"the snoop file header is cut off: {window.have} of 16 octets", where, window.have)
        version, datalink = struct.unpack_from(">II", window.data, len(MAGIC))
        if version not in _VERSIONS:
            raise CaptureError(f"a snoop file of version {version}; only versions 2 to 5 are known", where, 8)
        self._window = window
        self._notices = notices
        self._datalink: int = datalink
        self.link_types = [self._link_type(shomiti=version > 2)]
        self.interface_drops: int | None = None
        self.end_time: int | None = None

    def interfaces(self, frames: Counter[int]) -> tuple[Interface, ...]:
        """None: the format does not describe any."""
        return ()

    def blocks(self) -> Iterator[FrameBlock]:
        """Yield the frames; a damaged or cut-off end is a notice."""
        return walk(self._window, self._notices, FILE_HEADER_BYTES, self._scan, self._block)

    def _link_type(self, *, shomiti: bool) -> int:
        known = SHOMITI_LINK_TYPES if shomiti else LINK_TYPES
        return known.get(self._datalink, UNKNOWN_LINK_TYPE | self._datalink)

    def _scan(self, data: bytearray, at: int, have: int) -> Scan:
        lengths = struct.Struct(">II").unpack_from
        starts: list[int] = []
        while at + RECORD_HEADER_BYTES <= have:
            captured, length = lengths(data, at + 4)
            if captured > limits.MAX_CAPTURED_BYTES:
                return Scan(np.array(starts, dtype=np.int64), at, f"{captured:,} captured octets")
            if not 0 <= length - RECORD_HEADER_BYTES - captured <= limits.MAX_CAPTURED_BYTES:
                return Scan(
                    np.array(starts, dtype=np.int64), at, f"{captured:,} captured octets in a record of {length:,}"
                )
            if at + length > have:
                break
            starts.append(at)
            at += length
        return Scan(np.array(starts, dtype=np.int64), at, "")

    def _block(self, starts: Int64s, first_number: int) -> FrameBlock:
        octets = self._window.octets
        original, captured, length, drops, seconds, fraction = headers(octets, starts, 6, ">")
        if first_number == 1 and length[0] - captured[0] - RECORD_HEADER_BYTES >= _SHOMITI_TRAILER:
            self.link_types = [self._link_type(shomiti=True)]
        # The counter runs through the whole file.
        self.interface_drops = max(self.interface_drops or 0, int(drops.max()))
        return FrameBlock(
            buffer=octets,
            number=np.arange(first_number, first_number + len(starts), dtype=np.int64),
            offset=starts + RECORD_HEADER_BYTES,
            captured=captured,
            original=original,
            time=seconds * 1_000_000_000 + fraction * 1000,
            link_type=np.full(len(starts), self.link_types[0], dtype=np.int64),
            interface=np.zeros(len(starts), dtype=np.int64),
        )
