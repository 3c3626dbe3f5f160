"""The header fields of a whole block at once, for frames of the common shape.

Common shape: IPv4 without options or fragments, or IPv6 without extension headers, directly over a link type without
tags, carrying TCP, with the whole TCP header captured. What may carry TCP in another shape is left to `decode`; what
cannot is counted here and never becomes an object. Must not know: connections.

Fields are loaded with stride-1 views of 16- and 32-bit words: one gather a field, at any octet offset.
"""

from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from sshpcap.frames import Bytes, Endpoint, FrameBlock, Int64s, Segment
from sshpcap.net import checksums
from sshpcap.net.encapsulation import (
    BY_PROTOCOL,
    BY_UDP_PORT,
    ETHERTYPE_ARP,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ICMP6_ERRORS,
    ICMP_ERRORS,
)
from sshpcap.net.keys import UInt64s, mixed
from sshpcap.net.link import LINK_TYPES, NULL_IPV4, NULL_IPV6, VLAN_TAGS
from sshpcap.net.neighbours import ARP_BYTES

Mask = npt.NDArray[np.bool_]

# Protocols whose frames cannot hold TCP for us: UDP, IGMP, OSPF, VRRP, SCTP … are counted, not decoded.
_TCP: Final = 6
_UDP: Final = 17
_ICMP: Final = 1
_ICMP6: Final = 58
_EXTENSIONS: Final = (0, 43, 44, 51, 60, 135)


class Columns(NamedTuple):
    """One row per frame of the common shape; `row` points into the block."""

    row: Int64s
    version: Int64s
    """4 or 6."""
    address_at: Int64s
    """Where the source address stands in the buffer; the destination follows it."""
    source: Int64s
    """The first four octets of the source address, as a number."""
    destination: Int64s
    tcp_at: Int64s
    seq: Int64s
    ack: Int64s
    flags: Int64s
    window: Int64s
    source_port: Int64s
    destination_port: Int64s
    payload_at: Int64s
    length: Int64s
    """Payload octets on the wire."""
    captured: Int64s
    """Payload octets in the buffer."""
    key: UInt64s
    """Hash of the connection, the same for both directions."""

    def at(self, places: Int64s | Mask | slice) -> "Columns":
        """Some of the rows."""
        return Columns._make([column[places] for column in self])


_NO_COLUMNS: Final = Columns._make([np.empty(0, dtype=np.int64)] * 15 + [np.empty(0, dtype=np.uint64)])


class Shapes(NamedTuple):
    """A block, sorted by shape."""

    columns: Columns
    rest: Int64s
    """Rows that need `decode`."""
    protocols: dict[str, int]
    """How many frames of each protocol were set aside here."""
    arp: Int64s
    """Rows of ARP frames, counted among the protocols."""
    arp_at: Int64s
    """Where in the buffer the ARP messages stand."""


class _Words(NamedTuple):
    """Big-endian words at any octet offset."""

    octets: Bytes
    two: npt.NDArray[np.uint16]
    four: npt.NDArray[np.uint32]

    def at16(self, offset: Int64s) -> Int64s:
        return self.two[offset].astype(np.int64)

    def at32(self, offset: Int64s) -> Int64s:
        return self.four[offset].astype(np.int64)


def _words(octets: Bytes) -> _Words:
    def view(kind: str, size: int) -> npt.NDArray[np.generic]:
        return np.ndarray((max(0, len(octets) - size + 1),), dtype=kind, buffer=octets.data, strides=(1,))

    return _Words(octets, view(">u2", 2), view(">u4", 4))  # type: ignore[arg-type]


def read_columns(block: FrameBlock) -> Shapes:
    """Sort the frames of a block by shape and read the headers of the common one."""
    words = _words(block.buffer)
    rows, columns = _most_common(block, words)
    if not len(rows):
        return _every_shape(block, words)
    if len(rows) == len(block.number):
        return Shapes(columns, rows[:0], {}, rows[:0], rows[:0])
    others = np.ones(len(block.number), dtype=np.bool_)
    others[rows] = False
    left = np.flatnonzero(others)
    shapes = _every_shape(block.at(left), words)
    more = shapes.columns._replace(row=left[shapes.columns.row])
    if len(more.row):
        order = np.argsort(np.concatenate((columns.row, more.row)), kind="stable")
        columns = Columns._make([np.concatenate(pair)[order] for pair in zip(columns, more, strict=True)])
    return Shapes(columns, left[shapes.rest], shapes.protocols, left[shapes.arp], shapes.arp_at)


def _most_common(block: FrameBlock, words: _Words) -> tuple[Int64s, Columns]:
    """Rows of TCP over IPv4 in Ethernet and the like, and their columns: what `_every_shape` says of them, in fewer
    steps."""
    none = np.empty(0, dtype=np.int64)
    link = LINK_TYPES.get(int(block.link_type[0])) if len(block.link_type) else None
    adjacent = link is not None and link.columns and link.ethertype_at == link.network_at - 2 and link.network_at >= 4
    if link is None or not adjacent or not (block.link_type == block.link_type[0]).all():
        return none, _NO_COLUMNS
    at = block.offset + link.network_at
    end = block.offset + block.captured
    rows = np.flatnonzero(end >= at + 40)
    if len(rows) < len(at):
        at, end = at[rows], end[rows]
    heads = _heads(words.octets, at)
    # Ethertype; version and header length; flags and offset; protocol.
    good = heads[0] & 0xFFFF == ETHERTYPE_IPV4
    good &= heads[1] >> 24 == 0x45
    good &= heads[2] & 0x3FFF == 0
    good &= heads[3] & 0xFF0000 == _TCP << 16
    header = heads[9] >> 28 << 2
    total = (heads[1] & 0xFFFF).astype(np.int64)
    payload_at = at + (header + 20)
    good &= (header >= 20) & (header + 20 <= total) & (payload_at <= end)
    if not good.all():
        keep = np.flatnonzero(good)
        if not len(keep):
            return none, _NO_COLUMNS
        rows, at, end, total, heads = rows[keep], at[keep], end[keep], total[keep], heads[:, keep]
        payload_at = payload_at[keep]
    on_link = block.offset[rows] + np.maximum(block.original[rows], block.captured[rows])
    length = np.minimum(at + total, on_link) - payload_at
    source, destination = heads[4].astype(np.int64), heads[5].astype(np.int64)
    source_port, destination_port = heads[6] >> 16, heads[6] & 0xFFFF
    columns = Columns(
        row=rows,
        version=np.full(len(rows), 4, dtype=np.int64),
        address_at=at + 12,
        source=source,
        destination=destination,
        tcp_at=at + 20,
        seq=heads[7].astype(np.int64),
        ack=heads[8].astype(np.int64),
        flags=(heads[9] >> 16 & 0xFF).astype(np.int64),
        window=(heads[9] & 0xFFFF).astype(np.int64),
        source_port=source_port.astype(np.int64),
        destination_port=destination_port.astype(np.int64),
        payload_at=payload_at,
        length=length,
        captured=np.minimum(length, end - payload_at),
        key=mixed(source_port, [heads[4]]) + mixed(destination_port, [heads[5]]),
    )
    return rows, columns


_HEAD: Final = 40
"""Octets of the ethertype with two before it, an IPv4 header and a TCP header as far as its window."""


def _heads(octets: Bytes, at: Int64s) -> npt.NDArray[np.uint32]:
    """The words of the headers whose IPv4 header stands at these places, a row for each word: one gather for all."""
    every = np.ndarray((max(0, len(octets) - _HEAD + 1),), dtype=f"V{_HEAD}", buffer=octets.data, strides=(1,))
    words = every[at - 4].view(">u4").reshape(len(at), _HEAD // 4)
    return words.T.astype(np.uint32, order="C")


def _every_shape(block: FrameBlock, words: _Words) -> Shapes:
    """Sort frames by shape, whatever they are."""
    ethertype, network = _network_layer(block, words)
    end = block.offset + block.captured
    protocols = {
        "icmp": 0,
        "unreadable": 0,
        "udp": 0,
        "other": 0,
    }
    tcp4, rest4 = _ipv4(words, np.flatnonzero(ethertype == ETHERTYPE_IPV4), network, end, protocols)
    tcp6, rest6 = _ipv6(words, np.flatnonzero(ethertype == ETHERTYPE_IPV6), network, end, protocols)
    neither = (ethertype != ETHERTYPE_IPV4) & (ethertype != ETHERTYPE_IPV6)
    asks = (ethertype == ETHERTYPE_ARP) & (end >= network + ARP_BYTES)
    arp, neither = np.flatnonzero(asks), neither & ~asks
    protocols["arp"] = len(arp)
    # A segment has no more octets than its frame had on the link, whatever the IP header says.
    on_link = block.offset + np.maximum(block.original, block.captured)
    columns, rest = _tcp(words, tcp4, tcp6, network, end, on_link)
    every_rest = np.concatenate((rest4, rest6, rest, np.flatnonzero(neither)))
    every_rest.sort()
    return Shapes(columns, every_rest, {name: count for name, count in protocols.items() if count},
                  arp, network[arp])  # fmt: skip


def _network_layer(block: FrameBlock, words: _Words) -> tuple[Int64s, Int64s]:
    """Ethertype (0 where it needs `decode`) and offset of the network layer of every frame."""
    ethertype = np.zeros(len(block.number), dtype=np.int64)
    network = np.zeros(len(block.number), dtype=np.int64)
    for number in distinct(block.link_type):
        link = LINK_TYPES.get(number)
        if link is None or not link.columns:
            continue
        # 20 octets hold the smallest IPv4 header; shorter frames go the slow way.
        rows = np.flatnonzero((block.link_type == number) & (block.captured >= link.network_at + 20))
        start = block.offset[rows]
        network[rows] = start + link.network_at
        if link.ethertype_at is not None:
            ethertype[rows] = words.at16(start + link.ethertype_at)
            _untag(words, rows, ethertype, network, block.offset + block.captured)
            continue
        version = words.octets[start + link.network_at] >> 4
        if number in (0, 108):
            family = words.four[start]
            little = family.byteswap()
            family = np.where(little < 1 << 16, little, family)
            version = np.where(np.isin(family, tuple(NULL_IPV4)), 4, np.where(np.isin(family, tuple(NULL_IPV6)), 6, 0))
        elif number in (228, 229):
            version = np.full(len(rows), 4 if number == 228 else 6)
        ethertype[rows] = np.where(version == 4, ETHERTYPE_IPV4, np.where(version == 6, ETHERTYPE_IPV6, 0))
    return ethertype, network


def _untag(words: _Words, rows: Int64s, ethertype: Int64s, network: Int64s, end: Int64s) -> None:
    """Step over up to two 802.1Q/802.1ad tags; what has more, or is too short behind them, goes the slow way."""
    for _ in range(2):
        rows = rows[_among(ethertype[rows], VLAN_TAGS)]
        rows = rows[network[rows] + 24 <= end[rows]]
        if not len(rows):
            return
        ethertype[rows] = words.at16(network[rows] + 2)
        network[rows] += 4


def distinct(numbers: Int64s) -> list[int]:
    """The different numbers of a column, ascending: mostly one. np.unique would load NumPy's masked arrays."""
    if len(numbers) and (numbers == numbers[0]).all():
        return [int(numbers[0])]
    return sorted(set(numbers.tolist()))


_Candidates = tuple[Int64s, Int64s, Int64s]  # rows, offset of the TCP header, TCP octets by the IP header


def _ipv4(
    words: _Words, rows: Int64s, network: Int64s, end: Int64s, protocols: dict[str, int]
) -> tuple[_Candidates, Int64s]:
    at = network[rows]
    plain = (words.octets[at] == 0x45) & (words.at16(at + 6) & 0x3FFF == 0)
    protocol = np.where(plain, words.octets[at + 9], -1)
    total = words.at16(at + 2)
    tcp = (protocol == _TCP) & (total >= 40) & (end[rows] >= at + 40)
    skip = plain & (protocol != _TCP) & (protocol != _ICMP) & ~_tunnelled(words, protocol, at + 20, end[rows])
    _count(protocols, protocol[skip])
    echo = (protocol == _ICMP) & (total >= 28) & (end[rows] > at + 20)
    skip |= _no_errors(words, echo, at + 20, ICMP_ERRORS, protocols)
    return (rows[tcp], at[tcp] + 20, total[tcp] - 20), rows[~tcp & ~skip]


def _ipv6(
    words: _Words, rows: Int64s, network: Int64s, end: Int64s, protocols: dict[str, int]
) -> tuple[_Candidates, Int64s]:
    if not len(rows):
        return (rows, rows, rows), rows
    at = network[rows]
    whole = end[rows] >= at + 60
    short, rows, at = rows[~whole], rows[whole], at[whole]
    plain = words.octets[at] >> 4 == 6
    protocol = np.where(plain, words.octets[at + 6], -1)
    length = words.at16(at + 4)
    tcp = (protocol == _TCP) & (length >= 20)
    known = _among(protocol, (_TCP, _ICMP6, *_EXTENSIONS))
    skip = plain & ~known & ~_tunnelled(words, protocol, at + 40, end[rows])
    _count(protocols, protocol[skip])
    skip |= _no_errors(words, (protocol == _ICMP6) & (length >= 8), at + 40, ICMP6_ERRORS, protocols)
    return (rows[tcp], at[tcp] + 40, length[tcp]), np.concatenate((short, rows[~tcp & ~skip]))


def _no_errors(words: _Words, icmp: Mask, at: Int64s, errors: frozenset[int], protocols: dict[str, int]) -> Mask:
    """ICMP messages that quote no segment: echo, neighbour discovery and so on."""
    places = np.flatnonzero(icmp)
    kinds = words.octets[at[places]]
    quoting = np.zeros(256, dtype=np.bool_)
    quoting[list(errors)] = True
    found = np.zeros(len(icmp), dtype=np.bool_)
    found[places[~quoting[kinds]]] = True
    protocols["icmp"] += int(np.count_nonzero(found))
    return found


def _tunnelled(words: _Words, protocol: Int64s, at: Int64s, end: Int64s) -> Mask:
    """What may carry another IP packet: tunnels over IP, and over UDP by their ports."""
    inside = _among(protocol, BY_PROTOCOL)
    udp = np.flatnonzero((protocol == _UDP) & (at + 8 <= end))
    inside[udp] = _among(words.at16(at[udp]), BY_UDP_PORT) | _among(words.at16(at[udp] + 2), BY_UDP_PORT)
    return inside


def _among(numbers: Int64s, few: Collection[int]) -> Mask:
    """Which numbers are some of a few: what np.isin says, without its preparations."""
    found = np.zeros(len(numbers), dtype=np.bool_)
    for one in few:
        found |= numbers == one
    return found


def _count(protocols: dict[str, int], skipped: Int64s) -> None:
    udp = int(np.count_nonzero(skipped == _UDP))
    protocols["udp"] += udp
    protocols["other"] += len(skipped) - udp


def _tcp(
    words: _Words, tcp4: _Candidates, tcp6: _Candidates, network: Int64s, end: Int64s, on_link: Int64s
) -> tuple[Columns, Int64s]:
    """Read the TCP headers; rows whose header is not wholly there or contradicts the IP length go to `rest`."""
    row, at, length = (np.concatenate(pair) for pair in zip(tcp4, tcp6, strict=True))
    order = np.argsort(row, kind="stable")
    row, at, length = row[order], at[order], length[order]
    header = (words.octets[at + 12] >> 4).astype(np.int64) * 4
    good = (header >= 20) & (header <= length) & (at + header <= end[row])
    rest = row[~good]
    row, at, length, header = row[good], at[good], length[good], header[good]
    version = np.where(at - network[row] == 20, 4, 6)
    address_at = at - np.where(version == 4, 8, 32)
    payload_at = at + header
    length = np.minimum(length - header, on_link[row] - payload_at)
    columns = Columns(
        row=row,
        version=version,
        address_at=address_at,
        source=words.at32(address_at),
        destination=words.at32(address_at + np.where(version == 4, 4, 16)),
        tcp_at=at,
        seq=words.at32(at + 4),
        ack=words.at32(at + 8),
        flags=words.octets[at + 13].astype(np.int64),
        window=words.at16(at + 14),
        source_port=words.at16(at),
        destination_port=words.at16(at + 2),
        payload_at=payload_at,
        length=length,
        captured=np.minimum(length, end[row] - payload_at),
        key=_keys(words, version, address_at, at),
    )
    return columns, rest


def _keys(words: _Words, version: Int64s, address_at: Int64s, tcp_at: Int64s) -> UInt64s:
    """Hash of both endpoints, each on its own and then added, so that the direction does not matter."""
    key = np.zeros(len(version), dtype=np.uint64)
    for protocol, size in ((4, 4), (6, 16)):
        rows = np.flatnonzero(version == protocol)
        if not len(rows):
            continue
        ports_at, addresses_at = tcp_at[rows], address_at[rows]
        for side in (0, 1):
            at = [addresses_at + (side * size + word) for word in range(0, size, 4)]
            key[rows] += mixed(words.two[ports_at + 2 * side], [words.four[place] for place in at])
    return key


def checksums_of(block: FrameBlock, columns: Columns, places: Int64s | slice = slice(None)) -> list[int]:
    """What the checksums of some rows say (`frames.CHECKSUM_…`)."""
    version, address_at, tcp_at = columns.version[places], columns.address_at[places], columns.tcp_at[places]
    end = columns.payload_at[places] + columns.captured[places]
    return checksums.of_rows(block.buffer, version, address_at, tcp_at, end)


_new_segment = cast(Callable[[tuple[object, ...]], Segment], partial(tuple.__new__, Segment))
"""A segment of its fields in order, in half the time that naming them takes."""


def segments(
    block: FrameBlock, columns: Columns, places: Int64s, sums: list[int] | None = None, gone: bytes | bytearray = b""
) -> Iterator[tuple[int, Segment]]:
    """Some rows of the columns as segments, each with its row in the block.

    `sums`: what their checksums say, where that is known; `gone`: rows that are not wanted any more, by row.
    """
    if not len(places):
        return
    octets = block.buffer.data
    # Lists of Python's integers, made at once: one field of one row of an array costs as much as a small object.
    ends: dict[bytes, tuple[Endpoint, Endpoint]] = {}
    same = dict[int, int]().setdefault
    here = columns.at(places)
    chosen, rows = here[:-1], here.row
    for row, version, address_at, _, _, tcp_at, seq, ack, flags, window, source_port, destination_port, payload_at, \
            length, captured, frame, time, checksum in zip(
                *(column.tolist() for column in chosen), block.number[rows].tolist(), block.time[rows].tolist(),
                checksums_of(block, columns, places) if sums is None else sums, strict=True):  # fmt: skip
        if gone and gone[row]:
            continue
        if version == 4:
            source_at, destination_at, behind = address_at, address_at + 4, address_at + 8
            ttl, ip_id = octets[address_at - 4], octets[address_at - 8] << 8 | octets[address_at - 7]
        else:
            source_at, destination_at, behind = address_at, address_at + 16, address_at + 32
            ttl, ip_id = octets[address_at - 1], -1
        # Both addresses and, behind them, both ports.
        name = bytes(octets[address_at : tcp_at + 4])
        both = ends.get(name)
        if both is None:
            both = ends[name] = (
                Endpoint(bytes(octets[source_at:destination_at]), source_port),
                Endpoint(bytes(octets[destination_at:behind]), destination_port),
            )
        # What one side sends next is what the other acknowledges: numbers are kept once.
        yield row, _new_segment((
            frame, time, *both, same(seq, seq), same(ack, ack), flags, same(window, window), ttl, ip_id,
            bytes(octets[tcp_at + 20 : payload_at]),
            bytes(octets[payload_at : payload_at + captured]) if captured else b"", length, (),
            checksum,
        ))  # fmt: skip
