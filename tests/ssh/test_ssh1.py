"""SSH-1 by draft-ylonen-ssh-protocol-00: packets, the server's keys, the session key, a disconnect in clear text.

No program of a Debian machine speaks it any more, so the octets are built from the draft, and the checksum is told once
more, bit by bit.
"""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap.model import Session
from sshpcap.ssh import ssh1
from sshpcap.ssh.wire import Malformed
from tests.support.sessions import closed, greeted, session_of
from tests.support.sshbytes import identification, string, uint32
from tests.support.wireflow import Flow

N, E = (1 << 1023) | 1, 35


def crc32(octets: bytes) -> int:
    """CRC-32 with the polynomial 0xEDB88320, from zero, bit by bit."""
    value = 0
    for octet in octets:
        value ^= octet
        for _ in range(8):
            value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)
    return value


def packet1(kind: int, data: bytes) -> bytes:
    length = 1 + len(data) + 4
    body = b"\x55" * (8 - length % 8) + bytes((kind,)) + data
    return uint32(length) + body + uint32(crc32(body))


def mpint1(value: int) -> bytes:
    return value.bit_length().to_bytes(2, "big") + value.to_bytes((value.bit_length() + 7) // 8, "big")


def public_key(ciphers: int = 1 << 3 | 1 << 6, authentications: int = 1 << 2 | 1 << 3) -> bytes:
    server, host = (uint32(768) + mpint1(E) + mpint1((1 << 767) | 1)), uint32(1024) + mpint1(E) + mpint1(N)
    return packet1(2, b"cookie00" + server + host + uint32(2) + uint32(ciphers) + uint32(authentications))


def session_key(cipher: int = 3) -> bytes:
    return packet1(3, bytes((cipher,)) + b"cookie00" + mpint1((1 << 1022) | 1) + uint32(2))


def spoken(server: str = "1.5", client: str = "1.5") -> Flow:
    return greeted(client=identification("Client_1", version=client, end=b"\n"),
                   server=identification("Server_1", version=server, end=b"\n"))  # fmt: skip


def names(session: Session) -> list[str]:
    return [m.name for m in session.messages if m.number is not None]


@pytest.mark.parametrize("server", ["1.5", "1.99"])
@pytest.mark.parametrize("pieces", [1, 7, 300])
def test_a_connection(server: str, pieces: int) -> None:
    flow = spoken(server)
    keys = public_key()
    for start in range(0, len(keys), -(-len(keys) // pieces)):
        flow.server.sends(keys[start : start + -(-len(keys) // pieces)])
    flow.client.sends(session_key())
    flow.server.sends(bytes(range(1, 25)))
    flow.client.sends(bytes(range(9, 60)))
    session = session_of(closed(flow))
    assert names(session) == [ssh1.PUBLIC_KEY, ssh1.SESSION_KEY]
    fields = next(m.fields for m in session.messages if m.name == ssh1.PUBLIC_KEY)
    assert (fields["server_key_bits"], fields["host_key_bits"]) == (768, 1024)
    assert fields["ciphers"] == ("3DES", "Blowfish")
    assert fields["authentications"] == ("RSA", "password")
    assert (session.stage, session.outcome) == ("encrypted", "encrypted")
    assert [f.id for f in session.findings] == ["ssh1-in-use"]
    assert "3DES" in session.findings[0].summary


def test_the_fingerprint_is_that_of_modulus_and_exponent() -> None:
    (unit,) = ssh1.cut(public_key(), 0, None)
    fields = ssh1.parse(public_key()[unit.payload_start : unit.payload_end]).fields
    digest = hashlib.md5(N.to_bytes(128, "big") + bytes((E,)), usedforsecurity=False).hexdigest()
    assert str(fields["host_key_md5"]).replace(":", "") == f"MD5{digest}"


def test_a_disconnect_in_clear_text() -> None:
    flow = spoken()
    flow.server.sends(packet1(1, string("Sorry, you are not allowed to connect.\x1b")))
    session = session_of(closed(flow, by="server"))
    assert session.messages[-1].fields == {"description": "Sorry, you are not allowed to connect.\\x1b"}
    assert any("not allowed to connect" in row.text for row in session.timeline)


def test_who_is_waited_for() -> None:
    flow = spoken()
    flow.server.sends(public_key())
    flow.wait(30)
    flow.client.keep_alive()
    waiting = session_of(flow).awaited
    assert waiting is not None
    assert (waiting.party, waiting.what) == ("client", ssh1.SESSION_KEY)


@pytest.mark.parametrize(
    "client, server, one", [("1.5", "1.5", True), ("1.5", "1.99", True), ("1.99", "1.5", True), ("1.99", "1.99", False),
                            ("2.0", "1.99", False), ("2.0", "1.5", False), ("1.5", "2.0", False), ("", "", False)]
)  # fmt: skip
def test_versions(client: str, server: str, one: bool) -> None:
    assert ssh1.spoken_between(client, server) == one


def test_a_wrong_checksum_is_no_packet() -> None:
    octets = bytearray(public_key())
    assert len(ssh1.cut(bytes(octets), 0, None)) == 1
    octets[20] ^= 1
    assert ssh1.cut(bytes(octets), 0, None) == ()
    assert ssh1.cut(public_key(), 0, 40) == ()


@given(st.binary(max_size=400), st.integers(0, 60))
def test_nothing_raises(octets: bytes, size: int) -> None:
    ssh1.cut(octets, 0, None)
    ssh1.cut(public_key()[:size] + octets, 0, None)
    (unit,) = ssh1.cut(public_key(), 0, None)
    payload = public_key()[unit.payload_start : unit.payload_end]
    parsed = ssh1.parse(payload[: size + 1] + octets[:3])
    assert parsed.value is None or isinstance(parsed.value, Malformed)
    if octets:
        ssh1.parse(octets)
