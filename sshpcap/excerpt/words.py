"""What a slice says of itself. Pure: values in, text out."""

from collections.abc import Sequence
from typing import Final

from sshpcap.model import Session

_TOLD: Final = 100
"""Connections whose verdict stands in the comment of the section."""


def section_comment(name: str, sessions: Sequence[Session]) -> str:
    """The verdicts, and what was left out of the capture."""
    lines = [
        f"Slice of {name}: handshake, close and ICMP of SSH connections; payload behind NEWKEYS is cut away.",
        "Frame numbers in comments are those of the original capture; of several captures, those of all of them in the"
        " order of time (mergecap).",
    ]
    lines += [f"[connection {s.index}] {s.outcome}: {s.verdict.summary}" for s in sessions[:_TOLD]]
    if len(sessions) > _TOLD:
        lines.append(f"and {len(sessions) - _TOLD:,} more connections")
    return "\n".join(lines)
