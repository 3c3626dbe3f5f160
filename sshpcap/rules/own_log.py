"""What is advised for a server, fitted to its program: no line for sshd where another one named itself.

Asked once for every finding, when the rules are through; a rule may advise as if every server were sshd.
"""

import re
from typing import Final

import msgspec

from sshpcap.model import Finding, Remedy, Session

_SSHD: Final = ("OpenSSH", "OpenSSH for Windows", "Sun SSH")
"""Programs to which what is said of sshd applies. A program that is not known may be one of them."""

_DEVICES: Final = (
    "Cisco",
    "HPE Comware",
    "HPE iLO",
    "Huawei VRP",
    "Juniper ScreenOS",
    "MikroTik RouterOS",
    "Mocana SSH",
    "RomSShell",
)
_LOGS: Final = {
    "Dropbear": "look at syslog at that time (`logread` on OpenWrt), and at the options that Dropbear runs with"
}
_OF_SSHD: Final = re.compile(r"\bsshd|\bjournalctl\b|\bsystemctl\b|/etc/ssh/(?!moduli)")
_OF_LINUX: Final = re.compile(r"(?:^|; |&& )(?:ps|ss|dmesg|nstat|ssh-keygen|sysctl|uptime|last|time getent|cat|ls) ")
"""Commands of a shell, which a device does not have."""
_LOG: Final = re.compile(r"\blog\b")


def program(session: Session) -> str | None:
    """The server's program, where its identification string names one that is not sshd."""
    said = session.server.identification
    name = said.implementation if said else None
    return None if name in _SSHD else name


def is_device(session: Session) -> bool:
    """Whether the server is a device of a network: a switch, a router, a management board."""
    return program(session) in _DEVICES


def fitted(session: Session, finding: Finding) -> Finding:
    """The finding without what is for sshd alone: instead of its log and settings the program's own, once.

    What is to be done on any server stays, without sshd's command for it.
    """
    name = program(session)
    if name is None:
        return finding
    kept: list[Remedy] = []
    own = Remedy(side="server", action=_own_log(name))
    for remedy in finding.remedies:
        command = remedy.command or ""
        foreign = _OF_SSHD.search(f"{remedy.action} {command}") or (name in _DEVICES and _OF_LINUX.search(command))
        if remedy.side != "server" or not foreign:
            kept.append(remedy)
        elif not _OF_SSHD.search(remedy.action) and not _LOG.search(remedy.action):
            kept.append(msgspec.structs.replace(remedy, action=remedy.action.rstrip(":"), command=None))
        elif own not in kept:
            kept.append(own)
    messages = {key: text for key, text in finding.expected_messages.items() if not key.startswith("sshd_log")}
    return msgspec.structs.replace(finding, remedies=tuple(kept), expected_messages=messages)


def _own_log(name: str) -> str:
    if name in _DEVICES:
        return f"look at the device's own log at that time, and at its settings: it is {name}, not OpenSSH"
    return _LOGS.get(name, f"look at the log of the program that serves ({name}) at that time, and at its settings")
