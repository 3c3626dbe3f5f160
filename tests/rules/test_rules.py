"""Every rule: made connections where it fires, and near misses where it must not."""

import pytest

from sshpcap.model import Session
from tests.support.sessions import closed, findings_of, greeted, proposed, session_of
from tests.support.sshbytes import disconnect, ecdh_init, ecdh_reply, identification, kexinit, newkeys, packet, string
from tests.support.wireflow import Flow

HOST_KEY = string("ssh-ed25519") + string(bytes(32))
SIGNATURE = string("ssh-ed25519") + string(bytes(64))


def shown_key(flow: Flow | None = None) -> Flow:
    """A handshake up to the server's NEWKEYS."""
    flow = proposed(flow)
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.sends(packet(ecdh_reply(HOST_KEY, bytes(32), SIGNATURE)) + packet(newkeys()))
    flow.client.acks()
    return flow


@pytest.mark.parametrize(
    ("lists", "finding"),
    [
        ({"kex_algorithms": "diffie-hellman-group1-sha1"}, "no-common-kex-algorithm"),
        ({"server_host_key_algorithms": "ssh-dss"}, "no-common-host-key-algorithm"),
        ({"encryption": "3des-cbc"}, "no-common-cipher"),
        ({"encryption_algorithms_server_to_client": "3des-cbc"}, "no-common-cipher"),
        ({"mac": "hmac-md5"}, "no-common-mac"),
        ({"compression": "zlib"}, "no-common-compression"),
    ],
)
def test_no_common_algorithm(lists: dict[str, str], finding: str) -> None:
    session = session_of(closed(proposed(server=lists)))
    assert [f.id for f in session.findings] == [finding]
    assert session.findings[0].confidence == "high"
    # Both proposals and the close are the evidence.
    assert [e.frame for e in session.findings[0].evidence] == [8, 10, 12]


def test_a_mac_is_not_missed_where_the_cipher_needs_none() -> None:
    gcm = {"encryption": "aes128-gcm@openssh.com"}
    flow = shown_key(proposed(client={**gcm, "mac": "hmac-md5"}, server={**gcm, "mac": "hmac-sha2-256"}))
    assert "no-common-mac" not in findings_of(closed(flow))


def test_all_failed_slots_are_found() -> None:
    lists = {
        "kex_algorithms": "a",
        "server_host_key_algorithms": "b",
        "encryption": "c",
        "mac": "d",
        "compression": "e",
    }
    found = findings_of(closed(proposed(server=lists)))
    assert found == [
        "no-common-kex-algorithm",
        "no-common-host-key-algorithm",
        "no-common-cipher",
        "no-common-mac",
        "no-common-compression",
    ]


def test_connection_refused() -> None:
    flow = Flow()
    flow.client.syn()
    flow.server.rst()
    session = session_of(flow)
    assert [f.id for f in session.findings] == ["connection-refused"]
    assert session.outcome == "refused"


def test_a_reset_after_the_handshake_is_no_refusal() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(identification())
    flow.server.rst()
    assert findings_of(flow) == ["server-closed-before-identification"]


def test_no_answer_to_syn() -> None:
    flow = Flow()
    for pause in (1, 2, 4):
        flow.client.syn()
        flow.wait(pause)
    session = session_of(flow)
    assert [f.id for f in session.findings] == ["no-answer-to-syn"]
    assert "3 times" in session.verdict.summary


def test_one_syn_at_the_end_of_a_capture_proves_little() -> None:
    flow = Flow()
    flow.client.syn()
    session = session_of(flow)
    assert session.outcome == "incomplete"
    assert all(f.confidence != "high" for f in session.findings if f.id == "no-answer-to-syn")


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("Exceeded MaxStartups\r\n", "max-startups"),
        ("Not allowed at this time\r\n", "not-allowed-at-this-time"),
        ("Too many connections.\r\n", "refused-before-identification"),
    ],
    ids=("max-startups", "not-allowed", "too-many"),
)
def test_refused_in_plain_text(text: str, finding: str) -> None:
    flow = Flow()
    flow.opens()
    flow.server.sends(text.encode())
    flow.server.fin()
    session = session_of(flow)
    assert [f.id for f in session.findings] == [finding]
    assert session.outcome == "refused"


def test_a_legal_line_before_the_identification_string_is_no_refusal() -> None:
    flow = greeted(server=b"Welcome, Exceeded MaxStartups is what I never say\r\n" + identification())
    assert not {"refused-before-identification", "max-startups"} & set(findings_of(closed(flow)))


def test_server_closed_before_identification_is_not_blamed_on_a_silent_client() -> None:
    flow = Flow()
    flow.opens()
    flow.server.fin()
    assert findings_of(flow) == ["server-closed-before-identification"]
    quick = Flow()
    quick.opens()
    quick.client.fin()
    assert findings_of(quick) == ["health-check-or-scan"]


@pytest.mark.parametrize(
    ("octets", "name", "finding"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP", "http-server"),
        (bytes.fromhex("15030300020246"), "TLS", "tls-server"),
        (b"220 mail.example.org ESMTP Postfix\r\n", "SMTP", "smtp-or-ftp-server"),
        (b"RFB 003.008\n", "VNC", "not-an-ssh-server"),
    ],
    ids=("http", "tls", "smtp", "vnc"),
)
def test_not_an_ssh_server(octets: bytes, name: str, finding: str) -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(identification())
    flow.server.sends(octets)
    flow.server.fin()
    session = session_of(flow)
    assert [f.id for f in session.findings] == [finding]
    assert name in session.verdict.summary


@pytest.mark.parametrize(
    ("octets", "name", "finding"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP", "http-client"),
        (bytes.fromhex("16030100c8010000c40303"), "TLS", "tls-client"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 22\r\nSSH-2.0-a\r\n", "PROXY", "proxy-header-unexpected"),
        (bytes.fromhex("0300000b06e00000000000"), "RDP", "not-an-ssh-client"),
    ],
    ids=("http", "tls", "proxy", "rdp"),
)
def test_not_an_ssh_client(octets: bytes, name: str, finding: str) -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(octets)
    flow.server.sends(identification() + b"Invalid SSH identification string.\r\n")
    flow.server.fin()
    session = session_of(flow)
    assert [f.id for f in session.findings] == [finding]
    assert name in session.verdict.summary


def test_protocol_version_mismatch() -> None:
    assert findings_of(closed(greeted(server=b"SSH-1.5-Cisco-1.25\r\n"))) == ["ssh1-only-server"]
    assert findings_of(closed(greeted(server=b"SSH-3.0-Next\r\n"))) == ["protocol-version-mismatch"]


def test_a_client_that_has_not_answered_yet_may_speak_ssh_1() -> None:
    """Of a real ssh1 client's connection the first frames alone: nothing tells that the versions do not fit."""
    flow = Flow()
    flow.opens()
    flow.server.sends(b"SSH-1.5-lab\r\n")
    assert "ssh1-only-server" not in findings_of(flow)
    flow.client.fin()
    (found,) = [f for f in session_of(flow).findings if f.id == "ssh1-only-server"]
    assert found.confidence == "medium"


def test_1_99_is_no_mismatch() -> None:
    assert findings_of(closed(greeted(server=b"SSH-1.99-Cisco-1.25\r\n"))) == ["closed-during-handshake"]


def test_host_key_not_accepted() -> None:
    session = session_of(closed(shown_key()))
    assert [f.id for f in session.findings] == ["host-key-not-accepted"]
    assert "not of a person" in session.verdict.summary


def test_a_person_takes_longer() -> None:
    flow = shown_key()
    flow.wait(4)
    assert "a person at a prompt" in session_of(closed(flow)).verdict.summary


def test_a_server_that_closes_after_its_key_is_not_the_client_refusing() -> None:
    assert findings_of(closed(shown_key(), by="server")) == ["closed-during-handshake"]


def test_host_key_accepted_is_no_finding() -> None:
    flow = shown_key()
    flow.client.sends(packet(newkeys()) + bytes(range(64)))
    session = session_of(closed(flow))
    assert session.outcome == "encrypted"
    assert [f.id for f in session.findings] == ["closed-during-login"]


def test_a_lost_newkeys_of_the_client_proves_nothing() -> None:
    flow = shown_key()
    flow.client.sends(packet(newkeys()))
    flow.drop()
    flow.server.acks()
    assert "host-key-not-accepted" not in findings_of(closed(flow))


def test_disconnect_message() -> None:
    flow = proposed()
    flow.server.sends(packet(disconnect(12, "Too many users")))
    session = session_of(closed(flow, by="server"))
    assert [f.id for f in session.findings] == ["disconnect-message"]
    assert "Too many users" in session.verdict.summary


def test_stalled_and_not_stalled() -> None:
    flow = proposed()
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.acks()
    flow.wait(20)
    session = session_of(closed(flow))
    assert [f.id for f in session.findings] == ["stalled"]
    assert session.findings[0].party == "server"
    quick = proposed()
    quick.client.sends(packet(ecdh_init(bytes(32))))
    assert "stalled" not in findings_of(closed(quick))


def _stands_still(lost: int) -> Session:
    """The server's answer, or its FIN, takes so many sequence numbers, and never comes by."""
    flow = proposed()
    start = flow.client.next - 1
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.acks()
    arrived = flow.server.isn + flow.server.next
    flow.server.skips(lost)
    flow.client.sends(packet(ecdh_init(bytes(32))), at=start, ack=arrived)
    flow.server.acks()
    flow.wait(20)
    flow.client.fin(ack=arrived)
    return session_of(flow)


def test_a_lost_fin_of_the_server_is_no_octet_that_was_not_acknowledged() -> None:
    session = _stands_still(1)
    assert (session.close.by, session.close.confidence) == ("server", "medium")
    (finding,) = session.findings
    assert (finding.id, finding.party) == ("closed-during-handshake", "server")
    assert "its FIN is not in the capture" in finding.summary
    assert "1 octet" not in finding.summary


def test_a_lost_answer_is_no_fin() -> None:
    (finding,) = _stands_still(300).findings
    assert finding.id == "stalled"
    assert "FIN that was lost" not in finding.summary


def test_what_is_sent_again_and_never_acknowledged_does_not_get_through() -> None:
    flow = greeted()
    start = flow.client.next - 1
    octets = packet(kexinit())
    for pause in (0.2, 0.4, 0.8, 1.6, 3.2):
        flow.client.sends(octets, at=start)
        flow.wait(pause)
    flow.client.sends(octets, at=start)
    session = session_of(flow)
    assert session.findings[0].id == "peer-vanished"
    assert session.findings[0].party == "unknown"


@pytest.mark.parametrize(
    ("seconds", "confidence"), [(120.4, "high"), (123.9, "high"), (30, "medium"), (2.9, "low"), (37, "low")]
)
def test_login_grace_time(seconds: float, confidence: str) -> None:
    flow = greeted()
    flow.wait(seconds)
    flow.server.fin()
    flow.client.fin()
    found = session_of(flow).findings
    assert [(f.id, f.confidence) for f in found] == [("login-grace-time", confidence)]
    killed = [number for number, cause in enumerate(found[0].causes) if "killed" in cause]
    assert killed == {"high": [], "medium": [4], "low": [0]}[confidence]


def _asked_about_the_key(seconds: float) -> Flow:
    """The server has shown its key and switched; the client's user thinks."""
    flow = shown_key()
    flow.wait(seconds)
    return flow


def test_patience_ends_while_the_user_looks_at_the_host_key() -> None:
    """LoginGraceTime ran out at the question; the answer came later: the client's NEWKEYS meets nobody."""
    flow = _asked_about_the_key(119.9)
    flow.server.fin()
    flow.client.acks()
    flow.wait(3)
    flow.client.sends(packet(newkeys()))
    flow.server.rst()
    session = session_of(flow)
    assert (session.outcome, session.stage, session.close.stage) == ("failed", "newkeys", "newkeys")
    assert session.authentication is None
    assert session.awaited is not None
    assert (session.awaited.party, session.awaited.what) == ("client", "SSH_MSG_NEWKEYS")
    (finding,) = [one for one in session.findings if one.severity == "error"]
    assert (finding.id, finding.confidence) == ("login-grace-time", "high")
    assert "SSH_MSG_NEWKEYS" in finding.summary


def test_a_server_that_closes_behind_the_clients_newkeys_was_encrypted() -> None:
    flow = _asked_about_the_key(3)
    flow.client.sends(packet(newkeys()))
    flow.server.fin()
    flow.client.fin()
    session = session_of(flow)
    assert (session.outcome, session.stage) == ("encrypted", "encrypted")
    assert "login-grace-time" not in [one.id for one in session.findings]


def test_incomplete_capture() -> None:
    session = session_of(proposed())
    assert [f.id for f in session.findings] == ["incomplete-capture"]
    assert session.outcome == "incomplete"


def test_midstream_ssh_on_port_22_is_not_judged() -> None:
    flow = Flow()
    for _ in range(5):
        flow.client.sends(bytes(range(7, 107)))
        flow.server.sends(bytes(range(90, 190)))
    flow.client.fin()
    session = session_of(flow)
    assert session.outcome == "incomplete"
    assert [f.id for f in session.findings] == ["incomplete-capture"]


def test_without_the_server_s_first_frames_it_is_not_said_that_it_said_nothing() -> None:
    """Recorded and thinned out: SYN-ACK and the server's text were lost to the capture, its FIN was not."""
    flow = Flow()
    flow.client.syn()
    flow.server.syn_ack()
    flow.drop()
    flow.client.acks()
    flow.drop()
    flow.server.sends(b"Exceeded MaxStartups\r\n")
    flow.drop()
    flow.server.fin()
    assert "server-closed-before-identification" not in findings_of(flow)


def test_a_wait_for_either_side_is_told_as_one() -> None:
    flow = greeted()
    flow.wait(120)
    summary = session_of(closed(flow, by="server")).verdict.summary
    assert "The client had to send SSH_MSG_KEXINIT of either side" not in summary
    assert "SSH_MSG_KEXINIT of either side did not come for 2 min" in summary


PROXY = b"PROXY TCP4 192.0.2.1 203.0.113.7 40000 22\r\n"
COMPLAINT = b"Invalid SSH identification string.\r\n"


def complained(*client: bytes) -> Flow:
    """A connection of which the SYNs were not captured, and sshd's complaint about its first line."""
    flow = Flow()
    flow.client.skips(0)
    flow.server.skips(0)
    for octets in client:
        flow.client.sends(octets)
    flow.server.acks()
    flow.server.sends(identification("OpenSSH_9.2p1"))
    flow.server.sends(COMPLAINT)
    flow.server.rst()
    return flow


def test_a_proxy_header_is_one_where_the_capture_began_late() -> None:
    session = session_of(complained(PROXY, identification("lab")))
    assert session.coverage.midstream
    finding = session.findings[0]
    assert (finding.id, finding.confidence, finding.party) == ("proxy-header-unexpected", "high", "client")
    assert "bad-packet-length" not in [one.id for one in session.findings]


def test_the_servers_complaint_alone_tells_less() -> None:
    """The header may have been sent before the capture began."""
    session = session_of(complained(identification("lab")))
    finding = session.findings[0]
    assert (finding.id, finding.confidence, finding.party) == ("proxy-header-unexpected", "low", "unknown")
    assert "before this capture began" in finding.summary
    assert "bad-packet-length" not in [one.id for one in session.findings]


def test_a_header_that_the_server_takes_is_none_too_many() -> None:
    flow = Flow()
    flow.client.skips(0)
    flow.server.skips(0)
    flow.client.sends(PROXY + identification("lab"))
    flow.server.sends(identification("OpenSSH_9.2p1"))
    assert "proxy-header-unexpected" not in findings_of(closed(flow))
