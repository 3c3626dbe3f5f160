"""Link types: where the network layer begins in a frame, and how a rare frame is taken apart.

To add one: a row in `LINK_TYPES` and, for the relabelling test, the way to write such a frame. Numbers and layouts:
https://www.tcpdump.org/linktypes.html.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from sshpcap.net.encapsulation import (
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    Header,
    cisco_hdlc,
    llc_snap,
    mpls,
    ppp,
    pppoe,
)
from sshpcap.net.link_names import NAMES, SNOOP, SNOOP_NAMES

VLAN_TAGS: Final = frozenset((0x8100, 0x88A8, 0x9100, 0x9200))
_MAX_TAGS: Final = 8
# Address families of IPv6 in the four octets of a null/loop header: Linux and Windows, NetBSD, FreeBSD, Darwin.
NULL_IPV4: Final = frozenset((2,))
NULL_IPV6: Final = frozenset((10, 23, 24, 28, 30))

Network = tuple[int, int]
"""Ethertype of the network layer and where it begins."""


class LinkType(NamedTuple):
    """One link type."""

    name: str
    unwrap: Callable[[memoryview], Network | None]
    """Finds the network layer in a frame, through tags; None where there is none or the frame is too short."""
    ethertype_at: int | None
    """Offset of an ethertype, for the columns; None where the frame has none."""
    network_at: int
    """Offset of the network layer in a frame without tags."""
    columns: bool = True
    """Whether `columns` reads such frames; rare link types are left to `decode`."""


def _tagged(ethertype_at: int, network_at: int) -> Callable[[memoryview], Network | None]:
    def unwrap(frame: memoryview) -> Network | None:
        at, network = ethertype_at, network_at
        for _ in range(_MAX_TAGS):
            if len(frame) < max(at + 2, network):
                return None
            ethertype = frame[at] << 8 | frame[at + 1]
            if ethertype not in VLAN_TAGS:
                return ethertype, network
            # An 802.1Q/802.1ad tag: two octets of tag control information, then the inner ethertype.
            at, network = network + 2, network + 4
        return None

    return unwrap


def _by_version(frame: memoryview) -> Network | None:
    if not len(frame):
        return None
    version = frame[0] >> 4
    return (ETHERTYPE_IPV4, 0) if version == 4 else (ETHERTYPE_IPV6, 0) if version == 6 else None


def _by_family(frame: memoryview) -> Network | None:
    if len(frame) < 4:
        return None
    # Host byte order in null (0), network order in loop (108): either way the family is the one non-zero octet.
    family = int.from_bytes(frame[:4], "little")
    family = family if family < 1 << 16 else int.from_bytes(frame[:4], "big")
    if family in NULL_IPV4:
        return ETHERTYPE_IPV4, 4
    return (ETHERTYPE_IPV6, 4) if family in NULL_IPV6 else None


def _always(ethertype: int) -> Callable[[memoryview], Network | None]:
    return lambda _frame: (ethertype, 0)


def _header(header: Header, start: int = 0) -> Callable[[memoryview], Network | None]:
    """A link layer that is one header of `encapsulation`."""

    def unwrap(frame: memoryview) -> Network | None:
        inner = header(bytes(frame[start:]))
        return None if inner is None else (inner.ethertype, inner.start + start)

    return unwrap


def _nflog(frame: memoryview) -> Network | None:
    """LINKTYPE_NFLOG: family, version, resource; then attributes, of which NFULA_PAYLOAD (9) is the packet.

    Lengths and types are in the byte order of the host that captured.
    """
    families = {2: ETHERTYPE_IPV4, 10: ETHERTYPE_IPV6}
    if len(frame) < 4 or frame[0] not in families:
        return None
    for order in ("little", "big"):
        at = 4
        while at + 4 <= len(frame):
            size = int.from_bytes(frame[at : at + 2], order)
            kind = int.from_bytes(frame[at + 2 : at + 4], order) & 0x7FFF
            if size < 4:
                break
            if kind == _NFULA_PAYLOAD:
                return families[frame[0]], at + 4
            at += (size + 3) // 4 * 4
    return None


_NFULA_PAYLOAD: Final = 9


def _ieee802_11(frame: memoryview, start: int = 0) -> Network | None:
    """IEEE 802.11 §9.3.2: unencrypted data frames, with LLC/SNAP behind the header."""
    if len(frame) < start + 24:
        return None
    kind, flags = frame[start], frame[start + 1]
    if kind & 0x0F != 0x08 or kind & 0x40 or flags & _PROTECTED:
        return None  # not data, data without a body, or encrypted
    at = start + 24 + (6 if flags & 3 == 3 else 0)
    if kind & 0x80:
        at += 2 + (4 if flags & _ORDER else 0)
    inner = llc_snap(bytes(frame[at:]))
    return None if inner is None else (inner.ethertype, inner.start + at)


_PROTECTED: Final = 0x40
_ORDER: Final = 0x80


def _radiotap(frame: memoryview) -> Network | None:
    """radiotap.org: version 0, padding, length of the header in little-endian order, then the 802.11 frame."""
    if len(frame) < 8 or frame[0]:
        return None
    return _ieee802_11(frame, int.from_bytes(frame[2:4], "little"))


LINK_TYPES: Final = {
    0: LinkType("null/loopback", _by_family, None, 4),
    1: LinkType("Ethernet", _tagged(12, 14), 12, 14),
    9: LinkType("PPP", _header(ppp), None, 0, columns=False),
    12: LinkType("raw IP", _by_version, None, 0),
    14: LinkType("raw IP (OpenBSD)", _by_version, None, 0),
    50: LinkType("PPP in HDLC framing", _header(ppp), None, 0, columns=False),
    51: LinkType("PPPoE", _header(pppoe), None, 0, columns=False),
    101: LinkType("raw IP", _by_version, None, 0),
    104: LinkType("Cisco HDLC", _header(cisco_hdlc), None, 0, columns=False),
    105: LinkType("IEEE 802.11", _ieee802_11, None, 0, columns=False),
    108: LinkType("OpenBSD loopback", _by_family, None, 4),
    113: LinkType("Linux cooked v1", _tagged(14, 16), 14, 16),
    127: LinkType("IEEE 802.11 with radiotap", _radiotap, None, 0, columns=False),
    204: LinkType("PPP with direction", _header(ppp, 1), None, 0, columns=False),
    219: LinkType("MPLS", _header(mpls), None, 0, columns=False),
    228: LinkType("raw IPv4", _always(ETHERTYPE_IPV4), None, 0),
    229: LinkType("raw IPv6", _always(ETHERTYPE_IPV6), None, 0),
    239: LinkType("NFLOG", _nflog, None, 0, columns=False),
    276: LinkType("Linux cooked v2", _tagged(0, 20), 0, 20),
}


def link_name(number: int) -> str:
    """Name of a link type for people."""
    known = LINK_TYPES.get(number)
    if known:
        return known.name
    if number >= SNOOP:
        datalink = number & ~SNOOP
        name = f"snoop datalink type {datalink}"
        return f"{SNOOP_NAMES[datalink]} ({name})" if datalink in SNOOP_NAMES else name
    return f"{NAMES[number]} (link type {number})" if number in NAMES else f"link type {number}"
