"""How a connection ended and from which side: scripted closes, as hosts make them (RFC 9293 §3.6, §3.10.7)."""

import pytest

from sshpcap.frames import RST, Endpoint, IcmpError
from sshpcap.tcp.attribution import SILENCE_NS, Elsewhere, Ending, attribute, opened
from sshpcap.tcp.icmp import icmp_name
from sshpcap.tcp.recorder import Recorder
from tests.support.wireflow import SECOND, Flow, endpoint

NAMES = ("client", "server")
CLIENT, SERVER = 0, 1


def record(flow: Flow, *errors: IcmpError) -> Recorder:
    segments = flow.segments
    recorder = Recorder(segments[0])
    for segment in segments:
        assert not recorder.begins_anew(segment)
        recorder.add(segment)
    for error in errors:
        recorder.add_icmp(error)
    return recorder


def ending(flow: Flow, *errors: IcmpError) -> Ending:
    return attribute(record(flow, *errors), NAMES, flow.now)


def talk(flow: Flow) -> None:
    flow.opens()
    flow.client.sends(b"SSH-2.0-Client\r\n")
    flow.server.sends(b"SSH-2.0-Server\r\n")
    flow.client.acks()


def said(found: Ending) -> str:
    return " ".join(found.reasoning)


# --- FIN -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("isn", [(1000, 5000), ((1 << 32) - 20, (1 << 32) - 20)])
def test_the_first_fin_closes(isn: tuple[int, int]) -> None:
    flow = Flow(isn=isn)
    talk(flow)
    flow.server.fin()
    flow.client.acks()
    flow.client.fin()
    flow.server.acks()
    found = ending(flow)
    assert found[:3] == ("fin", SERVER, 7)
    assert found.confidence == "high"
    assert "frame 9) acknowledges it" in said(found)


def test_fins_that_cross() -> None:
    flow = Flow()
    talk(flow)
    flow.client.fin()
    flow.server.fin(ack=flow.client.isn + flow.client.next - 1)  # sent before the client's FIN arrived
    found = ending(flow)
    assert found[:3] == ("fin", CLIENT, 7)
    assert "crossed" in said(found)


def test_fins_in_the_wrong_order_in_the_capture() -> None:
    """What a FIN acknowledges tells which was first, not the order of the frames."""
    flow = Flow()
    talk(flow)
    flow.client.fin()
    flow.server.fin()
    first, second = flow.segments[6:]
    swapped = [*flow.segments[:6], second._replace(frame=7), first._replace(frame=8)]
    recorder = Recorder(swapped[0])
    for segment in swapped:
        recorder.add(segment)
    found = attribute(recorder, NAMES, flow.now)
    assert found[:3] == ("fin", CLIENT, 8)
    assert "wrong order" in said(found)


@pytest.mark.parametrize("answer", ["fin", "rst"])
def test_a_fin_that_was_not_captured_is_known_from_its_acknowledgement(answer: str) -> None:
    flow = Flow()
    talk(flow)
    flow.server.fin()
    flow.drop()
    flow.client.acks()
    (flow.client.fin if answer == "fin" else flow.client.rst)()
    found = ending(flow)
    assert found[:2] == ("fin", SERVER)
    assert found.confidence == "medium"
    assert "not in the capture" in said(found)


def test_octets_that_were_not_captured_may_have_had_a_fin_among_them() -> None:
    flow = Flow()
    talk(flow)
    flow.server.sends(b"lost")
    flow.drop()
    flow.client.fin()
    found = ending(flow)
    assert found[:2] == ("fin", CLIENT)
    assert found.confidence == "medium"
    assert "4 sequence numbers" in said(found)


def test_a_fin_that_is_never_answered() -> None:
    flow = Flow()
    talk(flow)
    flow.server.fin(b"bye\r\n")
    flow.client.acks()
    found = ending(flow)
    assert found[:3] == ("fin", SERVER, 7)
    assert len(found.reasoning) == 1


@pytest.mark.parametrize("by_client", [True, False])
def test_a_reset_behind_the_fin_does_not_close_again(by_client: bool) -> None:
    """Data behind a close are answered with RST: the FIN was the end."""
    flow = Flow()
    talk(flow)
    side, other = (flow.client, flow.server) if by_client else (flow.server, flow.client)
    side.fin()
    other.sends(b"KEXINIT")
    side.rst(flags=RST, window=0)
    found = ending(flow)
    assert found[:3] == ("fin", CLIENT if by_client else SERVER, 7)
    assert "Frame 9 is a RST" in said(found)
    assert "socket is gone" in said(found)


def test_a_fin_with_a_foreign_ttl_is_less_sure() -> None:
    flow = Flow()
    talk(flow)
    flow.server.fin(ttl=255)
    found = ending(flow)
    assert found[:2] == ("fin", SERVER)
    assert found.confidence == "medium"
    assert "TTL 255" in said(found)


# --- RST -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_client", [True, False])
def test_an_abort(by_client: bool) -> None:
    flow = Flow()
    talk(flow)
    (flow.client if by_client else flow.server).rst()
    found = ending(flow)
    assert found[:3] == ("rst", CLIENT if by_client else SERVER, 7)
    assert found.confidence == "high"


def test_a_reset_without_ack_says_that_the_socket_is_gone() -> None:
    flow = Flow()
    talk(flow)
    flow.server.rst(flags=RST, window=0)
    found = ending(flow)
    assert (found.how, found.by, found.confidence) == ("rst", SERVER, "medium")


def test_a_reset_with_a_foreign_ttl_is_the_network_s() -> None:
    flow = Flow()
    talk(flow)
    flow.server.rst(ttl=64)
    found = ending(flow)
    assert found[:3] == ("rst", "network", 7)
    assert "TTL 64" in said(found)
    assert "57" in said(found)


def test_a_reset_after_which_its_sender_goes_on_is_the_network_s() -> None:
    flow = Flow()
    talk(flow)
    flow.server.rst(ttl=128)
    flow.wait(0.2)
    flow.server.sends(b"the real server")
    found = ending(flow)
    assert found[:3] == ("rst", "network", 7)
    assert found.confidence == "high"
    assert "frame 8" in said(found)


def test_with_the_ttl_of_its_host_it_may_be_of_that_host_s_firewall() -> None:
    flow = Flow()
    talk(flow)
    flow.server.rst()
    flow.wait(0.2)
    flow.server.sends(b"the real server")
    found = ending(flow)
    assert (found[:3], found.confidence) == (("rst", "unknown", 7), "medium")
    assert "a firewall on that host" in said(found)


def test_a_reset_just_before_data_of_the_same_host_is_reordering() -> None:
    flow = Flow()
    talk(flow)
    flow.server.rst()
    flow.now -= 900_000
    flow.server.sends(b"captured late", at=16)
    assert ending(flow)[:3] == ("rst", SERVER, 7)


def test_a_reset_that_nobody_took() -> None:
    """RFC 5961 §3.2: a number that is not the expected one does not reset; both sides go on."""
    flow = Flow()
    talk(flow)
    flow.server.rst(seq=flow.server.isn + 5000, ttl=64)
    flow.wait(1)
    flow.server.sends(b"still here")
    flow.client.sends(b"me too")
    flow.client.fin()
    found = ending(flow)
    assert found[:3] == ("fin", CLIENT, 10)
    assert "Frame 7" not in said(found)
    assert "frame 7" in said(found)


def test_the_reset_of_an_older_connection() -> None:
    """An answer to a SYN from a socket that still was half open: the client resets it and asks again."""
    flow = Flow()
    flow.client.syn()
    flow.server.acks(ack=77777, seq=55555)
    flow.client.rst(flags=RST, window=0, seq=77777)
    flow.wait(1)
    flow.client.syn()
    flow.server.syn_ack()
    flow.client.acks()
    flow.client.sends(b"SSH-2.0-Client\r\n")
    flow.client.fin()
    assert ending(flow)[:3] == ("fin", CLIENT, 8)


def test_a_scanner_resets_the_half_open_connection() -> None:
    flow = Flow()
    flow.client.syn()
    flow.server.syn_ack()
    flow.client.rst(flags=RST, window=0)
    assert ending(flow)[:3] == ("rst", CLIENT, 3)


# --- never opened ----------------------------------------------------------------------------------------------------


def test_a_refused_syn() -> None:
    flow = Flow()
    flow.client.syn()
    flow.server.rst(seq=0, window=0)
    found = ending(flow)
    assert found[:3] == ("rst", SERVER, 2)
    assert "acknowledges exactly that SYN" in said(found)
    assert not opened(record(flow))


def test_a_refusal_whose_syn_is_not_in_the_capture() -> None:
    """RFC 9293 §3.10.7.1: with ACK and the number 0 it answers a segment that had no ACK."""
    flow = Flow()
    flow.client.syn()
    flow.drop()
    flow.server.rst(seq=0, window=0)
    found = ending(flow)
    assert (found[:3], found.confidence) == (("rst", 0, 1), "medium"), "the direction of the first frame is 0"
    assert "is not in the capture" in said(found)
    assert not opened(record(flow))


def test_a_reset_with_a_number_is_no_refusal() -> None:
    flow = Flow()
    flow.client.syn()
    flow.drop()
    flow.server.rst(seq=77, window=0)
    assert opened(record(flow))


def test_a_reset_that_does_not_fit_the_syn_says_so() -> None:
    flow = Flow()
    flow.client.syn()
    flow.server.rst(seq=0, window=0, ack=1)
    assert "acknowledges exactly" not in said(ending(flow))


@pytest.mark.parametrize("count, confidence", [(1, "medium"), (3, "high"), (9, "high")])
def test_syns_without_an_answer(count: int, confidence: str) -> None:
    flow = Flow()
    for attempt in range(count):
        flow.client.syn()
        flow.wait(1 << attempt)
    found = ending(flow)
    assert found[:3] == ("never_opened", "unknown", count)
    assert found.confidence == confidence
    assert f"{count} SYN" in said(found)
    assert not opened(record(flow))


def test_a_client_that_gives_up() -> None:
    flow = Flow()
    flow.client.syn()
    flow.client.rst()
    assert ending(flow)[:3] == ("rst", CLIENT, 2)


ROUTER = endpoint("198.51.100.1", 0).address


def icmp(
    flow: Flow, reporter: bytes = ROUTER, *, version: int = 4, kind: int = 3, code: int = 1, mtu: int = 0
) -> IcmpError:
    source, destination = flow.client.endpoint, flow.server.endpoint
    return IcmpError(flow.count + 1, flow.now, reporter, version, kind, code, mtu, source, destination, 1000, 250)


def test_an_icmp_error_of_a_router_or_of_the_server_answers_a_syn() -> None:
    flow = Flow()
    flow.client.syn()
    found = ending(flow, icmp(flow))
    assert found[:3] == ("icmp", "network", 2)
    assert "host unreachable (type 3 code 1)" in said(found)
    found = ending(flow, icmp(flow, flow.server.endpoint.address, code=3))
    assert found[:3] == ("icmp", SERVER, 2)


def test_an_icmp_error_in_an_open_connection_is_told_and_decides_nothing() -> None:
    flow = Flow()
    talk(flow)
    found = ending(flow, icmp(flow, kind=3, code=4, mtu=1400))
    assert found.how == "capture_end"
    assert "fragmentation needed (type 3 code 4), next-hop MTU 1400" in said(found)


@pytest.mark.parametrize(
    "version, kind, code, name",  # RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1, RFC 4443 §3
    [
        (4, 3, 0, "network unreachable"),
        (4, 3, 1, "host unreachable"),
        (4, 3, 3, "port unreachable"),
        (4, 3, 2, "protocol unreachable"),
        (4, 3, 4, "fragmentation needed"),
        (4, 3, 5, "source route failed"),
        (4, 3, 9, "network administratively prohibited"),
        (4, 3, 10, "host administratively prohibited"),
        (4, 3, 13, "communication administratively prohibited"),
        (4, 3, 15, "destination unreachable"),
        (4, 11, 0, "time exceeded"),
        (4, 12, 0, "error"),
        (4, 5, 1, "redirect"),
        (6, 1, 0, "no route to destination"),
        (6, 1, 1, "communication administratively prohibited"),
        (6, 1, 3, "address unreachable"),
        (6, 1, 5, "source address failed policy"),
        (6, 1, 6, "reject route to destination"),
        (6, 1, 4, "port unreachable"),
        (6, 1, 7, "destination unreachable"),
        (6, 2, 0, "packet too big"),
        (6, 3, 0, "time exceeded"),
    ],
)
def test_icmp_names(version: int, kind: int, code: int, name: str) -> None:
    nobody = Endpoint(bytes(4), 0)
    error = IcmpError(1, 0, ROUTER, version, kind, code, 0, nobody, nobody, 0, 64)
    assert icmp_name(error) == f"{name} (type {kind} code {code})"


# --- no end in the capture -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seconds, how", [(0.0, "capture_end"), (9.9, "capture_end"), (10.0, "silence"), (3600, "silence")]
)
def test_silence_is_what_was_watched(seconds: float, how: str) -> None:
    flow = Flow()
    talk(flow)
    recorder = record(flow)
    last = recorder.last_time
    found = attribute(recorder, NAMES, last + round(seconds * SECOND))
    assert found[:3] == (how, "unknown", 6)
    assert SILENCE_NS == 10 * SECOND


def test_a_new_connection_of_the_same_endpoints_ends_the_old_one() -> None:
    flow = Flow()
    talk(flow)
    recorder = record(flow)
    recorder.superseded_by = 99
    found = attribute(recorder, NAMES, recorder.last_time)
    assert (found.how, found.by) == ("silence", "unknown")
    assert "frame 99" in said(found)


def test_with_one_direction_alone_nobody_knows_who_was_first() -> None:
    flow = Flow()
    flow.server.sends(b"SSH-2.0-Server\r\n")
    flow.server.fin()
    assert opened(record(flow))
    found = attribute(record(flow), ("server", "client"), flow.now)
    assert (*found[:3], found.confidence) == ("fin", "unknown", 2, "low")


def test_only_the_syn_ack() -> None:
    flow = Flow()
    flow.server.syn_ack()
    assert opened(record(flow))
    assert ending(flow)[:2] == ("capture_end", "unknown")


def test_only_the_client_s_side() -> None:
    flow = Flow()
    flow.client.syn()
    flow.client.acks()
    assert opened(record(flow))
    assert ending(flow)[:2] == ("capture_end", "unknown")


def test_a_lone_reset_is_an_end_all_the_same() -> None:
    flow = Flow()
    flow.client.rst()
    found = ending(flow)
    assert (*found[:3], found.confidence) == ("rst", "unknown", 1, "low")


def about_the_syn(flow: Flow, kind: int, code: int) -> IcmpError:
    client, server = flow.client.endpoint, flow.server.endpoint
    return IcmpError(9, flow.now, ROUTER, 4, kind, code, 0, client, server, flow.client.isn, 64)


def test_a_redirect_refuses_nothing() -> None:
    flow = Flow()
    for pause in (1, 2):
        flow.client.syn()
        flow.wait(pause)
    assert ending(flow, about_the_syn(flow, 5, 1)).how == "never_opened"
    assert ending(flow, about_the_syn(flow, 5, 1), about_the_syn(flow, 3, 13)).how == "icmp"


def test_who_only_repeats_old_octets_may_have_closed_before_the_capture() -> None:
    """Recorded on a path that reorders: the capture begins behind the client's FIN, and late copies of data come."""
    flow = Flow()
    flow.opens()
    flow.client.sends(b"one")
    flow.client.sends(b"two")
    flow.client.fin()
    before = flow.count
    flow.client.acks()
    flow.client.sends(b"two", at=3)
    flow.server.fin()
    flow.client.acks()
    recorder = Recorder(flow.segments[before])
    for segment in flow.segments[before:]:
        recorder.add(segment)
    ending = attribute(recorder, ("client", "server"), recorder.last_time)
    assert ending.how == "fin"
    assert ending.confidence == "medium"


def test_an_icmp_error_about_an_answer_does_not_refuse_the_client() -> None:
    """Recorded, the server's frames left out: a router rejected its SYN-ACK, and told the server alone."""
    flow = Flow()
    flow.client.syn()
    flow.wait(1)
    flow.client.syn()
    error = IcmpError(3, flow.now, ROUTER, 4, 3, 10, 0, flow.server.endpoint, flow.client.endpoint, 5000, 64)
    assert ending(flow, error).how == "never_opened"


def test_on_a_router_a_fitting_ttl_does_not_tell_who_refused() -> None:
    """Recorded with -i any on a router whose firewall refused: its RST has the TTL with which the host's come in."""
    flow = Flow(ttl=(64, 64))
    flow.client.syn()
    flow.server.rst(seq=0, ack=flow.client.isn + 1, window=0)
    host = {flow.server.endpoint.address: {63, 64}}
    found = attribute(record(flow), NAMES, flow.now, Elsewhere(host))
    assert (found.by, found.confidence) == (1, "medium")
    assert "on which this was captured" in said(found)
    alone = attribute(record(flow), NAMES, flow.now, Elsewhere({flow.server.endpoint.address: {64}}))
    assert alone.confidence == "high"
