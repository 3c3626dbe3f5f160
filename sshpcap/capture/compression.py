"""Compressed captures: recognised by their first octets, opened as a plain byte stream.

Must not know: what is inside. A stream that ends early or is damaged ends there, with a notice; the octets before it
count.
"""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from io import BufferedIOBase, BufferedReader
from typing import Final, NamedTuple, cast

from sshpcap.capture.errors import Notices


class Method(NamedTuple):
    """One way to compress a file."""

    name: str
    magic: bytes
    open: Callable[[BufferedReader], BufferedIOBase]


METHODS: Final = (
    Method("gzip", b"\x1f\x8b", lambda raw: cast(BufferedIOBase, gzip.GzipFile(fileobj=raw, mode="rb"))),
    Method("bzip2", b"BZh", lambda raw: bz2.BZ2File(raw, "rb")),
    Method("xz", b"\xfd7zXZ\x00", lambda raw: lzma.LZMAFile(raw, "rb")),  # noqa: SIM115
)


def recognise(head: bytes) -> Method | None:
    """The compression whose magic number opens a file, or None."""
    return next((method for method in METHODS if head.startswith(method.magic)), None)


_AT_ONCE: Final = 1 << 20
"""Plain octets that are collected before they are handed on: blocks of the few of one step would cost too much."""


class Decompressed:
    """The plain octets of a compressed stream, never more at a time than asked for."""

    def __init__(self, method: Method, raw: BufferedReader, notices: Notices) -> None:
        self._method = method
        self._stream = method.open(raw)
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
