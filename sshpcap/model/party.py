"""What one side of a connection showed of itself."""

from typing import Literal

from sshpcap.model.base import Confidence, Value
from sshpcap.times import Timestamp


class Identification(Value, frozen=True):
    """An identification string (RFC 4253 §4.2)."""

    raw: bytes
    """The line as sent, without its line end."""
    text: str
    """The line, made printable."""
    protocol_version: str
    software: str
    comment: str | None
    implementation: str | None
    """Name of the program, where it is recognised."""
    version: str | None
    frame: int
    time: Timestamp
    line_end: Literal["crlf", "lf"]
    distribution: str | None = None
    """Whose build it is and its patch level, where the comment tells."""


class KexInit(Value, frozen=True):
    """A proposal: the ten name-lists of SSH_MSG_KEXINIT (RFC 4253 §7.1) in order of preference."""

    kex_algorithms: tuple[str, ...]
    server_host_key_algorithms: tuple[str, ...]
    encryption_algorithms_client_to_server: tuple[str, ...]
    encryption_algorithms_server_to_client: tuple[str, ...]
    mac_algorithms_client_to_server: tuple[str, ...]
    mac_algorithms_server_to_client: tuple[str, ...]
    compression_algorithms_client_to_server: tuple[str, ...]
    compression_algorithms_server_to_client: tuple[str, ...]
    languages_client_to_server: tuple[str, ...]
    languages_server_to_client: tuple[str, ...]
    first_kex_packet_follows: bool
    cookie: str
    """16 octets in hexadecimal."""
    frames: tuple[int, ...] = ()


class Hassh(Value, frozen=True):
    """HASSH or hasshServer: MD5 over the name-lists of a proposal as sent."""

    hash: str
    string: str


class KnownTypes(Value, frozen=True):
    """What the order of a client's host key algorithms tells about the keys that it knows for this server."""

    types: tuple[str, ...]
    """Types of keys that it seems to know: rsa, ecdsa, ed25519, ed448, dsa.

    Empty for none, or the one that comes first anyway.
    """
    confidence: Confidence
    reason: str


class Unreadable(Value, frozen=True):
    """Octets of the clear phase that could not be cut into lines or packets, nothing behind them is read; or the first
    octets behind NEWKEYS, where the length of a packet stays readable and is one that cannot be."""

    reason: str
    text: str
    """The first of them, made printable."""
    packet_length: int | None
    """What a receiver takes for the packet's length (its error message names this number); None before packets."""
    frame: int
    bytes: tuple[int, int]
    """First and last relative sequence number."""


class Party(Value, frozen=True):
    """One side of the connection."""

    address: str
    port: int
    identification: Identification | None = None
    pre_identification: tuple[str, ...] = ()
    """Text that this side sent before, or instead of, an identification string; made printable, a line each."""
    first_octets: str | None = None
    """What this side began with, made printable, where that is no whole identification string."""
    preamble: str | None = None
    """What a proxy put in front of the identification string: PROXY protocol, HTTP CONNECT, SOCKS."""
    kexinit: KexInit | None = None
    hassh: Hassh | None = None
    strict_kex: bool = False
    """The side announces strict key exchange (kex-strict-c/-s-v00@openssh.com)."""
    ext_info: bool = False
    """The side announces RFC 8308 extensions (ext-info-c/-s)."""
    unreadable: Unreadable | None = None
    known_types: KnownTypes | None = None
    """Of OpenSSH's client, PuTTY and AsyncSSH: what the proposal tells about the host keys that it knows."""
