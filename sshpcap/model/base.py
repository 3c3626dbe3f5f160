"""What all results share: the base, the words with fixed values, notices and evidence."""

from typing import Final, Literal

import msgspec

SCHEMA_VERSION: Final = 1

Who = Literal["client", "server"]
Stage = Literal["tcp", "identification", "kexinit", "kex", "newkeys", "encrypted"]
Outcome = Literal["encrypted", "failed", "refused", "stalled", "not_ssh", "incomplete"]
How = Literal["fin", "rst", "icmp", "silence", "capture_end", "never_opened"]
Confidence = Literal["high", "medium", "low"]
Severity = Literal["error", "warning", "info"]

STAGES: Final[tuple[Stage, ...]] = ("tcp", "identification", "kexinit", "kex", "newkeys", "encrypted")
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "error")

FieldValue = str | int | bool | tuple[str, ...]
Octets = bytes  # some results have a field named `bytes`, as the JSON has


class Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of all results: immutable, compared by content, built with names.

    A value is made of values that were there before it, so there are no cycles for the garbage collector to find.
    """


class Notice(Value, frozen=True):
    """Something about the input that the reader of a report should know; never an error of ours."""

    code: str
    text: str
    frame: int | None = None
    offset: int | None = None
    """Byte offset in the (plain) capture."""
    count: int = 1


class Evidence(Value, frozen=True):
    """What proves a statement: a frame, and what to look at in it."""

    frame: int
    what: str
    bytes: tuple[int, int] | None = None
    """First and last relative sequence number of the octets (as Wireshark shows them: 1 is the stream's first)."""
