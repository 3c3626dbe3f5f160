"""One TCP header at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap.frames import ACK, FIN, PSH, RST, SYN, Segment
from sshpcap.net.segments import read_segment
from tests.support.frames import tcp


def read(octets: bytes, length: int | None = None) -> Segment | None:
    return read_segment(1, 2, b"\x7f\0\0\1", b"\x7f\0\0\2", 64, 9, octets, len(octets) if length is None else length)


def test_fields() -> None:
    """RFC 9293 §3.1."""
    found = read(bytes.fromhex("c001 0016 00000001 ffffffff 6052 7210 abcd 0007 020405b4") + b"xyz", 100)
    assert found is not None
    assert (found.source.port, found.destination.port) == (0xC001, 22)
    assert (found.seq, found.ack, found.flags, found.window) == (1, 0xFFFFFFFF, 0x52, 0x7210)
    assert (found.options, found.payload, found.length) == (b"\x02\x04\x05\xb4", b"xyz", 76)


@pytest.mark.parametrize(("checksum", "left"), [("fe1d", True), ("fe1c", False), ("01e2", False), ("0000", False)])
def test_a_checksum_that_is_left_to_the_card(checksum: str, left: bool) -> None:
    """Pseudo header: 7f00 + 0001 + 7f00 + 0002 + protocol 0006 + length 0014 = fe1d, not complemented."""
    found = read(bytes.fromhex(f"c001 0016 00000001 00000002 5010 7210 {checksum} 0000"))
    assert found is not None
    assert found.unsummed is left


def test_flags_have_the_values_of_the_rfc() -> None:
    assert (FIN, SYN, RST, PSH, ACK) == (1, 2, 4, 8, 16)


def test_span() -> None:
    """RFC 9293 §3.4: SYN and FIN take a sequence number each."""
    for flags, extra in ((ACK, 0), (SYN, 1), (FIN | ACK, 1), (SYN | FIN, 2), (RST, 0)):
        found = read(tcp(b"abc", flags=flags))
        assert found is not None
        assert found.span == 3 + extra


@pytest.mark.parametrize("words", [0, 1, 4])
def test_a_data_offset_inside_the_fixed_header(words: int) -> None:
    octets = bytearray(tcp(b"payload", options=bytes(8)))
    octets[12] = words << 4
    assert read(bytes(octets)) is None


def test_a_data_offset_behind_the_packet() -> None:
    assert read(tcp(b"", options=bytes(40)), 59) is None
    assert read(tcp(b"", options=bytes(40)), 60) is not None


def test_cut_by_the_snaplen() -> None:
    octets = tcp(b"payload", options=b"\x01" * 12)
    for captured in range(20):
        assert read(octets[:captured], len(octets)) is None
    for captured in range(20, len(octets) + 1):
        found = read(octets[:captured], len(octets))
        assert found is not None
        assert found.length == 7
        assert found.options == octets[20 : min(32, captured)]
        assert found.payload == octets[32:captured]


@given(st.binary(max_size=80), st.integers(0, 70_000))
def test_any_octets(octets: bytes, length: int) -> None:
    found = read(octets, length)
    if found is not None:
        assert 0 <= len(found.payload) <= found.length <= length - 20
