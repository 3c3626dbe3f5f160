"""Opens what the user named — a file or standard input — and finds out by content what it is."""

import io
import os
import select
import stat
import sys
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from sshpcap import limits
from sshpcap.capture import compression
from sshpcap.capture.errors import CaptureError, Notices
from sshpcap.capture.pcap import MAGICS as PCAP_MAGICS
from sshpcap.capture.pcap import PcapReader
from sshpcap.capture.pcapng import SECTION_HEADER, PcapngReader
from sshpcap.capture.snoop import MAGIC as SNOOP_MAGIC
from sshpcap.capture.snoop import SnoopReader
from sshpcap.capture.window import ByteStream, Window
from sshpcap.frames import FrameBlock
from sshpcap.model import Capture, Interface, Timestamp

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

STANDARD_INPUT: Final = "-"

_PCAPNG_MAGIC: Final = SECTION_HEADER.to_bytes(4, "big")
_MAGIC_BYTES: Final = 8

# What people hand over by mistake, so that the one line of the error says what it is.
_OTHER_FILES: Final = (
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x7fELF", "an ELF program"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\x1f\x9d", "data compressed by `compress`, which this version cannot read"),
    (b"\x02\x21\x4c\x18", "lz4 data in its legacy format, which this version cannot read"),
    (b"<?xml", "an XML document"),
    (b"{", "a JSON document or other text"),
)


class Reader(Protocol):
    """One container format over a window."""

    format: str
    snaplen: int
    link_types: list[int]
    interface_drops: int | None
    end_time: int | None
    """When capturing ended, where the format tells; nanoseconds since 1970."""

    def interfaces(self, frames: Counter[int]) -> tuple[Interface, ...]:
        """What the file describes so far; `frames` by interface."""

    def blocks(self) -> Iterator[FrameBlock]:
        """All frames, in file order."""


class Source:
    """An open capture: iterate `blocks()` once, then ask `describe()` what it was.

    `block_bytes`: octets read at a time.
    """

    def __init__(self, path: str, *, block_bytes: int | None = None) -> None:
        self.path = path
        self._block_bytes = block_bytes
        self.notices = Notices()
        self._file = _open(path)
        self._raw: io.BufferedReader = io.BufferedReader(self._file, 1 << 16)
        self.size = os.fstat(self._file.fileno()).st_size if path != STANDARD_INPUT else 0
        self._compression: str | None = None
        self._ahead: compression.Ahead | None = None
        self._frames = self._bytes = self._truncated = 0
        self._by_interface: Counter[int] = Counter()
        self._first_time: int | None = None
        self._last_time: int | None = None
        try:
            self._reader = self._recognise()
        except BaseException:
            self.close()
            raise

    def _recognise(self) -> Reader:
        method = compression.recognise(self._raw.peek(_MAGIC_BYTES)[:_MAGIC_BYTES])
        stream: ByteStream = _Immediate(self._raw, self._file)
        if method is not None:
            self._compression = method.name
            plain = compression.Decompressed(method, self._raw, self.path, self.notices)
            stream = plain
            if not stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
                stream = self._ahead = compression.Ahead(plain, self._release)
        window = Window(stream, self._block_bytes)
        window.require(_MAGIC_BYTES)
        head = bytes(window.data[: min(window.have, 512)])
        if not head and self._file.failure:
            raise CaptureError(self._file.failure, self.path)
        if not head:
            what = "the file is empty" if method is None else f"the {method.name} data holds nothing"
            raise CaptureError(what, self.path, 0)
        if head[:4] in PCAP_MAGICS:
            return PcapReader(window, self.path, self.notices)
        if head[:4] == _PCAPNG_MAGIC:
            return PcapngReader(window, self.path, self.notices)
        if head[:8] == SNOOP_MAGIC:
            return SnoopReader(window, self.path, self.notices)
        raise CaptureError(
            f"not a capture file (neither pcap, pcapng nor snoop): it begins like {_name(head)}", self.path, 0
        )

    @property
    def seekable(self) -> bool:
        """Whether the input can be opened again and gives the same: not a pipe."""
        return self._ahead is None and self._raw.seekable()

    @property
    def position(self) -> int:
        """Octets read from the file so far (of the compressed file, where it is compressed): for a progress bar."""
        return self._raw.tell() if self.seekable else 0

    def blocks(self) -> Iterator[FrameBlock]:
        """Yield every frame once, counting what `describe` tells.

        While a pipe pauses, blocks without frames come every `limits.IDLE_SECONDS`.
        """
        for block in self._reader.blocks():
            if not len(block.number):
                yield block
                continue
            self._frames += len(block.number)
            self._bytes += int(block.captured.sum())
            self._truncated += int(np.count_nonzero(block.captured < block.original))
            counts = np.bincount(block.interface)
            self._by_interface.update({int(one): int(counts[one]) for one in np.flatnonzero(counts)})
            first, last = int(block.time.min()), int(block.time.max())
            self._first_time = first if self._first_time is None else min(first, self._first_time)
            self._last_time = last if self._last_time is None else max(last, self._last_time)
            yield block
        if self._file.failure:
            self.notices.add(
                "read-error",
                f"reading the file failed ({self._file.failure}); everything before was read",
                offset=self.position,
            )

    def describe(self) -> Capture:
        """What the capture is, as far as it has been read."""
        last, ended = self._last_time, self._reader.end_time
        if last is not None and ended is not None and 0 < ended - last < limits.MAX_QUIET_END_NS:
            last = ended
        return Capture(
            path=shown_path(self.path),
            format=self._reader.format,
            compression=self._compression,
            link_types=tuple(self._reader.link_types),
            frames=self._frames,
            bytes=self._bytes,
            first_time=None if self._first_time is None else Timestamp(self._first_time),
            last_time=None if last is None else Timestamp(last),
            snaplen=self._reader.snaplen or None,
            truncated_frames=self._truncated,
            interface_drops=self._reader.interface_drops,
            interfaces=self._reader.interfaces(self._by_interface),
            notices=self.notices.listed(),
        )

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if self._ahead is not None:
            self._ahead.close()
        else:
            self._release()

    def _release(self) -> None:
        if self.path != STANDARD_INPUT:
            self._raw.close()

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _File(io.FileIO):
    """A file or a pipe. The first read waits for a whole magic number, which a pipe may give octet by octet."""

    failure = ""
    """Why reading ended, where it was not the end of the file."""
    _begun = False

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """As `RawIOBase.readinto`; an error of the operating system ends the file."""
        room, count = memoryview(buffer), 0
        wanted = 1 if self._begun else min(_MAGIC_BYTES, len(room))
        self._begun = True
        while count < wanted:
            try:
                got = super().readinto(room[count:])
            except OSError as error:
                self.failure = (error.strerror or str(error)).lower()
                break
            if got == 0:
                break
            if got is None:  # another program has made the pipe non-blocking
                select.select([self], [], [])
            count += got or 0
        return count


class _Immediate:
    """Hands on what a pipe has now instead of waiting for a full buffer, so that results can come while it runs.

    Where a pipe has nothing, it says so after a while.
    """

    def __init__(self, raw: io.BufferedReader, file: _File) -> None:
        self._raw = raw
        self._file = file
        self._peeked = len(raw.peek(_MAGIC_BYTES))
        self._may_pause = not stat.S_ISREG(os.fstat(file.fileno()).st_mode)

    def readinto(self, buffer: memoryview, /) -> int | None:
        """As `ByteStream.readinto`."""
        if not self._peeked:
            if self._may_pause and not select.select([self._file], [], [], limits.IDLE_SECONDS)[0]:
                return None
            return self._file.readinto(buffer)
        # Not `readinto1`: it would read once more, and wait, behind what the look at the magic number has fetched.
        octets = self._raw.read1(min(len(buffer), self._peeked))
        self._peeked -= len(octets)
        buffer[: len(octets)] = octets
        return len(octets)


def shown_path(path: str) -> str:
    """A path as text: file names may hold octets that are no UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def open_capture(path: str) -> Source:
    """Open a capture file, or standard input for "-".

    Raises CaptureError when it cannot be read at all: missing, a directory, not permitted, empty, not a capture.
    """
    return Source(path)


def _open(path: str) -> _File:
    try:
        if path == STANDARD_INPUT:
            if sys.stdin is None:
                raise CaptureError("standard input is closed", path)
            return _File(sys.stdin.fileno(), closefd=False)
        if stat.S_ISDIR(os.stat(path).st_mode):
            raise CaptureError("is a directory; name a capture file in it", path)
        return _File(path)
    except FileNotFoundError:
        raise CaptureError("no such file", path) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CaptureError(reason.lower(), path) from None


def _name(head: bytes) -> str:
    for magic, name in _OTHER_FILES:
        if head.startswith(magic):
            return name
    if all(32 <= octet < 127 or octet in b"\t\r\n" for octet in head):
        return "a text file"
    return f"none that is known (first octets {head[:8].hex(' ')})"
