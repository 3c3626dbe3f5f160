"""Logins in clear text in front of SSH: those of HTTP (RFC 9110 §11, cookies) and of SOCKS 5 (RFC 1929).

No report shows them, and no slice has them. Lengths stay: they matter to who looks at offsets.
"""

import re
from typing import Final

_HTTP: Final = re.compile(
    rb"(?:\A|[\r\n])(?:(?:proxy-)?authorization|(?:set-)?cookie2?)[ \t]*:[ \t]*"
    rb"(?:(?:basic|bearer|digest|negotiate|ntlm)[ \t]+)?([^\r\n]+)",
    re.IGNORECASE,
)
_HIDDEN: Final = b"*"


def places(octets: bytes | bytearray) -> list[tuple[int, int]]:
    """Where the beginning of a stream, or a line of it, has a login: from, to."""
    if octets[:1] == b"\5":
        return _socks5(octets)
    return [found.span(1) for found in _HTTP.finditer(octets)]


def hidden(octets: bytes | bytearray) -> bytes:
    """The same octets with an asterisk for each of a login."""
    out = bytearray(octets)
    for first, last in places(octets):
        out[first:last] = _HIDDEN * (last - first)
    return bytes(out)


def _socks5(octets: bytes | bytearray) -> list[tuple[int, int]]:
    """Methods, then version 1, user name and password, each behind its length."""
    at = 2 + (octets[1] if len(octets) > 1 else 0)
    if octets[at : at + 1] != b"\1" or len(octets) <= at + 1:
        return []
    password = at + 2 + octets[at + 1]
    if len(octets) <= password:
        return [(at + 2, len(octets))]
    return [(at + 2, password), (password + 1, min(len(octets), password + 1 + octets[password]))]
