"""Builds capture files octet by octet, from the specifications; and lists the captures that are at hand.

pcap: draft-ietf-opsawg-pcap-05. pcapng: draft-ietf-opsawg-pcapng-03. snoop: RFC 1761. The "modified" records are
those of Alexey Kuznetsov's patched libpcap, as Wireshark reads them. Must not know: sshpcap's own readers.
"""

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import pytest

Order = Literal["<", ">"]
ORDERS: Final[tuple[Order, ...]] = ("<", ">")

_ROOT: Final = Path(__file__).parents[2]
SAMPLES: Final = _ROOT / "samples"
MORE_CAPTURES: Final = _ROOT.parent / "shared" / "captures"
"""Many more recordings, beside the checkout where there are any."""


def captures_at_hand() -> list[Path]:
    """The committed samples, and the recordings beside the checkout."""
    return sorted(SAMPLES.glob("*/capture.pcap*")) + sorted(MORE_CAPTURES.glob("*.pcap"))


def sampled(paths: Sequence[Path], every: int = 6, ours: int = 1) -> list[Any]:
    """For tests that look at every capture: of the project's own one in `ours`, of the others one in `every`; all of
    them with `--lab`."""
    others = [path for path in paths if not path.is_relative_to(_ROOT)]
    own = [path for path in paths if path.is_relative_to(_ROOT)]
    usual = {*own[::ours], *others[::every]}
    return [path if path in usual else pytest.param(path, marks=pytest.mark.lab) for path in paths]


def name_of(path: Path) -> str:
    """A short name for a test's id."""
    return path.parent.name if path.parent.parent == SAMPLES else f"more/{path.stem}"


class Recorded(NamedTuple):
    """One frame as a file is to hold it."""

    octets: bytes
    time: int = 0
    """Nanoseconds since 1970."""
    original: int | None = None
    """Octets it had on the link; None: as many as were captured."""

    @property
    def length(self) -> int:
        return len(self.octets) if self.original is None else self.original


# --- pcap ------------------------------------------------------------------------------------------------------------


class PcapVariant(NamedTuple):
    """One kind of pcap file."""

    magic: int
    tick: int
    """Nanoseconds in a unit of the records' fraction."""
    behind_header: bytes = b""
    """What stands between a record's header and its octets."""


PCAP_VARIANTS: Final = {
    "microseconds": PcapVariant(0xA1B2C3D4, 1000),
    "nanoseconds": PcapVariant(0xA1B23C4D, 1),
    # Interface index, protocol, packet type, padding.
    "modified": PcapVariant(0xA1B2CD34, 1000, bytes.fromhex("02000000080000aa")),
}


def pcap_header(
    *, order: Order = "<", variant: str = "microseconds", link_type: int = 1, snaplen: int = 262144
) -> bytes:
    """The 24 octets at the head of a file. The upper bits of `link_type` may tell of a frame check sequence."""
    return struct.pack(order + "IHHiIII", PCAP_VARIANTS[variant].magic, 2, 4, 0, 0, snaplen, link_type)


def pcap_record(frame: Recorded, *, order: Order = "<", variant: str = "microseconds") -> bytes:
    """One record: header and octets."""
    _, tick, behind = PCAP_VARIANTS[variant]
    seconds, nanoseconds = divmod(frame.time, 1_000_000_000)
    header = struct.pack(order + "IIII", seconds, nanoseconds // tick, len(frame.octets), frame.length)
    return header + behind + frame.octets


def pcap(
    frames: Iterable[Recorded],
    *,
    order: Order = "<",
    variant: str = "microseconds",
    link_type: int = 1,
    snaplen: int = 262144,
) -> bytes:
    """A whole file."""
    head = pcap_header(order=order, variant=variant, link_type=link_type, snaplen=snaplen)
    return head + b"".join(pcap_record(frame, order=order, variant=variant) for frame in frames)


# --- pcapng ----------------------------------------------------------------------------------------------------------

SECTION_HEADER: Final = 0x0A0D0D0A
INTERFACE_DESCRIPTION: Final = 1
OBSOLETE_PACKET: Final = 2
SIMPLE_PACKET: Final = 3
NAME_RESOLUTION: Final = 4
INTERFACE_STATISTICS: Final = 5
ENHANCED_PACKET: Final = 6
DECRYPTION_SECRETS: Final = 10
CUSTOM: Final = 0x0BAD
UNREGISTERED: Final = 0x80001234

OPTION_COMMENT: Final = 1
_IF_TSRESOL: Final = 9
_IF_TSOFFSET: Final = 14
_ISB_IFDROP: Final = 5
_ISB_OSDROP: Final = 7

Option = tuple[int, bytes]


def padded(octets: bytes) -> bytes:
    """Filled up to 32 bits (with zeros; the specification leaves the value open)."""
    return octets + bytes(-len(octets) % 4)


class Pcapng:
    """Collects the blocks of a file; `bytes(file)` are its octets, `ends` the offsets behind each block.

    Every method returns the file, so that a file reads as a chain.
    """

    def __init__(self, order: Order = "<") -> None:
        self.order: Order = order
        self.ends: list[int] = [0]
        self._octets = bytearray()

    def __bytes__(self) -> bytes:
        return bytes(self._octets)

    def raw(self, octets: bytes) -> "Pcapng":
        """Octets as they are."""
        self._octets += octets
        self.ends.append(len(self._octets))
        return self

    def block(self, kind: int, body: bytes, *, length: int | None = None) -> "Pcapng":
        """Any block (§3.1); `length` lies about its total length."""
        body = padded(body)
        total = len(body) + 12 if length is None else length
        size = struct.pack(self.order + "I", total)
        return self.raw(struct.pack(self.order + "I", kind) + size + body + size)

    def section(self, order: Order | None = None, *, length: int = -1, options: Sequence[Option] = ()) -> "Pcapng":
        """Section Header Block (§4.1); what follows is in its byte order."""
        self.order = order or self.order
        fixed = struct.pack(self.order + "IHHq", 0x1A2B3C4D, 1, 0, length)
        return self.block(SECTION_HEADER, fixed + self._options(options))

    def interface(
        self,
        link_type: int = 1,
        snaplen: int = 0,
        *,
        tsresol: int | None = None,
        tsoffset: int | None = None,
        options: Sequence[Option] = (),
    ) -> "Pcapng":
        """Interface Description Block (§4.2) with the octet of if_tsresol and the seconds of if_tsoffset."""
        every = list(options)
        if tsresol is not None:
            every.append((_IF_TSRESOL, bytes([tsresol])))
        if tsoffset is not None:
            every.append((_IF_TSOFFSET, struct.pack(self.order + "q", tsoffset)))
        fixed = struct.pack(self.order + "HHI", link_type, 0, snaplen)
        return self.block(INTERFACE_DESCRIPTION, fixed + self._options(every))

    def enhanced(
        self,
        octets: bytes,
        ticks: int,
        *,
        interface: int = 0,
        captured: int | None = None,
        original: int | None = None,
        options: Sequence[Option] = (),
    ) -> "Pcapng":
        """Enhanced Packet Block (§4.3); `captured` lies about the captured length."""
        size = len(octets)
        fixed = struct.pack(
            self.order + "IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF,
            size if captured is None else captured, size if original is None else original,
        )  # fmt: skip
        return self.block(ENHANCED_PACKET, fixed + padded(octets) + self._options(options))

    def simple(self, octets: bytes, original: int | None = None) -> "Pcapng":
        """Simple Packet Block (§4.4)."""
        return self.block(SIMPLE_PACKET, struct.pack(self.order + "I", original or len(octets)) + octets)

    def obsolete(
        self, octets: bytes, ticks: int, *, interface: int = 0, drops: int = 0xFFFF, original: int | None = None
    ) -> "Pcapng":
        """Packet Block (appendix A of the specification)."""
        times, lengths = (ticks >> 32, ticks & 0xFFFFFFFF), (len(octets), original or len(octets))
        fixed = struct.pack(self.order + "HHIIII", interface, drops, *times, *lengths)
        return self.block(OBSOLETE_PACKET, fixed + octets)

    def statistics(self, interface: int = 0, *, ifdrop: int | None = None, osdrop: int | None = None) -> "Pcapng":
        """Interface Statistics Block (§4.6)."""
        counters = ((_ISB_IFDROP, ifdrop), (_ISB_OSDROP, osdrop))
        options = [(code, struct.pack(self.order + "Q", value)) for code, value in counters if value is not None]
        fixed = struct.pack(self.order + "III", interface, 0, 0)
        return self.block(INTERFACE_STATISTICS, fixed + self._options(options))

    def _options(self, options: Iterable[Option]) -> bytes:
        octets = b"".join(struct.pack(self.order + "HH", code, len(value)) + padded(value) for code, value in options)
        return octets + bytes(4) if octets else b""


def pcapng(frames: Iterable[Recorded], *, order: Order = "<", link_type: int = 1) -> bytes:
    """A file of one section and one interface, in nanoseconds."""
    file = Pcapng(order).section().interface(link_type, 262144, tsresol=9)
    for frame in frames:
        file.enhanced(frame.octets, frame.time, original=frame.length)
    return bytes(file)


# --- snoop -----------------------------------------------------------------------------------------------------------


def snoop_header(datalink: int = 4, version: int = 2) -> bytes:
    """The 16 octets at the head of a file."""
    return b"snoop\0\0\0" + struct.pack(">II", version, datalink)


def snoop_record(frame: Recorded, *, drops: int = 0, pad: int | None = None) -> bytes:
    """One record; the padding fills it up to 32 bits."""
    size = len(frame.octets)
    padding = bytes(-size % 4 if pad is None else pad)
    seconds, nanoseconds = divmod(frame.time, 10**9)
    fixed = (frame.length, size, 24 + size + len(padding), drops, seconds, nanoseconds // 1000)
    return struct.pack(">IIIIII", *fixed) + frame.octets + padding


def snoop(frames: Sequence[Recorded], datalink: int = 4) -> bytes:
    """A whole file."""
    return snoop_header(datalink) + b"".join(snoop_record(frame) for frame in frames)
