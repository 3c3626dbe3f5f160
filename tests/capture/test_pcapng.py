"""pcapng files: sections, interfaces, times, every block that holds frames, and every way to break them."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap import limits
from sshpcap.capture import CaptureError
from tests.support.blocks import Read, Row, read_octets
from tests.support.captures import (
    CUSTOM,
    DECRYPTION_SECRETS,
    ENHANCED_PACKET,
    INTERFACE_DESCRIPTION,
    INTERFACE_STATISTICS,
    NAME_RESOLUTION,
    OBSOLETE_PACKET,
    OPTION_COMMENT,
    ORDERS,
    SECTION_HEADER,
    SIMPLE_PACKET,
    UNREGISTERED,
    Order,
    Pcapng,
    Recorded,
    pcapng,
)

SECOND = 1_700_000_000
NS = 1_000_000_000
MICRO = SECOND * 1_000_000

BINARY = 0x80  # the bit of if_tsresol that says: a negative power of 2


def octets_of(found: Read) -> list[bytes]:
    return [row.octets for row in found.rows]


def times_of(found: Read) -> list[int]:
    return [row.time for row in found.rows]


# --- what a file may hold --------------------------------------------------------------------------------------------


def test_octets_typed_from_the_specification() -> None:
    octets = bytes.fromhex(
        "0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c"
        "00000001 00000020 0071 0000 00000100 0009 0001 09000000 0000 0000 00000020"
        "00000006 00000024 00000000 1797b3fe d2b10015 00000003 0000003c abcdef00 00000024"
    )
    assert read_octets(octets).rows == [Row(1, 0x1797B3FED2B10015, b"\xab\xcd\xef", 60, 113, 0)]


@pytest.mark.parametrize("order", ORDERS)
def test_every_block_that_holds_frames(order: Order) -> None:
    file = (
        Pcapng(order).section().interface(113, 96)
        .enhanced(b"enhanced", MICRO + 1, original=1000)
        .simple(b"simple")
        .obsolete(b"obsolete", MICRO + 2, original=2000)
        .enhanced(b"", MICRO + 3)
    )  # fmt: skip
    found = read_octets(bytes(file))
    assert found.rows == [
        Row(1, (MICRO + 1) * 1000, b"enhanced", 1000, 113, 0),
        Row(2, (MICRO + 1) * 1000, b"simple", 6, 113, 0),
        Row(3, (MICRO + 2) * 1000, b"obsolete", 2000, 113, 0),
        Row(4, (MICRO + 3) * 1000, b"", 0, 113, 0),
    ]
    assert (found.reader.format, found.reader.link_types, found.reader.snaplen) == ("pcapng", [113], 96)
    (notice,) = found.notices.listed()
    assert (notice.code, notice.frame, notice.count) == ("frames-without-time", 2, 1)


@pytest.mark.parametrize("order", ORDERS)
def test_blocks_without_frames_are_skipped(order: Order) -> None:
    file = Pcapng(order).section(options=[(OPTION_COMMENT, b"odd length!")]).interface(options=[(2, b"eth0")])
    for kind in (NAME_RESOLUTION, DECRYPTION_SECRETS, UNREGISTERED, 0, 4711):
        file.block(kind, b"\x06\x00\x00\x00 a body that looks like a block").enhanced(kind.to_bytes(4, "big"), kind)
    file.block(UNREGISTERED, b"").enhanced(b"last", 9)
    found = read_octets(bytes(file))
    assert [row.number for row in found.rows] == list(range(1, 7))
    assert times_of(found) == [kind * 1000 for kind in (4, 10, 0x80001234, 0, 4711, 9)]
    assert found.codes == []


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", [CUSTOM, 0x40000BAD, 9])
def test_records_that_are_no_frames_count(order: Order, kind: int) -> None:
    """Wireshark lists custom blocks and journal entries among the frames: the numbers of those behind them go on."""
    body = b"\x06\x00\x00\x00 a body that looks like a block"
    file = Pcapng(order).section().interface().enhanced(b"a", 1).enhanced(b"b", 2).block(kind, body).enhanced(b"c", 3)
    found = read_octets(bytes(file.block(kind, body).simple(b"d").block(kind, body)))
    assert [(row.number, row.octets) for row in found.rows] == [(1, b"a"), (2, b"b"), (4, b"c"), (6, b"d")]
    assert times_of(found) == [1000, 2000, 3000, 3000]
    assert found.codes == ["frames-without-time"]


def test_options_of_frames_are_not_octets_of_frames() -> None:
    file = Pcapng().section().interface().enhanced(b"abcde", 1, options=[(OPTION_COMMENT, b"note"), (2, bytes(4))])
    assert octets_of(read_octets(bytes(file))) == [b"abcde"]


def test_two_interfaces_of_different_kinds() -> None:
    file = (
        Pcapng().section()
        .interface(1, 65535, tsresol=6)
        .interface(276, 128, tsresol=9)
        .enhanced(b"one", MICRO, interface=0)
        .enhanced(b"two", MICRO * 1000 + 7, interface=1)
        .interface(101)
        .enhanced(b"three", MICRO + 9, interface=2)
        .enhanced(b"four", MICRO + 10, interface=0)
    )  # fmt: skip
    found = read_octets(bytes(file))
    assert [(row.octets, row.time - SECOND * NS, row.link_type, row.interface) for row in found.rows] == [
        (b"one", 0, 1, 0),
        (b"two", 7, 276, 1),
        (b"three", 9000, 101, 2),
        (b"four", 10000, 1, 0),
    ]
    assert found.reader.link_types == [1, 276, 101]
    assert found.reader.snaplen == 65535


@pytest.mark.parametrize("first", ORDERS)
def test_second_section_in_the_other_byte_order(first: Order) -> None:
    """Interfaces are counted anew in each section (§4.1); their numbers over the whole file go on."""
    second = ORDERS[first == "<"]
    file = (
        Pcapng(first).section().interface(1).interface(113)
        .enhanced(b"a", MICRO, interface=1)
        .section(second).interface(276, tsresol=9)
        .enhanced(b"b", SECOND * NS + 1).simple(b"c")
        .section(first).interface(101).interface(12, tsoffset=5)
        .enhanced(b"d", MICRO + 2, interface=1).obsolete(b"e", MICRO + 3, interface=0)
    )  # fmt: skip
    found = read_octets(bytes(file))
    assert [(row.number, row.octets, row.time - SECOND * NS, row.link_type, row.interface) for row in found.rows] == [
        (1, b"a", 0, 113, 1),
        (2, b"b", 1, 276, 2),
        (3, b"c", 1, 276, 2),
        (4, b"d", 5 * NS + 2000, 12, 4),
        (5, b"e", 3000, 101, 3),
    ]


def test_an_interface_of_an_earlier_section_is_unknown() -> None:
    file = Pcapng().section().interface().interface(113).section().interface(276).enhanced(b"?", 1, interface=1)
    found = read_octets(bytes(file))
    assert (found.rows, found.codes) == ([], ["unknown-interface"])


@pytest.mark.parametrize("order", ORDERS)
def test_another_version(order: Order) -> None:
    """A version that is not known is told, and read as far as it goes; 1.2 is 1.0 (§4.1)."""
    plain = bytes(Pcapng(order).section().interface().enhanced(b"x", 1))
    for version, codes in ((b"\x02\x00", ["unknown-version"]), (b"\x01\x02", [])):
        octets = bytearray(plain)
        octets[12], octets[14] = version
        if order == ">":
            octets[12:16] = bytes((0, version[0], 0, version[1]))
        found = read_octets(bytes(octets))
        assert ([row.octets for row in found.rows], found.codes) == ([b"x"], codes)


def test_section_of_known_length() -> None:
    """A section may tell its length; it is not needed to read it."""
    file = Pcapng().section(length=32 + 20).interface().enhanced(b"", 1).section(length=20).interface(113)
    assert len(read_octets(bytes(file.enhanced(b"x", 2))).rows) == 2


@pytest.mark.parametrize(
    "tsresol, ticks, nanoseconds",
    [
        (None, MICRO + 1, SECOND * NS + 1000),
        (6, MICRO + 1, SECOND * NS + 1000),
        (0, SECOND, SECOND * NS),
        (3, SECOND * 1000 + 999, SECOND * NS + 999_000_000),
        (9, SECOND * NS + 123_456_789, SECOND * NS + 123_456_789),
        (10, (SECOND * NS + 5) * 10 + 9, SECOND * NS + 5),
        (12, (1_000 * NS + 5) * 1000 + 999, 1_000 * NS + 5),
        (BINARY | 0, SECOND, SECOND * NS),
        (BINARY | 1, SECOND * 2 + 1, SECOND * NS + 500_000_000),
        (BINARY | 9, SECOND * 512 + 1, SECOND * NS + 1_953_125),
        (BINARY | 10, SECOND * 1024 + 1, SECOND * NS + 976_562),
        (BINARY | 20, (SECOND << 20) + 3, SECOND * NS + 2861),
        (BINARY | 32, (SECOND << 32) + (1 << 31) + 1, SECOND * NS + 500_000_000),
        (BINARY | 63, (1 << 63) + 1, NS),
        (127, 1 << 40, 0),
        (BINARY | 127, (1 << 64) - 1, 0),
    ],
)
@pytest.mark.parametrize("order", ORDERS)
def test_time_resolution(order: Order, tsresol: int | None, ticks: int, nanoseconds: int) -> None:
    file = Pcapng(order).section().interface(tsresol=tsresol).enhanced(b"", ticks).obsolete(b"", ticks)
    assert times_of(read_octets(bytes(file))) == [nanoseconds, nanoseconds]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("tsresol", [6, 9, BINARY | 20, BINARY | 9])
@pytest.mark.parametrize("offset", [0, 1, -1, SECOND, -SECOND, 2**32])
def test_time_offset(order: Order, tsresol: int, offset: int) -> None:
    unit = 2 ** (tsresol & 127) if tsresol & BINARY else 10**tsresol
    file = Pcapng(order).section().interface(tsresol=tsresol, tsoffset=offset)
    file.enhanced(b"", (SECOND + 7) * unit + unit // 2)
    assert times_of(read_octets(bytes(file))) == [(SECOND + 7 + offset) * NS + NS // 2]


@pytest.mark.parametrize(
    "tsresol, offset, ticks",
    [(6, 0, 2**64 - 1), (0, 0, 2**63), (9, 2**62, 1), (9, -(2**62), 1), (9, -2, NS), (BINARY, 2**63 - 1, 2**64 - 1)],
)
def test_times_that_no_clock_shows_are_held_inside_the_column(tsresol: int, offset: int, ticks: int) -> None:
    file = Pcapng().section().interface(tsresol=tsresol, tsoffset=offset).enhanced(b"", ticks).enhanced(b"", 5)
    right = [max(0, min(2**63 - 1, (t * NS // 10 ** (tsresol & 127)) + offset * NS)) for t in (ticks, 5)]
    assert times_of(read_octets(bytes(file))) == right


def test_the_option_of_one_octet_that_is_empty() -> None:
    file = Pcapng().section().interface(options=[(9, b""), (14, b"1234")]).enhanced(b"", MICRO)
    assert times_of(read_octets(bytes(file))) == [SECOND * NS]


def test_options_behind_the_end_of_options_do_not_count() -> None:
    file = Pcapng().section().interface(options=[(0, b""), (9, b"\x00")]).enhanced(b"", MICRO)
    assert times_of(read_octets(bytes(file))) == [SECOND * NS]


def test_an_option_longer_than_its_block() -> None:
    body = struct.pack("<HHIHH", 1, 0, 0, 9, 400) + b"\x00\x00\x00\x00"
    file = Pcapng().section().block(INTERFACE_DESCRIPTION, body).enhanced(b"", MICRO)
    assert times_of(read_octets(bytes(file))) == [SECOND * NS]


def test_simple_packets_are_cut_by_the_snaplen_of_the_first_interface() -> None:
    """§4.4: the captured length is the smaller one of the original length and the interface's snaplen."""
    file = Pcapng().section().interface(1, 5).interface(113, 3).simple(b"abcde", 1500).simple(b"abc").simple(b"abcde")
    found = read_octets(bytes(file))
    assert [(row.octets, row.original, row.link_type) for row in found.rows] == [
        (b"abcde", 1500, 1),
        (b"abc", 3, 1),
        (b"abcde", 5, 1),
    ]
    file = Pcapng().section().interface(1, 0).simple(b"abcdefg").simple(b"abcd", 2000)
    assert octets_of(read_octets(bytes(file))) == [b"abcdefg", b"abcd"]
    (notice,) = read_octets(bytes(file)).notices.listed()
    assert (notice.code, notice.frame, notice.count) == ("frames-without-time", 1, 2)


def test_drops_are_the_last_counters_of_every_interface() -> None:
    file = Pcapng().section().interface().interface()
    assert read_octets(bytes(file)).reader.interface_drops is None
    file.statistics(0).statistics(7, ifdrop=1000)
    assert read_octets(bytes(file)).reader.interface_drops is None
    file.statistics(0, ifdrop=0).enhanced(b"", 1)
    assert read_octets(bytes(file)).reader.interface_drops == 0
    file.statistics(0, ifdrop=3).statistics(0, ifdrop=5, osdrop=2).statistics(1, osdrop=40)
    assert read_octets(bytes(file)).reader.interface_drops == 47
    file.section(">").interface().statistics(0, ifdrop=2**40)
    assert read_octets(bytes(file)).reader.interface_drops == 47 + 2**40


def test_a_run_of_frames_around_other_blocks_keeps_its_order() -> None:
    file = Pcapng().section().interface()
    for number in range(200):
        if number % 7 == 0:
            file.statistics(0, ifdrop=number)
        if number % 11 == 0:
            file.interface(113)
        if number % 13 == 0:
            file.simple(str(number).encode())
        else:
            file.enhanced(str(number).encode(), number)
    found = read_octets(bytes(file))
    assert [(row.number, row.octets) for row in found.rows] == [(n + 1, str(n).encode()) for n in range(200)]


# --- what a broken file holds ----------------------------------------------------------------------------------------


def small(order: Order) -> Pcapng:
    return (
        Pcapng(order).section(options=[(OPTION_COMMENT, b"small")]).interface(1, 64, tsresol=9)
        .enhanced(b"abc", 1, original=9).simple(b"simple").block(UNREGISTERED, b"skipped")
        .section(">" if order == "<" else "<").interface(113)
        .obsolete(b"old", 2).statistics(0, ifdrop=1).enhanced(b"abcdefgh", 3).enhanced(b"", 4)
    )  # fmt: skip


@pytest.mark.parametrize("order", ORDERS)
def test_cut_at_every_octet(order: Order) -> None:
    file = small(order)
    whole, every = bytes(file), read_octets(bytes(file)).rows
    assert octets_of(read_octets(whole)) == [b"abc", b"simple", b"old", b"abcdefgh", b""]
    holds = [0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 1, 1]
    for cut in range(4, 28):
        with pytest.raises(CaptureError, match=f"memory: the pcapng section header is cut off: {cut} of 28") as error:
            read_octets(whole[:cut])
        assert error.value.offset == cut
    for cut in range(28, len(whole) + 1):
        found = read_octets(whole[:cut])
        blocks = sum(end <= cut for end in file.ends[1:])
        frames = sum(holds[: blocks + 1])
        assert found.rows == every[:frames], cut
        trouble = [notice for notice in found.notices.listed() if notice.code != "frames-without-time"]
        if cut in file.ends:
            assert trouble == [], cut
        else:
            assert [(notice.code, notice.frame, notice.offset) for notice in trouble] == [("cut-off", frames, cut)]


@pytest.mark.parametrize("order", ORDERS)
def test_read_in_pieces_of_any_size(order: Order) -> None:
    whole = bytes(small(order))
    every = read_octets(whole)
    for at_most in (*range(1, 60), 100, 250):
        found = read_octets(whole, at_most)
        assert found.rows == every.rows, at_most
        assert found.codes == every.codes
        assert found.reader.interface_drops == every.reader.interface_drops


@pytest.mark.parametrize("kind", [SECTION_HEADER, INTERFACE_DESCRIPTION, SIMPLE_PACKET, OBSOLETE_PACKET,
                                  INTERFACE_STATISTICS, ENHANCED_PACKET, UNREGISTERED])  # fmt: skip
@pytest.mark.parametrize("length", [0, 4, 8, 11, 13, 30, 33, 0x7FFFFFFC, 0xFFFFFFFC, 0xFFFFFFFF])
def test_absurd_block_length(kind: int, length: int) -> None:
    body = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) if kind == SECTION_HEADER else bytes(20)
    file = Pcapng().section().interface().enhanced(b"abc", 1).enhanced(b"abc", 2)
    where = len(bytes(file))
    found = read_octets(bytes(file.block(kind, body, length=length).enhanced(b"abc", 2)))
    assert len(found.rows) == 2
    (notice,) = found.notices.listed()
    assert (notice.code, notice.offset) == ("damaged-block", where)
    assert notice.frame == 2, "the trouble stands behind the second frame"
    assert f"{length:,}" in notice.text
    assert len(found.window.data) == limits.BLOCK_BYTES


@pytest.mark.parametrize(
    "kind, smallest",
    [(SECTION_HEADER, 28), (INTERFACE_DESCRIPTION, 20), (OBSOLETE_PACKET, 32), (SIMPLE_PACKET, 16),
     (INTERFACE_STATISTICS, 24), (ENHANCED_PACKET, 32)],
)  # fmt: skip
def test_a_block_too_short_for_its_kind(kind: int, smallest: int) -> None:
    magic = struct.pack("<I", 0x1A2B3C4D) if kind == SECTION_HEADER else bytes(4)
    body = (magic + bytes(40))[: smallest - 12 - 4]
    found = read_octets(bytes(Pcapng().section().interface().block(kind, body)))
    assert found.codes == ["damaged-block"]


def test_two_lengths_that_differ() -> None:
    """§3.1: the length stands at both ends of a block and must be the same."""
    file = Pcapng().section().interface().enhanced(b"abc", 1)
    octets = bytearray(bytes(file.enhanced(b"abc", 2).enhanced(b"abc", 3)))
    octets[file.ends[4] - 4] += 4
    found = read_octets(bytes(octets))
    assert times_of(found) == [1000, 2000, 3000]
    (notice,) = found.notices.listed()
    assert (notice.code, notice.frame, notice.offset) == ("damaged-block", 1, file.ends[3])


def test_memory_does_not_follow_a_length_field() -> None:
    """The largest block believed: the window grows only with octets that have really arrived."""
    file = Pcapng().section().interface().enhanced(b"abc", 1)
    file.block(UNREGISTERED, b"short", length=limits.MAX_PCAPNG_BLOCK_BYTES)
    found = read_octets(bytes(file))
    assert len(found.rows) == 1
    assert found.codes == ["cut-off"]
    assert len(found.window.data) == limits.BLOCK_BYTES


def test_a_long_block_that_is_really_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BLOCK_BYTES", 1000)
    file = Pcapng().section().interface().block(UNREGISTERED, bytes(70_000))
    file.enhanced(bytes(9000), 1).enhanced(b"abc", 2)
    for at_most in (None, 999, 5000):
        found = read_octets(bytes(file), at_most)
        assert [len(row.octets) for row in found.rows] == [9000, 3]
        assert len(found.window.data) < 200_000


def test_captured_length_longer_than_its_block() -> None:
    file = Pcapng().section().interface().enhanced(b"good", 1).enhanced(b"abcd", 2, captured=400, original=400)
    file.enhanced(b"good", 3).enhanced(b"abcd", 4, captured=0xFFFFFFFF)
    found = read_octets(bytes(file))
    assert octets_of(found) == [b"good", b"abcd", b"good", b"abcd"]
    (notice,) = found.notices.listed()
    assert (notice.code, notice.frame) == ("damaged-block", 2)


def test_captured_length_longer_than_an_obsolete_block() -> None:
    octets = bytearray(bytes(Pcapng().section().interface().obsolete(b"abcd", 2).enhanced(b"good", 3)))
    octets[48 + 20 : 48 + 24] = struct.pack("<I", 4000)
    found = read_octets(bytes(octets))
    assert octets_of(found) == [b"abcd", b"good"]
    (notice,) = found.notices.listed()
    assert (notice.code, notice.frame) == ("damaged-block", 1)


def test_unknown_interfaces() -> None:
    """Frames of interfaces that were not described cannot be read, but they count."""
    file = (
        Pcapng().section().simple(b"nothing").enhanced(b"nothing", 1).obsolete(b"nothing", 1)
        .interface().enhanced(b"known", 2).enhanced(b"nothing", 3, interface=1).enhanced(b"x", 4, interface=0xFFFFFFFF)
        .enhanced(b"known", 5).obsolete(b"x", 6, interface=0xFFFF)
    )  # fmt: skip
    found = read_octets(bytes(file))
    assert [(row.number, row.octets) for row in found.rows] == [(4, b"known"), (7, b"known")]
    unknown = next(notice for notice in found.notices.listed() if notice.code == "unknown-interface")
    assert unknown.frame == 1


def test_more_interfaces_than_are_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_INTERFACES", 3)
    file = Pcapng().section()
    for number in range(5):
        file.interface(100 + number)
    for number in range(5):
        file.enhanced(b"x", number, interface=number)
    found = read_octets(bytes(file))
    assert [row.link_type for row in found.rows] == [100, 101, 102]
    assert found.codes == ["too-many-interfaces", "unknown-interface"]


def test_a_section_without_its_magic() -> None:
    with pytest.raises(CaptureError, match="byte-order magic") as error:
        read_octets(b"\x0a\x0d\x0d\x0a" + bytes(60))
    assert error.value.offset == 8
    file = Pcapng().section().interface().enhanced(b"abc", 1)
    found = read_octets(bytes(file) + b"\x0a\x0d\x0d\x0a" + bytes(60))
    assert len(found.rows) == 1
    (notice,) = found.notices.listed()
    assert (notice.code, notice.frame, notice.offset) == ("damaged-block", 1, len(bytes(file)))


@pytest.mark.parametrize("line_ends", [b"\x0d\x0d\x0a", b"\x0a\x0d\x0a\x0d", b"\x0a\x0a"])
def test_a_file_damaged_by_a_transfer_as_text_is_not_read(line_ends: bytes) -> None:
    """§4.1: the block type was chosen so that FTP's ASCII mode destroys it."""
    octets = line_ends + bytes(Pcapng().section().interface())[4:]
    with pytest.raises((CaptureError, KeyError)):
        read_octets(octets)


HEAD = {order: bytes(Pcapng(order).section().interface(1, 96, tsresol=9)) for order in ORDERS}


@given(st.sampled_from(ORDERS), st.binary(max_size=400), st.integers(1, 50))
def test_anything_behind_a_valid_header(order: Order, octets: bytes, at_most: int) -> None:
    whole = HEAD[order] + octets
    found = read_octets(whole)
    assert found.rows == read_octets(whole, at_most).rows
    assert len(found.window.data) == limits.BLOCK_BYTES


BLOCK_KINDS = [0, SECTION_HEADER, *range(1, 7), DECRYPTION_SECRETS, UNREGISTERED]


@given(st.sampled_from(ORDERS), st.lists(st.tuples(st.sampled_from(BLOCK_KINDS), st.binary(max_size=80)), max_size=12))
def test_blocks_of_any_content(order: Order, blocks: list[tuple[int, bytes]]) -> None:
    file = Pcapng(order).section().interface()
    for kind, body in blocks:
        file.block(kind, body).enhanced(b"between", 1)
    found = read_octets(bytes(file))
    numbers = [row.number for row in found.rows]
    assert numbers == sorted(set(numbers))
    assert all(0 <= row.time < 1 << 63 for row in found.rows)


@given(st.sampled_from(ORDERS), st.integers(0, 1000), st.integers(0, 255))
def test_one_octet_changed(order: Order, place: int, octet: int) -> None:
    whole = bytearray(bytes(small(order)))
    whole[28 + place % (len(whole) - 28)] = octet
    read_octets(bytes(whole))


frames = st.builds(
    Recorded,
    st.binary(max_size=70),
    st.integers(0, 2**62),
    st.one_of(st.none(), st.integers(0, 2**32 - 1)),
)


@given(st.sampled_from(ORDERS), st.lists(frames, max_size=20), st.integers(1, 90))
def test_what_was_written_is_read(order: Order, written: list[Recorded], at_most: int) -> None:
    found = read_octets(pcapng(written, order=order), at_most)
    assert [(row.octets, row.time, row.original) for row in found.rows] == [
        (frame.octets, frame.time, frame.length) for frame in written
    ]


# --- blocks that hold no frames, as programs write them --------------------------------------------------------------

JOURNAL = 9  # systemd's journal export


def with_everything(order: Order) -> Pcapng:
    """Comments, names, secrets, custom blocks and options, statistics, and three sections."""

    def words(*values: int) -> bytes:
        return struct.pack(order + "H" * len(values), *values)

    comment = [(OPTION_COMMENT, "größer".encode()), (OPTION_COMMENT, b"a second one")]
    custom = struct.pack(order + "I", 32473)  # the enterprise number for examples (RFC 5612)
    # nrb_record_ipv4, nrb_record_ipv6, nrb_record_end, ns_dnsname.
    names = (
        words(1, 4 + 5) + bytes([192, 0, 2, 1]) + b"host\0" + bytes(3)
        + words(2, 16 + 4) + bytes(15) + b"\1" + b"six\0"
        + words(0, 0) + words(2, 3) + b"dns\0" + words(0, 0)
    )  # fmt: skip
    keys = b"CLIENT_RANDOM 00 00\n"
    secrets = struct.pack(order + "II", 0x544C534B, len(keys)) + keys
    return (
        Pcapng(order)
        .section(options=[*comment, (2, b"x86-64"), (3, b"Linux"), (4, b"dumpcap"), (2988, custom + b"custom")])
        .interface(1, 96, tsresol=9, options=[(2, b"eth0"), (3, b"uplink"), (11, b"\0tcp port 22"), *comment])
        .block(NAME_RESOLUTION, names)
        .block(DECRYPTION_SECRETS, secrets)
        .enhanced(b"first", 1, options=[*comment, (2, words(1, 0)), (4, bytes(8)), (2989, custom)])
        .block(CUSTOM, custom + b"copied by everyone")
        .block(0x40000BAD, custom + b"not copied")
        .block(JOURNAL, b"__REALTIME_TIMESTAMP=1\nMESSAGE=hello\n")
        .simple(b"cut by the snaplen".ljust(96), 1500)
        .statistics(0, ifdrop=1)
        .enhanced(b"third", 3)
        .statistics(0, ifdrop=4, osdrop=2)
        .section()
        .interface(113, 0)
        .block(DECRYPTION_SECRETS, secrets)
        .simple(b"another section")
        .statistics(0, osdrop=10)
        .section(options=comment)
        .interface(1, 4)
        .interface(101, 262144)
        .statistics(1, ifdrop=100)
        .simple(b"four", 60)
        .enhanced(b"sixth", 6, interface=1, options=comment)
        .block(NAME_RESOLUTION, names)
    )


@pytest.mark.parametrize("order", ORDERS)
def test_everything_that_programs_write(order: Order) -> None:
    whole = bytes(with_everything(order))
    for at_most in (None, 1, 7, 100):
        found = read_octets(whole, at_most)
        assert [
            (row.number, row.octets.rstrip(), row.original, row.link_type, row.interface) for row in found.rows
        ] == [
            (1, b"first", 5, 1, 0),
            (5, b"cut by the snaplen", 1500, 1, 0),
            (6, b"third", 5, 1, 0),
            (7, b"another section", 15, 113, 1),
            (8, b"four", 60, 1, 2),
            (9, b"sixth", 5, 101, 3),
        ]
        assert times_of(found) == [1, 1, 3, 3, 3, 6000]
        assert found.reader.interface_drops == 4 + 2 + 10 + 100
        assert (found.reader.link_types, found.reader.snaplen) == ([1, 113, 101], 262144)
        assert found.codes == ["frames-without-time"]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("order", ORDERS)
def test_everything_that_programs_write_by_tshark(order: Order, tmp_path: Path) -> None:
    path = tmp_path / "everything"
    path.write_bytes(bytes(with_everything(order)))
    fields = ["-e", "frame.number", "-e", "frame.cap_len", "-e", "frame.len"]
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", *fields]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    rows = read_octets(path.read_bytes()).rows
    frames = {str(row.number) for row in rows}
    assert [line for line in lines if line[0] in frames] == [
        [str(row.number), str(len(row.octets)), str(row.original)] for row in rows
    ]
    assert [line[0] for line in lines if line[0] not in frames] == ["2", "3", "4"], (
        "two custom blocks, one of the journal"
    )


@pytest.mark.parametrize("order", ORDERS)
def test_blocks_of_no_frames_that_are_broken_inside(order: Order) -> None:
    """What is skipped is not looked into: lengths inside that lie do no harm."""
    lie = struct.pack(order + "HHI", 0xFFFF, 0xFFFF, 0xFFFFFFFF)
    file = Pcapng(order).section().interface()
    for kind in (NAME_RESOLUTION, DECRYPTION_SECRETS, CUSTOM, 0x40000BAD, JOURNAL):
        file.block(kind, lie).block(kind, b"").enhanced(b"x", kind)
    file.block(INTERFACE_STATISTICS, struct.pack(order + "III", 0, 0, 0) + struct.pack(order + "HH", 5, 8))
    file.block(INTERFACE_STATISTICS, struct.pack(order + "III", 0, 0, 0) + struct.pack(order + "HHI", 5, 4, 9))
    found = read_octets(bytes(file))
    assert (len(found.rows), found.codes, found.reader.interface_drops) == (5, [], None)
