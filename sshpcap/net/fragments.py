"""Puts IP fragments together (RFC 791 §3.2, RFC 8200 §4.5): bounded in number, octets and time; overlaps are told.

The first copy of an octet counts. RFC 5722 demands that an IPv6 datagram with overlapping fragments is dropped; hosts
differ, so it is kept and counted: a diagnosis must not lose what a lenient host has read. A fragment that comes again
as it was (captured twice, or repeated by the network) is no overlap.
"""

from typing import NamedTuple

from sshpcap import limits

Key = tuple[bytes, bytes, int, int]
"""Source, destination, protocol, identification."""


class Whole(NamedTuple):
    """A datagram's payload, put together."""

    octets: bytes
    length: int
    """What it had on the wire; more than `octets` where the capture cut fragments short."""


class _Datagram:
    __slots__ = ("end", "held", "pieces", "time")

    def __init__(self, time: int) -> None:
        self.time = time
        self.pieces: dict[int, tuple[bytes, int]] = {}
        """Offset → captured octets and length on the wire."""
        self.end: int | None = None
        self.held = 0


class Fragments:
    """Collects fragments until a datagram is whole."""

    def __init__(self) -> None:
        self._waiting: dict[Key, _Datagram] = {}
        self._finished: dict[Key, int] = {}
        """When the last datagrams became whole."""
        self._held = 0
        self.overlaps = 0
        self.given_up = 0
        """Datagrams that never became whole, or had to make room."""

    @property
    def incomplete(self) -> int:
        """Datagrams that did not become whole so far."""
        return self.given_up + len(self._waiting)

    def add(self, key: Key, time: int, offset: int, octets: bytes, length: int, *, more: bool) -> Whole | None:
        """Take one fragment; the whole payload when it was the last that was missing.

        `offset` and `length` are in octets; `octets` is what was captured of the `length`.
        """
        self._expire(time)
        if offset + length > limits.MAX_DATAGRAM_BYTES:
            return None
        datagram = self._waiting.get(key)
        if datagram is None and abs(time - self._finished.get(key, -limits.FRAGMENT_NS)) <= limits.TWICE_NS:
            return None
        if datagram is None:
            self._make_room()
            datagram = self._waiting[key] = _Datagram(time)
        if not more:
            datagram.end = offset + length
        if datagram.pieces.get(offset) != (octets, length) and self._overlaps(datagram, offset, length):
            self.overlaps += 1
        if offset not in datagram.pieces:
            datagram.pieces[offset] = (octets, length)
            datagram.held += len(octets)
            self._held += len(octets)
        whole = _join(datagram)
        if whole is not None or len(datagram.pieces) > limits.MAX_FRAGMENTS:
            self._forget(key)
        if whole is not None:
            self._finished.pop(key, None)
            self._finished[key] = time
            if len(self._finished) > limits.MAX_DATAGRAMS:
                del self._finished[next(iter(self._finished))]
        return whole

    def _overlaps(self, datagram: _Datagram, offset: int, length: int) -> bool:
        return any(start < offset + length and start + size > offset for start, (_, size) in datagram.pieces.items())

    def _expire(self, time: int) -> None:
        """Datagrams are kept in the order in which they began: only the oldest can be too old."""
        while self._waiting:
            key = next(iter(self._waiting))
            if time - self._waiting[key].time < limits.FRAGMENT_NS:
                return
            self.given_up += 1
            self._forget(key)

    def _make_room(self) -> None:
        while self._waiting and (len(self._waiting) >= limits.MAX_DATAGRAMS or self._held >= limits.FRAGMENT_BYTES):
            self.given_up += 1
            self._forget(next(iter(self._waiting)))

    def _forget(self, key: Key) -> None:
        self._held -= self._waiting.pop(key).held


def _join(datagram: _Datagram) -> Whole | None:
    """The payload if no octet is missing (those that the snaplen cut off excepted, at the end)."""
    if datagram.end is None or 0 not in datagram.pieces:
        return None
    joined = bytearray()
    at = 0
    cut = False
    for offset in sorted(datagram.pieces):
        octets, length = datagram.pieces[offset]
        if offset > at:
            return None
        if offset + length <= at:
            continue
        if not cut:
            joined += octets[at - offset :]
            cut = len(octets) < length
        at = offset + length
    return Whole(bytes(joined[: datagram.end]), datagram.end) if at >= datagram.end else None
