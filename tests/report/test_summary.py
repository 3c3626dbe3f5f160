"""--summary: ten thousand connections in a few lines, with true counts; --verbose: no frame left out."""

import re
from pathlib import Path

import msgspec
import pytest

import sshpcap
from sshpcap.model import Report, Session, Timestamp
from sshpcap.report import FORMATS, terminal
from sshpcap.report.view import Options, view
from tests.golden import ROOT, run
from tests.support.replay import SAMPLES, segments_of
from tests.support.sessions import closed, greeted, proposed, report_of

FAILED = ROOT / "samples" / "max-startups" / "capture.pcap"


def _many(count: int) -> Report:
    report = report_of(proposed(client={"kex_algorithms": "a"}, server={"kex_algorithms": "b"}))
    (one,) = report.sessions
    replace = msgspec.structs.replace
    sessions: list[Session] = []
    for index in range(count):
        client = replace(one.client, address=f"192.0.2.{index % 7}", port=1024 + index)
        sessions.append(replace(one, index=index + 1, client=client, start=Timestamp(one.start.ns + index * 10**9)))
    (fine,) = report_of(closed(greeted())).sessions
    return replace(report, sessions=(*sessions, replace(fine, index=count + 1)))


def test_ten_thousand_failures_are_one_group() -> None:
    shown = view(_many(10_000), Options(summary=True))
    big, small = shown.groups
    assert (big.connections, small.connections) == (10_000, 1)
    facts = dict(big.facts)
    assert facts["clients"].startswith("192.0.2.0 (1,429), 192.0.2.1 (1,429), 192.0.2.2 (1,429) and 4 more")
    assert "(2.8 h)" in facts["opened"]
    assert facts["example"].startswith("connection 1: ")
    assert not shown.rows
    assert not shown.details


@pytest.mark.parametrize("form", ["markdown", "plain", "html", "text"])
def test_every_format_has_the_groups(form: str) -> None:
    report, options = _many(10_000), Options(summary=True)
    text = terminal.render(report, options, width=80) if form == "text" else FORMATS[form](report, options)
    assert len(text) < 20_000
    assert re.search(r"10,000 [×x] ", text)
    assert "192.0.2.1" in text


def test_the_command_line() -> None:
    printed, code = run(["--summary", str(FAILED)])
    assert code == 0
    assert "1 × Too many unauthenticated connections" in printed


@pytest.mark.parametrize("path", SAMPLES[::6], ids=lambda path: path.parent.name)
def test_verbose_leaves_no_frame_out(path: Path) -> None:
    report = sshpcap.analyze(str(path))
    numbers = [str(session.index) for session in report.sessions]
    printed, code = run(["-v", *(part for number in numbers for part in ("-c", number)), str(path)])
    assert code == 0
    shown = {int(number) for number in re.findall(r"^ +(\d+)  +\d+\.\d{6} ", printed, flags=re.MULTILINE)}
    assert shown >= {segment.frame for segment in segments_of(path)}


def test_verbose_needs_a_file() -> None:
    assert run(["-v", "-"])[1] == 2


def test_a_narrow_terminal_without_unicode() -> None:
    text = terminal.render(sshpcap.analyze(FAILED), Options(), width=80, encoding="ascii")
    ladder = [line for line in text.splitlines() if re.match(r" +\d+ .*\|$", line)]
    assert ladder
    assert all(line.isascii() for line in ladder)
    assert max(map(len, text.splitlines())) <= 80
