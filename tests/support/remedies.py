"""Every command that the rules give, as it stands in their sources: what differs from case to case is `{}`.

Read from the sources and not from findings, so that one that no capture here gives is there, too.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import sshpcap.rules

_RULES = Path(sshpcap.rules.__file__).parent
MADE_ELSEWHERE = ("changes", "negotiation")
"""Modules whose lines are made from the proposals of a session."""


class Command(NamedTuple):
    """A command line or a line of a configuration."""

    module: str
    template: str


def commands() -> frozenset[Command]:
    """Every `command=` of every `Remedy` in the rules."""
    return frozenset(
        Command(path.stem, template)
        for path in sorted(_RULES.glob("*.py"))
        if path.stem not in MADE_ELSEWHERE
        for template in _templates(ast.parse(path.read_text()))
    )


def fits(template: str, command: str) -> bool:
    """Whether a command of a finding is made from this template."""
    return re.fullmatch(".+?".join(map(re.escape, template.split("{}"))), command, re.DOTALL) is not None


def _templates(tree: ast.Module) -> Iterator[str]:
    constants = dict(_assigned(tree.body))
    for function in (tree, *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))):
        # A call within a function is found there; what is left of the module are its constants.
        inside = function.body if isinstance(function, ast.FunctionDef) else _outside(tree)
        names: dict[str, list[ast.expr]] = {name: list(values) for name, values in constants.items()}
        for name, values in _assigned(
            [node for part in inside for node in ast.walk(part) if isinstance(node, ast.stmt)]
        ):
            names[name] = [*names.get(name, []), *values] if name not in constants else values
        for part in inside:
            for node in ast.walk(part):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "Remedy":
                    for word in node.keywords:
                        if word.arg == "command":
                            yield from _texts(word.value, names)


def _outside(tree: ast.Module) -> list[ast.stmt]:
    return [node for node in tree.body if not isinstance(node, ast.FunctionDef)]


def _assigned(statements: list[ast.stmt]) -> Iterator[tuple[str, list[ast.expr]]]:
    found: dict[str, list[ast.expr]] = {}
    for node in statements:
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets, value = [node.target], node.value
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name):
                found.setdefault(target.id, []).append(value)
    yield from found.items()


def _texts(value: ast.expr, names: dict[str, list[ast.expr]]) -> Iterator[str]:
    match value:
        case ast.Constant(value=str() as text):
            yield text
        case ast.Constant(value=None):
            return
        case ast.JoinedStr(values=parts):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)
        case ast.IfExp(body=one, orelse=other):
            yield from _texts(one, names)
            yield from _texts(other, names)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            for before in _texts(left, names):
                yield from (before + after for after in _texts(right, names))
        case ast.Name(id=name) if name in names:
            for assigned in names[name]:
                yield from _texts(assigned, names)
        case _:
            yield "{}"
