"""Pipes that pause: what has been written is shown meanwhile, and nothing else changes."""

import gzip
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sshpcap import limits
from sshpcap.analyzer import Analyzer
from sshpcap.capture import open_capture
from sshpcap.capture.errors import Notices
from sshpcap.capture.merge import Captures
from sshpcap.capture.snoop import SnoopReader
from sshpcap.capture.window import Window
from tests.capture.test_sources import _Standard, singly, writer
from tests.support.blocks import Dribble, Row, read_octets, rows_of
from tests.support.captures import SAMPLES, Recorded, pcap, pcapng, snoop

FRAMES = [Recorded(bytes([number]) * (number * 7), 1_700_000_000 * 10**9 + number) for number in range(60)]
PCAP = pcap(FRAMES, variant="nanoseconds")


def in_memory(octets: bytes) -> list[Row]:
    if octets.startswith(b"snoop"):
        window = Window(Dribble(octets))
        return [row for block in SnoopReader(window, "memory", Notices()).blocks() for row in rows_of(block)]
    return read_octets(octets).rows


@pytest.mark.parametrize("octets", [PCAP, pcapng(FRAMES), snoop(FRAMES)], ids=["pcap", "pcapng", "snoop"])
@pytest.mark.parametrize("cut", [400, 1001])
def test_a_pipe_that_pauses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, octets: bytes, cut: int) -> None:
    """What is there comes at once; then blocks without frames, until the pipe goes on or ends."""
    monkeypatch.setattr(limits, "IDLE_SECONDS", 0.02)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    go_on = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield octets[:cut]
        assert go_on.wait(10)
        yield octets[cut:]

    there = len(in_memory(octets[:cut]))
    assert there
    with writer(path, pieces()), open_capture(str(path)) as source:
        rows: list[Row] = []
        pauses = 0
        for block in source.blocks():
            rows += rows_of(block)
            if len(block.number):
                continue
            assert {len(column) for column in block[1:]} == {0}
            assert all(column.dtype == np.int64 for column in block[1:])
            assert len(rows) == there
            assert source.describe().frames == there
            pauses += 1
            if pauses == 3:
                go_on.set()
        assert pauses >= 3
        assert rows == in_memory(octets)
        capture = source.describe()
    assert (capture.frames, capture.notices) == (len(rows), ())


def test_a_pipe_that_pauses_before_its_first_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter that nothing passes: the header comes at once, frames perhaps never."""
    monkeypatch.setattr(limits, "IDLE_SECONDS", 0.02)
    reading, writing = os.pipe()
    monkeypatch.setattr(sys, "stdin", _Standard(reading))
    os.write(writing, PCAP[:24])
    source = open_capture("-")
    blocks = source.blocks()
    assert [len(next(blocks).number) for _ in range(3)] == [0, 0, 0]
    assert source.describe().first_time is None
    os.close(writing)
    assert [len(block.number) for block in blocks] == []
    assert (source.describe().frames, source.describe().notices) == (0, ())
    os.close(reading)


def test_a_pipe_that_ends_in_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IDLE_SECONDS", 0.02)
    reading, writing = os.pipe()
    monkeypatch.setattr(sys, "stdin", _Standard(reading))
    os.write(writing, PCAP[:-1])
    with Captures(["-"]) as captures:
        pauses = 0
        for block in captures.blocks():
            pauses += not len(block.number)
            if pauses == 2:
                os.close(writing)
                pauses += 1
        (capture,) = captures.describe()
    assert capture.frames == len(FRAMES) - 1
    assert [notice.code for notice in capture.notices] == ["cut-off"]
    os.close(reading)


def test_the_analyzer_takes_pauses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions are there while the pipe is open, and the same at the end as from the file."""
    monkeypatch.setattr(limits, "IDLE_SECONDS", 0.02)
    sample = SAMPLES / "no-common-kex-openssh" / "capture.pcap"
    octets = sample.read_bytes()
    path = tmp_path / "pipe"
    os.mkfifo(path)
    go_on = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield octets[:-30]
        assert go_on.wait(10)
        yield octets[-30:]

    analyzer, whole = Analyzer(), Analyzer()
    with writer(path, pieces()), open_capture(str(path)) as source:
        for block in source.blocks():
            analyzer.feed(block)
            if not len(block.number):
                assert len(analyzer.sessions()) == 1
                go_on.set()
    with open_capture(str(sample)) as source:
        for block in source.blocks():
            whole.feed(block)
    assert analyzer.sessions() == whole.sessions()


def test_files_and_compressed_pipes_do_not_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IDLE_SECONDS", 0)
    (tmp_path / "file").write_bytes(PCAP)
    with open_capture(str(tmp_path / "file")) as source:
        assert all(len(block.number) for block in source.blocks())
    os.mkfifo(tmp_path / "pipe")
    with writer(tmp_path / "pipe", singly(gzip.compress(PCAP))), open_capture(str(tmp_path / "pipe")) as source:
        assert all(len(block.number) for block in source.blocks())
