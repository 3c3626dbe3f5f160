"""What a report says of the key that a server showed: the key, what it signed with, its certificate, and the forms in
which people compare it.

A certificate may have thousands of names of any length: they are told in part.
"""

import base64
from collections.abc import Iterable
from typing import Final, NamedTuple

from sshpcap.model import Certificate, HostKey, Timestamp

_SHOWN_NAMES: Final = 8
_SHOWN_NAME: Final = 100
_SHOWN_LINE: Final = 3000
"""The line of an RSA key of 16,384 bits fits."""


class KeyPart(NamedTuple):
    """One way to write the host key down."""

    name: str
    lines: tuple[str, ...]
    whole: bool
    """Lines to be copied or looked at as they stand, never wrapped."""


def key_fact(key: HostKey) -> str:
    """The host key in one line."""
    bits = f", {key.bits} bits" if key.bits else ""
    return f"{key.type}{bits}, {key.sha256} (frame {key.frame}){_signed(key)}"


def _signed(key: HostKey) -> str:
    """What the server signed with, where that is not the name of the key's type itself."""
    if key.signature_algorithm is None or (key.signature_as_agreed is True and key.signature_algorithm == key.type):
        return ""
    agreed = {True: ", as agreed", False: ", which was not agreed on", None: ""}[key.signature_as_agreed]
    return f"; signed with {key.signature_algorithm}{agreed}"


def certificate_fact(certificate: Certificate) -> str:
    """A certificate in one sentence: what for, how long, of whom."""
    named = _few(certificate.principals) or "every name"
    shown = "" if certificate.when_shown == "valid" else f", {certificate.when_shown} when it was shown"
    size = f", {certificate.ca_bits} bits," if certificate.ca_bits else ""
    how = certificate.signed_with
    size += f" with {_short(how)}{' (SHA-1)' if how == 'ssh-rsa' else ''}," if how and "rsa" in how else ""
    options = f"; critical options: {_few(certificate.critical_options)}" if certificate.critical_options else ""
    kind = "" if certificate.type == "host" else f", a certificate for a {certificate.type}, which no client accepts"
    return (
        f'"{_short(certificate.key_id)}", serial {certificate.serial}, for {named}; valid {_window(certificate)}'
        f"{shown}; signed by {_short(certificate.ca_type)}{size} {certificate.ca_sha256}{options}{kind}"
    )


def _few(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(_short(name) for name in names[:_SHOWN_NAMES]) + more


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_NAME else text[:_SHOWN_NAME] + "…"


def _window(certificate: Certificate) -> str:
    after, before = certificate.valid_after, certificate.valid_before
    if before is None:
        return f"from {_moment(after)} on" if after else "for ever"
    return f"from {_moment(after)} to {_moment(before)}" if after else f"until {_moment(before)}"


def _moment(at: Timestamp) -> str:
    """Certificates count in whole seconds."""
    return f"{str(at)[:19].replace('T', ' ')} UTC"


def key_parts(key: HostKey | None) -> tuple[KeyPart, ...]:
    """The host key in every form that somebody may want to compare or to enter; HOST is the server's name in DNS."""
    return tuple(_parts(key)) if key is not None else ()


def _parts(key: HostKey) -> Iterable[KeyPart]:
    yield KeyPart("SHA256", (key.sha256,), False)
    yield KeyPart("MD5", (key.md5,), False)
    if key.sshfp:
        yield KeyPart("SSHFP records for DNS", tuple(f"HOST {record}" for record in key.sshfp), True)
    if key.known_hosts_line:
        if len(key.known_hosts_line) <= _SHOWN_LINE:
            yield KeyPart("Line for known_hosts", (key.known_hosts_line,), True)
    elif key.blob and len(key.blob) <= _SHOWN_LINE:
        yield KeyPart("The key, in base64", (base64.b64encode(key.blob).decode(),), True)
    if key.randomart:
        yield KeyPart("Randomart, as ssh-keygen -lv draws it", key.randomart, True)
