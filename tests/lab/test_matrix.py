"""What was negotiated equals what OpenSSH says of it, for every pair of the matrix; and every least change that is
proposed for a pair that fails makes the real programs agree."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import sshpcap
from sshpcap.model import Finding, Session
from tests.lab.home import furnish
from tests.lab.matrix import FAILING, FAMILIES, MEETINGS, Meeting, Played, Stage
from tests.lab.network import Network
from tests.lab.programs import missing

_REASON = missing()
pytestmark = [pytest.mark.lab, pytest.mark.skipif(_REASON is not None, reason=f"the lab cannot run here: {_REASON}")]


class Result(NamedTuple):
    played: Played
    session: Session
    again: dict[str, Played]
    """The same meeting with the least change of a side."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Meeting, Result]]:
    home = tmp_path_factory.mktemp("matrix")
    for folder in (home, *home.parents):
        if str(folder).startswith("/tmp/pytest"):
            folder.chmod(0o711)
    furnish(home)
    with Network() as network:
        stage = Stage(network, home)
        capture = home / "capture.pcap"
        with network.capture(capture):
            played = {meeting: stage.play(meeting) for meeting in (*MEETINGS, *FAILING, *FAMILIES)}
        ports = [one.port for one in played.values()]
        sessions = {s.server.port: s for s in sshpcap.analyze(capture, ports=ports).sessions}
        again = {m: _changed(stage, m, sessions[played[m].port], home) for m in FAILING}
        yield {m: Result(one, sessions[one.port], again.get(m, {})) for m, one in played.items()}


def _changed(stage: Stage, meeting: Meeting, session: Session, home: Path) -> dict[str, Played]:
    """Play a failing meeting with the change for the client alone, then with that for the server alone."""
    again = {}
    for side, change in (("client", _client), ("server", _server)):
        commands = [r.command for f in _no_common(session) for r in f.remedies if r.side == side and r.command]
        if commands and not commands[0].startswith("#define"):  # that takes a new build of Dropbear
            again[side] = stage.play(change(meeting, commands, home))
    return again


def _client(meeting: Meeting, commands: list[str], home: Path) -> Meeting:
    words = shlex.split(commands[0])
    if meeting.client == "ssh":
        options = tuple(words[place + 1] for place, word in enumerate(words) if word == "-o")
        # What stands below `Host` is the same as what the command line has.
        assert [line.replace(" ", "=", 1) for line in commands[1:]] == list(options)
        # OpenSSH takes the first value it gets: the command line stands before everything else.
        return meeting._replace(client_options=(*options, *meeting.client_options))
    if meeting.client == "dbclient":
        kept = dict(zip(meeting.client_options[::2], meeting.client_options[1::2], strict=True))
        assert words[0] == "dbclient"
        told = {word: words[place + 1] for place, word in enumerate(words) if word in ("-c", "-m")}
        return meeting._replace(client_options=tuple(w for pair in (kept | told).items() for w in pair))
    return meeting._replace(client_options=(json.dumps(_library(meeting.client_options[0], commands, home)),))


def _library(options: str, commands: list[str], home: Path) -> dict[str, object]:
    """What a library's program is told, with the lines of a report: the arguments of a call, or lines that are run."""
    told: dict[str, Any] = json.loads(options)
    for line in _made(commands, home):
        if line.startswith("asyncssh."):
            told |= dict(re.findall(r"(\w+)='([^']*)'", line))
            told |= {"server_host_keys": re.findall(r"server_host_keys=\[…, '([^']*)'\]", line)}
        else:
            told.setdefault("run", []).append(line)
            # The report says so: what is added must not be disabled at the same time.
            for names in told.get("disabled", {}).values():
                names[:] = [name for name in names if f"'{name}'" not in line]
    return {name: value for name, value in told.items() if value != []}


def _made(commands: list[str], home: Path) -> list[str]:
    """The lines without those that make keys: these are run, in the lab's own folder."""
    rest = []
    for command in commands:
        line = re.sub(r"(/etc/ssh/|/etc/dropbear/)?((?:ssh|dropbear)_(?:host_)?\w+_key)", rf"{home}/made_\2", command)
        if line.startswith(("ssh-keygen", "dropbearkey")):
            made = shlex.split(line)
            for file in (made[-1], f"{made[-1]}.pub"):
                Path(file).unlink(missing_ok=True)
            subprocess.run(made, check=True, timeout=60, stdout=subprocess.DEVNULL)
        else:
            rest.append(line)
    return rest


def _server(meeting: Meeting, commands: list[str], home: Path) -> Meeting:
    if meeting.server in ("asyncssh", "paramiko"):
        return meeting._replace(server_options=(json.dumps(_library(meeting.server_options[0], commands, home)),))
    if meeting.server == "dropbear":
        assert not _made(commands, home)
        return meeting._replace(server_options=(*meeting.server_options, str(next(home.glob("made_dropbear_*_key")))))
    lines = [line.replace(" ", "=", 1) for line in _made(commands, home)]
    keywords = {line.partition("=")[0] for line in lines}
    kept = [line for line in meeting.server_options if line.partition("=")[0] not in keywords]
    return meeting._replace(server_options=(*lines, *kept))


ABOUT_LOGIN = ("closed-during-login", "authentication-failed", "no-usable-public-key", "session-ended-at-once",
               "too-many-authentication-failures")  # fmt: skip
"""Nobody needs to get in here: it is about what was negotiated."""


@pytest.mark.parametrize("meeting", MEETINGS, ids=lambda m: m.name)
def test_negotiated(results: dict[Meeting, Result], meeting: Meeting) -> None:
    played, session, _ = results[meeting]
    assert played.negotiated is not None, played.printed
    assert session.negotiation is not None
    assert session.negotiation.agreed
    for slot, name in played.negotiated.items():
        assert getattr(session.negotiation, slot).chosen == (None if name == "<implicit>" else name), slot
    assert session.host_key is not None
    assert session.stage == "encrypted"
    assert not [f.id for f in session.findings if f.severity == "error" and f.id not in ABOUT_LOGIN]


@pytest.mark.parametrize("meeting", FAMILIES, ids=lambda m: m.name)
def test_every_family_has_its_own_messages(results: dict[Meeting, Result], meeting: Meeting) -> None:
    played, session, _ = results[meeting]
    assert session.stage == "encrypted", played.printed
    method = [m for m in session.messages if m.number is not None and 30 <= m.number <= 49]
    found = [m.name for m in method if "guess" not in m.fields]  # dbclient guesses
    assert found == FAMILIES[meeting].split()
    assert session.host_key is not None
    assert session.host_key.signature_algorithm is not None
    assert not [m for m in session.messages if m.kind == "malformed"]


_SAID = {
    "key exchange method": "no-common-kex-algorithm",
    "host key type": "no-common-host-key-algorithm",
    "cipher": "no-common-cipher",
    "MAC": "no-common-mac",
    "compression method": "no-common-compression",
}


def _no_common(session: Session) -> list[Finding]:
    return [f for f in session.findings if f.id.startswith("no-common")]


@pytest.mark.parametrize("meeting", FAILING, ids=lambda m: m.name)
def test_not_negotiated(results: dict[Meeting, Result], meeting: Meeting) -> None:
    played, session, _ = results[meeting]
    assert not played.reached_login
    said = re.search(r"no matching ([\w ]+) found", played.printed)
    if said is not None:
        assert _no_common(session)[0].id == _SAID[said[1]]
    elif session.client.kexinit is not None:
        assert _no_common(session)


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize("meeting", FAILING, ids=lambda m: m.name)
def test_the_least_change_works(results: dict[Meeting, Result], meeting: Meeting, side: str) -> None:
    _, session, again = results[meeting]
    if side not in again:
        remedies = [r for f in _no_common(session) for r in f.remedies if r.side == side]
        assert all(r.command is None or r.command.startswith("#define") for r in remedies)
        return  # It says that nothing can be set there.
    assert again[side].reached_login, again[side].printed
    # Who says what was negotiated is OpenSSH.
    assert (again[side].negotiated is not None) == ("ssh" in (meeting.client, meeting.server.removesuffix("d")))


def test_the_matrix_is_large() -> None:
    assert len(MEETINGS) >= 60
    assert len({m.name for m in (*MEETINGS, *FAILING)}) == len(MEETINGS) + len(FAILING)
