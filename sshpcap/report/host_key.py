"""What a report says of the key that a server showed: the key, what it signed with, its certificate; with `--verbose`
what a user compares it by.
"""

from collections.abc import Iterable
from typing import Final

from sshpcap.model import Certificate, HostKey

_SHOWN_NAMES: Final = 8
_SHOWN_NAME: Final = 100
_SHOWN_LINE: Final = 3000
"""The line of an RSA key of 16,384 bits fits."""


def host_key_facts(key: HostKey, *, fully: bool) -> Iterable[tuple[str, str]]:
    """Rows: a name and a sentence."""
    bits = f", {key.bits} bits" if key.bits else ""
    yield "host key", f"{key.type}{bits}, {key.sha256} (frame {key.frame}){_signed(key)}"
    if key.certificate is not None:
        yield "certificate", _certificate(key.certificate)
    if fully:
        yield "MD5", key.md5
        for record in key.sshfp:
            yield "SSHFP", record
        if key.known_hosts_line is not None and len(key.known_hosts_line) <= _SHOWN_LINE:
            yield "line", f"for known_hosts: {key.known_hosts_line}"


def _signed(key: HostKey) -> str:
    """What the server signed with, where that is not the name of the key's type itself."""
    if key.signature_algorithm is None or (key.signature_as_agreed is True and key.signature_algorithm == key.type):
        return ""
    agreed = {True: ", as agreed", False: ", which was not agreed on", None: ""}[key.signature_as_agreed]
    return f"; signed with {key.signature_algorithm}{agreed}"


def _certificate(certificate: Certificate) -> str:
    """A certificate in a sentence: whose it is, when it is valid, who vouches for it."""
    first, last = certificate.valid_after, certificate.valid_before
    since = f"from {str(first)[:19]}Z" if first else "from the beginning of time"
    until = f"to {str(last)[:19]}Z" if last else "for ever"
    names = _few(certificate.principals) or "every name"
    size = f" {certificate.ca_bits} bits" if certificate.ca_bits else ""
    options = f"; critical options: {_few(certificate.critical_options)}" if certificate.critical_options else ""
    return (
        f'{certificate.type} certificate "{_short(certificate.key_id)}", serial {certificate.serial}, for {names};'
        f" valid {since} {until} ({certificate.when_shown} when it was shown); signed by"
        f" {_short(certificate.ca_type)}{size} {certificate.ca_sha256}{options}"
    )


def _few(names: tuple[str, ...]) -> str:
    """Names of a peer in a sentence: a certificate may have thousands of any length."""
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(_short(name) for name in names[:_SHOWN_NAMES]) + more


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_NAME else text[:_SHOWN_NAME] + "…"
