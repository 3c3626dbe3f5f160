"""What is advised for a server fits its program: no line for sshd where the identification string names another one."""

import pytest

from sshpcap.model import Finding
from tests.support.sessions import closed, proposed, session_of
from tests.support.sshbytes import (
    ecdh_init,
    ecdh_reply,
    ed25519_key,
    gex_request,
    identification,
    kexinit,
    packet,
    signature,
)
from tests.support.wireflow import Flow

GEX = "diffie-hellman-group-exchange-sha1,diffie-hellman-group14-sha1"
OF_SSHD = ("sshd", "journalctl", "systemctl", "/etc/ssh/")


def left(software: str) -> Flow:
    """The server greets, gets the client's proposal, and leaves without one of its own."""
    flow = Flow()
    flow.opens()
    flow.server.sends(identification(software))
    flow.client.sends(identification("OpenSSH_9.2p1") + packet(kexinit()))
    flow.server.acks()
    return closed(flow, by="server")


@pytest.mark.parametrize(
    ("software", "log"),
    [
        ("Cisco-1.25", "the device's own log"),
        ("ROSSSH", "the device's own log"),
        ("HUAWEI-1.5", "the device's own log"),
        ("Mocana SSH 6.3", "the device's own log"),
        ("mpSSH_0.2.1", "the device's own log"),
        ("dropbear_2022.83", "syslog"),
        ("paramiko_3.4.0", "the log of the program"),
    ],
)
def test_a_server_that_is_no_sshd_has_a_log_of_its_own(software: str, log: str) -> None:
    (finding,) = session_of(left(software)).findings
    assert finding.id == "closed-during-handshake"
    advised = [f"{remedy.action} {remedy.command or ''}" for remedy in finding.remedies if remedy.side == "server"]
    assert not any(word in text for text in advised for word in OF_SSHD)
    assert sum(log in text for text in advised) == 1
    assert any(remedy.side == "client" for remedy in finding.remedies)
    assert not any(program.startswith("sshd_log") for program in finding.expected_messages)


@pytest.mark.parametrize("software", ["OpenSSH_9.2p1", "OpenSSH_for_Windows_9.5", "Unheard_1"])
def test_what_may_be_sshd_keeps_what_is_advised_for_sshd(software: str) -> None:
    (finding,) = session_of(left(software)).findings
    assert any("journalctl" in (remedy.command or "") for remedy in finding.remedies)
    assert not any("own log" in remedy.action for remedy in finding.remedies)


def test_settings_of_sshd_are_not_advised_for_another_program() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(identification("OpenSSH_9.2p1"))
    flow.server.sends(identification("Cisco-1.25"))
    flow.client.acks()
    flow.wait(120)
    (finding,) = session_of(closed(flow, by="server")).findings
    assert finding.id == "login-grace-time"
    assert not any(remedy.command == "LoginGraceTime 300" for remedy in finding.remedies)
    assert not any(program.startswith("sshd_log") for program in finding.expected_messages)


def test_what_is_to_be_done_on_any_server_stays() -> None:
    """The host key is compared on every server; with sshd's command for it on sshd's alone."""
    flow = proposed(software="paramiko_3.4.0")
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.sends(packet(ecdh_reply(ed25519_key(), bytes(32), signature())))
    flow.client.acks()
    (finding,) = session_of(closed(flow)).findings
    (compare,) = (remedy for remedy in finding.remedies if "compare with the real key" in remedy.action)
    assert (compare.side, compare.command) == ("server", None)


def test_a_device_has_no_shell() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(identification("OpenSSH_9.2p1"))
    flow.server.acks()
    flow.server.sends(identification("Cisco-1.25"))
    flow.client.sends(packet(kexinit()))
    flow.server.acks()
    flow.wait(60)
    session = session_of(closed(flow))
    assert [finding.id for finding in session.findings] == ["server-sends-no-proposal"]
    server = [remedy for remedy in session.findings[0].remedies if remedy.side == "server"]
    assert server
    assert not any(remedy.command for remedy in server)


def at_the_request(software: str = "Cisco-1.25", *, server: str = GEX, by: str = "server") -> Finding:
    """The client has asked for a group, and the connection is closed."""
    flow = proposed(client={"kex_algorithms": GEX}, server={"kex_algorithms": server}, software=software)
    flow.client.sends(packet(gex_request(2048, 4096, 8192)))
    flow.server.acks()
    flow.wait(0.2)
    return of(closed(flow, by=by))


def of(flow: Flow) -> Finding:
    """The finding that nothing explains the close better than."""
    return next(f for f in session_of(flow).findings if f.id == "closed-during-handshake")


@pytest.mark.parametrize("software", ["Cisco-1.25", "Unheard_1"])
def test_a_server_that_leaves_at_a_request_for_a_group(software: str) -> None:
    """Recorded with OpenSSH 9.2 and a device that has groups of 1,024 to 2,048 bits only."""
    finding = at_the_request(software)
    assert finding.confidence == "medium"
    assert "2,048 to 8,192 bits, best 4,096" in finding.causes[0]
    (other,) = (remedy.action for remedy in finding.remedies if "without group exchange" in remedy.action)
    assert "ssh -o KexAlgorithms=diffie-hellman-group14-sha1 HOST" in other


def test_a_request_for_a_group_where_nothing_else_is_offered() -> None:
    finding = at_the_request(server=GEX.partition(",")[0])
    assert "2,048 to 8,192 bits, best 4,096" in finding.causes[0]
    assert not any("KexAlgorithms" in remedy.action for remedy in finding.remedies)


def test_openssh_has_groups_of_these_sizes_and_a_client_that_leaves_had_no_answer() -> None:
    assert not any("best 4,096" in cause for cause in at_the_request("OpenSSH_9.2p1").causes)
    assert not any("best 4,096" in cause for cause in at_the_request(by="client").causes)


def test_dropbear_that_leaves_in_place_of_its_reply_may_have_no_host_key() -> None:
    """Recorded with Dropbear 2022.83, `-R`, on a file system that it cannot write to."""
    flow = proposed(software="dropbear_2022.83")
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.acks()
    finding = of(closed(flow, by="server"))
    assert "host key" in finding.causes[0]
    assert finding.confidence == "medium"
    assert not any("changed on the way" in cause for cause in finding.causes[:2])
    assert "Couldn't read or generate hostkey" in finding.expected_messages["dropbear_log_no_host_key"]


@pytest.mark.parametrize("software", ["OpenSSH_9.2p1", "Cisco-1.25"])
def test_another_server_that_leaves_there_is_not_said_to_lack_a_host_key(software: str) -> None:
    flow = proposed(software=software)
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.acks()
    finding = of(closed(flow, by="server"))
    assert not any("host key" in cause for cause in finding.causes)
    assert "dropbear_log_no_host_key" not in finding.expected_messages


def test_dropbear_that_leaves_before_the_proposals_is_not_said_to_lack_a_host_key() -> None:
    assert not any("host key" in cause for cause in of(left("dropbear_2022.83")).causes)


def test_a_device_that_leaves_at_the_greeting_may_have_no_line_left() -> None:
    """Recorded with a scripted Cisco: it greets, and closes when the client's identification string has come."""
    finding = of(left("Cisco-1.25"))
    assert "no session left" in finding.causes[0]
    assert "access list" in finding.causes[1]
    assert any("show line" in remedy.action for remedy in finding.remedies)
    assert finding.confidence == "medium"


@pytest.mark.parametrize("software", ["OpenSSH_9.2p1", "Unheard_1", "dropbear_2022.83"])
def test_another_server_that_leaves_at_the_greeting_has_no_lines(software: str) -> None:
    assert not any("no session left" in cause for cause in of(left(software)).causes)


def test_a_device_that_leaves_behind_its_proposal_had_a_session() -> None:
    flow = proposed(software="Cisco-1.25")
    assert not any("no session left" in cause for cause in of(closed(flow, by="server")).causes)


def test_dropbear_that_had_begun_its_reply_had_a_host_key() -> None:
    flow = proposed(software="dropbear_2022.83")
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.acks()
    flow.server.sends(packet(ecdh_reply(ed25519_key(), bytes(32), signature()))[:60])
    assert not any("host key" in cause for cause in of(closed(flow, by="server")).causes)
