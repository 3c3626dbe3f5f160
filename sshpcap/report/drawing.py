"""A ladder as shapes for SVG: places and texts, no markup. Text is wrapped here, because SVG does not wrap.

Two drawings of every ladder: a wide one, and a narrow one for a phone. Pure: values in, values out.
"""

from collections.abc import Sequence
from textwrap import wrap
from typing import Final, Literal, NamedTuple

from sshpcap.report.ladder import Step

Anchor = Literal["start", "middle", "end"]


class Words(NamedTuple):
    """A line of text."""

    x: float
    y: float
    text: str
    anchor: Anchor = "start"
    kind: str = "says"


class Arrow(NamedTuple):
    """From one lane to the other."""

    x1: float
    x2: float
    y: float
    back: int
    """Where the tip's base is, from `x2`."""
    lost: bool


class Rung(NamedTuple):
    """A step, with everything that is drawn of it."""

    top: float
    height: float
    classes: str
    note: str
    texts: tuple[Words, ...]
    arrow: Arrow | None


class Drawing(NamedTuple):
    """A ladder in user units of SVG."""

    name: str
    width: int
    height: float
    top: float
    """Where the lanes begin."""
    lanes: tuple[float, float]
    heads: tuple[Words, ...]
    rungs: tuple[Rung, ...]


class _Shape(NamedTuple):
    name: str
    width: int
    left: int
    """The client's lane."""
    right: int
    line: int
    """Height of a line of text."""
    character: float
    """Width of a character, a little more than that of common monospaced fonts."""
    aside: bool
    """Frame and time stand left of the lanes, not above the text."""


_WIDE: Final = _Shape("wide", 960, 250, 948, 17, 7.95, aside=True)
_NARROW: Final = _Shape("narrow", 360, 6, 354, 15, 6.75, aside=False)
_SPACE: Final = 8


def draw(steps: Sequence[Step], ends: tuple[str, str], column: str) -> tuple[Drawing, ...]:
    """The drawings of a ladder."""
    return tuple(_draw(steps, ends, column, shape) for shape in (_WIDE, _NARROW))


def _draw(steps: Sequence[Step], ends: tuple[str, str], column: str, shape: _Shape) -> Drawing:
    heads = [
        Words(shape.left, shape.line, "client"),
        Words(shape.right, shape.line, "server", "end"),
        Words(shape.left, 2 * shape.line, ends[0]),
        Words(shape.right, 2 * shape.line, ends[1], "end"),
    ]
    if shape.aside:
        places = ((46, "frame"), (150, column), (238, "after"))
        heads += [Words(x, 2 * shape.line, text, "end") for x, text in places]
    top = y = 2.0 * shape.line + 6
    rungs = []
    for step in steps:
        rung = _rung(step, y, shape)
        rungs.append(rung)
        y += rung.height
    return Drawing(shape.name, shape.width, y + 4, top, (shape.left, shape.right), tuple(heads), tuple(rungs))


def _rung(step: Step, top: float, shape: _Shape) -> Rung:
    room = int((shape.right - shape.left - 2 * _SPACE) / shape.character)
    y = top + shape.line
    texts: list[Words] = []
    if step.frame or step.time:
        late = "late" if step.waited else "when"
        if shape.aside:
            texts += [Words(46, y, step.frame, "end", "when"), Words(150, y, step.time, "end", "when"),
                      Words(238, y, step.delta, "end", late)]  # fmt: skip
        else:
            texts.append(
                Words(shape.left + _SPACE, y, f"frame {step.frame} · {step.time} · +{step.delta}", "start", late)
            )
            y += shape.line
    x, anchor = _beside(step, shape)
    for row in wrap(step.text, room) or [""]:
        texts.append(Words(x, y, row, anchor))
        y += shape.line
    arrow = None
    if step.sender in ("client", "server"):
        there = step.sender == "client"
        x1, x2 = (shape.left, shape.right - 2) if there else (shape.right, shape.left + 2)
        arrow = Arrow(x1, x2 + (-8 if there else 8) * step.lost, y - shape.line + 7, -9 if there else 9, step.lost)
        y += 4
    return Rung(top, y - top - shape.line + 8, _classes(step), _note(step), tuple(texts), arrow)


def _beside(step: Step, shape: _Shape) -> tuple[float, Anchor]:
    if step.sender == "client":
        return shape.left + _SPACE, "start"
    if step.sender == "server":
        return shape.right - _SPACE, "end"
    return (shape.left + shape.right) / 2, "middle"


def _classes(step: Step) -> str:
    quiet = step.sender == "none" and not step.gap
    marks = {"decisive": step.decisive, "gap": step.gap, "again": step.again, "isolost": step.lost,
             "minor": step.minor, "quiet": quiet}  # fmt: skip
    return " ".join((step.sender, *(name for name, holds in marks.items() if holds)))


def _note(step: Step) -> str:
    if step.gap:
        return step.text
    parts = [f"frame {step.frame}", f"{step.time}, {step.delta} after the step before"]
    parts += [f"{step.sender} {step.text}" if step.sender not in ("none", "network") else step.text]
    parts += [f"{name}: {value}" for name, value in step.notes]
    parts += ["this decided it"] * step.decisive + ["sent again"] * step.again
    parts += ["never answered or acknowledged in this capture"] * step.lost
    return "; ".join(parts)
