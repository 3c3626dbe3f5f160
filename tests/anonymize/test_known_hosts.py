"""What the user's own files say is under pseudonym too: names, paths, and keys that no server showed."""

from pathlib import Path

import pytest

import sshpcap
from tests.golden import ROOT, run

SAMPLE = ROOT / "samples" / "ok-openssh" / "capture.pcap"
OTHER = ROOT / "samples" / "host-key-refused-by-user-openssh" / "capture.pcap"


@pytest.mark.parametrize("form", ["json", "text", "markdown", "plain", "html"])
@pytest.mark.parametrize("shown", [SAMPLE, OTHER], ids=["match", "changed"])
def test_names_and_paths_of_the_users_files(form: str, shown: Path, tmp_path: Path) -> None:
    (session,) = sshpcap.analyze(SAMPLE).sessions
    assert session.host_key is not None
    line = session.host_key.known_hosts_line
    assert line is not None
    key = line.split(" ", 1)[1]
    folder = tmp_path / "customer"
    folder.mkdir()
    known = folder / "known_hosts"
    known.write_text(f"gate.example.org,other.example.org {key}\n")
    server = session.server.address
    words = ["--known-hosts", str(known), "--name", f"{server}=gate.example.org", "--format", form, str(shown)]
    plain = run(["-c", "1", *words])[0]
    assert "gate.example.org" in plain
    hidden = run(["-c", "1", "--anonymize-keys", *words])[0]
    for secret in ("example.org", "customer", key.split()[1], session.host_key.sha256, server):
        assert secret not in hidden, secret
