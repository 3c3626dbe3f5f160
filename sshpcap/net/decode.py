"""Frames that do not have the common shape, one by one: tags, tunnels, IP options, extension headers, fragments, ICMP.

The innermost TCP segment counts; the tunnels around it are named in it. dpkt reads the IP headers, `encapsulation` what
stands around them, `segments` the TCP header. Gives the same `Segment` as the columns do (a property test holds them
equal). Must not know: connections.
"""

import struct
from typing import Final, Literal, NamedTuple

import dpkt

from sshpcap import limits
from sshpcap.frames import CHECKSUM_RIGHT, CHECKSUM_UNKNOWN, Endpoint, IcmpError, Segment
from sshpcap.net import checksums
from sshpcap.net.encapsulation import (
    BY_ETHERTYPE,
    BY_PROTOCOL,
    BY_UDP_PORT,
    ETHERTYPE_ARP,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ICMP6_ERRORS,
    ICMP_ERRORS,
    Header,
    llc_snap,
)
from sshpcap.net.fragments import Fragments, Key
from sshpcap.net.link import LINK_TYPES
from sshpcap.net.neighbours import Neighbours
from sshpcap.net.segments import read_segment

Protocol = Literal["tcp", "udp", "icmp", "arp", "fragment", "other", "unreadable"]
Decoded = tuple[Protocol, Segment | IcmpError | None]
CutErrors = dict[tuple[bytes, bytes], int]
"""ICMP errors that were cut before the ports of the segment that they quote: who was told, about a packet to whom (b""
where that was cut, too) → the frame of the last."""

# What dpkt 1.9.8 lets escape on damaged input beside its own exception.
_DPKT_ERRORS: Final = (dpkt.Error, struct.error, IndexError, ValueError, TypeError, AttributeError, KeyError)

_TCP: Final = 6
_FIRST_ETHERTYPE: Final = 0x600
_UDP: Final = 17
_ICMP: Final = 1
_ICMP6: Final = 58
_ESP: Final = 50
_SOURCE_ROUTES: Final = (131, 137)
"""IPv4 options (RFC 791 §3.1) with which the destination in the header is not the last one."""
_MAX_EXTENSION_BYTES: Final = 2048
"""IPv6 extension headers looked through: a packet of nothing else must not cost the square of its length."""


class _Ipv4Header(dpkt.ip.IP):  # type: ignore[misc]
    """The header alone. What dpkt reads above it is not needed, and can be nested without end."""

    _protosw: Final[dict[int, type]] = {}


class _Ipv6Header(dpkt.ip6.IP6):  # type: ignore[misc]
    """The same, with its extension headers."""

    _protosw: Final[dict[int, type]] = {}


class _Packet(NamedTuple):
    """What an IP header says."""

    protocol: int
    source: bytes
    destination: bytes
    ttl: int
    ip_id: int
    body: bytes
    length: int
    """Octets of the body on the wire."""
    fragment: tuple[int, int, bool] | None
    """Identification, offset in octets, more to come; None for a whole packet."""
    checksum: int
    """What the checksum of its header says; CHECKSUM_UNKNOWN where that of a segment in it must not be judged: its
    length or its last destination is not known."""


class Decoder:
    """Takes frames apart, one by one; remembers fragments until their packets are whole."""

    def __init__(self, neighbours: Neighbours | None = None, cut_errors: CutErrors | None = None) -> None:
        """`neighbours`: who keeps the questions for hosts; `cut_errors`: where those are kept."""
        self.fragments = Fragments()
        self.neighbours = neighbours or Neighbours()
        self.nameless_errors = 0
        """ICMP errors that were cut before the ports of the segment that they quote."""
        self.first_nameless: int | None = None
        """The frame of the first of them."""
        self.cut_errors: CutErrors = {} if cut_errors is None else cut_errors
        self.fragment_key: Key | None = None
        """Of which datagram the last frame was a fragment; None if it was none."""

    def decode(self, frame: int, time: int, octets: memoryview, link_type: int, original: int | None = None) -> Decoded:
        """What a frame carries, and the innermost TCP segment or ICMP error where it has one. Never raises.

        `original` is how many octets the frame had on the link; without it the lengths of the IP header are believed.
        """
        self.fragment_key = None
        link = LINK_TYPES.get(link_type)
        network = link.unwrap(octets) if link else None
        if network is None:
            return "unreadable", None
        ethertype, start = network
        packet = bytes(octets[start:])
        on_link = None if original is None else max(original, len(octets)) - start
        try:
            return self._layers(frame, time, ethertype, packet, on_link)
        except _DPKT_ERRORS:
            return "unreadable", None

    def _remember(self, frame: int, error: _Packet) -> None:
        name = error.destination, _quoted_destination(error)
        self.cut_errors.pop(name, None)
        self.cut_errors[name] = frame  # now the last
        if len(self.cut_errors) > limits.MAX_ADDRESSES:
            del self.cut_errors[next(iter(self.cut_errors))]

    def _layers(self, frame: int, time: int, ethertype: int, packet: bytes, on_link: int | None) -> Decoded:
        tunnel: list[str] = []
        for _ in range(limits.MAX_LAYERS):
            header: Header | None = None
            if ethertype in (ETHERTYPE_IPV4, ETHERTYPE_IPV6):
                version = 4 if ethertype == ETHERTYPE_IPV4 else 6
                found = _ipv4(packet, on_link) if version == 4 else _ipv6(packet, on_link)
                if found is None:
                    return "unreadable", None
                if found.fragment is not None:
                    found = self._whole(found, found.fragment, time)
                    if found is None:
                        return "fragment", None
                if found.protocol == _UDP:
                    header = _udp_tunnel(found.body)
                    body, length = found.body[8:], found.length - 8
                else:
                    header = BY_PROTOCOL.get(found.protocol)
                    body, length = found.body, found.length
                if header is None:
                    if found.protocol == _ICMP6 and not tunnel:
                        self.neighbours.icmp6(frame, found.source, found.body)
                    if found.protocol in (_ICMP, _ICMP6) and _nameless(found):
                        self.nameless_errors += 1
                        self.first_nameless = self.first_nameless or frame
                        self._remember(frame, found)
                    return _transport(frame, time, version, found, tuple(tunnel))
                packet, on_link = body, length
            else:
                # Below 0x600 it is no ethertype but the length of an IEEE 802.3 frame, or "802.2" in a cooked header.
                header = llc_snap if 0 <= ethertype < _FIRST_ETHERTYPE else BY_ETHERTYPE.get(ethertype)
                if header is None and ethertype == ETHERTYPE_ARP:
                    self.neighbours.arp(frame, packet)
                    return "arp", None
                if header is None:
                    return "other", None
            inner = header(packet)
            if inner is None:
                return "other", None
            ethertype, packet = inner.ethertype, packet[inner.start :]
            on_link = None if on_link is None else on_link - inner.start
            if inner.name:
                tunnel.append(inner.name)
        return "other", None

    def _whole(self, part: _Packet, fragment: tuple[int, int, bool], time: int) -> _Packet | None:
        """The packet that a fragment completes."""
        ip_id, offset, more = fragment
        key = self.fragment_key = (part.source, part.destination, part.protocol, ip_id)
        whole = self.fragments.add(key, time, offset, part.body, part.length, more=more)
        return None if whole is None else part._replace(body=whole.octets, length=whole.length, fragment=None)


def _transport(frame: int, time: int, version: int, packet: _Packet, tunnel: tuple[str, ...]) -> Decoded:
    if packet.protocol == _TCP:
        segment = read_segment(
            frame, time, packet.source, packet.destination, packet.ttl, packet.ip_id, packet.body, packet.length,
            _checksum(packet),
        )  # fmt: skip
        return "tcp", segment._replace(tunnel=tunnel) if segment and tunnel else segment
    if packet.protocol == (_ICMP if version == 4 else _ICMP6):
        return "icmp", _icmp(frame, time, version, packet.source, packet.ttl, packet.body)
    return ("udp" if packet.protocol == _UDP else "other"), None


def _checksum(packet: _Packet) -> int:
    """What the checksums of a TCP segment in its packet say."""
    if packet.checksum == CHECKSUM_UNKNOWN or len(packet.body) != packet.length:
        return CHECKSUM_UNKNOWN
    addresses = packet.source + packet.destination
    return max(checksums.of_segment(addresses + packet.body, len(addresses)), packet.checksum)


def _udp_tunnel(datagram: bytes) -> Header | None:
    if len(datagram) < 8:
        return None
    ports = struct.unpack_from(">HH", datagram)
    return BY_UDP_PORT.get(ports[1]) or BY_UDP_PORT.get(ports[0])


def _ipv4(packet: bytes, on_link: int | None) -> _Packet | None:
    header = _Ipv4Header(packet)
    header_length = header.hl * 4
    if header.v != 4 or header_length < 20:
        return None
    # Total length 0: segmentation offload handed over a packet of more than 64 KiB; it reaches to the frame's end.
    total = _within(header.len, on_link, len(packet))
    routed = any(kind in packet[20:header_length] for kind in _SOURCE_ROUTES)
    return _Packet(
        protocol=header.p,
        source=header.src,
        destination=header.dst,
        ttl=header.ttl,
        ip_id=header.id,
        body=packet[header_length:total],
        length=total - header_length,
        fragment=(header.id, header.offset * 8, bool(header.mf)) if header.mf or header.offset else None,
        checksum=CHECKSUM_UNKNOWN if header.len != total or routed else checksums.of_header(packet[:header_length]),
    )


def _ipv6(packet: bytes, on_link: int | None) -> _Packet | None:
    if len(packet) < 40 or packet[0] >> 4 != 6:
        return None
    fragment = None
    routed = False
    at, protocol = 40, packet[6]
    if protocol != _ESP:
        header = _Ipv6Header(packet[: 40 + _MAX_EXTENSION_BYTES])
        for extension in header.all_extension_headers:
            if isinstance(extension, dpkt.ip6.IP6ESPHeader):
                protocol = _ESP
                break
            at += extension.length
            protocol = extension.nxt
            routed = routed or (isinstance(extension, dpkt.ip6.IP6RoutingHeader) and extension.segs_left > 0)
            if isinstance(extension, dpkt.ip6.IP6FragmentHeader) and (extension.frag_off or extension.m_flag):
                # What stands behind is part of a whole; its extension headers are those of the whole.
                fragment = (extension.id, extension.frag_off * 8, bool(extension.m_flag))
                break
    claimed = int.from_bytes(packet[4:6], "big")
    length = _within(claimed and claimed + 40, on_link, len(packet)) - 40
    return _Packet(
        protocol=protocol,
        source=packet[8:24],
        destination=packet[24:40],
        ttl=packet[7],
        ip_id=-1,
        body=packet[at : 40 + length],
        length=length - (at - 40),
        fragment=fragment,
        checksum=CHECKSUM_UNKNOWN if claimed != length or routed else CHECKSUM_RIGHT,
    )


def decode(frame: int, time: int, octets: memoryview, link_type: int, original: int | None = None) -> Decoded:
    """One frame by itself, as `Decoder.decode`: a fragment stays one."""
    return Decoder().decode(frame, time, octets, link_type, original)


def _within(claimed: int, on_link: int | None, captured: int) -> int:
    """Length of a packet: what its header claims (0: up to the frame's end), if the frame was that long."""
    if on_link is None:
        return claimed or captured
    return min(claimed or on_link, on_link)


def _nameless(packet: _Packet) -> bool:
    """An ICMP error about a TCP segment whose ports the snaplen cut off."""
    version = 4 if packet.protocol == _ICMP else 6
    body, quoted = packet.body, packet.body[8:]
    if len(body) >= packet.length or not quoted or body[0] not in (ICMP_ERRORS if version == 4 else ICMP6_ERRORS):
        return False
    head, protocol_at = ((quoted[0] & 15) * 4, 9) if version == 4 else (40, 6)
    return protocol_at >= len(quoted) or (quoted[protocol_at] == _TCP and len(quoted) < head + 4)


def _quoted_destination(packet: _Packet) -> bytes:
    """Where the packet went that an ICMP error quotes; b"" where that was cut off."""
    quoted, (start, end) = packet.body[8:], (16, 20) if packet.protocol == _ICMP else (24, 40)
    return quoted[start:end] if len(quoted) >= end else b""


def _icmp(frame: int, time: int, version: int, reporter: bytes, ttl: int, body: bytes) -> IcmpError | None:
    """An error with the head of a TCP segment in it (RFC 792: IP header and at least 8 octets; RFC 4443 §3).

    None for what tells nothing of a segment.
    """
    if len(body) < 8 or body[0] not in (ICMP_ERRORS if version == 4 else ICMP6_ERRORS):
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
    if len(quoted) < head + 4:
        return None
    # Where the snaplen cut off the rest, the ports alone tell whose it is.
    source_port, destination_port = struct.unpack_from(">HH", quoted, head)
    seq = int.from_bytes(quoted[head + 4 : head + 8], "big") if len(quoted) >= head + 8 else None
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
