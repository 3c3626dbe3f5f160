"""`--client-said`: which of several connections a text belongs to, and what no connection can tell."""

import json
import time

import pytest

from sshpcap.model import Report
from sshpcap.report.heading import client_said
from sshpcap.rules.said import nearest, rank, search
from sshpcap.rules.spoken_numbers import notes
from tests.golden import ROOT, run
from tests.support.sessions import closed, greeted, proposed, report_of
from tests.support.sshbytes import disconnect, identification, packet
from tests.support.wireflow import Flow

OFFER = "Unable to negotiate with {} port 22: no matching cipher found. Their offer: 3des-cbc"


def no_cipher(flow: Flow | None = None, client: str = "OpenSSH_9.2p1") -> Flow:
    greeted_flow = greeted(flow, client=identification(client))
    return closed(_proposals(greeted_flow))


def _proposals(flow: Flow) -> Flow:
    from tests.support.sshbytes import kexinit, server_kexinit

    flow.client.sends(packet(kexinit()))
    flow.server.acks()
    flow.server.sends(packet(server_kexinit(encryption="3des-cbc")))
    flow.client.acks()
    return flow


def closed_early(flow: Flow) -> Flow:
    flow.opens()
    flow.client.sends(identification("OpenSSH_9.2p1"))
    flow.server.acks()
    return closed(flow, by="server")


def fits_of(report: Report, text: str) -> list[tuple[int, str]]:
    return [(fit.session, fit.finding) for fit in rank(report, text).fits]


def printed(report: Report, text: str) -> str:
    import msgspec

    return "\n".join(client_said(msgspec.structs.replace(report, client_said=rank(report, text))))


def test_of_two_failures_the_one_that_produces_the_text_is_found() -> None:
    report = report_of(closed_early(Flow()), no_cipher(Flow(ports=(40023, 22))))
    assert [s.verdict.cause for s in report.sessions] == ["server-closed-before-identification", "no-common-cipher"]
    assert fits_of(report, OFFER.format("203.0.113.7")) == [(2, "no-common-cipher")]
    said = "kex_exchange_identification: Connection closed by remote host\nConnection closed by 203.0.113.7 port 22"
    assert fits_of(report, said)[0] == (1, "server-closed-before-identification")


def test_of_two_clients_the_one_whose_program_prints_it_so_comes_first() -> None:
    report = report_of(no_cipher(client="PuTTY_Release_0.78"), no_cipher(Flow(ports=(40023, 22))))
    assert [fit.session for fit in rank(report, OFFER.format("203.0.113.7")).fits] == [2, 1]
    putty = "Couldn't agree a client-to-server cipher (available: 3des-cbc)"
    assert [fit.session for fit in rank(report, putty).fits] == [1, 2]
    assert "its client is PuTTY, which prints it so" in printed(report, putty)
    assert "might belong to connection 2" in printed(report, putty)


def test_the_address_in_the_text_decides_between_two_servers() -> None:
    report = report_of(no_cipher(), no_cipher(Flow(ports=(40023, 22), server="203.0.113.70")))
    assert [fit.session for fit in rank(report, OFFER.format("203.0.113.70")).fits] == [2, 1]
    assert [fit.session for fit in rank(report, OFFER.format("203.0.113.7")).fits] == [1, 2]
    six = report_of(no_cipher(), no_cipher(Flow(server="2001:db8::7", client="2001:db8::10")))
    assert [fit.session for fit in rank(six, OFFER.format("2001:db8::7")).fits] == [2, 1]


def test_another_address_is_said_and_does_not_exclude() -> None:
    """Behind a NAT the client knows another address of the server than the capture."""
    said = printed(report_of(no_cipher()), OFFER.format("198.51.100.1"))
    assert "might belong to connection 1" in said
    assert "but the text names another address" in said


def test_a_log_line_names_the_client() -> None:
    report = report_of(no_cipher(), no_cipher(Flow(client="192.0.2.99")))
    line = "Unable to negotiate with 192.0.2.99 port 40022: no matching cipher found. Their offer: aes256-ctr [preauth]"
    assert rank(report, line).fits[0].session == 2


def test_a_server_s_log_line_is_no_client_s_text() -> None:
    line = "Connection closed by authenticating user me 192.0.2.10 port 40022 [preauth]"
    fits = {fit.finding for fit in search(line)}
    assert fits == {"no-usable-public-key", "login-aborted-by-user", "closed-during-login"}
    quiet = Flow()
    quiet.opens()
    report = report_of(closed(quiet))
    said = printed(report, "kex_exchange_identification: Connection closed by remote host")
    assert "might belong to connection 1" in said
    assert "what a server logs" in said


@pytest.mark.parametrize(
    "text",
    [
        "no matching cipher found",
        "negotiate with 203.0.113.7 port 22: no matching cipher",
        "UNABLE TO  NEGOTIATE with my.host port 22:   no matching cipher found. Their offer: x",
        "debug1: foo\nUnable to negotiate with 203.0.113.7 port 22: no matching cipher found. Their offer: x\nbar",
    ],
)
def test_parts_and_surroundings_of_a_text(text: str) -> None:
    assert search(text)[0].finding == "no-common-cipher"


def test_typographic_quotes_are_quotes() -> None:
    assert search("Couldn’t agree a key exchange algorithm (available: x)")[0].finding == "no-common-kex-algorithm"
    assert search("Selected host key algorithm “x” does not correspond to any supported algorithm")[0].finding == (
        "no-common-host-key-algorithm"
    )


def test_the_other_side_s_own_words_are_found_in_the_capture() -> None:
    flow = proposed()
    flow.server.sends(packet(disconnect(12, "Go away, please")))
    report = report_of(closed(flow, by="server"))
    assert fits_of(report, "asyncssh.misc.DisconnectError: Go away, please (error 12)") == [(1, "disconnect-message")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("FATAL ERROR: Network error: WSAECONNRESET", "Connection reset by peer"),
        ("recv failed: error 10054", "Connection reset by peer"),
        ("[Errno 104] from the socket", "Connection reset by peer"),
        ("connect ECONNREFUSED 203.0.113.7:22", "Connection refused"),
        ("curl: (2) libssh2 said -13", "Failed getting banner"),
    ],
)
def test_error_numbers_are_words(text: str, words: str) -> None:
    assert any(note.endswith(f"means: {words}") for note in notes(text))
    assert {fit.finding for fit in search(words)} <= {fit.finding for fit in search(text)}


def test_a_packet_length_that_was_text() -> None:
    assert '"Inva"' in notes("Bad packet length 1231976033.")[0]
    assert {fit.finding for fit in search("Bad packet length 1231976033.")} == {
        "proxy-header-unexpected",
        "bad-packet-length",
    }
    assert {fit.finding for fit in search("Bad packet length 1349676916.")} == {"bad-packet-length"}


@pytest.mark.parametrize(
    "text",
    [
        "ssh: Could not resolve hostname foo: Name or service not known",
        "Unable to open connection: Host does not exist",
        "/home/me/.ssh/config: line 3: Bad configuration option: foo",
    ],
)
def test_what_is_printed_before_any_packet(text: str) -> None:
    report = report_of(no_cipher())
    assert not search(text)
    assert "no packet was sent" in printed(report, text) or "no SSH packet was sent" in printed(report, text)
    assert "connection 1" not in printed(report, text)


def test_nothing_fits() -> None:
    report = report_of(no_cipher())
    assert printed(report, "the moon is made of cheese") == (
        "What the client printed is produced by no finding that is known."
    )
    assert printed(report, "No matching algo kex").startswith(
        "No connection here fits what the client printed. Such a text comes with no-common-kex-algorithm"
    )


@pytest.mark.parametrize(
    "text",
    [
        "x" * 1_000_000,
        "\n".join(f"Unable to negotiate with {n} port 22" for n in range(25_000)),
        "Unable to negotiate with " * 40_000,
        "kex error : no match for method " * 30_000,
        "command-line " * 80_000,
        "0:" * 500_000,
        "1." * 500_000,
        "\x1b]0;\u202e\x00" * 200_000,
    ],
    ids=["letters", "lines", "beginnings", "two names", "patterns", "colons", "numbers", "controls"],
)
def test_a_long_or_hostile_text_takes_bounded_time(text: str) -> None:
    report = report_of(no_cipher())
    began = time.process_time()
    rank(report, text)
    nearest(text)
    assert time.process_time() - began < 10


def test_what_is_said_of_a_hostile_text_has_none_of_it() -> None:
    said = printed(report_of(no_cipher()), f"\x1b[31m\u202eevil {OFFER.format('203.0.113.7')}")
    assert "fits connection 1" in said
    assert "\x1b" not in said
    assert "\u202e" not in said


SAMPLE = ROOT / "samples" / "no-common-cipher-openssh" / "capture.pcap"


def test_on_the_command_line() -> None:
    said = _run(str(SAMPLE), "--client-said", OFFER.format("203.0.113.7"))
    assert "What the client printed fits connection 1: no-common-cipher produces this text (openssh client)" in said
    report = json.loads(_run(str(SAMPLE), "--format", "json", "--client-said", OFFER.format("203.0.113.7")))
    assert [(fit["session"], fit["finding"]) for fit in report["client_said"]["fits"]] == [(1, "no-common-cipher")]


def test_explain_a_text_on_the_command_line() -> None:
    said = _run("explain", "Connection", "closed", "by", "203.0.113.7", "port", "22")
    assert "server-closed-before-identification: Server closed before identification" in said
    assert said.count("In a capture:") == len(search("Connection closed by 203.0.113.7 port 22"))


def test_explain_a_hostile_text_shows_none_of_its_controls() -> None:
    output, code = run(["explain", "\x1b[31m moonshine \u202e" * 10_000])
    assert code == 2
    assert "\x1b" not in output
    assert "\u202e" not in output
    assert len(output) < 2000


def _run(*arguments: str) -> str:
    output, code = run(list(arguments))
    assert code == 0, output
    return output if "json" in arguments else " ".join(output.split())
