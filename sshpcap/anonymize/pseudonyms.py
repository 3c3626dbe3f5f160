"""Pseudonyms: a key, and what it makes of addresses, ports, names and keys. Deterministic; nothing is remembered.

Addresses: bit by bit, each bit turned or not by a keyed hash of the bits before it (the scheme of Crypto-PAn, Xu et
al. 2002), so that common prefixes stay common. The leading bits that say what kind of address it is are kept. Must not
know: results, frames.
"""

import re
import secrets
import string
from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

KEY_OCTETS: Final = 32
_KEPT_BITS: Final = {4: 4, 16: 10}
"""Class of an IPv4 address; of IPv6 whether it is global, unique local, link-local or multicast."""
_MEANINGFUL: Final = frozenset(
    (bytes(4), bytes.fromhex("ffffffff"), bytes.fromhex("7f000001"), bytes(16), bytes(15) + b"\1")
)
"""Addresses that tell nothing of anybody: unspecified, broadcast, loopback."""

_IPV4: Final = rb"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]*\d)"
_IPV6: Final = rb"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{0,4})(?![\w:])"
_MAC: Final = rb"(?<![\w:-])[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}(?![\w:-])"
_DASHED: Final = rb"(?<![\w-])(?:ip-)?\d{1,3}(?:-\d{1,3}){3}(?![\w-])"
"""An address as part of a name, as clouds make them."""
_LABEL: Final = rb"[A-Za-z0-9_\x80-\xff][A-Za-z0-9_\x80-\xff-]{0,62}"
_HOST: Final = rb"(?<![\w.-])(?:%s\.)+(?:[A-Za-z]{2,63}|[a-z\x80-\xff]{2,63})(?![\w-])" % _LABEL
_AT_HOST: Final = rb"(?<![\w.-])[\w.+-]{1,64}@[\w\x80-\xff.-]{1,253}"
"""A user at a host, or an address of mail; the domain may be missing."""
_NAMED: Final = b"|".join((_AT_HOST, _HOST))
_WIRE: Final = re.compile(rb"(?P<mac>%s)|(?P<dashed>%s)|(?P<four>%s)|(?P<six>%s)|(?P<host>%s)"
                          % (_MAC, _DASHED, _IPV4, _IPV6, _NAMED))  # fmt: skip
_LENGTH: Final = re.compile(rb"(\x00\x00[\x00-\x0f].)", re.DOTALL)
"""The length of a string (RFC 4251 §5) in a message."""
_ADDRESS: Final = re.compile(b"|".join((_IPV4, _IPV6)))
_OF_HTTP: Final = re.compile(
    rb"^[A-Z]{3,12} (?P<target>[^\s:]+)[^\r\n]* HTTP/"
    rb"|^(?:host|user-agent|server|via|from|referer|origin|location|forwarded|x-[\w-]{1,40})[ \t]*:[ \t]*"
    rb"(?P<value>[^\r\n]+)",
    re.IGNORECASE | re.MULTILINE,
)
"""Where HTTP names hosts and users, whatever the names look like."""
_NAMES: Final = re.compile(b"|".join((_MAC, _DASHED, _NAMED)))
ADDRESS_LIKE: Final = re.compile(b"|".join((_MAC, _DASHED)))
"""MAC addresses, and addresses in names: digits and not letters stand for them."""
_MAPPED: Final = bytes(10) + b"\xff\xff"
"""An IPv4 address as one of IPv6 begins so (RFC 4291 §2.5.5.2)."""
_LETTERS: Final = string.ascii_lowercase.encode()


def new_key() -> bytes:
    """A key that nobody has used before."""
    return secrets.token_bytes(KEY_OCTETS)


class Pseudonyms:
    """What a key makes of values."""

    def __init__(self, key: bytes, *, ports: bool = False, keys: bool = False) -> None:
        """`ports`: replace ports above 1023 too. `keys`: replace host keys too."""
        self._key = blake2b(key, digest_size=KEY_OCTETS).digest()
        self.ports = ports
        self.keys = keys
        self.address = lru_cache(maxsize=1 << 16)(self._address)

    def _digest(self, what: bytes, value: bytes, size: int = 16) -> bytes:
        return blake2b(value, key=self._key, digest_size=size, person=what).digest()

    def _address(self, octets: bytes) -> bytes:
        """The pseudonym of an IPv4 or IPv6 address."""
        if octets in _MEANINGFUL:
            return octets
        if len(octets) == 16 and octets.startswith(_MAPPED):
            return _MAPPED + self._address(octets[len(_MAPPED) :])
        size = len(octets) * 8
        number = int.from_bytes(octets, "big")
        turned = 0
        for bit in range(_KEPT_BITS[len(octets)], size):
            before = number >> (size - bit)
            seed = bytes((len(octets), bit)) + before.to_bytes(16, "big")
            turned |= (self._digest(b"address", seed, 1)[0] & 1) << (size - bit - 1)
        return (number ^ turned).to_bytes(len(octets), "big")

    def address_text(self, text: str) -> str:
        """The same for an address as people write it. Raises ValueError for what is none."""
        octets = self.address(ip_address(text).packed)
        return str(IPv4Address(octets) if len(octets) == 4 else IPv6Address(octets))

    def mac(self, octets: bytes) -> bytes:
        """The pseudonym of an Ethernet address: locally administered; group addresses stay."""
        if not octets.strip(b"\0") or octets[0] & 1:
            return octets
        made = self._digest(b"mac", octets, len(octets))
        return bytes([made[0] & 0xFC | 2]) + made[1:]

    def port(self, port: int) -> int:
        """The pseudonym of a port above 1023, if ports are to be replaced. A permutation: ports stay different."""
        if not self.ports or port < 1024:
            return port
        while True:  # a Feistel network over 16 bits, walked until it ends above 1023 again
            left, right = port >> 8, port & 0xFF
            for turn in range(4):
                left, right = right, left ^ self._digest(b"port", bytes((turn, right)), 1)[0]
            port = left << 8 | right
            if port >= 1024:
                return port

    def letters(self, value: bytes, size: int | None = None) -> bytes:
        """As many letters as the value has octets (or `size`)."""
        size = len(value) if size is None else size
        made = b""
        while len(made) < size:
            made += self._digest(b"letters", value + len(made).to_bytes(4, "big"), 64)
        return bytes(_LETTERS[octet % 26] for octet in made[:size])

    def octets(self, value: bytes) -> bytes:
        """As many octets as the value has."""
        made = b""
        while len(made) < len(value):
            made += self._digest(b"octets", value + len(made).to_bytes(4, "big"), 64)
        return made[: len(value)]


def masked(octets: bytes) -> bytes:
    """Text of a peer with addresses as zeros and host names as "h": as long as before, because lengths matter there."""

    def mask(found: re.Match[bytes]) -> bytes:
        sign = b"h" if found["host"] else b"0"
        digits = rb"[A-Za-z0-9_\x80-\xff-]" if found["host"] else rb"[0-9A-Fa-f]"
        return re.sub(digits, sign, found[0])

    octets = _OF_HTTP.sub(_without_names, octets)
    # The octet of a length must not be taken for the first letter of the text behind it.
    return b"".join(_WIRE.sub(mask, part) if place % 2 == 0 else part
                    for place, part in enumerate(_LENGTH.split(octets)))  # fmt: skip


def _without_names(found: re.Match[bytes]) -> bytes:
    first, last = (at - found.start() for at in found.span(found.lastgroup or 0))
    return found[0][:first] + re.sub(rb"[A-Za-z0-9_\x80-\xff]", b"h", found[0][first:last]) + found[0][last:]


def host_names(octets: bytes) -> set[bytes]:
    """What looks like a name of a host (with a domain, or where HTTP has one), a user at a host or a MAC address in a
    text of a peer."""
    found = {one[0] for one in _NAMES.finditer(octets)}
    found |= {one[one.lastgroup or 0] for one in _OF_HTTP.finditer(octets)} - {b"/"}
    return {name for name in found if ADDRESS_LIKE.fullmatch(name) or not _ADDRESS.fullmatch(name)}
