"""What a report shows to people, once, for every format that is read by people. Pure: values in, values out.

A format decides how things look; what is said, in which order and with which numbers, is decided here.
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from sshpcap import limits
from sshpcap.model import TEXTS_OF, Authentication, Finding, Negotiation, Party, Remedy, Report, Session, TimelineEntry
from sshpcap.report.clock import Clock, TimeMode
from sshpcap.report.heading import capture_line, client_said, nothing, notice_line, notices
from sshpcap.report.host_key import KeyPart, certificate_fact, key_fact, key_parts
from sshpcap.report.ladder import Step, awaited_words, steps
from sshpcap.report.negotiated import SlotRow, Tone, slot_rows
from sshpcap.report.summary import Group, groups

_OUTCOME_TONES: Final[dict[str, Tone]] = {
    "encrypted": "good",
    "failed": "bad",
    "refused": "bad",
    "stalled": "bad",
    "not_ssh": "bad",
    "incomplete": "warn",
}
_OUTCOME_WORDS: Final = {"not_ssh": "not SSH"}


class Options(NamedTuple):
    """What the user asked for."""

    connections: frozenset[int] = frozenset()
    """Tell these in full, failed or not."""
    every: bool = False
    """Tell all connections in full, failures first: for a form in which nobody has to read what he does not open."""
    failures: bool = False
    """Leave out what went well."""
    hosts: frozenset[str] = frozenset()
    """Only connections with one of these addresses."""
    told: frozenset[int] = frozenset()
    """These were told in full already, when they ended."""
    time: TimeMode = "relative"
    """How moments are shown."""
    width: int = 78
    """Columns, for formats that are made of lines."""
    summary: bool = False
    """Groups by cause instead of connections."""
    verbose: bool = False
    """Also what few need: whole offers, the host key in every form."""
    minor: Mapping[int, tuple[TimelineEntry, ...]] = MappingProxyType({})
    """Rows for frames that the timelines leave out, by connection: what `--verbose` adds."""


class Row(NamedTuple):
    """A connection in the table."""

    number: str
    client: str
    server: str
    stage: str
    outcome: str
    why: str
    tone: Tone


class Told(NamedTuple):
    """A finding, with the messages that the programs of this connection print."""

    finding: Finding
    messages: tuple[tuple[str, str], ...]
    actions: tuple[tuple[str, tuple[Remedy, ...]], ...]
    """What to do, by side."""


class Detail(NamedTuple):
    """A connection told in full."""

    number: int
    title: str
    ends: tuple[str, str]
    """Client and server, for the ladder."""
    outcome: str
    tone: Tone
    verdict: str
    facts: tuple[tuple[str, str], ...]
    slots: tuple[SlotRow, ...]
    key: tuple[KeyPart, ...]
    verbose: bool
    """Formats that cannot fold show the offers of slots that agreed, and `key`, only then."""
    steps: tuple[Step, ...]
    reasoning: tuple[str, ...]
    findings: tuple[Told, ...]


class View(NamedTuple):
    """A whole report."""

    header: tuple[str, ...]
    notices: tuple[str, ...]
    nothing: str | None
    """Why there is no connection to show."""
    rows: tuple[Row, ...]
    rows_left_out: int
    details: tuple[Detail, ...]
    details_left_out: int
    groups: tuple[Group, ...]
    """With `--summary`; rows and details are empty then."""
    clock: Clock


def view(report: Report, options: Options | None = None) -> View:
    """Decide what to show of a report."""
    options = options or Options()
    chosen = select(report.sessions, options)
    rows = sorted(chosen, key=lambda s: (_order(s), s.index))
    clock = Clock(options.time)
    wanted = () if options.summary else told_in_full(report, options)
    rows = [] if options.summary else rows
    return View(
        header=tuple(_header(report, clock)),
        notices=(*client_said(report), *(notice_line(n) for n in notices(report))),
        nothing=nothing(report, len(chosen)),
        rows=tuple(_row(s) for s in rows[: limits.SHOWN_CONNECTIONS]),
        rows_left_out=max(0, len(rows) - limits.SHOWN_CONNECTIONS),
        details=tuple(_detail(s, options) for s in wanted[: limits.SHOWN_DETAILS]),
        details_left_out=max(0, len(wanted) - limits.SHOWN_DETAILS),
        groups=groups(chosen, clock) if options.summary else (),
        clock=clock,
    )


def told_in_full(report: Report, options: Options) -> tuple[Session, ...]:
    """The connections that are told in full, failures first: those asked for, the only one, or those that did not go
    well."""
    rows = sorted(select(report.sessions, options), key=lambda s: (_order(s), s.index))
    everything = options.every or options.connections or len(rows) == 1
    return tuple(s for s in rows if (everything or _order(s) < 2) and s.index not in options.told)


def _header(report: Report, clock: Clock) -> Iterable[str]:
    """What was read, a line each; of many captures the first, and how many more."""
    shown = report.captures[: limits.SHOWN_HEADERS]
    yield from (capture_line(capture, clock) for capture in shown)
    more = len(report.captures) - len(shown)
    if more:
        yield f"and {more} more capture{'' if more == 1 else 's'} (sshpcap info lists them)"
    if len(report.captures) > 1:
        if report.apart:
            yield "frames are numbered through both, one after the other, as mergecap -a puts them together"
        else:
            yield "frames are numbered through all of them in the order of time, as mergecap puts them together"


def one(session: Session, options: Options | None = None) -> tuple[Row, Detail | None]:
    """A connection by itself: its row, and the whole story if it did not go well."""
    return _row(session), _detail(session, options or Options()) if _order(session) < 2 else None


def select(sessions: Iterable[Session], options: Options) -> tuple[Session, ...]:
    """The sessions that the options leave."""
    return tuple(
        s
        for s in sessions
        if (not options.hosts or options.hosts & {s.client.address, s.server.address})
        and (not options.failures or _order(s) < 2)
        and (not options.connections or s.index in options.connections)
    )


def _order(session: Session) -> int:
    """Failures first, then what is not known or went wrong behind the handshake, then what went well."""
    if session.outcome == "incomplete" or _went_wrong(session):
        return 1
    return 2 if session.outcome == "encrypted" else 0


def _went_wrong(session: Session) -> bool:
    """The handshake completed, and something behind it ended the connection."""
    return session.outcome == "encrypted" and any(f.severity != "info" for f in session.findings)


def failed(session: Session) -> bool:
    """Something went wrong in the handshake or behind it, so far as the capture shows: what live capture tells with
    `--failures` and to syslog."""
    return session.outcome not in ("encrypted", "incomplete") or _went_wrong(session)


def endpoint(party: Party) -> str:
    """Address and port as people write them."""
    return f"[{party.address}]:{party.port}" if ":" in party.address else f"{party.address}:{party.port}"


def _row(session: Session) -> Row:
    grave = next((f for f in session.findings if f.severity != "info"), None)
    why = grave.title if grave else _agreed(session.negotiation) or "handshake completed"
    return Row(
        number=str(session.index),
        client=endpoint(session.client),
        server=endpoint(session.server),
        stage=session.stage,
        outcome=outcome_words(session),
        why=why,
        tone=_tone(session),
    )


def _tone(session: Session) -> Tone:
    return "warn" if _went_wrong(session) else _OUTCOME_TONES[session.outcome]


def outcome_words(session: Session) -> str:
    """The outcome as people say it."""
    return _OUTCOME_WORDS.get(session.outcome, session.outcome)


def _agreed(negotiation: Negotiation | None) -> str | None:
    if negotiation is None or not negotiation.agreed:
        return None
    names = (negotiation.kex_algorithm.chosen, negotiation.server_host_key_algorithm.chosen,
             negotiation.encryption_client_to_server.chosen)  # fmt: skip
    return ", ".join(name for name in names if name)


def _detail(session: Session, options: Options) -> Detail:
    return Detail(
        number=session.index,
        ends=(endpoint(session.client), endpoint(session.server)),
        title=f"Connection {session.index}   {endpoint(session.client)} → {endpoint(session.server)}",
        outcome=outcome_words(session),
        tone=_tone(session),
        verdict=session.verdict.summary,
        facts=tuple(_facts(session)),
        slots=slot_rows(session.negotiation),
        key=key_parts(session.host_key),
        verbose=options.verbose,
        steps=steps(session, Clock(options.time), options.minor.get(session.index, ())),
        reasoning=session.close.reasoning,
        findings=tuple(Told(f, _printed(session, f), _by_side(f)) for f in session.findings),
    )


def _by_side(finding: Finding) -> tuple[tuple[str, tuple[Remedy, ...]], ...]:
    """What to do, under the side that can do it, in the order in which the sides first appear."""
    sides = dict.fromkeys(remedy.side for remedy in finding.remedies)
    return tuple((side, tuple(remedy for remedy in finding.remedies if remedy.side == side)) for side in sides)


def _without_identification(party: Party) -> str:
    if party.first_octets:
        shown = party.first_octets[:_SHOWN_OCTETS] + ("…" if len(party.first_octets) > _SHOWN_OCTETS else "")
        return f'no whole identification string; begins with "{shown}"'
    return "no identification string in the capture"


_SHOWN_OCTETS: Final = 60
_ABOUT_WAITING: Final = (
    "stalled",
    "server-silent",
    "server-sends-no-proposal",
    "login-grace-time",
    "closed-during-handshake",
    "incomplete-capture",
)


def _printed(session: Session, finding: Finding) -> tuple[tuple[str, str], ...]:
    """The messages of the client's program and what the server logs; those of all programs where one is not known."""
    client, server = (_texts_of(party) for party in (session.client, session.server))
    return tuple(
        (re.sub(r"(?<=\d)_(?=\d)", ".", name).replace("_", " "), text)
        for name, text in finding.expected_messages.items()
        if (own := server if "_log" in name else client) is None or name.split("_")[0] in own
    )


def _texts_of(party: Party) -> tuple[str, ...] | None:
    return TEXTS_OF.get(party.identification.implementation or "") if party.identification else None


def _facts(session: Session) -> Iterable[tuple[str, str]]:
    yield "confidence", session.verdict.confidence
    for name, party in (("client", session.client), ("server", session.server)):
        software = party.identification.text if party.identification else _without_identification(party)
        yield name, f"{endpoint(party)}   {software}"
    for name, party in (("client", session.client), ("server", session.server)):
        if party.preamble:
            yield "proxy", f"{party.preamble} in front of the {name}'s identification string"
    if session.tcp.tunnels:
        yield "tunnel", "; ".join(session.tcp.tunnels)
    if session.tcp.originator != "client":
        yield "roles", f"the server opened the TCP connection; the client is known by {session.roles_from}"
    key = session.host_key
    if key is not None:
        yield "host key", key_fact(key)
        if key.certificate is not None:
            yield "certificate", certificate_fact(key.certificate)
    if key is not None and key.known_hosts is not None:
        known = key.known_hosts
        where = f" ({known.file}:{known.line}, {known.name})" if known.file else f" ({known.name})"
        yield "known hosts", f"{known.status}{where}"
    guessed = session.client.known_types
    if guessed is not None and guessed.types:
        yield "known types", f"{guessed.reason} (confidence {guessed.confidence})"
    if session.authentication is not None:
        yield "login", _login(session.authentication)
    for name, side in (("client", session.tcp.client), ("server", session.tcp.server)):
        if side.last_sent is not None and session.stage != "encrypted":
            missed = "1 octet or a FIN" if side.unacknowledged == 1 else f"{side.unacknowledged or 0:,} octets"
            lost = f"; {missed} never acknowledged" if side.unacknowledged else ""
            yield f"{name} last", f"{side.last_sent}{lost}"
    cover = session.coverage
    if cover.conflict_frame is not None:
        yield "conflict", f"frame {cover.conflict_frame} has other octets for a place that was sent before"
    wanted = awaited_words(session)
    if session.awaited is not None and wanted and session.verdict.cause in _ABOUT_WAITING:
        yield "next step", f"{wanted}, awaited since frame {session.awaited.since_frame}"
    yield "Wireshark", session.wireshark_filter


def _login(login: Authentication) -> str:
    """What sizes and times let one infer, and from what."""
    words = {
        "succeeded": "looks successful",
        "failed": "did not succeed, as it looks",
        "not_tried": "was not tried",
        "unknown": "not known",
    }
    inferred = f" (inferred, confidence {login.confidence})" if login.result != "unknown" else ""
    return f"{words[login.result]}{inferred}. {' '.join(login.reasoning)}"


def prompt(remedy: Remedy) -> str:
    """What stands before the line of a remedy: a shell's prompt, or nothing where it is a line of configuration."""
    return " " if remedy.action.endswith(":") else "$"


def safe(text: str) -> str:
    """Text that cannot act in a terminal, whatever it is: a second lock behind `ssh.wire.printable`.

    File names are not made printable when they are read, and a mistake elsewhere must not become an escape sequence.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}" for c in text)
