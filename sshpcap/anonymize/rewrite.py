"""Writes pseudonyms into the headers of one frame, and corrects the checksums by what changed (RFC 1624)."""

import struct
from typing import Final

from sshpcap.anonymize.pseudonyms import Pseudonyms
from sshpcap.frames import Segment
from sshpcap.net.layers import Layer

_KNOWN_OPTIONS: Final = frozenset((0, 1, 2, 3, 4, 5, 8))
"""TCP options that say nothing of hosts: end, no-operation, MSS, window scale, SACK (two), timestamps."""
_ICMP_ERRORS: Final = {"icmp": frozenset((3, 4, 5, 11, 12)), "icmp6": frozenset((1, 2, 3, 4))}


class Writing:
    """A frame that is being rewritten; `octets` are the result."""

    def __init__(self, octets: bytes, place: tuple[Layer, ...], names: Pseudonyms) -> None:
        self.octets = bytearray(octets)
        self._place = place
        self._names = names

    def rewrite(self, payload: bytes | None) -> None:
        """Replace everything; `payload` stands for that of the TCP segment (None: there is none)."""
        network = next(layer for layer in self._place if layer.kind in ("ipv4", "ipv6"))
        self._link()
        transport = self._place[-1] if self._place[-1] is not network else None
        delta = self._network(network)
        if transport is not None and transport.kind == "tcp":
            delta += self.segment(transport, payload or b"")
            self._correct(transport.start + 16, delta)
        elif transport is not None and transport.kind in _ICMP_ERRORS:
            self._icmp(transport, delta if transport.kind == "icmp6" else 0)
        end = network.end
        if end < len(self.octets):
            self.octets[end:] = bytes(len(self.octets) - end)  # padding may hold anything

    def _link(self) -> None:
        for layer in self._place:
            if layer.kind == "ethernet":
                for at in (layer.start, layer.start + 6):
                    self.octets[at : at + 6] = self._names.mac(bytes(self.octets[at : at + 6]))
            elif layer.kind in ("cooked1", "cooked2"):
                at, size = (6, 5) if layer.kind == "cooked1" else (12, 11)
                length = min(8, self.octets[size])
                self.octets[at : at + length] = self._names.mac(bytes(self.octets[at : at + length]))
                self.octets[at + length : at + 8] = bytes(8 - length)

    def _network(self, layer: Layer) -> int:
        """Addresses and options of an IP header; what the checksum of the layer above changes by."""
        at = layer.start
        first, size = (at + 12, 4) if layer.kind == "ipv4" else (at + 8, 16)
        changed = 0
        for where in (first, first + size):
            changed += self._put(where, self._names.address(bytes(self.octets[where : where + size])), first)
        if layer.kind == "ipv4":
            options = changed + self._put(at + 20, b"\1" * max(0, min(layer.body, len(self.octets)) - at - 20), at)
            self._correct(at + 10, options)
        elif layer.body > at + 40:
            self._extensions(at, layer.body)
        return changed

    def _extensions(self, at: int, body: int) -> None:
        """IPv6 extension headers keep their lengths, not their contents, which may be addresses."""
        kind, here = self.octets[at + 6], at + 40
        while here + 8 <= min(body, len(self.octets)):
            if kind == 44:
                size = 8
            else:
                size = (self.octets[here + 1] + 1) * 8
                end = min(here + size, len(self.octets))
                keep = here + (4 if kind == 43 else 2)
                self.octets[keep:end] = bytes(end - keep)
            kind, here = self.octets[here], here + size

    def segment(self, layer: Layer, payload: bytes) -> int:
        """Ports, options and payload of a segment; what its checksum changes by."""
        changed = self._ports(layer.start, layer.start)
        at, end = layer.start + 20, min(layer.body, len(self.octets))
        while at < end:
            kind = self.octets[at]
            size = 1 if kind in (0, 1) or at + 1 >= end else max(2, self.octets[at + 1])
            size = min(size, end - at)
            if kind not in _KNOWN_OPTIONS:
                changed += self._put(at, b"\1" * size, layer.start)
            if kind == 0:
                break
            at += size
        return changed + self._put(layer.body, payload[: max(0, len(self.octets) - layer.body)], layer.start)

    def _ports(self, at: int, base: int) -> int:
        changed = 0
        for where in (at, at + 2):
            if where + 2 <= len(self.octets):
                port = self._names.port(int.from_bytes(self.octets[where : where + 2], "big"))
                changed += self._put(where, port.to_bytes(2, "big"), base)
        return changed

    def _icmp(self, layer: Layer, pseudo_header: int) -> None:
        """The quoted packet of an error, and the error's own checksum."""
        quoted = layer.start + 8
        end = min(layer.end, len(self.octets))
        before = bytes(self.octets[layer.start : end])
        if self.octets[layer.start] in _ICMP_ERRORS[layer.kind] and end >= quoted + 20:
            self._quoted(layer, quoted, end)
        after = bytes(self.octets[layer.start : end])
        self._correct(layer.start + 2, pseudo_header + _sum(after) - _sum(before))

    def _quoted(self, layer: Layer, at: int, end: int) -> None:
        four = layer.kind == "icmp"
        head = (self.octets[at] & 15) * 4 if four else 40
        if self.octets[at] >> 4 != (4 if four else 6) or end < at + head + 4:
            self.octets[at:end] = bytes(end - at)
            return
        changed = self._network(Layer("ipv4" if four else "ipv6", at, at + head, end))
        tcp = at + head
        changed += self._ports(tcp, tcp)
        if end >= tcp + 20:
            payload = min(end, tcp + (self.octets[tcp + 12] >> 4) * 4)
            changed += self._put(tcp + 20, b"\1" * (payload - tcp - 20), tcp) if payload > tcp + 20 else 0
            changed += self._put(payload, bytes(end - payload), tcp)
            self._correct(tcp + 16, changed)

    def _put(self, at: int, new: bytes, base: int) -> int:
        """Write octets; how much the sum of 16-bit words, counted from `base`, changes."""
        new = new[: max(0, len(self.octets) - at)]
        old = bytes(self.octets[at : at + len(new)])
        self.octets[at : at + len(new)] = new
        odd = b"\0" if (at - base) % 2 else b""
        return _sum(odd + new) - _sum(odd + old)

    def _correct(self, at: int, change: int) -> None:
        """RFC 1624, equation 3."""
        if at + 2 > len(self.octets) or not change:
            return
        total = (~int.from_bytes(self.octets[at : at + 2], "big") & 0xFFFF) + change
        total %= 0xFFFF
        self.octets[at : at + 2] = ((~total & 0xFFFF) if total else 0).to_bytes(2, "big")


def _sum(octets: bytes) -> int:
    """Sum of 16-bit words."""
    octets += b"\0" * (len(octets) % 2)
    return sum(struct.unpack(f">{len(octets) // 2}H", octets))


def packet_of(segment: Segment, payload: bytes, names: Pseudonyms) -> bytes:
    """An IP packet made anew for a segment that came in parts: whole, with right checksums (RFC 1071)."""
    source, destination = (names.address(end.address) for end in (segment.source, segment.destination))
    options = segment.options + b"\0" * (-len(segment.options) % 4)
    tcp = bytearray(struct.pack(
        ">HHIIBBHHH", segment.source.port, segment.destination.port, segment.seq, segment.ack,
        (20 + len(options)) // 4 << 4, segment.flags & 0xFF, segment.window, 0, 0,
    ))  # fmt: skip
    length = len(tcp) + len(options) + segment.length
    if length > 0xFFFF - 40:
        length = 0  # offloading handed over more than a packet can hold
    pseudo = (
        source
        + destination
        + (struct.pack(">BBH", 0, 6, length) if len(source) == 4 else struct.pack(">II", length, 6))
    )
    body = bytes(tcp) + options
    place = Layer("tcp", 0, len(body), len(body) + segment.length)
    writing = Writing(body + payload, (place,), names)
    writing.segment(place, payload)
    whole = bytearray(writing.octets)
    whole[16:18] = _checksum(pseudo + bytes(whole))
    if len(source) == 4:
        head = bytearray(
            struct.pack(">BBHHHBBH", 0x45, 0, length and 20 + length, max(0, segment.ip_id), 0, segment.ttl, 6, 0)
        )
        head += source + destination
        head[10:12] = _checksum(bytes(head))
    else:
        head = bytearray(struct.pack(">IHBB", 6 << 28, length, 6, segment.ttl) + source + destination)
    return bytes(head + whole)


def _checksum(octets: bytes) -> bytes:
    total = _sum(octets)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF).to_bytes(2, "big")
