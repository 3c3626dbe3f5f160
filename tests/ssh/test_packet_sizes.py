"""Sizes of encrypted packets, against sizes that were read in captures of real programs and against counting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap.model import Slot
from sshpcap.ssh.packet_sizes import Sealing, sealing
from tests.support.logins import CIPHERS, Cipher, sealed


def _slot(chosen: str | None) -> Slot:
    return Slot(chosen=chosen, client_offer=(), server_offer=(), reason="")


def _sealing(encryption: str, mac: str | None) -> Sealing | None:
    return sealing(_slot(encryption), _slot(mac))


SERVICE_REQUEST, SUCCESS = 17, 1
THREE_METHODS = 1 + 4 + len("publickey,password,keyboard-interactive") + 1


@pytest.mark.parametrize(
    ("encryption", "mac", "payload", "octets"),
    [
        # Between OpenSSH programs, and from Go, node ssh2, PuTTY and paramiko to OpenSSH's server.
        ("chacha20-poly1305@openssh.com", None, SERVICE_REQUEST, 44),
        ("chacha20-poly1305@openssh.com", None, SUCCESS, 28),
        ("chacha20-poly1305@openssh.com", None, THREE_METHODS, 76),
        ("aes128-gcm@openssh.com", None, SERVICE_REQUEST, 52),
        ("aes128-gcm@openssh.com", None, SUCCESS, 36),
        ("aes128-gcm@openssh.com", None, THREE_METHODS, 84),
        ("aes256-ctr", "hmac-sha2-256", SERVICE_REQUEST, 64),
        ("aes256-ctr", "hmac-sha2-256", SUCCESS, 48),
        ("aes256-ctr", "hmac-sha2-256", THREE_METHODS, 96),
        ("aes128-ctr", "hmac-sha2-256-etm@openssh.com", SERVICE_REQUEST, 68),
        ("aes128-ctr", "hmac-sha2-256-etm@openssh.com", SUCCESS, 52),
        ("aes128-ctr", "umac-64-etm@openssh.com", SERVICE_REQUEST, 44),
    ],
)
def test_sizes_that_were_seen(encryption: str, mac: str | None, payload: int, octets: int) -> None:
    seal = _sealing(encryption, mac)
    assert seal is not None
    assert seal.size(payload) == octets


@pytest.mark.parametrize("cipher", CIPHERS, ids=lambda cipher: f"{cipher.encryption} {cipher.mac}")
@given(payload=st.integers(1, 3000))
def test_sizes_are_those_of_the_specifications(cipher: Cipher, payload: int) -> None:
    seal = _sealing(cipher.encryption, None if "gcm" in cipher.encryption else cipher.mac)
    assert seal is not None
    octets = sealed(cipher, payload)
    assert seal.size(payload) == len(octets)
    assert seal.fits(len(octets))
    assert seal.clear_length == cipher.clear
    if cipher.clear:
        assert seal.packet_end(b"##" + octets, 2) == 2 + len(octets)


@pytest.mark.parametrize("cipher", CIPHERS, ids=lambda cipher: f"{cipher.encryption} {cipher.mac}")
@given(payloads=st.lists(st.integers(1, 120), min_size=2, max_size=4))
def test_several_packets_are_never_surely_one(cipher: Cipher, payloads: list[int]) -> None:
    seal = _sealing(cipher.encryption, cipher.mac)
    assert seal is not None
    assert not seal.surely_one(sum(len(sealed(cipher, payload)) for payload in payloads))


def test_what_is_not_known_is_not_guessed() -> None:
    assert _sealing("aes128-ctr", "hmac-of-tomorrow") is None
    assert _sealing("none", "none") is None
    assert _sealing("aes128-ctr", None) is None


@pytest.mark.parametrize("head", [b"", b"\x00\x00\x00", b"\xff\xff\xff\xff", bytes(4), b"\x00\x00\x00\x21"])
def test_a_length_that_cannot_be_is_none(head: bytes) -> None:
    seal = _sealing("aes128-gcm@openssh.com", None)
    assert seal is not None
    assert seal.packet_end(head, 0) is None
