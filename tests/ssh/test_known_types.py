"""The order of a client's host key algorithms, held against a real ssh, plink and asyncssh that know certain keys."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sshpcap.model import KexInit
from sshpcap.ssh.cut import Cutter
from sshpcap.ssh.implementations import recognise
from sshpcap.ssh.known_types import known_types
from sshpcap.ssh.messages import parse
from tests.ssh.test_known_hosts import putty_row
from tests.support.keys import WITH_SSH_KEYGEN, make_key, public
from tests.support.proposals import RECORDED, offer, proposal


@pytest.mark.parametrize("row", [r for r in RECORDED if r["side"] == "client"], ids=lambda r: r["ident"].split()[0])
def test_default_orders_tell_nothing(row: dict[str, str]) -> None:
    program, _ = recognise(row["ident"].split("-", 2)[2].split()[0])
    found = known_types(proposal("client", row["ident"]), program, None)
    assert found is None or (found.types, found.confidence) == ((), "low")


def _ssh(folder: Path, port: int, known: tuple[str, ...]) -> list[str]:
    """A real ssh that knows these keys for the listener."""
    keys = [public(folder, name) for name in known]
    (folder / "known").write_text("".join(f"[127.0.0.1]:{port} {key}\n" for key in keys))
    return ["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={folder / 'known'}", "-o",
            "GlobalKnownHostsFile=none", "-p", str(port), "nobody@127.0.0.1"]  # fmt: skip


def _plink(folder: Path, port: int, known: tuple[str, ...]) -> list[str]:
    """A real plink with these keys in its cache."""
    rows = [putty_row(folder, name) for name in known]
    (folder / ".putty").mkdir()
    (folder / ".putty" / "sshhostkeys").write_text("".join(f"{k}@{port}:127.0.0.1 {numbers}\n" for k, numbers in rows))
    return ["plink", "-batch", "-ssh", "-P", str(port), "nobody@127.0.0.1"]


def _asyncssh(folder: Path, port: int, known: tuple[str, ...]) -> list[str]:
    """A client made with asyncssh that knows these keys."""
    _ssh(folder, port, known)
    code = (
        "import asyncio, asyncssh, sys\n"
        "async def main():\n"
        "    await asyncssh.connect('127.0.0.1', int(sys.argv[1]), config=None, known_hosts=sys.argv[2],\n"
        "                           username='nobody', client_keys=[], agent_path=None)\n"
        "asyncio.run(main())"
    )
    return [sys.executable, "-c", code, str(port), str(folder / "known")]


def _proposed(
    folder: Path, client: Callable[[Path, int, tuple[str, ...]], list[str]], known: tuple[str, ...]
) -> KexInit:
    """The proposal of a real client that knows these keys for a listener on the loopback interface."""
    for kind in known:
        make_key(folder, kind, kind, *(("-b", "384") if kind == "ecdsa" else ()))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen(
            client(folder, listener.getsockname()[1], known), env={"HOME": str(folder), "PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        listener.settimeout(20)
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
    found = known_types(_proposed(tmp_path, _ssh, known), "OpenSSH", "9.2p1")
    assert found is not None
    assert found.types == told
    assert found.confidence == ("medium" if told else "low")


@pytest.mark.skipif(not shutil.which("plink") or not WITH_SSH_KEYGEN, reason="no plink")
@pytest.mark.parametrize(
    "known", [(), ("ed25519",), ("rsa",), ("ecdsa",), ("ecdsa", "rsa"), ("ed25519", "rsa"), ("ed25519", "ecdsa", "rsa")]
)
def test_a_real_plink(tmp_path: Path, known: tuple[str, ...]) -> None:
    found = known_types(_proposed(tmp_path, _plink, known), "PuTTY", "0.78")
    assert found is not None
    assert found.types == known
    assert found.confidence == ("medium" if known else "low")


@pytest.mark.skipif(not WITH_SSH_KEYGEN, reason="no ssh-keygen")
@pytest.mark.parametrize("known", [("ed25519",), ("rsa",), ("ecdsa", "rsa")])
def test_a_real_asyncssh(tmp_path: Path, known: tuple[str, ...]) -> None:
    pytest.importorskip("asyncssh")
    found = known_types(_proposed(tmp_path, _asyncssh, known), "AsyncSSH", "2.24.1")
    assert found is not None
    assert (found.types, found.confidence) == (known, "medium")


def test_names_that_putty_does_not_have_tell_nothing() -> None:
    assert known_types(offer(server_host_key_algorithms="of-tomorrow,ssh-rsa"), "PuTTY", "0.99") is None
