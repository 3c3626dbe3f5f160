"""The report as Markdown for tickets (GitHub, GitLab, Jira, Zendesk): tables, a fenced ladder, foldable details.

Text that may come from the wire never acts here. Prose keeps the words that cannot mean anything to a renderer; every
other word stands in a code span, where there are no mentions, references, links, images and HTML. Must not know: rich.
"""

import html
import re
from collections.abc import Iterable, Sequence
from typing import Final

from sshpcap.model import Report
from sshpcap.report.checklist import Section
from sshpcap.report.host_key import KeyPart
from sshpcap.report.negotiated import Offered, SlotRow
from sshpcap.report.plain import ascii_text, ladder_lines
from sshpcap.report.view import Detail, Options, Told, View, safe, view

# A word of letters, or a number: no sign that any dialect of Markdown, or a tracker, reads as something.
_HARMLESS: Final = re.compile(r"""[("']*(?:[A-Za-z]+(?:['/-][a-z]+)*|\d+(?:[.,]\d+)*|µs)(?:'s)?[)"',.;:!?]*""")
# Seven hexadecimal digits or more are a commit somewhere, and ABC-1 is a ticket.
_REFERENCE: Final = re.compile(r"[0-9a-fA-F]{7,}|www|https?|[A-Za-z]-\d", re.IGNORECASE)
_LEADS: Final = "([\"'"
_TRAILS: Final = ".,;:!?)]\"'"
_LADDER_WIDTH: Final = 100


def render(report: Report, options: Options) -> str:
    """The whole report."""
    return "\n".join(_lines(view(report, options), options)) + "\n"


def prose(text: str, *, cell: bool = False) -> str:
    """Text as it may stand in a paragraph, an item of a list or (`cell`) a table: nothing in it acts."""
    words: list[str] = []
    held: list[str] = []
    for word in safe(text).split():
        if _HARMLESS.fullmatch(word) and not _REFERENCE.search(word):
            if held:
                words.append(_span(" ".join(held), cell=cell))
                held = []
            words.append(word)
        else:
            held.append(word)
    if held:
        words.append(_span(" ".join(held), cell=cell))
    return " ".join(words)


def code(text: str, *, cell: bool = False) -> str:
    """Text as a code span, whatever is in it."""
    shown = " ".join(safe(text).split(" ")) or " "
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    space = " " if shown[0] in "` " or shown[-1] in "` " else ""
    shown = shown.replace("|", "\\|") if cell else shown
    return f"{fence}{space}{shown}{space}{fence}"


def _span(text: str, *, cell: bool) -> str:
    """A code span, with the punctuation of the sentence around it outside."""
    start = len(text) - len(text.lstrip(_LEADS))
    end = len(text.rstrip(_TRAILS))
    if end <= start:
        return code(text, cell=cell)
    # What is outside is punctuation alone; a bracket could still close a link that something else opened.
    before, inside, behind = text[:start], text[start:end], text[end:]
    quoted = inside[1:-1]
    if inside == f"`{quoted}`" and quoted and "`" not in quoted:
        inside = quoted  # a command in one of our own sentences
    if "[" in before or "]" in behind or "!" in behind:
        return code(text, cell=cell)
    return f"{before}{code(inside, cell=cell)}{behind}"


def fenced(lines: Sequence[str]) -> list[str]:
    """Lines as a block of code, behind a fence that none of them can close."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *map(safe, lines), fence]


def _lines(shown: View, options: Options) -> Iterable[str]:
    yield "# SSH connections"
    yield ""
    for line in shown.header:
        yield f"- {prose(line)}"
    for line in shown.notices:
        yield f"- **note**: {prose(line)}"
    yield ""
    if shown.nothing:
        yield prose(shown.nothing)
        return
    for group in shown.groups:
        yield f"## {group.connections:,} × {prose(group.title)} ({group.outcome})"
        yield ""
        yield from _table(("fact", "value"), [(name, prose(value, cell=True)) for name, value in group.facts])
        yield ""
    if shown.groups:
        return
    yield from _table(("nr", "client", "server", "stage", "result", "what happened"),
                      [(row.number, code(row.client, cell=True), code(row.server, cell=True), row.stage, row.outcome,
                        prose(row.why, cell=True)) for row in shown.rows])  # fmt: skip
    if shown.rows_left_out:
        yield ""
        yield f"… and {shown.rows_left_out:,} more connections"
    for detail in shown.details:
        yield ""
        yield from _detail(detail, shown, options)
    if shown.details_left_out:
        yield ""
        yield f"… and {shown.details_left_out:,} more to be told: `--connection N` shows one"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'|'.join([' --- '] * len(heads))}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _detail(detail: Detail, shown: View, options: Options) -> Iterable[str]:
    client, server = detail.ends
    yield f"## Connection {detail.number}: {code(client)} to {code(server)}"
    yield ""
    yield f"> **{detail.outcome}**: {prose(detail.verdict)}"
    yield ""
    for told in detail.findings:
        yield from _actions(told)
    yield from fenced(ladder_lines(detail, shown, max(options.width, _LADDER_WIDTH)))
    yield ""
    facts = [(name, _fact(name, value)) for name, value in detail.facts]
    yield from _folded("Facts", _table(("fact", "value"), facts))
    if detail.slots:
        yield from _folded("Negotiation", _negotiation(detail.slots))
    if detail.key:
        yield from _folded("Host key", _key(detail.key))
    if detail.reasoning:
        yield from _folded("Who closed it", [f"- {prose(sentence)}" for sentence in detail.reasoning])
    for told in detail.findings:
        yield from _folded(f"Finding: {told.finding.title}", _finding(told))


def _fact(name: str, value: str) -> str:
    return (code if name == "Wireshark" else prose)(value, cell=True)


def _folded(title: str, body: Iterable[str]) -> Iterable[str]:
    yield f"<details><summary>{html.escape(ascii_text(title))}</summary>"
    yield ""
    yield from body
    yield ""
    yield "</details>"
    yield ""


def _negotiation(slots: tuple[SlotRow, ...]) -> Iterable[str]:
    results = [(s.name, code(s.result, cell=True), prose(s.reason, cell=True)) for s in slots]
    yield from _table(("what", "result", "why"), results)
    for slot in slots:
        if not (slot.client_offer or slot.server_offer):
            continue
        yield ""
        if slot.every:
            yield from (f"- {slot.label}: {prose(names)} ({prose(why)})" for names, why in slot.every)
            yield ""
        yield from _table((f"{slot.name}: the client offers", "the server offers"),
                          [tuple(map(_offered, pair)) for pair in slot.pairs])  # fmt: skip
        if slot.left_out:
            yield ""
            yield f"… and {slot.left_out:,} more"


def _offered(one: Offered | None) -> str:
    """A name of an offer with what became of it; the chosen one stands out."""
    if one is None:
        return ""
    name = code(one.name, cell=True)
    grade = f" ({one.grade})" if one.grade else ""
    return f"**{name}**{grade}, chosen" if one.fate == "chosen" else f"{name}{grade}"


def _key(parts: tuple[KeyPart, ...]) -> Iterable[str]:
    for part in parts:
        yield f"{part.name}:"
        yield ""
        yield from fenced(part.lines)
        yield ""


def _actions(told: Told) -> Iterable[str]:
    for side, remedies in told.actions:
        yield f"**What to do, {side}**"
        yield ""
        for remedy in remedies:
            yield f"- {prose(remedy.action)}"
            if remedy.command:
                yield ""
                yield from (f"  {line}" for line in fenced(remedy.command.splitlines()))
            if remedy.risk:
                yield ""
                yield f"  Risk: {prose(remedy.risk)}"
        yield ""


def _finding(told: Told) -> Iterable[str]:
    finding = told.finding
    yield f"`{finding.id}`, {finding.severity}, confidence {finding.confidence}"
    yield ""
    yield from _table(("frame", "evidence"), [(str(e.frame), prose(e.what, cell=True)) for e in finding.evidence])
    if told.messages:
        yield ""
        yield "What programs print:"
        yield ""
        yield from fenced([f"{name}: {text}" for name, text in told.messages])
    if finding.causes:
        yield ""
        yield "Possible causes, most likely first:"
        yield ""
        yield from (f"{place}. {prose(cause)}" for place, cause in enumerate(finding.causes, start=1))
    yield ""
    yield f"More: `sshpcap explain {finding.id}`"


def bundle_page(sections: Sequence[Section], *, command: str, originals: Sequence[tuple[str, int, str]]) -> str:
    """The page of a ticket bundle: what is still missing, and what it was made from (name, octets, SHA-256)."""
    lines = ["# What is still missing", ""]
    for section in sections:
        which = f" (connection {', '.join(map(str, section.connections[:10]))})" if section.connections else ""
        lines += [f"## {prose(section.cause)}{which}", ""]
        for item in section.items:
            lines.append(f"- [ ] {prose(item.text)}")
            if item.command:
                lines += ["", *(f"  {line}" for line in fenced([item.command])), ""]
        lines.append("")
    lines += ["# What this was made from", "", *_table(("capture", "octets", "SHA-256"), [
        (code(name, cell=True), f"{size:,}", code(checksum, cell=True)) for name, size, checksum in originals
    ]), "", "Made by:", "", *fenced([command]), ""]  # fmt: skip
    lines += [
        "- `report.html`, `report.md`: the report; `report.json`: the same for programs",
        "- `timeline.txt`: every frame of the connections that are told in full",
        "- `handshake.pcapng`: the frames that matter, with comments; what is encrypted was cut away",
    ]
    return "\n".join(lines) + "\n"
