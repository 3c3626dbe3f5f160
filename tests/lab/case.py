"""Owns what a case of the lab is: one story, and what a reader of its capture has to find."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.lab.scene import Scene

Expect = dict[str, Any]

CLIENT, SERVER, EITHER, NETWORK = ["client"], ["server"], ["client", "server"], ["network"]
FIN, RST, CLOSED = ["fin"], ["rst"], ["fin", "rst"]


@dataclass(frozen=True)
class Case:
    """One story."""

    name: str
    title: str
    story: str
    run: Callable[[Scene], None]
    expect: Expect
    slow: bool = False


def ended(
    outcome: str, stage: str, by: list[str], how: list[str], finding: str | None, *also: str, sessions: int = 1
) -> Expect:
    """What to find: of `sessions` connections, one that ended so; `also` are further findings on it."""
    expect = {"outcome": outcome, "stage": stage, "closed_by": by, "how": how, "finding": finding}
    return {"sessions": sessions, **expect, **({"also": list(also)} if also else {})}


def failed(finding: str, stage: str, by: list[str], how: list[str] = CLOSED, *also: str) -> Expect:
    """An SSH handshake that one side gave up."""
    return ended("failed", stage, by, how, finding, *also)


def done(how: list[str] = FIN) -> Expect:
    """Both sides switched to encryption, and the client left when it wanted to."""
    return ended("encrypted", "encrypted", CLIENT, how, None)
