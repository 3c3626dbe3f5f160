"""SSH-1: its packets and the few messages that are readable (draft-ylonen-ssh-protocol-00, "The Binary Packet Protocol"
and "Detailed Description of Packet Types and Formats").

Nobody should speak it any more; old devices do. Behind SSH_CMSG_SESSION_KEY everything is encrypted.
"""

import hashlib
import zlib
from collections.abc import Callable
from typing import Final

from sshpcap import limits
from sshpcap.ssh.cut import Unit
from sshpcap.ssh.messages import Fields, Parsed
from sshpcap.ssh.wire import Reader, WireError

PUBLIC_KEY: Final = "SSH1_SMSG_PUBLIC_KEY"
SESSION_KEY: Final = "SSH1_CMSG_SESSION_KEY"

_NAMES: Final = {
    1: "SSH1_MSG_DISCONNECT",
    2: PUBLIC_KEY,
    3: SESSION_KEY,
    32: "SSH1_MSG_IGNORE",
    36: "SSH1_MSG_DEBUG",
}
_CIPHERS: Final = {0: "none", 1: "IDEA", 2: "DES", 3: "3DES", 4: "TSS", 5: "RC4", 6: "Blowfish"}
_AUTHENTICATIONS: Final = {
    1: "rhosts",
    2: "RSA",
    3: "password",
    4: "rhosts with RSA",
    5: "TIS",
    6: "Kerberos",
    16: "CryptoCard",
}
"""The draft's, and what PuTTY calls 16."""
_SMALLEST: Final = 5  # a type and the checksum


def spoken_between(client: str, server: str) -> bool:
    """Whether two protocol versions mean SSH-1: both sides speak it, and one of them nothing else."""
    return client.startswith("1.") and server.startswith("1.") and (client, server) != ("1.99", "1.99")


def cut(octets: bytes, at: int, missing_from: int | None) -> tuple[Unit, ...]:
    """The clear packets from a place on. What has no fitting checksum is no clear packet, and nothing behind it is."""
    units: list[Unit] = []
    end_of_all = len(octets) if missing_from is None else missing_from
    while len(units) < limits.MAX_MESSAGES and at + 4 <= end_of_all:
        length = int.from_bytes(octets[at : at + 4], "big")
        padding = 8 - length % 8
        end = at + 4 + padding + length
        if not _SMALLEST <= length <= limits.MAX_PACKET_LENGTH or end > end_of_all:
            break
        body, checksum = octets[at + 4 : end - 4], int.from_bytes(octets[end - 4 : end], "big")
        if _checksum(body) != checksum or octets[at + 4 + padding] not in _NAMES:
            break
        units.append(Unit("packet", at, end, at + 4 + padding, end - 4, True))
        at = end
        if octets[units[-1].payload_start] == 3:
            break
    return tuple(units)


def _checksum(octets: bytes) -> int:
    """CRC-32 of ISO 3309, but from zero and not inverted."""
    return zlib.crc32(octets, 0xFFFFFFFF) ^ 0xFFFFFFFF


def parse(payload: bytes) -> Parsed:
    """A payload, its type included. Never raises."""
    number = payload[0]
    name = _NAMES.get(number, f"SSH1 message {number}")
    parser = _PARSERS.get(number)
    if parser is None:
        return Parsed(number, name, {})
    try:
        return Parsed(number, name, parser(Reader(payload, 1)))
    except WireError as error:
        return Parsed(number, name, {}, error.malformed)


def _text(reader: Reader) -> Fields:
    return {"description": reader.text("description")}


def _public_key(reader: Reader) -> Fields:
    reader.take(8, "cookie")
    server_bits, host = 0, b""
    host_bits = 0
    for which in ("server key", "host key"):
        reader.uint32(f"{which} bits")
        exponent = _mpint(reader, f"{which} exponent")
        modulus = _mpint(reader, f"{which} modulus")
        bits = int.from_bytes(modulus, "big").bit_length()
        if which == "server key":
            server_bits = bits
        else:
            host_bits, host = bits, modulus + exponent
    flags = reader.uint32("protocol flags")
    ciphers = _named(reader.uint32("supported ciphers"), _CIPHERS)
    authentications = _named(reader.uint32("supported authentications"), _AUTHENTICATIONS)
    return {
        "server_key_bits": server_bits,
        "host_key_bits": host_bits,
        "host_key_md5": "MD5:" + hashlib.md5(host, usedforsecurity=False).digest().hex(":"),
        "protocol_flags": flags,
        "ciphers": ciphers,
        "authentications": authentications,
    }


def _session_key(reader: Reader) -> Fields:
    cipher = reader.byte("cipher")
    reader.take(8, "cookie")
    key = _mpint(reader, "session key")
    return {"cipher": _CIPHERS.get(cipher, f"cipher {cipher}"), "session_key_octets": len(key)}


def _mpint(reader: Reader, field: str) -> bytes:
    """An integer of SSH-1: its bits in two octets, then as few octets as hold them."""
    bits = int.from_bytes(reader.take(2, field), "big")
    return reader.take((bits + 7) // 8, field)


def _named(mask: int, names: dict[int, str]) -> tuple[str, ...]:
    return tuple(names.get(bit, f"number {bit}") for bit in range(32) if mask >> bit & 1)


_PARSERS: Final[dict[int, Callable[[Reader], Fields]]] = {1: _text, 2: _public_key, 3: _session_key, 36: _text}
