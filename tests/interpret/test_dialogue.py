"""Client and server by what they say, not by who opened the connection or which port it is."""

import pytest

from tests.support.sessions import report_of, session_of
from tests.support.sshbytes import ecdh_init, ecdh_reply, identification, kexinit, packet, server_kexinit, string
from tests.support.wireflow import Flow

CLIENT_KEX = "curve25519-sha256,ext-info-c,kex-strict-c-v00@openssh.com"
SERVER_KEX = "curve25519-sha256,ext-info-s,kex-strict-s-v00@openssh.com"
REPLY = ecdh_reply(string("ssh-ed25519") + string(bytes(32)), bytes(32), string("ssh-ed25519") + string(bytes(64)))


def _reversed(ports: tuple[int, int]) -> Flow:
    """The server opens the TCP connection (a reverse tunnel's agent, "call home" of RFC 8071)."""
    flow = Flow(ports=ports)
    flow.opens()
    flow.client.sends(identification("Server_1") + packet(kexinit(kex_algorithms=SERVER_KEX)))
    flow.server.sends(identification("Client_1") + packet(server_kexinit(kex_algorithms=CLIENT_KEX)))
    flow.server.sends(packet(ecdh_init(bytes(32))))
    flow.client.sends(packet(REPLY))
    flow.server.acks()
    return flow


@pytest.mark.parametrize("ports", [(40022, 22), (4334, 4335), (22, 40022)])
def test_a_reverse_connection(ports: tuple[int, int]) -> None:
    (session,) = report_of(_reversed(ports)).sessions
    assert session.client.identification is not None
    assert session.client.identification.software == "Client_1"
    assert session.tcp.originator == "server"
    assert session.host_key is not None
    assert [m.sender for m in session.messages if m.name.startswith("SSH_MSG_KEX_ECDH")] == ["client", "server"]


def test_markers_count_more_than_the_port_even_midstream() -> None:
    """The capture begins with the proposals, on port 22 of the side that is the client."""
    flow = Flow(ports=(22, 40000))
    flow.client.sends(packet(kexinit(kex_algorithms=CLIENT_KEX)))
    flow.server.sends(packet(server_kexinit(kex_algorithms=SERVER_KEX)))
    session = session_of(flow)
    assert session.coverage.midstream
    assert session.client.port == 22
    assert "kex-strict-c" in session.roles_from


def test_message_31_is_the_servers_where_nothing_else_tells() -> None:
    flow = Flow(ports=(22, 2022))
    flow.client.sends(packet(kexinit()))
    flow.server.sends(packet(server_kexinit()))
    flow.server.sends(packet(ecdh_init(bytes(32))))
    flow.client.sends(packet(REPLY))
    session = session_of(flow)
    assert session.server.port == 22
    assert session.host_key is not None


def test_the_syn_decides_between_sides_that_said_nothing() -> None:
    flow = Flow(ports=(22, 40000))
    flow.opens()
    flow.server.fin()
    assert session_of(flow).client.port == 22
    assert session_of(flow).roles_from == "it sent the SYN"
