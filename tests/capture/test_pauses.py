"""Pipes that pause: what has been written is shown meanwhile, and nothing else changes."""

import bz2
import gzip
import lzma
import os
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import zstandard

from sshpcap import limits
from sshpcap.analyzer import Analyzer
from sshpcap.capture import open_capture
from sshpcap.capture.errors import Notices
from sshpcap.capture.merge import Captures
from sshpcap.capture.snoop import SnoopReader
from sshpcap.capture.window import Window
from tests.capture.test_sources import _Standard, writer
from tests.support.blocks import Dribble, Row, read_octets, rows_of
from tests.support.captures import SAMPLES, Recorded, pcap, pcapng, snoop

Compress = Callable[[bytes], bytes]
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


def test_files_do_not_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IDLE_SECONDS", 0)
    (tmp_path / "file").write_bytes(PCAP)
    (tmp_path / "compressed").write_bytes(gzip.compress(PCAP))
    for name in ("file", "compressed"):
        with open_capture(str(tmp_path / name)) as source:
            assert all(len(block.number) for block in source.blocks())


# --- compressed pipes ------------------------------------------------------------------------------------------------


def _gzip() -> tuple[Compress, Compress]:
    one = zlib.compressobj(wbits=31)
    return lambda octets: one.compress(octets) + one.flush(zlib.Z_SYNC_FLUSH), lambda _: one.flush()


def _zstd() -> tuple[Compress, Compress]:
    one = zstandard.ZstdCompressor().compressobj()
    return (
        lambda octets: one.compress(octets) + one.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK),
        lambda _: one.flush(),
    )


def _members(compress: Compress) -> Callable[[], tuple[Compress, Compress]]:
    """These cannot be flushed in between; a file may have several members."""
    return lambda: (compress, lambda _: b"")


STREAMS = {
    "gzip": _gzip,
    "zstd": _zstd,
    "bzip2": _members(bz2.compress),
    "xz": _members(lzma.compress),
    "lz4": _members(import_module("lz4.frame").compress),
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("cut", [400, 1001])
def test_a_compressed_pipe_that_pauses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, cut: int) -> None:
    """What the compressor has let go is shown meanwhile."""
    monkeypatch.setattr(limits, "IDLE_SECONDS", 0.05)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    go_on = threading.Event()
    some, end = STREAMS[name]()

    def pieces() -> Iterator[bytes]:
        yield some(PCAP[:cut])
        assert go_on.wait(10)
        yield some(PCAP[cut:])
        yield end(b"")

    there = len(in_memory(PCAP[:cut]))
    with writer(path, pieces()), open_capture(str(path)) as source:
        rows: list[Row] = []
        pauses = 0
        for block in source.blocks():
            rows += rows_of(block)
            if not len(block.number) and len(rows) == there:
                pauses += 1
                if pauses == 3:
                    go_on.set()
        assert pauses >= 3
        assert rows == in_memory(PCAP)
        capture = source.describe()
    assert (capture.compression, capture.notices) == (name, ())


def test_a_compressed_pipe_that_nobody_wants_any_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread ends when the writer goes on, and closes the pipe."""
    monkeypatch.setattr(limits, "IDLE_SECONDS", 0.05)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    go_on = threading.Event()
    begun = threading.active_count()
    some, _ = _gzip()

    def pieces() -> Iterator[bytes]:
        yield some(PCAP)
        assert go_on.wait(10)

    with writer(path, pieces()):
        source = open_capture(str(path))
        next(source.blocks())
        source.close()
        go_on.set()
    for thread in threading.enumerate():
        if thread.daemon and thread is not threading.current_thread():
            thread.join(5)
    assert threading.active_count() <= begun


def test_a_compressed_pipe_that_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    whole = gzip.compress(PCAP)
    with writer(path, [whole[:-8] + bytes(8)]), open_capture(str(path)) as source:
        assert sum(len(block.number) for block in source.blocks()) == len(FRAMES)
        assert [notice.code for notice in source.describe().notices] == ["compression-damaged"]
