"""pcapng files: sections, interfaces, and the blocks that hold frames.

Facts: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html. Enhanced Packet Blocks, the common case, are
read as columns; everything else one by one. Unknown blocks are skipped. Must not know: compression, what is in a
frame.
"""

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from sshpcap import limits
from sshpcap.capture.chain import chained, headers
from sshpcap.capture.errors import CaptureError, Notices
from sshpcap.capture.window import Window
from sshpcap.frames import FrameBlock, Int64s
from sshpcap.model import Interface

SECTION_HEADER: Final = 0x0A0D0D0A
INTERFACE_DESCRIPTION: Final = 1
OBSOLETE_PACKET: Final = 2
SIMPLE_PACKET: Final = 3
INTERFACE_STATISTICS: Final = 5
ENHANCED_PACKET: Final = 6
JOURNAL: Final = 9
CUSTOM: Final = 0x0BAD
CUSTOM_NOT_COPIED: Final = 0x40000BAD

_OTHER_RECORDS: Final = (JOURNAL, CUSTOM, CUSTOM_NOT_COPIED)
"""No frames, but Wireshark lists and counts them among the frames: the numbers of the frames behind them go on."""
_AMONG_FRAMES: Final = (SECTION_HEADER, SIMPLE_PACKET, OBSOLETE_PACKET, INTERFACE_DESCRIPTION, *_OTHER_RECORDS)

_OPTION_IF_NAME: Final = 2
_OPTION_IF_DESCRIPTION: Final = 3
_OPTION_IF_TSRESOL: Final = 9
_OPTION_IF_FILTER: Final = 11
_OPTION_IF_TSOFFSET: Final = 14
_OPTION_ISB_ENDTIME: Final = 3
_OPTION_ISB_IFDROP: Final = 5
_OPTION_ISB_OSDROP: Final = 7

_ORDER_MAGIC: Final = {bytes.fromhex("4d3c2b1a"): "<", bytes.fromhex("1a2b3c4d"): ">"}
_SMALLEST: Final = {
    SECTION_HEADER: 28,
    INTERFACE_DESCRIPTION: 20,
    OBSOLETE_PACKET: 32,
    SIMPLE_PACKET: 16,
    INTERFACE_STATISTICS: 24,
    ENHANCED_PACKET: 32,
}
_MAJOR: Final = 1
_WORTH_A_RUN: Final = 16
"""Blocks that are taken together at least; fewer are looked at one by one."""
_LAST_TIME: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class _Described:
    """What an Interface Description Block says."""

    link_type: int
    snaplen: int
    """Longest captured frame; 0 means no limit."""
    name: str | None
    description: str | None
    filter: str | None
    ticks_per_second: int
    """From if_tsresol; 10**6 where it is absent."""
    offset: int
    """if_tsoffset: seconds to add to every time."""

    def nanoseconds(self, ticks: int) -> int:
        """Time of a frame in nanoseconds, held inside what an int64 column can carry."""
        time = ticks * 1_000_000_000 // self.ticks_per_second + self.offset * 1_000_000_000
        return max(0, min(time, _LAST_TIME))

    def nanosecond_column(self, high: Int64s, low: Int64s) -> Int64s:
        """The same for two columns of 32-bit halves."""
        ticks = (high << 32) | low
        if self.ticks_per_second <= 1_000_000_000 and 1_000_000_000 % self.ticks_per_second == 0:
            factor = 1_000_000_000 // self.ticks_per_second
            largest = (_LAST_TIME >> 1) // factor
            if len(ticks) and ticks.min() >= 0 and ticks.max() < largest and abs(self.offset) < 1 << 31:
                moved: Int64s = ticks * factor + self.offset * 1_000_000_000
                return moved.clip(0)
        unsigned = ticks.astype(np.uint64)
        return np.array([self.nanoseconds(int(t)) for t in unsigned.tolist()], dtype=np.int64)


class _Plain:
    """Enhanced Packet Blocks of a window that can be taken without a look at each: nothing is wrong with them."""

    def __init__(self, data: bytearray, at: int, have: int, order: str) -> None:
        """`at` is where the first such block begins; nothing is found where `have` is not far behind it."""
        words = np.ndarray((len(data) - 3,), dtype=order + "u4", buffer=data, strides=(1,))
        # Interface and upper half of the time: they stay the same for many frames.
        self._starts = chained(data, at, have - _SMALLEST[ENHANCED_PACKET] + 1, words[4:], 0, (8, 16))
        length = words[self._starts + 4].astype(np.int64)
        end = self._starts + length
        good = (words[self._starts] == ENHANCED_PACKET) & (length >= _SMALLEST[ENHANCED_PACKET]) & (length % 4 == 0)
        good &= (length <= limits.MAX_PCAPNG_BLOCK_BYTES) & (end <= have)
        good &= words[np.minimum(end, have) - 4] == length
        self._others = np.append(np.flatnonzero(~good), len(self._starts))

    def run(self, at: int) -> Int64s:
        """Those from `at` on; none where only few are found there."""
        first = int(np.searchsorted(self._starts, at)) if len(self._starts) else 0
        if first == len(self._starts) or self._starts[first] != at:
            return self._starts[:0]
        stop = int(self._others[np.searchsorted(self._others, first)])
        return self._starts[first:stop] if stop - first >= _WORTH_A_RUN else self._starts[:0]


class PcapngReader:
    """Reads one pcapng file from a window that stands at its first octet."""

    format = "pcapng"

    def __init__(self, window: Window, where: str, notices: Notices) -> None:
        if not window.require(_SMALLEST[SECTION_HEADER]):
            raise CaptureError(f"the pcapng section header is cut off: {window.have} of 28 octets", where, window.have)
        order = _ORDER_MAGIC.get(bytes(window.data[8:12]))
        if order is None:
            raise CaptureError("a pcapng section header without its byte-order magic", where, 8)
        self._window = window
        self._notices = notices
        self._order = order
        self._interfaces: list[_Described] = []
        self._section_start = 0  # index of the section's first interface
        self._frames = 0
        self._last_time = 0
        self.snaplen = 0
        self.link_types: list[int] = []
        self.interface_drops: int | None = None
        self.end_time: int | None = None
        self._drops: dict[int, int] = {}

    def interfaces(self, frames: Counter[int]) -> tuple[Interface, ...]:
        """All interfaces so far, with how many frames each was seen to have."""
        return tuple(
            Interface(
                name=one.name,
                description=one.description,
                filter=one.filter,
                link_type=one.link_type,
                snaplen=one.snaplen or None,
                frames=frames[place],
                drops=self._drops.get(place),
            )
            for place, one in enumerate(self._interfaces)
        )

    def blocks(self) -> Iterator[FrameBlock]:
        """Yield the frames in file order; whatever is damaged or cut off is a notice."""
        window = self._window
        while True:
            at = 0
            runs: list[Int64s] = []
            enhanced: list[int] = []
            plain: _Plain | None = None
            wrong = ""
            while at + 12 <= window.have:
                data = window.data
                kind, length = struct.unpack_from(self._order + "II", data, at)
                if kind == SECTION_HEADER:
                    # The section's own byte order decides how its length is read.
                    order = _ORDER_MAGIC.get(bytes(data[at + 8 : at + 12]))
                    if order is None:
                        wrong = "a section header without its byte-order magic"
                        break
                    (length,) = struct.unpack_from(order + "I", data, at + 4)
                if length < max(12, _SMALLEST.get(kind, 12)) or length % 4 or length > limits.MAX_PCAPNG_BLOCK_BYTES:
                    wrong = f"a block of type {kind:#x} claims a length of {length:,}"
                    break
                if at + length > window.have:
                    break
                if data[at + 4 : at + 8] != data[at + length - 4 : at + length]:
                    before = self._frames + sum(map(len, runs)) + len(enhanced)
                    self._damaged(at, before, "a block whose two lengths differ", "; the first one counts")
                if kind == ENHANCED_PACKET:
                    plain = plain or _Plain(data, at, window.have, self._order)
                    run = plain.run(at)
                    if len(run):
                        runs += [np.array(enhanced, dtype=np.int64), run]
                        enhanced = []
                        at = int(run[-1])
                        (length,) = struct.unpack_from(self._order + "I", data, at + 4)
                    else:
                        enhanced.append(at)
                else:
                    # Frames come out in file order, and a new section changes how the ones before it were read.
                    if kind in _AMONG_FRAMES:
                        yield from self._enhanced(runs, enhanced)
                        runs, enhanced = [], []
                    if kind == SECTION_HEADER:
                        plain = _Plain(data, 0, 0, self._order)  # what was found is of another byte order, perhaps
                    yield from self._other(kind, at, length)
                at += length
            yield from self._enhanced(runs, enhanced)
            if wrong:
                self._damaged(at, self._frames, wrong, "; what follows in the file was not read")
                return
            if not window.advance(at):
                break
            if window.idle:
                yield window.nothing
        if window.have:
            self._notices.add(
                "cut-off",
                f"the file ends in the middle of a block behind frame {self._frames}; everything before it was read",
                frame=self._frames, offset=window.position + window.have,
            )  # fmt: skip

    def _damaged(self, at: int, frame: int, what: str, so: str) -> None:
        """Note a bad block; `frame` is the last one before it."""
        self._notices.add("damaged-block", f"{what} behind frame {frame}{so}",
                          frame=frame, offset=self._window.position + at)  # fmt: skip

    def _other(self, kind: int, at: int, length: int) -> Iterator[FrameBlock]:
        data = self._window.data
        if kind == SECTION_HEADER:
            self._order = _ORDER_MAGIC[bytes(data[at + 8 : at + 12])]
            self._section_start = len(self._interfaces)
            major, minor = struct.unpack_from(self._order + "HH", data, at + 12)
            if major != _MAJOR:
                self._notices.add("unknown-version", f"a section of pcapng {major}.{minor}; it was read as one of "
                                  "pcapng 1.0", offset=self._window.position + at)  # fmt: skip
        elif kind == INTERFACE_DESCRIPTION:
            self._describe_interface(at, length)
        elif kind == INTERFACE_STATISTICS:
            self._statistics(at, length)
        elif kind in _OTHER_RECORDS:
            self._frames += 1
        elif kind == SIMPLE_PACKET:
            (original,) = struct.unpack_from(self._order + "I", data, at + 8)
            interface = self._interface(0)
            captured = min(original, length - 16)
            if interface is not None and interface.snaplen:
                captured = min(captured, interface.snaplen)
            self._notices.add(
                "frames-without-time",
                "Simple Packet Blocks carry no time; their frames are shown with the time of the frame before them",
                frame=self._frames + 1,
            )
            yield from self._single(0, at + 12, captured, original, None)
        elif kind == OBSOLETE_PACKET:
            index, _, high, low, captured, original = struct.unpack_from(self._order + "HHIIII", data, at + 8)
            if captured > length - 32:
                self._too_long(self._frames + 1)
            yield from self._single(index, at + 28, min(captured, length - 32), original, high << 32 | low)

    def _describe_interface(self, at: int, length: int) -> None:
        if len(self._interfaces) >= limits.MAX_INTERFACES:
            self._notices.add("too-many-interfaces", f"more than {limits.MAX_INTERFACES:,} interfaces; "
                              "frames of the later ones were not read", offset=self._window.position + at)  # fmt: skip
            return
        link_type, _, snaplen = struct.unpack_from(self._order + "HHI", self._window.data, at + 8)
        ticks, offset = 1_000_000, 0
        texts: dict[int, str] = {}
        for code, value in self._options(at + 16, at + length - 4):
            if code == _OPTION_IF_TSRESOL and len(value) >= 1:
                exponent = value[0] & 0x7F
                ticks = 2**exponent if value[0] & 0x80 else 10**exponent
            elif code == _OPTION_IF_TSOFFSET and len(value) >= 8:
                (offset,) = struct.unpack(self._order + "q", value[:8])
            if code in (_OPTION_IF_NAME, _OPTION_IF_DESCRIPTION):
                texts[code] = _text(value)
            if code == _OPTION_IF_FILTER and value[:1] == b"\0":  # 0: libpcap's words; other kinds are programs
                texts[code] = _text(value[1:])
        name, description = texts.get(_OPTION_IF_NAME), texts.get(_OPTION_IF_DESCRIPTION)
        words = texts.get(_OPTION_IF_FILTER)
        self._interfaces.append(_Described(link_type, snaplen, name, description, words, ticks, offset))
        self.snaplen = max(self.snaplen, snaplen)
        if link_type not in self.link_types:
            self.link_types.append(link_type)

    def _statistics(self, at: int, length: int) -> None:
        """Add up the last counters of every interface (isb_ifdrop and isb_osdrop); note when capturing ended."""
        (index,) = struct.unpack_from(self._order + "I", self._window.data, at + 8)
        interface = self._interface(index)
        if interface is None:
            return
        drops = []
        for code, value in self._options(at + 20, at + length - 4):
            if code in (_OPTION_ISB_IFDROP, _OPTION_ISB_OSDROP) and len(value) >= 8:
                drops.append(struct.unpack(self._order + "Q", value[:8])[0])
            elif code == _OPTION_ISB_ENDTIME and len(value) >= 8:
                high, low = struct.unpack(self._order + "II", value[:8])
                self.end_time = max(self.end_time or 0, interface.nanoseconds(high << 32 | low))
        if drops:
            self._drops[self._section_start + index] = sum(drops)
            self.interface_drops = sum(self._drops.values())

    def _options(self, at: int, end: int) -> Iterator[tuple[int, bytes]]:
        data = self._window.data
        while at + 4 <= end:
            code, size = struct.unpack_from(self._order + "HH", data, at)
            if code == 0 or at + 4 + size > end:
                return
            yield code, bytes(data[at + 4 : at + 4 + size])
            at += 4 + (size + 3) // 4 * 4

    def _interface(self, index: int) -> _Described | None:
        place = self._section_start + index
        return self._interfaces[place] if place < len(self._interfaces) else None

    def _too_long(self, frame: int) -> None:
        self._notices.add("damaged-block", "a frame claims more captured octets than its block holds", frame=frame)

    def _unknown_interface(self, frame: int, index: int) -> None:
        self._notices.add("unknown-interface", f"a frame names interface {index}, which the section does not describe; "
                          "such frames were not read", frame=frame)  # fmt: skip

    def _single(self, index: int, at: int, captured: int, original: int, ticks: int | None) -> Iterator[FrameBlock]:
        self._frames += 1
        interface = self._interface(index)
        if interface is None:
            self._unknown_interface(self._frames, index)
            return
        if ticks is not None:
            self._last_time = interface.nanoseconds(ticks)
        yield FrameBlock(
            buffer=self._window.octets,
            number=np.array([self._frames]),
            offset=np.array([at]),
            captured=np.array([captured]),
            original=np.array([original]),
            time=np.array([self._last_time]),
            link_type=np.array([interface.link_type]),
            interface=np.array([self._section_start + index]),
        )

    def _enhanced(self, runs: list[Int64s], later: list[int]) -> Iterator[FrameBlock]:
        """One block of columns for Enhanced Packet Blocks: those of the runs, and those behind them."""
        octets = self._window.octets
        at = np.concatenate((*runs, np.array(later, dtype=np.int64)))
        if not len(at):
            return
        number = np.arange(self._frames + 1, self._frames + 1 + len(at), dtype=np.int64)
        self._frames += len(at)
        _, length, index, high, low, captured, original = headers(octets, at, 7, self._order)
        too_long = captured > length - 32
        if too_long.any():
            self._too_long(int(number[too_long][0]))
            captured = np.minimum(captured, length - 32)
        known = index < len(self._interfaces) - self._section_start
        if not known.all():
            self._unknown_interface(int(number[~known][0]), int(index[~known][0]))
            at, number, index, captured, original = (c[known] for c in (at, number, index, captured, original))
            high, low = high[known], low[known]
        if not len(at):
            return
        time = np.empty(len(at), dtype=np.int64)
        link_type = np.empty(len(at), dtype=np.int64)
        for place in sorted(set(index.tolist())):
            interface = self._interfaces[self._section_start + place]
            rows = index == place
            time[rows] = interface.nanosecond_column(high[rows], low[rows])
            link_type[rows] = interface.link_type
        self._last_time = int(time[-1])
        yield FrameBlock(
            buffer=octets,
            number=number,
            offset=at + 28,
            captured=captured,
            original=original,
            time=time,
            link_type=link_type,
            interface=index + self._section_start,
        )


def _text(octets: bytes) -> str:
    """An option's text (UTF-8), bounded, with nothing in it that could act on a terminal."""
    text = octets[: limits.MAX_OPTION_TEXT].rstrip(b"\0").decode("utf-8", "backslashreplace")
    return "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text)
