"""Finds the rows of a block that can be recorded together: what one connection sent as TCP does when nothing happens.

A run has no SYN, FIN or RST in it, is in the order of time, every octet comes once and in its place, and every
acknowledgement is at least as high as the one before. That is nearly all of a handshake. What else there is goes the
general way, segment by segment; so does a run for which the recorder is not ready. Must not know: SSH, connections.
"""

from collections.abc import Collection
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sshpcap.frames import ACK, FIN, RST, SYN, FrameBlock, Int64s, Run
from sshpcap.net.columns import Columns

Mask = npt.NDArray[np.bool_]

_LEAST: Final = 4
"""Segments of a run: fewer are recorded as quickly one by one."""
_WORTHWHILE: Final = 64
"""Rows of a block that make it worth looking for runs: it takes some hundred array operations."""
_ACK_STEP: Final = 1 << 20
"""More than one acknowledgement is above the last, of what is kept."""
_ONLY_STAMPED: Final = 12
_STAMP: Final = 0x0101080A
"""Two octets of padding, then timestamps of ten octets (RFC 7323, appendix A)."""
_CIRCLE: Final = (1 << 32) - 1


class Runs:
    """The runs of some rows of a block, by the row with which they begin."""

    def __init__(
        self, block: FrameBlock, columns: Columns, places: Int64s, sums: list[int], ports: Collection[int]
    ) -> None:
        """Looks at some places of the columns, of which `sums` are the checksums; a run has one of `ports` on one
        side."""
        self._places: dict[int, tuple[int, int]] = {}
        if len(places) < _WORTHWHILE:
            return
        chosen = np.zeros(len(places), dtype=np.bool_)
        source, destination = columns.source_port[places], columns.destination_port[places]
        for port in ports:
            chosen |= (source == port) | (destination == port)
        mine = np.flatnonzero(chosen)
        if len(mine) < _WORTHWHILE:
            return
        mine = mine[np.argsort(columns.key[places[mine]], kind="stable")]
        rows = columns.at(places[mine])
        first = np.empty(len(mine), dtype=np.bool_)
        first[0] = True
        np.not_equal(rows.key[1:], rows.key[:-1], out=first[1:])
        group = first.cumsum()
        side = _sides(block, rows, np.flatnonzero(first)[group - 1])
        time = block.time[rows.row]
        smooth = _plain(block, rows) & (side >= 0)
        by_side = np.argsort(group * 2 + (side == 1), kind="stable")
        smooth[by_side] &= _goes_on(rows, by_side, group * 2 + (side == 1))
        smooth[1:] &= first[1:] | (time[1:] >= time[:-1])
        # Where a run begins, and where the row behind it stands.
        before = np.concatenate(([False], smooth[:-1])) & ~first
        starts = np.flatnonzero(smooth & ~before)
        behind = np.concatenate((smooth[1:] & ~first[1:], [False]))
        ends = np.flatnonzero(smooth & ~behind) + 1
        long = ends - starts >= _LEAST
        starts, ends = starts[long], ends[long]
        if not len(starts):
            return
        self._places = dict(
            zip(rows.row[starts].tolist(), zip(starts.tolist(), ends.tolist(), strict=True), strict=True)
        )
        self._fill(block, rows, side, np.array(sums)[mine])

    def begins(self, row: int) -> bool:
        """Whether a run begins with this row of the block."""
        return row in self._places

    def at(self, row: int) -> Run:
        """The run that begins with a row."""
        first, end = self._places[row]
        return Run._make([column[first:end] for column in self._lists])

    def _fill(self, block: FrameBlock, rows: Columns, side: Int64s, checksums: Int64s) -> None:
        octets, buffer = block.buffer, block.buffer.data
        older, address_at = rows.version == 4, rows.address_at
        ttl = octets[np.where(older, address_at - 4, address_at - 1)]
        numbered = octets[address_at - 8].astype(np.int64) << 8 | octets[address_at - 7]
        same = dict[int, int]().setdefault
        tcp_at, payload_at, length = rows.tcp_at.tolist(), rows.payload_at.tolist(), rows.length.tolist()
        options = [bytes(buffer[at + 20 : until]) for at, until in zip(tcp_at, payload_at, strict=True)]
        payload = [bytes(buffer[at : at + more]) for at, more in zip(payload_at, length, strict=True)]
        self._lists: list[list[Any]] = [
            rows.row.tolist(), block.number[rows.row].tolist(), block.time[rows.row].tolist(), side.tolist(),
            rows.flags.tolist(), [same(seq, seq) for seq in rows.seq.tolist()],
            [same(ack, ack) for ack in rows.ack.tolist()], length, [same(size, size) for size in rows.window.tolist()],
            ttl.tolist(),
            np.where(older, numbered, -1).tolist(), options, payload, checksums.tolist(),
        ]  # fmt: skip


def _sides(block: FrameBlock, rows: Columns, first: Int64s) -> Int64s:
    """0 for what goes the way of the row in `first`, 1 for the other way, -1 for what only has the same hash."""
    octets = block.buffer
    words = np.ndarray((max(0, len(octets) - 3),), dtype=">u4", buffer=octets.data, strides=(1,))
    ports = words[rows.tcp_at].astype(np.int64)
    forward = (rows.version == rows.version[first]) & (ports == ports[first])
    backward = (rows.version == rows.version[first]) & (ports << 16 & _CIRCLE | ports >> 16 == ports[first])
    for version, size in ((4, 1), (6, 4)):
        every = np.flatnonzero((rows.version == version) & (forward | backward))
        at = rows.address_at[every]
        known = rows.address_at[first[every]]
        for word in range(0, 4 * size, 4):
            source, destination = words[at + word], words[at + 4 * size + word]
            from_here, to_there = words[known + word], words[known + 4 * size + word]
            forward[every] &= (source == from_here) & (destination == to_there)
            backward[every] &= (source == to_there) & (destination == from_here)
    return np.where(forward, 0, np.where(backward, 1, -1))


def _plain(block: FrameBlock, rows: Columns) -> Mask:
    """Whole segments with an acknowledgement, a window and no options but timestamps, neither first nor last."""
    octets = block.buffer
    words = np.ndarray((max(0, len(octets) - 3),), dtype=">u4", buffer=octets.data, strides=(1,))
    options = rows.payload_at - rows.tcp_at - 20
    stamped = (options == _ONLY_STAMPED) & (words[np.minimum(rows.tcp_at + 20, len(words) - 1)] == _STAMP)
    plain: Mask = (rows.flags & (SYN | FIN | RST | ACK) == ACK) & (rows.window > 0)
    plain &= (rows.captured == rows.length) & ((options == 0) | stamped)
    return plain


def _goes_on(rows: Columns, order: Int64s, direction: Int64s) -> Mask:
    """In an order by direction: whether a row follows on the one before it of its direction, or is the first."""
    seq, ack, length, flags = rows.seq[order], rows.ack[order], rows.length[order], rows.flags[order]
    direction = direction[order]
    end = seq + length + (flags & FIN) + (flags >> 1 & 1)
    higher = (ack[1:] - ack[:-1]) & _CIRCLE
    again = (length[1:] == 0) & (length[:-1] == 0) & (higher == 0)
    good = (seq[1:] == end[:-1] & _CIRCLE) & (((higher < _ACK_STEP) & ~again) | (flags[:-1] & ACK == 0))
    return np.concatenate(([True], good | (direction[1:] != direction[:-1])))
