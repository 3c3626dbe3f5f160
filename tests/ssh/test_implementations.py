"""Identification strings as programs really send them."""

import pytest

from sshpcap.ssh.identification import IdentificationLine, parse_identification
from sshpcap.ssh.implementations import distribution, recognise


@pytest.mark.parametrize(
    "software, name, version",
    [
        ("OpenSSH_9.2p1", "OpenSSH", "9.2p1"),
        ("OpenSSH_10.5", "OpenSSH", "10.5"),
        ("OpenSSH_for_Windows_9.5", "OpenSSH for Windows", "9.5"),
        ("dropbear_2022.83", "Dropbear", "2022.83"),
        ("dropbear", "Dropbear", None),
        ("PuTTY_Release_0.78", "PuTTY", "0.78"),
        ("PuTTY_Snapshot_2024_01_01.abcdef0", "PuTTY", "Snapshot_2024_01_01.abcdef0"),
        ("WinSCP_release_6.3.5", "WinSCP", "6.3.5"),
        ("paramiko_5.1.0", "paramiko", "5.1.0"),
        ("AsyncSSH_2.24.1", "AsyncSSH", "2.24.1"),
        ("libssh2_1.10.0", "libssh2", "1.10.0"),
        ("libssh_0.10.6", "libssh", "0.10.6"),
        ("JSCH-0.1.54", "JSch", "0.1.54"),
        ("Go", "Go x/crypto/ssh", None),
        ("ssh2js1.17.0", "ssh2 (Node.js)", "1.17.0"),
        ("Cisco-1.25", "Cisco", "1.25"),
        ("ROSSSH", "MikroTik RouterOS", None),
        ("mod_sftp", "ProFTPD mod_sftp", None),
        ("Mocana", "Mocana SSH", None),
        ("Erlang/4.15.2", "Erlang ssh", "4.15.2"),
        ("lshd-2.1", "lsh", "2.1"),
        ("billsSSH_3.6.3q3", None, None),
        ("GoAnywhere7.0", None, None),
        ("dropbear_like", "Dropbear", "like"),
        ("", None, None),
    ],
)
def test_recognise(software: str, name: str | None, version: str | None) -> None:
    assert recognise(software) == (name, version)


@pytest.mark.parametrize(
    "software, comment, name, version",
    [
        ("9.99", "FlowSsh: Bitvise SSH Server (WinSSHD) 9.99: free only for personal non-commercial use",
         "Bitvise SSH Server", "9.99"),
        ("8.49", "FlowSsh: Bitvise SSH Client (Tnlr) 8.49", "Bitvise SSH Client", "8.49"),
        ("6.4.17.95", "SSH Tectia Server", "Tectia", "6.4.17.95"),
        ("3.2.9", "SSH Secure Shell", "SSH Secure Shell", "3.2.9"),
        ("OpenSSH_9.2p1", "Debian-2+deb12u10", "OpenSSH", "9.2p1"),
        ("OpenSSH_9.2p1", None, "OpenSSH", "9.2p1"),
    ],
)  # fmt: skip
def test_who_says_it_in_the_comment(software: str, comment: str | None, name: str, version: str) -> None:
    assert recognise(software, comment) == (name, version)


@pytest.mark.parametrize(
    "comment, told",
    [
        ("Debian-2+deb12u10", "Debian 12 (2+deb12u10)"),
        ("Debian-10+deb9u7", "Debian 9 (10+deb9u7)"),
        ("Debian-14", "Debian (14)"),
        ("Ubuntu-3ubuntu13.5", "Ubuntu (3ubuntu13.5)"),
        ("Raspbian-10+deb10u2", "Raspbian 10 (10+deb10u2)"),
        ("FreeBSD-20240701", "FreeBSD (20240701)"),
        ("NetBSD_Secure_Shell-20231220", "NetBSD (20231220)"),
        ("lsh - a GNU ssh", None),
        ("", None),
        (None, None),
    ],
)
def test_distribution(comment: str | None, told: str | None) -> None:
    assert distribution(comment) == told


LINES = {
    # Recorded here: samples/, and tests/support/kexinits.json, which has the lines of running programs.
    "OpenSSH": (b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10", "9.2p1", "Debian 12 (2+deb12u10)"),
    "Dropbear": (b"SSH-2.0-dropbear_2022.83", "2022.83", None),
    "libssh": (b"SSH-2.0-libssh_0.10.6", "0.10.6", None),
    "libssh2": (b"SSH-2.0-libssh2_1.10.0", "1.10.0", None),
    "paramiko": (b"SSH-2.0-paramiko_5.1.0", "5.1.0", None),
    "AsyncSSH": (b"SSH-2.0-AsyncSSH_2.24.1", "2.24.1", None),
    "Go x/crypto/ssh": (b"SSH-2.0-Go", None, None),
    "PuTTY": (b"SSH-2.0-PuTTY_Release_0.78", "0.78", None),
    "ssh2 (Node.js)": (b"SSH-2.0-ssh2js1.17.0", "1.17.0", None),
    "JSch": (b"SSH-2.0-JSCH-0.1.54", "0.1.54", None),
    # From logs and sources of the programs: mwiede/jsch's log ("Local version string"), MINA's AbstractSession
    # (resolveIdentificationString), WinSCP's log ("We claim version"), russh's server/mod.rs (server_id),
    # Twisted's conch/ssh/transport.py (ourVersionString), cryptlib's ssh_id.c (Tectia), a telnet to a Cisco router,
    # WinSCP's SecureShell.cpp and OpenVAS's detection (Bitvise), RouterOS as scanners see it.
    "JSch, mwiede's": (b"SSH-2.0-JSCH_0.2.12", "0.2.12", None),
    "Apache MINA SSHD": (b"SSH-2.0-APACHE-SSHD-2.14.0", "2.14.0", None),
    "WinSCP": (b"SSH-2.0-WinSCP_release_5.21.6", "5.21.6", None),
    "Bitvise SSH Server": (b"SSH-2.0-8.49 FlowSsh: Bitvise SSH Server (WinSSHD) 8.49", "8.49", None),
    "Bitvise SSH Client": (b"SSH-2.0-8.48 FlowSsh: Bitvise SSH Client (Tunnelier) 8.48 - BvSsh", "8.48", None),
    "Tectia": (b"SSH-2.0-6.4.17.95 SSH Tectia Server", "6.4.17.95", None),
    "Cisco": (b"SSH-2.0-Cisco-1.25", "1.25", None),
    "MikroTik RouterOS": (b"SSH-2.0-ROSSSH", None, None),
    "Twisted Conch": (b"SSH-2.0-Twisted_26.10.0", "26.10.0", None),
    "Twisted Conch, older": (b"SSH-2.0-Twisted", None, None),
    "russh": (b"SSH-2.0-russh_0.46.0", "0.46.0", None),
}
"""Every program that the documents name, and a line that it sends."""


@pytest.mark.parametrize("name", LINES)
def test_whole_lines(name: str) -> None:
    line, version, build = LINES[name]
    read = parse_identification(line + b"\r\n")
    assert isinstance(read, IdentificationLine)
    assert recognise(read.software, read.comment) == (name.partition(",")[0], version)
    assert distribution(read.comment) == build


def test_twisted_says_so_itself() -> None:
    twisted = pytest.importorskip("twisted")
    transport = pytest.importorskip("twisted.conch.ssh.transport")
    said = parse_identification(transport.SSHTransportBase.ourVersionString + b"\r\n")
    assert isinstance(said, IdentificationLine)
    assert recognise(said.software, said.comment) == ("Twisted Conch", twisted.__version__)
