"""Counts what a live capture has told and what it takes, and writes the counts for Prometheus.

Labels are words of ours only: outcomes, ids of findings, implementations that are recognised. A peer cannot make them
grow.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator
from typing import Final

from sshpcap.capture.live import LiveSource
from sshpcap.live.watch import Watch
from sshpcap.model import Session, Timestamp
from sshpcap.model.base import Value

OTHER: Final = "other"


class Statistics(Value, frozen=True):
    """The state of a live capture. Counters run from its start."""

    time: Timestamp
    uptime_seconds: float
    frames: int
    frames_per_second: float
    """Since the statistics before."""
    drops: int
    """Frames that the kernel, or the capturing program, says were lost."""
    connections: dict[str, int]
    """Held now, by group: unanswered (nothing but SYNs), answered (no payload yet), talking (in the handshake),
    encrypted, closed (waiting for stragglers)."""
    outcomes: dict[str, int]
    """Connections told for the last time, by outcome."""
    findings: dict[str, int]
    """The same by the finding that explains them."""
    servers: dict[str, int]
    """The same by the server's implementation, where it is one that is recognised."""
    clients: dict[str, int]
    let_go: dict[str, int]
    """Connections let go before their end, to stay within the limits or because nothing came, by group; "untold": those
    that were never told."""
    held_bytes: int
    """What the connections are reckoned to take."""
    memory_bytes: int
    """Memory of the whole process."""
    cpu_seconds: float


class Counts:
    """Adds up what is told."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.findings: Counter[str] = Counter()
        self.servers: Counter[str] = Counter()
        self.clients: Counter[str] = Counter()
        self._began = self._last = time.monotonic()
        self._frames = 0

    def add(self, session: Session) -> None:
        """Count a session that is over."""
        self.outcomes[session.outcome] += 1
        if session.verdict.cause is not None:
            self.findings[session.verdict.cause] += 1
        for party, counts in ((session.client, self.clients), (session.server, self.servers)):
            name = party.identification.implementation if party.identification else None
            counts[name or OTHER] += 1

    def now(self, source: LiveSource, watch: Watch) -> Statistics:
        """The state at this moment."""
        capture = source.describe()[-1]
        moment = time.monotonic()
        rate = (capture.frames - self._frames) / max(0.001, moment - self._last)
        self._frames, self._last = capture.frames, moment
        return Statistics(
            time=Timestamp(time.time_ns()),
            uptime_seconds=round(moment - self._began, 3),
            frames=capture.frames,
            frames_per_second=round(rate, 1),
            drops=capture.interface_drops or 0,
            connections={str(group): count for group, count in watch.held().items()},
            outcomes=dict(self.outcomes),
            findings=dict(self.findings),
            servers=dict(self.servers),
            clients=dict(self.clients),
            let_go=dict(watch.lost),
            held_bytes=watch.held_bytes,
            memory_bytes=memory_bytes(),
            cpu_seconds=round(time.process_time(), 3),
        )


def memory_bytes() -> int:
    """Memory of this process that is resident now; the most it ever was, where the system tells no more."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def prometheus(state: Statistics) -> str:
    """The state in Prometheus' text format 0.0.4."""
    return "".join(f"{line}\n" for line in _lines(state))


def _lines(state: Statistics) -> Iterator[str]:
    yield from _counter("frames", "Frames read.", {"": state.frames})
    yield from _counter("drops", "Frames lost before they were read.", {"": state.drops})
    yield from _counter("sessions", "Connections told, by outcome.", state.outcomes, "outcome")
    yield from _counter("findings", "Connections told, by the finding that explains them.", state.findings, "finding")
    yield from _counter("servers", "Connections told, by the server's implementation.", state.servers, "implementation")
    yield from _counter("clients", "Connections told, by the client's implementation.", state.clients, "implementation")
    yield from _counter("let_go", "Connections let go before their end, by group.", state.let_go, "group")
    yield from _counter("cpu_seconds", "CPU time used.", {"": state.cpu_seconds})
    yield from _gauge("connections", "Connections held, by group.", state.connections, "group")
    yield from _gauge("held_bytes", "What the connections are reckoned to take.", {"": state.held_bytes})
    yield from _gauge("memory_bytes", "Resident memory.", {"": state.memory_bytes})
    yield from _gauge("uptime_seconds", "Since the start.", {"": state.uptime_seconds})


def _counter(name: str, about: str, values: dict[str, int] | dict[str, float], label: str = "") -> Iterator[str]:
    return _metric(f"{name}_total", "counter", about, values, label)


def _gauge(name: str, about: str, values: dict[str, int] | dict[str, float], label: str = "") -> Iterator[str]:
    return _metric(name, "gauge", about, values, label)


def _metric(name: str, kind: str, about: str, values: dict[str, int] | dict[str, float], label: str) -> Iterator[str]:
    yield f"# HELP sshpcap_{name} {about}"
    yield f"# TYPE sshpcap_{name} {kind}"
    for value, count in sorted(values.items()):
        labels = f'{{{label}="{_escaped(value)}"}}' if label else ""
        yield f"sshpcap_{name}{labels} {count}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
