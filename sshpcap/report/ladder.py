"""The story of a connection as a ladder: client left, server right, an arrow for every step, gaps drawn and named.

`steps` decides what the rungs say, once for all formats; `draw` makes lines of characters of them for the terminal,
plain text and Markdown (HTML draws its own). Pure: values in, values out.
"""

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import Final, Literal, NamedTuple

from sshpcap.model import Message, Session, TimelineEntry
from sshpcap.report.clock import Clock
from sshpcap.report.heading import seconds

Sender = Literal["client", "server", "network", "none"]
_LONG_NS: Final = 1_000_000_000
"""A pause of a second is long for a computer: it is drawn, and looked at."""
_VERY_LONG_NS: Final = 5_000_000_000
"""Such a pause takes more room: something waited, or gave up."""


class Step(NamedTuple):
    """A rung of the ladder."""

    frame: str
    time: str
    delta: str
    sender: Sender
    text: str
    decisive: bool = False
    waited: bool = False
    """The delta is long enough to be looked at."""
    gap: bool = False
    """No frame: time that passed."""
    again: bool = False
    """A repetition of what was sent before."""
    lost: bool = False
    """Never answered, or never acknowledged, in this capture."""
    minor: bool = False
    """A frame that only `--verbose` shows."""
    notes: tuple[tuple[str, str], ...] = ()
    """More about it, for those who point at it."""


def steps(session: Session, clock: Clock | None = None, minor: Sequence[TimelineEntry] = ()) -> tuple[Step, ...]:
    """The rungs of a connection; `minor` are rows for frames that the timeline leaves out."""
    return tuple(_steps(session, clock or Clock(), minor))


def _steps(session: Session, clock: Clock, minor: Sequence[TimelineEntry]) -> Iterable[Step]:
    told = {entry.frame for entry in session.timeline}
    left_out = {id(entry) for entry in minor}
    entries = [*session.timeline, *(entry for entry in minor if entry.frame not in told)]
    entries.sort(key=lambda entry: entry.frame or 0)
    messages = _by_frame(session.messages)
    before: TimelineEntry | None = None
    for entry in entries:
        start, previous = entries[0].time.ns, before.time.ns if before else entry.time.ns
        delta = entry.time.ns - previous
        if before is not None and delta >= _LONG_NS:
            yield _pause(_gap(session, before, entry, delta), delta)
        message = messages.get((entry.frame, entry.kind, entry.sender))
        yield Step(
            frame="" if entry.frame is None else str(entry.frame),
            time=clock.of_row(entry.time.ns, start),
            delta=seconds(delta),
            sender=entry.sender,
            text=entry.text,
            decisive=entry.decisive,
            waited=delta >= _LONG_NS,
            again=_repeats(entry),
            lost=_is_lost(session, entry, message),
            minor=id(entry) in left_out,
            notes=tuple(_notes(message)) if message else (),
        )
        before = entry
    if before is not None:
        yield from _silence_at_the_end(session, before)


def _pause(text: str, ns: int) -> Step:
    return Step("", "", "", "none", text, gap=True, waited=ns >= _VERY_LONG_NS)


def _repeats(entry: TimelineEntry) -> bool:
    return entry.kind == "retransmission" or (entry.kind.startswith("syn") and " again " in entry.text)


def _by_frame(messages: tuple[Message, ...]) -> dict[tuple[int | None, str, str], Message]:
    return {(m.frame, m.name if m.kind in ("message", "malformed") else m.kind, m.sender): m for m in messages}


def _notes(message: Message) -> Iterable[tuple[str, str]]:
    yield "message", message.name + (f" ({message.number})" if message.number is not None else "")
    first, last = message.bytes
    yield "octets", f"{message.length:,} (relative sequence numbers {first:,} to {last:,})"
    if len(message.frames) > 1:
        yield "frames", ", ".join(map(str, message.frames))
    if message.acknowledged is not None:
        yield "acknowledged", "yes" if message.acknowledged else "not in this capture"


def _seen_whole(session: Session) -> bool:
    cover = session.coverage
    return not (cover.midstream or cover.one_sided or cover.gaps or cover.truncated_by_snaplen)


def awaited_words(session: Session) -> str | None:
    """What had to come next, and from whom; None where the capture does not allow to say so."""
    if session.awaited is None or not _seen_whole(session):
        return None
    whose = "" if session.awaited.party == "unknown" else f" of the {session.awaited.party}"
    return session.awaited.what.removeprefix("its ") + whose


def _gap(session: Session, before: TimelineEntry, entry: TimelineEntry, ns: int) -> str:
    """A pause by what it is, as far as the capture shows it."""
    wanted = awaited_words(session)
    since = session.awaited.since_frame if session.awaited else None
    if wanted and since is not None and before.frame is not None and before.frame >= since:
        return f"{seconds(ns)} without {wanted}"
    if before.kind == "encrypted" and entry.kind == "encrypted-end":
        return f"{seconds(ns)} of encrypted data"
    if _repeats(entry):
        return f"{seconds(ns)} pass until it is sent again"
    whose = {"client": "the client acts", "server": "the server acts", "network": "the network answers"}
    return f"{seconds(ns)} pass" + (f" until {whose[entry.sender]}" if entry.sender in whose else "")


def _silence_at_the_end(session: Session, last: TimelineEntry) -> Iterable[Step]:
    """What nobody closed ends with the time in which nothing came."""
    waiting, how = session.awaited, session.close.how
    if waiting is None or how not in ("silence", "capture_end"):
        return
    rest = waiting.since.ns + waiting.waited.ns - last.time.ns
    if rest < _LONG_NS:
        return
    wanted = awaited_words(session)
    behind = "then the capture ends" if how == "capture_end" else "and nobody closes the connection"
    yield _pause(f"{seconds(rest)} without {wanted or 'another step'}; {behind}", rest)


def _is_lost(session: Session, entry: TimelineEntry, message: Message | None) -> bool:
    """A SYN that nothing answered; a message that was sent again and never acknowledged."""
    if entry.kind == "syn":
        return session.close.how == "never_opened"
    if message is None or message.acknowledged is not False:
        return False
    side = session.tcp.client if message.sender == "client" else session.tcp.server
    return side.retransmissions > 0 and bool(side.unacknowledged)


# --- lines of characters ---------------------------------------------------------------------------------------------


class Glyphs(NamedTuple):
    """What a ladder is drawn with."""

    lane: str
    line: str
    heavy: str
    """The line of the decisive step."""
    broken: str
    """The line of a repetition."""
    right: str
    left: str
    lost: str
    decisive: str
    again: str
    network: str
    pause: str


UNICODE: Final = Glyphs("│", "─", "━", "╌", "▶", "◀", "✗", "»", "↻", "✶", "┊")
ASCII: Final = Glyphs("|", "-", "=", "~", ">", "<", "X", "*", "r", "o", ":")
_LEGEND: Final = (
    ("decisive", "the step that decided"),
    ("again", "sent again"),
    ("lost", "never answered or acknowledged in this capture"),
)

_MOST_LANE: Final = 110
"""Widest ladder: longer arrows lead no eye."""
_SHORTEST_ARROW: Final = 4


class Line(NamedTuple):
    """A line of a drawn ladder."""

    before: str
    """Frame, time, delta."""
    mark: str
    body: str
    step: Step | None


def draw(rungs: Sequence[Step], ends: tuple[str, str], width: int, glyphs: Glyphs, column: str) -> list[Line]:
    """Lines of at most `width` characters; `ends` are client and server as they stand above the lanes."""
    heads = ("frame", column, "after")
    values = [(rung.frame, rung.time, rung.delta) for rung in rungs]
    sizes = [max(len(row[at]) for row in (heads, *values)) for at in range(3)]
    before = sum(sizes) + 2 * (len(sizes) - 1)
    lane = max(24, min(width - before - 3, _MOST_LANE))
    space = " " * before
    lines = [Line("  ".join(f"{head:>{size}}" for head, size in zip(heads, sizes, strict=True)), " ", row, None)
             for row in _ends(ends, lane)[:1]]  # fmt: skip
    lines += [Line(space, " ", row, None) for row in _ends(ends, lane)[1:]]
    for rung, value in zip(rungs, values, strict=True):
        text = "  ".join(f"{one:>{size}}" for one, size in zip(value, sizes, strict=True))
        for place, body in enumerate(_rung(rung, lane, glyphs)):
            lines.append(Line(space if place else text, _mark(rung, glyphs) if not place else " ", body, rung))
    return lines


def legend(rungs: Sequence[Step], glyphs: Glyphs) -> str:
    """What the marks that occur mean."""
    return "   ".join(
        f"{getattr(glyphs, name)} {what}" for name, what in _LEGEND if any(getattr(r, name) for r in rungs)
    )


def _ends(ends: tuple[str, str], lane: int) -> list[str]:
    client, server = f"client {ends[0]}", f"{ends[1]} server"
    if len(client) + len(server) + 2 <= lane:
        return [f"{client}{server:>{lane - len(client)}}"]
    return [*(f"{row:<{lane}}" for row in wrap(client, lane)), *(f"{row:>{lane}}" for row in wrap(server, lane))]


def _mark(rung: Step, glyphs: Glyphs) -> str:
    return glyphs.decisive if rung.decisive else glyphs.lost if rung.lost else glyphs.again if rung.again else " "


def _rung(rung: Step, lane: int, glyphs: Glyphs) -> list[str]:
    inside = lane - 2
    if rung.gap:
        around = [""] if rung.waited else []
        rows = [f"{row:^{inside}}" for row in (*around, *wrap(rung.text, inside - 2), *around)]
        return [f"{glyphs.pause}{row}{glyphs.pause}" for row in rows]
    if rung.sender in ("network", "none"):
        sign = glyphs.network if rung.sender == "network" else " "
        rows = wrap(rung.text, inside - 4) or [""]
        return [f"{glyphs.lane} {sign if not place else ' '} {row:<{inside - 3}}{glyphs.lane}"
                for place, row in enumerate(rows)]  # fmt: skip
    stroke = glyphs.heavy if rung.decisive else glyphs.broken if rung.again else glyphs.line
    rows = wrap(rung.text, inside - _SHORTEST_ARROW - 2, break_long_words=True) or [""]
    longest = max(map(len, rows))
    *above, last = rows
    if rung.sender == "client":
        head = glyphs.lost if rung.lost else glyphs.right
        arrow = stroke * (inside - len(last) - 3) + head
        return [f"{glyphs.lane} {row:<{inside - 1}}{glyphs.lane}" for row in above] + [
            f"{glyphs.lane} {last} {arrow}{glyphs.lane}"
        ]
    head = glyphs.lost if rung.lost else glyphs.left
    arrow = head + stroke * (inside - longest - 3)
    indent = " " * (inside - longest - 1)
    return [f"{glyphs.lane}{indent}{row:<{longest}} {glyphs.lane}" for row in above] + [
        f"{glyphs.lane}{arrow} {last:<{longest}} {glyphs.lane}"
    ]
