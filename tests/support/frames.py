"""Builds packets from the RFCs, octet by octet, and puts the same packets under any link type.

A packet is IPv4 or IPv6 with what it carries; a frame is a packet with a link-layer header. Must not know: sshpcap.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from typing import Final, NamedTuple

TCP: Final = 6
UDP: Final = 17
ICMP: Final = 1
ICMP6: Final = 58

HOP_BY_HOP: Final = 0
ROUTING: Final = 43
FRAGMENT: Final = 44
AUTHENTICATION: Final = 51
DESTINATION_OPTIONS: Final = 60

CLIENT4, SERVER4 = "192.0.2.10", "203.0.113.7"
CLIENT6, SERVER6 = "2001:db8::10", "2001:db8:1::7"


def checksum(octets: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    octets += bytes(len(octets) % 2)
    total: int = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


# --- what is in a packet ---------------------------------------------------------------------------------------------


def tcp(
    payload: bytes = b"",
    *,
    sport: int = 40000,
    dport: int = 22,
    seq: int = 1,
    ack: int = 0,
    flags: int = 0x18,
    window: int = 501,
    options: bytes = b"",
) -> bytes:
    """A segment (RFC 9293 §3.1), its checksum left at zero; `options` fill whole words."""
    assert not len(options) % 4
    offset = (20 + len(options)) // 4
    return struct.pack(">HHIIBBHHH", sport, dport, seq, ack, offset << 4, flags, window, 0, 0) + options + payload


def udp(payload: bytes = b"", *, sport: int = 53, dport: int = 40000) -> bytes:
    """A datagram (RFC 768) without checksum."""
    return struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload


def icmp(kind: int, code: int, quoted: bytes, *, rest: int = 0) -> bytes:
    """An ICMP or ICMPv6 message with four octets of its own and a quote (RFC 792, RFC 4443)."""
    return struct.pack(">BBHI", kind, code, 0, rest) + quoted


# --- packets ---------------------------------------------------------------------------------------------------------


def ipv4(
    body: bytes,
    protocol: int = TCP,
    *,
    source: str = CLIENT4,
    destination: str = SERVER4,
    ttl: int = 64,
    ident: int = 0x1234,
    options: bytes = b"",
    dont_fragment: bool = True,
    more: bool = False,
    offset: int = 0,
    total: int | None = None,
) -> bytes:
    """An IPv4 packet (RFC 791 §3.1); `offset` in units of eight octets, `total` lies about the total length."""
    assert not len(options) % 4
    length = 20 + len(options) + len(body) if total is None else total
    fragment = dont_fragment << 14 | more << 13 | offset
    head = struct.pack(
        ">BBHHHBBH4s4s", 0x45 + len(options) // 4, 0, length, ident, fragment, ttl, protocol, 0,
        ip_address(source).packed, ip_address(destination).packed,
    ) + options  # fmt: skip
    return head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + body


def ipv6(
    body: bytes,
    protocol: int = TCP,
    *,
    source: str = CLIENT6,
    destination: str = SERVER6,
    hop_limit: int = 64,
    extensions: Sequence[tuple[int, bytes]] = (),
    length: int | None = None,
) -> bytes:
    """An IPv6 packet (RFC 8200 §3). `extensions` are (kind, octets behind its next-header octet); `length` lies."""
    kinds = [kind for kind, _ in extensions] + [protocol]
    chain = b"".join(bytes([after]) + octets for (_, octets), after in zip(extensions, kinds[1:], strict=True))
    size = len(chain) + len(body) if length is None else length
    head = struct.pack(
        ">IHBB16s16s", 6 << 28 | 0x12345, size, kinds[0], hop_limit,
        ip_address(source).packed, ip_address(destination).packed,
    )  # fmt: skip
    return head + chain + body


def options_header(units: int = 0) -> bytes:
    """A Hop-by-Hop or Destination Options header without its first octet: one PadN that fills it (RFC 8200 §4.2)."""
    size = 8 * units + 8 - 4
    return bytes([units, 1, size]) + bytes(size)


def routing_header() -> bytes:
    """A Segment Routing header with one address (RFC 8754), without its first octet."""
    return bytes([2, 4, 0, 0, 0]) + bytes(2) + ip_address(SERVER6).packed


def fragment_header(offset: int = 0, *, more: bool = False) -> bytes:
    """A Fragment header without its first octet (RFC 8200 §4.5)."""
    return bytes(1) + (offset << 3 | more).to_bytes(2, "big") + bytes.fromhex("01020304")


def authentication_header() -> bytes:
    """An Authentication Header with twelve octets of check value, without its first octet (RFC 4302 §2)."""
    return bytes([4]) + bytes(2) + bytes.fromhex("00000100 00000001") + bytes(12)


def version_of(packet: bytes) -> int:
    """4 or 6."""
    return packet[0] >> 4


# --- frames ----------------------------------------------------------------------------------------------------------

_MACS: Final = bytes.fromhex("020000000002 020000000001")
_FAMILIES: Final = {"Linux": (2, 10), "Windows": (2, 23), "NetBSD": (2, 24), "FreeBSD": (2, 28), "Darwin": (2, 30)}
"""AF_INET and AF_INET6 of the systems that write null/loop headers (tcpdump.org/linktypes.html, LINKTYPE_NULL)."""


class Link(NamedTuple):
    """One way to put a packet into a frame."""

    number: int
    wrap: Callable[[bytes], bytes]
    versions: tuple[int, ...] = (4, 6)
    simple: bool = True
    """Whether a frame of it has the common shape (no tags)."""


def ethertype(packet: bytes) -> bytes:
    """The two octets that name what a packet is."""
    return b"\x08\x00" if version_of(packet) == 4 else b"\x86\xdd"


def ethernet(packet: bytes, *, tags: str = "", kind: bytes | None = None, pad: bool = True) -> bytes:
    """An Ethernet frame, filled up to 60 octets (IEEE 802.3 §4A.4.2); hexadecimal `tags` stand before the ethertype."""
    frame = _MACS + bytes.fromhex(tags) + (kind or ethertype(packet)) + packet
    return frame + b"\xa5" * (60 - len(frame)) if pad else frame


def _cooked(packet: bytes, tags: str = "") -> bytes:
    # Packet type, ARPHRD_ETHER, address length, address, protocol.
    return bytes.fromhex("0000 0001 0006 020000000001 0000" + tags) + ethertype(packet) + packet


def _cooked2(packet: bytes, tag: str = "") -> bytes:
    # Protocol, reserved, interface index, ARPHRD_ETHER, packet type, address length, address.
    head = bytes.fromhex("0000 00000003 0001 00 06 020000000001 0000")
    if not tag:
        return ethertype(packet) + head + packet
    return bytes.fromhex("8100") + head + bytes.fromhex(tag) + ethertype(packet) + packet


def _family(system: str, order: str) -> Callable[[bytes], bytes]:
    return lambda packet: struct.pack(order + "I", _FAMILIES[system][version_of(packet) == 6]) + packet


def _ppp(packet: bytes) -> bytes:
    return (b"\x00\x21" if version_of(packet) == 4 else b"\x00\x57") + packet


def _pppoe(packet: bytes) -> bytes:
    session = _ppp(packet)
    return b"\x11\x00" + struct.pack(">HH", 7, len(session)) + session


def _mpls(packet: bytes, *labels: int) -> bytes:
    words = [label << 12 | 64 for label in labels]
    words[-1] |= 0x100  # bottom of stack
    return b"".join(struct.pack(">I", word) for word in words) + packet


def _nflog(packet: bytes) -> bytes:
    # Family, version, resource; an attribute (NFULA_MARK, 3), then NFULA_PAYLOAD (9), in host order.
    head = bytes((2 if version_of(packet) == 4 else 10, 0, 0, 0))
    return head + struct.pack("<HHI", 8, 3, 1) + struct.pack("<HH", 4 + len(packet), 9) + packet


_SNAP: Final = bytes.fromhex("aaaa03000000")


def _wifi(packet: bytes, kind: int, flags: int) -> bytes:
    head = bytes((kind, flags)) + bytes(22) + (bytes(6) if flags & 3 == 3 else b"") + (bytes(2) if kind & 0x80 else b"")
    return head + _SNAP + ethertype(packet) + packet


def _outer(protocol: int, body: bytes) -> bytes:
    """An Ethernet frame with an IPv4 packet of a tunnel."""
    return ethernet(ipv4(body, protocol, source="198.51.100.1", destination="198.51.100.2"), pad=False)


def _over_udp(port: int, body: bytes) -> bytes:
    return _outer(17, struct.pack(">HHHH", 50000, port, 8 + len(body), 0) + body)


LINKS: Final = {
    "ethernet": Link(1, ethernet),
    "ethernet-without-padding": Link(1, lambda packet: ethernet(packet, pad=False)),
    "vlan": Link(1, lambda packet: ethernet(packet, tags="8100 0064")),
    "vlan-priority-only": Link(1, lambda packet: ethernet(packet, tags="8100 e000")),
    "qinq": Link(1, lambda packet: ethernet(packet, tags="88a8 000a 8100 0064")),
    "qinq-old": Link(1, lambda packet: ethernet(packet, tags="9100 000a 8100 0064")),
    "qinq-twice-8100": Link(1, lambda packet: ethernet(packet, tags="8100 000a 8100 0064")),
    "sll": Link(113, _cooked),
    "sll-vlan": Link(113, lambda packet: _cooked(packet, "8100 0064")),
    "sll2": Link(276, _cooked2),
    "sll2-vlan": Link(276, lambda packet: _cooked2(packet, "0064")),
    "raw-12": Link(12, bytes),
    "raw-14": Link(14, bytes),
    "raw-101": Link(101, bytes),
    "raw-ipv4": Link(228, bytes, (4,)),
    "raw-ipv6": Link(229, bytes, (6,)),
    "loop": Link(108, _family("FreeBSD", ">")),
    # PPP (RFC 1661, 1662), Cisco HDLC, PPPoE (RFC 2516), MPLS (RFC 3032), NFLOG, IEEE 802.11
    # (tcpdump.org/linktypes.html)
    "ppp": Link(9, lambda packet: b"\xff\x03" + _ppp(packet), simple=False),
    "ppp-bare": Link(9, _ppp, simple=False),
    "ppp-hdlc": Link(50, lambda packet: b"\xff\x03" + _ppp(packet), simple=False),
    "ppp-with-direction": Link(204, lambda packet: b"\x00\xff\x03" + _ppp(packet), simple=False),
    "cisco-hdlc": Link(104, lambda packet: b"\x0f\x00" + ethertype(packet) + packet, simple=False),
    "pppoe": Link(51, _pppoe, simple=False),
    "pppoe-ethernet": Link(1, lambda packet: ethernet(_pppoe(packet), kind=b"\x88\x64", pad=False), simple=False),
    "mpls": Link(219, lambda packet: _mpls(packet, 16, 17), simple=False),
    "mpls-ethernet": Link(1, lambda packet: ethernet(_mpls(packet, 100), kind=b"\x88\x47", pad=False), simple=False),
    "nflog": Link(239, _nflog, simple=False),
    "wifi": Link(105, lambda packet: _wifi(packet, 0x08, 0x01), simple=False),
    "wifi-qos": Link(105, lambda packet: _wifi(packet, 0x88, 0x02), simple=False),
    "wifi-four-addresses": Link(105, lambda packet: _wifi(packet, 0x88, 0x03), simple=False),
    "radiotap": Link(
        127, lambda packet: bytes.fromhex("00000c00 0e000000 00020000") + _wifi(packet, 0x88, 0x01), simple=False
    ),
    "llc-snap": Link(
        1, lambda packet: _MACS + struct.pack(">H", len(packet) + 8) + _SNAP + ethertype(packet) + packet, simple=False
    ),
    # Tunnels: GRE (RFC 2784, 2890), ERSPAN (draft-foschiano-erspan-03), IP in IP (RFC 2003, 4213), VXLAN (RFC 7348),
    # Geneve (RFC 8926), GTP-U (3GPP TS 29.281), MPLS in IP (RFC 4023).
    "gre": Link(1, lambda packet: _outer(47, b"\x00\x00" + ethertype(packet) + packet), simple=False),
    "gre-checksum-key-sequence": Link(
        1, lambda packet: _outer(47, b"\xb0\x00" + ethertype(packet) + bytes(12) + packet), simple=False
    ),
    "gre-ethernet": Link(1, lambda packet: _outer(47, b"\x00\x00\x65\x58" + ethernet(packet, pad=False)), simple=False),
    "erspan-2": Link(
        1,
        lambda packet: _outer(47, bytes.fromhex("100088be 00000001 1000002a 00000000") + ethernet(packet, pad=False)),
        simple=False,
    ),
    "erspan-3": Link(
        1,
        lambda packet: _outer(
            47, bytes.fromhex("100022eb 00000001 2000002a 00000000 00000000") + ethernet(packet, pad=False)
        ),
        simple=False,
    ),
    "ip-in-ip": Link(1, lambda packet: _outer(4, packet), (4,), simple=False),
    "6in4": Link(1, lambda packet: _outer(41, packet), (6,), simple=False),
    "ip-in-ipv6": Link(
        1, lambda packet: ethernet(ipv6(packet, 4 if version_of(packet) == 4 else 41), pad=False), simple=False
    ),
    "mpls-in-ip": Link(1, lambda packet: _outer(137, _mpls(packet, 20)), simple=False),
    "vxlan": Link(
        1, lambda packet: _over_udp(4789, bytes.fromhex("0800000000002a00") + ethernet(packet, pad=False)), simple=False
    ),
    "geneve": Link(
        1,
        lambda packet: _over_udp(6081, bytes.fromhex("0100655800002a00 01028000") + ethernet(packet, pad=False)),
        simple=False,
    ),
    "gtp-u": Link(
        1, lambda packet: _over_udp(2152, struct.pack(">BBHI", 0x30, 255, len(packet), 7) + packet), simple=False
    ),
    "gtp-u-sequence": Link(
        1,
        lambda packet: _over_udp(2152, struct.pack(">BBHIHBB", 0x32, 255, len(packet) + 4, 7, 1, 0, 0) + packet),
        simple=False,
    ),
    "vxlan-in-gre": Link(
        1,
        lambda packet: _outer(
            47,
            b"\x00\x00\x08\x00" + _over_udp(4789, bytes.fromhex("0800000000002a00") + ethernet(packet, pad=False))[14:],
        ),
        simple=False,
    ),
    **{
        f"null-{system}-{name}": Link(0, _family(system, order))
        for system in _FAMILIES
        for name, order in (("little", "<"), ("big", ">"))
    },
}


def relabel(packets: Iterable[bytes], link: str) -> list[bytes]:
    """The packets as frames of a link type; those it cannot carry are left out."""
    wrap, versions = LINKS[link].wrap, LINKS[link].versions
    return [wrap(packet) for packet in packets if version_of(packet) in versions]
