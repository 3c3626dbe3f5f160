"""The columns and the slow path must say the same of every frame: of captures, of packets made up, of any octets."""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap.capture import open_capture
from sshpcap.frames import CHECKSUM_UNKNOWN, CHECKSUM_WRONG, Endpoint, FrameBlock, Segment
from sshpcap.net.columns import Shapes, read_columns, segments
from sshpcap.net.keys import keys_of
from sshpcap.net.link import LINK_TYPES
from tests.support import frames
from tests.support.blocks import block_of, packets_of, sliced
from tests.support.captures import SAMPLES, Recorded, captures_at_hand, name_of
from tests.support.decoding import decode_row

NO_SEGMENT = {"udp", "other", "arp", "icmp"}


def by_columns(block: FrameBlock) -> tuple[dict[int, Segment], Shapes]:
    """The segments that the columns find, by row."""
    shapes = read_columns(block)
    return dict(segments(block, shapes.columns, np.arange(len(shapes.columns.row)))), shapes


def both_ways(block: FrameBlock) -> list[Segment]:
    """Hold the columns against the slow path, row by row; gives the segments of all frames."""
    found, shapes = by_columns(block)
    rest = set(shapes.rest.tolist())
    assert not rest & found.keys()
    assert shapes.rest.tolist() == sorted(rest)
    assert shapes.columns.row.tolist() == sorted(found)
    skipped: Counter[str] = Counter()
    segments = []
    for row in range(len(block.number)):
        protocol, slow = decode_row(block, row)
        if row in found:
            assert (protocol, slow) == ("tcp", found[row])
        elif row not in rest:
            assert protocol in NO_SEGMENT
            assert slow is None
            skipped[protocol] += 1
        if isinstance(slow, Segment):
            segments.append(slow)
    assert shapes.protocols == dict(skipped)
    pairs = [(each.source, each.destination) for each in found.values()]
    assert keys_of(pairs).tolist() == shapes.columns.key.tolist()
    return segments


# --- captures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", captures_at_hand(), ids=name_of)
def test_captures_at_hand(path: Path) -> None:
    with open_capture(str(path)) as source:
        for block in source.blocks():
            both_ways(block)


@pytest.mark.parametrize("snaplen", [0, 13, 14, 20, 33, 34, 53, 54, 60, 66, 74, 96, 128])
def test_any_snaplen(snaplen: int) -> None:
    """What was cut off is still counted: from the lengths of the IP header."""
    path = SAMPLES / "ok-openssh-ipv6" / "capture.pcap"
    with open_capture(str(path)) as source:
        for block in source.blocks():
            whole = both_ways(block)
            cut = block._replace(captured=np.minimum(block.captured, snaplen))
            for short in both_ways(cut):
                full = next(each for each in whole if each.frame == short.frame)
                assert full.payload.startswith(short.payload)
                assert short == full._replace(payload=short.payload, options=short.options, checksum=short.checksum)
                there = (short.payload, short.options) == (full.payload, full.options)
                assert short.checksum == (full.checksum if there else CHECKSUM_UNKNOWN)
                assert full.options.startswith(short.options)
            if snaplen >= 14 + 40 + 20 + 40:
                assert len(both_ways(cut)) == len(whole)


PACKETS = [
    *packets_of(SAMPLES / "ok-openssh" / "capture.pcap"),
    *packets_of(SAMPLES / "ok-openssh-ipv6" / "capture.pcap"),
    *packets_of(SAMPLES / "icmp-rejected" / "capture.pcap"),
]


def found_in(packets: Sequence[bytes], link: str) -> list[object]:
    """What the analyzer would see of packets under a link type, the columns and the slow path held together."""
    number = frames.LINKS[link].number
    wrapped = frames.relabel(packets, link)
    block = block_of([Recorded(frame, at * 1000) for at, frame in enumerate(wrapped)], number)
    both_ways(block)
    if frames.LINKS[link].simple:
        assert by_columns(block)[0], "the common shape goes through the columns"
    else:
        assert not by_columns(block)[0]
    return [_without_tunnel(decode_row(block, row)) for row in range(len(wrapped))]


def _without_tunnel(decoded: tuple[object, object]) -> tuple[object, object]:
    """PPPoE and MPLS are named in the segment; for the rest they change nothing."""
    kind, found = decoded
    return kind, found._replace(tunnel=()) if isinstance(found, Segment) else found


@pytest.mark.parametrize("link", frames.LINKS)
def test_the_same_packets_under_every_link_type(link: str) -> None:
    versions = frames.LINKS[link].versions
    packets = [packet for packet in PACKETS if frames.version_of(packet) in versions]
    assert found_in(packets, link) == found_in(packets, "ethernet-without-padding")


def test_every_link_type_is_in_this_test() -> None:
    assert {link.number for link in frames.LINKS.values()} >= set(LINK_TYPES)


def test_all_link_types_in_one_block() -> None:
    every = [(link, frame) for link in frames.LINKS for frame in frames.relabel(PACKETS, link)]
    random.Random(7).shuffle(every)
    numbers = [frames.LINKS[link].number for link, _ in every]
    block = block_of([Recorded(frame) for _, frame in every], numbers)
    whole = both_ways(block)
    assert whole == [one for part in sliced(block, [1, 2, 17, 100]) for one in both_ways(part)]


def test_an_empty_block() -> None:
    found, shapes = by_columns(block_of([]))
    assert (found, shapes.rest.tolist(), shapes.protocols) == ({}, [], {})


# --- fields ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [4, 6])
def test_every_field(version: int) -> None:
    """Typed from RFC 9293 §3.1, RFC 791 §3.1 and RFC 8200 §3."""
    body = bytes.fromhex(
        "9c40 0016 fffffffe 80000001 8 0 18 01f5 beef 0000 0101080a0000000100000002".replace("8 0 18", "8018")
    )
    payload = b"SSH-2.0-x\r\n"
    if version == 4:
        packet = frames.ipv4(body + payload, ttl=57, ident=0xFFFE)
    else:
        packet = frames.ipv6(body + payload, hop_limit=57)
    (found,) = both_ways(block_of([Recorded(frames.ethernet(packet), 123)], first=9))
    addresses = {
        4: (bytes([192, 0, 2, 10]), bytes([203, 0, 113, 7])),
        6: (bytes.fromhex("20010db8" + "00" * 11 + "10"), bytes.fromhex("20010db80001" + "00" * 9 + "07")),
    }[version]
    assert found == Segment(
        frame=9,
        time=123,
        source=Endpoint(addresses[0], 40000),
        destination=Endpoint(addresses[1], 22),
        seq=0xFFFFFFFE,
        ack=0x80000001,
        flags=0x18,
        window=501,
        ttl=57,
        ip_id=0xFFFE if version == 4 else -1,
        options=bytes.fromhex("0101080a0000000100000002"),
        payload=payload,
        length=11,
        checksum=CHECKSUM_WRONG,
    )


def test_padding_is_not_payload() -> None:
    """An Ethernet frame has 60 octets or more; what stands behind the IP packet is not the peer's."""
    for packet in (frames.ipv4(frames.tcp(b"")), frames.ipv4(frames.tcp(b"abc")), frames.ipv4(frames.tcp(b"abcdef"))):
        (found,) = both_ways(block_of([Recorded(frames.ethernet(packet))]))
        assert found.payload == packet[40:]
        assert found.length == len(packet) - 40
    packet = frames.ipv6(frames.tcp(b"ab"))
    (found,) = both_ways(block_of([Recorded(frames.ethernet(packet) + b"trailer and checksum")]))
    assert (found.payload, found.length) == (b"ab", 2)


def test_cut_by_the_snaplen() -> None:
    packet = frames.ipv4(frames.tcp(bytes(1000), options=bytes(12)))
    for captured, payload in ((14 + 20 + 32 + 10, 10), (14 + 20 + 32, 0), (14 + 20 + 25, 0), (14 + 20 + 20, 0)):
        (found,) = both_ways(block_of([Recorded(frames.ethernet(packet)[:captured], 0, 14 + len(packet))]))
        assert (len(found.payload), found.length) == (payload, 1000)
    assert both_ways(block_of([Recorded(frames.ethernet(packet)[: 14 + 20 + 19], 0, 14 + len(packet))])) == []


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize(
    "family", [0, 1, 2, 10, 24, 28, 30, 0x0102, 0x0200, 0x10002, 0x02000000, 0x02000102, 0xFFFFFF02]
)
def test_families_of_null_frames(family: int, order: str) -> None:
    frame = family.to_bytes(4, "little" if order == "little" else "big") + frames.ipv4(frames.tcp(b"x"))
    both_ways(block_of([Recorded(frame)] * 2, [0, 108]))


# --- anything --------------------------------------------------------------------------------------------------------

ports = st.sampled_from([22, 2222, 40000])
tcp_bodies = st.builds(
    lambda payload, flags, words, sport, dport, seq: frames.tcp(
        payload, flags=flags, options=bytes(4 * words), sport=sport, dport=dport, seq=seq
    ),
    st.binary(max_size=40), st.integers(0, 255), st.integers(0, 10), ports, ports, st.integers(0, 2**32 - 1),
)  # fmt: skip
bodies = st.one_of(tcp_bodies, tcp_bodies, st.binary(max_size=60), st.builds(frames.udp, st.binary(max_size=20)))
protocols = st.one_of(st.sampled_from([frames.TCP] * 6 + [frames.UDP, frames.ICMP, frames.ICMP6]), st.integers(0, 255))
lengths = st.one_of(st.none(), st.none(), st.integers(0, 120), st.sampled_from([0, 39, 40, 65535]))
addresses4 = st.sampled_from(["192.0.2.1", "192.0.2.2", "203.0.113.7"])
addresses6 = st.sampled_from(["2001:db8::1", "2001:db8::2", "::ffff:192.0.2.1"])

packets4 = st.builds(
    lambda body, protocol, total, words, more, offset, source, destination: frames.ipv4(
        body, protocol, total=total, options=b"\x01" * (4 * words), more=more, offset=offset, source=source,
        destination=destination,
    ),
    bodies, protocols, lengths, st.sampled_from([0, 0, 0, 1, 10]), st.sampled_from([False] * 5 + [True]),
    st.sampled_from([0] * 5 + [1, 8191]), addresses4, addresses4,
)  # fmt: skip
extensions = st.sampled_from([
    (frames.HOP_BY_HOP, frames.options_header()),
    (frames.DESTINATION_OPTIONS, frames.options_header(2)),
    (frames.ROUTING, frames.routing_header()),
    (frames.FRAGMENT, frames.fragment_header()),
    (frames.FRAGMENT, frames.fragment_header(more=True)),
    (frames.FRAGMENT, frames.fragment_header(100)),
    (frames.AUTHENTICATION, frames.authentication_header()),
])  # fmt: skip
packets6 = st.builds(
    lambda body, protocol, length, chain, source, destination: frames.ipv6(
        body, protocol, length=length, extensions=chain, source=source, destination=destination
    ),
    bodies, protocols, lengths, st.one_of(st.just([]), st.lists(extensions, max_size=4)), addresses6, addresses6,
)  # fmt: skip
links = st.sampled_from(sorted(frames.LINKS))
changes = st.lists(st.tuples(st.integers(0, 120), st.integers(0, 255)), max_size=2)


def damaged(frame: bytes, captured: int | None, change: list[tuple[int, int]]) -> bytes:
    """The frame with some octets changed, and cut."""
    octets = bytearray(frame)
    for place, octet in change:
        if place < len(octets):
            octets[place] = octet
    return bytes(octets[:captured])


made_up = st.builds(
    lambda packet, link, captured, change: (
        frames.LINKS[link].number,
        damaged(frames.LINKS[link].wrap(packet), captured, change),
    ),
    st.one_of(packets4, packets6), links, st.one_of(st.none(), st.none(), st.integers(0, 120)), changes,
)  # fmt: skip
anything = st.tuples(st.one_of(st.sampled_from(sorted(LINK_TYPES)), st.integers(0, 300)), st.binary(max_size=100))


@given(st.lists(made_up, min_size=1, max_size=12))
def test_packets_made_up(every: list[tuple[int, bytes]]) -> None:
    both_ways(block_of([Recorded(frame) for _, frame in every], [link for link, _ in every]))


@given(st.lists(anything, min_size=1, max_size=12))
def test_any_octets_under_any_link_type(every: list[tuple[int, bytes]]) -> None:
    both_ways(block_of([Recorded(frame) for _, frame in every], [link for link, _ in every]))


@given(st.sampled_from(sorted(LINK_TYPES)), st.integers(0, 2**32 - 1), st.integers(1, 1500))
def test_noise(link_type: int, seed: int, size: int) -> None:
    rng = random.Random(seed)
    both_ways(block_of([Recorded(rng.randbytes(rng.randrange(size))) for _ in range(40)], link_type))


def test_frames_at_the_end_of_the_buffer() -> None:
    """Words are read at the last octets too: nothing may be read behind them."""
    for packet in (frames.ipv4(frames.tcp(b"")), frames.ipv6(frames.tcp(b"")), b"\x45" * 20, b""):
        block = FrameBlock(
            np.frombuffer(packet, dtype=np.uint8),
            *(np.array([value], dtype=np.int64) for value in (1, 0, len(packet), len(packet), 0, 101, 0)),
        )
        both_ways(block)
