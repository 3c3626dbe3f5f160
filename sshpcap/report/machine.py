"""The report for programs: one JSON document, or one session a line (NDJSON). Names and types: docs/schema.json."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from sshpcap.model import Duration, Report, Session, Timestamp
from sshpcap.model.base import Value
from sshpcap.report.view import Options, select


def json_document(report: Report, options: Options) -> str:
    """The whole report as one JSON document; sessions that the options leave."""
    return b"".join(json_pieces(report, options)).decode()


def json_pieces(report: Report, options: Options) -> Iterator[bytes]:
    """The same in UTF-8, piece by piece: the document of ten thousand connections has 150 MB."""
    sessions = select(report.sessions, options)
    # In a text the quotation marks have a backslash, so the first match is the field itself.
    head, tail = to_json(msgspec.structs.replace(report, sessions=())).split(_NO_SESSIONS, 1)
    yield head + _NO_SESSIONS[:-1]
    for first in range(0, len(sessions), _TOGETHER):
        yield (b"," if first else b"") + _ENCODER.encode(sessions[first : first + _TOGETHER])[1:-1]
    yield b"]" + tail + b"\n"


def ndjson(report: Report, options: Options) -> str:
    """One session a line."""
    return "".join(line(session) for session in select(report.sessions, options))


def line(session: Session) -> str:
    """One session as a line of JSON."""
    return to_json(session).decode() + "\n"


_NO_SESSIONS: Final = b'"sessions":[]'
_TOGETHER: Final = 64
"""Sessions encoded at a time."""


def _encode(value: Any) -> Any:
    if type(value) is Timestamp:
        return str(value)
    if type(value) is Duration:
        return value.seconds
    raise NotImplementedError(type(value))


def _decode(kind: type, value: Any) -> Any:
    if kind is Timestamp:
        return Timestamp.parse(value)
    if kind is Duration:
        return Duration(round(value * 1_000_000_000))
    raise NotImplementedError(kind)


def _schema(kind: type) -> dict[str, Any]:
    if kind is Timestamp:
        return {"type": "string", "format": "date-time", "description": "RFC 3339, UTC, nine decimals"}
    if kind is Duration:
        return {"type": "number", "description": "seconds"}
    raise NotImplementedError(kind)


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_encode)


def to_json(value: Value) -> bytes:
    """One JSON document, in UTF-8, without white space."""
    return _ENCODER.encode(value)


def from_json(octets: bytes) -> Report:
    """The inverse of `to_json` for a report. Raises msgspec.ValidationError."""
    return msgspec.json.decode(octets, type=Report, dec_hook=_decode)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a report."""
    return schema_of(Report, "sshpcap report")


def schema_of(kind: Any, title: str) -> dict[str, Any]:
    """JSON Schema (2020-12) of results of a kind."""
    schema = msgspec.json.schema(kind, schema_hook=_schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **schema}
