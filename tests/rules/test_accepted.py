"""From the accepted connection to both identification strings: where each finding fires, and what is only near."""

import pytest

from sshpcap.model import Session
from tests.support.sessions import closed, findings_of, greeted, proposed, session_of
from tests.support.sshbytes import disconnect, ecdh_init, identification, kexinit, packet, server_kexinit
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


SESSIONS = b"Sorry, the maximum number of sessions are active. Try again later.\r\n"
ONLINE = b"\r\nError: The number of online users has reached the upper limit.\r\n"


@pytest.mark.parametrize("text", [SESSIONS, ONLINE, b"\r\n \r\n" + SESSIONS], ids=("procurve", "huawei", "blanks"))
def test_a_device_without_a_free_session_refuses(text: bytes) -> None:
    """Texts of switches: blank lines in front of them say nothing."""
    session = session_of(answered(text))
    (finding,) = session.findings
    assert (finding.id, finding.confidence, session.outcome) == ("refused-before-identification", "high", "refused")
    assert f'"{text.decode().strip()}"' in finding.summary
    assert "as many sessions as it allows" in finding.summary
    assert not any("access list" in cause for cause in finding.causes)
    assert not any("journalctl" in (remedy.command or "") for remedy in finding.remedies)
    assert "sshd_log" not in finding.expected_messages


def test_an_access_list_refuses_by_address() -> None:
    (finding,) = session_of(answered(b"You are not allowed to connect\r\n")).findings
    assert finding.id == "refused-before-identification"
    assert "access list" in finding.causes[0]
    assert finding.expected_messages["sshd_log"] == "refused connect from 192.0.2.10"


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (b"421 Maximum number of connections reached\r\n", "not-an-ssh-server"),
        (b"Welcome! The maximum number of guesses is 3\r\n", "not-an-ssh-server"),
        (SESSIONS + HELLO, None),
        (b"\r\nHTTP/1.1 400 Bad Request\r\n\r\n", "http-server"),
        (b"\r\n", "not-an-ssh-server"),
    ],
    ids=("ftp", "other-words", "greeted-all-the-same", "http-behind-a-blank", "blank-alone"),
)
def test_texts_that_are_no_refusal(text: bytes, finding: str | None) -> None:
    found = findings_of(answered(text))
    assert "refused-before-identification" not in found
    assert finding is None or found == [finding]


# --- a server that cannot start ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "quoted", "command"),
    [
        (
            b"command-line: line 0: Bad configuration option: Nonsense\r\n",
            "Bad configuration option: Nonsense",
            "sshd -t",
        ),
        (
            b"Unable to load host key: /nowhere\r\nsshd: no hostkeys available -- exiting.\r\n",
            '"sshd: no hostkeys available -- exiting."',
            "ssh-keygen -A && systemctl restart ssh",
        ),
        (b"Missing privilege separation directory: /run/sshd\r\n", "/run/sshd", "mkdir -p /run/sshd"),
        (b"sh: 1: /usr/local/sbin/sshd: not found\n", "/usr/local/sbin/sshd: not found", ""),
    ],
    ids=("option", "host-keys", "directory", "program"),
)
def test_what_sshd_says_when_it_cannot_start(text: bytes, quoted: str, command: str) -> None:
    """Recorded with OpenSSH 9.2 under inetd, `sshd -i -e`; the last text is the shell's."""
    session = session_of(answered(text))
    (finding,) = session.findings
    assert finding.id == "server-closed-before-identification"
    assert (finding.confidence, finding.party, session.outcome) == ("high", "server", "failed")
    assert quoted in finding.summary
    assert "not in the capture" not in finding.summary
    assert len(finding.causes) == 1
    assert any(command in (remedy.command or "") for remedy in finding.remedies)
    assert all(remedy.side == "server" for remedy in finding.remedies)
    assert not any("log" in program for program in finding.expected_messages)


def test_a_complaint_of_a_server_that_starts_all_the_same_is_no_reason() -> None:
    """One host key of three is missing: sshd says so, and goes on."""
    flow = greeted(server=b"Unable to load host key: /nowhere\r\n" + HELLO)
    assert "server-closed-before-identification" not in findings_of(closed(flow))
    flow = opened()
    flow.server.sends(b"Unable to load host key: /nowhere\r\n")
    assert not {"server-closed-before-identification", "not-an-ssh-server"} & set(findings_of(flow))


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


def test_who_waits_for_the_end_of_a_line_says_that_the_time_is_over() -> None:
    """Recorded with a server that sends "SSH-2.0-mpSSH_0.2.1" and CR alone: ssh -o ConnectTimeout=5."""
    flow = opened()
    flow.server.sends(b"SSH-2.0-mpSSH_0.2.1\r")
    flow.wait(5)
    (finding,) = session_of(closed(flow)).findings
    assert finding.id == "malformed-identification"
    said = finding.expected_messages["openssh_client_with_connect_timeout"]
    assert said == "Connection timed out during banner exchange / Connection to 203.0.113.7 port 22 timed out"
    assert not any("closed by remote host" in text for text in finding.expected_messages.values())


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


def took_leave(flow: Flow, code: int, text: str) -> Session:
    """As libssh2 1.10 in curl does after --connect-timeout."""
    flow.server.acks()
    flow.wait(3)
    flow.client.sends(packet(disconnect(code, text)))
    return session_of(closed(flow))


def test_a_client_that_waited_and_takes_leave_has_no_part_in_it() -> None:
    flow = greeted()
    flow.client.sends(packet(kexinit()))
    session = took_leave(flow, 11, "Shutdown")
    (finding,) = session.findings
    assert (finding.id, finding.party) == ("server-sends-no-proposal", "server")
    assert any("DISCONNECT 11" in item.what for item in finding.evidence)
    assert session.awaited is not None
    assert session.awaited.waited.seconds >= 3


def asked() -> Flow:
    flow = proposed()
    flow.client.sends(packet(ecdh_init(b"C" * 32)))
    return flow


def test_the_same_in_the_key_exchange() -> None:
    session = took_leave(asked(), 11, "Shutdown")
    assert [(finding.id, finding.party) for finding in session.findings if finding.severity == "error"] == [
        ("stalled", "server")
    ]
    assert "slow-handshake" not in {finding.id for finding in session.findings}


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


@pytest.mark.parametrize("line", [b"OPTIONS sip:nm SIP/2.0\r\n\r\n", b"OPTIONS / RTSP/1.0\r\n\r\n"])
def test_other_protocols_with_the_words_of_http_are_not_http(line: bytes) -> None:
    """As nmap asks."""
    flow = opened(client=line)
    flow.server.sends(HELLO)
    found = findings_of(closed(flow, by="server"))
    assert "not-an-ssh-client" in found
    assert "http-client" not in found


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (bytes.fromhex("fffb01fffb03fffd18"), "telnet"),
        (b"\0\0", "2 octets"),
        (b" ", "1 octet"),
        (b"\xef\xbb\xbf", "byte order mark"),
    ],
)
@pytest.mark.parametrize("by", ["client", "server"])
def test_octets_in_front_of_an_identification_string(before: bytes, words: str, by: str) -> None:
    """A terminal server that offers telnet's options on the port of SSH; a device's firmware; an editor's mark."""
    line = before + b"SSH-1.99-Cisco-1.25\r\n"
    flow = opened(client=HELLO if by == "server" else line)
    flow.server.sends(line if by == "server" else HELLO)
    flow.wait(4)
    session = session_of(closed(flow, by="client" if by == "server" else "server"))
    (finding,) = session.findings
    assert (finding.id, finding.party, finding.confidence) == ("malformed-identification", by, "high")
    assert words in finding.summary
    assert session.outcome == "failed"


@pytest.mark.parametrize(
    ("octets", "finding"),
    [
        (b"500 SSH-2.0-OpenSSH_9.2p1: command not understood\r\n", "not-an-ssh-server"),
        (b"\xff\xfb\x01\xff\xfb\x03login: SSH-2.0-OpenSSH_9.2p1\r\n", "not-an-ssh-server"),
        (b"\xff\xfb\x01\xff\xfb\x03\r\nlogin: ", "not-an-ssh-server"),
        (b"> SSH-2.0-OpenSSH_9.2p1\r\n% Unknown command\r\n> ", "not-an-ssh-server"),
        (b"'SSH-2.0-OpenSSH_9.2p1': no such command\r\n", "not-an-ssh-server"),
    ],
    ids=("quoted", "echoed-at-a-prompt", "telnet", "echoed-behind-a-sign", "quoted-in-marks"),
)
def test_who_quotes_the_clients_line_or_negotiates_telnet_is_another_service(octets: bytes, finding: str) -> None:
    assert findings_of(answered(octets)) == [finding]


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"\xff\xfb\x1fSSH-2.0-x\r\n", r'client sent invalid protocol identifier "\377\373\037SSH-2.0-x"'),
        (b"GET \xe4\x1b\\x HTTP\r\n", r'client sent invalid protocol identifier "GET \344\033\\x HTTP"'),
        (b"\x16\x03\x01\x02\x00\x01\n", "banner line contains invalid characters"),
        (b"ab\rcd\n", "banner line contains invalid characters"),
        (b"\x1b\n\0", r'client sent invalid protocol identifier "\033"'),
    ],
)
def test_what_sshd_logs_about_a_first_line(octets: bytes, said: str) -> None:
    """The log of OpenSSH 9.2 over the same octets."""
    flow = opened(client=octets)
    flow.server.sends(HELLO)
    flow.server.sends(b"Invalid SSH identification string.\r\n")
    (finding,) = session_of(closed(flow, by="server")).findings
    assert [one for one in finding.expected_messages.values() if f"{said} / banner exchange" in one]


def test_octets_in_front_that_the_reader_forgave_are_no_reason() -> None:
    flow = greeted(server=b"\0SSH-2.0-Odd\r\n")
    flow.client.sends(packet(kexinit()))
    found = findings_of(closed(flow))
    assert not {"malformed-identification", "not-an-ssh-server"} & set(found)


def test_a_line_without_an_end_behind_a_text_is_malformed_too() -> None:
    (finding,) = session_of(answered(b"Welcome\r\nSSH-2.0-NoNewline")).findings
    assert finding.id == "malformed-identification"
    assert '"SSH-2.0-NoNewline"' in finding.summary


@pytest.mark.parametrize("seconds", [0.01, 4, 120])
def test_a_client_whose_line_has_no_end_did_send_something(seconds: float) -> None:
    """Recorded with OpenSSH 9.2, whose LoginGraceTime ran out: nothing about a string that did not come."""
    flow = opened(client=b"SSH-2.0-JSCH-0.1.54\r")
    flow.server.sends(HELLO)
    flow.client.acks()
    flow.wait(seconds)
    (finding,) = session_of(closed(flow, by="server")).findings
    assert (finding.id, finding.party) == ("malformed-identification", "client")
    waited = any("Timeout before authentication" in text for text in finding.expected_messages.values())
    assert waited == (seconds > 2)


def test_the_clients_own_line_behind_telnets_options_may_be_an_echo() -> None:
    (finding,) = session_of(answered(b"\xff\xfb\x01" + HELLO)).findings
    assert (finding.id, finding.confidence) == ("malformed-identification", "medium")
    assert "sends back what it gets" in finding.causes[0]


def test_a_line_that_only_names_ssh_is_no_identification_string() -> None:
    flow = opened()
    flow.server.sends(b"please use SSH-2.0-x instead\r\n")
    assert "malformed-identification" not in findings_of(closed(flow, by="server"))


def without_the_opening(flow: Flow) -> Flow:
    """TCP's three frames are not in the capture, as behind a filter for segments with data."""
    flow.opens()
    for _ in range(3):
        flow.drop()
    return flow


def test_an_identification_string_is_where_a_stream_begins() -> None:
    """RFC 4253 §4.2: nothing of a client stands before it, so what is complete behind it is complete."""
    flow = without_the_opening(Flow())
    flow.client.sends(HELLO)
    flow.server.sends(HELLO)
    flow.client.sends(packet(kexinit()))
    flow.server.acks()
    flow.server.sends(packet(server_kexinit()))
    flow.client.acks()
    session = session_of(closed(flow, by="server"))
    assert (session.outcome, session.coverage.midstream) == ("failed", True)
    found = {finding.id: finding for finding in session.findings}
    assert "does not have all" not in found["closed-during-handshake"].summary
    assert found["incomplete-capture"].severity == "warning"


def test_another_service_behind_a_greeting_whose_opening_is_not_in_the_capture() -> None:
    flow = without_the_opening(Flow())
    flow.client.sends(HELLO)
    flow.server.sends(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    session = session_of(closed(flow, by="server"))
    (finding, *_) = session.findings
    assert (finding.id, finding.confidence, session.outcome) == ("http-server", "medium", "not_ssh")


def test_a_malformed_line_whose_opening_is_not_in_the_capture() -> None:
    flow = without_the_opening(Flow())
    flow.client.sends(b"SSH-2.0-a\0b\r\n")
    flow.server.sends(HELLO)
    assert "malformed-identification" in findings_of(closed(flow, by="server"))
