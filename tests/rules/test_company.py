"""What several connections to one server tell together."""

from sshpcap.model import Finding, Session
from tests.support.sessions import closed, greeted, report_of
from tests.support.sshbytes import (
    ecdh_init,
    ecdh_reply,
    ed25519_key,
    identification,
    kexinit,
    newkeys,
    packet,
    server_kexinit,
    signature,
)
from tests.support.wireflow import SECOND, Flow

ONE, OTHER = ed25519_key(), ed25519_key(bytes(32))


def at(second: int, port: int, *, server: str = "203.0.113.7", client: str = "192.0.2.10") -> Flow:
    """A flow of its own, later than those before."""
    flow = Flow(ports=(port, 22), server=server, client=client)
    flow.now += second * SECOND
    return flow


def showing(flow: Flow, key: bytes) -> Flow:
    """A complete handshake with this host key, and encrypted octets behind it."""
    flow = greeted(flow)
    flow.client.sends(packet(kexinit()))
    flow.server.sends(packet(server_kexinit()))
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.sends(packet(ecdh_reply(key, bytes(32), signature())) + packet(newkeys()))
    flow.client.sends(packet(newkeys()) + bytes(range(200)))
    return closed(flow)


def bare(flow: Flow) -> Flow:
    """Accepted, and closed by the server without an octet."""
    flow.opens()
    flow.server.fin()
    flow.client.fin()
    return flow


def refused(flow: Flow) -> Flow:
    """Turned away with OpenSSH's words."""
    flow.opens()
    flow.client.sends(identification())
    flow.server.sends(b"Not allowed at this time\r\n")
    return closed(flow, by="server")


def of(session: Session, id: str) -> Finding:
    (finding,) = [finding for finding in session.findings if finding.id == id]
    return finding


def numbered(*flows: Flow) -> list[Session]:
    """The sessions of flows in one capture."""
    return list(report_of(*flows).sessions)


def test_two_keys_of_one_address() -> None:
    first, second = numbered(showing(at(0, 40001), ONE), showing(at(5, 40002), OTHER))
    for session, other in ((first, second), (second, first)):
        finding = of(session, "host-key-differs")
        assert finding.confidence == "high"
        assert other.host_key is not None
        assert other.host_key.sha256 in finding.summary
        assert session.verdict.cause == "host-key-differs"


def test_the_same_key_and_keys_of_other_addresses_are_no_finding() -> None:
    sessions = numbered(
        showing(at(0, 40001), ONE), showing(at(5, 40002), ONE), showing(at(9, 40003, server="203.0.113.8"), OTHER)
    )
    assert not [f for session in sessions for f in session.findings if f.id == "host-key-differs"]


def test_a_close_that_hits_some_connections_only() -> None:
    _, closed_one = numbered(showing(at(0, 40001), ONE), bare(at(5, 40002)))
    finding = of(closed_one, "server-closed-before-identification")
    assert "Of 2 connections to this server in the capture 1 got its identification string" in finding.summary
    assert "limit" in finding.causes[0]
    assert closed_one.verdict.summary == finding.summary


def test_a_close_that_hits_every_connection() -> None:
    for session in numbered(bare(at(0, 40001)), bare(at(5, 40002))):
        finding = of(session, "server-closed-before-identification")
        assert "None of 2 connections to this server" in finding.summary


def test_one_connection_alone_says_nothing_of_others() -> None:
    (session,) = numbered(bare(at(0, 40001)))
    assert "connections to this server" not in session.verdict.summary


def test_a_refusal_after_a_failure_speaks_for_a_penalty() -> None:
    failed = closed(greeted(at(0, 40001)))
    _, session = numbered(failed, refused(at(5, 40002)))
    finding = of(session, "not-allowed-at-this-time")
    assert "speaks for a penalty" in finding.summary
    assert "PerSourcePenalties" in finding.causes[0]
    assert "the text does not tell which" in finding.summary


def test_a_refusal_before_a_success_speaks_for_a_limit() -> None:
    session, _ = numbered(refused(at(0, 40001)), showing(at(5, 40002), ONE))
    finding = of(session, "not-allowed-at-this-time")
    assert "connection 2, after it" in finding.summary
    assert "(MaxStartups)" in finding.causes[0]


def test_another_clients_success_says_nothing_of_this_one() -> None:
    session, _ = numbered(refused(at(0, 40001)), showing(at(5, 40002, client="192.0.2.99"), ONE))
    assert "speaks for" not in of(session, "not-allowed-at-this-time").summary


def asking(flow: Flow) -> Flow:
    """A SYN, again after a second, and nothing."""
    flow.client.syn()
    flow.wait(1)
    flow.client.syn()
    flow.wait(2)
    return flow


def _unanswered(*flows: Flow) -> Finding:
    (finding,) = (f for s in report_of(*flows).sessions for f in s.findings if f.id == "no-answer-to-syn")
    return finding


def test_a_syn_without_an_answer_is_told_with_what_the_server_accepted() -> None:
    alone = _unanswered(asking(at(0, 4000)))
    assert "accepted" not in alone.summary
    assert any("address is wrong" in cause for cause in alone.causes)

    later = _unanswered(asking(at(0, 4000)), closed(greeted(at(20, 4001))))
    assert "accepted this client's connection 2, after it" in later.summary
    assert "accept queue" in later.causes[0]

    earlier = _unanswered(closed(greeted(at(0, 4000))), asking(at(20, 4001)))
    assert "had accepted this client's connection 1, before it" in earlier.summary
    assert "ban" in earlier.causes[0]

    other = _unanswered(closed(greeted(at(0, 4000, client="192.0.2.99"))), asking(at(20, 4001)))
    assert "accepted connection 1, of another client, before it" in other.summary
    assert "firewall" in other.causes[0]

    for finding in (later, earlier, other):
        assert not any("address is wrong" in cause for cause in finding.causes)
        assert finding.confidence == "high"


def test_a_server_on_another_port_tells_nothing_of_a_syn_without_an_answer() -> None:
    elsewhere = Flow(ports=(4000, 2222), server="203.0.113.7", client="192.0.2.10")
    assert "accepted" not in _unanswered(closed(greeted(elsewhere)), asking(at(20, 4001))).summary
