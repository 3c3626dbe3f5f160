"""`sshpcap compat`: who can connect with default settings."""

import json
from pathlib import Path

from sshpcap.ssh.defaults import defaults
from tests.golden import ROOT, run
from tests.support.sessions import closed, greeted, proposed, write_pcap

GROUP14 = str(ROOT / "samples" / "no-common-kex-openssh" / "capture.pcap")


def test_who_can_connect() -> None:
    printed, code = run(["compat", GROUP14])
    assert code == 0
    lines = {line.strip().split("  ")[1].strip(): line for line in printed.splitlines() if line.startswith("  ")}
    server = printed.split("Client 192.0.2.10")[0]
    assert "Server 203.0.113.7:22" in server
    assert "yes  OpenSSH 8.0–8.1" in server
    assert "no   OpenSSH 8.2–8.7" in server
    assert "offers none of diffie-hellman-group14-sha1" in lines["OpenSSH 8.2–8.7"] or "yes" in lines["OpenSSH 8.2–8.7"]
    assert "lsh 2.1" in printed.split("Client 192.0.2.10")[1]


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
