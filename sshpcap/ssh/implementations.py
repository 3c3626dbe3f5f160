"""Which program an identification string names: rows of (pattern over the software field, name)."""

import re
from functools import lru_cache
from typing import Final

_ROWS: Final = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
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
    )
)


@lru_cache(256)
def recognise(software: str) -> tuple[str | None, str | None]:
    """Name and version of the program that a software field (RFC 4253 §4.2) names, each None where unknown."""
    for pattern, name in _ROWS:
        match = pattern.match(software)
        if match:
            return name, match.groupdict().get("version")
    return None, None
