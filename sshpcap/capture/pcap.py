"""Classic pcap files: the file header, and blocks of records.

Facts: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html; the "modified" header with 24-octet records is
that of Alexey Kuznetsov's patched libpcap, as read by Wireshark. Must not know: compression, what is in a frame.
"""

import struct
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from sshpcap import limits
from sshpcap.capture.chain import chained, headers
from sshpcap.capture.errors import CaptureError, Notices
from sshpcap.capture.records import Scan, walk
from sshpcap.capture.window import Window
from sshpcap.frames import FrameBlock, Int64s
from sshpcap.model import Interface

FILE_HEADER_BYTES: Final = 24
_VERSION: Final = (2, 4)
_CAPTURED_AT: Final = 8
"""Where in a record's header its captured length stands."""


class Variant(NamedTuple):
    """How one magic number says that records are written."""

    order: str
    nanoseconds: bool
    record_header: int


MAGICS: Final = {
    bytes.fromhex("d4c3b2a1"): Variant("<", False, 16),
    bytes.fromhex("a1b2c3d4"): Variant(">", False, 16),
    bytes.fromhex("4d3cb2a1"): Variant("<", True, 16),
    bytes.fromhex("a1b23c4d"): Variant(">", True, 16),
    bytes.fromhex("34cdb2a1"): Variant("<", False, 24),
    bytes.fromhex("a1b2cd34"): Variant(">", False, 24),
}


class PcapReader:
    """Reads one pcap file from a window that stands at its first octet."""

    format = "pcap"

    def __init__(self, window: Window, where: str, notices: Notices) -> None:
        if not window.require(FILE_HEADER_BYTES):
            raise CaptureError(f"the pcap file header is cut off: {window.have} of 24 octets", where, window.have)
        self._window = window
        self._notices = notices
        self._variant = MAGICS[bytes(window.data[:4])]
        version = struct.unpack_from(self._variant.order + "HH", window.data, 4)
        if version != _VERSION:
            text = "a file of pcap {}.{}; it was read as one of pcap 2.4".format(*version)
            notices.add("unknown-version", text, offset=4)
        # Behind it: reserved (4 + 4), snaplen, link type.
        self.snaplen, network = struct.unpack_from(self._variant.order + "II", window.data, 16)
        # The upper bits may carry the length of a frame check sequence; they are not part of the link type.
        self.link_types = [network & 0xFFFF]
        self.interface_drops: int | None = None
        self.end_time: int | None = None

    def interfaces(self, frames: Counter[int]) -> tuple[Interface, ...]:
        """None: the format does not describe any."""
        return ()

    def blocks(self) -> Iterator[FrameBlock]:
        """Yield the frames; a damaged or cut-off end is a notice."""
        return walk(self._window, self._notices, FILE_HEADER_BYTES, self._scan, self._block)

    def _scan(self, data: bytearray, at: int, have: int) -> Scan:
        # One step a record is what cannot be avoided; what can be checked for all of them at once is left for later.
        order, _, header = self._variant
        words = np.ndarray((len(data) - 3,), dtype=order + "u4", buffer=data, strides=(1,))
        # All but the lowest octet of the seconds stay the same for four minutes.
        chain = chained(data, at, have - header + 1, words[_CAPTURED_AT:], header, (1, 4) if order == "<" else (0, 3))
        captured_length = struct.Struct(order + "I").unpack_from
        found: list[int] = []
        first = int(chain[-1]) if len(chain) else at
        add, place, last = found.append, first + _CAPTURED_AT, have - header + _CAPTURED_AT
        while place <= last:
            add(place)
            place += captured_length(data, place)[0] + header
        starts = np.concatenate((chain[:-1], np.array(found, dtype=np.int64) - _CAPTURED_AT))
        captured = words[starts + _CAPTURED_AT]
        # Of 32 bits, so that 0 - 1 is more than any limit.
        odd = np.flatnonzero(captured - np.uint32(1) >= limits.MAX_CAPTURED_BYTES)
        if len(odd):
            # An empty record is none at all if its time is 0: a disk's blocks that were never written.
            at_all = words[starts[odd]] | words[starts[odd] + 4] | words[starts[odd] + 12]
            damaged = odd[(captured[odd] > 0) | (at_all == 0)]
            if len(damaged):
                row = int(damaged[0])
                claims = f"{captured[row]:,} captured octets" if captured[row] else "0 octets at the time 0"
                return Scan(starts[:row], int(starts[row]), claims)
        if place - _CAPTURED_AT > have:
            return Scan(starts[:-1], int(starts[-1]), "")
        return Scan(starts, place - _CAPTURED_AT, "")

    def _block(self, starts: Int64s, first_number: int) -> FrameBlock:
        order, nanoseconds, header = self._variant
        octets = self._window.octets
        seconds, fraction, captured, original = headers(octets, starts, 4, order)
        return FrameBlock(
            buffer=octets,
            number=np.arange(first_number, first_number + len(starts), dtype=np.int64),
            offset=starts + header,
            captured=captured,
            original=original,
            time=seconds * 1_000_000_000 + fraction * (1 if nanoseconds else 1000),
            link_type=np.full(len(starts), self.link_types[0], dtype=np.int64),
            interface=np.zeros(len(starts), dtype=np.int64),
        )
