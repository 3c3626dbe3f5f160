"""Questions for a host on the own network that nobody answers: ARP (RFC 826) and neighbour discovery (RFC 4861).

A connection to such a host leaves no SYN: its kernel asks for the hardware address three times and gives up. Bounded.
Must not know: connections.
"""

import struct
from collections import Counter
from typing import Final, NamedTuple

import numpy as np

from sshpcap import limits
from sshpcap.frames import Bytes, Int64s

ENOUGH: Final = 3
"""Linux asks three times, a second apart, before it says "No route to host"."""
_ARP: Final = struct.Struct(">HHBBH6s4s6s4s")
ARP_BYTES: Final = _ARP.size
_IPV4: Final = 0x0800
_SIZES: Final = 0x0604
"""Octets of hardware and of protocol addresses."""
_REQUEST, _REPLY = 1, 2
_SOLICITATION, _ADVERTISEMENT = 135, 136


class Unanswered(NamedTuple):
    """Somebody was looked for in vain."""

    asker: bytes
    target: bytes
    frame: int
    """The first question."""
    times: int


class Neighbours:
    """Counts questions, and forgets those that were answered."""

    def __init__(self) -> None:
        self._asked: dict[tuple[bytes, bytes], tuple[int, int]] = {}
        """First frame and count, by asker and target."""
        self._there: set[bytes] = set()

    def arp(self, frame: int, octets: bytes) -> None:
        """Take in what stands behind the ethertype of an ARP frame."""
        if len(octets) < _ARP.size:
            return
        _, protocol, hardware_size, size, operation, _, sender, _, target = _ARP.unpack_from(octets)
        if (protocol, hardware_size, size) != (_IPV4, 6, 4):
            return
        if operation == _REPLY:
            self._answered(sender)
        elif operation == _REQUEST and sender not in (target, bytes(4)):
            # Whoever asks for itself announces itself; 0.0.0.0 looks whether an address is free (RFC 5227).
            self._question(frame, sender, target)

    def arp_rows(self, numbers: Int64s, octets: Bytes, at: Int64s) -> None:
        """Take in many ARP messages, whole ones: what `arp` does with each."""
        rows = octets[at[:, None] + np.arange(ARP_BYTES)]
        heads, places = np.ascontiguousarray(rows[:, :8]).view(">u4"), np.array((*range(14, 18), *range(24, 28)))
        plain = (heads[:, 0] & 0xFFFF == _IPV4) & (heads[:, 1] >> 16 == _SIZES)
        operation = heads[:, 1] & 0xFFFF
        ends = np.ascontiguousarray(rows[:, places]).view(">u4")  # sender and target
        for host in dict.fromkeys(ends[plain & (operation == _REPLY), 0].tolist()):
            self._answered(host.to_bytes(4, "big"))
        asks = plain & (operation == _REQUEST) & (ends[:, 0] != ends[:, 1]) & (ends[:, 0] != 0)
        pairs = np.ascontiguousarray(ends[asks]).view(">u8").ravel().tolist()
        first: dict[int, int] = {}
        for pair, number in zip(pairs, numbers[asks].tolist(), strict=True):
            first.setdefault(pair, number)
        times = Counter(pairs)
        for pair, number in first.items():
            both = pair.to_bytes(8, "big")
            self._question(number, both[:4], both[4:], times[pair])

    def icmp6(self, frame: int, source: bytes, body: bytes) -> None:
        """Take in an ICMPv6 message."""
        if len(body) < 24:
            return
        if body[0] == _ADVERTISEMENT:
            self._answered(body[8:24])
        elif body[0] == _SOLICITATION and any(source):
            self._question(frame, source, body[8:24])

    def _question(self, frame: int, asker: bytes, target: bytes, times: int = 1) -> None:
        key = (asker, target)
        first, count = self._asked.get(key, (frame, 0))
        if count or len(self._asked) < limits.MAX_NEIGHBOURS:
            self._asked[key] = (first, count + times)

    def _answered(self, host: bytes) -> None:
        if len(self._there) < limits.MAX_NEIGHBOURS:
            self._there.add(host)

    def unanswered(self) -> list[Unanswered]:
        """Who was asked for three times or more and never answered: the most asked for first."""
        found = [
            Unanswered(asker, target, first, count)
            for (asker, target), (first, count) in self._asked.items()
            if count >= ENOUGH and target not in self._there
        ]
        return sorted(found, key=lambda one: (-one.times, one.frame))
