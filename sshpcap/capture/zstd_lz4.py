"""Streams of zstd frames (RFC 8878) and of LZ4 frames (LZ4 Frame Format 1.6), by packages that may be absent.

Owns what the packages leave open: their exceptions become those of the standard library's decompressors (EOFError for
a stream that ends early, OSError for a damaged one), and of zstd the frames are followed, because its reader shows the
end of a torn stream as an end like any other. Must not know: what is inside.
"""

from importlib import import_module
from io import BufferedReader
from typing import IO, Final, cast

from sshpcap import limits

_SKIPPABLE: Final = 0x184D2A50  # … to …5F; both formats have these frames (RFC 8878 §3.1.2)
_ZSTD: Final = 0xFD2FB528

ZSTD_MAGIC: Final = _ZSTD.to_bytes(4, "little")
SKIPPABLE_MAGICS: Final = tuple((_SKIPPABLE + kind).to_bytes(4, "little") for kind in range(16))
LZ4_MAGIC: Final = bytes.fromhex("04224d18")

_READ_BYTES: Final = 1 << 17


class ZstdStream:
    """The plain octets of zstd frames, one behind the other."""

    def __init__(self, raw: BufferedReader) -> None:
        import zstandard

        self._error = zstandard.ZstdError
        self._frames = _ZstdFrames(raw)
        decompressor = zstandard.ZstdDecompressor(max_window_size=limits.MAX_ZSTD_WINDOW_BYTES)
        source = cast(IO[bytes], self._frames)
        self._stream = decompressor.stream_reader(source, read_size=_READ_BYTES, read_across_frames=True)

    def read1(self, at_most: int, /) -> bytes:
        """Some octets; none at the end."""
        try:
            octets = self._stream.read1(at_most)
        except self._error as error:
            raise OSError(str(error).removeprefix("zstd decompress error: ")) from None
        if not octets and not self._frames.complete:
            raise EOFError
        return octets


class _ZstdFrames:
    """The compressed octets on their way to the library; `complete` says whether they stop at the end of a frame.

    Only lengths are looked at (RFC 8878 §3.1.1); what is wrong is for the library to say.
    """

    def __init__(self, raw: BufferedReader) -> None:
        self._raw = raw
        self._next = self._magic
        self._wanted = 4
        """Octets of the field that `_next` reads."""
        self._field = bytearray()
        self._left = 0
        """Octets to pass over before that field."""
        self._checksum = 0

    @property
    def complete(self) -> bool:
        return self._next == self._magic and not self._field and not self._left

    def read(self, at_most: int, /) -> bytes:
        """What is there of the next octets, as a file would give them."""
        octets = self._raw.read1(at_most)
        at = 0
        while at < len(octets):
            if self._left:
                passed = min(self._left, len(octets) - at)
                self._left -= passed
                at += passed
                continue
            piece = octets[at : at + self._wanted - len(self._field)]
            self._field += piece
            at += len(piece)
            if len(self._field) == self._wanted:
                value = int.from_bytes(self._field, "little")
                self._field.clear()
                self._next(value)
        return octets

    def _magic(self, value: int) -> None:
        if value == _ZSTD:
            self._next, self._wanted = self._descriptor, 1
        elif value & 0xFFFFFFF0 == _SKIPPABLE:
            self._next, self._wanted = self._skip, 4

    def _skip(self, value: int) -> None:
        self._left = value
        self._next, self._wanted = self._magic, 4

    def _descriptor(self, value: int) -> None:
        single_segment = value >> 5 & 1
        size = (single_segment, 2, 4, 8)[value >> 6]
        self._checksum = 4 * (value >> 2 & 1)
        self._left = (1 - single_segment) + (0, 1, 2, 4)[value & 3] + size
        self._next, self._wanted = self._block, 3

    def _block(self, value: int) -> None:
        last, kind, size = value & 1, value >> 1 & 3, value >> 3
        self._left = 1 if kind == 1 else size  # a run of one octet has only that
        if last:
            self._left += self._checksum
            self._next, self._wanted = self._magic, 4


class Lz4Stream:
    """The plain octets of LZ4 frames, one behind the other."""

    def __init__(self, raw: BufferedReader) -> None:
        # The package brings no types.
        self._stream = import_module("lz4.frame").LZ4FrameFile(raw)

    def read1(self, at_most: int, /) -> bytes:
        """Some octets; none at the end."""
        try:
            octets: bytes = self._stream.read1(at_most)
        except RuntimeError as error:
            raise OSError(str(error)) from None
        return octets
