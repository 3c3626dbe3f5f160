r"""PuTTY's cache of host keys: `~/.putty/sshhostkeys`, and `HKCU\Software\SimonTatham\PuTTY\SshHostKeys` exported.

A row is `TYPE@PORT:HOST` and the numbers of the key in hexadecimal (PuTTY's sshrsa.c, ecc-ssh.c: `cache_str`). They are
put together again as the key's blob, so that it has a fingerprint.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from sshpcap.ssh.host_keys import sha256_fingerprint
from sshpcap.ssh.known_hosts import Entry, lookup_name
from sshpcap.ssh.wire import printable

_ROW: Final = re.compile(r"(?P<type>[\w-]+)@(?P<port>\d{1,5}):(?P<host>\S+)\s+(?P<key>\S+)\s*", re.ASCII)
_REG_ROW: Final = re.compile(r'"(?P<type>[\w-]+)@(?P<port>\d{1,5}):(?P<host>[^"]+)"="(?P<key>[^"]*)"\s*', re.ASCII)
_LONGEST: Final = 20_000


def is_putty(text: str) -> bool:
    """Whether this is one of PuTTY's two formats."""
    if "SshHostKeys]" in text or text.startswith(("Windows Registry Editor", "REGEDIT4")):
        return True
    first = next((line for line in text.splitlines() if line.strip()), "")
    return _ROW.fullmatch(first) is not None and ",0x" in first


def read_putty(text: str, file: str) -> Iterator[Entry]:
    """The rows of either format that can be read."""
    for number, line in enumerate(text.splitlines(), start=1):
        row = _ROW.fullmatch(line) or _REG_ROW.fullmatch(line)
        if row is None or len(line) > _LONGEST:
            continue
        found = _key(row["type"], row["key"].split(","))
        if found is None:
            continue
        kind, blob = found
        host = re.sub(r"%([0-9A-Fa-f]{2})", lambda escape: chr(int(escape[1], 16)), row["host"])
        name = printable(host.encode())
        yield Entry(
            file, number, "plain", lookup_name(name, int(row["port"])), kind, sha256_fingerprint(blob), putty=True
        )


def _key(kind: str, words: list[str]) -> tuple[str, bytes] | None:
    """Type and blob of the key that a row holds."""
    curve = words.pop(0) if words and not words[0].startswith("0x") else ""
    try:
        numbers = [int(word, 16) for word in words]
    except ValueError:
        return None
    try:
        if kind in _TYPES:
            name, count, make = _TYPES[kind]
            return (name, _string(name.encode()) + make(numbers)) if len(numbers) == count else None
        if kind.startswith("ecdsa-sha2-") and len(numbers) == 2 and kind.endswith(curve):
            size = {"nistp256": 32, "nistp384": 48, "nistp521": 66}[kind.removeprefix("ecdsa-sha2-")]
            point = b"\x04" + b"".join(number.to_bytes(size, "big") for number in numbers)
            return kind, _string(kind.encode()) + _string(kind.removeprefix("ecdsa-sha2-").encode()) + _string(point)
    except (OverflowError, KeyError):
        return None
    return None


def _string(octets: bytes) -> bytes:
    return len(octets).to_bytes(4, "big") + octets


def _mpints(numbers: list[int]) -> bytes:
    return b"".join(_string(n.to_bytes(n.bit_length() // 8 + 1, "big") if n else b"") for n in numbers)


def _edwards(size: int) -> Callable[[list[int]], bytes]:
    """x and y → the encoding of RFC 8032: y, least octet first, and x's lowest bit on top."""

    def make(numbers: list[int]) -> bytes:
        x, y = numbers
        return _string((y | (x & 1) << (8 * size - 1)).to_bytes(size, "little"))

    return make


_TYPES: Final[dict[str, tuple[str, int, Callable[[list[int]], bytes]]]] = {
    "rsa2": ("ssh-rsa", 2, _mpints),
    "dss": ("ssh-dss", 4, _mpints),
    "ssh-ed25519": ("ssh-ed25519", 2, _edwards(32)),
    "ssh-ed448": ("ssh-ed448", 2, _edwards(57)),
}
