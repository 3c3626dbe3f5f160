"""Many connections by what became of them: counts, who, with which software, from when to when, one example.

What `--summary` shows instead of one row and one story for each. Pure: values in, values out.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from sshpcap.model import Party, Session
from sshpcap.report.clock import Clock
from sshpcap.report.heading import seconds

_NAMED: Final = 3
"""Addresses and programs named of each group."""


class Group(NamedTuple):
    """Connections with one cause."""

    connections: int
    title: str
    outcome: str
    facts: tuple[tuple[str, str], ...]


def groups(sessions: Sequence[Session], clock: Clock) -> tuple[Group, ...]:
    """The connections by cause, outcome and stage; the largest group first, what went well last."""
    found: dict[tuple[str, str, str], list[Session]] = {}
    for session in sessions:
        found.setdefault((session.verdict.cause or "", session.outcome, session.stage), []).append(session)
    ordered = sorted(found.values(), key=lambda group: (group[0].verdict.cause is None, -len(group), group[0].index))
    return tuple(_group(group, clock) for group in ordered)


def _group(sessions: list[Session], clock: Clock) -> Group:
    example = sessions[0]
    first, last = min(s.start.ns for s in sessions), max(s.start.ns for s in sessions)
    apart = f" to {clock.moment(last)} ({seconds(last - first)})" if last > first else ""
    return Group(
        connections=len(sessions),
        title=_title(example),
        outcome=example.outcome.replace("_", " "),
        facts=(
            ("stage", example.stage),
            ("clients", _named(session.client.address for session in sessions)),
            ("servers", _named(f"{session.server.address} port {session.server.port}" for session in sessions)),
            ("client software", _named(_software(session.client) for session in sessions)),
            ("server software", _named(_software(session.server) for session in sessions)),
            ("opened", clock.moment(first) + apart),
            ("ended", _named(_end(session) for session in sessions)),
            ("example", f"connection {example.index}: {example.verdict.summary}"),
        ),
    )


def _title(session: Session) -> str:
    cause = session.verdict.cause
    return next((f.title for f in session.findings if f.id == cause), "handshake completed" if cause is None else cause)


def _software(party: Party) -> str:
    return party.identification.software if party.identification else "not identified"


def _end(session: Session) -> str:
    close = session.close
    return {"fin": f"FIN by the {close.by}", "rst": f"RST by the {close.by}", "icmp": "ICMP error",
            "silence": "silence", "capture_end": "open when the capture ends",
            "never_opened": "never opened"}[close.how]  # fmt: skip


def _named(values: Iterable[str]) -> str:
    """The most frequent ones with their counts, and how many more there are."""
    counts = Counter(values)
    most = counts.most_common(_NAMED)
    if len(counts) == 1:
        return most[0][0]
    listed = ", ".join(f"{value} ({count:,})" for value, count in most)
    left = len(counts) - len(most)
    return listed + (f" and {left:,} more" if left else "")
