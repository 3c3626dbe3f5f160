"""pcap files: every variant, and every way in which one can be broken."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap import limits
from sshpcap.capture import CaptureError
from tests.support.blocks import Row, read_octets
from tests.support.captures import ORDERS, PCAP_VARIANTS, Order, Recorded, pcap, pcap_header, pcap_record

# 2038 and 2106 are where 31 and 32 bits of seconds end; the fractions are those that a float loses.
FRAMES = [
    Recorded(b"first frame", 1_700_000_000_123_456_789),
    Recorded(b"", 1_700_000_000_000_000_000),
    Recorded(b"cut by the snaplen", 1_700_000_000_999_999_999, 1514),
    Recorded(bytes(range(256)), 2**31 * 10**9 + 1),
    Recorded(b"\xd4\xc3\xb2\xa1" * 3, (2**32 - 1) * 10**9 + 999_999_999),
]
EVERY_KIND = [(order, variant) for order in ORDERS for variant in PCAP_VARIANTS]


def expected(frames: list[Recorded], tick: int = 1, link_type: int = 1) -> list[Row]:
    return [
        Row(number, frame.time // tick * tick, frame.octets, frame.length, link_type, 0)
        for number, frame in enumerate(frames, start=1)
    ]


@pytest.mark.parametrize("order, variant", EVERY_KIND)
def test_every_variant(order: Order, variant: str) -> None:
    octets = pcap(FRAMES, order=order, variant=variant, link_type=113, snaplen=65535)
    found = read_octets(octets)
    assert found.rows == expected(FRAMES, PCAP_VARIANTS[variant].tick, 113)
    assert (found.reader.format, found.reader.snaplen, found.reader.link_types) == ("pcap", 65535, [113])
    assert found.reader.interface_drops is None
    assert found.codes == []


def test_nanoseconds_are_exact() -> None:
    """A double has 53 bits; these times need 61."""
    times = [1_700_000_000_000_000_001 + 7 * step for step in range(50)]
    found = read_octets(pcap([Recorded(b"x", time) for time in times], variant="nanoseconds"))
    assert [row.time for row in found.rows] == times


def test_octets_typed_from_the_specification() -> None:
    octets = bytes.fromhex(
        "a1b2c3d4 0002 0004 00000000 00000000 0000ffff 00000001"  # big-endian, microseconds, Ethernet
        "6553f100 00000007 00000003 0000003c abcdef"
    )
    assert read_octets(octets).rows == [Row(1, 1_700_000_000_000_007_000, b"\xab\xcd\xef", 60, 1, 0)]


def test_link_type_without_frame_check_sequence_bits() -> None:
    """draft-ietf-opsawg-pcap-05 §4: the upper four bits and bit 26 tell the length of a frame check sequence."""
    found = read_octets(pcap(FRAMES[:1], link_type=0x24000000 | 276))
    assert found.reader.link_types == [276]
    assert found.rows[0].link_type == 276


def test_a_file_without_frames() -> None:
    found = read_octets(pcap([]))
    assert (found.rows, found.codes) == ([], [])


@pytest.mark.parametrize("order, variant", EVERY_KIND)
def test_cut_at_every_octet(order: Order, variant: str) -> None:
    head = pcap_header(order=order, variant=variant)
    records = [pcap_record(frame, order=order, variant=variant) for frame in FRAMES]
    ends = [len(head) + sum(map(len, records[:count])) for count in range(len(records) + 1)]
    whole = head + b"".join(records)
    every = expected(FRAMES, PCAP_VARIANTS[variant].tick)
    for cut in range(4, len(head)):
        with pytest.raises(CaptureError, match=f"memory: the pcap file header is cut off: {cut} of 24") as error:
            read_octets(whole[:cut])
        assert error.value.offset == cut
    for cut in range(len(head), len(whole) + 1):
        found = read_octets(whole[:cut])
        frames = sum(end <= cut for end in ends[1:])
        assert found.rows == every[:frames], cut
        if cut in ends:
            assert found.codes == [], cut
        else:
            (notice,) = found.notices.listed()
            assert (notice.code, notice.frame, notice.offset) == ("cut-off", frames + 1, cut)


@pytest.mark.parametrize("order, variant", EVERY_KIND)
def test_read_in_pieces_of_any_size(order: Order, variant: str) -> None:
    octets = pcap(FRAMES, order=order, variant=variant)
    for at_most in (*range(1, 45), 100, 1000):
        assert read_octets(octets, at_most).rows == expected(FRAMES, PCAP_VARIANTS[variant].tick), at_most


def test_longest_frame_believed() -> None:
    """libpcap's MAXIMUM_SNAPLEN is 262144."""
    found = read_octets(pcap([Recorded(bytes(262144)), Recorded(b"after")]))
    assert [len(row.octets) for row in found.rows] == [262144, 5]
    found = read_octets(pcap([Recorded(b"before"), Recorded(bytes(262145)), Recorded(b"after")]))
    assert [row.octets for row in found.rows] == [b"before"]
    (notice,) = found.notices.listed()
    assert (notice.code, notice.frame, notice.offset) == ("damaged-record", 2, 24 + 16 + 6)
    assert "262,145" in notice.text


@pytest.mark.parametrize("order, variant", EVERY_KIND)
@pytest.mark.parametrize("zeros", [16, 24, 48, 4096, 5001])
def test_what_was_never_written_to_the_disk(order: Order, variant: str, zeros: int) -> None:
    """The power failed: the file has the length that it was to get, and zeros behind what was written."""
    if zeros < 24 and variant == "modified":
        pytest.skip("its records have 24 octets")
    found = read_octets(pcap(FRAMES, order=order, variant=variant) + bytes(zeros))
    assert found.rows == expected(FRAMES, PCAP_VARIANTS[variant].tick)
    (notice,) = found.notices.listed()
    assert (notice.code, notice.frame) == ("damaged-record", len(FRAMES) + 1)
    assert "0 octets at the time 0" in notice.text


def test_an_empty_frame_is_a_frame() -> None:
    frames = [Recorded(b"", 5000), Recorded(b"", 0, 1), Recorded(b"", 1_000_000_000), Recorded(b"after", 6000)]
    assert read_octets(pcap(frames)).rows == expected(frames)


@pytest.mark.parametrize("claimed", [262145, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_absurd_length(claimed: int) -> None:
    octets = pcap(FRAMES[:1]) + struct.pack("<IIII", 1, 1, claimed, claimed) + b"rest"
    found = read_octets(octets)
    assert found.rows == expected(FRAMES[:1], 1000)
    assert found.codes == ["damaged-record"]
    assert len(found.window.data) == limits.BLOCK_BYTES


def test_length_that_reaches_over_the_next_record() -> None:
    """A length that lies but is possible takes the next record with it; what follows is read as it then stands."""
    lie = struct.pack("<IIII", 5, 0, 16 + 5, 21) + pcap_record(Recorded(b"inner"))
    found = read_octets(pcap_header() + lie + pcap_record(Recorded(b"after")))
    assert [row.octets for row in found.rows] == [pcap_record(Recorded(b"inner")), b"after"]


def test_many_frames_over_many_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BLOCK_BYTES", 4096)
    frames = [Recorded(bytes([size % 256]) * size, 1000 + size * 1000) for size in range(1500)]
    octets = pcap(frames)
    for at_most in (None, 1000, 4095):
        assert read_octets(octets, at_most).rows == expected(frames)


def test_a_record_larger_than_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BLOCK_BYTES", 64)
    frames = [Recorded(b"small"), Recorded(bytes(range(250)) * 40), Recorded(b"after")]
    found = read_octets(pcap(frames))
    assert found.rows == expected(frames)
    assert len(found.window.data) < 4 * len(frames[1].octets)


@given(st.sampled_from(EVERY_KIND), st.binary(max_size=300), st.integers(1, 40))
def test_anything_behind_a_valid_header(kind: tuple[Order, str], octets: bytes, at_most: int) -> None:
    whole = pcap_header(order=kind[0], variant=kind[1]) + octets
    found = read_octets(whole)
    assert found.rows == read_octets(whole, at_most).rows
    assert [row.number for row in found.rows] == list(range(1, len(found.rows) + 1))
    assert set(found.codes) <= {"cut-off", "damaged-record"}
    assert sum(16 + len(row.octets) for row in found.rows) <= len(octets)


@given(st.sampled_from(EVERY_KIND), st.integers(24, 400), st.integers(0, 255))
def test_one_octet_changed(kind: tuple[Order, str], place: int, octet: int) -> None:
    whole = bytearray(pcap(FRAMES, order=kind[0], variant=kind[1]))
    whole[place % len(whole)] = octet
    if place % len(whole) >= 24:
        read_octets(bytes(whole))


@pytest.mark.parametrize("order", ORDERS)
def test_another_version(order: Order) -> None:
    octets = bytearray(pcap([Recorded(b"x", 1000)], order=order))
    octets[4:8] = struct.pack(order + "HH", 2, 3)
    found = read_octets(bytes(octets))
    assert ([row.octets for row in found.rows], found.codes) == ([b"x"], ["unknown-version"])
    assert "pcap 2.3" in found.notices.listed()[0].text
