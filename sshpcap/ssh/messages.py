"""Payload of a clear packet → a value: one parser per message number, and an honest answer for what is not known.

Key exchange messages (30–49) need the negotiated method: `kex.py`.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from sshpcap.model import FieldValue, KexInit
from sshpcap.ssh import numbers
from sshpcap.ssh.wire import Malformed, Reader, WireError

Fields = dict[str, FieldValue]

NAME_LISTS: Final = (
    "kex_algorithms",
    "server_host_key_algorithms",
    "encryption_algorithms_client_to_server",
    "encryption_algorithms_server_to_client",
    "mac_algorithms_client_to_server",
    "mac_algorithms_server_to_client",
    "compression_algorithms_client_to_server",
    "compression_algorithms_server_to_client",
    "languages_client_to_server",
    "languages_server_to_client",
)
"""The slots of SSH_MSG_KEXINIT in the order of the wire (RFC 4253 §7.1)."""


class Disconnect(NamedTuple):
    """SSH_MSG_DISCONNECT (RFC 4253 §11.1)."""

    code: int
    description: str
    language: str


class Parsed(NamedTuple):
    """A payload: its number and name, its fields for people, and for some messages a typed value."""

    number: int
    name: str
    fields: Fields
    value: KexInit | Disconnect | Malformed | None = None
    known: bool = True


_KNOWN_PROPOSALS: Final[dict[bytes, KexInit]] = {}
"""Proposals read before, by what stands behind the cookie: a program sends the same lists every time."""

_MAX_KNOWN_PROPOSALS: Final = 256
_MAX_KNOWN_OCTETS: Final = 8192


def _kexinit(reader: Reader) -> tuple[Fields, KexInit]:
    cookie = reader.take(16, "cookie").hex()
    block = reader.octets[reader.at :]
    known = _KNOWN_PROPOSALS.get(block)
    if known is not None:
        return {"first_kex_packet_follows": known.first_kex_packet_follows}, msgspec.structs.replace(
            known, cookie=cookie
        )
    fields, value = _read_kexinit(reader, cookie)
    if reader.at < len(reader.octets):
        # OpenSSH leaves for that, other programs read on.
        return {**fields, "trailing_octets": len(reader.octets) - reader.at}, value
    if len(_KNOWN_PROPOSALS) < _MAX_KNOWN_PROPOSALS and len(block) <= _MAX_KNOWN_OCTETS:
        _KNOWN_PROPOSALS[block] = value
    return fields, value


def _read_kexinit(reader: Reader, cookie: str) -> tuple[Fields, KexInit]:
    lists = {name: reader.name_list(name) for name in NAME_LISTS}
    follows = reader.boolean("first_kex_packet_follows")
    reader.uint32("reserved")
    value = msgspec.convert({**lists, "first_kex_packet_follows": follows, "cookie": cookie}, KexInit)
    return {"first_kex_packet_follows": follows}, value


def _disconnect(reader: Reader) -> tuple[Fields, Disconnect]:
    code, description = reader.uint32("reason code"), reader.text("description")
    # Old programs leave the language tag out.
    language = reader.text("language tag") if reader.at < len(reader.octets) else ""
    fields: Fields = {"reason": code, "name": numbers.disconnect_name(code), "description": description}
    if language:
        fields["language"] = language
    return fields, Disconnect(code, description, language)


def _ignore(reader: Reader) -> tuple[Fields, None]:
    return {"data_octets": len(reader.string("data"))}, None


def _unimplemented(reader: Reader) -> tuple[Fields, None]:
    return {"sequence_number": reader.uint32("packet sequence number")}, None


def _debug(reader: Reader) -> tuple[Fields, None]:
    always_display = reader.boolean("always_display")
    fields: Fields = {"always_display": always_display, "message": reader.text("message")}
    reader.text("language tag")
    return fields, None


def _ext_info(reader: Reader) -> tuple[Fields, None]:
    names = []
    for _ in range(min(reader.uint32("nr-extensions"), 64)):
        names.append(reader.text("extension-name"))
        reader.string("extension-value")
    return {"extensions": tuple(names)}, None


def _empty(_: Reader) -> tuple[Fields, None]:
    return {}, None


_PARSERS: Final[dict[int, Callable[[Reader], tuple[Fields, KexInit | Disconnect | None]]]] = {
    numbers.DISCONNECT: _disconnect,
    numbers.IGNORE: _ignore,
    numbers.UNIMPLEMENTED: _unimplemented,
    numbers.DEBUG: _debug,
    numbers.EXT_INFO: _ext_info,
    numbers.KEXINIT: _kexinit,
    numbers.NEWKEYS: _empty,
}


def number_alone(payload: bytes) -> Parsed:
    """What is known of a payload that the capture has in part: its number."""
    return Parsed(payload[0], numbers.message_name(payload[0]), {})


def parse(payload: bytes) -> Parsed:
    """Parse the payload of a packet, its number included. Never raises: what is malformed is a value."""
    number = payload[0]
    parser = _PARSERS.get(number)
    name = numbers.message_name(number)
    if parser is None:
        return Parsed(number, name, {}, known=False)
    try:
        fields, value = parser(Reader(payload, 1))
    except WireError as error:
        return Parsed(number, name, {}, error.malformed)
    return Parsed(number, name, fields, value)
