"""Does a stream whose beginning was missed go on in SSH? Known by packets of a key exchange (RFC 4253 §6, §7).

A guess would be wrong far too often: any protocol may have a length in front. So more than the header must fit: the
name-lists of a proposal, the strings of a key exchange message, to the octet. Must not know: TCP, ports.
"""

from typing import Final

from sshpcap.ssh import numbers
from sshpcap.ssh.wire import Reader, WireError

_SHORTEST: Final = 12
_LONGEST: Final = 35000
_HEADER: Final = 6
_COOKIE: Final = 16
_LISTS: Final = 10
_ENOUGH_LISTS: Final = 2
"""Name-lists that must be there whole: key exchange methods and host key algorithms, which nobody leaves empty."""
_LONGEST_NAME: Final = 64
"""RFC 4250 §4.6.1."""
_NAME: Final = bytes(range(33, 127))
_REPLIES: Final = (31, 33)
_INITS: Final = (30, 32)
_GEX_REQUEST: Final = 34
_SMALLEST_GROUP: Final = 512
_LARGEST_GROUP: Final = 1 << 16
"""Bits that anybody would ask for."""
_LONGEST_GENERATOR: Final = 4
_SKIPPED: Final = 4
"""Packets passed over that may stand anywhere."""
_SHORTEST_VALUE: Final = 32
"""Octets of the shortest public value in use (Curve25519)."""


def speaks_ssh(octets: bytes | bytearray, skipped: int = 0) -> bool | None:
    """Whether a stream goes on with a packet of a key exchange; None while what is there may still be one.

    `skipped`: packets before it that may stand anywhere.
    """
    if len(octets) < _HEADER:
        return None if not any(octets[:2]) else False
    length, padding, number = int.from_bytes(octets[:4], "big"), octets[4], octets[5]
    if not _SHORTEST <= length <= _LONGEST or (length + 4) % 8 or not 4 <= padding < length - 1:
        return False
    end = 4 + length - padding
    if number == numbers.NEWKEYS:
        return end == _HEADER
    if number == numbers.KEXINIT:
        return _proposal(octets, end)
    if number == _GEX_REQUEST:
        return _group_request(octets, end)
    if number in _INITS or number in _REPLIES:
        return _exchange(octets, end, reply=number in _REPLIES)
    if number == numbers.IGNORE and skipped < _SKIPPED:
        return _behind(octets, 4 + length, end, skipped + 1)
    return False


def _behind(octets: bytes | bytearray, total: int, end: int, skipped: int) -> bool | None:
    """SSH_MSG_IGNORE (RFC 4253 §11.2) holds one string and may stand anywhere: what is behind it tells."""
    if len(octets) < _HEADER + 4:
        return None
    if _HEADER + 4 + int.from_bytes(octets[_HEADER : _HEADER + 4], "big") != end:
        return False
    return speaks_ssh(octets[total:], skipped) if len(octets) > total else None


def _proposal(octets: bytes | bytearray, end: int) -> bool | None:
    """SSH_MSG_KEXINIT (RFC 4253 §7.1): a cookie, ten name-lists, a boolean and four octets."""
    at = _HEADER + _COOKIE
    for place in range(_LISTS):
        if len(octets) < at + 4:
            return True if place >= _ENOUGH_LISTS else None
        start, at = at + 4, at + 4 + int.from_bytes(octets[at : at + 4], "big")
        if at > end or not _is_name_list(bytes(octets[start:at])) or (place < _ENOUGH_LISTS and at == start):
            return False
        if len(octets) < at:
            return True if place >= _ENOUGH_LISTS else None
    return at + 5 == end


def _group_request(octets: bytes | bytearray, end: int) -> bool | None:
    """SSH_MSG_KEX_DH_GEX_REQUEST (RFC 4419 §3): three sizes in bits, each at least that before it."""
    if end != _HEADER + 12:
        return False
    if len(octets) < end:
        return None
    sizes = [int.from_bytes(octets[at : at + 4], "big") for at in range(_HEADER, end, 4)]
    return _SMALLEST_GROUP <= sizes[0] <= sizes[1] <= sizes[2] <= _LARGEST_GROUP


def _is_name_list(octets: bytes) -> bool:
    return not octets.translate(None, _NAME) and max(map(len, octets.split(b","))) <= _LONGEST_NAME


def _exchange(octets: bytes | bytearray, end: int, *, reply: bool) -> bool | None:
    """The first message of a method is one string or number; the answer begins with a host key, which names itself."""
    if len(octets) < _HEADER + 4:
        return None
    size = int.from_bytes(octets[_HEADER : _HEADER + 4], "big")
    if not reply:
        return size >= _SHORTEST_VALUE and _HEADER + 4 + size == end
    if _HEADER + 4 + size > end:
        return False
    behind = _HEADER + 4 + size
    if size >= _SMALLEST_GROUP // 8 and 4 < end - behind <= _LONGEST_GENERATOR + 4:
        # SSH_MSG_KEX_DH_GEX_GROUP (RFC 4419 §3): a prime, and a generator that is short.
        if len(octets) < end:
            return None
        return int.from_bytes(octets[behind : behind + 4], "big") == end - behind - 4
    try:
        name = Reader(bytes(octets[: _HEADER + 8 + _LONGEST_NAME]), _HEADER + 4).string("algorithm")
    except WireError:
        return None if len(octets) < _HEADER + 8 + _LONGEST_NAME else False
    return size >= _SHORTEST_VALUE and 0 < len(name) <= _LONGEST_NAME and not name.translate(None, _NAME)
