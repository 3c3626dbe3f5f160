"""Compressed captures: recognised by their first octets, opened as a plain byte stream.

Must not know: what is inside. A stream that ends early or is damaged ends there, with a notice; the octets before it
count.
"""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from io import BufferedReader
from typing import Final, NamedTuple, Protocol

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


METHODS: Final = (
    Method("gzip", (b"\x1f\x8b",), lambda raw: gzip.GzipFile(fileobj=raw, mode="rb")),
    Method("bzip2", (b"BZh",), lambda raw: bz2.BZ2File(raw, "rb")),
    Method("xz", (b"\xfd7zXZ\x00",), lambda raw: lzma.LZMAFile(raw, "rb")),  # noqa: SIM115
    # Parallel compressors begin with a skippable frame. LZ4 may have one too, but no known program writes it.
    Method("zstd", (ZSTD_MAGIC, *SKIPPABLE_MAGICS), ZstdStream),
    Method("lz4", (LZ4_MAGIC,), Lz4Stream),
)


def recognise(head: bytes) -> Method | None:
    """The compression whose magic number opens a file, or None."""
    return next((method for method in METHODS if head.startswith(method.magics)), None)


_AT_ONCE: Final = 1 << 20
"""Plain octets that are collected before they are handed on: blocks of the few of one step would cost too much."""


class Decompressed:
    """The plain octets of a compressed stream, never more at a time than asked for.

    Raises CaptureError where the package that it needs is not installed.
    """

    def __init__(self, method: Method, raw: BufferedReader, where: str, notices: Notices) -> None:
        self._method = method
        try:
            self._stream = method.open(raw)
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
            octets = self._next(room - count)
            buffer[count : count + len(octets)] = octets
            count += len(octets)
            self._ended = not octets
        return count

    def _next(self, at_most: int) -> bytes:
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
