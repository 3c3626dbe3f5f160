"""A ticket bundle: all its files, their truth, and what is asked for by what was found."""

import hashlib
import io
import json
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import sshpcap
from sshpcap.report.checklist import _BY_CAUSE, checklist
from sshpcap.report.view import Options
from sshpcap.rules import RULES
from tests.golden import ROOT, run
from tests.support.hostile import hostile_flows
from tests.support.sessions import write_pcap

SAMPLE = ROOT / "samples" / "host-key-changed-openssh" / "capture.pcap"
NAMES = {"report.html", "report.md", "timeline.txt", "report.json", "handshake.pcapng", "checklist.md"}


def test_a_directory_with_everything(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    printed, code = run(["ticket", str(SAMPLE), "-o", str(folder)])
    assert code == 0
    assert "report.html" in printed
    assert {path.name for path in folder.iterdir()} == NAMES
    page = (folder / "checklist.md").read_text()
    assert hashlib.sha256(SAMPLE.read_bytes()).hexdigest() in page
    assert "sshpcap ticket capture.pcap -o bundle" in page
    assert "ssh-keygen -l -F 203.0.113.7" in page
    assert json.loads((folder / "report.json").read_text())["sessions"][0]["outcome"] == "failed"
    whole, part = sshpcap.analyze(SAMPLE), sshpcap.analyze(folder / "handshake.pcapng")
    assert [s.verdict.cause for s in whole.sessions] == [s.verdict.cause for s in part.sessions]
    timeline = (folder / "timeline.txt").read_text()
    assert timeline.isascii()
    assert "acknowledges (ACK)" in timeline
    # Where the capture lay is nobody's business.
    assert all(str(ROOT).encode() not in path.read_bytes() for path in folder.iterdir())


def test_a_zip_is_the_same_and_has_the_same_octets(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for place in "ab":
        assert run(["ticket", str(SAMPLE), "-o", str(tmp_path / place / "t.zip")])[1] == 0
    first, second = ((tmp_path / place / "t.zip").read_bytes() for place in "ab")
    assert first == second
    assert set(zipfile.ZipFile(io.BytesIO(first)).namelist()) == NAMES


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on the size of files")
@pytest.mark.parametrize("name", ["bundle", "bundle.zip", "there"])
def test_half_a_ticket_is_none(name: str, tmp_path: Path) -> None:
    """Where there is no room for all of it nothing stays behind, and what was there before does."""
    (tmp_path / "there").mkdir()
    command = shlex.join([sys.executable, "-m", "sshpcap", "ticket", str(SAMPLE), "-o", str(tmp_path / name)])
    limited = ["bash", "-c", f"ulimit -f 12; exec {command}"]
    done = subprocess.run(limited, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]


def test_a_name_in_capitals_is_an_archive_too(tmp_path: Path) -> None:
    assert run(["ticket", str(SAMPLE), "-o", str(tmp_path / "TICKET.ZIP")])[1] == 0
    assert zipfile.is_zipfile(tmp_path / "TICKET.ZIP")


def test_nothing_is_written_over(tmp_path: Path) -> None:
    assert run(["ticket", str(SAMPLE), "-o", str(tmp_path / "t.zip")])[1] == 0
    printed, code = run(["ticket", str(SAMPLE), "-o", str(tmp_path / "t.zip")])
    assert code == 2
    assert "is there already" in printed
    assert run(["ticket", str(SAMPLE), "-o", str(tmp_path / "no" / "t.zip")])[1] == 2
    assert run(["ticket", "-", "-o", str(tmp_path / "u.zip")])[1] == 2
    assert run(["ticket", str(SAMPLE), "-c", "9", "-o", str(tmp_path / "u.zip")])[1] == 2


@pytest.mark.parametrize("path", sorted((ROOT / "samples").glob("*/capture.pcap")), ids=lambda path: path.parent.name)
def test_every_failure_asks_for_something(path: Path) -> None:
    report = sshpcap.analyze(path)
    sections = checklist(report, Options())
    asked = {section.cause for section in sections}
    assert all(s.verdict.cause in asked for s in report.sessions if s.outcome not in ("encrypted", "incomplete"))
    assert all(section.items for section in sections)
    assert not any(word in (item.command or "") for s in sections for item in s.items for word in ("ADDRESS", "FROM"))


def test_the_rows_name_findings() -> None:
    assert set(_BY_CAUSE) <= {rule.id for rule in RULES}


@pytest.mark.parametrize("name", dict(hostile_flows()))
def test_a_hostile_peer(name: str, tmp_path: Path) -> None:
    capture = write_pcap(tmp_path / "x.pcap", dict(hostile_flows())[name])
    assert run(["ticket", str(capture), "-o", str(tmp_path / "t")])[1] == 0
    for path in (tmp_path / "t").glob("*.[tm][xd]*"):
        assert all(c.isprintable() or c == "\n" for c in path.read_text())
