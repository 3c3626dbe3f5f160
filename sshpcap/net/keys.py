"""Hashes of connections, by their endpoints, for whole columns at once.

The same in both directions, because each endpoint has its own and they are added. Must not know: frames, blocks.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sshpcap.frames import Endpoint

UInt64s = npt.NDArray[np.uint64]

# Odd multipliers of SplitMix64 and xxHash: they spread addresses and ports over 64 bits. Not secret, and need not be:
# whoever acts on equal keys compares the addresses themselves.
_MIX: Final = tuple(np.uint64(m) for m in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB,
                                           0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9))  # fmt: skip


def mixed(ports: npt.NDArray[Any], address: Sequence[npt.NDArray[np.uint32]]) -> UInt64s:
    """Hash of endpoints: their ports, and the words of their addresses."""
    found = ports.astype(np.uint64) * _MIX[4]
    for word, multiplier in zip(address, _MIX, strict=False):
        found ^= word
        found *= multiplier
        found ^= found >> np.uint64(29)
    return found


def keys_of(pairs: list[tuple[Endpoint, Endpoint]]) -> UInt64s:
    """The hashes of connections between known endpoints."""
    keys = np.zeros(len(pairs), dtype=np.uint64)
    for size in (4, 16):
        places = [place for place, pair in enumerate(pairs) if len(pair[0].address) == size]
        if not places:
            continue
        for side in (0, 1):
            octets = np.frombuffer(b"".join(pairs[place][side].address for place in places), dtype=">u4")
            address = octets.reshape(len(places), size // 4).astype(np.uint32)
            ports = np.array([pairs[place][side].port for place in places], dtype=np.uint64)
            keys[places] += mixed(ports, list(address.T))
    return keys
