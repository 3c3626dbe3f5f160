"""Drops whole rows of a block that are proven to be of no interest, before any object is made of them.

Two kinds of connections are muted: those that are not SSH (only a new SYN is passed on) and quiet ones, whose
payload can tell nothing more (they are counted; SYN, FIN and RST are passed on). A hash only finds the candidates; the
addresses and ports themselves are compared, so a collision costs time and never a frame. Must not know: SSH.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sshpcap.frames import ACK, FIN, RST, SYN, Endpoint, FrameBlock, Int64s
from sshpcap.net.columns import Columns, keys_of

UInt32s = npt.NDArray[np.uint32]
Pair = tuple[Endpoint, Endpoint]


class Muted(NamedTuple):
    """A run of dropped rows of one direction of a quiet connection, summed up."""

    pair: Pair
    direction: int
    frames: int
    data_bytes: int
    last_frame: int
    last_time: int
    last_data_frame: int | None
    last_data_time: int
    end: int
    """Sequence number behind the highest payload octet of the run."""
    ack: int | None
    window: int


class Triage:
    """Knows which connections are muted, and sifts blocks by it."""

    def __init__(self) -> None:
        self._muted: dict[Pair, bool] = {}
        self._changed = False
        self._keys = np.empty(0, dtype=np.uint64)
        self._pairs: list[Pair] = []
        self._quiet = np.empty(0, dtype=np.bool_)
        self._words = np.empty((0, 9), dtype=np.uint32)

    def mute(self, pair: Pair, *, quiet: bool) -> None:
        """Stop passing on a connection; `quiet` ones are counted, the others are not SSH."""
        self._muted[pair] = quiet
        self._changed = True

    def unmute(self, pair: Pair) -> None:
        """Pass on a connection again."""
        if self._muted.pop(pair, None) is not None:
            self._changed = True

    def sift(self, block: FrameBlock, columns: Columns) -> tuple[Int64s, list[Muted]]:
        """Places in the columns to be looked at, and the sums of the quiet rows that were dropped."""
        every = np.arange(len(columns.row), dtype=np.int64)
        if self._changed:
            self._rebuild()
        if not len(self._keys) or not len(every):
            return every, []
        found = np.minimum(np.searchsorted(self._keys, columns.key), len(self._keys) - 1)
        places = np.flatnonzero(self._keys[found] == columns.key)
        connection = found[places]
        direction = self._directions(block, columns, places, connection)
        exact = direction >= 0
        places, connection, direction = places[exact], connection[exact], direction[exact]
        flags = columns.flags[places]
        # A SYN may make the endpoints another connection: such a block is looked at frame by frame.
        anew = np.unique(connection[(flags & (SYN | RST)) == SYN])
        kept = np.isin(connection, anew)
        quiet = self._quiet[connection]
        kept |= quiet & (flags & (SYN | FIN | RST) != 0)
        dropped = ~kept
        counted = dropped & quiet
        mask = np.ones(len(every), dtype=np.bool_)
        mask[places[dropped]] = False
        sums = list(self._sums(block, columns, places[counted], connection[counted], direction[counted]))
        return every[mask], sums

    def _rebuild(self) -> None:
        self._changed = False
        pairs = list(self._muted)
        keys = keys_of(pairs)
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._pairs = [pairs[place] for place in order.tolist()]
        self._quiet = np.array([self._muted[pair] for pair in self._pairs], dtype=np.bool_)
        self._words = np.zeros((len(pairs), 9), dtype=np.uint32)
        for row, (left, right) in enumerate(self._pairs):
            size = len(left.address) // 4
            self._words[row, :size] = np.frombuffer(left.address, dtype=">u4")
            self._words[row, 4 : 4 + size] = np.frombuffer(right.address, dtype=">u4")
            self._words[row, 8] = left.port << 16 | right.port

    def _directions(self, block: FrameBlock, columns: Columns, places: Int64s, connection: Int64s) -> Int64s:
        """0 or 1 where the row really belongs to the connection in that direction, else -1."""
        octets = block.buffer
        words = np.ndarray((max(0, len(octets) - 3),), dtype=">u4", buffer=octets.data, strides=(1,))
        direction = np.full(len(places), -1, dtype=np.int64)
        for version, size in ((4, 1), (6, 4)):
            rows = np.flatnonzero(columns.version[places] == version)
            at = columns.address_at[places[rows]]
            tcp_at = columns.tcp_at[places[rows]]
            muted = self._words[connection[rows]]
            forward = words[tcp_at] == muted[:, 8]
            ports = muted[:, 8]
            backward = words[tcp_at] == (ports << np.uint32(16) | ports >> np.uint32(16))
            for word in range(size):
                source, destination = words[at + 4 * word], words[at + 4 * (size + word)]
                forward &= (source == muted[:, word]) & (destination == muted[:, 4 + word])
                backward &= (source == muted[:, 4 + word]) & (destination == muted[:, word])
            if version == 4:
                same_family = ~muted[:, 1:4].any(axis=1)
                forward, backward = forward & same_family, backward & same_family
            direction[rows[backward]] = 1
            direction[rows[forward]] = 0
        return direction

    def _sums(
        self, block: FrameBlock, columns: Columns, places: Int64s, connection: Int64s, direction: Int64s
    ) -> Iterator[Muted]:
        if not len(places):
            return
        group = connection * 2 + direction
        order = np.argsort(group, kind="stable")
        group, places = group[order], places[order]
        first = np.flatnonzero(np.concatenate(([True], group[1:] != group[:-1])))
        last = np.append(first[1:], len(group)) - 1
        length = columns.length[places]
        end = columns.seq[places] + length
        highest = _highest(end, first)
        acks = np.where(columns.flags[places] & ACK != 0, columns.ack[places], -1)
        data_bytes = np.add.reduceat(length, first)
        data_place = np.maximum.reduceat(np.where(length > 0, places, -1), first)
        for start, stop, whose, octets, behind, data in zip(
            first.tolist(), last.tolist(), group[first].tolist(), data_bytes.tolist(), highest.tolist(),
            data_place.tolist(), strict=True,
        ):  # fmt: skip
            acknowledged = acks[start : stop + 1]
            acknowledged = acknowledged[acknowledged >= 0]
            row, data_row = columns.row[places[stop]], columns.row[data]
            yield Muted(
                pair=self._pairs[whose // 2],
                direction=whose % 2,
                frames=stop - start + 1,
                data_bytes=octets,
                last_frame=int(block.number[row]),
                last_time=int(block.time[row]),
                last_data_frame=int(block.number[data_row]) if data >= 0 else None,
                last_data_time=int(block.time[data_row]) if data >= 0 else 0,
                end=behind,
                ack=int(_highest(acknowledged, np.zeros(1, dtype=np.int64))[0]) if len(acknowledged) else None,
                window=int(columns.window[places[stop]]),
            )


def _highest(numbers: Int64s, first: Int64s) -> Int64s:
    """The highest sequence number of each group, on the circle: by adding up the steps from one to the next."""
    steps = np.diff(numbers, prepend=numbers[:1])
    steps = (steps + (1 << 31)) % (1 << 32) - (1 << 31)
    walked = np.cumsum(steps)
    top = np.maximum.reduceat(walked, first)
    highest: Int64s = (numbers[first] + top - walked[first]) % (1 << 32)
    return highest
