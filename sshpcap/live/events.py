"""What a live capture tells programs: one JSON object a line, each with its kind and the version of the schema."""

from typing import Any, Final, Literal

from sshpcap.live.statistics import Statistics
from sshpcap.live.watch import Change, Reason
from sshpcap.model import SCHEMA_VERSION, Session, Timestamp
from sshpcap.model.base import Value
from sshpcap.report.machine import schema_of, to_json


class SessionUpdated(Value, frozen=True, tag="session_updated", tag_field="event"):
    """A connection reached another stage, or stalled; it goes on."""

    schema_version: int
    time: Timestamp
    session: Session


class SessionClosed(Value, frozen=True, tag="session_closed", tag_field="event"):
    """The last that is told of a connection."""

    schema_version: int
    time: Timestamp
    reason: Reason
    """closed: it ended; idle: nothing came for long; evicted: room was needed; end: the capture ended."""
    session: Session


class StatisticsEvent(Value, frozen=True, tag="statistics", tag_field="event"):
    """The state of the capture."""

    schema_version: int
    time: Timestamp
    statistics: Statistics


Event = SessionUpdated | SessionClosed | StatisticsEvent
Kind = Literal["session_updated", "session_closed", "statistics"]

_TITLE: Final = "sshpcap live event"


def of_change(change: Change) -> Event:
    """The event that tells a change; its time is that of the connection's last frame."""
    session = change.session
    if change.over is None:
        return SessionUpdated(schema_version=SCHEMA_VERSION, time=session.end, session=session)
    return SessionClosed(schema_version=SCHEMA_VERSION, time=session.end, reason=change.over, session=session)


def of_statistics(state: Statistics) -> Event:
    """The event that tells the state of the capture."""
    return StatisticsEvent(schema_version=SCHEMA_VERSION, time=state.time, statistics=state)


def line(event: Event) -> bytes:
    """An event as a line of JSON."""
    return to_json(event) + b"\n"


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of an event."""
    return schema_of(Event, _TITLE)
