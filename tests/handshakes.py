"""The recorded handshakes of tests/handshakes/: a family of key exchange methods or host keys a folder, see its
README.md there.

capture.pcap and truth.json are written by `python -m tests.lab.handshakes`. `messages.txt` is what sshpcap tells of the
clear phase of each: the steps in words, the fields of the messages, the host key. `python -m tests.handshakes --update`
writes it anew; the difference is then read like prose before it is committed.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import sshpcap
from sshpcap.model import Message, Session
from sshpcap.report.view import Options, view
from tests.golden import ROOT

FOLDER = ROOT / "tests" / "handshakes"


class Recorded(NamedTuple):
    """A handshake of a family: what was really started and said, and what sshpcap makes of its packets."""

    truth: dict[str, Any]
    keys: dict[str, Any]
    """What ssh-keygen or puttygen said of the keys of the family."""
    session: Session
    facts: dict[str, str]
    """The rows above the story, as every report for people has them."""

    @property
    def name(self) -> str:
        return str(self.truth["name"])

    @property
    def key(self) -> dict[str, Any]:
        """What was said of the server's key."""
        return dict(self.keys[self.truth["keys"][0]])

    def method(self) -> list[Message]:
        """The messages of the key exchange method, and those of SSH-1."""
        return [m for m in self.session.messages if m.number is not None and _of_method(m)]


def _of_method(message: Message) -> bool:
    return message.name.startswith("SSH1") or 30 <= (message.number or 0) <= 49


def families() -> list[str]:
    return sorted(path.parent.name for path in FOLDER.glob("*/truth.json"))


def recorded(folder: Path) -> dict[str, Recorded]:
    """The handshakes of a folder, by name."""
    truth = json.loads((folder / "truth.json").read_text())
    ports = [one["port"] for one in truth["handshakes"]]
    report = sshpcap.analyze(folder / "capture.pcap", ports=ports)
    every = frozenset(session.index for session in report.sessions)
    facts = {detail.number: dict(detail.facts) for detail in view(report, Options(connections=every)).details}
    sessions = {session.server.port: session for session in report.sessions}
    return {
        one["name"]: Recorded(one, truth["keys"], sessions[one["port"]], facts[sessions[one["port"]].index])
        for one in truth["handshakes"]
    }


def messages(folder: Path) -> str:
    """The golden text of a folder."""
    return "\n".join("\n".join(_story(one)) + "\n" for one in recorded(folder).values())


def _story(one: Recorded) -> Iterator[str]:
    session = one.session
    yield f"## {one.name}"
    yield f"   {one.truth['client']}  to  {one.truth['server']}"
    for name in ("host key", "certificate"):
        if name in one.facts:
            yield f"   {name}: {one.facts[name]}"
    fields: dict[tuple[int | None, str], list[dict[str, Any]]] = {}
    for message in session.messages:
        fields.setdefault((message.frame, message.name), []).append(message.fields)
    for entry in session.timeline:
        if entry.kind.startswith("SSH"):
            yield f"{entry.frame:>5} {entry.sender}: {entry.text}"
            said = fields[entry.frame, entry.kind].pop(0)
            if said:
                yield "        " + "; ".join(f"{name} {_text(value)}" for name, value in said.items())
    yield f"   {session.outcome}, {session.stage}; {', '.join(f.id for f in session.findings) or 'nothing found'}"


def _text(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)


if __name__ == "__main__":
    if sys.argv[1:2] != ["--update"]:
        sys.exit("usage: python -m tests.handshakes --update")
    for family in families():
        (FOLDER / family / "messages.txt").write_text(messages(FOLDER / family))
        print(family)
