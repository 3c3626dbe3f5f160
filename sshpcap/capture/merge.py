"""Several captures as one, in the order of time: rotated files (`tcpdump -C`, `-G`), directories, capture points.

Frames are numbered through the whole, as `mergecap` would number them. A file is opened when its first frame is due, so
a thousand rotated files need no more memory than one.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sshpcap.capture.errors import CaptureError
from sshpcap.capture.sources import STANDARD_INPUT, Source
from sshpcap.frames import FrameBlock, Int64s
from sshpcap.model import Capture, Notice


def expand(paths: Sequence[str]) -> tuple[list[str], list[Notice]]:
    """The files that are meant: a directory stands for the captures in it; what else is in it is told.

    Raises CaptureError for a directory without a capture.
    """
    files: list[str] = []
    skipped: list[Notice] = []
    for path in paths:
        if path == STANDARD_INPUT or not os.path.isdir(path):
            files.append(path)
            continue
        found = []
        for entry in sorted(Path(path).iterdir()):
            if not entry.is_file():
                continue
            try:
                Source(str(entry)).close()
            except CaptureError as error:
                skipped.append(Notice(code="not-a-capture", text=f"{entry.name} was left out: {error.what}"))
            else:
                found.append(str(entry))
        if not found:
            raise CaptureError("a directory without a capture in it", path)
        files += found
    return files, skipped


class Captures:
    """One capture or several as one source of blocks: iterate `blocks()` once, then ask `describe()`.

    Raises CaptureError when one of the files cannot be read at all.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        files, self.notices = expand(paths)
        self._files = files if len(files) == 1 else _in_order(files)
        self._open: list[Source] = []
        self._described: dict[str, Capture] = {}
        self._done_bytes = 0
        self.size = sum(os.path.getsize(path) for path in files if path != STANDARD_INPUT)
        if len(files) == 1:
            self._open.append(Source(files[0]))

    def blocks(self) -> Iterator[FrameBlock]:
        """Every frame of every file, in the order of time as far as the files themselves are in it."""
        if len(self._files) == 1:
            (source,) = self._open
            yield from source.blocks()
            self._close(source)
            return
        yield from self._merged()

    @property
    def position(self) -> int:
        """Octets read of all files."""
        return self._done_bytes + sum(source.position for source in self._open)

    def describe(self) -> tuple[Capture, ...]:
        """What the captures are, as far as they have been read, in the order in which they were read."""
        for source in self._open:
            self._described[source.path] = source.describe()
        return tuple(self._described.values())

    def close(self) -> None:
        """Close what is still open."""
        for source in list(self._open):
            self._close(source)

    def __enter__(self) -> "Captures":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _close(self, source: Source) -> None:
        self._described[source.path] = source.describe()
        self._done_bytes += source.size
        self._open.remove(source)
        source.close()

    def _merged(self) -> Iterator[FrameBlock]:
        waiting = [(_first_time(path), path) for path in self._files]
        heads: list[_Head] = []
        number = 1
        while waiting or heads:
            if not heads or (waiting and waiting[0][0] <= min(head.time for head in heads)):
                source = Source(waiting.pop(0)[1])
                self._open.append(source)
                heads.append(_Head(source))
                self._drop_ended(heads)
                continue
            head = min(heads, key=lambda one: one.time)
            others = [one.time for one in heads if one is not head] + [time for time, _ in waiting[:1]]
            block = head.until(min(others, default=None))
            count = len(block.number)
            yield block._replace(number=np.arange(number, number + count, dtype=np.int64))
            number += count
            self._drop_ended(heads)

    def _drop_ended(self, heads: list["_Head"]) -> None:
        for head in [one for one in heads if not one.advance()]:
            heads.remove(head)
            self._close(head.source)


class _Head:
    """A file that is being read, and its next frame."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._blocks = (block for block in source.blocks() if len(block.number))
        self._block: FrameBlock | None = next(self._blocks, None)
        self._row = 0

    def advance(self) -> bool:
        """Fetch the next block when the last piece of this one has been used: its buffer may be the same one.

        False when the file has ended.
        """
        if self._block is not None and self._row == len(self._block.number):
            self._block, self._row = next(self._blocks, None), 0
        return self._block is not None

    @property
    def time(self) -> int:
        """Time of the next frame; only after `advance` was true."""
        assert self._block is not None
        return int(self._block.time[self._row])

    def until(self, bound: int | None) -> FrameBlock:
        """The frames from here to the first one later than `bound`, at least one."""
        assert self._block is not None
        block, row = self._block, self._row
        end = len(block.number)
        if bound is not None:
            later = np.flatnonzero(block.time[row + 1 :] > bound)
            end = row + 1 + int(later[0]) if len(later) else end
        piece = FrameBlock(block.buffer, *(_cut(column, row, end) for column in block[1:]))
        self._row = end
        return piece


def _cut(column: Int64s, start: int, end: int) -> Int64s:
    return column[start:end]


def _first_time(path: str) -> int:
    with Source(path) as source:
        return next((int(block.time[0]) for block in source.blocks() if len(block.number)), 0)


def _in_order(files: list[str]) -> list[str]:
    return sorted(files, key=_first_time)
