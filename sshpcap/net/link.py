"""Link types: where the network layer begins in a frame, and how a rare frame is taken apart.

To add one: a row in `LINK_TYPES` and, for the relabelling test, the way to write such a frame. Numbers and layouts:
https://www.tcpdump.org/linktypes.html.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

ETHERTYPE_IPV4: Final = 0x0800
ETHERTYPE_ARP: Final = 0x0806
ETHERTYPE_IPV6: Final = 0x86DD
_VLAN_TAGS: Final = frozenset((0x8100, 0x88A8, 0x9100, 0x9200))
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


def _tagged(ethertype_at: int, network_at: int) -> Callable[[memoryview], Network | None]:
    def unwrap(frame: memoryview) -> Network | None:
        at, network = ethertype_at, network_at
        for _ in range(_MAX_TAGS):
            if len(frame) < max(at + 2, network):
                return None
            ethertype = frame[at] << 8 | frame[at + 1]
            if ethertype not in _VLAN_TAGS:
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


LINK_TYPES: Final = {
    0: LinkType("null/loopback", _by_family, None, 4),
    1: LinkType("Ethernet", _tagged(12, 14), 12, 14),
    12: LinkType("raw IP", _by_version, None, 0),
    14: LinkType("raw IP (OpenBSD)", _by_version, None, 0),
    101: LinkType("raw IP", _by_version, None, 0),
    108: LinkType("OpenBSD loopback", _by_family, None, 4),
    113: LinkType("Linux cooked v1", _tagged(14, 16), 14, 16),
    228: LinkType("raw IPv4", _always(ETHERTYPE_IPV4), None, 0),
    229: LinkType("raw IPv6", _always(ETHERTYPE_IPV6), None, 0),
    276: LinkType("Linux cooked v2", _tagged(0, 20), 0, 20),
}


def link_name(number: int) -> str:
    """Name of a link type for people."""
    known = LINK_TYPES.get(number)
    return known.name if known else f"link type {number}"
