"""Drops whole rows of a block that are proven to be of no interest, before any object is made of them.

Two kinds of connections are muted: those that are not SSH and quiet ones, whose payload can tell nothing more (they are
counted). Of a block in which either has a SYN, or a quiet one a FIN or RST, all its frames are passed on. A hash only
finds the candidates; the addresses and ports themselves are compared, so a collision costs time and never a frame. Must
not know: SSH.
"""

from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

import numpy as np

from sshpcap import limits
from sshpcap.frames import ACK, FIN, RST, SYN, Endpoint, FrameBlock, Int64s
from sshpcap.net.columns import Columns
from sshpcap.net.keys import keys_of

Pair = tuple[Endpoint, Endpoint]

_CIRCLE: Final = (1 << 32) - 1
"""Sequence numbers begin again behind it."""
_SPARE_ROWS: Final = 1024
"""Rows of unmuted connections that the table may hold before it is made anew."""


class MutedData(NamedTuple):
    """A dropped row with data."""

    frame: int
    time: int
    end: int
    """Sequence number behind its payload."""
    again: bool
    """An earlier row of the run reached as far."""


class Muted(NamedTuple):
    """A run of dropped rows of one direction of a quiet connection, summed up."""

    pair: Pair
    direction: int
    frames: int
    data_bytes: int
    last_frame: int
    last_time: int
    """The latest time of the run; not that of its last frame where the clock stepped back."""
    last_data_frame: int | None
    last_data_time: int
    end: int
    """Sequence number behind the highest payload octet of the run."""
    ack: int | None
    window: int
    tail: tuple[MutedData, ...]
    """The last rows with data, up to `limits.LAST_DATA`."""
    ahead_frame: int
    """The first of those that reach `end`."""
    ahead_time: int
    again: int
    """Rows with payload behind it."""
    data_frames: int
    """Rows with payload."""
    largest: int
    """Payload octets of the longest."""
    first_frame: int
    ahead_before: int | None
    """The latest time of the connection's rows before `ahead_frame`; None where that is the first in this block."""
    last_before: int | None
    """The same before `last_frame`."""


class Triage:
    """Knows which connections are muted, and sifts blocks by it."""

    def __init__(self) -> None:
        self._waiting: dict[Pair, bool] = {}
        """Muted since the last block, and whether quiet."""
        self._empty()

    def _empty(self) -> None:
        self._unmuted: list[int] = []
        """Rows of the table that have to leave the index."""
        # The table has a row for every muted connection, the index has their hashes in order. Only what is new is
        # worked in: a capture may have a million connections.
        self._rows: dict[Pair, int] = {}
        self._pairs: list[Pair] = []
        self._quiet = np.empty(0, dtype=np.bool_)
        self._words = np.empty((0, 10), dtype=np.uint32)
        """Both addresses, both ports, and the words of an address."""
        self._keys = np.empty(0, dtype=np.uint64)
        self._indexed = np.empty(0, dtype=np.int64)

    @property
    def empty(self) -> bool:
        """Nothing is muted."""
        return not self._rows and not self._waiting

    def mute(self, pair: Pair, *, quiet: bool) -> None:
        """Stop passing on a connection; `quiet` ones are counted, the others are not SSH."""
        self.unmute(pair)
        self._waiting[pair] = quiet

    def unmute(self, pair: Pair) -> None:
        """Pass on a connection again."""
        self._waiting.pop(pair, None)
        row = self._rows.pop(pair, None)
        if row is not None:
            self._unmuted.append(row)

    def sift(self, block: FrameBlock, columns: Columns, touched: Collection[Pair] = ()) -> tuple[Int64s, list[Muted]]:
        """Places in the columns to be looked at, and the sums of the quiet rows that were dropped.

        `touched` are the endpoints of what else the block holds, in frames of rare shape: such a connection is looked
        at frame by frame, so that all of it is taken in the order of the capture.
        """
        every = np.arange(len(columns.row), dtype=np.int64)
        self._update()
        if not len(self._keys) or not len(every):
            return every, []
        found = np.minimum(np.searchsorted(self._keys, columns.key), len(self._keys) - 1)
        places = np.flatnonzero(self._keys[found] == columns.key)
        connection = self._indexed[found[places]]
        direction = self._directions(block, columns, places, connection)
        exact = direction >= 0
        places, connection, direction = places[exact], connection[exact], direction[exact]
        flags = columns.flags[places]
        # A SYN may make the endpoints another connection, and what ends a quiet one is read in its place among the
        # rest: such a connection is looked at frame by frame for this block.
        quiet = self._quiet[connection]
        control = flags & np.where(quiet, SYN | FIN | RST, SYN) != 0
        known = {self._rows.get(pair, self._rows.get(pair[::-1], -1)) for pair in touched} - {-1}
        dropped = np.ones(len(places), dtype=np.bool_)
        if known or control.any():
            looked_at = np.zeros(len(self._pairs), dtype=np.bool_)
            looked_at[connection[control]] = True
            looked_at[sorted(known)] = True
            dropped = ~looked_at[connection]
        counted = dropped & quiet
        mask = np.ones(len(every), dtype=np.bool_)
        mask[places[dropped]] = False
        sums = list(self._sums(block, columns, places[counted], connection[counted], direction[counted]))
        return every[mask], sums

    def _update(self) -> None:
        """Bring table and index up to date."""
        if self._unmuted:
            stays = np.ones(len(self._pairs), dtype=np.bool_)
            stays[self._unmuted] = False
            stays = stays[self._indexed]
            self._keys, self._indexed = self._keys[stays], self._indexed[stays]
            self._unmuted = []
        if len(self._pairs) > 2 * len(self._rows) + _SPARE_ROWS:
            held = {pair: bool(self._quiet[row]) for pair, row in self._rows.items()}
            self._empty()
            self._waiting = held | self._waiting
        if self._waiting:
            self._append(list(self._waiting), list(self._waiting.values()))
            self._waiting = {}

    def _append(self, pairs: list[Pair], quiet: list[bool]) -> None:
        words = np.zeros((len(pairs), 10), dtype=np.uint32)
        for row, (left, right) in enumerate(pairs):
            size = len(left.address) // 4
            words[row, :size] = np.frombuffer(left.address, dtype=">u4")
            words[row, 4 : 4 + size] = np.frombuffer(right.address, dtype=">u4")
            words[row, 8:] = left.port << 16 | right.port, size
        first = len(self._pairs)
        self._pairs += pairs
        self._rows.update(zip(pairs, range(first, first + len(pairs)), strict=True))
        self._quiet = np.concatenate((self._quiet, quiet))
        self._words = np.concatenate((self._words, words))
        keys = keys_of(pairs)
        order = np.argsort(keys, kind="stable")
        places = np.searchsorted(self._keys, keys[order])
        self._keys = np.insert(self._keys, places, keys[order])
        self._indexed = np.insert(self._indexed, places, first + order)

    def _directions(self, block: FrameBlock, columns: Columns, places: Int64s, connection: Int64s) -> Int64s:
        """0 or 1 where the row really belongs to the connection in that direction, else -1."""
        octets = block.buffer
        words = np.ndarray((max(0, len(octets) - 3),), dtype=">u4", buffer=octets.data, strides=(1,))
        direction = np.full(len(places), -1, dtype=np.int64)
        source, destination = columns.source[places], columns.destination[places]
        ports = columns.source_port[places] << 16 | columns.destination_port[places]
        left, right, asked, size = (self._words[:, word].astype(np.int64)[connection] for word in (0, 4, 8, 9))
        is_ipv6 = columns.version[places] == 6
        same_family = is_ipv6 == (size == 4)
        forward = same_family & (ports == asked) & (source == left) & (destination == right)
        backward = same_family & (ports == (asked & 0xFFFF) << 16 | asked >> 16)
        backward &= (source == right) & (destination == left)
        # Of an IPv6 address the columns have the first word only.
        rows = np.flatnonzero((forward | backward) & is_ipv6)
        if len(rows):
            at, muted = columns.address_at[places[rows]], self._words[connection[rows]]
            for word in range(1, 4):
                first, second = words[at + 4 * word], words[at + 4 * (4 + word)]
                forward[rows] &= (first == muted[:, word]) & (second == muted[:, 4 + word])
                backward[rows] &= (first == muted[:, 4 + word]) & (second == muted[:, word])
        direction[backward] = 1
        direction[forward] = 0
        return direction

    def _sums(
        self, block: FrameBlock, columns: Columns, places: Int64s, connection: Int64s, direction: Int64s
    ) -> Iterator[Muted]:
        if not len(places):
            return
        before = _latest_before(connection, block.time[columns.row[places]])
        group = connection * 2 + direction
        order = _grouped(group)
        group, places, before = group[order], places[order], before[order]
        first = np.flatnonzero(np.concatenate(([True], group[1:] != group[:-1])))
        last = np.append(first[1:], len(group)) - 1
        rows, length = columns.row[places], columns.length[places]
        end = columns.seq[places] + length
        walked = _walk(end)
        latest = np.maximum.reduceat(block.time[rows], first)
        is_ack, acks = columns.flags[places] & ACK != 0, columns.ack[places]
        has_data, data_bytes = length > 0, np.add.reduceat(length, first)
        for start, stop, whose, octets, time in zip(
            first.tolist(), (last + 1).tolist(), group[first].tolist(), data_bytes.tolist(), latest.tolist(),
            strict=True,
        ):  # fmt: skip
            these = slice(start, stop)
            acknowledged = acks[these][is_ack[these]]
            data = np.flatnonzero(has_data[these])
            data_row = rows[start + data[-1]] if len(data) else None
            ahead = start + int(walked[these].argmax())
            row, ahead_row = rows[stop - 1], rows[ahead]
            yield Muted(
                pair=self._pairs[whose // 2],
                direction=whose % 2,
                frames=stop - start,
                data_bytes=octets,
                last_frame=int(block.number[row]),
                last_time=time,
                last_data_frame=None if data_row is None else int(block.number[data_row]),
                last_data_time=0 if data_row is None else int(block.time[data_row]),
                end=int(end[ahead]) & _CIRCLE,
                ack=_highest(acknowledged) if len(acknowledged) else None,
                window=int(columns.window[places[stop - 1]]),
                tail=_tail(block, rows[these], end[these], walked[these], data),
                ahead_frame=int(block.number[ahead_row]),
                ahead_time=int(block.time[ahead_row]),
                again=int(np.count_nonzero(has_data[ahead + 1 : stop])),
                data_frames=len(data),
                largest=int(length[these].max()),
                first_frame=int(block.number[rows[start]]),
                ahead_before=_known(before[ahead]),
                last_before=_known(before[stop - 1]),
            )


def _tail(block: FrameBlock, rows: Int64s, end: Int64s, walked: Int64s, data: Int64s) -> tuple[MutedData, ...]:
    """The last rows with data of a run, and whether rows before them had reached as far.

    `walked` are the distances of all its rows, `data` the places of those with data.
    """
    last = data[-limits.LAST_DATA :]
    highest = np.maximum.accumulate(walked)[last - 1]
    again = (last > 0) & (walked[last] <= highest)
    numbers, times = block.number[rows[last]], block.time[rows[last]]
    fields = (numbers.tolist(), times.tolist(), (end[last] & _CIRCLE).tolist(), again.tolist())
    return tuple(map(MutedData._make, zip(*fields, strict=True)))


_NOTHING: Final = -1


def _known(time: np.int64) -> int | None:
    return None if time == _NOTHING else int(time)


def _latest_before(connection: Int64s, times: Int64s) -> Int64s:
    """For every row the latest time of the rows of its connection before it."""
    before = np.full(len(times), _NOTHING, dtype=np.int64)
    if (connection == connection[0]).all():
        before[1:] = np.maximum.accumulate(times)[:-1]
        return before
    order = _grouped(connection)
    first = np.flatnonzero(np.diff(connection[order], prepend=-1))
    for start, stop in zip(first.tolist(), [*first[1:].tolist(), len(order)], strict=True):
        latest = np.maximum.accumulate(times[order[start:stop]])
        before[order[start + 1 : stop]] = latest[:-1]
    return before


def _grouped(numbers: Int64s) -> Int64s:
    """The places of equal numbers beside each other, in their order."""
    # Numbers of 16 bits are sorted by counting them.
    few = int(numbers.max(initial=0)) < 1 << 16
    return np.argsort(numbers.astype(np.uint16) if few else numbers, kind="stable")


def _highest(numbers: Int64s) -> int:
    """The highest of some sequence numbers, on the circle: by adding up the steps from one to the next."""
    return int(numbers[_walk(numbers).argmax()])


def _walk(numbers: Int64s) -> Int64s:
    """Sequence numbers as distances from the first of them, on the circle: each less than half of it from the last."""
    steps = np.diff(numbers, prepend=numbers[:1])
    walked: Int64s = np.cumsum((steps + (1 << 31) & _CIRCLE) - (1 << 31))
    return walked
