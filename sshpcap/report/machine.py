"""The report for programs: one JSON document, or one session a line (NDJSON). Names and types: docs/schema.json."""

from typing import Any, Final

import msgspec

from sshpcap.model import Duration, Report, Session, Timestamp
from sshpcap.model.base import Value
from sshpcap.report.view import Options, select


def json_document(report: Report, options: Options) -> str:
    """The whole report as one JSON document; sessions that the options leave."""
    chosen = msgspec.structs.replace(report, sessions=select(report.sessions, options))
    return to_json(chosen).decode() + "\n"


def ndjson(report: Report, options: Options) -> str:
    """One session a line."""
    return "".join(line(session) for session in select(report.sessions, options))


def line(session: Session) -> str:
    """One session as a line of JSON."""
    return to_json(session).decode() + "\n"


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
