"""With and without triage, in blocks of any size, the report is the same; and what is muted costs no objects."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sshpcap.intake as intake_module
from sshpcap import limits
from sshpcap.analyzer import Analyzer
from sshpcap.capture import open_capture
from sshpcap.frames import ACK, FIN, RST, SYN, Endpoint, FrameBlock, Int64s, Segment
from sshpcap.model import Report
from sshpcap.net import columns, keys, triage
from sshpcap.net.keys import keys_of
from sshpcap.net.triage import Triage
from sshpcap.report.machine import to_json
from tests.support import frames
from tests.support.blocks import block_of, sliced
from tests.support.captures import SAMPLES, Recorded, captures_at_hand, name_of
from tests.support.traffic import (
    Conversation,
    frames_of,
    handshake_of,
    interleaved,
    moved,
    prolonged,
    syn_of,
    web,
)
from tests.support.wireflow import encode

WHOLE = (1 << 30,)
SIZES = ((1000,), (1, 300, 7), (100,))


def report_of(block: FrameBlock, sizes: Sequence[int] = WHOLE, *, triage: bool) -> Report:
    analyzer = Analyzer(triage=triage)
    for part in sliced(block, sizes):
        analyzer.feed(part)
    return analyzer.finish()


def hold_equal(block: FrameBlock, sizes: Sequence[Sequence[int]] = SIZES, *, split: bool = True) -> Report:
    """The report without triage, after it was held against those with triage, and (`split`) one of smaller blocks."""
    plain = report_of(block, triage=False)
    text = to_json(plain)
    for triaged, each in [*((True, one) for one in sizes), *([(False, sizes[-1])] if split else [])]:
        other = to_json(report_of(block, each, triage=triaged))
        if other != text:
            pytest.fail(f"triage {triaged}, in blocks of {each}: {differences(json.loads(text), json.loads(other))}")
    return plain


def differences(left: Any, right: Any, where: str = "") -> list[str]:
    """Where two JSON documents differ."""
    if isinstance(left, dict) and isinstance(right, dict):
        return [d for key in left | right for d in differences(left.get(key), right.get(key), f"{where}.{key}")]
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        return [
            d for at, pair in enumerate(zip(left, right, strict=True)) for d in differences(*pair, f"{where}[{at}]")
        ]
    return [] if left == right else [f"{where}: {left}, not {right}"]


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Frames that were looked at, by themselves or together with others."""
    made: list[int] = []

    def counted(
        block: FrameBlock, found: columns.Columns, places: Int64s, sums: list[int], gone: bytearray
    ) -> Iterator[tuple[int, Segment]]:
        for row, segment in columns.segments(block, found, places, sums):
            made.append(segment.frame)
            if not gone[row]:
                yield row, segment

    monkeypatch.setattr(intake_module, "segments", counted)
    return made


# --- captures and transfers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", captures_at_hand(), ids=name_of)
def test_captures_at_hand(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # So that short ones too are muted as soon as both directions are encrypted.
    monkeypatch.setattr(limits, "QUIET_AFTER_EVENTS", 0)
    with open_capture(str(path)) as source:
        for block in source.blocks():
            hold_equal(block, [(7,)], split=path.parent.parent == SAMPLES)


@pytest.mark.parametrize("name", ["ok-openssh", "ok-openssh-ipv6", "ok-paramiko"])
def test_a_long_transfer(name: str, objects: list[int]) -> None:
    block = frames_of(prolonged(handshake_of(name), 5000, 1))
    report = hold_equal(block)
    (session,) = report.sessions
    assert (session.outcome, session.close.how) == ("encrypted", "fin")
    objects.clear()
    report_of(block, [500], triage=True)
    assert len(objects) < 1600, "the transfer itself is counted in columns"


@pytest.mark.parametrize("seed", range(4))
def test_a_transfer_over_a_bad_network(seed: int) -> None:
    block = frames_of(prolonged(handshake_of("ok-openssh"), 2500, seed, wild=True))
    assert len(hold_equal(block).sessions) == 1


def test_sequence_numbers_that_wrap_in_the_transfer() -> None:
    conversation = handshake_of("ok-openssh")
    isn = (1 << 32) - conversation[0].seq - 1_000_000
    block = frames_of(prolonged(moved(conversation, isn=isn), 4000, 3))
    hold_equal(block)


def test_a_transfer_that_does_not_end() -> None:
    conversation = prolonged(handshake_of("ok-openssh"), 3000, 4)
    hold_equal(frames_of([segment for segment in conversation if not segment.flags & (FIN | RST)]))


def test_a_clock_that_is_behind_at_the_end() -> None:
    """Several queues of a network card, or files that were put together: the last frame is not the latest."""
    conversation = prolonged(handshake_of("ok-openssh"), 3000, 4)
    open_end = [segment for segment in conversation if not segment.flags & (FIN | RST)]
    for late in (1, 2, 30, 900):
        head, tail = open_end[:-late], open_end[-late:]
        hold_equal(frames_of([*head, *(segment._replace(time=segment.time - 10**9) for segment in tail)]))


def test_a_transfer_ended_by_a_reset() -> None:
    conversation = [one for one in prolonged(handshake_of("ok-openssh"), 3000, 5) if not one.flags & FIN]
    last = conversation[-1]
    for reset in (
        last._replace(flags=RST, payload=b"", length=0, window=0),
        last._replace(flags=RST | ACK, payload=b"", length=0),
        last._replace(flags=RST | ACK, source=last.destination, destination=last.source, seq=last.ack, ack=last.seq),
    ):
        for place in (700, 2000, len(conversation)):
            hold_equal(frames_of([*conversation[:place], reset, *conversation[place:]]), [(500,)])


def test_a_tarpit() -> None:
    """One side drips a handshake that never ends: it is settled when the limits are hit."""
    conversation = handshake_of("ok-openssh")
    served = next(one for one in conversation if one.length and one.source == conversation[0].destination)
    drips = [
        served._replace(
            time=served.time + turn * 10**6, seq=(served.seq + turn * 3) % 2**32, payload=b"x\r\n", length=3
        )
        for turn in range(3000)
    ]
    hold_equal(frames_of([*conversation[:3], *drips]))


# --- many connections ------------------------------------------------------------------------------------------------


def test_endpoints_used_again_after_quiet() -> None:
    """The second connection from the same port has its own handshake, which must not be muted with the first."""
    one = prolonged(handshake_of("ok-openssh"), 1500, 6)
    for second in (
        moved(one, later=60, isn=7_000_000),
        moved(handshake_of("ok-openssh"), later=60, isn=1),
        moved([segment for segment in one if not segment.flags & FIN], later=60, isn=99_000_000),
    ):
        block = frames_of([*one, *second])
        assert len(hold_equal(block).sessions) == 2
        without_end = [segment for segment in one if not segment.flags & (FIN | RST)]
        assert len(hold_equal(frames_of([*without_end, *second])).sessions) == 2


@pytest.mark.parametrize("seed", range(2))
def test_interleaved(seed: int, objects: list[int]) -> None:
    ssh, ssh6 = handshake_of("ok-openssh"), handshake_of("ok-openssh-ipv6")
    conversations: list[Conversation] = [
        prolonged(ssh, 1000, seed, wild=True),
        prolonged(ssh6, 1000, seed),
        prolonged(moved(ssh, ports=(50001, 2222), isn=5), 800, seed),
        moved(ssh, ports=(50002, 443)),
        *(web(80, client_port=50010 + number) for number in range(8)),
        web(8080),
        [*web(9000), *moved(web(9000), later=9, isn=1000), *moved(ssh, ports=(50000, 9000), later=20)],
    ]
    block = frames_of(interleaved(conversations, seed))
    report = hold_equal(block)
    assert sorted(session.server.port for session in report.sessions) == [22, 22, 443, 2222, 9000]
    objects.clear()
    report_of(block, [200], triage=True)
    assert len(objects) < 0.75 * len(block.number)


def test_what_is_ignored_comes_back_with_a_syn(objects: list[int]) -> None:
    """A muted pair of endpoints on another port: whatever has a SYN is looked at."""
    first, second = web(9000, 25), moved(handshake_of("ok-openssh"), ports=(50000, 9000), later=5)
    hold_equal(frames_of([*first, *second]))
    for flags in (SYN, SYN | ACK, SYN | RST, SYN | FIN, SYN | ACK | RST, 0xFF):
        odd = syn_of(first[100], flags=flags)
        hold_equal(frames_of([*first[:100], odd, *first[100:], *second[1:]]))
        hold_equal(frames_of([*first[:100], odd, *second[3:], *first[100:]]))


def test_muted_in_the_middle_of_a_block(objects: list[int]) -> None:
    block = frames_of(web(80, 100))
    report_of(block, [100], triage=True)
    assert len(objects) == 100, "the block in which it was decided, and none after it"
    assert len(report_of(block, [100], triage=True).sessions) == 0


def test_eviction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that are hit end connections that may be muted."""
    conversations = [
        prolonged(moved(handshake_of("ok-openssh"), ports=(40000 + number, 22)), 200, number) for number in range(5)
    ]
    monkeypatch.setattr(limits, "MAX_CONNECTIONS", 3)
    monkeypatch.setattr(limits, "QUIET_AFTER_EVENTS", 20)
    hold_equal(frames_of(interleaved(conversations, 1)), [(100,)])


# --- hashes and shapes -----------------------------------------------------------------------------------------------


@pytest.fixture(params=[0, 2**64 - 1])
def collisions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every connection has the same hash."""
    constant = np.uint64(request.param)
    for room in (columns, keys):
        monkeypatch.setattr(room, "mixed", lambda ports, address: np.full(len(ports), constant))


@pytest.mark.usefixtures("collisions")
@pytest.mark.parametrize("seed", range(2))
def test_collisions(seed: int) -> None:
    conversations: list[Conversation] = [
        prolonged(handshake_of("ok-openssh"), 800, seed),
        prolonged(handshake_of("ok-openssh-ipv6"), 800, seed),
        prolonged(moved(handshake_of("ok-openssh"), ports=(50001, 22)), 800, seed),
        web(80),
        web(8080, client_port=50022),
    ]
    report = hold_equal(frames_of(interleaved(conversations, seed)))
    assert len(report.sessions) == 3


PAIRS = [
    (Endpoint(bytes.fromhex("20010db8"), 1000), Endpoint(bytes.fromhex("20010db9"), 22)),
    (Endpoint(bytes.fromhex("20010db8") + bytes(12), 1000), Endpoint(bytes.fromhex("20010db9") + bytes(12), 22)),
    (
        Endpoint(bytes.fromhex("20010db8") + bytes(12), 1000),
        Endpoint(bytes.fromhex("20010db9") + bytes(11) + b"\1", 22),
    ),
    (
        Endpoint(bytes.fromhex("20010db8") + bytes(11) + b"\1", 1000),
        Endpoint(bytes.fromhex("20010db9") + bytes(12), 22),
    ),
    (Endpoint(bytes.fromhex("20010db9"), 1000), Endpoint(bytes.fromhex("20010db8"), 22)),
    (Endpoint(bytes.fromhex("20010db8"), 22), Endpoint(bytes.fromhex("20010db9"), 1000)),
    (Endpoint(bytes.fromhex("20010db8"), 22), Endpoint(bytes.fromhex("20010db8"), 22)),
]


def _frame(source: Endpoint, destination: Endpoint) -> Recorded:
    from ipaddress import ip_address

    build = frames.ipv4 if len(source.address) == 4 else frames.ipv6
    segment = frames.tcp(b"data", sport=source.port, dport=destination.port)
    addresses = str(ip_address(source.address)), str(ip_address(destination.address))
    return Recorded(frames.ethernet(build(segment, source=addresses[0], destination=addresses[1])))


@pytest.mark.usefixtures("collisions")
@pytest.mark.parametrize("muted", range(len(PAIRS)))
@pytest.mark.parametrize("quiet", [True, False])
def test_only_the_very_same_endpoints_are_muted(muted: int, quiet: bool) -> None:
    """IPv4 addresses that are the beginning of IPv6 addresses, directions, ports: a hash must not be enough."""
    block = block_of([_frame(*pair) for pair in PAIRS] + [_frame(*reversed(pair)) for pair in PAIRS])
    sieve = Triage()
    sieve.mute(PAIRS[muted], quiet=quiet)
    places, sums = sieve.sift(block, columns.read_columns(block).columns)
    dropped = {place % len(PAIRS) for place in range(2 * len(PAIRS))} if len(places) == 0 else {
        place % len(PAIRS) for place in set(range(2 * len(PAIRS))) - set(places.tolist())
    }  # fmt: skip
    same = {at for at, pair in enumerate(PAIRS) if set(pair) == set(PAIRS[muted])}
    assert dropped == same
    assert sum(one.frames for one in sums) == (2 * len(same) if quiet else 0)
    assert all(one.pair == PAIRS[muted] for one in sums)


def test_keys_do_not_depend_on_the_direction() -> None:
    pairs = [(left, right) for left, right in PAIRS]
    assert keys_of(pairs).tolist() == keys_of([(right, left) for left, right in pairs]).tolist()
    # The fourth is the second with its addresses in other places; the sixth and first are one connection's two ends.
    assert len(set(keys_of(pairs[:4]).tolist())) == 4


def tagging(source: Endpoint) -> Callable[[Segment], str]:
    """The link type of frames where one direction has headers that the columns do not read."""
    return lambda segment: "llc-snap" if segment.source == source else "ethernet"


@pytest.mark.parametrize("flags", [FIN | ACK, RST])
def test_an_end_in_a_direction_of_another_shape(flags: int) -> None:
    """A mirror port may wrap one direction only: one goes through the columns, the other the slow way."""
    conversation = [one for one in prolonged(handshake_of("ok-openssh"), 2000, 8) if not one.flags & (FIN | RST)]
    for tagged in conversation[0].source, conversation[0].destination:
        end = next(one for one in conversation[1500:] if one.source == tagged)._replace(
            flags=flags, length=0, payload=b""
        )
        mixed = [*conversation[:1500], end, *conversation[1500:]]
        hold_equal(frames_of(mixed, tagging(tagged)))


def test_an_icmp_error_within_a_transfer() -> None:
    conversation = [one for one in prolonged(handshake_of("ok-openssh"), 2000, 8) if not one.flags & (FIN | RST)]
    place = len(conversation) - 20
    quoted = encode(conversation[place]).octets[14 : 14 + 28]
    error = frames.ipv4(frames.icmp(3, 1, quoted), frames.ICMP, source="198.51.100.1", destination="192.0.2.10")
    told = Recorded(frames.ethernet(error), conversation[place].time)
    hold_equal(frames_of([*conversation[:place], told, *conversation[place:]]))


def test_directions_of_different_shape() -> None:
    conversation = prolonged(handshake_of("ok-openssh"), 2000, 8)
    for tagged in conversation[0].source, conversation[0].destination:
        hold_equal(frames_of(conversation, tagging(tagged)))


def test_frames_of_different_shape() -> None:
    conversation = prolonged(handshake_of("ok-openssh"), 2000, 9, wild=True)
    hold_equal(frames_of(conversation, lambda one: ("llc-snap", "ethernet", "vlan", "sll")[one.seq % 4]))


# --- sums ------------------------------------------------------------------------------------------------------------


def test_sums_of_what_was_dropped() -> None:
    """Typed by hand: three data segments over the wrap of the sequence numbers, an old acknowledgement last."""
    pair = (Endpoint(bytes([192, 0, 2, 10]), 40000), Endpoint(bytes([203, 0, 113, 7]), 22))
    mute = Triage()
    mute.mute(pair, quiet=True)
    made = [
        (frames.tcp(b"aaaa", seq=2**32 - 6, ack=100, window=1), 10),
        (frames.tcp(b"cccc", seq=2, ack=300, window=2), 20),
        (frames.tcp(b"bbbb", seq=2**32 - 2, ack=200, window=3), 30),
        (frames.tcp(b"", seq=6, ack=250, window=4), 70),
        (frames.tcp(b"", seq=6, flags=0, ack=999, window=5), 50),
    ]
    block = block_of([Recorded(frames.ethernet(frames.ipv4(octets)), time) for octets, time in made], first=11)
    places, (total,) = mute.sift(block, columns.read_columns(block).columns)
    assert places.tolist() == []
    assert total == triage.Muted(
        pair=pair, direction=0, frames=5, data_bytes=12, last_frame=15, last_time=70, last_data_frame=13,
        last_data_time=30, end=6, ack=300, window=5,
        tail=(
            triage.MutedData(11, 10, 2**32 - 2, False), triage.MutedData(12, 20, 6, False),
            triage.MutedData(13, 30, 2, True),
        ),
        ahead_frame=12, ahead_time=20, again=1, data_frames=3, largest=4,
        first_frame=11, ahead_before=10, last_before=70,
    )  # fmt: skip


ENDPOINTS = [Endpoint(bytes([192, 0, 2, 1]), 1000 + number) for number in range(4)]
EVERY_PAIR = [(left, right) for left in ENDPOINTS for right in ENDPOINTS if left < right]
EVERY_BLOCK = block_of([_frame(*pair) for pair in EVERY_PAIR])
steps = st.lists(
    st.tuples(st.integers(0, len(EVERY_PAIR) - 1), st.sampled_from(["quiet", "ignored", "unmuted", "sifted"])),
    max_size=60,
)


@given(steps, st.sampled_from([0, 3, 1000]))
def test_muted_and_unmuted_in_any_order(every: list[tuple[int, str]], spare: int) -> None:
    found = columns.read_columns(EVERY_BLOCK).columns
    sieve = Triage()
    muted: dict[int, str] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(triage, "_SPARE_ROWS", spare)
        for place, step in [*every, (0, "sifted")]:
            if step == "unmuted":
                sieve.unmute(EVERY_PAIR[place])
                muted.pop(place, None)
            elif step != "sifted":
                sieve.mute(EVERY_PAIR[place], quiet=step == "quiet")
                muted[place] = step
            else:
                places, sums = sieve.sift(EVERY_BLOCK, found)
                assert set(range(len(EVERY_PAIR))) - set(places.tolist()) == muted.keys()
                quiet = [EVERY_PAIR[at] for at, how in muted.items() if how == "quiet"]
                assert sorted(one.pair for one in sums) == sorted(quiet)


def test_many_muted_connections_cost_no_square() -> None:
    found = columns.read_columns(EVERY_BLOCK).columns
    sieve = Triage()
    started = time.perf_counter()
    for number in range(40_000):
        pair = (Endpoint(number.to_bytes(4, "big"), number % 60_000), Endpoint(bytes([203, 0, 113, 7]), 443))
        sieve.mute(pair, quiet=False)
        if number % 400 == 0:
            sieve.sift(EVERY_BLOCK, found)
    assert time.perf_counter() - started < 3


def test_unmuted() -> None:
    sieve = Triage()
    block = block_of([_frame(*PAIRS[0])])
    found = columns.read_columns(block).columns
    sieve.mute(PAIRS[0], quiet=False)
    assert sieve.sift(block, found)[0].tolist() == []
    sieve.unmute(PAIRS[0])
    sieve.unmute(PAIRS[1])
    assert sieve.sift(block, found)[0].tolist() == [0]


def test_a_transfer_that_falls_silent_and_is_repeated_in_vain() -> None:
    """How long it was idle, and what was sent again, is known of a connection that is only counted too."""
    conversation = [one for one in prolonged(handshake_of("ok-openssh"), 3000, 7) if not one.flags & (FIN | RST)]
    last = next(one for one in reversed(conversation) if one.length and one.source == conversation[0].source)
    fresh = last._replace(seq=(last.seq + last.length) % 2**32)
    hour = conversation[-1].time + 3600 * 10**9
    tail = [fresh._replace(time=hour + turn * 10**9, ip_id=0) for turn in range(6)]
    (session,) = hold_equal(frames_of([*conversation, *tail])).sessions
    (repeat,) = session.tcp.repeats
    assert repeat.times >= 6
    assert repeat.idle is not None
    assert round(repeat.idle.seconds) == 3600
    (finding,) = [one for one in session.findings if one.id == "peer-vanished"]
    assert "silent for 60 min" in finding.summary
