"""PuTTY's settings, as a report names them: run by plink from a saved session."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import sshpcap
from sshpcap.model import Finding, Session
from tests.lab import programs as run
from tests.lab.programs import missing
from tests.lab.scene import Program, Scene, scene
from tests.lab.site import take

_REASON = missing()
pytestmark = [pytest.mark.lab, pytest.mark.skipif(_REASON is not None, reason=f"the lab cannot run here: {_REASON}")]

SERVERS = {
    "KEX": ("key-exchange algorithm", "diffie-hellman-group1-sha1", "KexAlgorithms=diffie-hellman-group1-sha1"),
    "Cipher": ("client-to-server cipher", "blowfish-cbc", None),
}
"""Setting → PuTTY's word, the algorithm below its line, and sshd's option; sshd has no Blowfish."""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path / "capture.pcap") as made:
        yield made


def server(stage: Scene, setting: str) -> Program:
    option = SERVERS[setting][2]
    if option:
        return run.sshd(stage, option)
    return run.asyncssh_server(stage, "curve25519-sha256", encryption_algs=["blowfish-cbc"])


def loading(stage: Scene, *lines: str) -> Program:
    """plink with a saved session of these lines."""
    folder = stage.home / ".putty" / "sessions"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lab").write_text("".join(f"{line}\n" for line in lines))
    return run.plink(stage, "-load", "lab")


def session_of(stage: Scene) -> Session:
    return sshpcap.analyze(stage.capture).sessions[-1]


def refused(stage: Scene) -> Finding:
    (found,) = [f for f in session_of(stage).findings if f.severity == "error"]
    assert found.id == "weak-algorithm-refused"
    return found


@pytest.mark.parametrize("setting", SERVERS)
def test_above_the_line_it_is_taken(stage: Scene, setting: str) -> None:
    word, name, _ = SERVERS[setting]
    stage.meet(server(stage, setting), run.plink(stage))
    found = refused(stage)
    said = " ".join(stage.facts.client_output.split())
    assert " ".join(found.expected_messages["putty_batch"].replace(" / ", " ").split()) in said
    assert f"The first {word} supported by the server is {name}," in said
    line = take(found, f"{setting}=")
    stage.capture = stage.capture.with_name("again.pcap")
    stage.meet(server(stage, setting), loading(stage, line))
    assert stage.facts.client_exit == 0, stage.facts.client_output
    assert session_of(stage).stage == "encrypted"


def test_a_better_offer_of_the_server(stage: Scene) -> None:
    stage.meet(server(stage, "KEX"), run.plink(stage))
    lines = [r.command.replace(" ", "=", 1) for r in refused(stage).remedies if r.side == "server" and r.command]
    stage.capture = stage.capture.with_name("again.pcap")
    stage.meet(run.sshd(stage, *lines), run.plink(stage))
    assert stage.facts.client_exit == 0, stage.facts.client_output


def test_the_panels_only_order(stage: Scene) -> None:
    """What no setting brings: whatever stands there, PuTTY offers the same names."""
    offers = []
    for number, lines in enumerate(((), ("KEX=rsa,WARN,ecdh", "Cipher=3des,WARN,aes", "HostKey=rsa,WARN,ed25519"))):
        stage.capture = stage.capture.with_name(f"{number}.pcap")
        # A server without a proposal: what it would choose below WARN makes plink leave, sometimes before it offers.
        stage.meet(run.raw_server("end", r"SSH-2.0-OpenSSH_9.9\r\n"), loading(stage, *lines))
        offer = session_of(stage).client.kexinit
        assert offer is not None
        offers.append(offer)
    plain, ordered = offers
    assert plain.kex_algorithms != ordered.kex_algorithms
    for name in ("kex_algorithms", "server_host_key_algorithms", "encryption_algorithms_client_to_server"):
        # ext-info-c and the like stand in either; the order differs.
        assert sorted(getattr(plain, name)) == sorted(getattr(ordered, name)), name
