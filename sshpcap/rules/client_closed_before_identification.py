"""Client closed before identification.

What it means
    The client opened the connection and closed it without having sent an octet. Mostly no user was there: health
    checks, port scans and monitoring do so.

How it is known
    No payload from the client, and FIN or RST from it.

When it may be wrong
    That the client closed without a word is certain as far as the address goes. Its purpose is a guess. A client that
    speaks only SSH-1 also reads the server's identification string and goes without a word.

What to do
    Usually nothing. If the server logs too much or punishes the prober (OpenSSH 9.8 and later count such connections
    as "noauth"), let the health check read the identification string, or exempt it with `PerSourcePenaltyExemptList`.

References
    RFC 4253 §4.2; sshd_config(5), PerSourcePenalties
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules.base import (
    Rule,
    client_place,
    duration,
    first,
    how_it_ended,
    lost_to_the_capture,
    server_said_nothing,
    shown,
    with_close,
)
from sshpcap.rules.path import handshake_open

ID = "client-closed-before-identification"
TITLE = "Client closed before identification"


def check(session: Session) -> Iterator[Finding]:
    """Fire when the client closed and had sent nothing at all."""
    close, client = session.close, session.client
    if close.by != "client" or close.how not in ("fin", "rst") or session.outcome == "encrypted":
        return
    if client.identification or client.pre_identification or session.tcp.client.bytes or session.coverage.midstream:
        return
    if session.tcp.conn_state in ("S0", "RSTOS0", "SH", "OTH") or handshake_open(session) is not None:
        return
    greeting = first(session, "server", "identification")
    opened = next((entry.time.ns for entry in session.timeline if entry.kind == "syn"), session.start.ns)
    stayed = close.time.ns - opened if close.time else 0
    seen = f"after {duration(stayed)}"
    if greeting and _had_arrived(session):
        seen += ", when the server's identification string had arrived"
    silent = server_said_nothing(session) and stayed >= _WAITED_NS
    yield Finding(
        id=ID,
        severity="warning",
        confidence="medium" if silent or lost_to_the_capture(session) else "high",
        party="client",
        title=TITLE,
        summary=(
            f"The client opened the connection, sent nothing, and left {seen}: {how_it_ended(session)}. "
            + (
                "The server sent nothing either: each may have waited for the other."
                if silent
                else "That is how health checks and port scans look."
            )
        ),
        evidence=with_close(session, shown(greeting, "the server's identification string") if greeting else None),
        expected_messages={
            "sshd_log": (
                "kex_exchange_identification: Connection closed by remote host / "
                f"Connection closed by {client_place(session)}"
            ),
        },
        causes=_BOTH_SILENT if silent else _CAUSES,
        remedies=(
            Remedy(
                side="server",
                action="exempt a health check from penalties (OpenSSH 9.8 and later). sshd_config:",
                command="PerSourcePenaltyExemptList 192.0.2.0/24",
                risk="no penalties for attackers in that network",
            ),
        ),
    )


_WAITED_NS = 2_000_000_000
_CAUSES = (
    "a health check of a load balancer or a monitoring system",
    "a port scan",
    "a client that speaks only SSH-1 and saw that the server does not",
    "a user who gave up at once",
)
_BOTH_SILENT = (
    "the server waits for the client's first octets (a port multiplexer such as sslh), and the client for the server's",
    "the server's program hangs, or a proxy has no backend",
    "a health check or a port scan that keeps the connection open for a while",
)


def _had_arrived(session: Session) -> bool:
    greeting = first(session, "server", "identification")
    close = session.close.frame
    return greeting is not None and close is not None and greeting.frame < close and bool(greeting.acknowledged)


RULE = Rule(ID, TITLE, "warning", check)
