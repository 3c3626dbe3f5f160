"""HASSH of real programs; their lists are in tests/support/kexinits.json."""

import shutil
import subprocess

import pytest

import sshpcap
from sshpcap.model import Who
from sshpcap.ssh.defaults import defaults
from sshpcap.ssh.hassh import hassh
from tests.golden import ROOT
from tests.support.proposals import offer, proposal

HASHES = [
    ("client", "SSH-2.0-OpenSSH_7.5p1 Debian-14", "0df0d56bb50c6b2426d8d40234bf1826"),
    ("client", "SSH-2.0-OpenSSH_8.8", "ae8bd7dd09970555aa4c6ed22adbbf56"),
    ("server", "SSH-2.0-OpenSSH_8.8", "3ccd1778a76049721c71ad7d2bf62bbc"),
    ("client", "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10", "472b5de333ad665af5cbf10ff892c4df"),
    ("server", "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10", "425d29fe50d8e4f5e37efb6e24bcf660"),
    ("client", "SSH-2.0-OpenSSH_9.9", "0babd4b68a5f3757987be75fe35ad60a"),
    ("server", "SSH-2.0-OpenSSH_9.9", "bbd3df916ddc675cc91c127ab1a90657"),
    ("client", "SSH-2.0-OpenSSH_10.5", "eeca2460550b9ded084ecf2f70a75356"),
    ("server", "SSH-2.0-OpenSSH_10.5", "671c5858369db8e0a60108d866bbf8ec"),
    ("client", "SSH-2.0-PuTTY_Release_0.78", "10d5550e526d158ce7ad2f18cf621f66"),
    ("client", "SSH-2.0-dropbear_2022.83", "16574631849ea8d13c926c9905839928"),
    ("server", "SSH-2.0-dropbear_2022.83", "e1a0b5f8d334ec70fe937b2d5ff8d0b6"),
    ("client", "SSH-2.0-paramiko_5.1.0", "4c94058d5e9e31659879f79fd5b46084"),
    ("client", "SSH-2.0-AsyncSSH_2.24.1", "c70169683f416ecb6afc5aed972ec23c"),
    ("client", "SSH-2.0-libssh2_1.10.0", "b4b8ae3d7241d2c1dc54b4df7e8c19d1"),
    ("client", "SSH-2.0-libssh_0.10.6", "f93d28ee0c77e2612b27491518d909f4"),  # lists that end in a comma
    ("client", "SSH-2.0-JSCH-0.1.54", "871d02a306268601bda0fc2af469da7e"),
    ("client", "SSH-2.0-Go", "4e066189c3bbeec38c99b1855113733a"),
    ("client", "SSH-2.0-ssh2js1.17.0", "c675682da710711573aa64807feb3d1e"),
    ("server", "SSH-2.0-lshd-2.1 lsh - a GNU ssh", "86b2dc01a102a40d90aa6eb8b29bea4d"),
    ("server", "SSH-2.0-mod_sftp", "6b3ad4cea3144489bccf7ed1cd66d687"),
]


@pytest.mark.parametrize("side, identification, md5", HASHES)
def test_hashes_of_programs(side: str, identification: str, md5: str) -> None:
    assert hassh(proposal(side, identification), client=side == "client").hash == md5


# Made by others: the authors' own table of recordings (salesforce/hassh, hassh_fingerprints.json, 2018), the manual of
# nmap's ssh-hassh, and logs of the Cowrie honeypot for clients of 9.0p1 and of 9.2p1 before strict key exchange.
PUBLISHED: list[tuple[Who, str, str]] = [
    ("client", "7.5p1 Debian-14", "0df0d56bb50c6b2426d8d40234bf1826"),
    ("client", "7.6–7.7", "06046964c022c6407d15a27b12a6a4fb"),
    ("client", "7.8–8.1", "ec7378c1a92f5a8dde7e8b7a1ddf33d1"),
    ("client", "8.2–8.7", "ae8bd7dd09970555aa4c6ed22adbbf56"),
    ("client", "9.0–9.5", "78c05d999799066a2b4554ce7b1585a6"),
    ("server", "7.4–8.1", "b12d2871a1189eff20364cf5333619ee"),
]


@pytest.mark.parametrize("side, release, md5", PUBLISHED)
def test_the_table_of_defaults_has_the_hashes_that_others_published(side: Who, release: str, md5: str) -> None:
    (row,) = [one for one in defaults(side) if (one.program, one.release) == ("OpenSSH", release)]
    assert hassh(row.proposal, client=side == "client").hash == md5


def test_the_example_of_the_definition() -> None:
    """paramiko 2.4.1 of the authors' table: lists and hash."""
    lists = {
        "kex_algorithms": "ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
        "diffie-hellman-group-exchange-sha256,diffie-hellman-group-exchange-sha1,diffie-hellman-group14-sha1,"
        "diffie-hellman-group1-sha1",
        "encryption": "aes128-ctr,aes192-ctr,aes256-ctr,aes128-cbc,aes192-cbc,aes256-cbc,blowfish-cbc,3des-cbc",
        "mac": "hmac-sha2-256,hmac-sha2-512,hmac-sha1,hmac-md5,hmac-sha1-96,hmac-md5-96",
        "compression": "none",
    }
    assert hassh(offer(**lists), client=True).hash == "b5752e36ba6c5979a575e43178908adf"


TSHARK = shutil.which("tshark")


@pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")
@pytest.mark.parametrize(
    "name", ["ok-openssh", "ok-plink", "ok-dbclient", "ok-paramiko", "ok-asyncssh", "ok-dropbear-server"]
)
def test_wireshark_says_the_same(name: str) -> None:
    capture = ROOT / "samples" / name / "capture.pcap"
    fields = ("ssh.kex.hassh", "ssh.kex.hasshserver")
    argv = [str(TSHARK), "-n", "-r", str(capture), "-T", "fields", *(w for field in fields for w in ("-e", field))]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    said = [line.split("\t") for line in done.stdout.splitlines() if line.strip()]
    (session,) = sshpcap.analyze(capture).sessions
    ours = [party.hassh.hash for party in (session.client, session.server) if party.hassh]
    assert ours == [next(row[place] for row in said if row[place]) for place in (0, 1)]


def test_the_string_is_of_the_own_direction() -> None:
    value = offer(
        kex_algorithms="k1,k2",
        encryption_algorithms_client_to_server="ec",
        encryption_algorithms_server_to_client="es",
        mac_algorithms_client_to_server="mc",
        mac_algorithms_server_to_client="ms",
        compression_algorithms_client_to_server="cc",
        compression_algorithms_server_to_client="",
    )
    assert hassh(value, client=True).string == "k1,k2;ec;mc;cc"
    assert hassh(value, client=False).string == "k1,k2;es;ms;"
