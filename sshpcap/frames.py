"""What travels between the rooms: `FrameBlock` (capture → net), `Segment` and `IcmpError` (net → connections).

A frame is one captured record, counted from 1 as Wireshark does. Nobody makes an object per frame: a source yields
blocks of some thousand frames as NumPy columns over one buffer, and only segments that can matter become objects.
Must not know: files, protocols above TCP, results.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
PSH: Final = 0x08
ACK: Final = 0x10

# What the checksums of a segment say, its own and that of an IPv4 header.
CHECKSUM_UNKNOWN: Final = 0
"""Not told: octets of the segment were not captured, or its length is not known."""
CHECKSUM_RIGHT: Final = 1
CHECKSUM_LEFT_OUT: Final = 2
"""Not filled in: the frame was captured before the network card did it."""
CHECKSUM_WRONG: Final = 3


class FrameBlock(NamedTuple):
    """A run of frames: one contiguous buffer and a row of columns for every frame in it.

    The buffer may be reused by the source: a block is valid until the next one is asked for, and whoever wants to keep
    bytes copies them.
    """

    buffer: Bytes
    """The octets; `offset` points into it."""
    number: Int64s
    """Frame numbers in the capture, from 1."""
    offset: Int64s
    """Where each frame's first octet stands in `buffer`."""
    captured: Int64s
    """Captured octets of each frame."""
    original: Int64s
    """Octets the frame had on the link; greater than `captured` where the capture's snaplen cut it."""
    time: Int64s
    """Nanoseconds since 1970-01-01 00:00 UTC."""
    link_type: Int64s
    """LINKTYPE_… number of each frame (https://www.tcpdump.org/linktypes.html)."""
    interface: Int64s
    """Interface each frame was captured on: counted from 0 over the whole file; 0 where the format names none."""

    def at(self, rows: Int64s) -> "FrameBlock":
        """Some of the frames, in the same buffer."""
        return FrameBlock._make([self.buffer, *(column[rows] for column in self[1:])])

    def frame(self, row: int) -> memoryview:
        """The captured octets of one row."""
        start = int(self.offset[row])
        return self.buffer.data[start : start + int(self.captured[row])]


class Endpoint(NamedTuple):
    """An address (4 or 16 octets) and a TCP port."""

    address: bytes
    port: int


class Segment(NamedTuple):
    """One TCP segment (RFC 9293 §3.1) of one frame."""

    frame: int
    time: int
    source: Endpoint
    destination: Endpoint
    seq: int
    ack: int
    flags: int
    window: int
    ttl: int
    """IPv4 time to live or IPv6 hop limit."""
    ip_id: int
    """IPv4 identification; -1 for IPv6."""
    options: bytes
    """TCP options as they stand in the header."""
    payload: bytes
    """Captured payload; shorter than `length` where the snaplen cut it."""
    length: int
    """Payload octets on the wire, from the IP header's lengths."""
    tunnel: tuple[str, ...] = ()
    """Tunnels the segment came through, the outermost first; tags are not named."""
    checksum: int = CHECKSUM_UNKNOWN
    """One of `CHECKSUM_…`."""

    @property
    def span(self) -> int:
        """Sequence numbers the segment takes: payload plus one each for SYN and FIN (RFC 9293 §3.4)."""
        return self.length + (self.flags & 1) + (self.flags >> 1 & 1)


class Run(NamedTuple):
    """Segments of one connection in the order of time, column by column: no SYN, FIN or RST among them, every octet
    once and in its place, acknowledgements that never fall, and none of them captured twice."""

    row: list[int]
    """Rows of the block."""
    frame: list[int]
    time: list[int]
    side: list[int]
    """0 or 1: only different for what goes in different directions."""
    flags: list[int]
    seq: list[int]
    ack: list[int]
    length: list[int]
    window: list[int]
    ttl: list[int]
    ip_id: list[int]
    options: list[bytes]
    payload: list[bytes]
    checksum: list[int]


class IcmpError(NamedTuple):
    """An ICMP or ICMPv6 error that quotes the head of a TCP segment (RFC 792, RFC 4443)."""

    frame: int
    time: int
    reporter: bytes
    """Address of the host or router that sent the error."""
    version: int
    """4 or 6."""
    type: int
    code: int
    mtu: int
    """Next-hop MTU of a fragmentation-needed or packet-too-big error, else 0."""
    source: Endpoint
    """Source of the quoted segment: the side that is told."""
    destination: Endpoint
    seq: int | None
    """Of the quoted segment; None where the snaplen cut it off."""
    ttl: int
    """TTL of the ICMP packet itself."""
