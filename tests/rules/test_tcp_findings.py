"""The findings about what the path did: scripted connections where each fires, and near misses where it must not."""

import struct

import pytest

from sshpcap.analyzer import Analyzer
from sshpcap.frames import ACK, RST
from sshpcap.model import Finding, Session
from tests.support.frames import ICMP, ethernet, icmp, ipv4
from tests.support.sessions import closed, findings_of, greeted, proposed, session_of, told
from tests.support.sshbytes import (
    ecdh_init,
    ecdh_reply,
    identification,
    kexinit,
    newkeys,
    packet,
    server_kexinit,
    string,
)
from tests.support.wireflow import Flow, Side, block_of, encode

BACK_OFF = (0.2, 0.4, 0.8, 1.6, 3.2)
HOST_KEY = string("ssh-ed25519") + string(bytes(32))
SIGNATURE = string("ssh-ed25519") + string(bytes(64))


def encrypted(flow: Flow | None = None) -> Flow:
    """A connection with some encrypted data in both directions, all of them acknowledged."""
    flow = proposed(flow)
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.sends(packet(ecdh_reply(HOST_KEY, bytes(32), SIGNATURE)) + packet(newkeys()))
    flow.client.sends(packet(newkeys()) + bytes(range(64)))
    flow.server.sends(bytes(range(100)))
    flow.client.acks()
    return flow


def again(flow: Flow, side: Side, octets: bytes, pauses: tuple[float, ...] = BACK_OFF) -> None:
    """The last octets of a side once more, as its retransmission timer wants."""
    at = side.next - 1 - len(octets)
    for pause in pauses:
        flow.wait(pause)
        side.sends(octets, at=at)


def got(side: Side, first: int, last: int) -> bytes:
    """A SACK option: octets of the other side, by their offsets, arrived out of order."""
    edges = [(side.peer.isn + 1 + edge) % (1 << 32) for edge in (first, last)]
    return bytes((1, 1, 5, 10)) + struct.pack(">2I", *edges)


def the(session: Session, name: str) -> Finding:
    (finding,) = [one for one in session.findings if one.id == name]
    return finding


# --- path MTU ---------------------------------------------------------------------------------------------------------


def long_proposal() -> bytes:
    """A proposal that fills a segment of the usual size and some of the next."""
    return packet(kexinit(kex_algorithms=",".join(f"method-{number}" for number in range(120))))


def large_then_small(flow: Flow, *, sacked: bool = True) -> Flow:
    """The client's proposal in two segments, of which the first, the large one, does not arrive."""
    octets = long_proposal()
    start = flow.client.next - 1
    flow.client.sends(octets[:1200])
    flow.client.sends(octets[1200:])
    if sacked:
        flow.server.acks(ack=flow.client.isn + start + 1, options=got(flow.server, start + 1200, start + len(octets)))
    for pause in BACK_OFF:
        flow.wait(pause)
        flow.client.sends(octets[:1200], at=start)
    return flow


def test_large_segments_are_lost_and_small_ones_are_not() -> None:
    session = session_of(large_then_small(greeted()))
    found = the(session, "path-mtu-black-hole")
    assert (found.severity, found.confidence, found.party) == ("error", "high", "network")
    assert "1,200 octets" in found.summary
    assert session.verdict.cause == "path-mtu-black-hole"
    assert "stalled" not in [one.id for one in session.findings]


def test_a_duplicate_acknowledgement_is_a_sign_that_small_ones_pass() -> None:
    """Without SACK, or where its blocks were cut off: RFC 5681 §2."""
    flow = greeted()
    flow.server.acks()
    octets, start = long_proposal(), flow.client.next - 1
    flow.client.sends(octets[:1200])
    flow.client.sends(octets[1200:])
    flow.server.acks(ack=flow.client.isn + start + 1)
    for pause in BACK_OFF:
        flow.wait(pause)
        flow.client.sends(octets[:1200], at=start)
    found = the(session_of(flow), "path-mtu-black-hole")
    assert (found.confidence, found.party) == ("high", "network")


@pytest.mark.parametrize("kind", ["window", "old copy", "data", "nothing behind"])
def test_an_acknowledgement_that_comes_for_another_reason_is_no_such_sign(kind: str) -> None:
    flow = greeted()
    flow.server.acks()
    octets, start = long_proposal(), flow.client.next - 1
    flow.client.sends(octets[:1200])
    if kind != "nothing behind":
        flow.client.sends(octets[1200:])
    if kind == "old copy":
        flow.client.sends(identification("OpenSSH_9.2p1"), at=0)
    acked = flow.client.isn + start + 1
    if kind == "data":
        flow.server.sends(packet(server_kexinit()), ack=acked)
    else:
        flow.server.acks(ack=acked, **({"window": 300} if kind == "window" else {}))
    for pause in BACK_OFF:
        flow.wait(pause)
        flow.client.sends(octets[:1200], at=start)
    assert "high" not in [one.confidence for one in session_of(flow).findings if one.id == "path-mtu-black-hole"]


def test_what_was_on_its_way_is_no_answer() -> None:
    flow = greeted()
    octets = packet(kexinit())[:100]
    known = flow.client.isn + flow.client.next
    flow.client.sends(octets)
    flow.server.sends(packet(server_kexinit()), ack=known)
    again(flow, flow.client, octets)
    found = the(session_of(flow), "peer-vanished")
    assert "nothing at all" not in found.summary
    assert "which had been on its way" in found.summary


def test_without_a_sign_that_small_ones_pass_it_is_not_said() -> None:
    assert findings_of(large_then_small(greeted(), sacked=False)) == ["peer-vanished"]


def test_a_small_segment_that_is_lost_is_no_matter_of_size() -> None:
    flow = greeted()
    start = flow.client.next - 1
    octets = packet(kexinit())
    flow.client.sends(octets[:200])
    flow.client.sends(octets[200:])
    flow.server.acks(ack=flow.client.isn + start + 1, options=got(flow.server, start + 200, start + len(octets)))
    for pause in BACK_OFF:
        flow.wait(pause)
        flow.client.sends(octets[:200], at=start)
    assert "path-mtu-black-hole" not in findings_of(flow)


def test_at_the_receiver_the_capture_ends_with_the_hole() -> None:
    """Recorded at a server: the large segment and its copies are lost on the way, and the client sends nothing else."""
    flow = greeted()
    known = flow.client.isn + flow.client.next
    octets = long_proposal()
    flow.client.skips(1448)
    flow.client.sends(octets[1448:1560])
    flow.server.sends(packet(server_kexinit()), ack=known)
    flow.client.acks()
    (found,) = session_of(flow).findings
    assert (found.id, found.severity) == ("incomplete-capture", "warning")
    assert "1,448 octets of the client never came by" in found.summary
    assert "if the connection hung" in found.summary


def test_a_hole_of_a_small_segment_hints_at_nothing() -> None:
    flow = greeted()
    known = flow.client.isn + flow.client.next
    flow.client.skips(200)
    flow.client.sends(long_proposal()[200:500])
    flow.server.acks(ack=known)
    assert "never came by" not in the(session_of(flow), "incomplete-capture").summary


def test_a_path_that_recovers_is_told_as_information() -> None:
    flow = large_then_small(greeted())
    start = flow.client.next - 1 - len(long_proposal())
    flow.client.sends(long_proposal()[:536], at=start)
    flow.server.acks()
    flow.server.sends(packet(server_kexinit()))
    found = the(session_of(flow), "path-mtu-black-hole")
    assert (found.severity, found.confidence) == ("info", "high")


def test_what_gets_through_at_its_full_size_in_the_end_was_not_too_large() -> None:
    """A burst of loss: the same large segment arrives at the sixth time."""
    flow = large_then_small(greeted())
    flow.server.acks()
    flow.server.sends(packet(server_kexinit()))
    session = session_of(flow)
    assert "path-mtu-black-hole" not in [one.id for one in session.findings]
    assert the(session, "peer-vanished").severity == "info"


def lost_before(flow: Flow) -> Flow:
    """A small segment of the server's had to be sent three times, and got through."""
    octets = packet(server_kexinit())[:100]
    flow.server.sends(octets)
    again(flow, flow.server, octets, (0.2, 0.4))
    flow.client.acks()
    return flow


def test_under_loss_large_segments_may_be_lost_by_chance() -> None:
    found = the(session_of(large_then_small(lost_before(greeted()))), "path-mtu-black-hole")
    assert found.confidence == "medium"
    assert any("loss" in cause for cause in found.causes)
    sure = the(session_of(large_then_small(greeted())), "path-mtu-black-hole")
    assert not any("loss" in cause for cause in sure.causes)


def test_the_same_from_the_receiver_s_side() -> None:
    flow = greeted()
    known = flow.server.isn + flow.server.next
    flow.server.sends(long_proposal())
    flow.drop()
    flow.client.sends(packet(kexinit()), ack=known)
    flow.server.acks()
    flow.wait(20)
    flow.client.fin(ack=known)
    found = the(session_of(flow), "path-mtu-black-hole")
    assert found.confidence == "medium"


# --- one segment, one direction, everything ---------------------------------------------------------------------------


def test_the_identification_string_alone_is_lost() -> None:
    flow = Flow()
    flow.opens()
    line = identification("OpenSSH_9.2p1")
    flow.client.sends(line)
    flow.client.sends(packet(kexinit()))
    flow.server.acks(ack=flow.client.isn + 1, options=got(flow.server, len(line), flow.client.next - 1))
    for pause in BACK_OFF:
        flow.wait(pause)
        flow.client.sends(line, at=0)
    found = the(session_of(flow), "identification-dropped")
    assert (found.confidence, found.party) == ("high", "network")


def test_where_the_opening_was_lost_too_it_may_be_chance() -> None:
    flow = Flow()
    flow.client.syn()
    flow.wait(1)
    flow.opens()
    line = identification("OpenSSH_9.2p1")
    flow.client.sends(line)
    flow.client.sends(packet(kexinit()))
    flow.server.acks(ack=flow.client.isn + 1, options=got(flow.server, len(line), flow.client.next - 1))
    for pause in BACK_OFF[:3]:
        flow.wait(pause)
        flow.client.sends(line, at=0)
    few = the(session_of(flow), "identification-dropped")
    assert (few.confidence, few.causes[0][:11]) == ("low", "packet loss")
    for pause in BACK_OFF[3:]:
        flow.wait(pause)
        flow.client.sends(line, at=0)
    assert the(session_of(flow), "identification-dropped").confidence == "medium"


def test_a_proposal_that_is_lost_is_no_identification_string() -> None:
    assert "identification-dropped" not in findings_of(large_then_small(greeted()))


def test_one_direction_is_dead() -> None:
    flow = greeted()
    flow.client.sends(packet(kexinit()))
    flow.server.sends(packet(server_kexinit()), ack=flow.client.isn + flow.client.next - len(packet(server_kexinit())))
    flow.client.acks()
    octets = packet(kexinit())
    for pause in BACK_OFF:
        flow.wait(pause)
        flow.client.sends(octets, at=flow.client.next - 1 - len(octets))
        flow.server.sends(
            octets, at=flow.server.next - 1 - len(octets), ack=flow.client.isn + flow.client.next - len(octets)
        )
    found = the(session_of(flow), "dropped-midflow")
    assert (found.confidence, found.party) == ("high", "network")
    assert "nothing of the client gets through" in found.summary


def test_only_the_acknowledgements_are_lost() -> None:
    flow = greeted()
    octets = packet(kexinit())
    flow.server.sends(octets)
    flow.client.acks()
    again(flow, flow.server, octets)
    found = the(session_of(flow), "dropped-midflow")
    assert "nothing of the client gets through" in found.summary


def test_under_loss_acknowledgements_may_be_lost_by_chance() -> None:
    flow = lost_before(greeted())
    octets = packet(kexinit())
    flow.server.sends(octets)
    flow.client.acks()
    again(flow, flow.server, octets)
    found = the(session_of(flow), "dropped-midflow")
    assert found.confidence == "medium"
    assert "loss" in found.causes[0]


def test_acknowledgements_that_are_late_are_not_lost() -> None:
    """A path that holds everything back for two seconds: then it goes on."""
    flow = greeted()
    octets = packet(kexinit())
    flow.server.sends(octets)
    flow.client.acks()
    again(flow, flow.server, octets, (0.2, 0.4, 0.8))
    flow.server.sends(packet(ecdh_reply(HOST_KEY, bytes(32), SIGNATURE)))
    assert "dropped-midflow" not in findings_of(closed(flow))


def test_nothing_more_comes() -> None:
    flow = encrypted()
    flow.wait(700)
    octets = bytes(52)
    flow.client.sends(octets)
    again(flow, flow.client, octets)
    found = the(session_of(flow), "peer-vanished")
    assert "10 min" in found.summary
    assert "forgot" in found.causes[0]


def test_a_short_silence_is_no_idle_limit() -> None:
    flow = encrypted()
    flow.wait(20)
    octets = bytes(52)
    flow.client.sends(octets)
    again(flow, flow.client, octets)
    found = the(session_of(flow), "peer-vanished")
    assert "forgotten" not in found.summary
    assert "forgot" not in found.causes[0]


@pytest.mark.parametrize("pauses", [(0.2,), (0.1, 0.1, 0.1)])
def test_a_few_losses_are_nothing(pauses: tuple[float, ...]) -> None:
    flow = encrypted()
    octets = bytes(52)
    flow.client.sends(octets)
    again(flow, flow.client, octets, pauses)
    assert findings_of(flow) == []


def test_what_arrives_in_the_end_is_no_loss() -> None:
    flow = encrypted()
    octets = bytes(52)
    flow.client.sends(octets)
    again(flow, flow.client, octets)
    flow.server.acks()
    flow.server.sends(bytes(60))
    flow.client.acks()
    assert told(session_of(closed(flow))) == []


def test_repetitions_behind_a_close_explain_nothing() -> None:
    """A client that has gone does not answer: its FIN was the end."""
    flow = encrypted()
    flow.client.fin()
    octets = bytes(52)
    flow.server.sends(octets)
    again(flow, flow.server, octets)
    assert findings_of(flow) == []


# --- RST --------------------------------------------------------------------------------------------------------------


def test_a_host_that_does_not_know_the_connection() -> None:
    flow = encrypted()
    flow.wait(400)
    flow.client.sends(bytes(52))
    flow.server.rst(flags=RST, window=0)
    found = the(session_of(flow), "connection-unknown-to-peer")
    assert (found.confidence, found.party) == ("medium", "server")
    assert "350 s" in found.summary


def test_an_abort_is_not_a_host_that_does_not_know() -> None:
    flow = encrypted()
    flow.client.sends(bytes(52))
    flow.server.rst()
    assert "connection-unknown-to-peer" not in findings_of(flow)


def test_a_reset_behind_a_fin_is_not_a_host_that_does_not_know() -> None:
    flow = encrypted()
    flow.client.fin()
    flow.server.sends(bytes(52))
    flow.client.rst(flags=RST, window=0)
    assert "connection-unknown-to-peer" not in findings_of(flow)


def test_a_reset_of_somebody_else() -> None:
    flow = proposed()
    flow.server.rst(ttl=128, ip_id=0x4242)
    flow.wait(0.2)
    octets = packet(kexinit())
    flow.server.sends(octets, at=flow.server.next - 1 - len(octets))
    flow.client.rst(flags=RST, window=0)
    session = session_of(flow)
    found = the(session, "reset-injected")
    assert (found.severity, found.confidence, found.party) == ("error", "high", "network")
    assert session.verdict.cause == "reset-injected"


def test_a_reset_with_the_server_s_header_may_be_of_its_firewall() -> None:
    flow = proposed()
    flow.server.rst(flags=RST, window=0)
    flow.wait(0.2)
    octets = packet(kexinit())
    flow.server.sends(octets, at=flow.server.next - 1 - len(octets))
    flow.client.rst(flags=RST, window=0)
    session = session_of(flow)
    found = the(session, "reset-injected")
    assert (found.confidence, found.party) == ("medium", "unknown")
    assert found.causes[0].startswith("the firewall of the server's own host")
    assert (session.close.by, session.close.confidence) == ("unknown", "medium")
    assert not any("between the two sent it" in line for line in session.close.reasoning)


def test_a_reset_that_fits_is_of_its_host() -> None:
    flow = proposed()
    flow.server.rst()
    assert "reset-injected" not in findings_of(flow)


def test_a_foreign_reset_without_effect_is_information() -> None:
    flow = greeted()
    flow.server.rst(ttl=128, seq=flow.server.isn + flow.server.next + 5000)
    flow.wait(0.1)
    flow.server.sends(packet(server_kexinit()))
    flow.client.sends(packet(kexinit()))
    found = the(session_of(flow), "reset-injected")
    assert found.severity == "info"


# --- the opening ------------------------------------------------------------------------------------------------------


def test_a_syn_ack_that_nobody_takes() -> None:
    flow = Flow()
    flow.client.syn()
    for pause in (1, 2, 4):
        flow.server.syn_ack()
        flow.wait(pause)
    found = the(session_of(flow), "handshake-not-completed")
    assert found.confidence == "high"
    assert "does not reach the client" in found.summary


def test_a_syn_ack_that_is_taken_at_the_second_attempt() -> None:
    flow = Flow()
    flow.client.syn()
    flow.server.syn_ack()
    flow.wait(1)
    flow.server.syn_ack()
    flow.client.acks()
    flow.client.sends(identification())
    flow.server.sends(identification())
    assert "handshake-not-completed" not in findings_of(closed(flow))


def test_the_third_packet_is_swallowed() -> None:
    flow = Flow()
    flow.opens()
    line = identification("OpenSSH_9.2p1")
    flow.client.sends(line)
    for pause in BACK_OFF:
        flow.wait(pause)
        flow.client.sends(line, at=0)
        flow.server.syn_ack(ack=flow.client.isn + 1)
    found = the(session_of(flow), "handshake-not-completed")
    assert "although its SYN did" in found.summary
    assert findings_of(flow) == ["handshake-not-completed"]


def test_a_syn_ack_that_comes_too_late() -> None:
    flow = Flow()
    for pause in (1, 1):
        flow.client.syn()
        flow.wait(pause)
    flow.server.syn_ack()
    flow.client.rst(flags=RST, window=0)
    found = the(session_of(flow), "handshake-not-completed")
    assert "given up" in found.summary


def test_a_half_open_scan() -> None:
    flow = Flow()
    flow.client.syn()
    flow.server.syn_ack()
    flow.client.rst(flags=RST, window=0)
    assert findings_of(flow) == ["half-open-scan"]


def test_a_health_check_with_reset_is_no_half_open_scan() -> None:
    flow = Flow()
    flow.opens()
    flow.client.rst()
    assert findings_of(flow) == ["health-check-or-scan"]


def test_a_port_that_is_used_again_too_early() -> None:
    flow = Flow()
    flow.client.syn()
    flow.server.acks(ack=77777, seq=55555)
    flow.client.rst(flags=RST, window=0, seq=77777)
    flow.wait(1)
    flow.client.syn()
    flow.server.syn_ack()
    flow.client.acks()
    flow.client.sends(identification())
    flow.server.sends(identification())
    assert "port-reused" in findings_of(closed(flow))


def test_a_syn_that_was_lost_is_no_port_used_again() -> None:
    flow = Flow()
    flow.client.syn()
    flow.wait(1)
    flow.client.syn()
    flow.server.syn_ack()
    flow.client.acks()
    flow.client.sends(identification())
    flow.server.sends(identification())
    assert "port-reused" not in findings_of(closed(flow))


def test_where_the_syn_was_captured_ranks_the_causes() -> None:
    near, far = Flow(ttl=(64, 57)), Flow(ttl=(57, 64))
    for flow in (near, far):
        for pause in (1, 2, 4):
            flow.client.syn()
            flow.wait(pause)
    assert "near the client" in the(session_of(near), "no-answer-to-syn").summary
    found = the(session_of(far), "no-answer-to-syn")
    assert "had passed routers" in found.summary
    assert "server itself" in found.causes[0]


# --- slow, stuck, half closed -----------------------------------------------------------------------------------------


def test_who_was_slow() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(identification())
    flow.server.acks()
    flow.wait(10)
    flow.server.sends(identification())
    flow.client.acks()
    found = the(session_of(flow), "slow-handshake")
    assert (found.severity, found.party) == ("info", "server")
    assert found.confidence == "medium", "captured at the client: the server's first attempt may have been lost"
    assert "10.0 s" in found.summary
    assert "name resolution" in found.causes[0]


def test_next_to_the_slow_side_it_is_sure() -> None:
    flow = Flow(ttl=(57, 64))
    flow.opens()
    flow.client.sends(identification())
    flow.wait(10)
    flow.server.sends(identification())
    assert the(session_of(flow), "slow-handshake").confidence == "high"


def test_a_second_is_not_slow() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(identification())
    flow.wait(1.5)
    flow.server.sends(identification())
    assert "slow-handshake" not in findings_of(flow)


def test_repetitions_make_it_the_path() -> None:
    flow = Flow()
    flow.opens()
    line = identification()
    flow.server.sends(line)
    flow.wait(3)
    flow.server.sends(line, at=0)
    flow.client.acks()
    flow.client.sends(line)
    assert the(session_of(flow), "slow-handshake").party == "network"


def test_a_receiver_that_takes_nothing() -> None:
    flow = encrypted()
    for pause in (0.2, 1, 2, 4):
        flow.client.acks(window=0)
        flow.wait(pause)
        flow.server.sends(b"?", at=flow.server.next - 1)
    found = the(session_of(flow), "receiver-stuck")
    assert (found.severity, found.party) == ("warning", "client")


def test_a_full_receiver_is_no_dead_direction() -> None:
    """BSD and Windows probe a window of 0 with the next octet, which is not acknowledged."""
    flow = encrypted()
    flow.server.sends(b"x")
    for pause in BACK_OFF:
        flow.wait(pause)
        flow.client.acks(window=0, ack=flow.server.isn + flow.server.next - 1)
        flow.server.sends(b"x", at=flow.server.next - 2)
    flow.client.acks(window=0, ack=flow.server.isn + flow.server.next - 1)
    assert findings_of(flow) == ["receiver-stuck"]


def test_a_receiver_that_was_busy_for_a_moment() -> None:
    flow = encrypted()
    flow.client.acks(window=0)
    flow.wait(0.5)
    flow.client.acks(window=1000)
    flow.wait(30)
    assert "receiver-stuck" not in findings_of(flow)


def half_closed(taken: bool) -> Flow:
    flow = Flow()
    flow.opens()
    flow.client.sends(identification())
    flow.server.acks()
    flow.client.fin()
    flow.server.sends(identification() + packet(server_kexinit()))
    if taken:
        flow.client.acks()
        flow.server.fin()
        flow.client.acks()
    else:
        flow.client.rst(flags=RST, window=0)
    return flow


def test_the_client_closed_its_own_direction_only() -> None:
    session = session_of(half_closed(True))
    assert session.close.by == "client"
    assert [one.id for one in session.findings] == ["half-closed"]


def test_a_client_that_is_gone_answers_with_reset() -> None:
    assert "half-closed" not in findings_of(half_closed(False))


# --- refusals and the rest of the capture -----------------------------------------------------------------------------


def refused(ttl: int) -> Flow:
    flow = Flow(ports=(40023, 2222))
    flow.client.syn()
    flow.server.rst(seq=0, window=0, ttl=ttl, flags=RST | ACK)
    return flow


@pytest.mark.parametrize(("ttl", "by", "confidence"), [(57, "server", "high"), (64, "network", "medium")])
def test_a_refusal_is_held_against_the_host_s_other_frames(ttl: int, by: str, confidence: str) -> None:
    from tests.support.sessions import report_of

    session = report_of(closed(greeted()), refused(ttl), ports=(22, 2222)).sessions[1]
    assert session.outcome == "refused"
    assert (session.close.by, session.close.confidence) == (by, confidence)
    assert [one.id for one in session.findings] == ["connection-refused"]


def test_a_refusal_without_its_syn_is_one() -> None:
    """Only one direction was captured, as on a switch port that mirrors one."""
    flow = Flow()
    flow.client.syn()
    flow.drop()
    flow.server.rst(seq=0, window=0)
    session = session_of(flow)
    assert (session.outcome, session.coverage.midstream, session.coverage.one_sided) == ("refused", False, "server")
    assert "a SYN that was not captured" in the(session, "connection-refused").summary
    assert session.verdict.cause == "connection-refused"


def test_a_refusal_alone_leaves_open_who_refused() -> None:
    flow = Flow()
    flow.client.syn()
    flow.server.rst(seq=0, window=0)
    session = session_of(flow)
    assert (session.close.by, session.close.confidence) == ("server", "medium")
    assert session.findings[0].confidence == "high", "that it was refused is certain"


# --- a worse capture --------------------------------------------------------------------------------------------------


def test_a_scan_whose_syn_was_not_captured_is_less_sure() -> None:
    flow = Flow()
    flow.client.syn()
    flow.drop()
    flow.server.syn_ack()
    flow.client.rst(flags=RST, window=0)
    (found,) = session_of(flow).findings
    assert (found.id, found.confidence) == ("half-open-scan", "medium")


def test_one_side_alone_proves_no_silence_of_the_other() -> None:
    flow = Flow()
    flow.client.syn()
    flow.client.acks()
    line = identification()
    flow.client.sends(line)
    again(flow, flow.client, line)
    assert "peer-vanished" not in findings_of(flow)


# --- what never reached the client is not answered by it --------------------------------------------------------------


def key_lost_on_the_way() -> Flow:
    """Seen at the server: its key exchange reply is sent again and again and never acknowledged; then the client, which
    has heard nothing, gives up."""
    flow = proposed()
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.acks()
    known = flow.server.isn + flow.server.next
    reply = packet(ecdh_reply(HOST_KEY, bytes(1039), SIGNATURE)) + packet(newkeys())
    flow.server.sends(reply)
    again(flow, flow.server, reply)
    flow.client.fin(ack=known)
    return flow


def test_a_key_that_never_arrived_is_not_refused() -> None:
    found = findings_of(key_lost_on_the_way())
    assert "host-key-not-accepted" not in found
    assert found[0] in ("path-mtu-black-hole", "dropped-midflow")


def test_a_key_that_was_refused_at_once_with_a_reset_need_not_be_acknowledged() -> None:
    flow = proposed()
    flow.client.sends(packet(ecdh_init(bytes(32))))
    known = flow.server.isn + flow.server.next
    flow.server.sends(packet(ecdh_reply(HOST_KEY, bytes(32), SIGNATURE)) + packet(newkeys()))
    flow.client.rst(ack=known)
    assert "host-key-not-accepted" in findings_of(flow)


# --- large segments of the server, as client, server and the middle see them ------------------------------------------


def proposal_lost_on_the_way(*, ttl: tuple[int, int] = (64, 57)) -> Flow:
    """The server's proposal, larger than all that it has sent, is repeated; the client is there, and gives up."""
    flow = greeted(Flow(ttl=ttl))
    flow.client.sends(packet(kexinit()))
    flow.server.acks()
    known = flow.server.isn + flow.server.next
    octets = long_proposal()[:1200]
    flow.server.sends(octets)
    again(flow, flow.server, octets)
    flow.client.fin(ack=known)
    return flow


def test_a_large_segment_that_is_all_there_is_to_lose() -> None:
    session = session_of(proposal_lost_on_the_way())
    found = the(session, "path-mtu-black-hole")
    assert (found.confidence, found.party) == ("medium", "network")
    assert "would look the same" in found.summary
    assert "dropped-midflow" not in [one.id for one in session.findings]


def test_with_a_small_one_lost_beside_it_the_direction_is_dead() -> None:
    flow = greeted()
    flow.client.sends(packet(kexinit()))
    flow.server.acks()
    known = flow.server.isn + flow.server.next
    octets, start = long_proposal(), flow.server.next - 1
    flow.server.sends(octets[:1200])
    flow.server.sends(octets[1200:1300])
    for pause in BACK_OFF:
        flow.wait(pause)
        flow.server.sends(octets[:1200], at=start)
    flow.client.fin(ack=known)
    session = session_of(flow)
    found = the(session, "dropped-midflow")
    # Captured at the client: whether its segments reach the server is not known.
    assert "while the way back works" not in found.summary
    assert "Whether what the client sends reaches the server is not in this capture." in found.summary


def test_a_transfer_that_stops_may_be_one_of_the_mtu() -> None:
    """Recorded at a server: full segments had got through before, and the router then drops them."""
    flow = encrypted()
    flow.server.sends(bytes(1448))
    flow.client.acks()
    known = flow.server.isn + flow.server.next
    flow.wait(3)
    flow.server.sends(bytes(1448))
    again(flow, flow.server, bytes(1448))
    flow.client.fin(ack=known)
    found = the(session_of(flow), "dropped-midflow")
    assert found.confidence == "medium"
    assert "nothing of the server is known to get through" in found.summary
    assert any("carries less than before" in cause for cause in found.causes)
    assert any((remedy.command or "").startswith("ping -M do") for remedy in found.remedies)


def hung_download(octets: int, *, seconds: float = 0, flow: Flow | None = None) -> Flow:
    """At the client: what the server sent did not come, its acknowledgements do, and tell by their numbers of it."""
    flow = flow or encrypted()
    known = flow.server.isn + flow.server.next
    flow.server.skips(octets)
    flow.wait(10)
    flow.client.sends(bytes(60), ack=known)
    flow.server.acks()
    if seconds:
        flow.wait(seconds)
        flow.client.sends(bytes(36), ack=known)
        flow.server.acks()
    flow.client.fin(ack=known)
    flow.server.acks()
    return flow


def test_a_download_that_hangs_seen_at_the_client() -> None:
    """Recorded with real ssh behind a router that drops what is larger than 1400 octets from then on."""
    session = session_of(hung_download(31_852))
    found = the(session, "path-mtu-black-hole")
    assert (found.severity, found.confidence, found.party) == ("error", "medium", "network")
    assert "Then 31,852 octets of the server" in found.summary
    (missing,) = session.tcp.missing
    assert missing.bytes[1] - missing.bytes[0] + 1 == 31_852
    assert f"(frame {missing.shown_by})" in found.summary


def test_a_listing_that_hangs_while_keys_are_typed() -> None:
    """One segment is enough, where TCP had the time to repeat it many times."""
    found = the(session_of(hung_download(1448, seconds=8)), "path-mtu-black-hole")
    assert found.confidence == "medium"
    assert "8.0 s later the client still asked for them." in found.summary


def test_large_segments_had_come_before() -> None:
    flow = encrypted()
    flow.server.sends(bytes(1448))
    flow.client.acks()
    found = the(session_of(hung_download(31_852, flow=flow)), "path-mtu-black-hole")
    assert "Segments of up to 1,448 octets had come before" in found.summary


@pytest.mark.parametrize(
    "flow",
    [
        hung_download(1448),
        hung_download(300, seconds=8),
        hung_download(1, seconds=8),
        # In the middle of the path a burst that has no copy yet says nothing of sizes.
        hung_download(31_852, flow=encrypted(Flow(ttl=(60, 60)))),
    ],
    ids=["on its way", "small", "a FIN", "far from the receiver"],
)
def test_what_is_missing_at_the_end_may_have_other_reasons(flow: Flow) -> None:
    assert "path-mtu-black-hole" not in findings_of(flow)


def test_octets_that_the_capture_lost_were_acknowledged() -> None:
    flow = encrypted()
    flow.server.skips(31_852)
    flow.wait(10)
    flow.client.sends(bytes(60))
    flow.server.acks()
    flow.client.fin()
    session = session_of(flow)
    assert session.tcp.missing == ()
    assert "path-mtu-black-hole" not in [one.id for one in session.findings]


def test_near_the_side_that_repeats_the_way_back_is_seen_to_work() -> None:
    flow = greeted(Flow(ttl=(57, 64)))
    flow.client.sends(packet(kexinit()))
    flow.server.acks()
    known = flow.server.isn + flow.server.next
    flow.server.sends(bytes(100))
    again(flow, flow.server, bytes(100))
    flow.client.fin(ack=known)
    assert "while the way back works" in the(session_of(flow), "dropped-midflow").summary


def test_a_reset_behind_the_close_of_its_own_side_had_not_ended_the_repetition() -> None:
    flow = proposal_lost_on_the_way()
    flow.server.fin()
    flow.client.rst(flags=RST, window=0)
    assert "path-mtu-black-hole" in findings_of(flow)


def test_a_hole_larger_than_all_that_came() -> None:
    """Seen at the client: the proposal came, the first segment of the reply did not, its small end did."""
    flow = proposed()
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.acks()
    known = flow.server.isn + flow.server.next
    reply = packet(ecdh_reply(HOST_KEY, bytes(2000), SIGNATURE)) + packet(newkeys())
    flow.server.sends(reply[:1448])
    flow.drop()
    flow.server.sends(reply[1448:1600])
    flow.client.acks(ack=known)
    flow.wait(8)
    flow.client.fin(ack=known)
    found = the(session_of(flow), "path-mtu-black-hole")
    assert (found.confidence, found.party) == ("medium", "network")


def test_a_small_hole_that_is_never_filled_is_no_decision_of_the_client() -> None:
    flow = proposed()
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.acks()
    known = flow.server.isn + flow.server.next
    reply = packet(ecdh_reply(HOST_KEY, bytes(32), SIGNATURE)) + packet(newkeys())
    flow.server.sends(reply[:100])
    flow.drop()
    flow.server.sends(reply[100:])
    flow.client.acks(ack=known)
    flow.wait(8)
    flow.client.fin(ack=known)
    session = session_of(flow)
    assert session.verdict.cause == "stalled"
    assert "lost, or held back" in session.verdict.summary


# --- what is slow: a program, the path, or TCP's opening --------------------------------------------------------------


def test_seconds_of_the_path_are_nobody_s_own() -> None:
    """A round trip of 6 s, SYN and SYN-ACK therefore repeated; every answer takes that long, also TCP's."""
    flow = Flow()
    flow.client.syn()
    for _ in range(3):
        flow.wait(2)
        flow.client.syn()
    flow.server.syn_ack()
    flow.client.acks()
    line, proposal, theirs = identification("OpenSSH_9.2p1"), packet(kexinit()), packet(server_kexinit())
    flow.client.sends(line)
    flow.wait(6)
    flow.server.acks()
    flow.server.sends(line)
    flow.client.acks()
    flow.client.sends(proposal)
    flow.wait(6)
    flow.server.sends(theirs)
    flow.client.acks()
    found = the(session_of(flow), "slow-handshake")
    assert (found.party, found.confidence) == ("network", "high")
    assert "that is the path, not a program" in found.summary
    assert "took that time itself" not in found.summary


def test_a_program_that_is_slow_on_a_slow_path_is_still_named() -> None:
    flow = Flow()
    flow.client.syn()
    flow.wait(1.5)
    flow.server.syn_ack()
    flow.client.acks()
    flow.client.sends(identification())
    flow.wait(1.5)
    flow.server.acks()
    flow.wait(8)
    flow.server.sends(identification())
    flow.client.acks()
    assert the(session_of(flow), "slow-handshake").party == "server"


def test_behind_a_repeated_opening_a_wait_may_be_tcp_s() -> None:
    """Recorded with 60 % loss: the client's next step was held back for 20 s by a lost acknowledgement (Nagle), and by
    a retransmission timer that the repeated SYN had made long."""
    flow = Flow(ttl=(64, 57))
    for _ in range(4):
        flow.client.syn()
        flow.wait(1)
    flow.server.syn_ack()
    flow.client.acks()
    line, proposal, theirs = identification("OpenSSH_9.2p1"), packet(kexinit()), packet(server_kexinit())
    flow.client.sends(line)
    flow.server.acks()
    flow.server.sends(line + theirs)
    flow.client.acks()
    flow.client.sends(proposal)  # its acknowledgement is lost
    flow.wait(20)
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.sends(packet(ecdh_reply(HOST_KEY, bytes(32), SIGNATURE)) + packet(newkeys()))
    found = the(session_of(flow), "slow-handshake")
    assert (found.party, found.confidence) == ("network", "medium")
    assert "so the client took that time itself" not in found.summary


def test_an_opening_that_took_seconds_is_told() -> None:
    flow = Flow()
    flow.client.syn()
    flow.wait(1)
    flow.client.syn()
    flow.wait(2)
    flow.client.syn()
    flow.server.syn_ack()
    flow.client.acks()
    flow.client.sends(identification())
    flow.server.acks()
    flow.server.sends(identification())
    flow.client.acks()
    found = the(session_of(flow), "slow-handshake")
    assert (found.severity, found.party) == ("info", "network")
    assert "the client asked 3 times (frames 1, 2, 3) and was answered once (frame 4)" in found.summary


def test_a_late_copy_that_was_answered_with_a_reset_had_arrived() -> None:
    flow = greeted()
    flow.client.sends(packet(kexinit()))
    flow.server.acks()
    known = flow.server.isn + flow.server.next
    flow.server.sends(bytes(100))
    again(flow, flow.server, bytes(100))
    flow.client.fin(ack=known)
    flow.server.sends(bytes(100), at=flow.server.next - 101)
    flow.client.rst(flags=RST, window=0)
    assert "dropped-midflow" not in findings_of(flow)


# --- outages that are over -------------------------------------------------------------------------------------------


def outage(flow: Flow) -> Flow:
    """The client's last octets get through after 6 s of repeating."""
    flow.client.sends(bytes(52))
    again(flow, flow.client, bytes(52))
    flow.server.acks()
    return flow


def test_an_outage_after_which_it_goes_on() -> None:
    flow = outage(encrypted())
    flow.server.sends(bytes(60))
    flow.client.acks()
    flow.client.sends(bytes(60))
    flow.client.fin()
    found = the(session_of(flow), "peer-vanished")
    assert (found.severity, found.party) == ("info", "unknown")
    assert "the connection went on" in found.summary


def test_where_nothing_follows_nothing_is_said_to_go_on() -> None:
    found = the(session_of(outage(encrypted())), "peer-vanished")
    assert found.severity == "info"
    assert "went on" not in found.summary


def test_who_had_given_up_in_the_outage_closes_as_soon_as_it_is_over() -> None:
    """Recorded: ssh had said "Timeout, server not responding"; its FIN waited behind what did not get through."""
    flow = outage(encrypted())
    flow.client.fin(bytes(104))
    flow.server.acks()
    session = session_of(flow)
    found = the(session, "peer-vanished")
    assert (found.severity, found.confidence) == ("warning", "medium")
    assert "had given up meanwhile" in found.summary
    assert session.verdict.cause == "peer-vanished"


def test_acknowledgements_that_come_by_before_the_copies_are_no_outage() -> None:
    """On a slow line, far from the sender: the copies stand in a queue, and what they repeat has long arrived."""
    flow = encrypted()
    flow.server.sends(bytes(100))
    flow.client.acks()
    again(flow, flow.server, bytes(100), (3, 3, 3))
    flow.client.sends(bytes(50))
    flow.server.sends(bytes(50))
    flow.server.fin()
    assert "got through only after" not in " ".join(one.title for one in session_of(flow).findings)


# --- answers that come too late, and captures that lose a side on the way ---------------------------------------------


def test_a_greeting_behind_the_client_s_close_was_not_heard() -> None:
    """Recorded: sshd was stopped, ssh left at its ConnectTimeout, and sshd greeted when it had gone on."""
    flow = Flow()
    flow.opens()
    flow.client.sends(identification("OpenSSH_9.2p1"))
    flow.server.acks()
    flow.wait(5)
    flow.client.fin()
    flow.server.sends(identification("OpenSSH_9.2p1"))
    flow.client.rst(flags=RST, window=0)
    session = session_of(flow)
    found = the(session, "server-silent")
    assert (session.verdict.cause, found.party) == ("server-silent", "server")
    assert "came when the client had left (frame 7)" in found.summary
    assert session.awaited is not None
    assert (session.awaited.party, session.awaited.what) == ("server", "its identification string")


def test_a_reply_behind_the_client_s_close_was_not_heard() -> None:
    flow = proposed()
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.acks()
    flow.wait(9)
    flow.client.fin()
    flow.server.sends(packet(ecdh_reply(HOST_KEY, bytes(32), SIGNATURE)) + packet(newkeys()))
    flow.client.rst(flags=RST, window=0)
    session = session_of(flow)
    assert session.verdict.cause == "stalled"
    assert "the key exchange reply of the server did not come" in session.verdict.summary


def test_what_crosses_a_quick_close_was_on_its_way() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(identification("OpenSSH_9.2p1"))
    flow.client.fin()
    flow.server.sends(identification("OpenSSH_9.2p1"))
    session = session_of(flow)
    assert session.awaited is not None
    assert session.awaited.what == "SSH_MSG_KEXINIT of either side"


def test_repetitions_of_the_opening_are_not_those_of_a_message() -> None:
    """Recorded with loss: seven SYNs, and a proposal that was sent once; it was told as sent seven times more."""
    flow = Flow()
    for _ in range(4):
        flow.client.syn()
        flow.wait(1)
    flow.server.syn_ack()
    flow.client.acks()
    flow.client.sends(identification("OpenSSH_9.2p1"))
    flow.server.acks()
    flow.server.sends(identification("OpenSSH_9.2p1") + packet(server_kexinit()))
    flow.client.acks()
    flow.client.sends(packet(kexinit()))
    flow.wait(9)
    flow.client.keep_alive()
    found = [one for one in session_of(flow).findings if one.id == "stalled"]
    assert not any("times more" in one.summary or one.confidence == "high" for one in found)


def test_neither_acknowledged_nor_sent_again_is_a_matter_of_the_capture() -> None:
    """The server's frames are missing from here on: its acknowledgements came, or the client would have repeated."""
    flow = greeted()
    flow.client.sends(packet(kexinit()))
    flow.wait(8)
    flow.client.fin()
    found = the(session_of(flow), "stalled")
    assert found.confidence == "medium"
    assert "probably missing in this capture" in found.summary


def test_repetitions_that_ended_unseen_prove_nothing() -> None:
    """The client's octets are sent again and again; then it acknowledges octets that the capture does not have, and
    goes on: the server's frames are missing, not its answers."""
    flow = proposed()
    octets = packet(ecdh_init(bytes(1000)))
    flow.client.sends(octets)
    again(flow, flow.client, octets)
    flow.server.skips(1500)
    flow.client.sends(packet(newkeys()))
    flow.wait(2)
    flow.client.sends(bytes(100))
    assert not {"dropped-midflow", "peer-vanished", "path-mtu-black-hole"} & set(findings_of(flow))


def test_who_acknowledges_what_was_not_captured_has_heard_it() -> None:
    """Recorded with the server's direction cut out from the middle on: its data still arrived, the client's did not."""
    flow = encrypted()
    flow.client.sends(bytes(52))
    for pause in BACK_OFF:
        flow.wait(pause)
        flow.server.skips(100)
        flow.client.acks()
        flow.client.sends(bytes(52), at=flow.client.next - 53)
    assert "peer-vanished" not in findings_of(flow)


def test_who_rejects_the_answer_to_the_syn_is_named() -> None:
    """Recorded at the server: a router answers its SYN-ACKs with ICMP; the client hears nothing."""
    flow = Flow()
    flow.client.syn()
    for _ in range(3):
        flow.server.syn_ack()
        flow.wait(1)
    frames = [encode(segment) for segment in flow.segments]
    answer = frames[1].octets[14:]
    told = ethernet(ipv4(icmp(3, 10, answer), ICMP, source="203.0.113.1", destination="203.0.113.7"))
    frames.append(frames[-1]._replace(number=5, time=flow.now, octets=told, original=len(told)))
    analyzer = Analyzer()
    analyzer.feed(block_of(frames))
    (session,) = analyzer.finish().sessions
    summary = the(session, "handshake-not-completed").summary
    assert "203.0.113.1 rejects it: host administratively prohibited (type 3 code 10)" in summary


def test_the_first_word_of_a_side_is_held_back_by_nothing() -> None:
    """One SYN was lost; the server then takes 10 s for its greeting, before which it has sent nothing."""
    flow = Flow()
    flow.client.syn()
    flow.wait(1)
    flow.client.syn()
    flow.server.syn_ack()
    flow.client.acks()
    flow.client.sends(identification())
    flow.server.acks()
    flow.wait(10)
    flow.server.sends(identification())
    flow.client.acks()
    found = the(session_of(flow), "slow-handshake")
    assert found.party == "server"
    assert "name resolution" in found.causes[0]


def test_a_program_that_takes_longer_than_a_slow_path_is_named() -> None:
    flow = Flow()
    flow.client.syn()
    flow.wait(3)
    flow.client.syn()
    flow.server.syn_ack()
    flow.client.acks()
    flow.client.sends(identification())
    flow.wait(3)
    flow.server.acks()
    flow.wait(30)
    flow.server.sends(identification())
    flow.client.acks()
    found = the(session_of(flow), "slow-handshake")
    assert found.party == "server"
