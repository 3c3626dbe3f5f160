"""Several captures as one, in the order of time: rotated files (`tcpdump -C`, `-G`), directories, capture points.

Frames are numbered through the whole, as `mergecap` numbers them. A file is opened when its first frame is due and
closed behind its last one, so a thousand rotated files need no more memory than one.

Which frame comes next: the earliest of the files' next frames, as `mergecap` decides it; so a frame that stands behind
a later one in its own file (a clock step) comes right behind it. Of equal times the file that begins earlier comes
first, then the one named first. (`mergecap` prefers the one named last, which turns around the frames at the seam of
two rotated files; named in reverse, its numbers are these.)
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sshpcap import limits
from sshpcap.capture.errors import CaptureError, Notices
from sshpcap.capture.sources import STANDARD_INPUT, Source, shown_path
from sshpcap.frames import FrameBlock, Int64s
from sshpcap.model import Capture, Notice


def expand(paths: Sequence[str]) -> tuple[list[str], list[Notice]]:
    """The files that are meant: a directory stands for the captures in it; what else is in it is told.

    A file that is named twice, or that a link in a directory names again, is meant once; that is told too. Raises
    CaptureError for a directory that cannot be read or has no capture in it, and for standard input among others.
    """
    if STANDARD_INPUT in paths and len(paths) > 1:
        raise CaptureError("standard input can only be read alone, not together with other captures", STANDARD_INPUT)
    files: dict[tuple[int, int] | str, str] = {}
    left_out: list[str] = []
    same = Notices()
    for path in paths:
        if path != STANDARD_INPUT and os.path.isdir(path):
            found, others = _captures_in(path)
            left_out += others
        else:
            found = [path]
        for one in found:
            first = files.setdefault(_identity(one), one)
            if first is not one:
                same.add("same-file", f"{shown_path(one)} is the same file as {shown_path(first)}; it was read once")
    return list(files.values()), [*_told(left_out), *same.listed()]


def _captures_in(directory: str) -> tuple[list[str], list[str]]:
    """The captures of a directory, sorted by name, and a line on everything else."""
    try:
        entries = sorted(Path(directory).iterdir())
    except OSError as error:
        raise CaptureError((error.strerror or str(error)).lower(), directory) from None
    found, others = [], []
    for entry in entries:
        try:
            if not entry.is_file():
                raise CaptureError("is not a file", str(entry))
            Source(str(entry), block_bytes=limits.FIRST_LOOK_BYTES).close()
        except CaptureError as error:
            others.append(f"{shown_path(entry.name)} was left out: {error.what}")
        else:
            found.append(str(entry))
    if not found:
        raise CaptureError("a directory without a capture in it", directory)
    return found, others


def _told(left_out: list[str]) -> list[Notice]:
    """One notice for each file, the last one for all that would be too many."""
    if len(left_out) > limits.MAX_NOTICES:
        rest = len(left_out) - limits.MAX_NOTICES + 1
        left_out = [*left_out[:-rest], f"{rest:,} more files were left out"]
    return [Notice(code="not-a-capture", text=text) for text in left_out]


def _identity(path: str) -> tuple[int, int] | str:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return path  # opening it will say why
    return status.st_dev, status.st_ino


class Captures:
    """One capture or several as one source of blocks: iterate `blocks()` once, then ask `describe()`.

    Raises CaptureError when one of the files cannot be read at all. Frame numbers in the notices of a capture count
    the frames of its own file; in the blocks they run through all of them.

    `apart`: not in the order of time, but one file after the other, numbered on, as `mergecap -a` does it.
    """

    def __init__(self, paths: Sequence[str], *, apart: bool = False) -> None:
        files, self.notices = expand(paths)
        self.files = tuple(files)
        """What is read, directories resolved."""
        self._apart = apart
        self.size = sum(os.path.getsize(path) for path in files if os.path.isfile(path))
        """Octets of all files, as far as they are known beforehand: for a progress bar."""
        self._open: list[Source] = []
        self._described: dict[int, Capture] = {}
        self._order: dict[Source, int] = {}
        self._done_bytes = 0
        self._waiting: list[_Waiting] = []
        self._alone = len(files) == 1
        try:
            if self._alone and not apart:
                self._opened(Source(files[0]))
            elif not apart:
                self._look_at(files)
        except BaseException:
            self.close()
            raise

    def blocks(self) -> Iterator[FrameBlock]:
        """Every frame of every file, in the order of time as far as the files themselves are in it.

        One capture alone comes as it is, with blocks without frames while a pipe pauses (`Source.blocks`).
        """
        if self._apart:
            for _, blocks in self.places():
                yield from blocks
            return
        if not self._alone:
            yield from self._merged()
            return
        for source in list(self._open):
            yield from source.blocks()
            self._close(source)

    def places(self) -> Iterator[tuple[Source, Iterator[FrameBlock]]]:
        """Of captures that are read apart: every file, and its blocks, which are to be taken before the next file."""
        before = 0
        for path in self.files:
            source = self._opened(Source(path))
            yield source, self._numbered(source, before)
            before += source.describe().frames
            self._close(source)

    @staticmethod
    def _numbered(source: Source, before: int) -> Iterator[FrameBlock]:
        for block in source.blocks():
            yield block._replace(number=block.number + before)

    @property
    def position(self) -> int:
        """Octets read of all files."""
        return self._done_bytes + sum(source.position for source in self._open)

    def describe(self) -> tuple[Capture, ...]:
        """What the captures are, as far as they have been read, in the order in which they were opened."""
        for source in self._open:
            self._described[self._order[source]] = source.describe()
        return tuple(capture for _, capture in sorted(self._described.items()))

    def close(self) -> None:
        """Close what is still open."""
        for source in list(self._open):
            self._close(source)

    def __enter__(self) -> "Captures":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self, source: Source) -> Source:
        self._order[source] = len(self._order)
        self._open.append(source)
        if len(self._open) > limits.MAX_OPEN_CAPTURES:
            raise CaptureError(f"more than {limits.MAX_OPEN_CAPTURES} captures overlap in time; "
                               "merge some of them first (mergecap), or name fewer", source.path)  # fmt: skip
        return source

    def _close(self, source: Source) -> None:
        self._described[self._order[source]] = source.describe()
        self._done_bytes += source.size
        self._open.remove(source)
        source.close()

    def _look_at(self, files: list[str]) -> None:
        """Find out when each file begins. A pipe stays open, for it gives its octets only once."""
        for path in files:
            source = Source(path, block_bytes=limits.FIRST_LOOK_BYTES)
            if source.seekable:
                with source:
                    self._waiting.append(_Waiting(_first_time(source), len(self._waiting), path, None))
            else:
                head = _Head(self._opened(source))
                time = head.first[0] if head.advance() else 0
                self._waiting.append(_Waiting(time, len(self._waiting), path, head))
        self._waiting.sort()

    def _merged(self) -> Iterator[FrameBlock]:
        heads: list[_Head] = []
        rank, number = 0, 1
        while True:
            while self._waiting and not any(head.first < (self._waiting[0].time, rank) for head in heads):
                waiting = self._waiting.pop(0)
                head = waiting.head or _Head(self._opened(Source(waiting.path, block_bytes=limits.MERGED_BLOCK_BYTES)))
                head.rank = rank
                rank += 1
                heads.append(head)
                self._drop_ended(heads)
            if not heads:
                return
            due = [(one.time, rank + at) for at, one in enumerate(self._waiting[:1])]
            bound = min([head.bound for head in heads] + due)
            block = _joined([piece for piece in (head.until(bound) for head in heads) if len(piece.keys)])
            count = len(block.number)
            yield block._replace(number=np.arange(number, number + count, dtype=np.int64))
            number += count
            self._drop_ended(heads)

    def _drop_ended(self, heads: list["_Head"]) -> None:
        for head in [one for one in heads if not one.advance()]:
            heads.remove(head)
            self._close(head.source)


class _Piece(NamedTuple):
    """Frames that are due, and the times by which they are ordered."""

    block: FrameBlock
    keys: Int64s


class _Head:
    """A file that is being read: what has come of it and is not yet due.

    The key of a frame is the latest time of its file so far: sorting by it gives the order of the earliest next frame.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.rank = 0
        """Which file comes first of equal times."""
        self._blocks = (block for block in source.blocks() if len(block.number))
        self._block: FrameBlock | None = None
        self._keys: Int64s = np.empty(0, dtype=np.int64)
        self._row = 0

    def advance(self) -> bool:
        """Fetch the next block when the last frame of this one has been used: the buffer may be the same one.

        False when the file has ended.
        """
        if self._row == len(self._keys):
            latest = self._keys[-1:]
            self._block, self._row = next(self._blocks, None), 0
            if self._block is None:
                self._keys = latest[:0]
                return False
            self._keys = np.maximum.accumulate(np.concatenate((latest, self._block.time)))[len(latest) :]
        return True

    @property
    def first(self) -> tuple[int, int]:
        """Place in the order of the next frame; only after `advance` was true."""
        return int(self._keys[self._row]), self.rank

    @property
    def bound(self) -> tuple[int, int]:
        """Place in the order of the last frame that is there."""
        return int(self._keys[-1]), self.rank

    def until(self, bound: tuple[int, int]) -> _Piece:
        """The frames from here to a place in the order."""
        assert self._block is not None
        key, rank = bound
        end = int(np.searchsorted(self._keys, key, side="right" if self.rank <= rank else "left"))
        start, self._row = self._row, max(self._row, end)
        columns = (column[start : self._row] for column in self._block[1:])
        return _Piece(FrameBlock(self._block.buffer, *columns), self._keys[start : self._row])


def _joined(pieces: list[_Piece]) -> FrameBlock:
    """One block of several pieces, which stand in the order of rank."""
    if len(pieces) == 1:
        return pieces[0].block
    order = np.argsort(np.concatenate([piece.keys for piece in pieces]), kind="stable")
    buffers, blocks, at = [], [], 0
    for block, _ in pieces:
        start, end = int(block.offset.min()), int((block.offset + block.captured).max())
        buffers.append(block.buffer[start:end])
        blocks.append(block._replace(offset=block.offset + (at - start)))
        at += end - start
    columns = (np.concatenate(column)[order] for column in zip(*(block[1:] for block in blocks), strict=True))
    return FrameBlock(np.concatenate(buffers), *columns)


class _Waiting(NamedTuple):
    """A file that has not begun. Sorts by time, then as named."""

    time: int
    place: int
    path: str
    head: _Head | None
    """Of a pipe, which had to be opened to be asked for its time."""


def _first_time(source: Source) -> int:
    """Time of the first frame; 0 of a capture without any, so that it is read, and told, before the others."""
    return next((int(block.time[0]) for block in source.blocks() if len(block.number)), 0)
