"""Compressed captures: recognised by their first octets, opened as a plain byte stream.

Must not know: what is inside. A stream that ends early or is damaged ends there, with a notice; the octets before it
count.
"""

import bz2
import gzip
import lzma
import queue
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from io import BufferedReader
from typing import Final, NamedTuple, Protocol, cast

from sshpcap import limits
from sshpcap.capture.errors import CaptureError, Notices
from sshpcap.capture.zstd_lz4 import LZ4_MAGIC, SKIPPABLE_MAGICS, ZSTD_MAGIC, Lz4Stream, ZstdStream


class _Plain(Protocol):
    """The little that is asked of a decompressor's file."""

    def read1(self, at_most: int, /) -> bytes:
        """Some octets, at most so many; none at the end. EOFError where the stream ends early."""


class Method(NamedTuple):
    """One way to compress a file."""

    name: str
    magics: tuple[bytes, ...]
    open: Callable[[BufferedReader], _Plain]
    """Raises ImportError where that needs a package that is not installed."""


_READ_BYTES: Final = 1 << 16


class _XzStream:
    """The plain octets of xz streams, one behind the other; the library's own file believes any claim of memory."""

    def __init__(self, raw: BufferedReader) -> None:
        self._raw = raw
        self._decoder = self._anew()

    def _anew(self) -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limits.MAX_XZ_BYTES)

    def read1(self, at_most: int, /) -> bytes:
        """Some octets; none at the end."""
        octets = b""
        while not octets:
            more = b""
            if self._decoder.eof:
                more = self._next_stream()
                if not more:
                    return b""
            elif self._decoder.needs_input:
                more = self._raw.read1(_READ_BYTES)
                if not more:
                    raise EOFError
            octets = self._decoder.decompress(more, at_most)
        return octets

    def _next_stream(self) -> bytes:
        """The first octets of the next stream, behind padding of zeros (the .xz file format, §2.2); none at the end."""
        more = self._decoder.unused_data.lstrip(b"\0")
        while not more:
            read = self._raw.read1(_READ_BYTES)
            if not read:
                return b""
            more = read.lstrip(b"\0")
        self._decoder = self._anew()
        return more


METHODS: Final = (
    Method("gzip", (b"\x1f\x8b",), lambda raw: gzip.GzipFile(fileobj=raw, mode="rb")),
    Method("bzip2", (b"BZh",), lambda raw: bz2.BZ2File(raw, "rb")),
    Method("xz", (b"\xfd7zXZ\x00",), _XzStream),
    # Parallel compressors begin with a skippable frame. LZ4 may have one too, but no known program writes it.
    Method("zstd", (ZSTD_MAGIC, *SKIPPABLE_MAGICS), ZstdStream),
    Method("lz4", (LZ4_MAGIC,), Lz4Stream),
)


def recognise(head: bytes) -> Method | None:
    """The compression whose magic number opens a file, or None."""
    return next((method for method in METHODS if head.startswith(method.magics)), None)


class _Prompt:
    """A pipe as the decompressors are to see it: they ask for much, and get what is there instead of waiting."""

    def __init__(self, raw: BufferedReader) -> None:
        self._raw = raw

    def read(self, at_most: int = -1, /) -> bytes:
        """What is there, at most so many; none at the end."""
        return self._raw.read1(at_most)

    read1 = read

    def seekable(self) -> bool:
        return False

    def readable(self) -> bool:
        return True


_AT_ONCE: Final = 1 << 20
"""Plain octets that are collected before they are handed on: blocks of the few of one step would cost too much."""


class Decompressed:
    """The plain octets of a compressed stream, never more at a time than asked for.

    Raises CaptureError where the package that it needs is not installed.
    """

    def __init__(self, method: Method, raw: BufferedReader, where: str, notices: Notices) -> None:
        self._method = method
        try:
            self._stream = method.open(cast(BufferedReader, _Prompt(raw)))
        except ImportError:
            what = f"{method.name}-compressed data; to read it: pip install 'sshpcap[compression]'"
            raise CaptureError(what, where) from None
        self._notices = notices
        self._count = 0
        self._ended = False

    def readinto(self, buffer: memoryview, /) -> int:
        """As `ByteStream.readinto`; damage ends the stream."""
        room, count = min(len(buffer), _AT_ONCE), 0
        while count < room and not self._ended:
            octets = self.next(room - count)
            buffer[count : count + len(octets)] = octets
            count += len(octets)
            self._ended = not octets
        return count

    def next(self, at_most: int) -> bytes:
        """Some octets, as soon as there are any; none at the end."""
        try:
            # read1 asks the decompressor once: a truncated stream still gives what it holds.
            octets = self._stream.read1(at_most)
        except EOFError:
            self._notices.add("compression-cut-off", f"the {self._method.name} data ends early, "
                              f"after {self._count:,} plain octets", offset=self._count)  # fmt: skip
            return b""
        except (OSError, zlib.error, lzma.LZMAError) as error:
            self._notices.add("compression-damaged", f"the {self._method.name} data is damaged "
                              f"after {self._count:,} plain octets ({error})", offset=self._count)  # fmt: skip
            return b""
        self._count += len(octets)
        return octets


class Ahead:
    """The plain octets of a compressed pipe, read by a thread, so that a pause of the pipe can be told.

    Few octets are read ahead. The thread ends with the stream, or when nobody wants more and the pipe goes on.
    """

    def __init__(self, stream: Decompressed, release: Callable[[], None]) -> None:
        """`release` is called once the thread does not use the pipe any longer."""
        self._stream = stream
        self._release = release
        self._pieces: queue.Queue[bytes] = queue.Queue(_PIECES_AHEAD)
        self._rest = b""
        self._ended = False
        self._unwanted = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def readinto(self, buffer: memoryview, /) -> int | None:
        """As `ByteStream.readinto`."""
        if not self._rest and not self._ended:
            try:
                self._rest = self._pieces.get(timeout=limits.IDLE_SECONDS)
            except queue.Empty:
                return None
            self._ended = not self._rest
        count = min(len(self._rest), len(buffer))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        """Want no more. A thread that waits for the pipe ends when that goes on or is closed."""
        self._unwanted.set()
        with suppress(queue.Empty):
            while True:
                self._pieces.get_nowait()

    def _read(self) -> None:
        try:
            while not self._unwanted.is_set() and (octets := self._stream.next(_PIECE_BYTES)):
                self._pieces.put(octets)
        finally:
            self._release()
            self._pieces.put(b"")


_PIECES_AHEAD: Final = 4
_PIECE_BYTES: Final = 1 << 16
