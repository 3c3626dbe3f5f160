"""IP fragments: put together in any order and split, bounded in everything, and read as the packet they were."""

import itertools
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap import limits
from sshpcap.frames import Segment
from sshpcap.net.decode import Decoder
from sshpcap.net.fragments import Fragments, Whole
from tests.support import frames

KEY = (bytes(4), bytes(4), 6, 1)


@given(st.binary(min_size=1, max_size=600), st.lists(st.integers(1, 60), max_size=8), st.randoms(use_true_random=False))
def test_any_split_in_any_order_gives_the_whole(octets: bytes, cuts: list[int], order: random.Random) -> None:
    places = sorted({0, len(octets), *(8 * cut for cut in cuts if 8 * cut < len(octets))})
    pieces = list(itertools.pairwise(places))
    order.shuffle(pieces)
    fragments = Fragments()
    results = [
        fragments.add(KEY, 0, start, octets[start:end], end - start, more=end < len(octets)) for start, end in pieces
    ]
    assert results == [None] * (len(pieces) - 1) + [Whole(octets, len(octets))]
    assert fragments.incomplete == fragments.overlaps == 0


def test_the_first_copy_counts_and_overlaps_are_told() -> None:
    fragments = Fragments()
    assert fragments.add(KEY, 0, 0, b"first---", 8, more=True) is None
    assert fragments.add(KEY, 0, 0, b"second--", 8, more=True) is None
    assert fragments.add(KEY, 0, 4, b"xxxxlast", 8, more=False) == Whole(b"first---last", 12)
    assert fragments.overlaps == 2


def test_fragments_captured_twice_are_no_overlap_and_no_datagram() -> None:
    """Whether each comes twice at once or all of them again; later the same number is another datagram."""
    for order in ([0, 0, 1, 1], [0, 1, 0, 1], [1, 1, 0, 0]):
        fragments = Fragments()
        pieces = [(0, b"a" * 16, True), (16, b"b" * 8, False)]
        found = [
            fragments.add(KEY, place, pieces[which][0], pieces[which][1], len(pieces[which][1]), more=pieces[which][2])
            for place, which in enumerate(order)
        ]
        assert [one.octets for one in found if one] == [b"a" * 16 + b"b" * 8]
        assert (fragments.overlaps, fragments.incomplete) == (0, 0)
        assert fragments.add(KEY, limits.TWICE_NS + 10, 0, b"c" * 16, 16, more=True) is None
        whole = fragments.add(KEY, limits.TWICE_NS + 10, 16, b"d" * 8, 8, more=False)
        assert whole is not None
        assert whole.octets == b"c" * 16 + b"d" * 8


def test_what_is_remembered_of_finished_datagrams_is_bounded() -> None:
    fragments = Fragments()
    for number in range(3 * limits.MAX_DATAGRAMS):
        key = (b"", b"", 6, number)
        fragments.add(key, number, 0, b"a" * 8, 8, more=True)
        assert fragments.add(key, number, 8, b"a", 1, more=False)
    assert len(fragments._finished) <= limits.MAX_DATAGRAMS


def test_what_the_snaplen_cut_is_missing_at_the_end() -> None:
    fragments = Fragments()
    fragments.add(KEY, 0, 0, b"abcd", 8, more=True)
    assert fragments.add(KEY, 0, 8, b"efgh", 8, more=False) == Whole(b"abcd", 16)


def test_old_datagrams_are_given_up() -> None:
    fragments = Fragments()
    fragments.add(KEY, 0, 0, bytes(8), 8, more=True)
    fragments.add((bytes(4), bytes(4), 6, 2), limits.FRAGMENT_NS, 0, bytes(8), 8, more=True)
    assert fragments.given_up == 1
    assert fragments.add(KEY, limits.FRAGMENT_NS, 8, bytes(8), 8, more=False) is None


def test_bounded_in_number_octets_and_pieces() -> None:
    fragments = Fragments()
    for number in range(3 * limits.MAX_DATAGRAMS):
        fragments.add((bytes(4), bytes(4), 6, number), 0, 0, bytes(60000), 60000, more=True)
    assert len(fragments._waiting) <= limits.MAX_DATAGRAMS
    assert fragments._held <= limits.FRAGMENT_BYTES + 60000
    for number in range(2 * limits.MAX_FRAGMENTS):
        fragments.add(KEY, 0, 16 * number, bytes(8), 8, more=True)
    assert all(len(datagram.pieces) <= limits.MAX_FRAGMENTS for datagram in fragments._waiting.values())


def test_a_fragment_beyond_the_longest_datagram_is_no_fragment() -> None:
    assert Fragments().add(KEY, 0, 65528, bytes(16), 16, more=False) is None


def _fragments4(packet: bytes, size: int) -> list[bytes]:
    """RFC 791 §3.2: the header again on every piece, with its offset and the flag for more."""
    head, body = packet[:20], packet[20:]
    made = []
    for start in range(0, len(body), size):
        piece = body[start : start + size]
        more = 0x2000 if start + size < len(body) else 0
        fields = struct.pack(">HHH", 20 + len(piece), 0x1234, more | start // 8)
        sound = frames.checksum(head[:2] + fields + head[8:10] + head[12:]).to_bytes(2, "big")
        made.append(head[:2] + fields + head[8:10] + sound + head[12:] + piece)
    return made


def _fragments6(packet: bytes, size: int) -> list[bytes]:
    """RFC 8200 §4.5: a fragment header behind the IPv6 header."""
    head, body = packet[:40], packet[40:]
    made = []
    for start in range(0, len(body), size):
        piece = body[start : start + size]
        more = int(start + size < len(body))
        fragment = struct.pack(">BBHI", 6, 0, start | more, 0xABCD1234)
        made.append(head[:4] + struct.pack(">HBB", 8 + len(piece), 44, head[7]) + head[8:] + fragment + piece)
    return made


@pytest.mark.parametrize("size", [8, 24, 64, 512])
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_fragmented_segment_is_read_as_the_segment_it_was(version: int, size: int, backwards: bool) -> None:
    body = frames.tcp(b"SSH-2.0-Test\r\n" * 40)
    packet = frames.ipv4(body) if version == 4 else frames.ipv6(body)
    ((_, whole),) = [Decoder().decode(1, 0, memoryview(packet), 101)]
    assert isinstance(whole, Segment)
    pieces = (_fragments4 if version == 4 else _fragments6)(packet, size)
    decoder = Decoder()
    found = [
        decoder.decode(number, 0, memoryview(piece), 101)
        for number, piece in enumerate(pieces[::-1] if backwards else pieces, start=1)
    ]
    assert [one for one in found[:-1] if one != ("fragment", None)] == []
    kind, segment = found[-1]
    assert kind == "tcp"
    assert isinstance(segment, Segment)
    expected = whole._replace(frame=len(pieces), ip_id=segment.ip_id)
    assert segment == expected
