"""What programs have, held against the programs themselves, where they are here."""

import shutil
import subprocess

import pytest

from sshpcap.ssh import abilities
from sshpcap.ssh.abilities import has, version_of
from sshpcap.ssh.implementations import recognise
from tests.support.proposals import RECORDED

_LISTS = ("kex", "hostkey", "enc_c2s", "mac_c2s")
_ANNOUNCED = ("ext-info-", "kex-strict-", "webauthn-")


@pytest.mark.parametrize(
    "text, number", [("9.2p1", (9, 2)), ("10.5", (10, 5)), ("7.5p1", (7, 5)), ("", None), (None, None), ("x", None)]
)
def test_versions(text: str | None, number: tuple[int, ...] | None) -> None:
    assert version_of(text) == number


@pytest.mark.parametrize(
    "row", [r for r in RECORDED if "OpenSSH" in r["ident"]], ids=lambda r: r["ident"].split("-")[2]
)
def test_openssh_has_what_it_offers(row: dict[str, dict[str, str]]) -> None:
    _, version = recognise(str(row["ident"]).split("-", 2)[2].split()[0])
    offered = {name for short in _LISTS for name in row["lists"][short].split(",")}
    missing = {name for name in offered if not name.startswith(_ANNOUNCED) and not has("OpenSSH", version, name)}
    # Debian's 9.2 has the later name of a method that 9.2 has under its first.
    assert missing <= ({"sntrup761x25519-sha512"} if "Debian" in str(row["ident"]) else set())


@pytest.mark.skipif(not shutil.which("ssh"), reason="no ssh")
def test_openssh_has_what_it_says() -> None:
    banner = subprocess.run(["ssh", "-V"], capture_output=True, text=True, timeout=10).stderr
    _, version = recognise(banner.split(",")[0].split()[0])
    said: set[str] = set()
    for query in ("kex", "cipher", "mac", "HostKeyAlgorithms"):
        done = subprocess.run(["ssh", "-Q", query], capture_output=True, text=True, timeout=10)
        said |= set(done.stdout.split())
    listed = {name for name in abilities.OPENSSH if name not in ("none", "zlib@openssh.com")}
    differ = {name for name in listed if bool(has("OpenSSH", version, name)) != (name in said)}
    assert differ <= {"sntrup761x25519-sha512"}


def test_asyncssh_has_what_it_hides() -> None:
    pytest.importorskip("asyncssh")
    from asyncssh import encryption, kex, mac, public_key

    every = {
        name.decode()
        for names in (
            kex.get_kex_algs(), encryption.get_encryption_algs(), mac.get_mac_algs(), public_key.get_public_key_algs()
        )
        for name in names
    }  # fmt: skip
    assert every >= abilities.ASYNCSSH


def test_paramiko_has_what_it_is_told_to_offer() -> None:
    paramiko = pytest.importorskip("paramiko")
    transport = paramiko.Transport
    kinds = ("kex", "key", "cipher", "mac", "compression")
    every = {name for kind in kinds for name in getattr(transport, f"_{kind}_info")}
    if abilities.version_of(paramiko.__version__) == (5, 1):
        assert {name for name in every if "-cert-" not in name} == abilities.PARAMIKO


@pytest.mark.parametrize(
    "program, version, name, known",
    [
        ("OpenSSH", "9.2p1", "diffie-hellman-group1-sha1", True),
        ("OpenSSH", "7.5p1", "arcfour", True),
        ("OpenSSH", "7.6p1", "arcfour", False),
        ("OpenSSH", "10.0p2", "ssh-dss", False),
        ("OpenSSH", "6.4", "curve25519-sha256@libssh.org", False),
        ("OpenSSH", "9.2p1", "curve448-sha512", False),
        ("OpenSSH", None, "arcfour", None),
        ("OpenSSH", None, "aes128-cbc", True),
        ("PuTTY", "0.78", "mlkem768x25519-sha256", False),
        ("Dropbear", "2022.83", "diffie-hellman-group16-sha512", None),
        ("Dropbear", "2022.83", "curve448-sha512", False),
        ("paramiko", "5.1.0", "diffie-hellman-group14-sha1", False),
        ("paramiko", "2.4.0", "diffie-hellman-group14-sha1", None),
        ("paramiko", "5.1.0", "aes128-cbc", True),
        ("paramiko", "5.2.0", "of-tomorrow", None),
        ("JSch", "0.1.54", "aes256-cbc", True),
        ("JSch", "0.1.55", "curve25519-sha256", False),
        ("JSch", "0.1.71", "curve25519-sha256", None),
        ("AsyncSSH", "2.24.1", "aes128-cbc", True),
        (None, None, "aes128-cbc", None),
    ],
)
def test_has(program: str | None, version: str | None, name: str, known: bool | None) -> None:
    assert has(program, version, name) is known
