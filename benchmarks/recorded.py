"""Recorded connections as templates: the same octets between other endpoints, with right checksums.

Frames of one shape are made many at a time, as rows of a NumPy array. Must not know: files that are written, sshpcap.
"""

from pathlib import Path
from typing import Final, NamedTuple

import dpkt
import numpy as np
import numpy.typing as npt

SAMPLES: Final = Path(__file__).resolve().parent.parent / "samples"
ETHERNET: Final = 14
_IP: Final = ETHERNET
_TCP: Final = ETHERNET + 20

Rows = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]


class Step(NamedTuple):
    """One recorded frame."""

    octets: bytes
    after: int
    """Nanoseconds since the first frame."""
    by_client: bool


class Template(NamedTuple):
    """One recorded connection over Ethernet, IPv4 and TCP."""

    name: str
    steps: tuple[Step, ...]


class Ends(NamedTuple):
    """Who talks in each of many copies: addresses and ports as numbers, and what is added to sequence numbers."""

    client: Numbers
    client_port: Numbers
    server: Numbers
    client_shift: Numbers
    server_shift: Numbers


def template(sample: str) -> Template:
    """The connection of a sample of the project."""
    with (SAMPLES / sample / "capture.pcap").open("rb") as file:
        frames = [(round(time * 1e9), bytes(octets)) for time, octets in dpkt.pcap.Reader(file)]
    first = frames[0][0]
    client = frames[0][1][_IP + 12 : _IP + 16]
    steps = tuple(Step(octets, time - first, octets[_IP + 12 : _IP + 16] == client) for time, octets in frames)
    return Template(sample, steps)


def copies(step: Step, ends: Ends) -> list[bytes]:
    """One frame of every copy of a connection."""
    rows = np.tile(np.frombuffer(step.octets, dtype=np.uint8), (len(ends.client), 1))
    server_port = np.full(len(rows), 22)
    left, right = (ends.client, ends.client_port, ends.client_shift), (ends.server, server_port, ends.server_shift)
    source, destination = (left, right) if step.by_client else (right, left)
    put(rows, _IP + 12, 4, source[0])
    put(rows, _IP + 16, 4, destination[0])
    put(rows, _TCP, 2, source[1])
    put(rows, _TCP + 2, 2, destination[1])
    put(rows, _TCP + 4, 4, int.from_bytes(step.octets[_TCP + 4 : _TCP + 8], "big") + source[2])
    if step.octets[_TCP + 13] & 0x10:
        put(rows, _TCP + 8, 4, int.from_bytes(step.octets[_TCP + 8 : _TCP + 12], "big") + destination[2])
    seal(rows)
    return split(rows)


def put(rows: Rows, at: int, size: int, values: Numbers) -> None:
    """Write a big-endian number into every row."""
    for place in range(size):
        rows[:, at + place] = values >> 8 * (size - 1 - place) & 0xFF


def seal(rows: Rows) -> None:
    """Right checksums of IPv4 and TCP or UDP (RFC 1071) in rows of Ethernet frames."""
    total = int(rows[0, _IP + 2]) << 8 | int(rows[0, _IP + 3])
    at = _TCP + (16 if rows[0, _IP + 9] == 6 else 6)
    rows[:, _IP + 10 : _IP + 12] = 0
    put(rows, _IP + 10, 2, _checksum(rows[:, _IP:_TCP], np.zeros(len(rows), dtype=np.int64)))
    rows[:, at : at + 2] = 0
    length = total - 20
    pseudo = _sum(rows[:, _IP + 12 : _TCP]) + int(rows[0, _IP + 9]) + length
    put(rows, at, 2, _checksum(rows[:, _TCP : _TCP + length], pseudo))


def _sum(octets: Rows) -> Numbers:
    if octets.shape[1] % 2:
        octets = np.concatenate((octets, np.zeros((len(octets), 1), dtype=np.uint8)), axis=1)
    words: Numbers = np.ascontiguousarray(octets).view(">u2").sum(axis=1, dtype=np.int64)
    return words


def _checksum(octets: Rows, start: Numbers) -> Numbers:
    total = _sum(octets) + start
    for _ in range(3):
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def split(rows: Rows) -> list[bytes]:
    """The rows as octets."""
    size = rows.shape[1]
    octets = rows.tobytes()
    return [octets[at : at + size] for at in range(0, len(octets), size)]
