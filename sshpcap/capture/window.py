"""A reused buffer that slides over a byte stream: what pcap and pcapng readers walk in.

The buffer grows only when bytes have really arrived, never because a length field asks for it.
"""

from typing import Protocol

import numpy as np

from sshpcap import limits
from sshpcap.frames import Bytes


class ByteStream(Protocol):
    """The little that is asked of a file, a pipe or a decompressor."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the front of `buffer`, return how much; 0 means the end."""


class Window:
    """`data[:have]` are the octets of the stream from absolute offset `position` on."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self.data = bytearray(limits.BLOCK_BYTES)
        self.have = 0
        self.position = 0
        self.ended = False

    @property
    def octets(self) -> Bytes:
        """The whole buffer as an array; valid until the next `advance`."""
        return np.frombuffer(self.data, dtype=np.uint8)

    def advance(self, consumed: int) -> bool:
        """Drop `consumed` octets from the front and read once; False when the stream has ended."""
        if consumed:
            self.data[: self.have - consumed] = self.data[consumed : self.have]
            self.have -= consumed
            self.position += consumed
        if self.have == len(self.data):
            grown = bytearray(2 * len(self.data))
            grown[: self.have] = self.data
            self.data = grown
        count = self._stream.readinto(memoryview(self.data)[self.have :])
        self.have += count
        self.ended = count == 0
        return not self.ended

    def require(self, count: int) -> bool:
        """Read until `count` octets are there; False when the stream ends before."""
        while self.have < count and self.advance(0):
            pass
        return self.have >= count
