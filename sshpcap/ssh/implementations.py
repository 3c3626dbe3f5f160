"""Which program an identification string names: rows of (pattern over the software field, name)."""

import re
from functools import lru_cache
from typing import Final

_ROWS: Final = (
    (r"OpenSSH_for_Windows_(?P<version>[\w.]+)", "OpenSSH for Windows"),
    (r"OpenSSH[_-](?P<version>\d[\w.]*)", "OpenSSH"),
    (r"dropbear(?:_(?P<version>[\w.]+))?$", "Dropbear"),
    (r"PuTTY_Release_(?P<version>[\w.]+)", "PuTTY"),
    (r"PuTTY_(?P<version>.+)", "PuTTY"),
    (r"WinSCP_release_(?P<version>[\w.]+)", "WinSCP"),
    (r"FileZilla_(?P<version>[\w.]+)", "FileZilla"),
    (r"paramiko_(?P<version>[\w.]+)", "paramiko"),
    (r"AsyncSSH_(?P<version>[\w.]+)", "AsyncSSH"),
    (r"libssh2_(?P<version>[\w.]+)", "libssh2"),
    (r"libssh[_-](?P<version>[\w.]+)", "libssh"),
    (r"JSCH[_-](?P<version>[\w.]+)", "JSch"),
    (r"Go$", "Go x/crypto/ssh"),
    (r"ssh2js(?P<version>[\w.]+)", "ssh2 (Node.js)"),
    (r"russh_(?P<version>[\w.]+)", "russh"),
    (r"Cisco-(?P<version>[\w.]+)", "Cisco"),
    (r"ROSSSH", "MikroTik RouterOS"),
    (r"mod_sftp(?:/(?P<version>[\w.]+))?", "ProFTPD mod_sftp"),
    (r"Erlang/(?P<version>[\w.]+)", "Erlang ssh"),
    (r"lshd-(?P<version>[\w.]+)", "lsh"),
    (r"APACHE-SSHD-(?P<version>[\w.]+)", "Apache MINA SSHD"),
    (r"Twisted(?:_(?P<version>[\w.]+))?", "Twisted Conch"),
    (r"HUAWEI-(?P<version>[\w.]+)", "Huawei VRP"),
    (r"Sun_SSH_(?P<version>[\w.]+)", "Sun SSH"),
    (r"Comware-(?P<version>[\w.]+)", "HPE Comware"),
    (r"mpSSH_(?P<version>[\w.]+)", "HPE iLO"),
    (r"RomSShell_(?P<version>[\w.]+)", "RomSShell"),
    (r"NetScreen", "Juniper ScreenOS"),
    (r"Mocana$", "Mocana SSH"),
    (r"Renci\.SshNet\.SshClient\.(?P<version>[\w.]+)", "SSH.NET"),
    (r"phpseclib_(?P<version>[\w.]+)", "phpseclib"),
    (r"WeOnlyDo[- ](?P<version>[\w.]+)", "WeOnlyDo"),
    (r"AWS_SFTP_(?P<version>[\w.]+)", "AWS Transfer Family"),
)
_IN_COMMENT: Final = (
    (r"FlowSsh: Bitvise SSH Server(?: \([^)]*\))?(?: (?P<version>[\d.]+))?", "Bitvise SSH Server"),
    (r"FlowSsh: Bitvise SSH Client(?: \([^)]*\))?(?: (?P<version>[\d.]+))?", "Bitvise SSH Client"),
    (r"SSH Tectia (?:Server|Client)", "Tectia"),
    (r"SSH Secure Shell", "SSH Secure Shell"),
)
"""Programs that have a number for a name, and say who they are in the comment."""

_DISTRIBUTIONS: Final = (
    (r"Debian-\S*[+~]deb(?P<release>\d+)\S*", "Debian"),
    (r"Debian-\S+", "Debian"),
    (r"Ubuntu-\S+", "Ubuntu"),
    (r"Raspbian-\S*[+~]deb(?P<release>\d+)\S*", "Raspbian"),
    (r"Raspbian-\S+", "Raspbian"),
    (r"FreeBSD-\d+", "FreeBSD"),
    (r"NetBSD\S*", "NetBSD"),
)


@lru_cache(256)
def recognise(software: str, comment: str | None = None) -> tuple[str | None, str | None]:
    """Name and version of the program that a software field (RFC 4253 §4.2) names, each None where unknown."""
    for pattern, name in _IN_COMMENT if comment else ():
        if found := re.match(pattern, comment or ""):
            return name, found.groupdict().get("version") or software
    for pattern, name in _ROWS:
        match = re.match(pattern, software)
        if match:
            return name, match.groupdict().get("version")
    return None, None


@lru_cache(256)
def distribution(comment: str | None) -> str | None:
    """Whose build it is, and its patch level: "Debian 12 (2+deb12u10)"; None where the comment does not tell."""
    for pattern, name in _DISTRIBUTIONS:
        if found := re.match(pattern, comment or ""):
            release = found.groupdict().get("release")
            level = found[0].partition("-")[2]
            return " ".join(part for part in (name, release, f"({level})" if level else "") if part)
    return None
