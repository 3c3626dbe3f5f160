"""Arithmetic of TCP sequence numbers, which wrap at 2**32 (RFC 9293 §3.4)."""

from typing import Final

_MODULUS: Final = 1 << 32
_HALF: Final = 1 << 31


def difference(left: int, right: int) -> int:
    """How far `left` lies behind `right` on the circle: between -2**31 and 2**31 - 1, negative when it is before it."""
    return (left - right + _HALF) % _MODULUS - _HALF


def unwrap(number: int, origin: int, near: int) -> int:
    """The offset from `origin` that `number` stands for, as an integer that does not wrap: the one nearest to
    `near`."""
    # As `near + difference(number, origin + near)`: this is done several times for every segment.
    return near + (number - origin - near + _HALF) % _MODULUS - _HALF
