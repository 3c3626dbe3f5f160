"""What the checksums of a segment say (RFC 1071; RFC 791 §3.1; RFC 9293 §3.1; RFC 8200 §8.1).

A segment is never dropped for them: on the host that sends, the network card fills them in behind the capture point
(offload). What the operating system leaves in the field until then is known, and told apart from damage. Must not know:
frames, connections.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from sshpcap.frames import CHECKSUM_LEFT_OUT, CHECKSUM_RIGHT, CHECKSUM_UNKNOWN, CHECKSUM_WRONG, Bytes, Int64s

Mask = npt.NDArray[np.bool_]

_TCP: Final = 6
_IPV4_HEADER: Final = 20
_FIELD_AT: Final = 16
_ONES: Final = 0xFFFF
"""A sum of 16-bit words with end-around carry is the number that the octets make, modulo this: 2**16 leaves 1."""
_SPARSE: Final = 8192
"""Octets of a block for each of its rows: beyond that a row at a time is quicker than all at once."""


def of_segment(octets: bytes | memoryview, addresses: int) -> int:
    """Judge a TCP checksum. `octets`: both addresses (`addresses` octets long), then the whole segment."""
    length = len(octets) - addresses
    total = int.from_bytes(octets, "big") << 8 * (length & 1)
    if (total + _TCP + length) % _ONES == 0:
        return CHECKSUM_RIGHT
    field = int.from_bytes(octets[addresses + _FIELD_AT : addresses + _FIELD_AT + 2], "big")
    pseudo = int.from_bytes(octets[:addresses], "big") + _TCP
    # Nothing, or the sum of the pseudo header, with the length (Linux) or without it (large sends of Windows).
    if field == 0 or field % _ONES in ((pseudo + length) % _ONES, pseudo % _ONES):
        return CHECKSUM_LEFT_OUT
    return CHECKSUM_WRONG


def of_header(octets: bytes | memoryview) -> int:
    """Judge the checksum of a whole IPv4 header."""
    if int.from_bytes(octets, "big") % _ONES == 0:
        return CHECKSUM_RIGHT
    return CHECKSUM_LEFT_OUT if octets[10] == octets[11] == 0 else CHECKSUM_WRONG


def of_rows(octets: Bytes, version: Int64s, address_at: Int64s, tcp_at: Int64s, end: Int64s) -> list[int]:
    """Judge segments of one buffer, one after the other: both addresses stand directly before the TCP header, an IPv4
    header has 20 octets. What has another length than the IP header says, or is not all there, is not judged."""
    if not len(end):
        return []
    right = np.zeros(len(end), dtype=np.bool_)
    if int(end[-1] - address_at[0]) <= _SPARSE * len(end):
        for parity in (0, 1):
            rows = np.flatnonzero((address_at & 1) == parity)
            if len(rows):
                at, tcp, until = (column[rows] - parity for column in (address_at, tcp_at, end))
                right[rows] = _right(octets[parity:], at, tcp, until, version[rows] == 4)
    # What is not right is rare, and takes a closer look.
    verdicts = right.astype(np.int64) * CHECKSUM_RIGHT
    for row in np.flatnonzero(~right).tolist():
        verdicts[row] = _of_row(octets.data, *(int(c[row]) for c in (version, address_at, tcp_at, end)))
    found: list[int] = verdicts.tolist()
    return found


def _right(octets: Bytes, address_at: Int64s, tcp_at: Int64s, end: Int64s, older: Mask) -> Mask:
    """Rows at even offsets whose checksums are right, as is their length; `older` is IPv4.

    The sums are of words with the low octet first: 2**8 times the others, which is the same where 0 is concerned.
    """
    words = np.frombuffer(octets.data, dtype="<u2", count=len(octets) // 2)
    # Four runs of words a row: what is before the addresses, they themselves, the segment, and what nobody asks for.
    header_at = np.where(older, address_at - 12, address_at - 8)
    borders = np.stack((header_at, address_at, tcp_at, end & ~1), axis=1).ravel() >> 1
    last = len(borders) - int(borders[-1] >= len(words))
    sums = np.zeros(len(borders), dtype=np.uint64)
    sums[:last] = np.add.reduceat(words, borders[:last], dtype=np.uint64)
    before, addresses, segment = sums[0::4], sums[1::4], sums[2::4]
    length = end - tcp_at
    tail = np.where(end & 1, octets[end - 1], 0).astype(np.uint64)
    pseudo = ((length + _TCP) << 8).astype(np.uint64)
    good: Mask = (addresses + segment + tail + pseudo) % np.uint64(_ONES) == 0
    good &= ~older | ((before + addresses) % np.uint64(_ONES) == 0)
    said_at = np.where(older, tcp_at - 18, address_at - 4)
    said = octets[said_at].astype(np.int64) << 8 | octets[said_at + 1]
    good &= said == length + np.where(older, _IPV4_HEADER, 0)
    return good


def _of_row(octets: memoryview, version: int, address_at: int, tcp_at: int, end: int) -> int:
    """What the checksums say, where the segment is as long as the IP header says and all there."""
    size = (tcp_at - address_at) // 2
    if version == 4:
        header = octets[tcp_at - _IPV4_HEADER : tcp_at]
        if header[2] << 8 | header[3] != _IPV4_HEADER + end - tcp_at:
            return CHECKSUM_UNKNOWN
        return max(of_segment(octets[address_at:end], 2 * size), of_header(header))
    if octets[address_at - 4] << 8 | octets[address_at - 3] != end - tcp_at:
        return CHECKSUM_UNKNOWN
    return of_segment(octets[address_at:end], 2 * size)
