"""The order of an OpenSSH client's host key algorithms, held against a real ssh that knows certain keys."""

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from sshpcap.model import KexInit
from sshpcap.ssh.cut import Cutter
from sshpcap.ssh.known_types import known_types
from sshpcap.ssh.messages import parse
from tests.support.keys import WITH_SSH_KEYGEN, make_key
from tests.support.proposals import RECORDED, proposal


@pytest.mark.parametrize("row", [r for r in RECORDED if r["side"] == "client"], ids=lambda r: r["ident"].split()[0])
def test_default_orders_tell_nothing(row: dict[str, str]) -> None:
    program = "OpenSSH" if "OpenSSH" in row["ident"] else "another"
    found = known_types(proposal("client", row["ident"]), program, None)
    assert found is None or (found.types, found.confidence) == ((), "low")


def _proposed_by_ssh(folder: Path, known: list[str]) -> KexInit:
    """The proposal of a real ssh that knows these keys for a listener on the loopback interface."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        (folder / "known").write_text("".join(f"[127.0.0.1]:{port} {key}\n" for key in known))
        process = subprocess.Popen(
            ["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={folder / 'known'}",
             "-o", "GlobalKnownHostsFile=none", "-p", str(port), "nobody@127.0.0.1"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        listener.settimeout(10)
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(10)
            peer.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            got, cutter = b"", Cutter(anchored=True)
            while len(cutter.units) < 2:
                got += peer.recv(65536)
                cutter.advance(got)
        process.wait(20)
    unit = cutter.units[1]
    proposal = parse(got[unit.payload_start : unit.payload_end]).value
    assert isinstance(proposal, KexInit)
    return proposal


@pytest.mark.skipif(not shutil.which("ssh") or not WITH_SSH_KEYGEN, reason="no ssh")
@pytest.mark.parametrize(
    "known, told",
    [
        ((), ()), (("ed25519",), ()), (("rsa",), ("rsa",)), (("ecdsa",), ("ecdsa",)),
        (("ecdsa", "rsa"), ("ecdsa", "rsa")),
    ],
)  # fmt: skip
def test_a_real_ssh(tmp_path: Path, known: tuple[str, ...], told: tuple[str, ...]) -> None:
    keys = [make_key(tmp_path, kind, kind) for kind in known]
    found = known_types(_proposed_by_ssh(tmp_path, keys), "OpenSSH", "9.2p1")
    assert found is not None
    assert found.types == told
    assert found.confidence == ("medium" if told else "low")
