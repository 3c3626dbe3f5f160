"""What the user names: files, pipes and standard input, and what is said when it is not a capture."""

import bz2
import gzip
import io
import lzma
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sshpcap.capture import CaptureError, open_capture
from tests.support.blocks import read_file, read_octets
from tests.support.captures import ORDERS, PCAP_VARIANTS, Order, Pcapng, Recorded, pcap, pcapng

FRAMES = [Recorded(bytes([number]) * (number * 7), 1_700_000_000 * 10**9 + number) for number in range(60)]
PCAP = pcap(FRAMES, variant="nanoseconds")
ROWS = read_octets(PCAP).rows


# --- what is told of a capture ---------------------------------------------------------------------------------------


def test_describe(tmp_path: Path) -> None:
    path = tmp_path / "c"
    file = Pcapng().section().interface(1, 96, tsresol=9).interface(113, 64, tsresol=9)
    file.enhanced(b"late", 2000, original=100).enhanced(b"early", 1000, interface=1).enhanced(b"last", 1500)
    path.write_bytes(bytes(file.statistics(0, ifdrop=4)))
    with open_capture(str(path)) as source:
        assert source.size == len(path.read_bytes())
        empty = source.describe()
        assert (empty.frames, empty.first_time, empty.last_time) == (0, None, None)
        for _ in source.blocks():
            pass
        capture = source.describe()
        assert source.position == source.size
    assert (capture.path, capture.format, capture.compression) == (str(path), "pcapng", None)
    assert (capture.frames, capture.bytes, capture.truncated_frames) == (3, 13, 1)
    assert capture.first_time is not None
    assert capture.last_time is not None
    assert (capture.first_time.ns, capture.last_time.ns) == (1000, 2000)
    assert (capture.snaplen, capture.link_types, capture.interface_drops) == (96, (1, 113), 4)


def test_no_snaplen_is_told_as_none(tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_bytes(bytes(Pcapng().section().interface(1, 0).enhanced(b"x", 1)))
    assert read_file(path)[1].snaplen is None


def test_leaving_closes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_bytes(PCAP)
    with open_capture(str(path)) as source:
        blocks = source.blocks()
        next(blocks)
    with pytest.raises(ValueError, match="closed file"):
        _ = source.position


# --- the same frames in every format ---------------------------------------------------------------------------------

COARSE = [frame._replace(time=frame.time // 1000 * 1000) for frame in FRAMES]


def _as_pcapng(order: Order, tsresol: int | None, unit: int, offset: int) -> bytes:
    file = Pcapng(order).section().interface(1, 0, tsresol=tsresol, tsoffset=offset)
    for frame in COARSE:
        ticks = (frame.time - offset * 10**9) * unit
        assert ticks % 10**9 == 0
        file.enhanced(frame.octets, ticks // 10**9, original=frame.length)
    return bytes(file)


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("order", ORDERS)
def test_the_same_frames(tmp_path: Path, order: Order, compress: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "c"
    every = [pcap(COARSE, order=order, variant=variant) for variant in PCAP_VARIANTS]
    for tsresol, unit in ((None, 10**6), (6, 10**6), (9, 10**9), (10, 10**10)):
        every += [_as_pcapng(order, tsresol, unit, offset) for offset in (0, 1_600_000_000, -7)]
    for octets in every:
        path.write_bytes(compress(octets))
        assert read_file(path)[0] == read_octets(pcap(COARSE)).rows


# --- pipes -----------------------------------------------------------------------------------------------------------


@contextmanager
def writer(pipe: int | Path, pieces: Iterable[bytes]) -> Iterator[None]:
    """Writes to a pipe beside the test."""

    def write() -> None:
        with open(pipe, "wb", buffering=0) as file:
            for piece in pieces:
                file.write(piece)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        thread.join()


class _Standard(io.StringIO):
    """A standard input with a descriptor."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor


def singly(octets: bytes) -> list[bytes]:
    return [bytes([octet]) for octet in octets]


def whole(octets: bytes) -> list[bytes]:
    return [octets]


@pytest.mark.parametrize("split", [whole, singly])
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_standard_input(
    monkeypatch: pytest.MonkeyPatch, split: Callable[[bytes], list[bytes]], compress: Callable[[bytes], bytes]
) -> None:
    reading, writing = os.pipe()
    monkeypatch.setattr(sys, "stdin", _Standard(reading))
    with writer(writing, split(compress(PCAP))):
        rows, capture = read_file("-")
    assert rows == ROWS
    assert (capture.path, capture.notices) == ("-", ())
    os.close(reading)  # it was left open


def test_standard_input_that_is_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_bytes(PCAP)
    with path.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", _Standard(file.fileno()))
        assert read_file("-")[0] == ROWS


def test_standard_input_that_is_no_capture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(CaptureError, match="-: standard input is closed"):
        open_capture("-")
    descriptor = os.open(tmp_path, os.O_RDONLY)
    monkeypatch.setattr(sys, "stdin", _Standard(descriptor))
    with pytest.raises(CaptureError, match="-: is a directory"):
        open_capture("-")
    os.close(descriptor)


@pytest.mark.parametrize("split", [whole, singly])
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_named_pipe(tmp_path: Path, split: Callable[[bytes], list[bytes]], compress: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with writer(path, split(compress(PCAP))), open_capture(str(path)) as source:
        assert source.size == 0
        assert source.position == 0
        assert sum(len(block.number) for block in source.blocks()) == len(FRAMES)


@pytest.mark.parametrize("octets", [PCAP, pcapng(FRAMES)], ids=["pcap", "pcapng"])
@pytest.mark.parametrize("first", [30, 1000])
def test_frames_come_while_the_pipe_is_open(monkeypatch: pytest.MonkeyPatch, octets: bytes, first: int) -> None:
    """tcpdump -w - | sshpcap -: what has been written is shown, though the pipe is silent after it."""
    reading, writing = os.pipe()
    monkeypatch.setattr(sys, "stdin", _Standard(reading))
    waited = threading.Event()

    def give_up() -> None:
        """Ends the test where it would wait for ever."""
        waited.set()
        os.close(writing)

    watchdog = threading.Timer(10, give_up)
    watchdog.start()
    os.write(writing, octets[:first])
    source = open_capture("-")
    blocks, seen = source.blocks(), 0
    for piece in (b"", octets[first:]):
        os.write(writing, piece)
        there = len(read_octets(octets[: first + len(piece)]).rows)
        while seen < there:
            seen += len(next(blocks).number)
    watchdog.cancel()
    assert not waited.is_set()
    assert seen == len(FRAMES)
    os.write(writing, b"half a one")
    os.close(writing)
    assert list(blocks) == []
    assert [notice.code for notice in source.describe().notices][-1:] == ["cut-off"]
    os.close(reading)


def test_a_pipe_that_does_not_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that share a terminal or a pipe can set it non-blocking for all."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    monkeypatch.setattr(sys, "stdin", _Standard(reading))
    with writer(writing, singly(PCAP)):
        assert read_file("-")[0] == ROWS
    os.close(reading)


# --- what is not a capture -------------------------------------------------------------------------------------------


NO_CAPTURE = "not a capture file (neither pcap, pcapng nor snoop): it begins like "


@pytest.mark.parametrize(
    "octets, what",
    [
        (b"", "the file is empty"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", NO_CAPTURE + "a JPEG image"),
        (b"\x89PNG\r\n\x1a\n", NO_CAPTURE + "a PNG image"),
        (b"%PDF-1.7", NO_CAPTURE + "a PDF document"),
        (b"PK\x03\x04\x14\x00", NO_CAPTURE + "a zip archive"),
        (b"\x7fELF\x02\x01", NO_CAPTURE + "an ELF program"),
        (b"12:00:00.1 IP 192.0.2.1 > \n", NO_CAPTURE + "a text file"),
        (b"\x00\x01\x02\x03\x04\x05\x06\x07\x08", NO_CAPTURE + "none "
         "that is known (first octets 00 01 02 03 04 05 06 07)"),
        (b"\xd4\xc3\xb2", NO_CAPTURE + "none "
         "that is known (first octets d4 c3 b2)"),
    ],
)  # fmt: skip
def test_what_it_is_instead(tmp_path: Path, octets: bytes, what: str) -> None:
    path = tmp_path / "capture.pcap"
    path.write_bytes(octets)
    with pytest.raises(CaptureError) as error:
        open_capture(str(path))
    assert (error.value.what, error.value.where, error.value.offset) == (what, str(path), 0)
    assert str(error.value) == f"{path}: {what} (at byte 0)"


def test_headers_that_are_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "capture.pcap"
    path.write_bytes(PCAP[:10])
    with pytest.raises(CaptureError) as error:
        open_capture(str(path))
    assert str(error.value) == f"{path}: the pcap file header is cut off: 10 of 24 octets (at byte 10)"
    path.write_bytes(bytes(Pcapng().section())[:20])
    with pytest.raises(CaptureError) as error:
        open_capture(str(path))
    assert str(error.value) == f"{path}: the pcapng section header is cut off: 20 of 28 octets (at byte 20)"


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    def said(path: object) -> str:
        with pytest.raises(CaptureError) as error:
            open_capture(str(path))
        assert error.value.offset is None
        assert error.value.where == str(path)
        return error.value.what

    assert said(tmp_path / "missing") == "no such file"
    assert said(tmp_path) == "is a directory; name a capture file in it"
    assert said("null\x00inside") == "embedded null byte"
    (tmp_path / "file").write_bytes(b"")
    assert said(tmp_path / "file" / "below") == "not a directory"
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert said(tmp_path / "loop") == "too many levels of symbolic links"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        assert said(tmp_path / "socket") == "no such device or address"


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_bytes(PCAP)
    ask = os.stat

    def refuse(path: str) -> os.stat_result:
        if str(path).endswith("secret"):
            raise PermissionError(13, "Permission denied", path)
        return ask(path)

    monkeypatch.setattr(os, "stat", refuse)
    with pytest.raises(CaptureError, match="secret: permission denied"):
        open_capture(str(tmp_path / "secret"))


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that opens and cannot be read (Linux)")
def test_a_file_that_fails_at_the_first_read() -> None:
    with pytest.raises(CaptureError) as error:
        open_capture("/proc/self/mem")
    assert error.value.what == "input/output error"


def test_a_file_that_fails_later(tmp_path: Path) -> None:
    """A disk or a network file system may give up in the middle: what was read before counts."""
    path = tmp_path / "c"
    frames = [Recorded(bytes(10_000))] * 1000
    path.write_bytes(pcap(frames))
    with open_capture(str(path)) as source, (tmp_path / "other").open("wb") as unreadable:
        blocks = source.blocks()
        seen = len(next(blocks).number)
        os.dup2(unreadable.fileno(), source._file.fileno())
        seen += sum(len(block.number) for block in blocks)
        notices = {notice.code: notice.text for notice in source.describe().notices}
    assert 0 < seen < len(frames)
    assert set(notices) == {"read-error", "cut-off"}
    assert "bad file descriptor" in notices["read-error"]


def test_no_file_stays_open_behind_an_error(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"text")
    for _ in range(5):
        with pytest.raises(CaptureError):
            open_capture(str(path))
    assert not [warning for warning in recwarn if warning.category is ResourceWarning]
