"""Owns one meeting of a server and a client in the lab, and the facts that remain of it.

A `Scene` has a `Network`, a furnished folder (`home.py`) and the place of the capture. `meet` starts the server,
records, runs the client to its end, and keeps what the two printed. It knows how programs are run, not which.
"""

import os
import pty
import re
import select
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.lab.home import HostKey, described, furnish
from tests.lab.network import Network, stop, wait_until

PEERS = Path(__file__).parent / "peers"
PORT = 22
CLIENT_SECONDS = 180.0
QUESTION_SECONDS = 15.0
THINKING_SECONDS = 2.0

# Servers get a passwd of their own, in which the user exists, and an empty /run. `ip netns exec` has put the program
# into a mount namespace of its own, so nobody else sees these mounts, and they vanish with it.
DRESS = """
for name in passwd shadow; do mount --bind "$1/$name" "/etc/$name"; done
mount -t tmpfs tmpfs /run; mkdir -m 755 /run/sshd; shift; exec "$@"
"""
# What OpenSSH prints only with -v, or with LogLevel=DEBUG.
_DEBUG_LINE = re.compile(r"debug[123]: |OpenSSH_\d|Authenticated to |  #\d+ |Transferred: |Bytes per second: ")


@dataclass(frozen=True)
class Program:
    """One program to be run: its command line, and what it calls itself."""

    argv: tuple[str, ...]
    version: str
    answer: str | None = None
    """Typed on the program's terminal some seconds after its question; without it the program has no terminal."""


@dataclass
class Facts:
    """What was really run and said."""

    programs: dict[str, str] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)
    client_output: str = ""
    client_debug: str | None = None
    client_exit: int | None = None
    server_log: str = ""
    server_debug: str = ""
    host_keys: list[HostKey] = field(default_factory=list)


class Scene:
    """A network, a home for the programs, and the facts of what they did."""

    def __init__(self, network: Network, home: Path, capture: Path) -> None:
        self.network = network
        self.home = home
        self.capture = capture
        self.facts = Facts()
        self.known: Path | None = None
        """The client's file of known host keys, where the analysis is to have it, too."""
        self._host_keys = furnish(home)

    def meet(
        self,
        server: Program | None,
        client: Program,
        *,
        packets: int | None = None,
        first: Program | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        """Records `client` as it talks to `server`; `first` is a client that came before and is still there.

        `meanwhile` is done to the server's files when it listens already.
        """
        for role, program in (("client", client), ("server", server), ("first client", first)):
            if program:
                self.facts.programs[role] = program.version
                self.facts.commands[role] = self.clean(shlex.join(program.argv))
        used = self.facts.commands.get("server", "")
        self.facts.host_keys = [key for name, key in self._host_keys.items() if name in used]
        with self._serving(server), self.network.capture(self.capture, packets), self._staying(first):
            if meanwhile:
                meanwhile()
            self._run(client)

    def host_key(self, kind: str) -> HostKey:
        """One of the server's host keys."""
        return self._host_keys[f"ssh_host_{kind}_key"]

    def add_host_key(self, name: str) -> None:
        """Tells of one more key that a server may have: the file beside the others."""
        self._host_keys[name] = described(self.home, name)

    def clean(self, text: str) -> str:
        """The text without any path of this machine."""
        for path, name in (
            (str(self.home), "/lab"),
            (sys.executable, "python3"),
            (str(PEERS), "peers"),
            (sysconfig.get_path("purelib"), "site-packages"),
        ):
            text = text.replace(path, name)
        return text.replace("\r", "")

    @contextmanager
    def _serving(self, server: Program | None) -> Iterator[None]:
        if not server:
            yield
            return
        log = self.home / "server.log"
        with log.open("wb") as sink:
            dressed = ("sh", "-ec", DRESS, "sh", str(self.home), *server.argv)
            process = self.network.popen("server", dressed, **self._surroundings(sink))
        try:
            wait_until(lambda: self.network.listens(process, PORT), f"{server.argv[0]} listens")
            yield
        finally:
            stop(process)
            self.facts.server_log, self.facts.server_debug = self._said(log)

    @contextmanager
    def _staying(self, first: Program | None) -> Iterator[None]:
        if not first:
            yield
            return
        with (self.home / "first.log").open("wb") as sink:
            process = self.network.popen("client", first.argv, **self._surroundings(sink))
        try:
            time.sleep(1)  # until the server has seen it
            yield
            process.wait(CLIENT_SECONDS)
        finally:
            stop(process)

    def _run(self, client: Program) -> None:
        log, typed = self.home / "client.log", ""
        with log.open("wb") as sink:
            if client.answer is None:
                process = self.network.popen("client", client.argv, **self._surroundings(sink))
            else:
                process, typed = self._converse(client.argv, client.answer, sink)
        try:
            self.facts.client_exit = process.wait(CLIENT_SECONDS)
        finally:
            stop(process)
        said, debug = self._said(log)
        self.facts.client_output, self.facts.client_debug = typed + said, debug or None

    def _converse(self, argv: tuple[str, ...], answer: str, sink: IO[bytes]) -> tuple["subprocess.Popen[bytes]", str]:
        """Runs a client on a terminal of its own, answers its question, and returns what the terminal showed."""
        master, slave = pty.openpty()
        with open(master, "r+b", buffering=0) as terminal:
            surroundings = self._surroundings(sink) | {"stdin": slave}
            process = self.network.popen("client", ("setsid", "--ctty", *argv), **surroundings)
            os.close(slave)
            shown = _read(terminal, until=b"? ")
            time.sleep(THINKING_SECONDS)
            terminal.write(answer.encode() + b"\n")
            shown += _read(terminal)
        return process, self.clean(shown.decode())

    def _surroundings(self, sink: IO[bytes]) -> dict[str, object]:
        """What every program gets: no input, one log, and nothing of this machine's environment."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8", "TZ": "UTC"}
        return {
            "stdin": subprocess.DEVNULL,
            "stdout": sink,
            "stderr": subprocess.STDOUT,
            "env": environment,
            "cwd": self.home,
        }

    def _said(self, log: Path) -> tuple[str, str]:
        """What a program printed: its ordinary lines, and OpenSSH's debug lines."""
        lines = self.clean(log.read_text(errors="backslashreplace")).splitlines(keepends=True)
        debug = [line for line in lines if _DEBUG_LINE.match(line)]
        said = "".join(line for line in lines if not _DEBUG_LINE.match(line))
        return said if said.strip() else "", "".join(debug)


@contextmanager
def scene(capture: Path) -> Iterator[Scene]:
    """A scene on a network of its own; both are gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="sshlab-"))
    try:
        with Network() as network:
            yield Scene(network, home, capture)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _read(terminal: IO[bytes], until: bytes | None = None) -> bytes:
    """What a terminal shows until it shows `until`, or until the last program has left it."""
    shown, deadline = b"", time.monotonic() + QUESTION_SECONDS
    while until is None or until not in shown:
        if not select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError(f"the terminal shows only {shown!r}")
        try:
            shown += os.read(terminal.fileno(), 4096)
        except OSError:  # EIO: nobody is on the other side
            break
    return shown
