"""Compressed captures: known by their content, read as far as they go."""

import bz2
import gzip
import io
import lzma
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from sshpcap.capture import CaptureError, open_capture
from sshpcap.capture.compression import Decompressed, recognise
from sshpcap.capture.errors import Notices
from sshpcap.model import Capture
from tests.support.blocks import Row, read_file, read_octets
from tests.support.captures import Pcapng, Recorded, pcap

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Compress = Callable[[bytes], bytes]
_lz4 = import_module("lz4.frame")  # the package brings no types


def zstd(octets: bytes) -> bytes:
    """With a checksum, as the command writes it."""
    return zstandard.ZstdCompressor(write_checksum=True).compress(octets)


def lz4(octets: bytes) -> bytes:
    """In blocks of 64 KiB, with a checksum: the command writes the same with -B4."""
    compressed: bytes = _lz4.compress(octets, content_checksum=True, block_size=_lz4.BLOCKSIZE_MAX64KB)
    return compressed


METHODS: dict[str, Compress] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd,
    "lz4": lz4,
}
ALL_OR_NOTHING = ("bzip2", "zstd", "lz4")
"""They give whole blocks, which are longer than the file of these tests."""

# Octets that do not compress, so that a compressed file is about as long as a plain one.
_NOISE = b"".join((pow(3, n, 2**61 - 1) & 0xFFFFFFFF).to_bytes(4, "big") for n in range(2500))
FRAMES = [Recorded(_NOISE[at : at + 100], at * 1000) for at in range(0, len(_NOISE), 100)]
PLAIN = pcap(FRAMES)
EVERY = read_octets(PLAIN).rows


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], tuple[list[Row], Capture]]:
    def from_file(octets: bytes) -> tuple[list[Row], Capture]:
        # The name tells nothing, or the wrong thing.
        path = tmp_path / "capture.txt"
        path.write_bytes(octets)
        return read_file(path)

    return from_file


Reads = Callable[[bytes], tuple[list[Row], Capture]]


@pytest.mark.parametrize("name", METHODS)
def test_known_by_content(name: str, read: Reads) -> None:
    rows, capture = read(METHODS[name](PLAIN))
    assert rows == EVERY
    assert (capture.compression, capture.format, capture.notices) == (name, "pcap", ())
    rows, capture = read(METHODS[name](bytes(Pcapng().section().interface().enhanced(b"x", 1))))
    assert (len(rows), capture.compression, capture.format) == (1, name, "pcapng")


def test_plain_files_have_no_compression(read: Reads) -> None:
    assert read(PLAIN)[1].compression is None
    assert recognise(PLAIN) is None
    assert recognise(b"") is None


@pytest.mark.parametrize("name", METHODS)
def test_concatenated_members(name: str, read: Reads) -> None:
    """What `cat a.gz b.gz` gives: RFC 1952 §2.2, and the same for bzip2 and xz."""
    rows, capture = read(METHODS[name](PLAIN[:3000]) + METHODS[name](PLAIN[3000:3001]) + METHODS[name](PLAIN[3001:]))
    assert rows == EVERY
    assert capture.notices == ()


@pytest.mark.parametrize("name", METHODS)
def test_cut_off(name: str, read: Reads) -> None:
    whole = METHODS[name](PLAIN)
    seen = set()
    for cut in [*range(20, len(whole), 97), len(whole) - 1]:
        try:
            rows, capture = read(whole[:cut])
        except CaptureError as error:
            assert "holds nothing" in error.what or "cut off" in error.what  # noqa: PT017
            continue
        assert rows == EVERY[: len(rows)]
        assert "compression-cut-off" in [notice.code for notice in capture.notices]
        seen.add(len(rows))
    if name not in ALL_OR_NOTHING:
        assert len(seen) > 20, "what was there before the cut is read"


def test_what_gzip_can_give_of_a_cut_file_is_all_read(read: Reads) -> None:
    """Compared with zlib itself, for a file of many reads."""
    import zlib

    plain = pcap(Recorded(_NOISE, at) for at in range(40))
    whole = gzip.compress(plain, 1)
    cut = whole[: len(whole) * 2 // 3]
    possible = zlib.decompressobj(31).decompress(cut)
    assert read(cut)[0] == read_octets(possible).rows


@pytest.mark.parametrize("name", METHODS)
def test_damaged(name: str, read: Reads) -> None:
    whole = METHODS[name](PLAIN)
    outcomes = set()
    for place in range(12, len(whole), 131):
        octets = bytearray(whole)
        octets[place] ^= 0xFF
        try:
            rows, capture = read(bytes(octets))
        except CaptureError as error:
            outcomes.add(error.what)
            continue
        codes = {notice.code for notice in capture.notices}
        assert codes & {"compression-damaged", "compression-cut-off", "damaged-record"}, place
        assert len(rows) <= len(EVERY)
        outcomes.update(codes)
    assert "compression-damaged" in outcomes or f"the {name} data holds nothing" in outcomes


def test_a_wrong_checksum_at_the_end_is_told_and_the_frames_are_kept(read: Reads) -> None:
    octets = bytearray(gzip.compress(PLAIN))
    octets[-8] ^= 1
    rows, capture = read(bytes(octets))
    assert rows == EVERY
    (notice,) = capture.notices
    assert notice.code == "compression-damaged"
    assert notice.offset == len(PLAIN)
    assert "CRC" in notice.text


def test_rubbish_behind_the_last_member(read: Reads) -> None:
    rows, capture = read(gzip.compress(PLAIN) + b"rubbish")
    assert rows == EVERY
    assert [notice.code for notice in capture.notices] == ["compression-damaged"]
    rows, capture = read(gzip.compress(PLAIN) + bytes(512))
    assert (rows, capture.notices) == (EVERY, ())


@pytest.mark.parametrize("name", METHODS)
def test_nothing_inside(name: str, read: Reads) -> None:
    with pytest.raises(CaptureError, match=f"the {name} data holds nothing"):
        read(METHODS[name](b""))
    with pytest.raises(CaptureError, match=r"not a capture file .* it begins like a text file"):
        read(METHODS[name](b"hello there\n"))


MAGICS = [b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"\x50\x2a\x4d\x18"]


@pytest.mark.parametrize("magic", MAGICS)
def test_nothing_but_a_magic_number(magic: bytes, read: Reads) -> None:
    with pytest.raises(CaptureError, match="data holds nothing"):
        read(magic)


@given(st.sampled_from([b"\x1f\x8b\x08", b"BZh9", *MAGICS[2:]]), st.binary(max_size=200))
def test_anything_behind_a_magic_number(tmp_path_factory: pytest.TempPathFactory, magic: bytes, octets: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(magic + octets)
    with pytest.raises(CaptureError):
        read_file(path)


def test_a_bomb_is_read_piece_by_piece(tmp_path: Path) -> None:
    """64 MiB of zeros in 64 kB: they are no frames, and never all in memory."""
    path = tmp_path / "bomb"
    record = Recorded(bytes(262_000))
    with gzip.open(path, "wb", 1) as file:
        file.write(pcap([]))
        for _ in range(256):
            file.write(pcap([record])[24:])
    with open_capture(str(path)) as source:
        largest = 0
        for block in source.blocks():
            largest = max(largest, len(block.buffer))
        assert source.describe().frames == 256
    assert largest == 4 << 20


# --- zstd and lz4 ----------------------------------------------------------------------------------------------------

SKIPPED = bytes.fromhex("5d2a4d18 05000000") + b"hello"
EMPTY_SKIPPED = bytes.fromhex("502a4d18 00000000")
LONG = pcap(Recorded(random.Random(at).randbytes(10_000), at * 1000) for at in range(120))
"""1.2 MB that do not compress: several blocks of every format."""


class Counted(io.RawIOBase):
    """A file that gives so many octets at a time and counts them."""

    def __init__(self, octets: bytes, at_most: int = 1 << 16) -> None:
        self._stream = io.BytesIO(octets)
        self._at_most = at_most
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        got = self._stream.readinto(memoryview(buffer)[: self._at_most])
        self.count += got
        return got


def plain_of(octets: bytes, at_most: int = 1 << 16) -> tuple[bytes, list[str]]:
    """All plain octets of a compressed file, and the kinds of trouble."""
    method, notices = recognise(octets), Notices()
    assert method is not None
    stream = Decompressed(method, io.BufferedReader(Counted(octets, at_most)), "memory", notices)
    buffer, plain = memoryview(bytearray(100_000)), b""
    while count := stream.readinto(buffer):
        plain += bytes(buffer[:count])
    return plain, [notice.code for notice in notices.listed()]


@pytest.mark.parametrize("name", ["zstd", "lz4"])
def test_what_a_cut_file_holds_is_all_read(name: str) -> None:
    """Whole blocks count, and the end is told wherever it is: also where only the checksum is missing."""
    whole = METHODS[name](LONG)
    seen = set()
    for cut in [*range(30, len(whole), 9973), *range(len(whole) - 9, len(whole))]:
        plain, codes = plain_of(whole[:cut])
        assert LONG.startswith(plain)
        assert codes == ["compression-cut-off"], cut
        assert len(plain) > cut - (256 << 10) - 1000
        seen.add(len(plain))
    assert len(seen) > 5
    assert plain_of(whole) == (LONG, [])


@pytest.mark.parametrize("name", ["zstd", "lz4"])
def test_what_stands_before_the_damage_is_read(name: str) -> None:
    octets = bytearray(METHODS[name](LONG))
    octets[-1] ^= 1  # the checksum
    plain, codes = plain_of(bytes(octets))
    assert codes == ["compression-damaged"]
    assert len(plain) > len(LONG) - (256 << 10)
    assert LONG.startswith(plain)


@pytest.mark.parametrize("name", ["zstd", "lz4"])
@pytest.mark.parametrize("at_most", [1, 2, 3, 5, 11])
def test_a_compressed_pipe_of_few_octets_at_a_time(name: str, at_most: int) -> None:
    octets = METHODS[name](PLAIN[:3000])
    several = octets + SKIPPED + METHODS[name](PLAIN[3000:]) + EMPTY_SKIPPED
    assert plain_of(several, at_most) == (PLAIN, [])
    for cut in range(len(octets) + 1, len(octets) + len(SKIPPED)):
        assert plain_of(several[:cut], at_most) == (PLAIN[:3000], ["compression-cut-off"])


@pytest.mark.parametrize("kind", range(16))
def test_zstd_behind_a_skippable_frame(kind: int, read: Reads) -> None:
    """As pzstd writes it (RFC 8878 §3.1.2)."""
    skippable = bytes([0x50 + kind]) + SKIPPED[1:]
    rows, capture = read(skippable + EMPTY_SKIPPED + zstd(PLAIN) + skippable)
    assert rows == EVERY
    assert (capture.compression, capture.notices) == ("zstd", ())
    with pytest.raises(CaptureError, match="the zstd data holds nothing"):
        read(skippable)


@pytest.mark.parametrize("level", [-5, 1, 3, 19])
@pytest.mark.parametrize("checksum", [False, True])
@pytest.mark.parametrize("size", [True, False])
def test_every_kind_of_zstd_frame(level: int, checksum: bool, size: bool) -> None:
    """The frames are followed by their lengths: headers of every length, stored, repeated and compressed blocks."""
    for plain in (PLAIN[:100], PLAIN[:1000] + bytes(500_000), bytes(200_000), LONG[:200_000], PLAIN * 20):
        compressor = zstandard.ZstdCompressor(level=level, write_checksum=checksum, write_content_size=size)
        one = compressor.compress(plain)
        streamed = zstandard.ZstdCompressor(level=level, write_checksum=checksum).compressobj()
        other = streamed.compress(plain) + streamed.flush()
        assert plain_of(one + other) == (plain + plain, [])
        assert plain_of((one + other)[:-1])[1] == ["compression-cut-off"]
        assert plain_of(one + other[:2])[1] == ["compression-cut-off"]


def _zeros(name: str, count: int) -> bytes:
    if name == "zstd":
        compressor = zstandard.ZstdCompressor().compressobj()
        return b"".join(compressor.compress(bytes(1 << 20)) for _ in range(count >> 20)) + compressor.flush()
    return lz4(bytes(count))


@pytest.mark.parametrize("name", ["zstd", "lz4"])
def test_a_bomb_gives_no_more_than_asked_for(name: str) -> None:
    """256 MiB of zeros: each step gives what was asked for and reads no more of the file than that needs."""
    octets = _zeros(name, 256 << 20)
    method = recognise(octets)
    assert method is not None
    raw = Counted(octets, 4096)
    stream = Decompressed(method, io.BufferedReader(raw, 4096), "memory", Notices())
    buffer = memoryview(bytearray(65536))
    tracemalloc.start()
    for _ in range(20):
        assert stream.readinto(buffer) == len(buffer)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 << 20
    assert raw.count < 64 << 10


def test_lying_content_sizes_are_not_believed() -> None:
    """A header of some octets claims what no memory holds."""
    body = bytes.fromhex("210000") + b"octet"  # the last block, raw, of four octets and one too few
    large = (1 << 60).to_bytes(8, "little")
    single = b"\x28\xb5\x2f\xfd\xe0" + large + body  # the window is as large as the content
    assert plain_of(single) == (b"", ["compression-damaged"])
    windowed = b"\x28\xb5\x2f\xfd\xc0\x50" + large + body
    assert plain_of(windowed)[1] in (["compression-damaged"], ["compression-cut-off"])
    wide = b"\x28\xb5\x2f\xfd\x00" + bytes([(31 - 10) << 3]) + body  # --long=31
    assert plain_of(wide) == (b"", ["compression-damaged"])
    header = bytearray(_lz4.compress(b"octets", store_size=True))
    header[6:14] = large
    header[14] = xxh32(bytes(header[4:14])) >> 8 & 0xFF
    tracemalloc.start()
    assert plain_of(bytes(header)) == (b"", ["compression-damaged"])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


def xxh32(octets: bytes) -> int:
    """xxHash of fewer than 16 octets, of which LZ4 headers carry a part."""
    p1, p2, p3, p4, p5 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1
    value = p5 + len(octets)
    whole = len(octets) // 4 * 4
    for at in range(0, whole, 4):
        value = value + int.from_bytes(octets[at : at + 4], "little") * p3 & 0xFFFFFFFF
        value = (value << 17 | value >> 15) * p4 & 0xFFFFFFFF
    for octet in octets[whole:]:
        value = value + octet * p5 & 0xFFFFFFFF
        value = (value << 11 | value >> 21) * p1 & 0xFFFFFFFF
    value = (value ^ value >> 15) * p2 & 0xFFFFFFFF
    value = (value ^ value >> 13) * p3 & 0xFFFFFFFF
    return value ^ value >> 16


@pytest.mark.parametrize("name, module", [("zstd", "zstandard"), ("lz4", "lz4.frame")])
def test_without_the_package(name: str, module: str, read: Reads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(CaptureError) as error:
        read(METHODS[name](PLAIN))
    assert error.value.what == f"{name}-compressed data; to read it: pip install 'sshpcap[compression]'"
    assert str(error.value).endswith("capture.txt: " + error.value.what)
    assert read(gzip.compress(PLAIN))[0] == EVERY


def test_the_packages_are_only_loaded_for_such_files() -> None:
    code = "import sys, sshpcap.capture; print([m for m in ('zstandard', 'lz4', 'lz4.frame') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    "octets, what",
    [
        (bytes.fromhex("02214c18") + bytes(9), "lz4 data in its legacy format, which this version cannot read"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(9), "a 7z archive"),
        (b"\x1f\x9d\x90" + bytes(9), "data compressed by `compress`, which this version cannot read"),
    ],
)
def test_other_compressions_are_named(octets: bytes, what: str, read: Reads) -> None:
    with pytest.raises(CaptureError, match=f"it begins like {what}"):
        read(octets)
