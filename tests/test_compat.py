"""`sshpcap compat`: who can connect with default settings."""

import json
import re
from pathlib import Path

import pytest

from sshpcap.ssh.defaults import defaults
from tests.golden import ROOT, run
from tests.support.sessions import closed, greeted, proposed, write_pcap

GROUP14 = str(ROOT / "samples" / "no-common-kex-openssh" / "capture.pcap")


def told(printed: str, program: str) -> tuple[str, str]:
    """Whether a program can, and what is said of it."""
    groups = re.findall(r"^  (yes|no ) {1,2}(\S.*(?:\n {7}\S.*)*)((?:\n {9}\S.*)+)", printed, re.MULTILINE)
    (found,) = [
        (sign.strip(), " ".join(why.split())) for sign, names, why in groups if program in " ".join(names.split())
    ]
    return found[0].strip(), " ".join(found[1].split())


@pytest.mark.parametrize("columns", [80, 160])
def test_who_can_connect(columns: int) -> None:
    printed, code = run(["compat", GROUP14], columns)
    assert code == 0
    assert max(map(len, printed.splitlines())) <= columns
    server, client = printed.split("Client 192.0.2.10")
    assert "Server 203.0.113.7:22" in server
    agreed = "diffie-hellman-group14-sha1, ssh-ed25519, chacha20-poly1305@openssh.com"
    assert told(server, "OpenSSH 7.6–7.7, 7.8–8.1") == ("yes", agreed)
    blocker = "first obstacle: no common key exchange method, it offers none of diffie-hellman-group14-sha1"
    assert told(server, "OpenSSH 8.2–8.7") == ("no", blocker)
    assert told(server, "paramiko 5.1.0") == ("no", blocker)
    rows = json.loads(run(["compat", "--format", "json", GROUP14])[0])[0]["with"]
    able = [row for row in rows if row["agreed"]]
    assert f"with their default settings: {len(able)} of {len(defaults('client'))}" in server
    sign, reason = told(client, "lsh 2.1")
    assert sign == "no"
    assert reason.endswith("and 7 more; no common host key algorithm and cipher either")


def test_json() -> None:
    printed, code = run(["compat", "--format", "json", GROUP14])
    assert code == 0
    server, client = json.loads(printed)
    assert (server["role"], server["address"], server["port"]) == ("server", "203.0.113.7", 22)
    assert len(server["with"]) == len(defaults("client"))
    assert len(client["with"]) == len(defaults("server"))
    assert all(row["agreed"] == (not row["failed"]) for row in server["with"])


def test_without_a_proposal(tmp_path: Path) -> None:
    capture = write_pcap(tmp_path / "capture.pcap", closed(greeted()))
    assert run(["compat", str(capture)]) == ("No proposal (SSH_MSG_KEXINIT) is in the capture.\n", 0)


def test_text_of_a_peer_cannot_act(tmp_path: Path) -> None:
    flow = proposed(server={"kex_algorithms": "\x1b[31mred,[link=x]"})
    printed, _ = run(["compat", str(write_pcap(tmp_path / "capture.pcap", closed(flow)))])
    assert "\x1b" not in printed
    assert "\\x1b[31mred" in printed
