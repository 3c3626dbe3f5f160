"""What customers' tools do to a capture before it is sent, as functions from frames to a file.

`KEEPS_ALL` changes how the same segments are wrapped, copied or stored; `LOSES` leaves something out or makes times
wrong. Ethernet captures only. Must not know: how anything is found.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from sshpcap.frames import FIN, RST, SYN
from tests.support.captures import Recorded, pcap, pcapng

Frames = Sequence[Recorded]
Change = Callable[[Frames], bytes]
_SECOND: Final = 1_000_000_000
_IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"
_OUTER: Final = bytes.fromhex("020000000001020000000002") + _IPV4


class _Tcp(NamedTuple):
    """Where the TCP header of a frame stands, and what in it matters here."""

    flags: int
    to_server: bool
    payload: bool


def _tcp(frame: Recorded) -> _Tcp | None:
    octets = frame.octets
    if octets[12:14] == _IPV4 and octets[23] == 6:
        at, end = 14 + (octets[14] & 15) * 4, 14 + int.from_bytes(octets[16:18])
    elif octets[12:14] == _IPV6 and octets[20] == 6:
        at, end = 54, 54 + int.from_bytes(octets[18:20])
    else:
        return None
    source, destination = struct.unpack_from(">HH", octets, at)
    header = (octets[at + 12] >> 4) * 4
    return _Tcp(octets[at + 13], destination < source, end > at + header)


def _checksum(octets: bytes) -> bytes:
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack(">H", ~total & 0xFFFF)


def _routed(octets: bytes) -> bytes:
    """Behind a router: the TTL is one less."""
    if octets[12:14] == _IPV6:
        return octets[:21] + bytes([octets[21] - 1]) + octets[22:]
    if octets[12:14] != _IPV4:
        return octets
    end = 14 + (octets[14] & 15) * 4
    header = octets[14:22] + bytes([octets[22] - 1]) + octets[23:24] + b"\0\0" + octets[26:end]
    return octets[:14] + header[:10] + _checksum(header) + header[12:] + octets[end:]


def other_end(frames: Frames, *, delay: int, clock: int) -> list[Recorded]:
    """The same frames captured behind a router: what goes to the server comes by `delay` nanoseconds later, what comes
    from it was there earlier, and the clock shows `clock` more."""
    moved = []
    for frame in frames:
        tcp = _tcp(frame)
        way = delay if tcp is None or tcp.to_server else -delay
        moved.append(Recorded(_routed(frame.octets), frame.time + way + clock, frame.length))
    return sorted(moved, key=lambda frame: frame.time)


def _cooked(octets: bytes, interface: int, kind: int) -> bytes:
    """LINUX_SLL2, as `tcpdump -i any` writes it."""
    return octets[12:14] + struct.pack(">HIHBB", 0, interface, 1, kind, 6) + octets[6:12] + bytes(2) + octets[14:]


def _in(frames: Frames, made: Callable[[bytes], bytes]) -> list[Recorded]:
    changed = []
    for frame in frames:
        octets = made(frame.octets)
        changed.append(Recorded(octets, frame.time, frame.length + len(octets) - len(frame.octets)))
    return changed


def _tunnelled(protocol: int, between: bytes) -> Callable[[bytes], bytes]:
    def made(octets: bytes) -> bytes:
        inner = between + octets
        if protocol == 17:  # VXLAN: the length of the UDP datagram
            inner = inner[:4] + struct.pack(">H", len(inner)) + inner[6:]
        header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(inner), 0, 0, 64, protocol, 0) + bytes.fromhex(
            "0a0000010a000002"
        )
        return _OUTER + header[:10] + _checksum(header) + header[12:] + inner

    return made


_ERSPAN: Final = bytes.fromhex("100088be000000011064000a00000001")
_VXLAN: Final = bytes.fromhex("c35012b5000000000800000000002a00")


def _twice(frames: Frames, *steps: tuple[int, Callable[[bytes], bytes]]) -> list[Recorded]:
    """Every frame as often as there are steps: nanoseconds later, and changed."""
    return [
        Recorded(made(frame.octets), frame.time + later, frame.length + len(made(frame.octets)) - len(frame.octets))
        for frame in frames
        for later, made in steps
    ]


def _as_it_is(octets: bytes) -> bytes:
    return octets


KEEPS_ALL: Final[dict[str, Change]] = {
    "pcapng": pcapng,
    "a year earlier": lambda frames: pcap(f._replace(time=f.time - 31_536_000 * _SECOND) for f in frames),
    "vlan": lambda frames: pcap(_in(frames, lambda o: o[:12] + bytes.fromhex("81000064") + o[12:])),
    "qinq": lambda frames: pcap(_in(frames, lambda o: o[:12] + bytes.fromhex("88a80064810000c8") + o[12:])),
    "erspan": lambda frames: pcap(_in(frames, _tunnelled(47, _ERSPAN))),
    "vxlan": lambda frames: pcap(_in(frames, _tunnelled(17, _VXLAN))),
    "any": lambda frames: pcap(_in(frames, lambda o: _cooked(o, 2, 0)), link_type=276),
    "any, in and out": lambda frames: pcap(
        _twice(frames, (0, lambda o: _cooked(o, 3, 4)), (2000, lambda o: _cooked(o, 5, 0))), link_type=276
    ),
    "any, on a router": lambda frames: pcap(
        _twice(frames, (0, lambda o: _cooked(o, 3, 0)), (20_000, lambda o: _cooked(_routed(o), 5, 4))), link_type=276
    ),
    "a bridge and its router": lambda frames: pcap(_twice(frames, (0, _as_it_is), (1500, _as_it_is), (4000, _routed))),
    "zeros behind it": lambda frames: pcap(frames) + bytes(65536),
    "garbage behind it": lambda frames: pcap(frames) + b"\xa5\x5a\xff\x01" * 1000,
    "a snaplen that is not true": lambda frames: pcap(frames, snaplen=96),
    "padded frames": lambda frames: pcap(_in(frames, lambda o: o + bytes(6))),
}
"""Name → what makes the file."""


def _kept(wanted: Callable[[_Tcp], int | bool], *, others: bool = False) -> Change:
    def made(frames: Frames) -> bytes:
        read = [(frame, _tcp(frame)) for frame in frames]
        return pcap(frame for frame, tcp in read if (others if tcp is None else wanted(tcp)))

    return made


def _cut(snaplen: int) -> Change:
    return lambda frames: pcap((Recorded(f.octets[:snaplen], f.time, f.length) for f in frames), snaplen=snaplen)


def _later(frames: Frames, wanted: Callable[[_Tcp], bool], by: int) -> Iterable[Recorded]:
    read = [(frame, _tcp(frame)) for frame in frames]
    moved = [f._replace(time=f.time + (by if tcp is not None and wanted(tcp) else 0)) for f, tcp in read]
    return sorted(moved, key=lambda frame: frame.time)


def _set_back(share: float) -> Change:
    def made(frames: Frames) -> bytes:
        place = int(len(frames) * share)
        return pcap([*frames[:place], *(f._replace(time=f.time - 40 * _SECOND) for f in frames[place:])])

    return made


LOSES: Final[dict[str, Change]] = {
    "only SYN, FIN, RST": _kept(lambda tcp: tcp.flags & (SYN | FIN | RST)),
    "only payload": _kept(lambda tcp: tcp.payload),
    "no ICMP": _kept(lambda tcp: True),
    "no SYN": _kept(lambda tcp: not tcp.flags & SYN, others=True),
    "no FIN": _kept(lambda tcp: not tcp.flags & FIN, others=True),
    "no RST": _kept(lambda tcp: not tcp.flags & RST, others=True),
    "to the server": _kept(lambda tcp: tcp.to_server),
    "to the client": _kept(lambda tcp: not tcp.to_server),
    **{f"snaplen {snaplen}": _cut(snaplen) for snaplen in (64, 68, 96, 128, 200)},
    "the server 3 ms late": lambda frames: pcap(_later(frames, lambda tcp: not tcp.to_server, 3_000_000)),
    "the client 3 ms late": lambda frames: pcap(_later(frames, lambda tcp: tcp.to_server, 3_000_000)),
    "no times": lambda frames: pcap(frame._replace(time=0) for frame in frames),
    **{f"clock set back at {share}": _set_back(share) for share in (0.2, 0.6, 0.9)},
}
"""Name → what makes the file."""
