"""snoop files: built from RFC 1761, compared with Wireshark's writer, and every way in which one can be broken."""

import io
import shutil
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import dpkt.snoop
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap import limits
from sshpcap.capture import CaptureError, open_capture
from sshpcap.capture.errors import Notices
from sshpcap.capture.snoop import LINK_TYPES, UNKNOWN_LINK_TYPE, SnoopReader
from sshpcap.capture.window import Window
from tests.support.blocks import Dribble, Row, read_file, rows_of
from tests.support.captures import Recorded, captures_at_hand, name_of, pcap, snoop
from tests.support.captures import snoop_header as header
from tests.support.captures import snoop_record as record

EDITCAP = shutil.which("editcap")
TSHARK = shutil.which("tshark")

FRAMES = [
    Recorded(b"first frame!", 1_700_000_000_123_456_000),
    Recorded(b"", 1_700_000_000_000_000_000),
    Recorded(b"cut by the snaplen", 1_700_000_000_999_999_000, 1514),
    Recorded(bytes(range(255)), 2**31 * 10**9 + 1000),
    Recorded(b"snoop\0\0\0" * 3, (2**32 - 1) * 10**9 + 999_999_000),
]


class Read(NamedTuple):
    rows: list[Row]
    notices: Notices
    reader: SnoopReader
    window: Window

    @property
    def codes(self) -> list[str]:
        return [notice.code for notice in self.notices.listed()]


def read_octets(octets: bytes, at_most: int | None = None) -> Read:
    window, notices = Window(Dribble(octets, at_most)), Notices()
    reader = SnoopReader(window, "memory", notices)
    return Read([row for block in reader.blocks() for row in rows_of(block)], notices, reader, window)


def expected(frames: Sequence[Recorded], link_type: int = 1) -> list[Row]:
    return [
        Row(number, frame.time, frame.octets, frame.length, link_type, 0)
        for number, frame in enumerate(frames, start=1)
    ]


def test_what_was_written_is_read() -> None:
    found = read_octets(snoop(FRAMES))
    assert found.rows == expected(FRAMES)
    assert (found.reader.format, found.reader.snaplen, found.reader.link_types) == ("snoop", 0, [1])
    assert (found.reader.interface_drops, found.codes) == (0, [])


def test_octets_typed_from_the_specification() -> None:
    octets = bytes.fromhex(
        "736e6f6f70000000 00000002 00000008"
        "0000003c 00000003 0000001c 00000005 6553f100 00000007 abcdef 00"
    )  # fmt: skip
    found = read_octets(octets)
    assert found.rows == [Row(1, 1_700_000_000_000_007_000, b"\xab\xcd\xef", 60, 10, 0)]
    assert found.reader.interface_drops == 5


def test_a_file_without_frames() -> None:
    found = read_octets(snoop([]))
    assert (found.rows, found.codes, found.reader.interface_drops) == ([], [], None)


def test_drops_are_the_counter_at_its_last() -> None:
    found = read_octets(header() + b"".join(record(FRAMES[0], drops=drops) for drops in (0, 0, 7, 7, 4_000_000_000)))
    assert found.reader.interface_drops == 4_000_000_000
    assert read_octets(header() + record(FRAMES[0], drops=3), 11).reader.interface_drops == 3


@pytest.mark.parametrize("datalink, link_type", [(0, 1), (4, 1), (8, 10), (2, 6), (18, 123)])
def test_datalink_types(datalink: int, link_type: int) -> None:
    assert [row.link_type for row in read_octets(snoop(FRAMES, datalink)).rows] == [link_type] * len(FRAMES)


@pytest.mark.parametrize("datalink", [1, 5, 26, 27, 101, 276, 0x80000004, 0xFFFFFFFF])
def test_an_unknown_datalink_type_is_no_link_type(datalink: int) -> None:
    """26 is IP over InfiniBand (RFC 3827), 101 and 276 would be raw IP and SLL2 as LINKTYPE numbers."""
    assert datalink not in LINK_TYPES
    found = read_octets(snoop(FRAMES, datalink))
    (link_type,) = found.reader.link_types
    assert {row.link_type for row in found.rows} == {link_type}
    assert link_type > 0xFFFF
    assert link_type == datalink | UNKNOWN_LINK_TYPE


@pytest.mark.parametrize("version", [0, 1, 6, 0x02000000])
def test_another_version(version: int) -> None:
    with pytest.raises(CaptureError, match=f"memory: a snoop file of version {version}; only versions 2 to 5"):
        read_octets(header(version=version) + record(FRAMES[0]))


@pytest.mark.parametrize("datalink, link_type", [(0, 1), (2, 6), (4, 1), (8, 10), (10, 1), (12, 1), (13, 6), (19, 1)])
@pytest.mark.parametrize("version", [2, 3, 4, 5])
def test_shomiti_surveyor(version: int, datalink: int, link_type: int) -> None:
    """Known by its version, or by the room for its trailer behind the first frame."""
    file = header(datalink, version) + b"".join(record(frame, pad=16 + -len(frame.octets) % 4) for frame in FRAMES)
    assert read_octets(file).rows == expected(FRAMES, link_type)
    assert read_octets(file).reader.link_types == [link_type]
    for at_most in (1, 30):
        assert read_octets(file, at_most).rows == expected(FRAMES, link_type)


def test_a_datalink_type_that_only_shomiti_has() -> None:
    assert read_octets(header(18, 4) + record(FRAMES[0], pad=16)).reader.link_types == [UNKNOWN_LINK_TYPE | 18]
    assert read_octets(header(12) + record(FRAMES[0], pad=12)).reader.link_types == [UNKNOWN_LINK_TYPE | 12]


@pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")
@pytest.mark.parametrize("version, datalink, pad", [(2, 4, 0), (2, 12, 16), (3, 10, 16), (4, 12, 16), (5, 19, 16)])
def test_shomiti_by_tshark(version: int, datalink: int, pad: int, tmp_path: Path) -> None:
    """Wireshark reads the same files as Ethernet."""
    path = tmp_path / "capture"
    frames = [Recorded(bytes(12) + b"\x08\x06" + bytes(46), 1_700_000_000 * 10**9 + at) for at in (0, 1000)]
    path.write_bytes(header(datalink, version) + b"".join(record(frame, pad=pad) for frame in frames))
    command = [str(TSHARK), "-n", "-r", str(path), "-T", "fields", "-e", "frame.protocols", "-e", "frame.time_epoch"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    rows = read_file(path)[0]
    assert [protocols[:13] for protocols, _ in lines] == ["eth:ethertype"] * 2
    assert [row.link_type for row in rows] == [1, 1]
    assert [f"{row.time // 10**9}.{row.time % 10**9:09}" for row in rows] == [time for _, time in lines]


def test_more_padding_than_needed() -> None:
    """Some writers pad more, and one puts a trailer there."""
    octets = header() + b"".join(record(frame, pad=pad) for frame, pad in zip(FRAMES, (0, 6, 1, 40, 3), strict=True))
    for at_most in (None, 1, 23):
        assert read_octets(octets, at_most).rows == expected(FRAMES)


def test_cut_at_every_octet() -> None:
    records = [record(frame) for frame in FRAMES]
    ends = [16 + sum(map(len, records[:count])) for count in range(len(records) + 1)]
    whole = snoop(FRAMES)
    for cut in range(8, 16):
        with pytest.raises(CaptureError, match=f"memory: the snoop file header is cut off: {cut} of 16") as error:
            read_octets(whole[:cut])
        assert error.value.offset == cut
    for cut in range(16, len(whole) + 1):
        found = read_octets(whole[:cut])
        frames = sum(end <= cut for end in ends[1:])
        assert found.rows == expected(FRAMES)[:frames], cut
        if cut in ends:
            assert found.codes == [], cut
        else:
            (notice,) = found.notices.listed()
            assert (notice.code, notice.frame, notice.offset) == ("cut-off", frames + 1, cut)


@pytest.mark.parametrize("at_most", [*range(1, 45), 100, 1000])
def test_read_in_pieces_of_any_size(at_most: int) -> None:
    assert read_octets(snoop(FRAMES), at_most).rows == expected(FRAMES)


@pytest.mark.parametrize(
    "captured, length",
    [(262145, 262172), (0xFFFFFFFF, 0xFFFFFFFF), (4, 24), (4, 27), (4, 0), (0, 23), (4, 0x7FFFFFFF), (4, 28 + 262145)],
)
def test_absurd_lengths(captured: int, length: int) -> None:
    """Nothing is believed that would reach over the next records, nor that would stand still."""
    lie = struct.pack(">IIIIII", captured, captured, length, 0, 1, 1)
    found = read_octets(snoop(FRAMES[:2]) + lie + bytes(100))
    assert found.rows == expected(FRAMES[:2])
    (notice,) = found.notices.listed()
    assert (notice.code, notice.frame, notice.offset) == ("damaged-record", 3, len(snoop(FRAMES[:2])))
    assert f"{captured:,}" in notice.text
    assert len(found.window.data) == limits.BLOCK_BYTES


def test_many_frames_over_many_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BLOCK_BYTES", 4096)
    frames = [Recorded(bytes([size % 256]) * size, size * 1000) for size in range(1500)]
    for at_most in (None, 1000, 4095):
        assert read_octets(snoop(frames), at_most).rows == expected(frames)


@given(st.binary(max_size=300), st.integers(1, 40))
def test_anything_behind_a_valid_header(octets: bytes, at_most: int) -> None:
    found = read_octets(header() + octets)
    assert found.rows == read_octets(header() + octets, at_most).rows
    assert [row.number for row in found.rows] == list(range(1, len(found.rows) + 1))
    assert set(found.codes) <= {"cut-off", "damaged-record"}


def test_known_by_content(tmp_path: Path) -> None:
    path = tmp_path / "capture.pcap"
    path.write_bytes(header() + record(FRAMES[0], drops=2))
    rows, capture = read_file(path)
    assert rows == expected(FRAMES[:1])
    assert (capture.format, capture.link_types, capture.snaplen, capture.interface_drops) == ("snoop", (1,), None, 2)
    path.write_bytes(header()[:12])
    with pytest.raises(CaptureError, match="the snoop file header is cut off: 12 of 16"):
        open_capture(str(path))


# --- Wireshark and dpkt as independent writers and readers -----------------------------------------------------------


def test_read_by_dpkt() -> None:
    """Its times are floats."""
    seen = [
        (round(time * 10**6) * 1000, bytes(octets)) for time, octets in dpkt.snoop.Reader(io.BytesIO(snoop(FRAMES)))
    ]
    assert seen == [(row.time, row.octets) for row in read_octets(snoop(FRAMES)).rows]


def test_written_by_dpkt() -> None:
    file = io.BytesIO()
    writer = dpkt.snoop.Writer(file)
    for frame in FRAMES[:2]:
        writer.writepkt(frame.octets, frame.time / 10**9)
    assert read_octets(file.getvalue()).rows == expected(FRAMES[:2])


def written_by_editcap(source: Path, target: Path, *options: str) -> bytes:
    assert EDITCAP
    subprocess.run([EDITCAP, "-F", "snoop", *options, str(source), str(target)], check=True, capture_output=True)
    return target.read_bytes()


@pytest.mark.skipif(EDITCAP is None, reason="editcap is not installed")
@pytest.mark.parametrize("path", captures_at_hand()[::12], ids=name_of)
def test_captures_at_hand_written_by_editcap(path: Path, tmp_path: Path) -> None:
    rows, capture = read_file(path)
    if capture.link_types != (1,) or capture.notices:
        pytest.skip("editcap writes whole Ethernet captures")
    octets = written_by_editcap(path, tmp_path / "snoop")
    found = read_octets(octets)
    assert found.codes == []
    # snoop has microseconds.
    assert found.rows == [row._replace(time=row.time // 1000 * 1000, interface=0) for row in rows]


@pytest.mark.skipif(EDITCAP is None, reason="editcap is not installed")
@pytest.mark.parametrize("encapsulation, link_type", [("ether", 1), ("tr", 6), ("fddi", 10)])
def test_datalink_types_written_by_editcap(encapsulation: str, link_type: int, tmp_path: Path) -> None:
    (tmp_path / "pcap").write_bytes(pcap(FRAMES[:3]))
    octets = written_by_editcap(tmp_path / "pcap", tmp_path / "snoop", "-T", encapsulation)
    assert read_octets(octets).rows == expected(FRAMES[:3], link_type)
