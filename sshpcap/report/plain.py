"""The report as plain text for e-mail: ASCII alone, lines of a fixed width, nothing that needs a renderer."""

from collections.abc import Iterable
from textwrap import wrap
from typing import Final

from sshpcap.model import Report
from sshpcap.report import ladder
from sshpcap.report.host_key import KeyPart
from sshpcap.report.negotiated import Offered, SlotRow
from sshpcap.report.view import Detail, Options, Told, View, prompt, safe, view

_WORDS: Final = {"µs": "us", "→": "->", "…": "...", "–": "-", "—": "-", "§": "section ", "≥": ">=", "“": '"', "”": '"'}


def render(report: Report, options: Options) -> str:
    """The whole report."""
    lines = _lines(view(report, options), options.width)
    return "".join(f"{ascii_text(line).rstrip()}\n" for line in lines)


def timeline(report: Report, options: Options) -> str:
    """The ladders alone."""
    shown = view(report, options)
    parts: list[str] = []
    for detail in shown.details:
        parts += [detail.title, "", *_ladder(detail, shown, options.width), ""]
    return "".join(f"{ascii_text(line).rstrip()}\n" for line in parts)


def ascii_text(text: str) -> str:
    """Text in ASCII: our own signs in words, everything else as an escape."""
    text = safe(text)
    if text.isascii():
        return text
    for sign, word in _WORDS.items():
        text = text.replace(sign, word)
    return text.encode("ascii", "backslashreplace").decode("ascii")


def ladder_lines(detail: Detail, shown: View, width: int) -> list[str]:
    """The ladder of a connection in ASCII, and what its marks mean."""
    steps = [step._replace(text=ascii_text(step.text), delta=ascii_text(step.delta)) for step in detail.steps]
    lines = ladder.draw(steps, detail.ends, width, ladder.ASCII, shown.clock.column)
    drawn = [f"{line.before} {line.mark} {line.body}".rstrip() for line in lines]
    meaning = ladder.legend(steps, ladder.ASCII)
    return [*drawn, *(["", meaning] if meaning else [])]


def _lines(shown: View, width: int) -> Iterable[str]:
    for line in shown.header:
        yield from wrap(ascii_text(line), width, break_on_hyphens=False)
    for line in shown.notices:
        yield from _item(line, "!", width)
    yield ""
    if shown.nothing:
        yield from wrap(shown.nothing, width)
        return
    for group in shown.groups:
        yield from _heading(f"{group.connections:,} x {group.title} ({group.outcome})", width)
        yield from _facts(group.facts, width)
    if shown.groups:
        return
    yield from _connections(shown, width)
    for detail in shown.details:
        yield ""
        yield from _detail(detail, shown, width)
    if shown.details_left_out:
        yield ""
        yield f"... and {shown.details_left_out:,} more to be told: --connection N shows one"


def _connections(shown: View, width: int) -> Iterable[str]:
    heads = ("#", "client", "server", "result")
    rows = [heads, *((row.number, row.client, row.server, row.outcome) for row in shown.rows)]
    sizes = [max(len(row[at]) for row in rows) for at in range(len(heads))]
    between = "  " if sum(sizes) + 2 * len(sizes) <= width else "\n" + " " * (sizes[0] + 2)  # IPv6 takes a line each
    indent = " " * (sizes[0] + 2)
    for place, row in enumerate(rows):
        named = [f"{value:<{size}}" for value, size in zip(row, sizes, strict=True)]
        yield f"{named[0]}  {between.join(named[1:])}"
        if place:
            why = f"{shown.rows[place - 1].stage}: {shown.rows[place - 1].why}"
            yield from wrap(ascii_text(why), width, initial_indent=indent, subsequent_indent=indent)
    if shown.rows_left_out:
        yield f"... and {shown.rows_left_out:,} more connections"


def _detail(detail: Detail, shown: View, width: int) -> Iterable[str]:
    yield "=" * width
    yield from wrap(ascii_text(detail.title), width)
    yield "=" * width
    yield ""
    verdict = f"{detail.outcome.upper()}: {detail.verdict}"
    yield from wrap(ascii_text(verdict), width)
    yield ""
    yield from _facts(detail.facts, width)
    if detail.slots:
        yield from _heading("Negotiation", width)
        for slot in detail.slots:
            yield from _slot(slot, detail.verbose, width)
    if detail.verbose and detail.key:
        yield from _key(detail.key, width)
    yield from _heading("Timeline", width)
    yield from _ladder(detail, shown, width)
    if detail.reasoning:
        yield from _heading("Who closed it", width)
        for sentence in detail.reasoning:
            yield from _item(sentence, "-", width)
    for told in detail.findings:
        yield from _finding(told, width)


def _facts(facts: tuple[tuple[str, str], ...], width: int) -> Iterable[str]:
    size = max(len(name) for name, _ in facts)
    for name, value in facts:
        yield from _item(value, f"{name:<{size}} ", width, indent="")


def _ladder(detail: Detail, shown: View, width: int) -> list[str]:
    return ladder_lines(detail, shown, width)


def _slot(slot: SlotRow, verbose: bool, width: int) -> Iterable[str]:
    yield from _item(f"{slot.result} ({slot.reason})", f"{slot.name}:", width)
    for names, why in slot.every if verbose else slot.blocked:
        yield from _item(f"{names} ({why})", f"{slot.label}:", width, indent="    ")
    for whose, offer in (("client", slot.client_offer), ("server", slot.server_offer)):
        if slot.failed or (verbose and slot.client_offer):
            names = ", ".join(map(_offered, offer)) or "nothing"
            yield from _item(names, f"the {whose} offers:", width, indent="    ")
    if slot.left_out and (slot.failed or verbose):
        yield f"    ... and {slot.left_out:,} more"


def _offered(one: Offered) -> str:
    """A name with what became of it."""
    words = ", ".join(word for word in ("chosen" if one.fate == "chosen" else "", one.grade) if word)
    return f"{one.name} [{words}]" if words else one.name


def _key(parts: tuple[KeyPart, ...], width: int) -> Iterable[str]:
    """What is to be copied has a line of its own, whatever the width."""
    yield from _heading("Host key", width)
    for part in parts:
        if part.whole:
            yield f"  {part.name}:"
            yield from (f"    {line}" for line in part.lines)
        else:
            yield from _item(part.lines[0], f"{part.name}:", width)


def _finding(told: Told, width: int) -> Iterable[str]:
    finding = told.finding
    yield from _heading(finding.title, width)
    yield f"  {finding.id}, {finding.severity}, confidence {finding.confidence}"
    for item in finding.evidence:
        yield from _item(f"frame {item.frame}: {item.what}", "-", width)
    if told.messages:
        yield "  What programs print:"
        for name, text in told.messages:
            yield from _item(f"{name}: {text}", "-", width)
    if finding.causes:
        yield "  Possible causes, most likely first:"
        for place, cause in enumerate(finding.causes, start=1):
            yield from _item(cause, f"{place}.", width)
    for side, remedies in told.actions:
        yield f"  What to do - {side}:"
        for remedy in remedies:
            yield from _item(remedy.action, "-", width)
            if remedy.command:
                yield from _item(remedy.command, prompt(remedy), width, indent="    ")
            if remedy.risk:
                yield from _item(f"risk: {remedy.risk}", "!", width, indent="    ")
    yield f"  More: sshpcap explain {finding.id}"


def _heading(text: str, width: int) -> Iterable[str]:
    lines = wrap(ascii_text(text), width)
    yield ""
    yield from lines
    yield "-" * max(map(len, lines))


def _item(text: str, mark: str, width: int, indent: str = "  ") -> list[str]:
    first = f"{indent}{mark} "
    return wrap(ascii_text(text), width, initial_indent=first, subsequent_indent=" " * len(first),
                break_on_hyphens=False) or [first]  # fmt: skip
