"""Packets of a key exchange are known without what went before; nothing else is taken for one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap.ssh import numbers
from sshpcap.ssh.midstream import speaks_ssh
from tests.support.replay import SAMPLES, segments_of
from tests.support.sshbytes import kexinit, packet, string

PROPOSAL = packet(kexinit())
NEWKEYS = packet(bytes([numbers.NEWKEYS]))
INIT = packet(bytes([30]) + string(bytes(32)))
HOST_KEY = string(b"ssh-ed25519") + string(bytes(32))
REPLY = packet(bytes([31]) + string(HOST_KEY) + string(bytes(32)) + string(bytes(83)))


@pytest.mark.parametrize("octets", [PROPOSAL, NEWKEYS, INIT, REPLY], ids=["proposal", "newkeys", "init", "reply"])
def test_known_from_some_octet_on(octets: bytes) -> None:
    """Never denied while it comes in, and known before its end."""
    told = [speaks_ssh(octets[:count]) for count in range(len(octets) + 1)]
    assert set(told) == {None, True}
    assert told == sorted(told, key=bool)
    assert told.index(True) < len(octets)
    assert speaks_ssh(octets + b"\xff" * 100) is True


def test_a_proposal_of_which_the_rest_does_not_fit() -> None:
    payload = kexinit()
    assert speaks_ssh(packet(payload)) is True
    assert speaks_ssh(packet(payload + b"\0")) is False
    assert speaks_ssh(packet(payload[:-1])) is False
    lists_at = 17
    long = payload[:lists_at] + string(b"n" * 65) + payload[lists_at:]
    assert speaks_ssh(packet(long)) is False
    for name in (b"", b"curve25519\nsha256", b"curve \x80"):
        assert speaks_ssh(packet(payload[:lists_at] + string(name) + payload[lists_at:])) is False


@pytest.mark.parametrize(
    "payload",
    [
        bytes([31]) + string(string(b"ssh ed25519") + bytes(40)),
        bytes([31]) + string(string(b"") + bytes(40)),
        bytes([31]) + string(string(b"ssh-ed25519")),
        bytes([31]) + (1 << 20).to_bytes(4, "big") + string(b"ssh-ed25519") + bytes(40),
        bytes([30]) + string(bytes(32)) + b"\0",
        bytes([30]) + string(bytes(8)),
        bytes([21, 0]),
        bytes([50]) + string(b"user"),
        bytes([2]) + string(bytes(32)) + b"\0",
    ],
)
def test_what_only_looks_like_it(payload: bytes) -> None:
    assert speaks_ssh(packet(payload)) is False


def test_a_message_that_may_stand_anywhere_tells_nothing_and_what_is_behind_it_does() -> None:
    ignored = packet(bytes([2]) + string(bytes(32)))
    assert speaks_ssh(ignored) is None
    assert speaks_ssh(ignored + packet(kexinit())) is True
    assert speaks_ssh(ignored + packet(bytes([50]) + string(b"user"))) is False
    assert speaks_ssh(5 * ignored + packet(kexinit())) is False


@given(st.binary(min_size=6, max_size=200))
def test_any_octets(octets: bytes) -> None:
    assert speaks_ssh(octets) is not True


LINES = [
    "GET / HTTP/1.1\r\n",
    "HTTP/1.1 200 OK\r\n",
    "220 mail.example ESMTP\r\n",
    "* OK IMAP4\r\n",
    "+OK\r\n",
    "<?xml ",
]


@given(st.sampled_from(LINES), st.binary(max_size=50))
def test_text(line: str, rest: bytes) -> None:
    assert speaks_ssh(line.encode() + rest) is False


@given(st.integers(20, 23), st.integers(0, 4), st.binary(min_size=1, max_size=300))
def test_tls(kind: int, minor: int, body: bytes) -> None:
    """RFC 8446 §5.1."""
    assert speaks_ssh(bytes([kind, 3, minor]) + len(body).to_bytes(2, "big") + body) is False


@given(st.integers(0, 1 << 16), st.binary(max_size=120))
def test_other_protocols_that_begin_with_a_length(length: int, body: bytes) -> None:
    """PostgreSQL, BitTorrent, Kafka, SMB and many more: the header may fit, what is inside does not."""
    assert speaks_ssh(length.to_bytes(4, "big") + body) is not True


@given(st.integers(4, 20), st.sampled_from([20, 30, 31, 32, 33, 34]), st.binary(min_size=64, max_size=300))
def test_the_header_of_a_packet_is_not_enough(padding: int, number: int, body: bytes) -> None:
    length = (len(body) + 9) // 8 * 8 - 4
    assert speaks_ssh(length.to_bytes(4, "big") + bytes([padding, number]) + body) is not True


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.parent.name)
def test_what_is_encrypted_is_not_known(path: Path) -> None:
    """Only of clear packets: every payload of the samples."""
    known = {bytes([number]) for number in (20, 21, 30, 31, 32, 33, 34)}
    for segment in segments_of(path):
        if speaks_ssh(segment.payload):
            assert segment.payload[5:6] in known
            assert segment.payload[:2] == b"\0\0"
