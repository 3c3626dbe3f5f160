"""What was sent again and again: scripted losses of each kind."""

import struct

from sshpcap.tcp.recorder import Recorder
from sshpcap.tcp.repeats import Repeated, repeats
from tests.support.wireflow import Flow, Side

BACK_OFF = (0.2, 0.4, 0.8, 1.6, 3.2)


def found(flow: Flow) -> tuple[Repeated, ...]:
    recorder = Recorder(flow.segments[0])
    for segment in flow.segments:
        recorder.add(segment)
    return repeats(recorder)


def again(flow: Flow, side: Side, octets: bytes, at: int, pauses: tuple[float, ...] = BACK_OFF) -> None:
    for pause in pauses:
        flow.wait(pause)
        side.sends(octets, at=at)


def sack(side: Side, *blocks: tuple[int, int]) -> bytes:
    """A SACK option about octets of the other side, by their offsets."""
    edges = [(side.peer.isn + 1 + edge) % (1 << 32) for block in blocks for edge in block]
    return bytes((1, 1, 5, 2 + 4 * len(edges))) + struct.pack(f">{len(edges)}I", *edges)


def test_never_acknowledged() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(bytes(100))
    again(flow, flow.client, bytes(100), 0)
    (one,) = found(flow)
    assert (one.direction, one.start, one.end, one.length, one.times) == (0, 0, 100, 100, 6)
    assert one.frames == (4, 5, 6, 7, 8, 9)
    assert one.last_frame == 9
    assert (one.acknowledged, one.passed, one.heard, one.after) == (None, None, None, 0)


def test_a_segment_or_two_are_lost_everywhere() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(bytes(100))
    again(flow, flow.client, bytes(100), 0, (0.2,))
    flow.server.acks()
    assert found(flow) == ()


def test_the_rest_gets_through() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(bytes(1448))
    flow.client.sends(bytes(200))
    flow.server.acks(ack=flow.client.isn + 1, options=sack(flow.server, (1448, 1648)))
    again(flow, flow.client, bytes(1448), 0)
    (one,) = found(flow)
    assert (one.length, one.passed, one.passed_length) == (1448, 6, 200)


def test_a_block_below_the_acknowledgement_reports_a_copy() -> None:
    """RFC 2883: a duplicate is reported so, and proves no hole."""
    flow = Flow()
    flow.opens()
    flow.client.sends(bytes(100))
    flow.client.sends(bytes(1448))
    again(flow, flow.client, bytes(1448), 100, (0.2,))
    flow.server.acks(ack=flow.client.isn + 101, options=sack(flow.server, (0, 100)))
    again(flow, flow.client, bytes(1448), 100)
    assert [one.passed for one in found(flow)] == [None]


def test_acknowledgements_that_do_not_arrive() -> None:
    flow = Flow()
    flow.opens()
    flow.server.sends(bytes(300))
    flow.client.acks()
    again(flow, flow.server, bytes(300), 0)
    (one,) = found(flow)
    assert (one.direction, one.acknowledged, one.after) == (1, 5, 5)


def test_what_crosses_an_acknowledgement_is_not_sent_after_it() -> None:
    flow = Flow()
    flow.opens()
    for _ in range(3):
        flow.server.sends(bytes(300), at=0)
    flow.client.acks()
    flow.server.sends(bytes(300), at=0)
    (one,) = found(flow)
    assert one.after == 0


def test_heard_of_meanwhile() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(bytes(100))
    again(flow, flow.client, bytes(100), 0, (0.2, 0.4))
    flow.server.sends(b"still here", ack=flow.client.isn + 1)
    again(flow, flow.client, bytes(100), 0, (0.8,))
    (one,) = found(flow)
    assert one.heard == 7


def test_idle_before() -> None:
    flow = Flow()
    flow.opens()
    flow.wait(3600)
    flow.client.sends(bytes(100))
    again(flow, flow.client, bytes(100), 0)
    (one,) = found(flow)
    assert one.idle is not None
    assert round(one.idle / 1e9) == 3600


def test_keep_alives_are_no_repetitions() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(bytes(100))
    flow.server.acks()
    for _ in range(9):
        flow.wait(75)
        flow.client.keep_alive(b"\0")
        flow.server.acks()
    assert found(flow) == ()


def test_keep_alives_without_an_answer() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(bytes(100))
    flow.server.acks()
    flow.wait(7200)
    for _ in range(9):
        flow.server.keep_alive()
        flow.wait(75)
    (one,) = found(flow)
    assert (one.probe, one.direction, one.times, one.heard) == (True, 1, 9, None)
    assert one.idle is not None
    assert round(one.idle / 1e9) == 7200


def test_the_end_of_a_connection_that_is_only_counted() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(bytes(100))
    flow.server.acks()
    recorder = Recorder(flow.segments[0])
    for segment in flow.segments:
        recorder.add(segment)
    recorder.quiet = True
    first = len(flow.segments)
    flow.wait(3600)
    flow.client.sends(bytes(500))
    again(flow, flow.client, bytes(500), 100)
    for segment in flow.segments[first:]:
        recorder.add(segment)
    (one,) = repeats(recorder)
    assert (one.direction, one.start, one.end, one.times) == (0, 100, 600, 6)
    assert (one.frames, one.last_frame, one.heard) == ((6,), 11, None)
    assert one.idle is not None
    assert round(one.idle / 1e9) == 3600
