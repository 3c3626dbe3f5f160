"""What a proxy puts in front of the identification string: PROXY protocol, HTTP CONNECT, SOCKS.

A preamble is only believed when an identification string follows it. One function a protocol and side; to add one: a
function and a row in `PREAMBLES`.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

_LONGEST: Final = 4096
_V2_SIGNATURE: Final = bytes.fromhex("0d0a0d0a000d0a515549540a")
_SSH: Final = b"SSH-"


class Preamble(NamedTuple):
    """A preamble that ends where the identification string begins."""

    name: str
    end: int


def find(octets: bytes | bytearray) -> Preamble | None:
    """The preamble at the beginning of a stream, if an identification string follows it."""
    if not _begins(octets):
        return None
    head = bytes(octets[:_LONGEST])
    for name, measure in PREAMBLES:
        end = measure(head)
        if end and head.startswith(_SSH, end):
            return Preamble(name, end)
    return None


def possible(octets: bytes | bytearray) -> bool:
    """Whether what is there may be a preamble, or the beginning of one."""
    return len(octets) < _LONGEST and _begins(octets)


def _begins(octets: bytes | bytearray) -> bool:
    if octets and octets[0] not in _FIRST_OCTETS:
        return False
    head = bytes(octets[: len(_V2_SIGNATURE)])
    return any(head.startswith(start[: len(head)]) for start in _STARTS)


_STARTS: Final = (b"PROXY ", _V2_SIGNATURE, b"CONNECT ", b"HTTP/1.", b"\x04\x01", b"\x05", b"\x00\x5a")
_FIRST_OCTETS: Final = frozenset(start[0] for start in _STARTS)


def _proxy_v1(head: bytes) -> int:
    """HAProxy's PROXY protocol, section 2.1: one line."""
    end = head.find(b"\r\n") + 2
    return end if head.startswith(b"PROXY ") and 2 < end <= 107 else 0


def _proxy_v2(head: bytes) -> int:
    """Section 2.2: signature, version and command, family, length."""
    if not head.startswith(_V2_SIGNATURE) or len(head) < 16:
        return 0
    return 16 + int.from_bytes(head[14:16], "big")


def _http(start: bytes) -> Callable[[bytes], int]:
    """RFC 9110 §9.3.6: a CONNECT request, or the answer to one, ends with an empty line."""

    def measure(head: bytes) -> int:
        end = head.find(b"\r\n\r\n") + 4
        return end if head.startswith(start) and end > 4 else 0

    return measure


def _socks5_client(head: bytes) -> int:
    """RFC 1928 §3, §4 and RFC 1929 §2: methods, perhaps user name and password, request."""
    if len(head) < 3 or head[0] != 5:
        return 0
    at = 2 + head[1]
    if head[at : at + 1] == b"\x01":
        at += 2 + (head[at + 1] if len(head) > at + 1 else 0)
        at += 1 + (head[at] if len(head) > at else 0)
    return _socks5_address(head, at)


def _socks5_server(head: bytes) -> int:
    """RFC 1928 §3, §6 and RFC 1929 §2: method chosen, perhaps the result of the login, reply."""
    if len(head) < 2 or head[0] != 5:
        return 0
    at = 4 if head[2:3] == b"\x01" else 2
    return _socks5_address(head, at)


def _socks5_address(head: bytes, at: int) -> int:
    """Request and reply have one form: version, command or result, 0, type of address, address, port."""
    if len(head) < at + 5 or head[at] != 5 or head[at + 2] != 0:
        return 0
    size = {1: 4, 4: 16, 3: 1 + head[at + 4]}.get(head[at + 3])
    return 0 if size is None else at + 4 + size + 2


def _socks4_client(head: bytes) -> int:
    """SOCKS 4 and 4a: version, connect, port, address, user, for 4a a host name."""
    if len(head) < 9 or head[:2] != b"\x04\x01":
        return 0
    end = head.find(b"\0", 8) + 1
    if head[4:7] == bytes(3) and head[7]:
        end = head.find(b"\0", end) + 1 if end else 0
    return end


def _socks4_server(head: bytes) -> int:
    """SOCKS 4: 0, granted, port, address."""
    return 8 if head[:2] == b"\x00\x5a" else 0


PREAMBLES: Final[tuple[tuple[str, Callable[[bytes], int]], ...]] = (
    ("PROXY protocol v1", _proxy_v1),
    ("PROXY protocol v2", _proxy_v2),
    ("HTTP CONNECT", _http(b"CONNECT ")),
    ("HTTP CONNECT", _http(b"HTTP/1.")),
    ("SOCKS5", _socks5_client),
    ("SOCKS5", _socks5_server),
    ("SOCKS4", _socks4_client),
    ("SOCKS4", _socks4_server),
)
