"""The writer of pcapng: what it writes is read as it was meant, by ourselves and by others."""

import io
import json
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from sshpcap.capture.writer import PcapngWriter
from tests.support.blocks import read_file

START = 1_700_000_000_123_456_789
LATER = START + 60_000_000_000


def written(comment: str = "section", *, comments: tuple[str, ...] = ()) -> bytes:
    out = io.BytesIO()
    writer = PcapngWriter(out, comment=comment, program="test", link_types=(1, 276))
    writer.frame(b"a" * 61, START, original=61)
    writer.frame(b"b" * 70, START + 1, original=1500, interface=1, comments=comments)
    writer.statistics(end_time=LATER, drops=7)
    return out.getvalue()


def test_frames_are_read_as_they_were_given(tmp_path: Path) -> None:
    path = tmp_path / "some.pcapng"
    path.write_bytes(written())
    rows, capture = read_file(path)
    assert [(row.time, row.link_type, row.original, bytes(row.octets)) for row in rows] == [
        (START, 1, 61, b"a" * 61),
        (START + 1, 276, 1500, b"b" * 70),
    ]
    assert capture.notices == ()
    assert capture.last_time is not None
    assert capture.last_time.ns == LATER, "the capture went on behind its last frame"
    assert capture.interface_drops == 7


def test_a_comment_that_is_too_long_is_cut_between_characters() -> None:
    octets = written("x" * 100_000, comments=("é" * 40_000, "another"))
    assert len(octets) % 4 == 0
    at = octets.index("é".encode()) - 4
    code, length = struct.unpack_from("<HH", octets, at)
    assert code == 1
    assert 0xFFFF - 8 < length <= 0xFFFF
    assert set(octets[at + 4 : at + 4 + length].decode()) == {"é"}
    assert b"another" in octets


@pytest.mark.skipif(not shutil.which("tshark"), reason="no tshark")
def test_wireshark_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "some.pcapng"
    path.write_bytes(written(comments=("one: ü", "two")))
    shown = subprocess.run(
        ["tshark", "-r", path, "-T", "json", "-e", "frame.time_epoch", "-e", "frame.len", "-e", "frame.cap_len",
         "-e", "frame.comment", "-e", "frame.interface_id"],
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    first, second = (packet["_source"]["layers"] for packet in json.loads(shown.stdout))
    assert first["frame.time_epoch"] == ["1700000000.123456789"]
    assert (second["frame.len"], second["frame.cap_len"]) == (["1500"], ["70"])
    assert second["frame.comment"] == ["one: ü", "two"]
    assert (first["frame.interface_id"], second["frame.interface_id"]) == (["0"], ["1"])
