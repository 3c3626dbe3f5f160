"""From a text that a program printed to the findings that produce it, and to the connections that fit it.

The texts are those of the rules (`Rule.messages`), with `{names}` for what differs from case to case; nothing is
listed here a second time. The part "What programs say" of a finding's page is made from them, too. What is no
finding, because it happens before any packet is sent, stands in `rules/spoken_numbers.py` beside the numbers that
programs print.

A text that a user gives may be long or hostile: only its last lines are read, each cut, and every comparison takes time
in proportion to a line.
"""

import difflib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, NamedTuple

from sshpcap.model import TEXTS_OF, ClientSaid, Finding, Report, SaidFit, Session
from sshpcap.rules import PAGES, RULES
from sshpcap.rules.quoted import of_a_reset
from sshpcap.rules.spoken_numbers import last_lines, notes, plain_words

PART: Final = "What programs say"
_NAME: Final = re.compile(r"\{(\w+)\}")
_SHORTEST: Final = 8
"""Fewer characters than this of a text prove nothing."""
_ALIKE: Final = 200
"""Of a text that is not known so many characters are compared with those that are."""
_LEFT_OUT: Final = re.compile(r"\.{3,}|…")
IPAddress = IPv4Address | IPv6Address
_ADDRESS: Final = re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}:[0-9a-fA-F:.]{1,45})")


class Line(NamedTuple):
    """A line that a program prints."""

    finding: str
    program: str
    text: str


class Fit(NamedTuple):
    """A finding that produces a text."""

    finding: str
    programs: tuple[str, ...]
    weight: int
    """How much of the text is explained."""
    usual: bool = False
    """A program prints it without a condition: not only in some versions, or when a key is pressed."""
    share: float = 0.0
    """Of the texts that this kind of program has for the finding, so many are this one and no more: 0 to 1."""
    also: str = ""
    """The line that the programs print as well, and that is not in the text; empty where the text is all they print."""


def part(page: str, heading: str) -> str:
    """One part of a page, without its heading; empty where the page does not have it."""
    found = re.search(rf"^{re.escape(heading)}\n((?:    .*\n?|\n)*)", page, flags=re.MULTILINE)
    return found.group(1) if found else ""


def page(finding: str) -> str:
    """The page of a finding, with what programs say in front of the references."""
    text, said = PAGES[finding].strip(), "\n".join(_said_of(finding))
    before, references, after = text.partition("\nReferences\n")
    return f"{before}\n{PART}\n{said}\n{references}{after}" if said else text


def _said_of(finding: str) -> Iterator[str]:
    rule = next(rule for rule in RULES if rule.id == finding)
    for program, text in rule.messages.items():
        shown = with_capitals(text)
        yield f"    - {program_words(program)}: " + ", ".join(f"`{line}`" for line in shown.split(" / "))


def with_capitals(text: str) -> str:
    """A text with the names of what differs from case to case in capitals."""
    return _NAME.sub(lambda found: found.group(1).upper(), text)


def program_words(program: str) -> str:
    """A key of `Rule.messages` in words, as reports show it."""
    return re.sub(r"(?<=\d)_(?=\d)", ".", program).replace("_", " ")


@cache
def lines() -> tuple[Line, ...]:
    """Every line of every text of every rule."""
    return tuple(
        Line(rule.id, program_words(program), line.strip())
        for rule in RULES
        for program, texts in rule.messages.items()
        for text in dict.fromkeys((texts, of_a_reset(texts) if program.startswith("sshd_log") else texts))
        for line in text.split(" / ")
    )


@cache
def pattern(text: str) -> re.Pattern[str]:
    """What a text looks like where it is printed; each name ends where what follows it first appears."""
    # Without going back: time stays in proportion to a line's length. An address has no end of its own (IPv6).
    first, *rest = _NAME.split(_even(text))
    made = re.escape(first.rstrip() if rest == ["", ""] else first)
    for name, literal in zip(rest[::2], rest[1::2], strict=True):
        if not made:
            made = re.escape(literal.lstrip())  # what stands in front may be anything
        elif literal:
            shape = _SHAPES.get(name)
            some = "*" if name == "line" else "+"  # of a peer's first line nothing may be left
            made += f"{shape}{re.escape(literal)}" if shape else f"(?>.{some}?{re.escape(literal)})"
    # "Authentication failure" is not what "authentication failures" says.
    ends = (rest or [first])[-1]
    return re.compile(f"{made}(?![a-z])" if ends[-1:].isalpha() else made)


_SHAPES: Final = {
    **dict.fromkeys(("server", "client"), r"\S{1,100}?"),
    **dict.fromkeys(("port", "client_port", "number", "number_and_4", "code"), r"-?\d++"),
}


def search(text: str) -> tuple[Fit, ...]:
    """The findings that produce a text, best first.

    First those that explain most of it; of these, those of which the text is all that a program prints before those
    with another line, what is printed without a condition before what is not, and findings that stand for all without
    a sign of their own before others; then by the share of the finding's texts that are this one, and in the order of
    the rules. How common a finding is in the world is not known here.
    """
    weight: dict[str, int] = {}
    found: dict[str, dict[Line, int]] = {}
    for spoken in _lines_of(text):
        best: dict[str, int] = {}
        shape = _shape(spoken)
        for line in lines():
            explained = _explained(spoken, shape, line.text)
            if explained:
                best[line.finding] = max(best.get(line.finding, 0), explained)
                known = found.setdefault(line.finding, {})
                known[line] = max(known.get(line, 0), explained)
        for finding, explained in best.items():
            weight[finding] = weight.get(finding, 0) + explained
    order = {rule.id: (not rule.fallback, place) for place, rule in enumerate(RULES)}

    def place(fit: Fit) -> tuple[object, ...]:
        special, rank = order[fit.finding]
        return -fit.weight, fit.also != "", not fit.usual, special, -fit.share, rank

    return tuple(sorted((_judged(finding, found[finding], weight[finding]) for finding in weight), key=place))


def _judged(finding: str, found: dict[Line, int], weight: int) -> Fit:
    """A finding whose lines were found in a text: with what it would have printed as well."""
    programs = tuple(dict.fromkeys(line.program for line in found))
    best = max(found.values())
    closest = dict.fromkeys(line.program for line, explained in found.items() if explained == best)
    rest = {
        program: [line.text for line in lines() if line[:2] == (finding, program) and line not in found]
        for program in closest
    }
    whole = {program for program, missing in rest.items() if not missing}
    if not whole:
        return Fit(finding, programs, weight, also=min(rest.values(), key=len)[0])
    kinds = {_kind(program) for program in whole}
    every = {line.program for line in lines() if line.finding == finding and _kind(line.program) in kinds}
    return Fit(finding, programs, weight, usual=not whole.isdisjoint(kinds), share=len(whole) / len(every))


def _kind(program: str) -> str:
    """The program without its version and case: "openssh client", "sshd log", "putty"."""
    return " ".join(program.split()[: 2 if program.startswith(("openssh client", "sshd log")) else 1])


def nearest(text: str, count: int = 3) -> tuple[str, ...]:
    """Texts that resemble one that is not known."""
    known = {_even(line.text): line.text for line in lines()}
    found = dict.fromkeys(
        known[close]
        for spoken in list(_lines_of(text))[-count:]
        for close in difflib.get_close_matches(spoken[:_ALIKE], known, count, 0.6)
    )
    return tuple(found)[:count]


def rank(report: Report, text: str) -> ClientSaid:
    """The connections that fit what a client printed, best first."""
    given = tuple(_lines_of(text))
    fits = {fit.finding: fit for fit in search(text)}
    named = _addresses(text)
    scored: list[tuple[int, int, SaidFit]] = []
    for session in report.sessions:
        of_session = [(finding, _fit(finding, fits.get(finding.id), given)) for finding in session.findings]
        known = [(finding, fit) for finding, fit in of_session if fit is not None]
        if not known:
            continue
        finding, fit = max(known, key=lambda pair: pair[1].weight)
        points, reasons = _points(session, finding, fit, text, named)
        scored.append((-points, session.index, SaidFit(session=session.index, finding=finding.id, reasons=reasons)))
    scored.sort(key=lambda row: row[:2])
    found = dict.fromkeys((*fits, *(fit.finding for _, _, fit in scored)))
    return ClientSaid(text=text, notes=notes(text), findings=tuple(found), fits=tuple(fit for _, _, fit in scored))


def _fit(finding: Finding, known: Fit | None, given: tuple[str, ...]) -> Fit | None:
    """How much of a text this finding explains here, where the names in its messages are filled in."""
    weight, programs = 0, dict.fromkeys(known.programs if known else ())
    for program, message in finding.expected_messages.items():
        expected = [line for line in map(_even, message.split(" / ")) if len(line) >= _SHORTEST]
        explained = sum(max((2 * len(line) for line in expected if line in spoken), default=0) for spoken in given)
        if explained:
            weight, programs[program_words(program)] = max(weight, explained), None
    if not weight and known is None:
        return None
    return Fit(finding.id, tuple(programs), max(weight, known.weight if known else 0))


def _points(
    session: Session, finding: Finding, fit: Fit, text: str, named: frozenset[IPAddress]
) -> tuple[int, tuple[str, ...]]:
    """How well a session fits a text, and why."""
    points = fit.weight
    reasons = [f"{finding.id} produces this text ({', '.join(fit.programs)})"]
    if ip_address(session.server.address) in named:
        points += 1000
        reasons.append("the text names its server's address")
    elif ip_address(session.client.address) in named:
        points += 1000
        reasons.append("the text names its client's address, as a server's log does")
    elif named:
        points -= 1000
        reasons.append("but the text names another address (a NAT or a proxy would explain that)")
    if re.search(rf"(port |:){session.server.port}\b", text):
        points += 50
        reasons.append("the text names its port")
    client = session.client.identification
    own = TEXTS_OF.get(client.implementation or "") if client else None
    if all(program.endswith("log") or " log " in program for program in fit.programs):
        points -= 200
        reasons.append("but that is what a server logs, not what a client prints")
    elif own is not None and client is not None:
        if any(program.split(" ")[0] in own for program in fit.programs):
            points += 200
            reasons.append(f"its client is {client.implementation}, which prints it so")
        else:
            points -= 200
            reasons.append(f"but its client is {client.implementation}, another program than those that print it so")
    if session.verdict.cause == finding.id:
        points += 100
    return points, tuple(reasons)


def _addresses(text: str) -> frozenset[IPAddress]:
    """The IP addresses that a text names."""
    found = set()
    for word in _ADDRESS.findall("\n".join(last_lines(text))):
        for shape in (word, word.rstrip(":."), word.rpartition(":")[0]):
            try:
                found.add(ip_address(shape))
            except ValueError:
                continue
            break
    return frozenset(found)


def _lines_of(text: str) -> Iterable[str]:
    """The lines of a text in the form in which texts are compared.

    Of a line with a number its plain words, too; of one in which a ticket left something out ("…") what remains.
    """
    cut = last_lines(text)
    pieces = [piece for line in cut if _LEFT_OUT.search(line) for piece in _LEFT_OUT.split(line)]
    every = dict.fromkeys(_even(line) for line in (*cut, *pieces, *plain_words("\n".join(cut))))
    return [line for line in every if len(line) >= _SHORTEST]


def _explained(spoken: str, shape: str, text: str) -> int:
    """How much of a line a text explains: twice its characters, fewer where it is only a part; 0 if it does not."""
    pieces = _pieces(text)
    literal = sum(map(len, pieces))
    if literal < _SHORTEST:
        return 0
    if all(piece in spoken for piece in pieces) and pattern(text).search(spoken):
        return 2 * literal
    # The line may be only a part of what was printed, with other numbers and addresses in it: that counts for less.
    if spoken in _even(text) or shape in _template(text):
        return min(len(spoken), literal)
    return max((len(tail) for tail in _tails(text) if pattern(tail).search(spoken)), default=0)


_TAIL: Final = 16


@cache
def _tails(text: str) -> tuple[str, ...]:
    """What is left where the beginning of a line, the name of a user or of a server, was not quoted."""
    beginnings = [found.end() for found in re.finditer(r"\}: ", text)]
    tails = (text[beginning:] for beginning in beginnings)
    return tuple(tail for tail in tails if sum(map(len, _NAME.split(tail)[::2])) >= _TAIL)


@cache
def _pieces(text: str) -> tuple[str, ...]:
    return tuple(piece.strip() for piece in _NAME.split(_even(text))[::2] if piece.strip())


@cache
def _template(text: str) -> str:
    """A text with 0 for every number and address that differs from case to case; numbers of its own stay."""
    return _NAME.sub(lambda found: "0" if found.group(1) in _SHAPES else found.group(0), _even(text))


def _shape(text: str) -> str:
    """A text with 0 for every number and address."""
    return re.sub(r"(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{0,4}|\d+(?:\.\d+){3}|\d+", "0", text)


def _even(text: str) -> str:
    """A text without what is lost in a ticket: cases, typographic quotes, kinds of spaces."""
    quotes = str.maketrans("‘’“”´`", "''\"\"''")
    return re.sub(r"\s+", " ", text.translate(quotes)).strip().lower()
