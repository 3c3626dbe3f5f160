"""Connections on ports where SSH is not expected, until their first octets tell: frames kept as they are.

Nearly all of them are something else (TLS), and are told apart here without a segment made. Only the plainest course
is: SYN, SYN-ACK, and then octets of both sides which no SSH stream begins with. What takes another course is for the
recorder, with all frames kept before; so it is decided by the same rule in any case. Must not know: SSH.
"""

from collections.abc import Callable, Collection
from typing import Final, NamedTuple

import numpy as np

from sshpcap.frames import ACK, FIN, RST, SYN, Endpoint, FrameBlock, Int64s, Segment
from sshpcap.net.columns import Columns, read_columns, segments
from sshpcap.net.keys import keys_of

Pair = tuple[Endpoint, Endpoint]

MOST: Final = 4096
"""Connections kept here at once."""

_DECIDED_BYTES: Final = 4096
"""Payload octets after which the recorder decides, whatever the other side has not said yet."""

_KEPT_BYTES: Final = 16 << 10
"""What is kept of one connection at most, frames counted with what they take besides: 64 MiB of all of them."""
_FRAME_BYTES: Final = 256


class Stranger(NamedTuple):
    """A connection has shown that it is something else."""

    source: Endpoint
    destination: Endpoint


class _Frame(NamedTuple):
    """A frame as it stood in its block."""

    number: int
    time: int
    link_type: int
    original: int
    octets: bytes


class _Rows(NamedTuple):
    """Rows that are looked at, as lists: one field of one row of an array costs as much as a small object."""

    place: list[int]
    row: list[int]
    key: list[int]
    name: list[bytes]
    """Both addresses and, behind them, both ports."""
    seq: list[int]
    flags: list[int]
    length: list[int]
    kept: list[int]
    """What it takes to keep the frame."""
    payload: list[slice]
    """Where the captured octets stand in the buffer."""


class _Watched:
    """A connection whose first octets have not come yet."""

    __slots__ = ("first", "frames", "kept", "name", "pair", "rows", "sent")

    def __init__(self, name: bytes, pair: Pair) -> None:
        self.name = name
        self.pair = pair
        self.frames: list[_Frame] = []
        """Of earlier blocks."""
        self.rows: list[int] = []
        """Of this block: indices in `_Rows`."""
        self.first: list[int | None] = [None, None]
        """Sequence numbers of the first octets of client and server; None before the SYN, the SYN-ACK."""
        self.sent = [0, 0]
        """Payload octets of both sides: those of something else."""
        self.kept = 0
        """Memory that the frames take, about."""


class Sifted(NamedTuple):
    """What a block has for others."""

    columns: Columns
    """Without the rows that stayed here."""
    places: Int64s
    """Those of them that are to be looked at."""
    strangers: list[tuple[int, Stranger]]
    """Who turned out to be something else, with the row in the block that told."""
    doubtful: list[Segment]
    """Earlier frames of connections that are for the recorder."""


class Strangers:
    """What is known of the connections on other ports that have just begun."""

    def __init__(self, foreign: Callable[[bytes], bool], is_new: Callable[[Pair], bool]) -> None:
        """`foreign`: whether a stream that begins with these octets is none that matters, whatever comes. `is_new`:
        whether nothing is known yet of a connection between endpoints."""
        self._foreign = foreign
        self._is_new = is_new
        self._watched: dict[int, _Watched] = {}
        """By the hash of the connection."""

    def __len__(self) -> int:
        return len(self._watched)

    def sift(
        self,
        block: FrameBlock,
        columns: Columns,
        places: Int64s,
        ports: frozenset[int],
        touched: Collection[Pair],
    ) -> Sifted:
        """Take what is for here out of `places`. `touched` are the endpoints in frames of rare shape."""
        rare = keys_of(list(touched)).tolist()
        # Half-open connections would fill the room for ever.
        doubtful = self._give_back(rare) if len(self._watched) < MOST else self.take_all()
        expected = np.zeros(1 << 16, dtype=np.bool_)
        expected[list(ports)] = True
        others = ~(expected[columns.source_port[places]] | expected[columns.destination_port[places]])
        chosen = places[others]
        if not len(chosen):
            return Sifted(columns, places, [], doubtful)
        rows = _rows(block, columns, chosen)
        gone: list[int] = []
        strangers: list[tuple[int, Stranger]] = []
        for key, one in self._meet(rows, set(rare)).items():
            mine, one.rows = one.rows, []
            try:
                told = self._judge(block, one, rows, mine)
            except _DoubtError:
                doubtful += self._give_back([key])
                continue
            gone += [rows.place[at] for at in mine]
            if told is None:
                one.frames += [_frame(block, rows.row[at]) for at in mine]
            else:
                strangers.append((rows.row[told], Stranger(*one.pair)))
                del self._watched[key]
        if gone:
            stays = np.ones(len(columns.row), dtype=np.bool_)
            stays[gone] = False
            wanted = np.zeros(len(columns.row), dtype=np.bool_)
            wanted[places] = True
            columns, places = columns.at(stays), np.flatnonzero(wanted[stays])
        return Sifted(columns, places, sorted(strangers), doubtful)

    def _meet(self, rows: _Rows, recorded: set[int]) -> dict[int, _Watched]:
        """Give the rows to their connections; `recorded` are hashes of those that the recorder has in this block."""
        met: dict[int, _Watched] = {}
        for at, (key, name, flags) in enumerate(zip(rows.key, rows.name, rows.flags, strict=True)):
            one = self._watched.get(key)
            if one is None:
                if flags & (SYN | ACK | FIN | RST) == SYN and key not in recorded and len(self._watched) < MOST:
                    pair = _endpoints(name)
                    if self._is_new(pair):
                        one = self._watched[key] = _Watched(name, pair)
                if one is None:
                    recorded.add(key)
                    continue
            met[key] = one
            one.rows.append(at)
        return met

    def _judge(self, block: FrameBlock, one: _Watched, rows: _Rows, mine: list[int]) -> int | None:
        """Which of its rows shows that it is something else; None while that is open."""
        found: int | None = None
        for at in mine:
            name, flags, length = rows.name[at], rows.flags[at], rows.length[at]
            side = 0 if name == one.name else 1
            # What has the same hash without being the same is for the recorder, too.
            if (side and name != _turned(one.name)) or (found is not None and flags & SYN):
                raise _DoubtError
            if found is not None:
                continue
            one.kept += rows.kept[at]
            if flags & (SYN | FIN | RST):
                self._open(one, side, flags, length, rows.seq[at])
                continue
            first, sent = one.first[side], one.sent[side]
            # In order, or again; what comes early, or is far off, is not the plainest course.
            if first is None or (rows.seq[at] - first + 1) & 0xFFFFFFFF > sent + 1:
                raise _DoubtError
            if length:
                begins = rows.seq[at] == first and self._foreign(bytes(block.buffer.data[rows.payload[at]]))
                if not (sent or begins):
                    raise _DoubtError
                one.sent[side] = max(sent, (rows.seq[at] + length - first) & 0xFFFFFFFF)
            if all(one.sent):
                found = at
            elif sum(one.sent) >= _DECIDED_BYTES or one.kept >= _KEPT_BYTES:
                raise _DoubtError
        return found

    @staticmethod
    def _open(one: _Watched, side: int, flags: int, length: int, seq: int) -> None:
        """The SYN and the SYN-ACK, each once; everything else is for the recorder."""
        if flags & (FIN | RST) or length:
            raise _DoubtError
        # The client's alone comes first.
        if one.first[side] is not None or bool(flags & ACK) != bool(side) or (side and one.first[0] is None):
            raise _DoubtError
        one.first[side] = (seq + 1) & 0xFFFFFFFF

    def _give_back(self, keys: list[int]) -> list[Segment]:
        """The earlier segments of connections, which are no longer kept here."""
        frames: list[_Frame] = []
        for key in keys:
            one = self._watched.pop(key, None)
            frames += one.frames if one is not None else []
        return _segments(sorted(frames))

    def take_all(self) -> list[Segment]:
        """Everything that is kept, in the order of the capture; it is no longer here."""
        return self._give_back(list(self._watched))


class _DoubtError(Exception):
    """Not the plainest course."""


def _rows(block: FrameBlock, columns: Columns, places: Int64s) -> _Rows:
    here, octets = columns.at(places), block.buffer.data
    starts, ends = here.payload_at.tolist(), (here.payload_at + here.captured).tolist()
    names = zip(here.address_at.tolist(), (here.tcp_at + 4).tolist(), strict=True)
    return _Rows(
        place=places.tolist(),
        row=here.row.tolist(),
        key=here.key.tolist(),
        name=[bytes(octets[start:end]) for start, end in names],
        seq=here.seq.tolist(),
        flags=here.flags.tolist(),
        length=here.length.tolist(),
        kept=(block.captured[here.row] + _FRAME_BYTES).tolist(),
        payload=list(map(slice, starts, ends)),
    )


def _frame(block: FrameBlock, row: int) -> _Frame:
    return _Frame(int(block.number[row]), int(block.time[row]), int(block.link_type[row]), int(block.original[row]),
                  bytes(block.frame(row)))  # fmt: skip


def _segments(frames: list[_Frame]) -> list[Segment]:
    """Frames as segments: they are of the common shape, or they would not be here."""
    if not frames:
        return []
    captured = np.array([len(frame.octets) for frame in frames], dtype=np.int64)
    number, time, link_type, original = (
        np.array(column, dtype=np.int64) for column in list(zip(*frames, strict=True))[:4]
    )
    block = FrameBlock(
        buffer=np.frombuffer(bytearray(b"".join(frame.octets for frame in frames)), dtype=np.uint8),
        number=number,
        offset=captured.cumsum() - captured,
        captured=captured,
        original=original,
        time=time,
        link_type=link_type,
        interface=np.zeros(len(frames), dtype=np.int64),
    )
    columns = read_columns(block).columns
    return [segment for _, segment in segments(block, columns, np.arange(len(frames), dtype=np.int64))]


def pair_of(left: Endpoint, right: Endpoint) -> Pair:
    """Both endpoints of a connection, whoever sends: the lesser first."""
    return (left, right) if left < right else (right, left)


def _endpoints(name: bytes) -> Pair:
    """The pair of both addresses and, behind them, both ports."""
    size = (len(name) - 4) // 2
    ports = name[2 * size :]
    left = Endpoint(name[:size], int.from_bytes(ports[:2], "big"))
    right = Endpoint(name[size : 2 * size], int.from_bytes(ports[2:], "big"))
    return pair_of(left, right)


def _turned(name: bytes) -> bytes:
    """The same for the other direction."""
    size = (len(name) - 4) // 2
    return name[size : 2 * size] + name[:size] + name[-2:] + name[-4:-2]
