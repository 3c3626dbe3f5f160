"""SYNs that nobody has answered yet, as rows of numbers: a flood or a scan makes hundreds of thousands of them.

Only what a whole block has of them is worth it, and only a SYN that is alone: no other frame between the same endpoints
is known. As soon as one comes, or the capture ends, the row becomes the segment that it was. A hash finds the rows that
a frame may belong to; a row that is found without need becomes a segment too early, and nothing else. Must not know:
connections, SSH.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sshpcap import limits
from sshpcap.frames import ACK, FIN, RST, SYN, Bytes, Endpoint, FrameBlock, Int64s, Segment
from sshpcap.net.columns import Columns, Mask, checksums_of
from sshpcap.net.keys import UInt64s, keys_of
from sshpcap.net.segments import read_segment

Pair = tuple[Endpoint, Endpoint]

_WORTH: Final = 256
"""SYNs of one block that are worth the work of setting them aside."""

_CHUNKS: Final = 8
"""Runs of rows that are searched one by one before they are made one."""

_ADDRESSES: Final = 32
_LONGEST_HEADER: Final = 60


class _Rows(NamedTuple):
    """Rows in the order of their keys."""

    key: UInt64s
    number: Int64s
    """Number of the connection in the report."""
    frame: Int64s
    time: Int64s
    ttl: npt.NDArray[np.uint8]
    ip_id: npt.NDArray[np.int32]
    version: npt.NDArray[np.uint8]
    addresses: Bytes
    """Both addresses, from the first octet of each row on."""
    header: Bytes
    """The TCP header, and whatever stands behind a short one."""
    checksum: npt.NDArray[np.uint8]

    def at(self, places: Int64s | Mask) -> "_Rows":
        """Some of the rows."""
        return _Rows._make([column[places] for column in self])


class Numbering:
    """Numbers in the report for rows of a block that are set aside, as if they were met in their turn."""

    def __init__(self, rows: Int64s) -> None:
        self._rows = rows
        self._done = 0
        self.numbers = np.empty(len(rows), dtype=np.int64)

    def before(self, row: int, last: int) -> int:
        """Number the rows before `row`, the last number given being `last`; returns the last number then."""
        until = int(np.searchsorted(self._rows, row))
        count = until - self._done
        if count:
            self.numbers[self._done : until] = np.arange(last + 1, last + 1 + count)
            self._done = until
        return last + count


class Openings:
    """Lone SYNs of a capture."""

    def __init__(self) -> None:
        self._chunks: list[_Rows] = []
        self._opened = np.empty(0, dtype=np.uint64)
        """Keys of every connection that has become an object, ascending."""
        self._opened_since: list[Pair] = []
        self.forgotten = 0
        """Rows that made room."""
        self.first_forgotten: int | None = None
        """Frame of the first of them."""

    def __len__(self) -> int:
        return sum(len(chunk.key) for chunk in self._chunks)

    def opened(self, pair: Pair) -> None:
        """A connection has become an object: its SYNs are no longer for here."""
        self._opened_since.append(pair)
        if len(self._opened_since) >= 1 << 16:
            self._fold()

    def _fold(self) -> None:
        if self._opened_since:
            self._opened = np.union1d(self._opened, keys_of(self._opened_since))
            self._opened_since = []

    def choose(self, columns: Columns, ports: frozenset[int], touched: Iterable[Pair]) -> Int64s:
        """Places of the SYNs to be set aside; none where there are few. `touched`: endpoints in frames of rare
        shape."""
        none = np.empty(0, dtype=np.int64)
        lone = (columns.flags & (SYN | ACK | FIN | RST) == SYN) & (columns.length == 0)
        if np.count_nonzero(lone) < _WORTH:
            return none
        expected = np.zeros(1 << 16, dtype=np.bool_)
        expected[list(ports)] = True
        lone &= expected[columns.source_port] | expected[columns.destination_port]
        if np.count_nonzero(lone) < _WORTH:
            return none
        order = np.argsort(columns.key, kind="stable")
        twice = np.flatnonzero(columns.key[order[1:]] == columns.key[order[:-1]])
        lone[order[twice]] = lone[order[twice + 1]] = False
        self._fold()
        lone &= ~_among(columns.key, self._opened)
        if touched := list(touched):
            lone &= ~_among(columns.key, np.sort(keys_of(touched)))
        places = np.flatnonzero(lone)
        return places if len(places) >= _WORTH else none

    def add(self, block: FrameBlock, columns: Columns, index: Int64s) -> None:
        """Set rows aside; `index` are the numbers that they have in the report, in the order of the capture."""
        octets, at, tcp_at = block.buffer, columns.address_at, columns.tcp_at
        last = len(octets) - 1
        older = columns.version == 4
        order = np.argsort(columns.key, kind="stable")
        rows = _Rows(
            key=columns.key,
            number=index,
            frame=block.number[columns.row],
            time=block.time[columns.row],
            ttl=octets[at - np.where(older, 4, 1)],
            ip_id=np.where(older, octets[at - 8].astype(np.int32) << 8 | octets[at - 7], -1).astype(np.int32),
            version=columns.version.astype(np.uint8),
            addresses=octets[np.minimum(at[:, None] + np.arange(_ADDRESSES), last)],
            header=octets[np.minimum(tcp_at[:, None] + np.arange(_LONGEST_HEADER), last)],
            checksum=np.array(checksums_of(block, columns), dtype=np.uint8),
        )
        self._chunks.append(rows.at(order))
        if len(self._chunks) > _CHUNKS:
            self._merge()
        if len(self) > limits.MAX_CONNECTIONS:
            self._forget()

    def _merge(self) -> None:
        every = _Rows._make([np.concatenate(columns) for columns in zip(*self._chunks, strict=True)])
        self._chunks = [every.at(np.argsort(every.key, kind="stable"))]

    def _forget(self) -> None:
        """Drop the older half, but not what is to be told."""
        self._merge()
        rows = self._chunks[0]
        told, middle = np.sort(rows.number)[[limits.MAX_UNANSWERED, len(rows.number) // 2]]
        gone = (rows.number >= told) & (rows.number < middle)
        self.forgotten += int(np.count_nonzero(gone))
        if self.first_forgotten is None and gone.any():
            self.first_forgotten = int(rows.frame[gone].min())
        self._chunks = [rows.at(~gone)]

    def take(self, keys: UInt64s) -> list[tuple[int, Segment]]:
        """The rows that may belong to one of these keys, with their numbers; they are no longer here."""
        taken: list[tuple[int, Segment]] = []
        for place, rows in enumerate(self._chunks):
            found = keys[_among(keys, rows.key)]
            if len(found):
                hit = _among(rows.key, np.sort(found))
                taken += _segments(rows, np.flatnonzero(hit))
                self._chunks[place] = rows.at(~hit)
        return sorted(taken)

    def take_first(self, last_index: int) -> list[tuple[int, Segment]]:
        """The rows with a number up to `last_index`; they are no longer here."""
        taken: list[tuple[int, Segment]] = []
        for place, rows in enumerate(self._chunks):
            hit = rows.number <= last_index
            taken += _segments(rows, np.flatnonzero(hit))
            self._chunks[place] = rows.at(~hit)
        return sorted(taken)

    def last_told(self, others: list[int], last: int) -> int:
        """The highest number of those that are to be told of the rows and of `others`; `last` where all of them are."""
        numbers = np.sort(np.concatenate([np.array(others, dtype=np.int64), *(rows.number for rows in self._chunks)]))
        return last if len(numbers) <= limits.MAX_UNANSWERED else int(numbers[limits.MAX_UNANSWERED - 1])

    def first_frame(self) -> int | None:
        """The first frame of all rows."""
        return min((int(rows.frame.min()) for rows in self._chunks if len(rows.frame)), default=None)


def _among(keys: UInt64s, ascending: UInt64s) -> Mask:
    """Which keys are in a sorted array."""
    if not len(ascending):
        return np.zeros(len(keys), dtype=np.bool_)
    found = np.minimum(np.searchsorted(ascending, keys), len(ascending) - 1)
    same: Mask = ascending[found] == keys
    return same


def _segments(rows: _Rows, places: Int64s) -> list[tuple[int, Segment]]:
    made = []
    for place in places.tolist():
        size = 4 if rows.version[place] == 4 else 16
        addresses, header = rows.addresses[place].tobytes(), rows.header[place].tobytes()
        length = (header[12] >> 4) * 4
        segment = read_segment(
            int(rows.frame[place]), int(rows.time[place]), addresses[:size], addresses[size : 2 * size],
            int(rows.ttl[place]), int(rows.ip_id[place]), header[:length], length,
        )  # fmt: skip
        assert segment is not None
        made.append((int(rows.number[place]), segment._replace(checksum=int(rows.checksum[place]))))
    return made
