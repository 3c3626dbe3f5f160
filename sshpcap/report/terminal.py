"""The report on a terminal or in a pipe, drawn by rich. The only report that knows rich.

Markup is off for everything: text is put into `Text` objects after `view.safe`, and styles come from here alone.
"""

from collections.abc import Iterable
from io import StringIO
from typing import Final

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.console import Group as Lines
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from sshpcap.model import Report, Session
from sshpcap.report import ladder
from sshpcap.report.clock import Clock
from sshpcap.report.host_key import KeyPart
from sshpcap.report.negotiated import Fate, Offered, SlotRow, Tone
from sshpcap.report.plain import ascii_text
from sshpcap.report.quality import quality
from sshpcap.report.summary import Group
from sshpcap.report.view import Detail, Options, Told, View, one, prompt, safe, view

STYLES: Final[dict[Tone, str]] = {"good": "green", "bad": "bold red", "warn": "yellow", "plain": "", "faint": "dim"}
_EXPLAIN: Final = "sshpcap explain"


class _Page(StringIO):
    """Collects the text; its encoding is that of the real output, so that rich draws boxes the output can show."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding


def render(
    report: Report, options: Options, *, width: int | None = None, color: bool = False, encoding: str = "utf-8"
) -> str:
    """The whole report as text; with `color` for a terminal."""
    return _draw(view(report, options), width=width, color=color, encoding=encoding)


def _draw(what: View | Lines, *, width: int | None, color: bool, encoding: str) -> str:
    out = _Page(encoding)
    console = Console(file=out, width=width, force_terminal=color, no_color=not color, highlight=False, emoji=False,
                      markup=False, legacy_windows=False)  # fmt: skip
    if isinstance(what, View):
        show(console, what)
    else:
        console.print(what, crop=False)
    # rich fills lines with spaces; in a ticket or a diff they only disturb.
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


def render_info(report: Report, *, width: int | None = None, color: bool = False, encoding: str = "utf-8") -> str:
    """What the captures are and how good they are, as text."""
    judged = quality(report)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in judged.facts:
        table.add_row(_text(name), _text(value))
    parts: list[RenderableType] = [table]
    if judged.forbids:
        parts += [
            _heading("What this capture does not allow to conclude"),
            *(_item(text, "!") for text in judged.forbids),
        ]
    return _draw(Lines(*parts), width=width, color=color, encoding=encoding)


def render_one(
    session: Session, options: Options, *, width: int | None = None, color: bool = False, encoding: str = "utf-8"
) -> str:
    """One connection, as it is shown when it has ended while the capture goes on."""
    row, detail = one(session, options)
    line = _text(f"{row.number}  {row.client} → {row.server}  {row.stage}  ")
    line.append_text(_text(row.outcome, STYLES[row.tone]))
    line.append_text(_text(f"  {row.why}"))
    parts: list[RenderableType] = [line]
    if detail is not None:
        parts += [_detail(detail, Clock(options.time)), Text()]
    return _draw(Lines(*parts), width=width, color=color, encoding=encoding)


def show(console: Console, shown: View) -> None:
    """Print a view."""
    for line in shown.header:
        console.print(_text(line, "bold"))
    for line in shown.notices:
        console.print(_text(f"! {line}", "yellow"))
    if shown.nothing:
        console.print()
        console.print(_text(shown.nothing))
        return
    for group in shown.groups:
        console.print()
        console.print(_group(group))
    if shown.groups:
        return
    console.print()
    console.print(_connections(shown))
    if shown.rows_left_out:
        console.print(_text(f"… and {shown.rows_left_out:,} more connections (--format json has all)", "dim"))
    for detail in shown.details:
        console.print()
        console.print(_detail(detail, shown.clock), crop=False)
    if shown.details_left_out:
        console.print()
        console.print(_text(f"… and {shown.details_left_out:,} more to be told: --connection N shows one", "dim"))


def _text(text: str, style: str = "") -> Text:
    return Text(safe(text), style=style)


def _group(group: Group) -> RenderableType:
    head = _text(f"{group.connections:,} × {group.title}   ", "bold")
    head.append_text(_text(group.outcome, "dim"))
    return Lines(head, Padding(_named(group.facts), (0, 0, 0, 2)))


def _connections(shown: View) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("client", overflow="fold")
    table.add_column("server", overflow="fold")
    table.add_column("stage", no_wrap=True)
    table.add_column("result", no_wrap=True)
    table.add_column("what happened", overflow="fold", ratio=1)
    for row in shown.rows:
        style = STYLES[row.tone]
        table.add_row(_text(row.number), _text(row.client), _text(row.server), _text(row.stage),
                      _text(row.outcome, style), _text(row.why))  # fmt: skip
    return table


def _detail(detail: Detail, clock: Clock) -> RenderableType:
    style = STYLES[detail.tone]
    parts: list[RenderableType] = [
        Rule(_text(detail.title, "bold"), align="left", style="dim"),
        Panel(_text(detail.verdict), title=_text(detail.outcome, style), title_align="left", border_style=style),
        _named(detail.facts),
    ]
    if detail.slots:
        parts += [_heading("Negotiation"), _Negotiation(detail)]
    if detail.verbose and detail.key:
        parts += _key(detail.key)
    parts += [_heading("Timeline"), _Ladder(detail, clock)]
    if detail.reasoning:
        parts += [_heading("Who closed it")]
        parts += [_item(sentence) for sentence in detail.reasoning]
    for told in detail.findings:
        parts += _finding(told)
    return Lines(*parts)


def _heading(text: str) -> RenderableType:
    return Padding(_text(text, "bold"), (1, 0, 0, 0))


def _item(text: str, mark: str = "•") -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=4, justify="right")
    table.add_column(ratio=1, overflow="fold")
    table.add_row(_text(mark), _text(text))
    return table


def _named(facts: tuple[tuple[str, str], ...]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(_text(name), _text(value))
    return table


class _Negotiation:
    """A line for each slot where that fits, and below it what the client would rather have had."""

    def __init__(self, detail: Detail) -> None:
        self._detail = detail

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        slots = self._detail.slots
        room = options.max_width - max(len(slot.name) for slot in slots) - 4
        aligned = max(len(slot.result) for slot in slots if len(slot.result) <= _USUAL_NAME or slot.failed)
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for slot in slots:
            table.add_row(_text(slot.name), _result(slot, room, aligned))
            for names, why in slot.every if self._detail.verbose else slot.blocked:
                table.add_row(_text(""), _text(f"{slot.label}: {names} ({why})", "dim"))
        yield Padding(table, (0, 0, 0, 2))
        shown = [slot for slot in slots if slot.failed or (self._detail.verbose and slot.client_offer)]
        signs = _ASCII_SIGNS if options.ascii_only else _SIGNS
        for slot in shown:
            yield Padding(_offers(slot, signs), (1, 0, 0, 2))
        if any(one.fate for slot in shown for one in slot.client_offer):
            meaning = ", ".join(f"{sign} {fate}" for fate, sign in signs.items() if fate)
            yield Padding(_text(meaning, "dim"), (1, 0, 0, 2))


_SIGNS: Final[dict[Fate, str]] = {"chosen": "✓", "passed over": "✗", "": " "}
_ASCII_SIGNS: Final[dict[Fate, str]] = {"chosen": "*", "passed over": "x", "": " "}
_USUAL_NAME: Final = 36
"""Longest name of an algorithm that reasons are aligned behind."""


def _result(slot: SlotRow, room: int, aligned: int) -> Text:
    """The result with the reason behind it, or below it where that is too long."""
    text = _text(slot.result, STYLES[slot.tone])
    size = len(text.plain)
    behind = max(aligned, size) - size + 2
    if size + 2 + len(slot.reason) > room:
        text.append("\n")
    else:
        text.append(" " * (behind if size + behind + len(slot.reason) <= room else 2))
    return text.append_text(_text(slot.reason, "dim"))


def _offers(slot: SlotRow, signs: dict[Fate, str]) -> RenderableType:
    table = Table(padding=(0, 2, 0, 0), pad_edge=False, box=None, header_style="dim")
    table.add_column(f"{slot.name}: the client offers", overflow="fold")
    table.add_column("the server offers", overflow="fold")
    marked = any(one.fate for one in slot.client_offer)
    for pair in slot.pairs:
        table.add_row(*(_offered(one, signs if marked else {}) for one in pair))
    if slot.left_out:
        table.add_row(_text(f"… and {slot.left_out:,} more"), _text(""))
    return table


def _offered(one: Offered | None, signs: dict[Fate, str]) -> Text:
    if one is None:
        return _text("")
    sign = f"{signs[one.fate]} " if signs else ""
    text = _text(f"{sign}{one.name}", "green" if one.fate == "chosen" else "")
    return text.append_text(_text(f" ({one.grade})", "yellow")) if one.grade else text


def _key(parts: tuple[KeyPart, ...]) -> Iterable[RenderableType]:
    """The host key in every form; what is to be copied has a line of its own, whatever the width."""
    yield _heading("Host key")
    yield _named(tuple((part.name, part.lines[0]) for part in parts if not part.whole))
    for part in parts:
        if part.whole:
            yield _text(part.name, "dim")
            yield from (Text(f"  {safe(line)}", no_wrap=True, overflow="ignore") for line in part.lines)


class _Ladder:
    """The timeline, as wide as the console, in the signs that it can show."""

    def __init__(self, detail: Detail, clock: Clock) -> None:
        self._detail = detail
        self._clock = clock

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        glyphs = ladder.ASCII if options.ascii_only else ladder.UNICODE
        clean = ascii_text if options.ascii_only else safe
        steps = [step._replace(text=clean(step.text), delta=clean(step.delta)) for step in self._detail.steps]
        for line in ladder.draw(steps, self._detail.ends, options.max_width, glyphs, self._clock.column):
            yield _ladder_line(line)
        meaning = ladder.legend(steps, glyphs)
        if meaning:
            yield Text()
            yield _text(meaning, "dim")


def _ladder_line(line: ladder.Line) -> Text:
    step = line.step
    if step is None:
        return _text(f"{line.before} {line.mark} {line.body}", "dim")
    style = "bold red" if step.decisive else "yellow" if step.gap or step.again or step.lost else ""
    style = "dim" if step.minor or (step.sender == "none" and not step.gap) else style
    head = len(line.before) - len(step.delta)
    drawn = _text(line.before[:head], style)
    drawn.append_text(_text(line.before[head:], "yellow" if step.waited else "dim"))
    drawn.append_text(_text(f" {line.mark} ", style))
    drawn.append_text(_text(line.body, style))
    drawn.no_wrap = True
    return drawn


def _finding(told: Told) -> list[RenderableType]:
    finding = told.finding
    parts = [_heading(f"{finding.title}   {finding.id}, {finding.severity}, confidence {finding.confidence}")]
    parts += [_item(f"frame {item.frame}: {item.what}", "✓") for item in finding.evidence]
    if told.messages:
        parts.append(_label("What programs print"))
        parts += [_item(f"{name}: {text}", "›") for name, text in told.messages]
    if finding.causes:
        parts.append(_label("Possible causes, most likely first"))
        parts += [_item(cause, f"{place}.") for place, cause in enumerate(finding.causes, start=1)]
    for side, remedies in told.actions:
        parts.append(_label(f"What to do, {side}"))
        for remedy in remedies:
            parts.append(_item(remedy.action, "→"))
            if remedy.command:
                parts.append(_item(remedy.command, prompt(remedy)))
            if remedy.risk:
                parts.append(_item(f"risk: {remedy.risk}", ""))
    parts.append(_label(f"More: {_EXPLAIN} {finding.id}"))
    return parts


def _label(text: str) -> RenderableType:
    return _text(f"  {text}", "dim")
