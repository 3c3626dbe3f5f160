"""Data types of the wire (RFC 4251 §5), and the one place where octets of a peer become text.

A reader never runs past its end: it raises `WireError`, which `messages.parse` turns into a `Malformed` value.
"""

import re
from typing import Final, NamedTuple

from sshpcap import limits

_ESCAPES: Final = re.compile(rb"\\\\|\\x([0-9a-f]{2})")
_PRINTABLE: Final = {octet: chr(octet) if 32 <= octet < 127 else f"\\x{octet:02x}" for octet in range(256)}


def printable(octets: bytes) -> str:
    """Octets of a peer as text that cannot act anywhere: printable ASCII is kept, all else becomes \\xNN.

    A backslash is doubled, so that the result names its octets without doubt.
    """
    text = octets.decode("latin-1")
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return "".join("\\\\" if octet == 0x5C else _PRINTABLE[octet] for octet in octets)


def unprinted(text: str) -> bytes:
    """The inverse of `printable`."""
    return _ESCAPES.sub(
        lambda found: bytes([int(found[1], 16)]) if found[1] else b"\\", text.encode("ascii", "replace")
    )


class Malformed(NamedTuple):
    """What a peer sent does not follow the protocol."""

    field: str
    offset: int
    """Offset in the message (or in the stream, for what is no message at all)."""
    reason: str


class WireError(Exception):
    """Reading past the end or a value that cannot be; never leaves the `ssh` package."""

    def __init__(self, field: str, offset: int, reason: str) -> None:
        super().__init__(field, offset, reason)
        self.malformed = Malformed(field, offset, reason)


class Reader:
    """A cursor over the payload of one message."""

    def __init__(self, octets: bytes, at: int = 0) -> None:
        self.octets = octets
        self.at = at

    def take(self, count: int, field: str) -> bytes:
        """The next `count` octets."""
        left = len(self.octets) - self.at
        if count > left:
            raise WireError(field, self.at, f"needs {count:,} octets, {left:,} are left")
        self.at += count
        return self.octets[self.at - count : self.at]

    def byte(self, field: str) -> int:
        """RFC 4251 `byte`."""
        return self.take(1, field)[0]

    def boolean(self, field: str) -> bool:
        """RFC 4251 `boolean`: every value but 0 is true."""
        return self.byte(field) != 0

    def uint32(self, field: str) -> int:
        """RFC 4251 `uint32`."""
        return int.from_bytes(self.take(4, field), "big")

    def uint64(self, field: str) -> int:
        """RFC 4251 `uint64`."""
        return int.from_bytes(self.take(8, field), "big")

    def string(self, field: str) -> bytes:
        """RFC 4251 `string`."""
        return self.take(self.uint32(field), field)

    def text(self, field: str) -> str:
        """A `string`, made printable."""
        return printable(self.string(field))

    def name_list(self, field: str) -> tuple[str, ...]:
        """RFC 4251 `name-list`, empty names included (libssh 0.10 sends a trailing comma)."""
        octets = self.string(field)
        names = octets.split(b",", limits.MAX_NAMES) if octets else []
        return tuple(printable(name) for name in names[: limits.MAX_NAMES])

    def mpint(self, field: str) -> int:
        """RFC 4251 `mpint`."""
        return int.from_bytes(self.string(field), "big", signed=True)

    def end(self) -> bytes:
        """What is left."""
        return self.take(len(self.octets) - self.at, "rest")
