"""Diagnoses: what happened, how that is known, what to do."""

from collections.abc import Mapping
from typing import Final, Literal

from sshpcap.model.base import Confidence, Evidence, Severity, Value


class Remedy(Value, frozen=True):
    """One thing to do."""

    side: Literal["client", "server", "network", "capture"]
    action: str
    command: str | None = None
    """A line to type; where `action` ends with a colon, a line of the file or program that it names."""
    risk: str | None = None


class Finding(Value, frozen=True):
    """A diagnosis: what happened, how that is known, and what to do."""

    id: str
    severity: Severity
    confidence: Confidence
    party: Literal["client", "server", "network", "unknown"]
    """The side that acted, or where the trouble is."""
    title: str
    summary: str
    evidence: tuple[Evidence, ...]
    expected_messages: dict[str, str] = {}
    """What programs show to their users in this case, by program."""
    causes: tuple[str, ...] = ()
    """Most likely first."""
    remedies: tuple[Remedy, ...] = ()


TEXTS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "OpenSSH": ("openssh", "sshd"),
    "OpenSSH for Windows": ("openssh", "sshd"),
    "PuTTY": ("putty",),
    "WinSCP": ("putty",),
    "FileZilla": ("putty",),
    "Dropbear": ("dropbear",),
    "paramiko": ("paramiko",),
    "AsyncSSH": ("asyncssh",),
    "libssh2": ("libssh2", "curl"),
    "libssh": ("libssh",),
    "JSch": ("jsch",),
    "Go x/crypto/ssh": ("go",),
    "ssh2 (Node.js)": ("node",),
}
"""Implementation → the first words of those names in `expected_messages` that are its own."""


class Verdict(Value, frozen=True):
    """The one sentence that a support engineer needs."""

    summary: str
    cause: str | None
    """Id of the finding that explains it; None for a connection without trouble."""
    confidence: Confidence
