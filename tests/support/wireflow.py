"""Scripts a TCP connection, segment by segment, for tests:

    flow = Flow()
    flow.opens()
    flow.client.sends(b"SSH-2.0-Test\\r\\n")
    flow.server.acks()
    flow.drop()  # the acknowledgement was sent, but is not in the capture
    flow.client.fin()

`flow.segments` are the values that `tcp/` takes in, `flow.block()` the same as Ethernet frames.
"""

import ipaddress
import struct
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from sshpcap.frames import ACK, FIN, PSH, RST, SYN, Endpoint, FrameBlock, Segment

START = 1_700_000_000_000_000_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000

OPTIONS = bytes.fromhex("020405b4 01030307")  # MSS 1460, window scale 7
_MODULUS = 1 << 32


class Frame(NamedTuple):
    """One captured record."""

    number: int
    time: int
    octets: bytes
    """What the capture has of it."""
    original: int
    """Octets it had on the link."""


class Side:
    """One end of the connection, with a sequence number of its own."""

    def __init__(self, flow: "Flow", endpoint: Endpoint, isn: int, ttl: int) -> None:
        self._flow = flow
        self.endpoint = endpoint
        self.isn = isn
        self.ttl = ttl
        self.next = 0
        """Sequence numbers used so far: the SYN takes the first."""
        self.peer: Side

    def syn(self, **changes: Any) -> None:
        """A SYN, or the same one again."""
        self.next = 1
        self._emit(SYN, b"", 0, **{"ack": 0, "options": OPTIONS, **changes})

    def syn_ack(self, **changes: Any) -> None:
        self.next = 1
        self._emit(SYN | ACK, b"", 0, **{"options": OPTIONS, **changes})

    def sends(self, octets: bytes, *, at: int | None = None, **changes: Any) -> None:
        """Payload: behind what was sent before, or again, `at` an offset in the stream."""
        seq = self.next if at is None else at + 1
        self.next = max(self.next, seq + len(octets))
        self._emit(PSH | ACK, octets, seq, **changes)

    def skips(self, count: int) -> None:
        """Octets that were sent somewhere else, or before the capture began."""
        self.next = max(self.next, 1) + count

    def acks(self, **changes: Any) -> None:
        """A pure acknowledgement of everything that the other side has sent."""
        self._emit(ACK, b"", self.next, **changes)

    def keep_alive(self, octets: bytes = b"") -> None:
        """RFC 9293 §3.8.4: a sequence number that is acknowledged already."""
        self._emit(ACK, octets, self.next - 1)

    def fin(self, octets: bytes = b"", **changes: Any) -> None:
        self._emit(FIN | ACK, octets, self.next, **changes)
        self.next += len(octets) + 1

    def rst(self, **changes: Any) -> None:
        """RST,ACK with a window: an abort. `flags=RST, window=0` is the answer of a socket that is gone."""
        self._emit(RST | ACK, b"", self.next, **changes)

    def _emit(self, flags: int, octets: bytes, seq: int, /, **changes: Any) -> None:
        segment = Segment(
            frame=0, time=0, source=self.endpoint, destination=self.peer.endpoint, seq=(self.isn + seq) % _MODULUS,
            ack=(self.peer.isn + self.peer.next) % _MODULUS, flags=flags, window=64240, ttl=self.ttl,
            ip_id=self._flow.count if len(self.endpoint.address) == 4 else -1, options=b"", payload=octets,
            length=len(octets),
        )  # fmt: skip
        self._flow.put(segment._replace(**changes))


class Flow:
    """A connection between a client and a server, and what a capture between the two has of it."""

    def __init__(
        self,
        *,
        client: str = "192.0.2.10",
        server: str = "203.0.113.7",
        ports: tuple[int, int] = (40022, 22),
        isn: tuple[int, int] = (1000, 5000),
        ttl: tuple[int, int] = (64, 57),
    ) -> None:
        self.client = Side(self, endpoint(client, ports[0]), isn[0], ttl[0])
        self.server = Side(self, endpoint(server, ports[1]), isn[1], ttl[1])
        self.client.peer, self.server.peer = self.server, self.client
        self.now = START
        self._segments: list[Segment] = []

    def opens(self) -> None:
        """The three-way handshake."""
        self.client.syn()
        self.server.syn_ack()
        self.client.acks()

    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self.now += round(seconds * SECOND)

    def drop(self) -> None:
        """The last segment is not in the capture."""
        self._segments.pop()

    def put(self, segment: Segment) -> None:
        """Capture a segment now; a millisecond goes by."""
        self._segments.append(segment._replace(time=self.now))
        self.now += MILLISECOND

    @property
    def count(self) -> int:
        """How many segments were captured so far; the number of the last one's frame."""
        return len(self._segments)

    @property
    def segments(self) -> list[Segment]:
        """The captured segments, their frames counted from 1."""
        return [segment._replace(frame=number) for number, segment in enumerate(self._segments, start=1)]

    def block(self) -> FrameBlock:
        """The captured segments as a block of Ethernet frames."""
        return block_of(encode(segment) for segment in self.segments)


def endpoint(address: str, port: int) -> Endpoint:
    return Endpoint(ipaddress.ip_address(address).packed, port)


def encode(segment: Segment) -> Frame:
    """A segment as an Ethernet frame (RFC 791, RFC 8200, RFC 9293) with checksums where its octets are known."""
    options = segment.options + bytes(-len(segment.options) % 4)
    tcp = struct.pack(
        ">HHIIBBHHH", segment.source.port, segment.destination.port, segment.seq, segment.ack,
        (20 + len(options)) // 4 << 4, segment.flags, segment.window, 0, 0,
    ) + options  # fmt: skip
    addresses = segment.source.address + segment.destination.address
    size = len(tcp) + segment.length
    if len(addresses) == 8:
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + size, segment.ip_id % 65536, 0x4000, segment.ttl, 6, 0)
        ip = ip[:10] + _checksum(ip + addresses)
        link = bytes(12) + b"\x08\x00"
    else:
        ip = struct.pack(">IHBB", 6 << 28, size, 6, segment.ttl)
        link = bytes(12) + b"\x86\xdd"
    if len(segment.payload) == segment.length:
        pseudo = addresses + struct.pack(">II", size, 6)
        tcp = tcp[:16] + _checksum(pseudo + tcp + segment.payload) + tcp[18:]
    head = link + ip + addresses + tcp
    return Frame(segment.frame, segment.time, head + segment.payload, len(head) + segment.length)


def _checksum(octets: bytes) -> bytes:
    """The Internet checksum (RFC 1071) of octets in which its field is 0."""
    words = octets + bytes(len(octets) & 1)
    total: int = sum(struct.unpack(f">{len(words) // 2}H", words))
    return (-total % 0xFFFF).to_bytes(2, "big")


def block_of(frames: Iterable[Frame], *, snaplen: int = 1 << 18) -> FrameBlock:
    """Ethernet frames as one block, each cut off at `snaplen`."""
    listed = list(frames)
    octets = [frame.octets[:snaplen] for frame in listed]
    captured = np.array([len(one) for one in octets], dtype=np.int64)
    return FrameBlock(
        buffer=np.frombuffer(b"".join(octets) or bytes(4), dtype=np.uint8),
        number=np.array([frame.number for frame in listed], dtype=np.int64),
        offset=np.cumsum(captured) - captured,
        captured=captured,
        original=np.array([frame.original for frame in listed], dtype=np.int64),
        time=np.array([frame.time for frame in listed], dtype=np.int64),
        link_type=np.ones(len(listed), dtype=np.int64),
        interface=np.zeros(len(listed), dtype=np.int64),
    )
