"""Identification strings as programs really send them."""

import pytest

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
