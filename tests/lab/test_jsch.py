"""JSch, run from the lines of a report: every kind of algorithm, and what JSch 0.1.55 can be told to offer."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import sshpcap
from sshpcap.model import Session
from sshpcap.ssh import abilities
from tests.lab.home import furnish
from tests.lab.matrix import JSCH, Meeting, Played, Stage
from tests.lab.network import Network
from tests.lab.programs import missing

_REASON = missing() or (None if shutil.which("javac") and Path(JSCH[0]).exists() else "no javac, or no libjsch-java")
pytestmark = [pytest.mark.lab, pytest.mark.skipif(_REASON is not None, reason=f"the lab cannot run here: {_REASON}")]

NARROWED = {
    "no-common-kex-algorithm": Meeting("jsch", ("kex=diffie-hellman-group1-sha1",)),
    "no-common-host-key-algorithm": Meeting("jsch", ("server_host_key=ssh-dss",)),
    "no-common-cipher": Meeting("jsch", ("cipher.c2s=3des-cbc", "cipher.s2c=3des-cbc")),
    "no-common-mac": Meeting(
        "jsch", ("mac.c2s=hmac-md5", "mac.s2c=hmac-md5"), "sshd", ("Ciphers=aes128-ctr", "MACs=hmac-sha2-256")
    ),
    "no-common-compression": Meeting(
        "jsch",
        (),
        "asyncssh",
        (json.dumps({"compression_algs": ["zlib@openssh.com"], "server_host_keys": ["ssh_host_ecdsa_key"]}),),
    ),
}
"""JSch with less than its defaults, where these agree; of compression it has none by default."""


class Result(NamedTuple):
    session: Session
    lines: tuple[str, ...]
    again: Played


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Result]]:
    home = tmp_path_factory.mktemp("jsch")
    for folder in (home, *home.parents):
        if str(folder).startswith("/tmp/pytest"):
            folder.chmod(0o711)
    furnish(home)
    with Network() as network:
        stage = Stage(network, home)
        capture = home / "capture.pcap"
        with network.capture(capture):
            played = {id: stage.play(meeting) for id, meeting in NARROWED.items()}
        report = sshpcap.analyze(capture, ports=[one.port for one in played.values()])
        sessions = {session.server.port: session for session in report.sessions}
        found = {}
        for id, one in played.items():
            session = sessions[one.port]
            remedies = [r for f in session.findings for r in f.remedies if f.id.startswith("no-common")]
            lines = tuple(r.command for r in remedies if r.side == "client" and r.command)
            options = (*NARROWED[id].client_options, *(f"LINE:{line}" for line in lines))
            found[id] = Result(session, lines, stage.play(NARROWED[id]._replace(client_options=options)))
        yield found


@pytest.mark.parametrize("id", NARROWED)
def test_the_line_of_the_report_makes_it_connect(results: dict[str, Result], id: str) -> None:
    session, lines, again = results[id]
    identification = session.client.identification
    assert identification is not None
    assert (identification.implementation, identification.version) == ("JSch", "0.1.54")  # 0.1.55 says so, too
    assert [f.id for f in session.findings if f.id.startswith("no-common")] == [id]
    assert all(line.startswith("session.setConfig(") for line in lines)
    assert again.reached_login, again.printed


def test_what_it_can_be_told_to_offer() -> None:
    """The names for which the library has a class, read from its own table."""
    argv = ["javap", "-c", "-p", "-cp", JSCH[0], "com.jcraft.jsch.JSch"]
    shown = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout
    table = re.findall(r"// String (\S+)\n[^\n]*// String com\.jcraft\.jsch", shown)
    helpers = {"dh", "ecdh-sha2-nistp", "random", "pbkdf", "sha-1", "sha-256", "sha-384", "sha-512", "md5"}
    has = {name for name in table if "." not in name.replace("@openssh.com", "")} - helpers
    assert has | {"ssh-rsa", "ssh-dss"} == abilities.JSCH
