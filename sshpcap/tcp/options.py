"""TCP options (RFC 9293 §3.2), as far as they are well-formed: what a connection's life can be judged by."""

from typing import Final, NamedTuple

_END: Final = 0
_NO_OPERATION: Final = 1
_MSS: Final = 2
_WINDOW_SCALE: Final = 3
_SACK_PERMITTED: Final = 4
_SACK: Final = 5
_TIMESTAMPS: Final = 8
_GREATEST_SHIFT: Final = 14
"""RFC 7323 §2.3."""


class Options(NamedTuple):
    """What the options of one segment say."""

    mss: int | None = None
    window_scale: int | None = None
    sack_permitted: bool = False
    """RFC 2018 §2; in SYNs only."""
    sacks: tuple[tuple[int, int], ...] = ()
    """Sequence numbers of what arrived out of order: the first, and the one behind the last (RFC 2018 §3)."""
    stamped: bool = False
    """Timestamps (RFC 7323 §3)."""
    stamps: bytes = b""
    """Both of them, as they stand in the header; only of a segment that has other options, too, as a SYN has."""


_STAMP: Final = bytes((_NO_OPERATION, _NO_OPERATION, _TIMESTAMPS, 10))
_ONLY_STAMPED: Final = 12
_STAMPED: Final = Options(stamped=True)
"""Timestamps alone: nearly every segment behind the SYN."""


def read_options(octets: bytes) -> Options:
    """The options of one segment."""
    if len(octets) == _ONLY_STAMPED and octets.startswith(_STAMP):
        return _STAMPED
    mss: int | None = None
    window_scale: int | None = None
    permitted = stamped = False
    stamps = b""
    sacks: tuple[tuple[int, int], ...] = ()
    for kind, value in _each(octets):
        if kind == _MSS and len(value) == 2:
            mss = int.from_bytes(value, "big")
        elif kind == _WINDOW_SCALE and len(value) == 1:
            window_scale = min(value[0], _GREATEST_SHIFT)
        elif kind == _SACK_PERMITTED and not value:
            permitted = True
        elif kind == _SACK and len(value) % 8 == 0:
            numbers = [int.from_bytes(value[at : at + 4], "big") for at in range(0, len(value), 4)]
            sacks = tuple(zip(numbers[::2], numbers[1::2], strict=True))
        elif kind == _TIMESTAMPS and len(value) == 8:
            stamped, stamps = True, value
    return Options(mss, window_scale, permitted, sacks, stamped, stamps)


def _each(octets: bytes) -> list[tuple[int, bytes]]:
    found = []
    at = 0
    while at < len(octets):
        kind = octets[at]
        if kind == _END:
            break
        if kind == _NO_OPERATION:
            at += 1
            continue
        if at + 1 >= len(octets) or not 2 <= octets[at + 1] <= len(octets) - at:
            break
        found.append((kind, octets[at + 2 : at + octets[at + 1]]))
        at += octets[at + 1]
    return found
