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
_TOGETHER: Final = 256
"""Rows that are summed at once."""
_FIELD_AT: Final = 16
_ONES: Final = 0xFFFF
"""A sum of 16-bit words with end-around carry is the number that the octets make, modulo this: 2**16 leaves 1."""


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
    right = np.zeros(len(end), dtype=np.bool_)
    # By runs: what is summed is copied, four octets for each.
    for run in (slice(first, first + _TOGETHER) for first in range(0, len(end), _TOGETHER)):
        right[run] = _right(octets, version[run] == 4, address_at[run], tcp_at[run], end[run])
    # What is not right is rare, and takes a closer look.
    verdicts = right.astype(np.int64) * CHECKSUM_RIGHT
    for row in np.flatnonzero(~right).tolist():
        verdicts[row] = _of_row(octets.data, *(int(c[row]) for c in (version, address_at, tcp_at, end)))
    found: list[int] = verdicts.tolist()
    return found


def _right(octets: Bytes, older: Mask, address_at: Int64s, tcp_at: Int64s, end: Int64s) -> Mask:
    """Rows whose checksums are right, as is their length; `older` is IPv4.

    The sums are of words with the low octet first: 2**8 times the others, which is the same where 0 is concerned.
    """
    header_at = np.where(older, address_at - 12, address_at - 8)
    data = octets.data
    joined = b"".join([
        piece
        for start, until in zip(header_at.tolist(), end.tolist(), strict=True)
        for piece in (data[start:until], b"\0" if until - start & 1 else b"")
    ])  # fmt: skip
    ends = (end - header_at + 1 >> 1).cumsum()
    starts = np.concatenate((ends[:1] * 0, ends[:-1]))
    # Three runs of words a row: what is before the addresses, they themselves, the segment.
    borders = np.stack((starts, starts + (address_at - header_at >> 1), starts + (tcp_at - header_at >> 1)), axis=1)
    sums = np.add.reduceat(np.frombuffer(joined, dtype="<u2"), borders.ravel(), dtype=np.uint64)
    before, addresses, segment = sums[0::3], sums[1::3], sums[2::3]
    length = end - tcp_at
    pseudo = ((length + _TCP) << 8).astype(np.uint64)
    good: Mask = (addresses + segment + pseudo) % np.uint64(_ONES) == 0
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
