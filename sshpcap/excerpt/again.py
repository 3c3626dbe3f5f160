"""The frames of connections that were analysed before: the captures are read once more, and every frame of those
connections comes out with the connection it belongs to.

A report holds results, not frames; whoever needs the frames themselves (a slice, `--verbose`) finds them here. Must
not know: what is made of them.
"""

import socket
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from sshpcap import limits
from sshpcap.frames import Endpoint, FrameBlock, IcmpError, Segment
from sshpcap.model import Party, Session
from sshpcap.net.columns import read_columns, segments
from sshpcap.net.decode import Decoder
from sshpcap.net.fragments import Key
from sshpcap.net.keys import keys_of

Pair = tuple[Endpoint, Endpoint]


class Found(NamedTuple):
    """A frame of a connection."""

    session: Session
    frame: int
    time: int
    octets: bytes
    original: int
    link_type: int
    interface: int
    carries: Segment | IcmpError | None
    """None for a fragment that another frame completes."""


def find(blocks: Iterable[FrameBlock], sessions: Iterable[Session]) -> Iterator[Found]:
    """The frames of `sessions`, in the order of the capture (a fragment comes when its packet is whole)."""
    return _Finder(sessions).walk(blocks)


class _Finder:
    def __init__(self, sessions: Iterable[Session]) -> None:
        self._sessions: dict[Pair, list[tuple[int, Session]]] = {}
        for session in sessions:
            pair = _pair(endpoint(session.client), endpoint(session.server))
            self._sessions.setdefault(pair, []).append((_first_frame(session), session))
        for known in self._sessions.values():
            known.sort(key=lambda row: row[0])
        self._keys = keys_of(list(self._sessions))
        self._decoder = Decoder()
        self._waiting: dict[Key, list[tuple[int, int, bytes, int, int, int]]] = {}

    def walk(self, blocks: Iterable[FrameBlock]) -> Iterator[Found]:
        for block in blocks:
            if len(block.number):
                yield from self._block(block)

    def _block(self, block: FrameBlock) -> Iterator[Found]:
        shapes = read_columns(block)
        places = np.flatnonzero(np.isin(shapes.columns.key, self._keys))
        common: dict[int, Segment | None] = dict(segments(block, shapes.columns, places))
        for row in sorted((*common, *shapes.rest.tolist())):
            found = common.get(row)
            if found is not None:
                yield from self._owned(block, row, found)
            else:
                yield from self._rare(block, row)

    def _rare(self, block: FrameBlock, row: int) -> Iterator[Found]:
        number, time, original = int(block.number[row]), int(block.time[row]), int(block.original[row])
        protocol, carries = self._decoder.decode(number, time, block.frame(row), int(block.link_type[row]), original)
        key = self._decoder.fragment_key
        if protocol == "fragment" and key is not None:
            if len(self._waiting) >= limits.MAX_DATAGRAMS:
                del self._waiting[next(iter(self._waiting))]
            held = self._waiting.setdefault(key, [])
            if len(held) < limits.MAX_FRAGMENTS:
                held.append(self._raw(block, row))
            return
        parts = self._waiting.pop(key, []) if key is not None else []
        if carries is None:
            return
        session = self._session(carries)
        if session is not None:
            for frame, at, octets, size, link_type, interface in parts:
                yield Found(session, frame, at, octets, size, link_type, interface, None)
        yield from self._owned(block, row, carries)

    def _owned(self, block: FrameBlock, row: int, carries: Segment | IcmpError) -> Iterator[Found]:
        session = self._session(carries)
        if session is not None:
            yield Found(session, *self._raw(block, row), carries)

    @staticmethod
    def _raw(block: FrameBlock, row: int) -> tuple[int, int, bytes, int, int, int]:
        return (int(block.number[row]), int(block.time[row]), bytes(block.frame(row)), int(block.original[row]),
                int(block.link_type[row]), int(block.interface[row]))  # fmt: skip

    def _session(self, carries: Segment | IcmpError) -> Session | None:
        """The connection whose endpoints these are, and that had begun."""
        known = self._sessions.get(_pair(carries.source, carries.destination))
        if known is None:
            return None
        place = bisect_right([first for first, _ in known], carries.frame)
        return known[place - 1][1] if place else None


def _first_frame(session: Session) -> int:
    sides = (session.tcp.client.first_frame, session.tcp.server.first_frame)
    rows = (entry.frame for entry in session.timeline[:1])
    return min((frame for frame in (*sides, *rows) if frame is not None), default=0)


def endpoint(party: Party) -> Endpoint:
    """A side's address and port as segments have them."""
    family = socket.AF_INET6 if ":" in party.address else socket.AF_INET
    return Endpoint(socket.inet_pton(family, party.address), party.port)


def _pair(left: Endpoint, right: Endpoint) -> Pair:
    return (left, right) if left < right else (right, left)
