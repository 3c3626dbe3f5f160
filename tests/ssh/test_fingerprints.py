"""Randomart, SSHFP and the line for known_hosts, as ssh-keygen has them."""

from pathlib import Path

import pytest

from sshpcap.ssh.fingerprints import known_hosts_line, randomart, sshfp
from sshpcap.ssh.host_keys import read_public_key
from sshpcap.ssh.wire import Malformed
from tests.support.keys import WITH_SSH_KEYGEN, certify, keygen, make_key, public, shown

KINDS = {
    "ed25519": ("ed25519",), "rsa2048": ("rsa", "-b", "2048"), "rsa1024": ("rsa", "-b", "1024"),
    "nistp256": ("ecdsa",), "nistp384": ("ecdsa", "-b", "384"), "nistp521": ("ecdsa", "-b", "521"),
}  # fmt: skip


@pytest.mark.skipif(not WITH_SSH_KEYGEN, reason="no ssh-keygen")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attempt", range(3))
def test_as_ssh_keygen_says(tmp_path: Path, kind: str, attempt: int) -> None:
    make_key(tmp_path, "key", *KINDS[kind])
    certify(tmp_path, "key", "key", "-n", "host")
    for name in ("key", "key-cert"):
        key = read_public_key(shown(tmp_path, name).blob)
        assert not isinstance(key, Malformed)
        lines = keygen(tmp_path, "-lv", "-f", "key.pub").splitlines()
        assert list(key.randomart) == lines[1:]
        assert lines[0].split()[:2] == [str(key.bits), key.sha256]
        records = keygen(tmp_path, "-r", "host.example.org", "-f", "key.pub").splitlines()
        assert [f"host.example.org {record}" for record in key.sshfp] == records
        assert known_hosts_line("192.0.2.7", 22, key.plain_type, key.plain) == f"192.0.2.7 {public(tmp_path, 'key')}"


def test_other_port() -> None:
    assert known_hosts_line("2001:db8::7", 2222, "ssh-ed25519", b"abc") == "[2001:db8::7]:2222 ssh-ed25519 YWJj"


def test_unknown_types() -> None:
    assert sshfp("of-tomorrow", b"abc") == ()
    assert len(randomart("of-a-very-long-name-indeed", None, b"abc")) == 11
    key = read_public_key(b"\x00\x00\x00\x03abcrest")
    assert not isinstance(key, Malformed)
    assert (key.sshfp, key.randomart) == ((), ())
