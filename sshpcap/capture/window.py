"""A reused buffer that slides over a byte stream: what the readers of the container formats walk in.

The buffer grows only when bytes have really arrived, never because a length field asks for it.
"""

from typing import Final, Protocol

import numpy as np

from sshpcap import limits
from sshpcap.frames import Bytes, FrameBlock

_NO_ROWS: Final = np.empty(0, dtype=np.int64)


class ByteStream(Protocol):
    """The little that is asked of a file, a pipe or a decompressor."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill the front of `buffer`, return how much; 0 means the end, None that nothing came for a while."""


class Window:
    """`data[:have]` are the octets of the stream from absolute offset `position` on."""

    def __init__(self, stream: ByteStream, size: int | None = None) -> None:
        self._stream = stream
        self.data = bytearray(limits.BLOCK_BYTES if size is None else size)
        self.have = 0
        self.position = 0
        self.ended = False
        self.idle = False
        """Nothing came at the last `advance`, but the stream is open: a pipe that pauses."""

    @property
    def octets(self) -> Bytes:
        """The whole buffer as an array; valid until the next `advance`."""
        return np.frombuffer(self.data, dtype=np.uint8)

    @property
    def nothing(self) -> FrameBlock:
        """A block without frames: what a reader yields while the stream pauses, so that its caller can act."""
        return FrameBlock(self.octets, *[_NO_ROWS] * 7)

    def advance(self, consumed: int) -> bool:
        """Drop `consumed` octets from the front and read once; False when the stream has ended.

        True does not mean that something came: see `idle`.
        """
        if consumed:
            self.data[: self.have - consumed] = self.data[consumed : self.have]
            self.have -= consumed
            self.position += consumed
        if self.have == len(self.data):
            grown = bytearray(2 * len(self.data))
            grown[: self.have] = self.data
            self.data = grown
        count = self._stream.readinto(memoryview(self.data)[self.have :])
        self.idle = count is None
        self.have += count or 0
        self.ended = count == 0
        return not self.ended

    def require(self, count: int) -> bool:
        """Read until `count` octets are there, through all pauses; False when the stream ends before."""
        while self.have < count and self.advance(0):
            pass
        return self.have >= count
