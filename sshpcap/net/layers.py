"""Where the headers of a frame stand: offsets, for those who cut frames or write into them. Reads nothing else.

`decode` says what a frame carries, this where it is; both walk the same way, over the same headers. Must not know:
connections, files.
"""

from typing import Final, Literal, NamedTuple

from sshpcap import limits
from sshpcap.net.encapsulation import (
    BY_ETHERTYPE,
    BY_PROTOCOL,
    BY_UDP_PORT,
    ETHERNET,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    Header,
    llc_snap,
)
from sshpcap.net.link import LINK_TYPES

Kind = Literal["ethernet", "cooked1", "cooked2", "ipv4", "ipv6", "udp", "tcp", "icmp", "icmp6", "fragment"]

_LINKS: Final[dict[int, Kind]] = {1: "ethernet", 113: "cooked1", 276: "cooked2"}
_TRANSPORTS: Final[dict[int, Kind]] = {6: "tcp", 1: "icmp", 58: "icmp6"}
_EXTENSIONS: Final = frozenset((0, 43, 60, 135, 139, 140))
_FRAGMENT: Final = 44
_UDP: Final = 17


class Layer(NamedTuple):
    """One header, and what it spans."""

    kind: Kind
    start: int
    body: int
    """Where what it carries begins."""
    end: int
    """Where what it carries ends by its own lengths; behind the frame where the frame was cut."""


def layers(octets: bytes, link_type: int) -> tuple[Layer, ...]:
    """The headers of a frame from the outside in, as far as they are known and captured. Never raises.

    A fragment that does not begin its packet ends with a layer of kind "fragment".
    """
    link = LINK_TYPES.get(link_type)
    network = link.unwrap(memoryview(octets)) if link else None
    if network is None:
        return ()
    ethertype, at = network
    found: list[Layer] = []
    if link_type in _LINKS:
        found.append(Layer(_LINKS[link_type], 0, at, len(octets)))
    for _ in range(limits.MAX_LAYERS):
        if ethertype in (ETHERTYPE_IPV4, ETHERTYPE_IPV6):
            inner = _network(octets, at, ethertype, found)
            if inner is None:
                return tuple(found)
            header, at = inner
        else:
            # Below 0x600 it is no ethertype but the length of an IEEE 802.3 frame.
            known = llc_snap if 0 <= ethertype < 0x600 else BY_ETHERTYPE.get(ethertype)
            if known is None:
                return tuple(found)
            header = known
        if ethertype == ETHERNET:
            found.append(Layer("ethernet", at, at + 14, len(octets)))
        behind = header(octets[at:])
        if behind is None:
            return tuple(found)
        ethertype, at = behind.ethertype, at + behind.start
    return tuple(found)


def _network(octets: bytes, at: int, ethertype: int, found: list[Layer]) -> tuple[Header, int] | None:
    """Note an IP header and what stands in it; the header of a tunnel and its place where it carries one."""
    read = _ipv4(octets, at) if ethertype == ETHERTYPE_IPV4 else _ipv6(octets, at)
    if read is None:
        return None
    layer, protocol, part, first = read
    found.append(layer)
    if part:
        # Of a fragment only the first has the header of what it carries, and its lengths are not those of the whole.
        found.append(
            Layer(_TRANSPORTS.get(protocol, "fragment") if first else "fragment", layer.body, layer.end, layer.end)
        )
        return None
    if protocol == _UDP and len(octets) >= layer.body + 8:
        found.append(Layer("udp", layer.body, layer.body + 8, layer.end))
        ports = (octets[layer.body] << 8 | octets[layer.body + 1], octets[layer.body + 2] << 8 | octets[layer.body + 3])
        tunnel = BY_UDP_PORT.get(ports[1]) or BY_UDP_PORT.get(ports[0])
        return (tunnel, layer.body + 8) if tunnel else None
    if protocol in BY_PROTOCOL:
        return BY_PROTOCOL[protocol], layer.body
    if protocol in _TRANSPORTS:
        start = layer.body
        size = (octets[start + 12] >> 4) * 4 if protocol == 6 and len(octets) > start + 12 else 8
        found.append(Layer(_TRANSPORTS[protocol], start, start + size, layer.end))
    return None


_Read = tuple[Layer, int, bool, bool]
"""The header, the protocol behind it, whether it is a fragment, and whether it is the first one."""


def _ipv4(octets: bytes, at: int) -> _Read | None:
    """RFC 791 §3.1."""
    if len(octets) < at + 20 or octets[at] >> 4 != 4:
        return None
    size = (octets[at] & 15) * 4
    if size < 20:
        return None
    total = octets[at + 2] << 8 | octets[at + 3]
    part = octets[at + 6] << 8 | octets[at + 7]
    layer = Layer("ipv4", at, at + size, at + total if total else len(octets))
    return layer, octets[at + 9], bool(part & 0x3FFF), not part & 0x1FFF


def _ipv6(octets: bytes, at: int) -> _Read | None:
    """RFC 8200 §3 and §4."""
    if len(octets) < at + 40 or octets[at] >> 4 != 6:
        return None
    length = octets[at + 4] << 8 | octets[at + 5]
    end = at + 40 + length if length else len(octets)
    body, protocol, part, first = at + 40, octets[at + 6], False, True
    while protocol in _EXTENSIONS or protocol == _FRAGMENT:
        if len(octets) < body + 8:
            return None
        if protocol == _FRAGMENT:
            place = octets[body + 2] << 8 | octets[body + 3]
            part, first = part or bool(place & 0xFFF9), not place >> 3
            size = 8
        else:
            size = (octets[body + 1] + 1) * 8
        protocol, body = octets[body], body + size
        if part and not first:
            break
    return Layer("ipv6", at, body, end), protocol, part, first
