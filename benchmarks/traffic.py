"""Frames for live measurements: recorded handshakes under many addresses, floods, half-open handshakes, bulk.

Addresses and ports are written over those of a sample, so that a frame costs a copy. Checksums are not mended: nothing
that captures looks at them.
"""

import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sshpcap.capture import open_capture

SAMPLES: Final = Path(__file__).parents[1] / "samples"
_ETHERNET, _ADDRESSES, _PORTS = 14, 26, 34
_TCP_FLAGS: Final = 47


def frames_of(sample: str) -> list[bytes]:
    """The frames of a sample (Ethernet, IPv4, no options)."""
    with open_capture(str(SAMPLES / sample / "capture.pcap")) as source:
        return [
            bytes(block.frame(row))
            for block in source.blocks()
            for row in range(len(block.number))
            if bytes(block.frame(row)[12:15]) == b"\x08\x00\x45" and block.frame(row)[23] == 6
        ]


def of_client(frames: Sequence[bytes], number: int, network: int = 10) -> list[bytes]:
    """The same connection from another client: address NETWORK.x.y.z, where x.y.z is its number."""
    address = bytes([network]) + (number & 0xFFFFFF).to_bytes(3, "big")
    client = frames[0][_ADDRESSES : _ADDRESSES + 4]
    changed = []
    for frame in frames:
        at = _ADDRESSES if frame[_ADDRESSES : _ADDRESSES + 4] == client else _ADDRESSES + 4
        changed.append(frame[:at] + address + frame[at + 4 :])
    return changed


def half_open(frames: Sequence[bytes]) -> list[bytes]:
    """Its beginning, up to the first identification string."""
    for at, frame in enumerate(frames):
        if b"SSH-" in frame:
            return list(frames[: at + 1])
    raise ValueError("no identification string")


class Bulk:
    """Encrypted data of the server behind a handshake, segment after segment; each overwrites the one before."""

    def __init__(self, frames: Sequence[bytes], payload: int = 1400) -> None:
        client = frames[0][_ADDRESSES : _ADDRESSES + 4]
        data = [frame for frame in frames if frame[_ADDRESSES : _ADDRESSES + 4] != client and not frame[_TCP_FLAGS] & 7]
        header = bytearray(data[-1][: _PORTS + (data[-1][_PORTS + 12] >> 4) * 4])
        header[16:18] = (len(header) - _ETHERNET + payload).to_bytes(2, "big")
        (self._seq,) = struct.unpack_from(">I", header, _PORTS + 4)
        self._seq += 100_000
        self._payload, self._at = payload, 0
        self._frame = header + bytes(payload)

    def next(self) -> bytearray:
        """The next segment; valid until the one after it is asked for."""
        struct.pack_into(">I", self._frame, _PORTS + 4, (self._seq + self._at * self._payload) & 0xFFFFFFFF)
        struct.pack_into(">H", self._frame, 18, self._at & 0xFFFF)
        self._at += 1
        return self._frame


class Sender:
    """Sends frames out of an interface at a rate."""

    def __init__(self, interface: str) -> None:
        self._out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self._out.bind((interface, 0))
        self.sent = 0

    def send(self, frames: Sequence[bytes]) -> None:
        """As fast as it can."""
        for frame in frames:
            self._out.send(frame)
        self.sent += len(frames)

    def bulk(self, stream: Bulk, count: int) -> None:
        """So many segments of a stream."""
        send, take = self._out.send, stream.next
        for _ in range(count):
            send(take())
        self.sent += count
