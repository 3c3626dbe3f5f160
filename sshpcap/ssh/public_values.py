"""Public values of finite-field Diffie-Hellman: the primes of the fixed groups, and which values cannot be.

RFC 4253 §8 and RFC 4419 §3 forbid values outside of 1 to p-1; RFC 8268 §4 forbids 1 and p-1, too: the shared secret
would be one that everybody can guess. A value like that is no accident of a good program.
"""

import re
from functools import lru_cache
from typing import Final

_METHOD: Final = re.compile(r"(?:diffie-hellman|gss)-group(\d+)-")
_GROUPS: Final = {
    "1": (1024, 129093),  # RFC 4253 §8.1: group 2 of RFC 2409 §6.2
    "14": (2048, 124476),  # RFC 3526 §3 to §7
    "15": (3072, 1690314),
    "16": (4096, 240904),
    "17": (6144, 929484),
    "18": (8192, 4743158),
}
"""Number in the name of a method (RFC 8268 §3) → bits of its prime, and what the RFC adds to pi to get one."""


def prime_of(method: str) -> int | None:
    """The prime of a method with a fixed group; None for other methods."""
    named = _METHOD.match(method)
    return _prime(*_GROUPS[named[1]]) if named and named[1] in _GROUPS else None


def fault(value: int, p: int | None) -> str | None:
    """Why a public value cannot be, as what it is: "0", "p-1", …; None for a good one. Without p, only what is too
    small can be told."""
    if value <= 1:
        return "negative" if value < 0 else str(value)
    if p is None or value < p - 1:
        return None
    return "p-1" if value == p - 1 else "p" if value == p else "more than p"


@lru_cache(8)
def _prime(bits: int, added: int) -> int:
    """RFC 3526: 2^n - 2^(n-64) - 1 + 2^64 * ([2^(n-130) pi] + c)."""
    return (1 << bits) - (1 << (bits - 64)) - 1 + (_pi(bits - 130) + added << 64)


def _pi(bits: int) -> int:
    """[2^bits pi], by Machin's formula."""
    guard = 64
    return 4 * (4 * _arctan_of_inverse(5, bits + guard) - _arctan_of_inverse(239, bits + guard)) >> guard


def _arctan_of_inverse(n: int, bits: int) -> int:
    """2^bits arctan(1/n) by its series; a little too small, for what is rounded off."""
    power = (1 << bits) // n
    total, k = power, 1
    while power:
        power //= -n * n
        k += 2
        total += power // k
    return total
