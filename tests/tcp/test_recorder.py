"""What is kept of a connection: both streams and what TCP did around them, scripted segment by segment."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap import limits
from sshpcap.frames import ACK, FIN, RST, SYN, IcmpError, Segment
from sshpcap.tcp.recorded import KEEP_ALIVE, OUT_OF_ORDER, RETRANSMISSION, ZERO_WINDOW, Skim
from sshpcap.tcp.recorder import Recorder
from tests.support.wireflow import SECOND, START, Flow

HELLO, KEXINIT = b"SSH-2.0-Test_1.0\r\n", bytes(range(200))
NEAR_WRAP = (1 << 32) - 10


def record(flow: Flow | list[Segment]) -> Recorder:
    segments = flow if isinstance(flow, list) else flow.segments
    recorder = Recorder(segments[0])
    for segment in segments:
        recorder.add(segment)
    return recorder


def streams(recorder: Recorder) -> tuple[bytes, bytes]:
    first, second = (side.stream.assemble().octets for side in recorder.directions)
    return first, second


def notes(recorder: Recorder) -> dict[int, int]:
    return {event.frame: event.notes for event in recorder.events if event.notes}


@pytest.mark.parametrize("isn", [(0, 0), (1000, 5000), (NEAR_WRAP, NEAR_WRAP - 100), ((1 << 32) - 1, 1 << 31)])
def test_a_plain_connection(isn: tuple[int, int]) -> None:
    flow = Flow(isn=isn)
    flow.opens()
    flow.client.sends(HELLO)
    flow.server.acks()
    flow.server.sends(HELLO)
    flow.client.sends(KEXINIT)
    flow.server.sends(KEXINIT[:150])
    flow.client.fin()
    flow.server.fin()
    flow.client.acks()
    recorder = record(flow)
    assert streams(recorder) == (HELLO + KEXINIT, HELLO + KEXINIT[:150])
    client, server = recorder.directions
    assert recorder.endpoints == (flow.client.endpoint, flow.server.endpoint)
    assert (client.syn_seen, client.anchored, server.syn_seen, server.anchored) == (True, True, True, True)
    assert (client.frames, client.data_bytes, client.sent, client.acked) == (6, 218, 219, 219)
    assert (server.frames, server.data_bytes, server.sent, server.acked) == (5, 168, 169, 169)
    assert (client.mss, client.window_scale, client.last_window, client.ttls) == (1460, 7, 64240, {64})
    assert (client.first_frame, client.last_frame, client.last_data_frame) == (1, 11, 7)
    assert client.fin is not None
    assert server.fin is not None
    assert (client.fin.frame, server.fin.frame) == (9, 10)
    assert (recorder.first_frame, recorder.last_frame, recorder.clock_steps) == (1, 11, 0)
    assert notes(recorder) == {}
    assert recorder.offset(0, (isn[0] + 1 + 18) % (1 << 32)) == 18


def test_ipv6() -> None:
    flow = Flow(client="2001:db8::1", server="2001:db8::2")
    flow.opens()
    flow.client.sends(HELLO)
    recorder = record(flow)
    assert recorder.endpoints == (flow.client.endpoint, flow.server.endpoint)
    assert streams(recorder) == (HELLO, b"")


# --- the beginning ---------------------------------------------------------------------------------------------------


def test_syn_ack_first() -> None:
    flow = Flow()
    flow.opens()
    flow.server.sends(HELLO)
    flow.client.sends(HELLO)
    recorder = record(flow.segments[1:])
    assert recorder.endpoints == (flow.client.endpoint, flow.server.endpoint)
    client, server = recorder.directions
    assert (client.syn_seen, client.anchored, server.syn_seen, server.anchored) == (False, True, True, True)
    assert streams(recorder) == (HELLO, HELLO)


def test_the_order_of_syn_and_syn_ack_does_not_matter() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(HELLO)
    segments = flow.segments
    for first in ([1, 0, 2, 3], [0, 2, 1, 3], [2, 0, 1, 3], [0, 1, 3, 2], [3, 0, 1, 2]):
        recorder = Recorder(segments[first[0]])
        for place in first:
            assert not recorder.begins_anew(segments[place])
            recorder.add(segments[place])
        assert streams(recorder) == (HELLO, b"")
        assert all(side.syn_seen and side.anchored for side in recorder.directions)


@pytest.mark.parametrize("isn", [(1000, 5000), (NEAR_WRAP, NEAR_WRAP)])
def test_midstream(isn: tuple[int, int]) -> None:
    flow = Flow(isn=isn)
    flow.client.skips(12_345)
    flow.server.skips(54_321)
    flow.server.sends(b"from the server")
    flow.client.sends(b"from the client")
    recorder = record(flow)
    assert recorder.endpoints == (flow.server.endpoint, flow.client.endpoint)
    assert streams(recorder) == (b"from the server", b"from the client")
    assert not any(side.anchored or side.syn_seen for side in recorder.directions)


def test_midstream_with_the_second_segment_first() -> None:
    flow = Flow(isn=(NEAR_WRAP, 1))
    flow.client.skips(5)
    flow.client.sends(b"one")
    flow.client.sends(b"two")
    flow.server.acks()
    first, second, third = flow.segments
    recorder = record([second, first, third])
    assert streams(recorder) == (b"onetwo", b"")
    assert recorder.directions[0].stream.generation == 1
    assert (recorder.directions[0].sent, recorder.directions[0].acked) == (6, 6)


def test_data_with_the_syn() -> None:
    """TCP Fast Open (RFC 7413): the octets begin behind the SYN's own number."""
    flow = Flow()
    flow.client.syn(payload=HELLO, length=len(HELLO))
    flow.server.syn_ack(ack=flow.client.isn + 1 + len(HELLO))
    flow.client.sends(KEXINIT, at=len(HELLO))
    recorder = record(flow)
    assert streams(recorder) == (HELLO + KEXINIT, b"")
    assert recorder.directions[0].retransmissions == recorder.directions[0].out_of_order == 0
    assert record(flow.segments[:1]).directions[0].sent == len(HELLO)


@pytest.mark.parametrize(
    "options, mss, scale",
    [
        ("020405b4", 1460, None),
        ("010103030e020405a0", 1440, 14),
        ("0402020405b4", 1460, None),  # an option of two octets before it
        ("0303ff00", None, 14),  # RFC 7323 §2.3: 14 at most
        ("00020405b4", None, None),
        ("0204", None, None),
        ("0203ff", None, None),
        ("08", None, None),
        ("0800020405b4", None, None),
        ("", None, None),
    ],
)
def test_options(options: str, mss: int | None, scale: int | None) -> None:
    flow = Flow()
    flow.client.syn()
    syn = flow.segments[0]._replace(options=bytes.fromhex(options))
    client = record([syn]).directions[0]
    assert (client.mss, client.window_scale) == (mss, scale)


# --- the same endpoints again ----------------------------------------------------------------------------------------


def begins_anew(recorder: Recorder, flags: int, seq: int, *, server: bool = False) -> bool:
    source, destination = recorder.endpoints[::-1] if server else recorder.endpoints
    return recorder.begins_anew(Segment(99, START, source, destination, seq, 0, flags, 0, 64, 0, b"", b"", 0))


def test_a_syn_with_another_number_begins_a_new_connection() -> None:
    flow = Flow()
    flow.opens()
    recorder = record(flow)
    assert not begins_anew(recorder, SYN, 1000)
    assert begins_anew(recorder, SYN, 1001)
    assert not begins_anew(recorder, SYN | RST, 1001)
    assert not begins_anew(recorder, ACK, 7777)
    assert not begins_anew(recorder, SYN | ACK, 5000, server=True)


def test_a_syn_behind_a_middle_begins_a_new_connection() -> None:
    flow = Flow()
    flow.server.sends(b"from the middle")
    recorder = record(flow)
    assert begins_anew(recorder, SYN, 1, server=True)
    assert begins_anew(recorder, SYN, 1)  # the client was never seen, but the server has talked


def test_a_syn_ack_alone_begins_one_only_behind_data() -> None:
    """One direction is captured: the SYN of the next connection is missing, its SYN-ACK has a number that is new."""
    flow = Flow()
    flow.server.syn_ack()
    assert not begins_anew(record(flow), SYN | ACK, 1234, server=True)
    flow.server.sends(HELLO)
    flow.server.fin()
    assert begins_anew(record(flow), SYN | ACK, 1234, server=True)
    assert not begins_anew(record(flow), SYN | ACK, 5000, server=True)


def test_the_last_syn_ack_counts_as_long_as_none_was_used() -> None:
    """A server with SYN cookies answers every SYN with another number."""
    flow = Flow()
    flow.client.syn()
    flow.server.syn_ack(seq=111)
    flow.client.syn()
    flow.server.syn_ack()
    flow.client.acks()
    flow.server.sends(HELLO)
    assert streams(record(flow)) == (b"", HELLO)


def test_what_is_left_of_an_older_connection() -> None:
    """The server still has the old one: it acknowledges that, is reset (RFC 9293 §3.5.1), and then answers."""
    flow = Flow()
    flow.client.syn()
    flow.server.acks(seq=55_555, ack=77_777)
    flow.client.rst(flags=RST, window=0, seq=77_777)
    flow.client.syn()
    flow.server.syn_ack()
    flow.client.acks()
    flow.server.sends(HELLO)
    flow.client.sends(KEXINIT)
    recorder = record(flow)
    assert streams(recorder) == (KEXINIT, HELLO)
    client, server = recorder.directions
    assert (client.sent, client.acked, server.sent, server.acked) == (200, 0, 18, 18)


def test_a_syn_ack_out_of_nowhere_moves_nothing() -> None:
    flow = Flow()
    flow.opens()
    flow.server.sends(HELLO)
    flow.client.acks()
    flow.server.syn_ack(seq=999_999)
    flow.server.sends(KEXINIT, at=len(HELLO))
    assert streams(record(flow)) == (b"", HELLO + KEXINIT)


# --- repeated, late, lost --------------------------------------------------------------------------------------------


def test_retransmissions() -> None:
    flow = Flow()
    flow.client.syn()
    flow.wait(1)
    flow.client.syn()
    flow.server.syn_ack()
    flow.client.acks()
    flow.client.sends(HELLO)
    flow.client.sends(HELLO, at=0)
    flow.client.sends(HELLO[5:] + b"more", at=5)
    recorder = record(flow)
    assert notes(recorder) == {2: RETRANSMISSION, 6: RETRANSMISSION, 7: RETRANSMISSION}
    assert recorder.directions[0].retransmissions == 3
    assert streams(recorder) == (HELLO + b"more", b"")


def test_the_same_frame_twice_is_left_out() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(HELLO)
    whole = flow.segments
    twice = [copy for segment in whole for copy in (segment, segment._replace(time=segment.time + 50_000))]
    recorder = record(twice)
    assert recorder.duplicates == len(whole)
    assert notes(recorder) == {}
    assert len(recorder.events) == len(whole)


def test_a_retransmission_is_not_the_same_frame() -> None:
    """It has an identification of its own (RFC 6864 §4.1), or comes later than any second capture of one frame."""
    flow = Flow()
    flow.opens()
    flow.client.sends(HELLO)
    *opening, hello = flow.segments
    again = hello._replace(ip_id=hello.ip_id + 1, time=hello.time + 50_000)
    later = hello._replace(time=hello.time + 250_000_000)
    for copy in (again, later):
        recorder = record([*opening, hello, copy])
        assert recorder.duplicates == 0
        assert recorder.directions[0].retransmissions == 1


def test_out_of_order_is_not_retransmitted() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(b"one")
    flow.client.sends(b"two")
    flow.client.sends(b"three")
    a, b, c, one, two, three = flow.segments
    recorder = record([a, b, c, three, one, two, two._replace(ip_id=99)])
    assert notes(recorder) == {4: OUT_OF_ORDER, 5: RETRANSMISSION}  # two came late, then again
    assert (recorder.directions[0].out_of_order, recorder.directions[0].retransmissions) == (2, 1)
    assert streams(recorder) == (b"onetwothree", b"")


def test_a_lost_segment_is_a_hole_that_the_acknowledgement_tells() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(b"lost")
    flow.drop()
    flow.client.sends(b"here")
    flow.server.acks()
    recorder = record(flow)
    assert recorder.directions[0].stream.assemble().holes == ((0, 4),)
    assert recorder.directions[0].acked == 8


def test_payload_cut_off_by_the_snaplen() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(HELLO, payload=HELLO[:4])
    flow.client.sends(KEXINIT)
    client = record(flow).directions[0]
    assert client.stream.assemble().holes == ((4, 18),)
    assert (client.data_bytes, client.sent) == (218, 218)


def test_a_reset_is_no_part_of_the_stream() -> None:
    """RFC 9293 §3.5.3: text in it explains; and its number may be anything (§3.10.7)."""
    flow = Flow()
    flow.opens()
    flow.server.sends(HELLO)
    flow.server.rst(payload=b"why", length=3, seq=(flow.server.isn + 50_000))
    flow.server.sends(KEXINIT)
    recorder = record(flow)
    assert streams(recorder) == (b"", HELLO + KEXINIT)
    assert recorder.directions[1].sent == len(HELLO + KEXINIT)
    assert notes(recorder) == {}
    assert [event.frame for event in recorder.resets] == [5]


def test_the_fin_counts_as_one_and_may_carry_octets() -> None:
    flow = Flow()
    flow.opens()
    flow.client.fin(HELLO)
    flow.server.acks()
    flow.client.fin(seq=flow.client.isn + 1, payload=HELLO, length=len(HELLO))
    client = record(flow).directions[0]
    assert client.fin is not None
    assert client.fin.frame == 4
    assert (client.sent, client.acked) == (len(HELLO) + 1, len(HELLO) + 1)


@pytest.mark.parametrize("garbage", [b"", b"\x00"])
def test_keep_alives(garbage: bytes) -> None:
    """RFC 9293 §3.8.4: with no octet (Linux) or one of garbage."""
    flow = Flow()
    flow.opens()
    flow.client.sends(HELLO)
    flow.server.acks()
    flow.client.keep_alive(garbage)
    flow.server.acks()
    recorder = record(flow)
    client, server = recorder.directions
    assert notes(recorder) == {6: KEEP_ALIVE}
    assert (client.keep_alives, client.retransmissions, server.keep_alives) == (1, 0, 0)
    assert (client.last_data_frame, client.data_bytes) == (4, len(HELLO))
    assert client.stream.conflict_frame is None


def test_one_octet_again_before_it_is_acknowledged_is_a_retransmission() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(b"x")
    flow.client.sends(b"x", at=0)
    assert notes(record(flow)) == {5: RETRANSMISSION}


def test_zero_window() -> None:
    flow = Flow()
    flow.opens()
    flow.server.acks(window=0)
    flow.server.rst(window=0)
    assert notes(record(flow)) == {4: ZERO_WINDOW}


def test_the_clock_that_steps_back() -> None:
    flow = Flow()
    flow.opens()
    flow.now -= SECOND
    flow.client.sends(HELLO)
    flow.server.acks()
    recorder = record(flow)
    assert recorder.clock_steps == 2
    assert recorder.last_time == START + 2_000_000


def test_a_frame_that_was_captured_twice_counts_once() -> None:
    """A port mirror shows every segment twice; a retransmission has another IP identification (RFC 6864 §4.1)."""
    flow = Flow()
    flow.opens()
    flow.client.sends(HELLO)
    mirrored = [segment for segment in flow.segments for _ in range(2)]
    recorder = record(mirrored)
    assert recorder.duplicates == 4
    assert [side.frames for side in recorder.directions] == [3, 1]
    assert notes(recorder) == {}
    assert recorder.history == record(flow).history
    again = flow.segments[-1]
    assert notes(record([*flow.segments, again._replace(frame=5, ip_id=77)])) == {5: RETRANSMISSION}
    assert notes(record([*flow.segments, again._replace(frame=5, time=again.time + SECOND)])) == {5: RETRANSMISSION}


def test_without_an_ip_identification_only_the_time_tells() -> None:
    flow = Flow(client="2001:db8::1", server="2001:db8::2")
    flow.opens()
    flow.client.sends(HELLO)
    last = flow.segments[-1]
    stamped = last._replace(options=bytes.fromhex("0101080a0000000100000002"))
    for segment, after, known in (
        (last, 90_000, 1),
        (last, 110_000, 0),
        (stamped, 900_000, 1),
        (stamped, 1_100_000, 0),
    ):
        recorder = record([*flow.segments[:3], segment, segment._replace(frame=5, time=segment.time + after)])
        assert recorder.duplicates == known
        assert notes(recorder) == ({} if known else {5: RETRANSMISSION})


STAMPED = bytes.fromhex("020405b4 0402080a 00000007 00000000 01030307")
LATER_STAMP = bytes.fromhex("020405b4 0402080a 000003ef 00000000 01030307")
SMALLER = bytes.fromhex("02040550 0402080a 00000007 00000000 01030307")
NO_STAMP = bytes.fromhex("020405b4 0402080a 00000000 00000000 01030307")


@pytest.mark.parametrize(
    ("after", "changed", "duplicates", "elsewhere"),
    [
        (300_000, {}, 1, False),
        (20_000_000, {}, 1, False),
        (20_000_000, {"ttl": 63}, 1, True),
        (3 * SECOND, {}, 1, True),
        (-3 * SECOND, {"ttl": 57}, 1, True),
        (SECOND, {"options": LATER_STAMP}, 0, False),
        (SECOND, {"options": LATER_STAMP, "ttl": 57}, 0, False),
        (SECOND, {"options": b""}, 0, False),
        # A router between the places changed the largest segment (MSS clamping).
        (300_000, {"options": SMALLER}, 1, False),
        (300_000, {"options": SMALLER, "ttl": 63}, 1, False),
        (20_000_000, {"options": SMALLER, "ttl": 63}, 1, True),
        (3 * SECOND, {"options": SMALLER, "ttl": 63}, 1, True),
    ],
)
@pytest.mark.parametrize("frame", [0, 1], ids=["SYN", "SYN-ACK"])
def test_a_syn_that_was_captured_at_another_place(
    frame: int, after: int, changed: dict[str, Any], duplicates: int, elsewhere: bool
) -> None:
    """Without an IP identification, as Linux sends its SYN-ACK, and as IPv6 has none."""
    flow = Flow(client="2001:db8::1", server="2001:db8::2")
    flow.opens()
    flow.client.sends(HELLO)
    segments = [segment._replace(options=STAMPED) if segment.flags & SYN else segment for segment in flow.segments]
    copied = segments[frame]
    recorder = record([*segments, copied._replace(frame=5, time=copied.time + after, **changed)])
    assert (recorder.duplicates, recorder.elsewhere_frame) == (duplicates, 5 if elsewhere else None)


def test_a_stamp_of_zero_and_a_number_of_zero_prove_nothing() -> None:
    """Old Windows begins with a timestamp of 0, and others send every SYN with an identification of 0."""
    flow = Flow()
    flow.opens()
    syn = flow.segments[0]
    for options in (NO_STAMP, b""):
        first = syn._replace(options=options, ip_id=0)
        for ttl in (first.ttl, first.ttl - 7):
            again = first._replace(frame=4, time=first.time + SECOND, ttl=ttl)
            assert record([first, *flow.segments[1:], again]).elsewhere_frame is None


def test_another_number_is_another_packet_whatever_its_stamp() -> None:
    flow = Flow()
    flow.opens()
    syn = flow.segments[0]._replace(options=STAMPED, ip_id=77)
    again = syn._replace(frame=4, time=syn.time + SECOND, ip_id=78)
    recorder = record([syn, *flow.segments[1:], again])
    assert (recorder.duplicates, recorder.elsewhere_frame) == (0, None)
    assert notes(recorder) == {4: RETRANSMISSION}


def test_the_same_number_behind_other_hops_is_the_same_packet() -> None:
    flow = Flow()
    flow.opens()
    syn = flow.segments[0]._replace(options=b"", ip_id=77)
    far = syn._replace(frame=4, time=syn.time + 5 * SECOND, ttl=syn.ttl - 7)
    assert record([syn, *flow.segments[1:], far]).elsewhere_frame == 4
    assert record([syn, *flow.segments[1:], far._replace(ip_id=78)]).elsewhere_frame is None
    assert record([syn, *flow.segments[1:], far._replace(ttl=syn.ttl)]).elsewhere_frame is None


# --- bounds ----------------------------------------------------------------------------------------------------------


def test_events_are_bounded_and_the_end_of_a_long_connection_is_kept() -> None:
    flow = Flow()
    flow.opens()
    for _ in range(limits.MAX_EVENTS):
        flow.client.sends(b"x")
    flow.client.fin()
    for _ in range(2 * limits.MAX_EVENTS):
        flow.server.rst()
    recorder = record(flow)
    assert len(recorder.events) == 2 * limits.MAX_EVENTS
    assert len(recorder.resets) == limits.MAX_EVENTS
    assert recorder.events[limits.MAX_EVENTS].flags == FIN | ACK
    assert len(recorder.events) + recorder.events_lost == len(flow.segments)
    assert len(recorder.history) <= limits.MAX_EVENTS


def test_a_quiet_recorder_only_counts() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(HELLO)
    recorder = record(flow)
    recorder.quiet = True
    flow.client.sends(KEXINIT, window=7)
    flow.server.acks()
    flow.client.fin()
    for segment in flow.segments[4:]:
        recorder.add(segment)
    client, server = recorder.directions
    assert streams(recorder) == (HELLO, b"")
    assert (client.frames, client.data_bytes, client.sent, client.last_window) == (5, 218, 219, 64240)
    assert (client.last_data_frame, client.last_frame, client.acked) == (5, 7, 218)
    assert client.fin is not None
    assert (server.last_frame, recorder.last_frame, recorder.events_lost) == (6, 7, 2)
    flow.server.fin(b"bye")
    recorder.add(flow.segments[-1])
    assert streams(recorder) == (HELLO, b"")
    assert (server.data_bytes, server.fin is not None) == (3, True)


def test_runs_of_a_quiet_connection_may_be_told_late() -> None:
    """Segments that were looked at one by one come before the sums of the others in their block."""
    flow = Flow()
    flow.opens()
    flow.client.sends(HELLO)
    recorder = record(flow)
    recorder.quiet = True
    client = recorder.directions[0]
    recorder.skim(0, Skim(2, 100, 3, START, 3, START, 50, None, 7))
    assert (client.frames, client.data_bytes, client.sent) == (5, 118, 50)
    assert (client.last_frame, client.last_data_frame, client.last_window, client.acked) == (4, 4, 64240, 0)
    recorder.skim(0, Skim(1, 0, 9, START + SECOND, None, 0, 60, 5001, 9))
    assert (client.last_frame, client.last_data_frame, client.last_window, client.sent) == (9, 4, 9, 60)
    assert (recorder.last_frame, recorder.last_time, recorder.directions[1].acked) == (9, START + SECOND, 0)


def test_beyond_what_is_kept_everything_below_the_highest_is_a_retransmission() -> None:
    flow = Flow()
    flow.opens()
    flow.client.skips(limits.HANDSHAKE_BYTES)
    flow.client.sends(HELLO)
    flow.client.sends(HELLO, at=limits.HANDSHAKE_BYTES)
    assert notes(record(flow)) == {5: RETRANSMISSION}


def test_icmp_errors_are_bounded() -> None:
    flow = Flow()
    flow.client.syn()
    recorder = record(flow)
    for frame in range(2, 2 * limits.MAX_EVENTS):
        recorder.add_icmp(
            IcmpError(frame, START, b"\1\1\1\1", 4, 3, 1, 0, flow.client.endpoint, flow.server.endpoint, 1000, 64)
        )
    assert len(recorder.icmp) == limits.MAX_EVENTS


# --- whatever comes --------------------------------------------------------------------------------------------------

numbers = st.integers(0, (1 << 32) - 1) | st.integers(990, 1100) | st.just((1 << 32) - 1)


segments = st.tuples(st.booleans(), numbers, numbers, st.integers(0, 255), st.binary(max_size=20), st.integers(0, 30))


@given(st.lists(segments, min_size=1, max_size=30))
def test_any_segments_never_raise(rows: list[tuple[bool, int, int, int, bytes, int]]) -> None:
    flow = Flow()
    for from_server, seq, ack, flags, payload, missing in rows:
        side = flow.server if from_server else flow.client
        side.acks(seq=seq, ack=ack, flags=flags, payload=payload, length=len(payload) + missing, options=payload[:8])
    segments = flow.segments
    recorder = Recorder(segments[0])
    for segment in segments:
        if recorder.begins_anew(segment):
            recorder = Recorder(segment)
        recorder.add(segment)
        for direction in recorder.directions:
            assert direction.sent >= 0
            assert len(direction.stream.assemble().octets) <= limits.HANDSHAKE_BYTES


@given(st.integers(0, (1 << 32) - 1), st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=8))
def test_every_initial_sequence_number_gives_the_same_stream(isn: int, sent: list[bytes]) -> None:
    flow = Flow(isn=(isn, 0))
    flow.opens()
    for octets in sent:
        flow.client.sends(octets)
        flow.server.acks()
    client = record(flow).directions[0]
    assert client.stream.assemble().octets == b"".join(sent)
    assert client.sent == client.acked == len(b"".join(sent))
