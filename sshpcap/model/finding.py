"""Diagnoses: what happened, how that is known, what to do."""

from typing import Literal

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


class Verdict(Value, frozen=True):
    """The one sentence that a support engineer needs."""

    summary: str
    cause: str | None
    """Id of the finding that explains it; None for a connection without trouble."""
    confidence: Confidence
