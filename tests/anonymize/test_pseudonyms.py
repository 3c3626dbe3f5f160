"""Pseudonyms: common prefixes stay, nothing else does; the key decides."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap.anonymize.key_blobs import replaced
from sshpcap.anonymize.pseudonyms import Pseudonyms, masked, new_key
from sshpcap.ssh.host_keys import PublicKey, read_public_key
from tests.support.sshbytes import ecdsa_key, ed25519_key, rsa_key

NAMES = Pseudonyms(b"a key for tests, and for nothing else", ports=True, keys=True)
OTHER = Pseudonyms(new_key(), ports=True, keys=True)


def _common(left: bytes, right: bytes) -> int:
    size = len(left) * 8
    return size - (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).bit_length()


@given(st.sampled_from((4, 16)), st.data())
def test_common_prefixes_stay(size: int, data: st.DataObject) -> None:
    left = data.draw(st.binary(min_size=size, max_size=size))
    keep = data.draw(st.integers(0, size * 8))
    mask = (1 << (size * 8 - keep)) - 1
    noise = int.from_bytes(data.draw(st.binary(min_size=size, max_size=size)), "big") & mask
    right = (int.from_bytes(left, "big") & ~mask | noise).to_bytes(size, "big")
    ordinary = Pseudonyms(b"k" * 32)
    special = {bytes(size), b"\xff" * 4, bytes([127, 0, 0, 1]), bytes(15) + b"\1"}
    if left in special or right in special:
        return
    assert _common(ordinary.address(left), ordinary.address(right)) == _common(left, right)


def test_every_address_of_a_network_is_another() -> None:
    made = {NAMES.address_text(str(ip)) for ip in ipaddress.ip_network("192.0.2.0/24")}
    assert len(made) == 256
    assert len({name.rpartition(".")[0] for name in made}) == 1
    assert not made & {str(ip) for ip in ipaddress.ip_network("192.0.2.0/24")}


def test_what_names_nobody_stays() -> None:
    assert [NAMES.address_text(one) for one in ("0.0.0.0", "127.0.0.1", "::", "::1")] == [
        "0.0.0.0",
        "127.0.0.1",
        "::",
        "::1",
    ]


def test_the_key_decides() -> None:
    assert NAMES.address_text("192.0.2.10") != OTHER.address_text("192.0.2.10")
    assert NAMES.mac(b"\x02\x00\x00\x00\x00\x01") != OTHER.mac(b"\x02\x00\x00\x00\x00\x01")
    assert NAMES.letters(b"Debian") != OTHER.letters(b"Debian")


def test_ports_above_1023_change_places() -> None:
    made = {NAMES.port(port) for port in range(1024, 65536)}
    assert made == set(range(1024, 65536))
    assert [NAMES.port(port) for port in (22, 80, 1023)] == [22, 80, 1023]
    assert sum(NAMES.port(port) == port for port in range(1024, 65536)) < 100


def test_addresses_of_cards() -> None:
    card = NAMES.mac(bytes.fromhex("0a1b2c3d4e5f"))
    assert card[0] & 3 == 2
    assert NAMES.mac(b"\xff" * 6) == b"\xff" * 6
    assert NAMES.mac(bytes.fromhex("01005e000001")) == bytes.fromhex("01005e000001")


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        (b"Not allowed from 203.0.113.77 (gw.example.org)\r\n", b"Not allowed from 000.0.000.00 (hh.hhhhhhh.hhh)\r\n"),
        (b"CONNECT ssh.example.org:22 HTTP/1.1\r\n", b"CONNECT hhh.hhhhhhh.hhh:22 HTTP/1.1\r\n"),
        (b"to 2001:db8::7!", b"to 0000:000::0!"),
        (b"Exceeded MaxStartups\r\n", b"Exceeded MaxStartups\r\n"),
        (b"version 9.2p1, 1.2.3", b"version 9.2p1, 1.2.3"),
    ],
)
def test_texts_of_peers_keep_their_length(text: bytes, becomes: bytes) -> None:
    assert masked(text) == becomes
    assert len(masked(text)) == len(text)


@pytest.mark.parametrize(
    "blob",
    [
        ed25519_key(),
        rsa_key(0xC3 << 2040 | 12345),
        rsa_key(0x43 << 2040 | 1),
        ecdsa_key("nistp256", b"\4" + bytes(range(64))),
    ],
    ids=["ed25519", "rsa", "rsa without leading zero", "ecdsa"],
)
def test_a_key_stays_a_key_of_its_kind(blob: bytes) -> None:
    made = replaced(blob, NAMES)
    before, after = read_public_key(blob), read_public_key(made)
    assert isinstance(before, PublicKey)
    assert isinstance(after, PublicKey)
    assert (before.type, before.bits, len(blob)) == (after.type, after.bits, len(made))
    assert before.sha256 != after.sha256
    assert replaced(blob, Pseudonyms(b"k" * 32)) == blob


@given(st.binary(max_size=200))
def test_no_blob_breaks_it(blob: bytes) -> None:
    assert len(replaced(blob, NAMES)) == len(blob)
