"""A directory of small files, each there only when it is whole, with limits on their number and octets.

A file is written under a name that begins with a dot, and renamed; so a kill leaves whole files and perhaps one draft,
which the next start removes. (Not brought to the disk one by one: a scan of a thousand handshakes would wait for it.)
Only files with our own names are counted or removed. Must not know: what is in a file, why it is kept.
"""

import contextlib
import os
import re
from collections import deque
from pathlib import Path
from typing import Final

_OWN: Final = re.compile(r"sshpcap-\d{8}T\d{6}\.\d{9}Z-\d+-[a-z0-9-]+\.pcapng")
_DRAFT: Final = re.compile(r"\.sshpcap-.*\.part")


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
