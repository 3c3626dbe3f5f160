"""Who waited for whom: a wait, whose step was missing, and how the one who waited left."""

import pytest

from sshpcap import limits
from sshpcap.analyzer import Analyzer
from sshpcap.model import Finding, Session
from tests.support.logins import CHACHA, Login, sealed
from tests.support.sessions import closed, findings_of, greeted, proposed, session_of
from tests.support.sshbytes import disconnect, ecdh_init, identification, kexinit, packet, server_kexinit
from tests.support.wireflow import Flow, block_of, encode

SHUTDOWN = packet(disconnect(11, "Shutdown"))
"""libssh2 and others say so whenever they leave, whatever the reason is."""


def the(session: Session, name: str) -> Finding:
    (finding,) = [one for one in session.findings if one.id == name]
    return finding


def asked() -> Flow:
    """The client has proposed; the server has not."""
    flow = greeted()
    flow.client.sends(packet(kexinit()))
    flow.server.acks()
    return flow


def opened() -> Flow:
    """The client has identified itself; the server has not."""
    flow = Flow()
    flow.opens()
    flow.client.sends(identification("OpenSSH_9.2p1"))
    flow.server.acks()
    return flow


def in_exchange() -> Flow:
    """The client has sent its part of the key exchange; the server has not."""
    flow = proposed()
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.acks()
    return flow


# --- SSH_MSG_DISCONNECT of one who gave up ---------------------------------------------------------------------------


def test_a_client_that_waited_for_the_proposal_gives_up_with_a_disconnect() -> None:
    flow = asked()
    flow.wait(3)
    flow.client.sends(SHUTDOWN)
    session = session_of(closed(flow))
    assert [one.id for one in session.findings] == ["server-sends-no-proposal"]
    assert "3.0 s" in session.verdict.summary
    assert '"Shutdown"' in session.verdict.summary
    assert session.awaited is not None
    assert (session.awaited.party, session.awaited.what) == ("server", "SSH_MSG_KEXINIT")


def test_a_server_that_hangs_in_the_key_exchange_is_named() -> None:
    flow = in_exchange()
    flow.wait(20)
    found = the(session_of(closed(flow)), "stalled")
    assert (found.confidence, found.party) == ("high", "server")


def lossy_before() -> Flow:
    """The client's identification string had to be sent twice."""
    flow = Flow()
    flow.opens()
    line = identification("OpenSSH_9.2p1")
    flow.client.sends(line)
    flow.wait(0.2)
    flow.client.sends(line, at=0)
    flow.server.acks()
    flow.server.sends(identification("OpenSSH_9.2p1") + packet(server_kexinit()))
    flow.client.sends(packet(kexinit()))
    flow.server.acks()
    return flow


def test_under_loss_a_step_that_did_not_come_may_have_been_lost() -> None:
    flow = lossy_before()
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.acks()
    flow.wait(20)
    found = the(session_of(closed(flow)), "stalled")
    assert (found.confidence, found.party) == ("medium", "server")
    assert "lost on the way" in found.summary


def test_under_loss_nobody_is_silent_who_may_not_have_been_asked() -> None:
    """Recorded with a path that loses six of ten: the client's last message is not acknowledged, and not repeated yet,
    as the timer stands at half a minute."""
    flow = lossy_before()
    known = flow.client.isn + flow.client.next
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.wait(20)
    flow.client.fin()
    flow.server.fin(ack=known)
    found = the(session_of(flow), "stalled")
    assert (found.confidence, found.party) == ("medium", "unknown")
    assert "may not have got through" in found.summary
    assert "times" not in found.summary


@pytest.mark.parametrize("by", ["client", "server"])
def test_a_client_that_waited_for_the_reply_gives_up_with_a_disconnect(by: str) -> None:
    """Whoever's FIN comes first: the server may close as soon as it reads the message."""
    flow = in_exchange()
    flow.wait(2.99)
    flow.client.sends(SHUTDOWN)
    session = session_of(closed(flow, by=by))
    assert [one.id for one in session.findings] == ["stalled"]
    assert session.findings[0].party == "server"
    assert '"Shutdown"' in session.verdict.summary


def test_a_disconnect_at_once_or_of_the_side_that_had_to_move_says_why_itself() -> None:
    at_once = in_exchange()
    at_once.client.sends(SHUTDOWN)
    assert findings_of(closed(at_once)) == ["disconnect-message"]
    late = in_exchange()
    late.wait(4)
    late.server.sends(packet(disconnect(12, "Too many users")))
    session = session_of(closed(late, by="server"))
    assert session.verdict.cause == "disconnect-message"
    assert the(session, "slow-handshake").party == "server"


def test_a_capture_of_one_direction_says_so_at_once() -> None:
    login = Login()
    login.succeeds()
    for flow in (login.ends(), closed(in_exchange())):
        mine = [segment for segment in flow.segments if segment.source == flow.client.endpoint]
        analyzer = Analyzer((22,))
        analyzer.feed(block_of(encode(segment) for segment in mine))
        (session,) = analyzer.finish().sessions
        assert "only the client's frames" in session.verdict.summary


# --- a FIN that was lost ---------------------------------------------------------------------------------------------


def closed_unseen(flow: Flow) -> Flow:
    """The server closes and the FIN is lost; the client waits on."""
    flow.server.fin()
    flow.drop()
    flow.server.acks()
    flow.wait(4)
    flow.client.fin(ack=(flow.server.isn + flow.server.next - 1) % (1 << 32))
    return flow


def test_a_number_behind_all_octets_is_that_of_a_fin() -> None:
    flow = closed_unseen(in_exchange())
    session = session_of(flow)
    assert session.tcp.server.unacknowledged == 0
    assert (session.close.how, session.close.by, session.close.frame) == ("fin", "server", flow.count - 1)
    assert session.verdict.cause == "closed-during-handshake"
    assert f"its FIN is not in the capture, but frame {flow.count - 1} tells of it" in session.verdict.summary
    assert any("lost on the way" in sentence for sentence in session.close.reasoning)
    assert [row.sender for row in session.timeline if row.kind == "fin-unseen"] == ["server"]


def test_a_fin_that_is_captured_when_it_is_sent_again_came_before_the_other_sides() -> None:
    flow = closed_unseen(in_exchange())
    flow.server.fin(seq=(flow.server.isn + flow.server.next - 1) % (1 << 32))
    close = session_of(flow).close
    assert (close.by, close.frame) == ("server", flow.count - 2)


def test_a_server_whose_fin_was_lost_is_not_stuck() -> None:
    for flow in (asked(), opened()):
        found = findings_of(closed_unseen(flow))
        assert not {"stalled", "server-silent", "server-sends-no-proposal"} & set(found)


def test_a_single_octet_that_was_not_acknowledged_is_one_octet() -> None:
    flow = in_exchange()
    flow.server.sends(b"\0")
    flow.wait(4)
    flow.client.fin(ack=(flow.server.isn + flow.server.next - 1) % (1 << 32))
    found = the(session_of(flow), "stalled")
    assert "1 octet of the server was not acknowledged" in found.summary
    assert not [row for row in session_of(flow).timeline if row.kind == "fin-unseen"]


# --- segments with payload that are lost -----------------------------------------------------------------------------


def unheard(*payloads: bytes) -> Flow:
    """The server's payloads, each sent by itself, are never acknowledged; nor all of them together, again and again."""
    flow = opened()
    start = flow.server.next - 1
    for payload in payloads:
        flow.wait(0.2)
        flow.server.sends(payload)
    for number in range(5):
        flow.wait(0.4 * 2**number)
        flow.server.sends(b"".join(payloads), at=start)
    flow.client.fin(ack=(flow.server.isn + 1) % (1 << 32))
    return flow


def test_a_small_segment_that_is_lost_as_well_is_no_mtu() -> None:
    """Recorded with a router that drops whatever has payload: the identification string is 41 octets."""
    proposal = packet(kexinit())
    found = findings_of(unheard(identification("OpenSSH_9.2p1"), proposal + bytes(600)))
    assert "path-mtu-black-hole" not in found
    assert "dropped-midflow" in found


def test_nothing_with_payload_came_by_from_a_server() -> None:
    """The same router, seen from the client: the server's acknowledgements stand behind its proposal."""
    flow = opened()
    flow.server.skips(1177)
    flow.server.acks()
    flow.wait(12)
    flow.client.fin(ack=(flow.server.isn + 1) % (1 << 32))
    found = the(session_of(flow), "identification-dropped")
    assert "nor did any other" in found.summary
    assert "later ones did" not in found.summary
    assert "nothing with payload" in found.causes[0]


def test_an_upload_of_which_only_small_segments_got_through_may_be_one_of_the_mtu() -> None:
    login = uploading()
    flow = login.flow
    login.says(flow.server, 100)
    at = flow.client.next - 1
    flow.client.sends(sealed(CHACHA, 1420))
    again = flow.segments[-1].payload
    for number in range(6):
        flow.wait(0.3 * 2**number)
        flow.client.sends(again, at=at)
    found = the(session_of(flow), "peer-vanished")
    largest = max(
        len(one.payload) for one in flow.segments if one.source == flow.client.endpoint and one.payload != again
    )
    assert len(again) > largest
    assert found.causes[0].startswith("a path MTU black hole")
    assert any("ping -M do" in (remedy.command or "") for remedy in found.remedies)


# --- a SYN-ACK that is lost ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("repeated", "sure"), [(4, True), (1, False), (0, False)])
def test_a_client_that_asks_again_after_the_answer_has_not_heard_it(repeated: int, sure: bool) -> None:
    """Recorded at a server behind a router that drops what it sends. A forged address would not ask again."""
    flow = Flow()
    flow.client.syn()
    flow.server.syn_ack()
    for number in range(4):
        flow.wait(1 << number)
        if number < repeated:
            flow.client.syn()
        flow.server.syn_ack()
    found = the(session_of(flow), "handshake-not-completed")
    assert ("asked again and again" in found.summary) == sure
    assert any("forged" in cause for cause in found.causes) != sure
    assert any(remedy.side == "server" for remedy in found.remedies) != sure


# --- a session that the server ends while the client sends -----------------------------------------------------------


def uploading() -> Login:
    """A login that succeeded, a channel in use, and a client that has just sent data."""
    login = Login()
    login.succeeds()
    login.says(login.flow.client, 1000)
    return login


@pytest.mark.parametrize("octets", [1000, 44], ids=["more of the upload", "its farewell"])
def test_a_client_that_sends_something_new_behind_the_servers_fin_had_not_asked_for_it(octets: int) -> None:
    """What closes as an answer to SSH_MSG_DISCONNECT has read the last that the client sends (RFC 4253 §11.1)."""
    login = uploading()
    login.flow.server.fin()
    login.says(login.flow.client, octets)
    login.flow.client.fin()
    found = the(session_of(login.flow), "session-ended-by-server")
    assert "sent more behind that" in found.summary
    assert any("damaged" in cause for cause in found.causes)


def test_a_server_that_has_read_all_may_have_been_asked_to_close() -> None:
    """Only a copy of what had been sent before comes behind its FIN."""
    login = uploading()
    flow = login.flow
    at = flow.client.next - 1
    farewell = sealed(CHACHA, 40)
    flow.client.sends(farewell)
    flow.server.fin()
    flow.client.sends(farewell, at=at)
    flow.client.fin()
    assert "session-ended-by-server" not in findings_of(flow)


def test_a_farewell_that_had_to_be_repeated_may_have_arrived_long_after_it_came_by() -> None:
    login = uploading()
    flow = login.flow
    at = flow.client.next - 1
    farewell = sealed(CHACHA, 40)
    flow.client.sends(farewell)
    for pause in (0.3, 0.6, 1.2):
        flow.wait(pause)
        flow.client.sends(farewell, at=at)
    flow.wait(2)
    flow.server.fin()
    flow.client.fin()
    assert "session-ended-by-server" not in findings_of(flow)


def test_a_farewell_that_was_captured_behind_the_fin_that_acknowledges_it_came_first() -> None:
    """Of a network card with several queues the capture may have the directions in the wrong order."""
    login = uploading()
    flow = login.flow
    login.says(flow.server, 1000)
    flow.wait(1)
    flow.client.sends(sealed(CHACHA, 40))
    farewell = flow.segments[-1]
    flow.drop()
    flow.server.fin()
    flow.put(farewell)
    flow.client.fin()
    session = session_of(flow)
    assert "session-ended-by-server" not in [one.id for one in session.findings]
    assert not [row for row in session.timeline if row.kind == "behind-close"]


@pytest.mark.parametrize(("more", "found"), [(True, True), (False, False)])
def test_a_long_upload_is_told_of_as_a_short_one(more: bool, found: bool) -> None:
    """Most of its segments are only counted; what it sends behind the FIN pushes out nothing that came before."""
    login = uploading()
    for _ in range(limits.QUIET_AFTER_EVENTS):
        login.says(login.flow.client, 1000)
    login.flow.server.fin()
    for _ in range(2 * limits.LAST_DATA if more else 0):
        login.says(login.flow.client, 1000)
    login.flow.client.fin()
    session = session_of(login.flow)
    assert ("session-ended-by-server" in [one.id for one in session.findings]) == found
    assert {one.sender for one in session.unanswered} == {"client"}
