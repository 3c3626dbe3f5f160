"""Preambles, typed from their specifications, in front of an identification string and without one."""

import pytest

from sshpcap.ssh import preamble
from sshpcap.ssh.cut import Cutter
from tests.support.sessions import closed, proposed, report_of, session_of
from tests.support.sshbytes import identification, kexinit, packet, server_kexinit
from tests.support.wireflow import Flow

# HAProxy, "The PROXY protocol", sections 2.1 and 2.2; RFC 9110 §9.3.6; RFC 1928 and 1929; SOCKS4 and 4a.
VECTORS = {
    "proxy-v1": ("PROXY protocol v1", b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 22\r\n"),
    "proxy-v1-unknown": ("PROXY protocol v1", b"PROXY UNKNOWN\r\n"),
    "proxy-v2": (
        "PROXY protocol v2",
        bytes.fromhex("0d0a0d0a000d0a515549540a 21 11 000c c0000201 c0000202 9c40 0016"),
    ),
    "proxy-v2-local": ("PROXY protocol v2", bytes.fromhex("0d0a0d0a000d0a515549540a 20 00 0000")),
    "connect": ("HTTP CONNECT", b"CONNECT ssh.example.org:22 HTTP/1.1\r\nHost: ssh.example.org:22\r\n\r\n"),
    "connected": ("HTTP CONNECT", b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n"),
    "socks5": ("SOCKS5", bytes.fromhex("05 01 00  05 01 00 01 c0000201 0016")),
    "socks5-name": ("SOCKS5", bytes.fromhex("05 02 00 02  05 01 00 03 04 686f7374 0016")),
    "socks5-login": ("SOCKS5", bytes.fromhex("05 01 02  01 04 75736572 02 7077  05 01 00 01 c0000201 0016")),
    "socks5-ipv6": ("SOCKS5", bytes.fromhex("05 01 00  05 01 00 04 20010db8000000000000000000000001 0016")),
    "socks5-reply": ("SOCKS5", bytes.fromhex("05 00  05 00 00 01 00000000 0000")),
    "socks5-reply-login": ("SOCKS5", bytes.fromhex("05 02  01 00  05 00 00 01 00000000 0000")),
    "socks4": ("SOCKS4", bytes.fromhex("04 01 0016 c0000201 7573657200")),
    "socks4a": ("SOCKS4", bytes.fromhex("04 01 0016 00000001 00 686f737400")),
    "socks4-reply": ("SOCKS4", bytes.fromhex("00 5a 0000 00000000")),
}


@pytest.mark.parametrize(("name", "octets"), VECTORS.values(), ids=VECTORS)
def test_found_where_an_identification_string_follows(name: str, octets: bytes) -> None:
    found = preamble.find(octets + identification())
    assert found == preamble.Preamble(name, len(octets))


@pytest.mark.parametrize(("name", "octets"), VECTORS.values(), ids=VECTORS)
def test_not_believed_without_one(name: str, octets: bytes) -> None:
    assert preamble.find(octets) is None
    assert preamble.find(octets + b"something else\r\n") is None


@pytest.mark.parametrize(("name", "octets"), VECTORS.values(), ids=VECTORS)
def test_every_beginning_of_it_is_possible(name: str, octets: bytes) -> None:
    whole = octets + identification()
    for end in range(len(octets)):
        assert preamble.possible(whole[:end])
        assert preamble.find(whole[:end]) is None


@pytest.mark.parametrize(("name", "octets"), VECTORS.values(), ids=VECTORS)
def test_cut_octet_by_octet_as_well_as_whole(name: str, octets: bytes) -> None:
    stream = octets + identification() + packet(kexinit(kex_algorithms="a" * 5000))
    whole, slow = Cutter(anchored=True), Cutter(anchored=True)
    whole.advance(stream, final=True)
    for end in [*range(1, 200), len(stream)]:
        slow.advance(stream[:end])
    assert [unit.kind for unit in whole.units] == ["preamble", "identification", "packet"]
    assert slow.units == whole.units


def _through_a_proxy(client: bytes, server: bytes, port: int) -> Flow:
    flow = Flow(ports=(40000, port))
    flow.opens()
    flow.client.sends(client)
    flow.server.sends(server)
    flow.client.sends(identification("OpenSSH_9.2p1"))
    flow.server.sends(identification("OpenSSH_9.2p1"))
    flow.client.sends(packet(kexinit(kex_algorithms="a")))
    flow.server.sends(packet(server_kexinit(kex_algorithms="b")))
    flow.client.acks()
    return closed(flow)


def test_a_connection_through_an_http_proxy_is_found_on_any_port() -> None:
    flow = _through_a_proxy(VECTORS["connect"][1], VECTORS["connected"][1], 3128)
    (session,) = report_of(flow).sessions
    assert session.client.preamble == session.server.preamble == "HTTP CONNECT"
    assert session.client.identification is not None
    assert [finding.id for finding in session.findings] == ["no-common-kex-algorithm"]


def test_a_web_connection_is_not_ssh() -> None:
    flow = Flow(ports=(40000, 80))
    flow.opens()
    flow.client.sends(b"CONNECT example.org:443 HTTP/1.1\r\n\r\n")
    flow.server.sends(b"HTTP/1.1 200 OK\r\n\r\n")
    flow.client.sends(bytes.fromhex("1603010200") + bytes(5000))
    flow.server.sends(bytes.fromhex("1603030200") + bytes(5000))
    assert report_of(flow).sessions == ()


def test_a_server_that_understands_the_header_is_not_blamed() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(VECTORS["proxy-v1"][1])
    session = session_of(closed(proposed_after(flow)))
    assert session.client.preamble == "PROXY protocol v1"
    assert "not-an-ssh-client" not in [finding.id for finding in session.findings]


def proposed_after(flow: Flow) -> Flow:
    """Identification strings and proposals on an open connection."""
    flow.client.sends(identification())
    flow.server.sends(identification() + packet(server_kexinit()))
    flow.client.sends(packet(kexinit()))
    flow.server.acks()
    return flow


def test_no_preamble_without_a_proxy() -> None:
    assert session_of(closed(proposed())).client.preamble is None
