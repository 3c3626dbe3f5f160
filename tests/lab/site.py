"""Owns a place where remedies are tried: a network, its hosts, and attempts that are recorded and analysed."""

import functools
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import sshpcap
from sshpcap.analyzer import Analyzer
from sshpcap.capture import open_capture
from sshpcap.model import Finding, Session
from sshpcap.ssh.known_hosts import KnownHosts, read_known_hosts
from sshpcap.ssh.putty_hosts import is_putty, read_putty
from tests.lab import proofs
from tests.lab.host import USER, Host, hosts
from tests.lab.network import CLIENT, SERVER, Network

LOGIN = f"ssh -o BatchMode=yes {USER}@{SERVER} true"
_PLACES = {"HOST": SERVER, "USER": USER, "PORT": "22", "ADDRESS": SERVER, "CLIENT_ADDRESS": CLIENT, "DEVICE": "eth0"}
"""What stands in commands for what the user knows, and is no text of ours."""


class Attempt(NamedTuple):
    """A command that was tried, and what the capture shows of it."""

    exit: int
    output: str
    sessions: tuple[Session, ...]

    def finding(self, id: str) -> Finding:
        """The finding that this failure was to have."""
        found = [finding for session in self.sessions for finding in session.findings if finding.id == id]
        assert found, f"no {id} but {[(s.outcome, [f.id for f in s.findings]) for s in self.sessions]}\n{self.output}"
        return found[-1]

    def succeeded(self) -> "Attempt":
        """It went well: for the program, and by what the capture shows of the last connection."""
        assert self.exit == 0, self.output
        errors = [finding.id for finding in self.sessions[-1].findings if finding.severity == "error"]
        assert not errors, f"{errors}\n{self.output}"
        assert self.sessions[-1].outcome == "encrypted"
        return self


class Site:
    """Client, router and server, for as long as the `with` block of `site` lasts."""

    def __init__(self, network: Network, home: Path, client: Host, server: Host) -> None:
        self.network, self.home, self.client, self.server = network, home, client, server
        self.router = Host(network, "router", home / "router")

    def attempt(self, line: str = LOGIN, seconds: float = 90, known: str = "", name: str = "") -> Attempt:
        """The client runs a line; what its interface shows of it is analysed.

        `known` is a file of the client with host keys, held against what the server shows; there it has a `name`.
        """
        capture = self.home / "attempt.pcap"
        with self.network.capture(capture):
            done = self.client.attempt(line, seconds)
        analyzer = Analyzer(known_hosts=self._known(known, name) if known else None)
        with open_capture(str(capture)) as source:
            for block in source.blocks():
                analyzer.feed(block)
        return Attempt(done.returncode, done.stdout, analyzer.finish().sessions)

    def _known(self, file: str, name: str) -> KnownHosts:
        text = self.client.read(file)
        entries = read_putty(text, file) if is_putty(text) else read_known_hosts(text, file)
        return KnownHosts(list(entries), {SERVER: (name,)} if name else None)


def take(found: Finding, *words: str, **places: str) -> str:
    """The one command of a finding that has these words, or is the first of them; its placeholders are filled in."""
    having = [r.command for r in found.remedies if r.command and all(word in r.command for word in words)]
    (line,) = {line for line in having if line == words[0]} or dict.fromkeys(having)
    proofs.taken(found.id, line)
    return filled(line, **places)


def filled(line: str, **places: str) -> str:
    """A command with the names in capitals replaced by what they stand for."""
    known = {**_PLACES, **places}
    return re.sub(rf"\b({'|'.join(known)})\b", lambda name: known[name.group()], line)


@contextmanager
def site() -> Iterator[Site]:
    """A site of its own; all of it is gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="sshlab-"))
    try:
        with Network() as network, hosts(network, home) as (client, server):
            client.write("/root/.ssh/config", f"Host *\n  User {USER}\n")
            made = Site(network, home, client, server)
            try:
                yield made
            finally:
                made.router.leave()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def sample(id: str, words: str = "") -> Finding:
    """A finding of a recorded or made capture, with a command that has these words: its failure is not made anew."""
    return next(f for f in samples() if f.id == id and any(words in (r.command or "") for r in f.remedies))


@functools.cache
def samples() -> tuple[Finding, ...]:
    """The findings of every recorded and made capture."""
    captures = (*sorted(_ROOT.glob("samples/*/capture.pcap*")), *sorted(_ROOT.glob("tests/cases/*/*.pcap*")))
    sessions = (session for path in captures for session in sshpcap.analyze(path).sessions)
    return tuple(finding for session in sessions for finding in session.findings)


_ROOT = Path(__file__).parents[2]
