"""From the accepted connection to both identification strings: where each finding fires, and what is only near."""

import pytest

from tests.support.sessions import closed, findings_of, greeted, proposed, session_of
from tests.support.sshbytes import identification, kexinit, packet, server_kexinit
from tests.support.wireflow import Flow

HELLO = identification("OpenSSH_9.2p1")
COMPLAINT = b"Invalid SSH identification string.\r\n"


def opened(*, client: bytes | None = HELLO) -> Flow:
    """An open connection in which only the client has spoken."""
    flow = Flow()
    flow.opens()
    if client is not None:
        flow.client.sends(client)
        flow.server.acks()
    return flow


def answered(octets: bytes, *, by: str = "server") -> Flow:
    """The server sent these octets instead of an identification string, and one side closed."""
    flow = opened()
    flow.server.sends(octets)
    return closed(flow, by=by)


# --- refusals --------------------------------------------------------------------------------------------------------


def test_the_text_does_not_tell_a_penalty_from_a_limit() -> None:
    (finding,) = session_of(answered(b"Not allowed at this time\r\n")).findings
    assert finding.confidence == "high"
    assert "the text does not tell which" in finding.summary
    assert any("PerSourcePenalties" in cause for cause in finding.causes)
    assert any("MaxStartups" in cause for cause in finding.causes)
    assert any(remedy.command == "PerSourcePenaltyExemptList 192.0.2.0/24" for remedy in finding.remedies)


def test_a_refusal_behind_an_identification_string_is_none() -> None:
    flow = greeted()
    flow.server.sends(b"Exceeded MaxStartups\r\n")
    assert "max-startups" not in findings_of(closed(flow, by="server"))


# --- other services --------------------------------------------------------------------------------------------------


def test_an_http_server_names_itself() -> None:
    page = b"HTTP/1.1 400 Bad Request\r\nServer: nginx/1.24.0\r\n\r\n"
    session = session_of(answered(page))
    assert "nginx/1.24.0" in session.verdict.summary
    commands = [remedy.command or "" for remedy in session.findings[0].remedies]
    assert any("nc -X connect" in command for command in commands)


def test_http_in_front_of_an_identification_string_is_a_proxy_that_let_it_through() -> None:
    flow = greeted(server=b"HTTP/1.1 200 Connection established\r\n\r\n" + HELLO)
    assert "http-server" not in findings_of(closed(flow))


def test_what_smtp_says_to_the_clients_line_is_told() -> None:
    session = session_of(answered(b"220 mail ESMTP\r\n502 5.5.2 Error: command not recognized\r\n"))
    assert session.findings[0].id == "smtp-or-ftp-server"
    assert "502 5.5.2" in session.verdict.summary


def test_220_alone_is_smtp_or_ftp_with_less_confidence() -> None:
    assert session_of(answered(b"220 ready\r\n")).findings[0].confidence == "medium"


@pytest.mark.parametrize(("count", "confidence"), [(3, "medium"), (12, "high")])
def test_tarpit(count: int, confidence: str) -> None:
    flow = opened()
    for number in range(count):
        flow.wait(10)
        flow.server.sends(b"%x{~\r\n" % (number * 7919))
        flow.client.acks()
    (finding,) = session_of(closed(flow)).findings
    assert (finding.id, finding.confidence) == ("tarpit", confidence)


def test_a_long_welcome_is_no_tarpit() -> None:
    lines = b"".join(b"welcome %d\r\n" % number for number in range(20))
    assert "tarpit" not in findings_of(closed(greeted(server=lines + HELLO)))
    # All at once and cut off: what it is, is not known.
    assert findings_of(answered(lines)) == ["not-an-ssh-server"]


def test_a_tarpit_that_may_yet_greet_is_not_named_too_early() -> None:
    flow = opened()
    for _ in range(4):
        flow.server.sends(b"line\r\n")
    assert "tarpit" not in findings_of(flow)


# --- other clients ---------------------------------------------------------------------------------------------------


def test_a_proxy_header_behind_the_capture_point_is_inferred_from_the_answer() -> None:
    flow = greeted()
    flow.client.sends(packet(kexinit()))
    flow.server.sends(COMPLAINT)
    (finding,) = session_of(closed(flow, by="server")).findings
    assert (finding.id, finding.confidence, finding.party) == ("proxy-header-unexpected", "medium", "network")
    assert "Bad packet length 1231976033." in finding.expected_messages["openssh_client"]
    assert '"Inva" read as a length' in finding.summary


def test_a_complaint_about_a_bad_line_is_no_proxy_header() -> None:
    flow = greeted(client=b"SSH-2.0-a\0b\r\n")
    flow.server.sends(COMPLAINT)
    (finding,) = session_of(closed(flow, by="server")).findings
    assert (finding.id, finding.confidence) == ("malformed-identification", "high")


def test_a_proxy_header_that_the_server_understands_is_no_finding() -> None:
    flow = proposed(greeted_with_header())
    assert "proxy-header-unexpected" not in findings_of(closed(flow))


def greeted_with_header() -> Flow:
    """A flow whose client octets begin with a PROXY header; `proposed` goes on from there."""

    class Headed(Flow):
        def opens(self) -> None:
            super().opens()
            self.client.sends(b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 22\r\n")

    return Headed()


def test_http_connect_to_sshd_is_a_client_that_looks_for_a_proxy() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(b"CONNECT example.org:443 HTTP/1.1\r\n\r\n")
    flow.server.sends(HELLO + COMPLAINT)
    (finding,) = session_of(closed(flow, by="server")).findings
    assert finding.id == "http-client"
    assert "HTTP proxy" in finding.causes[0]


# --- versions and identification strings ----------------------------------------------------------------------------


def test_an_ssh1_client_and_a_server_that_says_so() -> None:
    flow = greeted(client=b"SSH-1.5-Old\n")
    flow.server.sends(b"Protocol major versions differ.\r\n")
    (finding,) = session_of(closed(flow, by="server")).findings
    assert (finding.id, finding.party) == ("ssh1-only-client", "client")
    assert "Protocol major versions differ." in finding.summary


@pytest.mark.parametrize("server", [b"SSH-1.5-Old\n", b"SSH-1.99-Both\r\n"], ids=("both-1", "server-1.99"))
def test_versions_that_fit_are_no_mismatch(server: bytes) -> None:
    found = findings_of(closed(greeted(client=b"SSH-1.5-Old\n", server=server)))
    assert not {"ssh1-only-client", "ssh1-only-server", "protocol-version-mismatch"} & set(found)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"SSH-abc-foo\r\n", "no number"),
        (b"SSH-2.0\r\n", "second '-'"),
        (b"SSH-2.0-nul\0here\r\n", "NUL"),
        (b"SSH-2.0-cr\rhere\r\n", "CR"),
    ],
    ids=("version", "dash", "nul", "cr"),
)
def test_malformed_identification(line: bytes, what: str) -> None:
    (finding,) = session_of(closed(greeted(server=line))).findings
    assert finding.id == "malformed-identification"
    assert what in finding.summary


def test_a_malformed_line_that_the_reader_forgave_is_no_reason() -> None:
    flow = greeted(server=b"SSH-2.0-nul\0here\r\n")
    flow.client.sends(packet(kexinit()))
    assert "malformed-identification" not in findings_of(closed(flow))
    # The side that sent it closed: nobody objected.
    assert "malformed-identification" not in findings_of(closed(greeted(server=b"SSH-2.0-a\0b\r\n"), by="server"))


def test_a_line_without_an_end() -> None:
    (finding,) = session_of(answered(b"SSH-2.0-NoNewline")).findings
    assert (finding.id, finding.confidence) == ("malformed-identification", "high")
    assert "no end" in finding.summary


def test_a_line_whose_end_may_come_is_not_judged() -> None:
    flow = opened()
    flow.server.sends(b"SSH-2.0-NoNewline")
    assert "malformed-identification" not in findings_of(flow)


@pytest.mark.parametrize(("length", "client", "confidence"), [(300, "OpenSSH_7.4", "high"), (300, "Unknown", "medium")])
def test_identification_too_long(length: int, client: str, confidence: str) -> None:
    line = b"SSH-2.0-" + b"A" * length + b"\r\n"
    (finding,) = session_of(closed(greeted(client=identification(client), server=line))).findings
    assert (finding.id, finding.confidence) == ("identification-too-long", confidence)


def test_a_long_line_that_openssh_takes_since_8_is_no_sure_reason() -> None:
    line = b"SSH-2.0-" + b"A" * 300 + b"\r\n"
    (finding,) = session_of(closed(greeted(server=line))).findings
    assert finding.confidence == "medium"
    flow = greeted(server=line)
    flow.client.sends(packet(kexinit()))
    assert "identification-too-long" not in findings_of(closed(flow))


def test_255_octets_are_allowed() -> None:
    line = b"SSH-2.0-" + b"A" * 245 + b"\r\n"
    assert len(line) == 255
    assert "identification-too-long" not in findings_of(closed(greeted(server=line)))


def test_dropbears_number_for_a_long_line() -> None:
    line = b"SSH-2.0-" + b"A" * 300 + b"\r\n"
    session = session_of(closed(greeted(client=identification("dropbear_2022.83"), server=line)))
    assert session.findings[0].expected_messages["dropbear"] == "Integrity error (bad packet size 1094795589)"


# --- silence and closes before the identification string ----------------------------------------------------------


def test_server_silent() -> None:
    flow = opened()
    flow.wait(10)
    (finding,) = session_of(closed(flow)).findings
    assert (finding.id, finding.confidence, finding.party) == ("server-silent", "high", "server")


def test_a_server_that_never_had_the_clients_line_is_not_called_silent() -> None:
    flow = Flow()
    flow.opens()
    for pause in (0.2, 0.4, 0.8, 1.6, 3.2):
        flow.client.sends(HELLO, at=0)
        flow.wait(pause)
    assert "server-silent" not in findings_of(closed(flow))
    once = Flow()
    once.opens()
    once.client.sends(HELLO)
    once.wait(10)
    once.client.fin()
    assert "server-silent" not in findings_of(once)


def test_a_server_that_was_asked_for_a_moment_only_is_not_called_silent() -> None:
    flow = opened()
    flow.wait(1)
    assert "server-silent" not in findings_of(closed(flow))


def test_server_sends_no_proposal() -> None:
    flow = greeted()
    flow.client.sends(packet(kexinit()))
    flow.server.acks()
    flow.wait(15)
    (finding,) = session_of(closed(flow)).findings
    assert (finding.id, finding.party, finding.confidence) == ("server-sends-no-proposal", "server", "high")


def test_a_proposal_that_may_have_been_lost_on_the_way() -> None:
    flow = greeted()
    flow.client.sends(packet(kexinit()))
    flow.server.acks()
    flow.wait(15)
    flow.client.fin()
    (finding,) = session_of(flow).findings
    assert (finding.id, finding.confidence) == ("server-sends-no-proposal", "medium")


def test_a_proposal_that_did_not_arrive_is_not_the_servers_silence() -> None:
    flow = greeted()
    flow.client.sends(packet(kexinit()))
    flow.wait(15)
    flow.client.fin()
    assert "server-sends-no-proposal" not in findings_of(flow)


@pytest.mark.parametrize(
    ("seconds", "cause"),
    [(0.0005, "listener"), (0.02, "child"), (3.0, "HAProxy"), (5.02, "name resolution"), (10.05, "name resolution")],
)
def test_the_delay_ranks_the_causes_of_a_bare_close(seconds: float, cause: str) -> None:
    flow = Flow()
    flow.opens()
    flow.wait(seconds)
    flow.server.fin()
    (finding,) = session_of(flow).findings
    assert finding.id == "server-closed-before-identification"
    assert cause in finding.causes[0]
    assert "ssh-keygen -A && systemctl restart ssh" in [remedy.command for remedy in finding.remedies]


@pytest.mark.parametrize(("seconds", "finding"), [(0.0, "health-check-or-scan"), (6.0, None)])
def test_a_client_without_a_word(seconds: float, finding: str | None) -> None:
    flow = Flow()
    flow.opens()
    flow.server.sends(HELLO)
    flow.client.acks()
    flow.wait(seconds)
    (found,) = session_of(closed(flow)).findings
    assert found.id == (finding or "client-closed-before-identification")
    assert found.severity == "warning"


def test_a_client_that_identified_itself_is_no_health_check() -> None:
    assert "health-check-or-scan" not in findings_of(closed(greeted()))


def test_both_silent_may_have_waited_for_each_other() -> None:
    flow = Flow()
    flow.opens()
    flow.wait(7)
    (finding,) = session_of(closed(flow)).findings
    assert (finding.id, finding.confidence) == ("client-closed-before-identification", "medium")
    assert "sslh" in finding.causes[0]


# --- behind an HTTP proxy --------------------------------------------------------------------------------------------


def proxied(answer: bytes, *then: bytes) -> Flow:
    """The client asked an HTTP proxy for the server, and identified itself; then these octets came, and the end."""
    flow = Flow()
    flow.opens()
    flow.client.sends(b"CONNECT ssh.example.org:22 HTTP/1.1\r\n\r\n")
    flow.server.sends(answer)
    flow.client.sends(HELLO)
    for octets in then:
        flow.server.sends(octets)
    return closed(flow, by="server")


def test_a_refusal_behind_an_http_proxy_is_the_servers() -> None:
    session = session_of(proxied(b"HTTP/1.1 200 Connection established\r\n\r\n", b"Exceeded MaxStartups\r\n"))
    (finding,) = session.findings
    assert (session.outcome, finding.id) == ("refused", "max-startups")
    assert finding.evidence[0].frame == 7


def test_a_server_behind_an_http_proxy_that_says_nothing_is_no_web_server() -> None:
    session = session_of(proxied(b"HTTP/1.1 200 Connection established\r\n\r\n"))
    assert session.outcome != "not_ssh"
    assert "http-server" not in {finding.id for finding in session.findings}


def test_an_http_proxy_that_refuses_is_one() -> None:
    (finding,) = session_of(proxied(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")).findings
    assert finding.id == "http-server"


def test_http_connect_whose_answer_is_lost_is_no_client_of_another_protocol() -> None:
    """The property of tests/test_frame_removal.py found it: the proxy's consent was the frame that was missing."""
    flow = Flow()
    flow.opens()
    flow.client.sends(b"CONNECT ssh.example.org:22 HTTP/1.1\r\n\r\n")
    flow.server.sends(b"HTTP/1.1 200 Connection established\r\n\r\n")
    flow.drop()
    flow.client.sends(HELLO)
    flow.server.sends(b"Exceeded MaxStartups\r\n")
    assert "http-client" not in findings_of(closed(flow, by="server"))


def test_a_lost_identification_string_behind_a_proxy_header_is_no_other_protocol() -> None:
    """The frame with the identification string and the proposal is missing; the key exchange is there."""
    flow = Flow()
    flow.opens()
    flow.client.sends(b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 22\r\n")
    flow.client.sends(HELLO + packet(kexinit()))
    flow.drop()
    flow.server.sends(HELLO + packet(server_kexinit()))
    flow.client.sends(packet(b"\x1e" + (32).to_bytes(4, "big") + bytes(32)))
    flow.server.sends(packet(b"\x1f" + bytes(40)))
    session = session_of(closed(flow, by="client"))
    assert session.stage in ("kex", "newkeys")
    assert session.outcome != "not_ssh"
