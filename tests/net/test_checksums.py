"""Checksums: right, left to the network card, wrong, and not to be told. tshark says what is right."""

import shutil
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap.frames import CHECKSUM_LEFT_OUT, CHECKSUM_RIGHT, CHECKSUM_UNKNOWN, CHECKSUM_WRONG, Segment
from sshpcap.net.columns import read_columns, segments
from sshpcap.net.decode import decode
from tests.net.test_columns import both_ways
from tests.support import frames
from tests.support.blocks import block_of, read_file
from tests.support.captures import Recorded, captures_at_hand, name_of, pcapng, sampled
from tests.support.frames import checksum, ipv4, ipv6, tcp

TSHARK = shutil.which("tshark")


def pseudo(version: int, length: int) -> bytes:
    """RFC 9293 §3.1, RFC 8200 §8.1; the addresses are those of `tests.support.frames`."""
    packet = ipv4(b"") if version == 4 else ipv6(b"")
    return (packet[12:20] if version == 4 else packet[8:40]) + struct.pack(">II", length, 6)


def filled(version: int, segment: bytes, field: bytes | None = None) -> bytes:
    """A packet with a segment whose checksum is right, or is `field`."""
    sum_of_all = checksum(pseudo(version, len(segment)) + segment).to_bytes(2, "big")
    whole = segment[:16] + (sum_of_all if field is None else field) + segment[18:]
    return ipv4(whole) if version == 4 else ipv6(whole)


def judged(packet: bytes, captured: int | None = None, link: str = "ethernet-without-padding") -> int:
    """What both ways of reading say of a packet."""
    octets = frames.LINKS[link].wrap(packet)
    row = Recorded(octets[:captured], 0, len(octets))
    (found,) = both_ways(block_of([row], frames.LINKS[link].number))
    return found.checksum


versions = pytest.mark.parametrize("version", [4, 6])


@versions
@given(payload=st.binary(max_size=70), flags=st.integers(0, 255))
def test_right_and_one_bit_changed(version: int, payload: bytes, flags: int) -> None:
    packet = filled(version, tcp(payload, flags=flags))
    assert judged(packet) == CHECKSUM_RIGHT
    for place in {len(packet) - 1, len(packet) - len(payload) - 16}:  # the last octet; one of the sequence number
        changed = bytearray(packet)
        changed[place] ^= 0x10
        assert judged(bytes(changed)) == CHECKSUM_WRONG


@versions
@pytest.mark.parametrize("payload", [b"", b"odd", b"even"])
def test_what_is_left_in_the_field_for_the_card(version: int, payload: bytes) -> None:
    """Linux: the folded sum of the pseudo header, not inverted (include/linux/skbuff.h, CHECKSUM_PARTIAL)."""
    octets = tcp(payload)
    partial = (checksum(pseudo(version, len(octets))) ^ 0xFFFF).to_bytes(2, "big")
    without_length = (checksum(pseudo(version, 0)) ^ 0xFFFF).to_bytes(2, "big")
    for field in (partial, without_length, bytes(2)):
        assert judged(filled(version, octets, field)) == CHECKSUM_LEFT_OUT
    assert judged(filled(version, octets, b"\xab\xcd")) == CHECKSUM_WRONG


SORTS = [None, b"\0\0", b"\xab\xcd"]


@given(rows=st.lists(st.tuples(st.sampled_from((4, 6)), st.binary(max_size=9), st.sampled_from(SORTS)),
                     min_size=2, max_size=12))  # fmt: skip
def test_many_rows_at_once_and_each_alone(rows: list[tuple[int, bytes, bytes | None]]) -> None:
    """Frames of odd and even lengths, so that they stand at odd and even places of the buffer."""
    expected = {None: CHECKSUM_RIGHT, SORTS[1]: CHECKSUM_LEFT_OUT, SORTS[2]: CHECKSUM_WRONG}
    packets = [filled(version, tcp(payload), field) for version, payload, field in rows]
    made = [frames.LINKS["ethernet-without-padding"].wrap(packet) for packet in packets]
    block = block_of([Recorded(octets, 0, len(octets)) for octets in made], 1)
    assert [found.checksum for found in both_ways(block)] == [expected[field] for *_, field in rows]


def test_the_header_of_ipv4() -> None:
    packet = bytearray(filled(4, tcp(b"payload")))
    packet[8] -= 1  # a router that forgets the checksum
    assert judged(bytes(packet)) == CHECKSUM_WRONG
    packet[10:12] = bytes(2)
    assert judged(bytes(packet)) == CHECKSUM_LEFT_OUT


@versions
def test_what_is_not_all_there_is_not_judged(version: int) -> None:
    packet = filled(version, tcp(b"payload"))
    length = 14 + len(packet)
    assert judged(packet, length) == CHECKSUM_RIGHT
    for captured in range(length - 7, length):
        assert judged(packet, captured) == CHECKSUM_UNKNOWN
    offloaded = ipv4(tcp(b"payload"), total=0) if version == 4 else ipv6(tcp(b"payload"), length=0)
    assert judged(offloaded) == CHECKSUM_UNKNOWN
    longer = ipv4(tcp(b"payload"), total=1000) if version == 4 else ipv6(tcp(b"payload"), length=1000)
    assert judged(longer) == CHECKSUM_UNKNOWN


def test_a_packet_on_a_detour_is_not_judged() -> None:
    """The pseudo header has the last destination, which stands elsewhere (RFC 791 §3.1, RFC 8200 §8.1)."""
    for option in (131, 137):
        assert judged(ipv4(tcp(b"x"), options=bytes((option, 7, 4, 192, 0, 2, 1, 0)))) == CHECKSUM_UNKNOWN
    routing = bytearray(frames.routing_header())
    assert judged(ipv6(tcp(b"x"), extensions=[(frames.ROUTING, bytes(routing))])) == CHECKSUM_LEFT_OUT
    routing[2] = 1  # segments left
    assert judged(ipv6(tcp(b"x"), extensions=[(frames.ROUTING, bytes(routing))])) == CHECKSUM_UNKNOWN


@pytest.mark.parametrize("link", frames.LINKS)
def test_under_every_link_type_and_in_every_tunnel(link: str) -> None:
    for version in frames.LINKS[link].versions:
        good, bad = filled(version, tcp(b"SSH-2.0-x\r\n")), filled(version, tcp(b"SSH-2.0-x\r\n"), b"\xab\xcd")
        assert [judged(packet, link=link) for packet in (good, bad)] == [CHECKSUM_RIGHT, CHECKSUM_WRONG]


# --- tshark ----------------------------------------------------------------------------------------------------------


def _bad_by_tshark(path: Path) -> set[int]:
    """Frames with a bad TCP or IPv4 checksum. One that is 0xffff where 0x0000 was computed is none (RFC 1624 §3)."""
    assert TSHARK
    fields = ("frame.number", "ip.checksum.status", "tcp.checksum.status", "tcp.checksum", "tcp.checksum_calculated")
    command = [TSHARK, "-n", "-r", str(path), "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
    command += ["-Y", "tcp && !icmp && !icmpv6", "-T", "fields", *(word for field in fields for word in ("-e", field))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [dict(zip(fields, line.split("\t"), strict=True)) for line in done.stdout.splitlines()]
    return {
        int(row["frame.number"])
        for row in rows
        if row["ip.checksum.status"] == "0"
        or (row["tcp.checksum.status"] == "0" and (row["tcp.checksum"], row["tcp.checksum_calculated"]) != ZEROS)
    }


ZEROS = ("0xffff", "0x0000")


def _bad(path: Path) -> set[int]:
    rows, _ = read_file(path)
    found: Iterable[tuple[int, object]] = (
        (row.number, decode(row.number, 0, memoryview(row.octets), row.link_type, row.original)[1]) for row in rows
    )
    return {number for number, one in found if isinstance(one, Segment) and one.checksum >= CHECKSUM_LEFT_OUT}


def _damaged(path: Path, tmp_path: Path) -> Path:
    """A capture with a bit changed in every third frame, in the TCP header or behind it."""
    rows, _ = read_file(path)
    made = []
    for row in rows:
        octets = bytearray(row.octets)
        place = 38 + row.number % (len(octets) - 38)
        if row.number % 3 == 0 and place != 46:  # the length of the TCP header: then it is none
            octets[place] ^= 1 << row.number % 8
        made.append(Recorded(bytes(octets), row.time, row.original))
    damaged = tmp_path / "damaged.pcapng"
    damaged.write_bytes(pcapng(made))
    return damaged


@pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")
@pytest.mark.parametrize("path", sampled(captures_at_hand()[::12], every=2, ours=2), ids=name_of)
def test_tshark_agrees(path: Path, tmp_path: Path) -> None:
    assert _bad(path) == _bad_by_tshark(path)
    damaged = _damaged(path, tmp_path)
    assert _bad(damaged) == _bad_by_tshark(damaged)


def test_constants_are_in_order_of_their_weight() -> None:
    assert CHECKSUM_UNKNOWN < CHECKSUM_RIGHT < CHECKSUM_LEFT_OUT < CHECKSUM_WRONG


def test_the_columns_judge_what_decode_judges() -> None:
    """Several frames of a block, each by its own octets."""
    packets = [filled(4, tcp(bytes(at))) if at % 2 else filled(4, tcp(bytes(at)), b"\1\2") for at in range(8)]
    block = block_of([Recorded(frames.ethernet(packet, pad=at > 3)) for at, packet in enumerate(packets)])
    columns = read_columns(block).columns
    found = [one.checksum for _, one in segments(block, columns, np.arange(8))]
    assert found == [CHECKSUM_WRONG, CHECKSUM_RIGHT] * 4
