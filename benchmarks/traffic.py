"""Frames for live measurements: recorded handshakes under many addresses, floods, half-open handshakes, bulk.

Addresses and ports are written over those of a sample, so that a frame costs a copy. Checksums are not mended: nothing
that captures looks at them.
"""

import socket
import struct
import time
from collections.abc import Iterator, Sequence
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
            if block.frame(row)[12:15] == b"\x08\x00\x45" and block.frame(row)[23] == 6
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


def bulk(frames: Sequence[bytes], count: int, payload: int = 1400) -> Iterator[bytes]:
    """Encrypted data of the server behind the last frame with payload of a handshake."""
    last = [frame for frame in frames if frame[_ADDRESSES : _ADDRESSES + 4] != frames[0][_ADDRESSES : _ADDRESSES + 4]
            and not frame[_TCP_FLAGS] & 7][-1]  # fmt: skip
    header = bytearray(last[: _PORTS + (last[_PORTS + 12] >> 4) * 4])
    (seq,) = struct.unpack_from(">I", header, _PORTS + 4)
    header[16:18] = (len(header) - _ETHERNET + payload).to_bytes(2, "big")
    octets = bytes(payload)
    for at in range(count):
        struct.pack_into(">I", header, _PORTS + 4, (seq + 100_000 + at * payload) & 0xFFFFFFFF)
        header[18:20] = (at & 0xFFFF).to_bytes(2, "big")
        yield bytes(header) + octets


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

    def at_rate(self, frames: Sequence[bytes], rate: float) -> float:
        """So many a second, in bursts of a millisecond or more; returns the rate that was reached."""
        begun, sent = time.perf_counter(), 0
        while sent < len(frames):
            due = min(len(frames), int((time.perf_counter() - begun) * rate) + 1)
            for frame in frames[sent:due]:
                self._out.send(frame)
            sent = due
            if sent < len(frames):
                time.sleep(0.001)
        self.sent += sent
        return sent / (time.perf_counter() - begun)
