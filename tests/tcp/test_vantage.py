"""Where the capture was taken: scripted TTLs, round trips and giants."""

import pytest

from sshpcap.frames import CHECKSUM_LEFT_OUT
from sshpcap.tcp.recorder import Recorder
from sshpcap.tcp.vantage import Point, vantage
from tests.support.wireflow import SECOND, Flow

CLIENT, SERVER = 0, 1


def seen(flow: Flow) -> Point:
    recorder = Recorder(flow.segments[0])
    for segment in flow.segments:
        recorder.add(segment)
    return vantage(recorder, ("client", "server"))


@pytest.mark.parametrize(
    ("ttl", "place"),
    [
        ((64, 57), CLIENT),
        ((128, 44), CLIENT),
        ((57, 64), SERVER),
        ((113, 255), SERVER),
        ((57, 60), "between"),
        ((64, 64), "unknown"),
        ((128, 64), "unknown"),
    ],
)
def test_fresh_ttls(ttl: tuple[int, int], place: object) -> None:
    flow = Flow(ttl=ttl)
    flow.opens()
    found = seen(flow)
    assert found.place == place
    assert found.confidence == ("low" if place == "unknown" else "medium")


def test_two_ttls_of_one_side_tell_nothing() -> None:
    flow = Flow(ttl=(64, 57))
    flow.opens()
    flow.server.sends(b"x", ttl=64)
    assert seen(flow).place == "unknown"


def slow(there: float, here: float, ttl: tuple[int, int]) -> Flow:
    flow = Flow(ttl=ttl)
    flow.client.syn()
    flow.now += round(there * SECOND) - 1_000_000
    flow.server.syn_ack()
    flow.now += round(here * SECOND) - 1_000_000
    flow.client.acks()
    return flow


def test_ttl_and_round_trip_agree() -> None:
    found = seen(slow(0.04, 0.0001, (64, 57)))
    assert (found.place, found.confidence) == (CLIENT, "high")
    found = seen(slow(0.0001, 0.04, (57, 64)))
    assert (found.place, found.confidence) == (SERVER, "high")
    found = seen(slow(0.02, 0.02, (57, 60)))
    assert (found.place, found.confidence) == ("between", "high")


def test_ttl_and_round_trip_disagree() -> None:
    """A proxy in front of the server answers with a fresh TTL; the capture is at the client."""
    found = seen(slow(0.0001, 0.04, (64, 57)))
    assert (found.place, found.confidence) == ("unknown", "low")
    assert "contradict" in found.reasoning[-1]


def test_a_short_round_trip_is_not_split() -> None:
    assert len(seen(slow(0.003, 0.0001, (64, 64))).reasoning) == 1


def test_giants_are_seen_inside_a_host() -> None:
    flow = Flow(ttl=(64, 57))
    flow.opens()
    flow.client.sends(bytes(20_000))
    found = seen(flow)
    assert (found.place, found.confidence) == (CLIENT, "high")
    assert "20,000 octets" in found.reasoning[-1]


def test_the_mss_that_was_agreed_on_is_no_giant() -> None:
    flow = Flow(ttl=(64, 57))
    flow.client.syn(options=bytes.fromhex("02042300"))
    flow.server.syn_ack(options=bytes.fromhex("02042300"))
    flow.client.sends(bytes(8000))
    assert seen(flow).confidence == "medium"


def test_checksums_left_to_the_card() -> None:
    flow = Flow(ttl=(64, 64))
    flow.client.syn(checksum=CHECKSUM_LEFT_OUT)
    flow.server.syn_ack()
    flow.client.acks(checksum=CHECKSUM_LEFT_OUT)
    found = seen(flow)
    assert (found.place, found.confidence) == (CLIENT, "high")


def test_one_such_checksum_may_be_chance_and_both_sides_are_one_machine() -> None:
    once, both = Flow(ttl=(64, 64)), Flow(ttl=(64, 64))
    once.client.syn(checksum=CHECKSUM_LEFT_OUT)
    once.server.syn_ack()
    for _ in range(2):
        both.client.sends(b"x", checksum=CHECKSUM_LEFT_OUT)
        both.server.sends(b"x", checksum=CHECKSUM_LEFT_OUT)
    assert seen(once).place == "unknown"
    assert seen(both).place == "unknown"


def test_only_a_syn() -> None:
    near, far = Flow(ttl=(64, 0)), Flow(ttl=(63, 0))
    near.client.syn()
    far.client.syn()
    assert seen(near).place == CLIENT
    assert seen(far).place == "unknown"
