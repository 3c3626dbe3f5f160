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
        self._asked: dict[bytes, tuple[int, int]] = {}
        """First frame and count, by asker and target, one behind the other."""
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
            self._question(frame, sender + target)

    def arp_rows(self, numbers: Int64s, octets: Bytes, at: Int64s) -> None:
        """Take in many ARP messages, whole ones: what `arp` does with each."""
        if not len(at):
            return
        words = np.ndarray((len(octets) - 3,), dtype=">u4", buffer=octets.data, strides=(1,))
        kinds, sender, target = words[at + 4].astype(np.int64), words[at + 14], words[at + 24]
        plain = (words[at] & 0xFFFF == _IPV4) & (kinds >> 16 == _SIZES)
        operation = kinds & 0xFFFF
        for host in dict.fromkeys(sender[plain & (operation == _REPLY)].tolist()):
            self._answered(host.to_bytes(4, "big"))
        asks = np.flatnonzero(plain & (operation == _REQUEST) & (sender != target) & (sender != 0))
        pairs: list[bytes] = np.stack((sender[asks], target[asks]), axis=1).astype(">u4").view("V8").ravel().tolist()
        first = dict(zip(reversed(pairs), reversed(numbers[asks].tolist()), strict=True))
        for pair, times in Counter(pairs).items():
            self._question(first[pair], pair, times)

    def icmp6(self, frame: int, source: bytes, body: bytes) -> None:
        """Take in an ICMPv6 message."""
        if len(body) < 24:
            return
        if body[0] == _ADVERTISEMENT:
            self._answered(body[8:24])
        elif body[0] == _SOLICITATION and any(source):
            self._question(frame, source + body[8:24])

    def _question(self, frame: int, pair: bytes, times: int = 1) -> None:
        first, count = self._asked.get(pair, (frame, 0))
        if count or len(self._asked) < limits.MAX_NEIGHBOURS:
            self._asked[pair] = (first, count + times)

    def _answered(self, host: bytes) -> None:
        if len(self._there) < limits.MAX_NEIGHBOURS:
            self._there.add(host)

    def unanswered(self) -> list[Unanswered]:
        """Who was asked for three times or more and never answered: the most asked for first."""
        found = [
            Unanswered(pair[: len(pair) // 2], target, first, count)
            for pair, (first, count) in self._asked.items()
            if count >= ENOUGH and (target := pair[len(pair) // 2 :]) not in self._there
        ]
        return sorted(found, key=lambda one: (-one.times, one.frame))
