"""RFC 9142, RFC 8758, RFC 8332: what is weak; and what to propose instead."""

import pytest

from sshpcap.ssh.algorithms import WIDELY_SUPPORTED, best, weakness


@pytest.mark.parametrize(
    "name, word",
    [
        ("diffie-hellman-group1-sha1", "1024"),
        ("diffie-hellman-group14-sha1", "SHA-1"),
        ("rsa1024-sha1", "MUST NOT"),
        ("ssh-rsa", "SHA-1"),
        ("ssh-dss", "DSA"),
        ("3des-cbc", "Sweet32"),
        ("aes128-cbc", "CBC"),
        ("arcfour256", "RC4"),
        ("hmac-md5", "MD5"),
    ],
)
def test_weak(name: str, word: str) -> None:
    assert word in (weakness(name) or "")


@pytest.mark.parametrize("name", ["curve25519-sha256", "ssh-ed25519", "aes256-gcm@openssh.com", "of tomorrow", ""])
def test_not_known_to_be_weak(name: str) -> None:
    assert weakness(name) is None


def test_best() -> None:
    assert best(("ssh-rsa", "rsa-sha2-256", "rsa-sha2-512")) == "rsa-sha2-512"
    assert best(("ssh-rsa", "sntrup761x25519-sha512")) == "sntrup761x25519-sha512"
    assert best(("ssh-dss", "ssh-rsa")) == "ssh-dss"
    assert best(("of another program", "ssh-rsa")) == "ssh-rsa"
    assert best(("of another program", "aes128-cbc@ssh.com", "")) is None
    assert best(()) is None
    assert not [name for name in WIDELY_SUPPORTED if weakness(name)]
