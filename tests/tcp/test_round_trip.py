"""The round trip: by the opening, and by data and their acknowledgements where the opening was repeated."""

from tests.support.sessions import session_of
from tests.support.wireflow import Flow


def trip(flow: Flow) -> float | None:
    found = session_of(flow).tcp.rtt
    return None if found is None else found.seconds


def repeated_opening() -> Flow:
    flow = Flow()
    flow.client.syn()
    flow.wait(1)
    flow.client.syn()
    flow.server.syn_ack()
    flow.client.acks()
    return flow


def test_an_opening_without_repetition_tells_it() -> None:
    flow = Flow()
    flow.client.syn()
    flow.wait(0.05)
    flow.server.syn_ack()
    flow.wait(0.01)
    flow.client.acks()
    assert trip(flow) == 0.062


def test_a_repeated_one_does_not_and_data_do() -> None:
    flow = repeated_opening()
    flow.client.sends(b"SSH-2.0-one\r\n")
    flow.wait(0.4)
    flow.server.acks()
    flow.server.sends(b"SSH-2.0-two\r\n")
    flow.wait(0.1)
    flow.client.acks()
    assert trip(flow) == 0.502


def test_octets_that_were_sent_twice_tell_nothing() -> None:
    """It is not known which of the two was acknowledged."""
    flow = repeated_opening()
    flow.client.sends(b"SSH-2.0-one\r\n")
    flow.wait(0.4)
    flow.client.sends(b"SSH-2.0-one\r\n", at=0)
    flow.server.acks()
    flow.server.sends(b"SSH-2.0-two\r\n")
    flow.client.acks()
    assert trip(flow) is None


def test_seconds_are_believed_only_where_another_segment_agrees() -> None:
    """Recorded with a path that loses half: an acknowledgement that was lost made one of 86 µs 20 s long."""
    for pauses, expected in (((20.0,), None), ((20.0, 3.0), None), ((2.5, 2.6), 2.502)):
        flow = repeated_opening()
        for pause in pauses:
            flow.client.sends(b"client\r\n")
            flow.wait(pause)
            flow.server.acks()
        flow.server.sends(b"server\r\n")
        flow.client.acks()
        assert trip(flow) == expected


def test_one_direction_alone_is_no_round_trip() -> None:
    flow = repeated_opening()
    flow.client.sends(b"SSH-2.0-one\r\n")
    flow.server.acks()
    assert trip(flow) is None
