"""What programs print fits the versions that named themselves, and how the client left."""

import pytest

from sshpcap.model import Session
from tests.support.sessions import closed, proposed, session_of
from tests.support.sshbytes import disconnect, ecdh_init, ecdh_reply, ed25519_key, identification, kexinit, packet
from tests.support.sshbytes import signature as signed
from tests.support.wireflow import Flow


def turned_away(client: str | None, server: str = "OpenSSH_9.2p1") -> dict[str, str]:
    """What is quoted of a connection that a server closes before it says anything."""
    flow = Flow()
    flow.opens()
    if client is not None:
        flow.client.sends(identification(client))
        flow.server.acks()
    (finding,) = session_of(closed(flow, by="server")).findings
    assert finding.id == "server-closed-before-identification"
    return finding.expected_messages


@pytest.mark.parametrize(
    ("client", "said"),
    [
        ("OpenSSH_7.5p1", "ssh_exchange_identification: Connection closed by remote host"),
        ("OpenSSH_9.2p1", "kex_exchange_identification: Connection closed by remote host / Connection closed by"),
        ("OpenSSH_10.0p2", "Connection closed by"),
        ("OpenSSH_for_Windows_8.1", "kex_exchange_identification: Connection closed by remote host / Connection"),
    ],
)
def test_of_a_known_version_only_its_own_text_is_quoted(client: str, said: str) -> None:
    """Recorded with 7.5, 9.2 and 10.0."""
    texts = turned_away(client)
    assert texts["openssh_client"].startswith(said)
    assert not [name for name in texts if name.startswith("openssh_client") and ("since" in name or "before" in name)]


def test_of_an_unknown_version_all_texts_are_quoted() -> None:
    for client in (None, "OpenSSH", "paramiko_3.4.0", "WinSCP_release_5.21"):
        texts = turned_away(client)
        assert {"openssh_client", "openssh_client_before_8", "openssh_client_since_9_5"} <= set(texts)
        assert "putty_before_0_71" in texts


def test_putty_has_releases_of_its_own() -> None:
    assert "unexpectedly closed" in turned_away("PuTTY_Release_0.70")["putty"]
    assert turned_away("PuTTY_Release_0.70")["putty"].startswith("Server")
    assert turned_away("PuTTY_Release_0.81")["putty"].startswith("Remote side")


def shown_a_key() -> Flow:
    """The client has got the host key, and has sent nothing more."""
    flow = proposed()
    flow.client.sends(packet(ecdh_init(bytes(range(32)))))
    flow.server.sends(packet(ecdh_reply(ed25519_key(), bytes(range(1, 33)), signed())))
    return flow


def log_of(session: Session) -> str:
    (finding,) = [one for one in session.findings if one.id == "host-key-not-accepted"]
    return finding.expected_messages["sshd_log"]


def test_sshd_tells_fin_rst_and_a_message_apart() -> None:
    assert log_of(session_of(closed(shown_a_key()))).startswith("Connection closed by ")
    reset = shown_a_key()
    reset.client.rst()
    assert log_of(session_of(reset)).startswith("Connection reset by ")
    said = shown_a_key()
    said.client.sends(packet(disconnect(9, "Host key is not trusted")))
    assert ":9: Host key is not trusted [preauth]" in log_of(session_of(closed(said)))


def test_a_reset_before_the_server_spoke_leaves_no_line_in_its_log() -> None:
    flow = Flow()
    flow.opens()
    flow.client.rst()
    (finding,) = session_of(flow).findings
    assert finding.id == "health-check-or-scan"
    assert "sshd_log" not in finding.expected_messages


@pytest.mark.parametrize(("server", "quiet"), [("OpenSSH_9.2p1", False), ("OpenSSH_9.9p1", True)])
def test_newer_servers_say_what_was_wrong_with_a_first_line_only_when_asked(server: str, quiet: bool) -> None:
    flow = Flow()
    flow.opens()
    flow.server.sends(identification(server))
    flow.client.acks()
    flow.wait(0.5)
    (finding,) = session_of(closed(flow)).findings
    texts = finding.expected_messages
    assert finding.id == "health-check-or-scan"
    assert texts["sshd_log"].startswith("Connection closed by ") == quiet
    assert ("sshd_log_with_loglevel_verbose" in texts) == quiet


def test_go_prints_lists_without_commas() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(identification("Go") + packet(kexinit(kex_algorithms="a@example.org,b@example.org")))
    flow.server.sends(identification("OpenSSH_9.2p1") + packet(kexinit(kex_algorithms="c@example.org")))
    (finding,) = [one for one in session_of(closed(flow)).findings if one.id == "no-common-kex-algorithm"]
    assert "client offered: [a@example.org b@example.org]" in finding.expected_messages["go"]
