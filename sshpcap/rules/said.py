"""From a text that a program printed to the findings that produce it, and to the connections that fit it.

The texts stand in the pages of the findings, in the part "What programs say", a line each: `program: "text"`, with
`{names}` for what differs from case to case. Nothing is listed here a second time. What is no finding, because it
happens before any packet is sent, stands in `rules/spoken_numbers.py` beside the numbers that programs print.
"""

import difflib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final, NamedTuple

from sshpcap.model import ClientSaid, Finding, Report, SaidFit, Session
from sshpcap.rules import PAGES, RULES
from sshpcap.rules.spoken_numbers import notes, plain_words

PART: Final = "What programs say"
_SHORTEST: Final = 8
"""Fewer characters than this of a text prove nothing."""
_OWN_PROGRAM: Final = {
    "OpenSSH": "openssh",
    "OpenSSH for Windows": "openssh",
    "PuTTY": "putty",
    "WinSCP": "putty",
    "FileZilla": "putty",
    "Dropbear": "dropbear",
    "paramiko": "paramiko",
    "AsyncSSH": "asyncssh",
    "libssh2": "libssh2",
    "libssh": "libssh",
    "JSch": "jsch",
    "Go": "go",
}
"""Implementation, as identification strings name it → how its lines begin in the pages."""


class Line(NamedTuple):
    """A text of a page."""

    finding: str
    program: str
    text: str


class Fit(NamedTuple):
    """A finding that produces a text."""

    finding: str
    programs: tuple[str, ...]
    weight: int
    """Characters of the text that are explained."""


def part(page: str, heading: str) -> str:
    """One part of a page, without its heading; empty where the page does not have it."""
    found = re.search(rf"^{re.escape(heading)}\n((?:    .*\n?|\n)*)", page, flags=re.MULTILINE)
    return found.group(1) if found else ""


@cache
def lines() -> tuple[Line, ...]:
    """Every text of every page."""
    return tuple(Line(finding, *pair) for finding, page in PAGES.items() for pair in texts_of(page))


def texts_of(page: str) -> Iterator[tuple[str, str]]:
    """Programs and texts of one page."""
    for found in re.finditer(r'^    ([a-z][\w .>=<-]*?): "(.*)"', part(page, PART), flags=re.MULTILINE):
        yield found.group(1), found.group(2)


@cache
def pattern(text: str) -> re.Pattern[str]:
    """What a text of a page looks like where it is printed."""
    shapes = {"address": r"\S+?", "port": r"-?\d+", "number": r"-?\d+"}
    parts = re.split(r"\{(\w+)\}", _even(text))
    return re.compile(
        "".join(
            shapes.get(part, r".+?") if place % 2 else re.escape(part).replace(r"\ ", r"\s+")
            for place, part in enumerate(parts)
        )
    )


def search(text: str) -> tuple[Fit, ...]:
    """The findings that produce a text, best first: those that explain most of it, then in the order of the rules."""
    weight: dict[str, int] = {}
    programs: dict[str, dict[str, None]] = {}
    for spoken in _lines_of(text):
        best: dict[str, int] = {}
        for line in lines():
            explained = _explained(spoken, line.text)
            if explained:
                best[line.finding] = max(best.get(line.finding, 0), explained)
                programs.setdefault(line.finding, {})[line.program] = None
        for finding, explained in best.items():
            weight[finding] = weight.get(finding, 0) + explained
    order = {rule.id: place for place, rule in enumerate(RULES)}
    fits = (Fit(finding, tuple(programs[finding]), weight[finding]) for finding in weight)
    return tuple(sorted(fits, key=lambda fit: (-fit.weight, order[fit.finding])))


def nearest(text: str, count: int = 3) -> tuple[str, ...]:
    """Texts of the pages that resemble one that is not in them."""
    known = {_even(line.text): line.text for line in lines()}
    found = dict.fromkeys(
        known[close] for spoken in _lines_of(text) for close in difflib.get_close_matches(spoken, known, count, 0.6)
    )
    return tuple(found)[:count]


def rank(report: Report, text: str) -> ClientSaid:
    """The connections that fit what a client printed, best first."""
    fits = {fit.finding: fit for fit in search(text)}
    scored: list[tuple[int, int, SaidFit]] = []
    for session in report.sessions:
        of_session = [(finding, fits[finding.id]) for finding in session.findings if finding.id in fits]
        if not of_session:
            continue
        finding, fit = max(of_session, key=lambda pair: pair[1].weight)
        points, reasons = _points(session, finding, fit, text)
        scored.append((-points, session.index, SaidFit(session=session.index, finding=finding.id, reasons=reasons)))
    scored.sort(key=lambda row: row[:2])
    return ClientSaid(text=text, notes=notes(text), findings=tuple(fits), fits=tuple(fit for _, _, fit in scored))


def _points(session: Session, finding: Finding, fit: Fit, text: str) -> tuple[int, tuple[str, ...]]:
    """How well a session fits a text, and why."""
    points = fit.weight
    reasons = [f"{finding.id} produces this text ({', '.join(fit.programs)})"]
    if session.server.address in text:
        points += 1000
        reasons.append("the text names its server's address")
    elif re.search(r"\d+\.\d+\.\d+\.\d+", text):
        points -= 1000
        reasons.append("the text names another address (a name or NAT may explain that)")
    if re.search(rf"(port |:){session.server.port}\b", text):
        points += 50
        reasons.append("and its port")
    client = session.client.identification
    own = _OWN_PROGRAM.get(client.implementation or "") if client else None
    if own is not None:
        if any(program.startswith(own) for program in fit.programs):
            points += 200
            reasons.append(f"its client is {client.implementation if client else ''}, which prints it so")
        else:
            points -= 200
            reasons.append("its client is another program than those that print it so")
    if session.verdict.cause == finding.id:
        points += 100
    return points, tuple(reasons)


def _lines_of(text: str) -> Iterable[str]:
    """The lines of a text in the form in which texts are compared; of a line with a number, its plain words too."""
    for line in (*text.splitlines(), *plain_words(text)):
        even = _even(line)
        if len(even) >= _SHORTEST:
            yield even


def _explained(spoken: str, text: str) -> int:
    """Characters of a line that a text of a page explains; 0 if it does not."""
    literal = len(re.sub(r"\{\w+\}", "", text))
    if literal >= _SHORTEST and pattern(text).search(spoken):
        return literal
    # The line may be only a part of what was printed.
    return len(spoken) if spoken in _even(text) else 0


def _even(text: str) -> str:
    """A text without what is lost in a ticket: cases, typographic quotes, kinds of spaces."""
    quotes = str.maketrans("‘’“”´`", "''\"\"''")
    return re.sub(r"\s+", " ", text.translate(quotes)).strip().lower()
