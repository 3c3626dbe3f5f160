"""A directory of small pcapng files, each there only when it is whole, with limits on their number and octets.

A file is written under a name that begins with a dot, and renamed; so a kill leaves whole files and perhaps one draft,
which the next start removes. (Not brought to the disk one by one: a scan of a thousand handshakes would wait for it.)
Only files with our own names are counted or removed. Format: draft-ietf-opsawg-pcapng-03 §4. Must not know: why a file
is kept.
"""

import contextlib
import os
import re
import struct
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_BYTE_ORDER, _VERSION, _UNKNOWN_LENGTH = 0x1A2B3C4D, (1, 0), -1
_COMMENT, _APPLICATION, _RESOLUTION = 1, 4, 9
_NANOSECONDS: Final = 9
_MAX_OPTION: Final = 65535

_OWN: Final = re.compile(r"sshpcap-\d{8}T\d{6}\.\d{9}Z-\d+-[a-z0-9-]+\.pcapng")
_DRAFT: Final = re.compile(r"\.sshpcap-.*\.part")


class Packet(NamedTuple):
    """A frame for a file, and what to say of it."""

    time: int
    """Nanoseconds since 1970."""
    link_type: int
    octets: bytes
    original: int
    comment: str = ""


def pcapng(packets: Sequence[Packet], comment: str, application: str) -> bytes:
    """A file of one section, with an interface for each link type; little-endian, in nanoseconds."""
    head = struct.pack("<IHHq", _BYTE_ORDER, *_VERSION, _UNKNOWN_LENGTH)
    blocks = [_block(_SECTION, head + _options((_COMMENT, comment.encode()), (_APPLICATION, application.encode())))]
    numbers = {link_type: at for at, link_type in enumerate(dict.fromkeys(packet.link_type for packet in packets))}
    for link_type in numbers:
        resolution = _options((_RESOLUTION, bytes([_NANOSECONDS])))
        blocks.append(_block(_INTERFACE, struct.pack("<HHI", link_type, 0, 0) + resolution))
    for packet in packets:
        fixed = struct.pack(
            "<IIIII", numbers[packet.link_type], packet.time >> 32 & 0xFFFFFFFF, packet.time & 0xFFFFFFFF,
            len(packet.octets), packet.original,
        )  # fmt: skip
        options = _options((_COMMENT, packet.comment.encode())) if packet.comment else b""
        blocks.append(_block(_PACKET, fixed + _padded(packet.octets) + options))
    return b"".join(blocks)


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)


def _block(kind: int, body: bytes) -> bytes:
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size


def _options(*options: tuple[int, bytes]) -> bytes:
    octets = b""
    for code, value in options:
        value = value[:_MAX_OPTION].decode("utf-8", "ignore").encode()
        octets += struct.pack("<HH", code, len(value)) + _padded(value)
    return octets + bytes(4)


class RecorderDirectory:
    """Adds files and removes the oldest of its own. Raises OSError where the directory cannot be used."""

    def __init__(self, path: str, max_bytes: int, max_files: int) -> None:
        self.path = Path(path)
        self._max_bytes, self._max_files = max_bytes, max_files
        self.path.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        found = []
        for entry in os.scandir(self.path):
            if _DRAFT.fullmatch(entry.name):
                os.unlink(entry.path)
            elif _OWN.fullmatch(entry.name):
                found.append((entry.name, entry.stat().st_size))
        self._files = deque(sorted(found))
        """Names and sizes, the oldest first: a name begins with its time."""
        self._bytes = sum(size for _, size in found)
        self._try()

    def _try(self) -> None:
        """Find out now whether files can be made, not at the first failure in the night."""
        draft = self.path / f".sshpcap-{os.getpid()}.part"
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640))
        os.unlink(draft)

    def add(self, name: str, octets: bytes) -> None:
        """Keep a file; `name` sorts by time and is one of ours. Raises OSError."""
        if not _OWN.fullmatch(name):
            raise ValueError(name)
        if len(octets) > self._max_bytes:
            return
        while self._files and (len(self._files) >= self._max_files or self._bytes + len(octets) > self._max_bytes):
            self._remove_oldest()
        draft = self.path / f".{name}.part"
        out = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
        try:
            left = memoryview(octets)
            while left:
                left = left[os.write(out, left) :]
        except OSError:
            os.close(out)
            os.unlink(draft)
            raise
        os.close(out)
        os.rename(draft, self.path / name)
        self._files.append((name, len(octets)))
        self._bytes += len(octets)

    def _remove_oldest(self) -> None:
        name, size = self._files.popleft()
        self._bytes -= size
        with contextlib.suppress(FileNotFoundError):  # somebody else may have cleaned up
            os.unlink(self.path / name)

    def close(self) -> None:
        """Bring the names to the disk."""
        os.fsync(self._directory)
        os.close(self._directory)
