"""Frames that do not have the common shape, one by one: tags, IP options, extension headers, fragments, ICMP.

dpkt reads the IP layer; the TCP header is read by `segments`. Gives the same `Segment` as the columns do (a property
test holds them equal). Must not know: connections.
"""

import struct
from typing import Final, Literal

import dpkt

from sshpcap.frames import Endpoint, IcmpError, Segment
from sshpcap.net.link import ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, LINK_TYPES
from sshpcap.net.segments import read_segment

Protocol = Literal["tcp", "udp", "icmp", "arp", "fragment", "other", "unreadable"]
Decoded = tuple[Protocol, Segment | IcmpError | None]

# What dpkt 1.9.8 lets escape on damaged input beside its own exception.
_DPKT_ERRORS: Final = (dpkt.Error, struct.error, IndexError, ValueError, TypeError, AttributeError, KeyError)

_TCP: Final = 6
_ESP: Final = 50
_MAX_EXTENSION_BYTES: Final = 2048
"""IPv6 extension headers looked through: a packet of nothing else must not cost the square of its length."""
_ICMP_ERRORS: Final = frozenset((3, 4, 5, 11, 12))
_ICMP6_ERRORS: Final = frozenset((1, 2, 3, 4))


class _Ipv4Header(dpkt.ip.IP):  # type: ignore[misc]
    """The header alone. What dpkt reads above it is not needed, and can be nested without end."""

    _protosw: Final[dict[int, type]] = {}


class _Ipv6Header(dpkt.ip6.IP6):  # type: ignore[misc]
    """The same, with its extension headers."""

    _protosw: Final[dict[int, type]] = {}


def decode(frame: int, time: int, octets: memoryview, link_type: int, original: int | None = None) -> Decoded:
    """Take one frame apart: what it carries, and its segment or ICMP error where it has one. Never raises.

    `original` is how many octets the frame had on the link; without it the lengths of the IP header are believed.
    """
    link = LINK_TYPES.get(link_type)
    network = link.unwrap(octets) if link else None
    if network is None:
        return "unreadable", None
    ethertype, start = network
    packet = bytes(octets[start:])
    on_link = None if original is None else max(original, len(octets)) - start
    try:
        if ethertype == ETHERTYPE_IPV4:
            return _ipv4(frame, time, packet, on_link)
        if ethertype == ETHERTYPE_IPV6:
            return _ipv6(frame, time, packet, on_link)
    except _DPKT_ERRORS:
        return "unreadable", None
    return ("arp" if ethertype == ETHERTYPE_ARP else "other"), None


def _ipv4(frame: int, time: int, packet: bytes, on_link: int | None) -> Decoded:
    header = _Ipv4Header(packet)
    header_length = header.hl * 4
    if header.v != 4 or header_length < 20:
        return "unreadable", None
    if header.mf or header.offset:
        return "fragment", None
    # Total length 0: segmentation offload handed over a packet of more than 64 KiB; it reaches to the frame's end.
    total = _within(header.len, on_link, len(packet))
    body = packet[header_length:total]
    if header.p == _TCP:
        length = total - header_length
        return "tcp", read_segment(frame, time, header.src, header.dst, header.ttl, header.id, body, length)
    if header.p == dpkt.ip.IP_PROTO_ICMP:
        return "icmp", _icmp(frame, time, 4, header.src, header.ttl, body)
    return ("udp" if header.p == dpkt.ip.IP_PROTO_UDP else "other"), None


def _ipv6(frame: int, time: int, packet: bytes, on_link: int | None) -> Decoded:
    if len(packet) >= 40 and packet[0] >> 4 == 6 and packet[6] == _ESP:
        return "other", None
    header = _Ipv6Header(packet[: 40 + _MAX_EXTENSION_BYTES])
    if header.v != 6:
        return "unreadable", None
    if any(isinstance(extension, dpkt.ip6.IP6ESPHeader) for extension in header.all_extension_headers):
        return "other", None
    length = _within(header.plen and header.plen + 40, on_link, len(packet)) - 40
    at = 40
    protocol = header.nxt
    for extension in header.all_extension_headers:
        if isinstance(extension, dpkt.ip6.IP6FragmentHeader) and (extension.frag_off or extension.m_flag):
            return "fragment", None
        at += extension.length
        protocol = extension.nxt
    body = packet[at : 40 + length]
    if protocol == _TCP:
        return "tcp", read_segment(frame, time, header.src, header.dst, header.hlim, -1, body, length - (at - 40))
    if protocol == dpkt.ip.IP_PROTO_ICMP6:
        return "icmp", _icmp(frame, time, 6, header.src, header.hlim, body)
    return ("udp" if protocol == dpkt.ip.IP_PROTO_UDP else "other"), None


def _within(claimed: int, on_link: int | None, captured: int) -> int:
    """Length of a packet: what its header claims (0: up to the frame's end), if the frame was that long."""
    if on_link is None:
        return claimed or captured
    return min(claimed or on_link, on_link)


def _icmp(frame: int, time: int, version: int, reporter: bytes, ttl: int, body: bytes) -> IcmpError | None:
    """An error with the head of a TCP segment in it (RFC 792: IP header and at least 8 octets; RFC 4443 §3)."""
    if len(body) < 8 or body[0] not in (_ICMP_ERRORS if version == 4 else _ICMP6_ERRORS):
        return None
    kind, code, quoted = body[0], body[1], body[8:]
    mtu = 0
    if (version, kind, code) == (4, 3, 4):
        mtu = int.from_bytes(body[6:8], "big")
    elif (version, kind) == (6, 2):
        mtu = int.from_bytes(body[4:8], "big")
    if version == 4:
        head = (quoted[0] & 15) * 4 if len(quoted) >= 20 else 0
        # Only the first fragment of a packet has the TCP header.
        if head < 20 or quoted[0] >> 4 != 4 or quoted[9] != _TCP or quoted[6] & 0x1F or quoted[7]:
            return None
        source, destination = quoted[12:16], quoted[16:20]
    else:
        if len(quoted) < 40 or quoted[0] >> 4 != 6 or quoted[6] != _TCP:
            return None
        head = 40
        source, destination = quoted[8:24], quoted[24:40]
    if len(quoted) < head + 8:
        return None
    source_port, destination_port, seq = struct.unpack_from(">HHI", quoted, head)
    return IcmpError(
        frame=frame,
        time=time,
        reporter=reporter,
        version=version,
        type=kind,
        code=code,
        mtu=mtu,
        source=Endpoint(source, source_port),
        destination=Endpoint(destination, destination_port),
        seq=seq,
        ttl=ttl,
    )
