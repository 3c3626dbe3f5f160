"""What programs print, fitted to the versions that named themselves and to how the client left.

Asked once for every finding, when the rules are through; a rule may quote every version, and a client that closed.
"""

import re
from typing import Final

import msgspec

from sshpcap.model import TEXTS_OF, Finding, Party, Session
from sshpcap.ssh.abilities import version_of

_RELEASE: Final = re.compile(r"_(since|before)_(\d+(?:_\d+)?)(?=_|$)")
"""In the name of a text: the releases of the program that print it in place of the text without that part."""
_NUMBERED: Final = ("OpenSSH", "OpenSSH for Windows", "PuTTY")
"""The programs whose releases these are; others with the same texts (WinSCP) count their own."""
_QUIET_SINCE: Final = (9, 5)
"""OpenSSH says what is wrong with the other's first line at LogLevel VERBOSE only (kex.c), which is not the default."""
_FIRST_LINE: Final = "kex_exchange_identification: "


def quoted(session: Session, finding: Finding) -> Finding:
    """The finding with the texts of the programs that are there, as far as they are known."""
    texts = _as_the_client_left(session, _of_the_releases(session, finding.expected_messages))
    return finding if texts == finding.expected_messages else msgspec.structs.replace(finding, expected_messages=texts)


def _of_the_releases(session: Session, texts: dict[str, str]) -> dict[str, str]:
    fitted: dict[str, str] = {}
    for name, text in texts.items():
        release = _release(session.server if "_log" in name else session.client, name)
        found = _RELEASE.search(name)
        if found is None or release is None:
            fitted.setdefault(name, text)
            continue
        since, number = found[1] == "since", tuple(map(int, found[2].split("_")))
        if (release >= number) == since:
            fitted[name[: found.start()] + name[found.end() :]] = text
    log = fitted.get("sshd_log", "")
    release = _release(session.server, "sshd_log")
    if release is not None and release >= _QUIET_SINCE and log.startswith(_FIRST_LINE):
        fitted["sshd_log"] = log.partition(" / ")[2]
        fitted["sshd_log_with_loglevel_verbose"] = log
    return {name: text for name, text in fitted.items() if text}


def _release(party: Party, name: str) -> tuple[int, ...] | None:
    """The release of the party's program, where a text of this name is its own."""
    said = party.identification
    if said is None or said.implementation not in _NUMBERED:
        return None
    if name.partition("_")[0] not in TEXTS_OF[said.implementation]:
        return None
    return version_of(said.version)


def _as_the_client_left(session: Session, texts: dict[str, str]) -> dict[str, str]:
    """What sshd logs of a client that leaves tells FIN, RST and SSH_MSG_DISCONNECT apart."""
    close, client = session.close, session.client
    if close.by != "client":
        return texts
    place, said = f"{client.address} port {client.port}", close.disconnect
    fitted = dict(texts)
    for name in ("sshd_log", "sshd_log_with_loglevel_verbose"):
        text = texts.get(name)
        if text is None:
            continue
        if said is not None and said.by == "client" and text == f"Connection closed by {place} [preauth]":
            fitted[name] = f"Received disconnect from {place}:{said.code}: {said.description} [preauth]"
        elif close.how == "rst" and _FIRST_LINE in text and session.server.identification is None:
            del fitted[name]  # recorded with 9.2: sshd did not get to its own first line, and logs nothing
        elif close.how == "rst":
            fitted[name] = of_a_reset(text, place)
    return fitted


def of_a_reset(text: str, place: str = "{client} port {client_port}") -> str:
    """What sshd logs of a client that closed, as it logs it of one that reset the connection."""
    text = text.replace("Connection closed by remote host", "read: Connection reset by peer")
    return text.replace(f"Connection closed by {place}", f"Connection reset by {place}")
