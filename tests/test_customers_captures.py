"""Captures as customers send them: what loses nothing changes no verdict, and what loses something invents nothing.

The transformations are those of editcap, mergecap, tcpdump's options and filters, mirrors and tunnels
(`tests/support/transforms.py`), over every sample that is Ethernet.
"""

from pathlib import Path
from typing import Any

import pytest

import sshpcap
from sshpcap.capture import open_capture
from sshpcap.model import Report
from tests.support.captures import SAMPLES, Recorded, pcap, sampled
from tests.support.transforms import KEEPS_ALL, LOSES
from tests.support.worse import contradictions

CAPTURES = sorted(SAMPLES.glob("*/capture.pcap*"))
SILENCE = {
    "server-closed-before-identification",
    "client-closed-before-identification",
    "health-check-or-scan",
    "handshake-not-completed",
    "half-open-scan",
}
"""Findings that rest on nothing having been said."""


def _frames(capture: Path) -> list[Recorded]:
    frames = []
    with open_capture(str(capture)) as source:
        for block in source.blocks():
            if any(link != 1 for link in block.link_type):
                pytest.skip("only Ethernet is rewritten here")
            rows = range(len(block.number))
            frames += [
                Recorded(bytes(block.frame(row)), int(block.time[row]), int(block.original[row])) for row in rows
            ]
    return frames


def _said(report: Report) -> list[Any]:
    return [
        (s.client.address, s.client.port, s.outcome, s.stage, s.verdict.cause, s.verdict.confidence,
         s.close.how, s.close.by, s.close.confidence, [(f.id, f.confidence) for f in s.findings])
        for s in report.sessions
    ]  # fmt: skip


def _without_icmp(whole: Report, what: str) -> bool:
    """Where an ICMP error told it and is left out, the findings say that one may be missing, and no more."""
    told = any(session.tcp.icmp for session in whole.sessions)
    return told and what.startswith(("no-answer-to-syn: ", "peer-vanished: "))


def _says_less(whole: Report, what: str) -> bool:
    """That large segments did not get through for a while is true of a path that carries only small ones, too."""
    known = {finding.id for session in whole.sessions for finding in session.findings}
    over = what.startswith("peer-vanished: ") and what.endswith("Then the connection went on.")
    return over and "path-mtu-black-hole" in known


@pytest.mark.parametrize("capture", sampled(CAPTURES, ours=2), ids=lambda path: path.parent.name)
def test_what_customers_do_to_a_capture(capture: Path, tmp_path: Path) -> None:
    frames, wrong = _frames(capture), []
    whole = sshpcap.analyze(capture)
    file = tmp_path / "capture"
    for name, change in KEEPS_ALL.items():
        file.write_bytes(change(frames))
        if _said(sshpcap.analyze(file)) != _said(whole):
            wrong.append(f"{name}: {_said(sshpcap.analyze(file))}")
    for name, change in LOSES.items():
        file.write_bytes(change(frames))
        worse = sshpcap.analyze(file)
        wrong += [
            f"{name}: {what}"
            for what in contradictions(whole, worse)
            if not _without_icmp(whole, what) and not _says_less(whole, what)
        ]
        if name.startswith("only SYN"):
            known = {finding.id for session in whole.sessions for finding in session.findings}
            told = {finding.id for session in worse.sessions for finding in session.findings}
            wrong += [f"{name}: {what}" for what in (told - known) & SILENCE]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("snaplen", [58, 64])
def test_an_icmp_error_that_was_cut_before_the_ports_may_be_the_answer(snaplen: int, tmp_path: Path) -> None:
    cut = [frame._replace(octets=frame.octets[:snaplen]) for frame in _frames(SAMPLES / "icmp-rejected/capture.pcap")]
    path = tmp_path / "cut.pcap"
    path.write_bytes(pcap(cut))
    (session,) = sshpcap.analyze(str(path)).sessions
    finding = session.findings[0]
    assert (finding.id, finding.confidence, session.outcome) == ("no-answer-to-syn", "low", "incomplete")
    assert "Frame 4 is an ICMP error to the client, cut short" in finding.summary


def test_an_icmp_error_that_was_cut_is_no_answer_to_what_came_later_or_went_elsewhere(tmp_path: Path) -> None:
    frames = _frames(SAMPLES / "icmp-rejected/capture.pcap")
    error = frames[3]._replace(octets=frames[3].octets[:58])
    path = tmp_path / "cut.pcap"
    path.write_bytes(pcap([error, *frames[:3]]))
    (earlier,) = sshpcap.analyze(str(path)).sessions
    elsewhere = bytearray(error.octets)
    elsewhere[57] ^= 1  # the last octet of the address to which the quoted packet went
    path.write_bytes(pcap([*frames[:3], error._replace(octets=bytes(elsewhere))]))
    (other,) = sshpcap.analyze(str(path)).sessions
    assert [session.verdict.confidence for session in (earlier, other)] == ["high", "high"]
