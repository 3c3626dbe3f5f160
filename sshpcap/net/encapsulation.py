"""What stands between the link layer and the innermost IP packet: tags, labels, PPP, tunnels. One function a header.

Each takes the octets from its header on and says what follows, where, and how the layer is called; None for what is no
such header or is cut off. To add one: a function, and a row in `BY_ETHERTYPE`, `BY_PROTOCOL` or `BY_UDP_PORT`.
Sources stand beside the functions. Must not know: connections, files.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

ETHERTYPE_IPV4: Final = 0x0800
ETHERTYPE_ARP: Final = 0x0806
ETHERTYPE_IPV6: Final = 0x86DD
ETHERNET: Final = -1
"""Pseudo ethertype: an Ethernet header follows."""

ICMP_ERRORS: Final = frozenset((3, 4, 5, 11, 12))
ICMP6_ERRORS: Final = frozenset((1, 2, 3, 4))
"""Types of ICMP and ICMPv6 that quote what they answer (RFC 792, RFC 4443)."""


class Inner(NamedTuple):
    """What a header leads to."""

    ethertype: int
    start: int
    """Offset behind the header."""
    name: str | None
    """How the layer is called in a session; None for what everybody has (tags)."""


Header = Callable[[bytes], Inner | None]


def ethernet(octets: bytes) -> Inner | None:
    """IEEE 802.3: two addresses, then an ethertype, or a length and LLC/SNAP."""
    if len(octets) < 14:
        return None
    ethertype = octets[12] << 8 | octets[13]
    if ethertype >= 0x600:
        return Inner(ethertype, 14, None)
    return _behind(llc_snap(octets[14:]), 14)


def llc_snap(octets: bytes) -> Inner | None:
    """IEEE 802.2 with SNAP (RFC 1042)."""
    if len(octets) < 8 or octets[:3] != b"\xaa\xaa\x03":
        return None
    return Inner(octets[6] << 8 | octets[7], 8, None)


def vlan(octets: bytes) -> Inner | None:
    """IEEE 802.1Q: tag control information, then the inner ethertype."""
    return Inner(octets[2] << 8 | octets[3], 4, None) if len(octets) >= 4 else None


def mpls(octets: bytes) -> Inner | None:
    """RFC 3032: labels of four octets up to the bottom of the stack; then IP, or an Ethernet pseudowire (RFC 4448)."""
    labels = []
    at = 0
    while len(octets) >= at + 4:
        word = int.from_bytes(octets[at : at + 4], "big")
        labels.append(str(word >> 12))
        at += 4
        if word & 0x100:
            break
    else:
        return None
    if len(octets) <= at:
        return None
    name = f"MPLS ({', '.join(labels)})"
    version = octets[at] >> 4
    if version in (4, 6):
        return Inner(ETHERTYPE_IPV4 if version == 4 else ETHERTYPE_IPV6, at, name)
    # A control word begins with 0000 (RFC 4385); without one the next octets are an Ethernet address.
    return Inner(ETHERNET, at + 4 if version == 0 else at, name)


def pppoe(octets: bytes) -> Inner | None:
    """RFC 2516 §4: version and type 1, code 0 (session data), then PPP."""
    if len(octets) < 8 or octets[0] != 0x11 or octets[1] != 0:
        return None
    return _behind(ppp(octets[6:]), 6, "PPPoE")


def ppp(octets: bytes) -> Inner | None:
    """RFC 1661 §2, RFC 1662 §3: the protocol, of one or two octets, behind address and control where they are sent."""
    at = 2 if octets[:2] == b"\xff\x03" else 0
    if len(octets) < at + 2:
        return None
    if octets[at] & 1:
        protocol, at = octets[at], at + 1
    else:
        protocol, at = octets[at] << 8 | octets[at + 1], at + 2
    ethertypes = {0x21: ETHERTYPE_IPV4, 0x57: ETHERTYPE_IPV6, 0x281: 0x8847, 0x283: 0x8848}
    return Inner(ethertypes[protocol], at, None) if protocol in ethertypes else None


def cisco_hdlc(octets: bytes) -> Inner | None:
    """Cisco HDLC: address 0x0f or 0x8f, control 0, ethertype."""
    if len(octets) < 4 or octets[0] not in (0x0F, 0x8F):
        return None
    return Inner(octets[2] << 8 | octets[3], 4, None)


def gre(octets: bytes) -> Inner | None:
    """RFC 2784 and 2890; version 1 is PPTP's (RFC 2637 §4.1). ERSPAN rides on it."""
    if len(octets) < 4:
        return None
    flags, protocol = octets[0] << 8 | octets[1], octets[2] << 8 | octets[3]
    at = 4
    if flags & 7 == 1:
        at += 4 + (4 if flags & 0x1000 else 0) + (4 if flags & 0x0080 else 0)
        return _behind(ppp(octets[at:]), at, "PPTP") if protocol == 0x880B else None
    at += sum(4 for bit in (0x8000, 0x2000, 0x1000) if flags & bit)
    if protocol == 0x88BE:
        # Type I has no header of its own, and GRE without a sequence number.
        return Inner(ETHERNET, at, "ERSPAN I") if not flags & 0x1000 else _behind(erspan2(octets[at:]), at)
    if protocol == 0x22EB:
        return _behind(erspan3(octets[at:]), at)
    return Inner(ETHERNET if protocol == 0x6558 else protocol, at, "GRE")


def erspan2(octets: bytes) -> Inner | None:
    """draft-foschiano-erspan-03 §4.2: eight octets, then the mirrored Ethernet frame."""
    if len(octets) < 8:
        return None
    return Inner(ETHERNET, 8, f"ERSPAN II (session {(octets[2] & 3) << 8 | octets[3]})")


def erspan3(octets: bytes) -> Inner | None:
    """draft-foschiano-erspan-03 §4.3: twelve octets, eight more where the last bit says so."""
    if len(octets) < 12:
        return None
    at = 20 if octets[11] & 1 else 12
    return Inner(ETHERNET, at, f"ERSPAN III (session {(octets[2] & 3) << 8 | octets[3]})")


def vxlan(octets: bytes) -> Inner | None:
    """RFC 7348 §5: flags with the I bit, network identifier, then Ethernet."""
    if len(octets) < 8 or not octets[0] & 0x08:
        return None
    return Inner(ETHERNET, 8, f"VXLAN ({int.from_bytes(octets[4:7], 'big')})")


def geneve(octets: bytes) -> Inner | None:
    """RFC 8926 §3.4: version 0, options counted in words, protocol, network identifier."""
    if len(octets) < 8 or octets[0] >> 6:
        return None
    protocol = octets[2] << 8 | octets[3]
    at = 8 + (octets[0] & 63) * 4
    return Inner(ETHERNET if protocol == 0x6558 else protocol, at, f"Geneve ({int.from_bytes(octets[4:7], 'big')})")


def gtp_u(octets: bytes) -> Inner | None:
    """3GPP TS 29.281 §5.1: version 1, message 255 (G-PDU), optional fields, extension headers, then IP."""
    if len(octets) < 9 or octets[0] >> 5 != 1 or octets[1] != 255:
        return None
    name = f"GTP-U ({int.from_bytes(octets[4:8], 'big'):#x})"
    at = 8
    if octets[0] & 7:
        at = 12
        following = octets[11] if len(octets) > 11 and octets[0] & 4 else 0
        while following:
            if len(octets) <= at or not octets[at] or len(octets) < at + octets[at] * 4:
                return None
            at += octets[at] * 4
            following = octets[at - 1]
    if len(octets) <= at:
        return None
    version = octets[at] >> 4
    ethertype = {4: ETHERTYPE_IPV4, 6: ETHERTYPE_IPV6}.get(version)
    return Inner(ethertype, at, name) if ethertype else None


def _behind(inner: Inner | None, start: int, name: str | None = None) -> Inner | None:
    """The same, `start` octets further on; `name` where the inner layer has none."""
    return None if inner is None else Inner(inner.ethertype, inner.start + start, inner.name or name)


BY_ETHERTYPE: Final[dict[int, Header]] = {
    ETHERNET: ethernet,
    0x8100: vlan,
    0x88A8: vlan,
    0x9100: vlan,
    0x9200: vlan,
    0x8847: mpls,
    0x8848: mpls,
    0x8864: pppoe,
    0x6558: ethernet,
}

BY_PROTOCOL: Final[dict[int, Header]] = {
    4: lambda _: Inner(ETHERTYPE_IPV4, 0, "IP in IP"),  # RFC 2003
    41: lambda _: Inner(ETHERTYPE_IPV6, 0, "6in4"),  # RFC 4213
    47: gre,
    137: mpls,  # RFC 4023
}

BY_UDP_PORT: Final[dict[int, Header]] = {4789: vxlan, 8472: vxlan, 6081: geneve, 2152: gtp_u}
