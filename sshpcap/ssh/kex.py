"""Key exchange methods: what messages 30–49 mean in each (they are named by the negotiated method).

To add a method: one row in `METHODS` (an exact name, or a prefix ending in `*`); a new family only if its messages have
fields that none has. Sources stand beside the families.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from sshpcap.ssh.wire import Malformed, Reader, WireError

Sender = Literal["client", "server", "both"]
FieldType = Literal["string", "mpint", "uint32", "boolean", "text", "string if true"]
"""As RFC 4251 §5 names them; `text` is a string for people, "string if true" is there when the boolean before it says
so."""


class KexMessage(NamedTuple):
    """One message of a family: who sends it and what it carries, in the order of the wire."""

    name: str
    sender: Sender
    fields: tuple[tuple[str, FieldType], ...]


Family = dict[int, KexMessage]

_SIGNED_REPLY: Final[tuple[tuple[str, FieldType], ...]] = (("K_S", "string"), ("f", "mpint"), ("signature", "string"))

FIXED_DH: Final[Family] = {  # RFC 4253 §8
    30: KexMessage("SSH_MSG_KEXDH_INIT", "client", (("e", "mpint"),)),
    31: KexMessage("SSH_MSG_KEXDH_REPLY", "server", _SIGNED_REPLY),
}
GROUP_EXCHANGE: Final[Family] = {  # RFC 4419 §3, §5
    30: KexMessage("SSH_MSG_KEX_DH_GEX_REQUEST_OLD", "client", (("n", "uint32"),)),
    31: KexMessage("SSH_MSG_KEX_DH_GEX_GROUP", "server", (("p", "mpint"), ("g", "mpint"))),
    32: KexMessage("SSH_MSG_KEX_DH_GEX_INIT", "client", (("e", "mpint"),)),
    33: KexMessage("SSH_MSG_KEX_DH_GEX_REPLY", "server", _SIGNED_REPLY),
    34: KexMessage("SSH_MSG_KEX_DH_GEX_REQUEST", "client", (("min", "uint32"), ("n", "uint32"), ("max", "uint32"))),
}
ECDH: Final[Family] = {  # RFC 5656 §4, RFC 8731
    30: KexMessage("SSH_MSG_KEX_ECDH_INIT", "client", (("Q_C", "string"),)),
    31: KexMessage("SSH_MSG_KEX_ECDH_REPLY", "server", (("K_S", "string"), ("Q_S", "string"), ("signature", "string"))),
}
HYBRID: Final[Family] = {  # draft-ietf-sshm-mlkem-hybrid-kex, draft-ietf-sshm-ntruprime-ssh
    30: KexMessage("SSH_MSG_KEX_HYBRID_INIT", "client", (("C_INIT", "string"),)),
    31: KexMessage(
        "SSH_MSG_KEX_HYBRID_REPLY", "server", (("K_S", "string"), ("S_REPLY", "string"), ("signature", "string"))
    ),
}

RSA: Final[Family] = {  # RFC 4432 §4: the server begins
    30: KexMessage("SSH_MSG_KEXRSA_PUBKEY", "server", (("K_S", "string"), ("K_T", "string"))),
    31: KexMessage("SSH_MSG_KEXRSA_SECRET", "client", (("encrypted_secret", "string"),)),
    32: KexMessage("SSH_MSG_KEXRSA_DONE", "server", (("signature", "string"),)),
}


def _gss(init: tuple[str, FieldType], complete: tuple[str, FieldType]) -> Family:
    """RFC 4462 §2.1 and, for the elliptic curves, RFC 8732 §5.1: the public values differ, the rest does not."""
    error: tuple[tuple[str, FieldType], ...] = (
        ("major_status", "uint32"),
        ("minor_status", "uint32"),
        ("message", "text"),
        ("language", "text"),
    )
    last: tuple[tuple[str, FieldType], ...] = (
        complete,
        ("mic", "string"),
        ("has_token", "boolean"),
        ("token", "string if true"),
    )
    return {
        30: KexMessage("SSH_MSG_KEXGSS_INIT", "client", (("token", "string"), init)),
        31: KexMessage("SSH_MSG_KEXGSS_CONTINUE", "both", (("token", "string"),)),
        32: KexMessage("SSH_MSG_KEXGSS_COMPLETE", "server", last),
        33: KexMessage("SSH_MSG_KEXGSS_HOSTKEY", "server", (("K_S", "string"),)),
        34: KexMessage("SSH_MSG_KEXGSS_ERROR", "server", error),
    }


GSS_DH: Final[Family] = _gss(("e", "mpint"), ("f", "mpint"))
GSS_ECDH: Final[Family] = _gss(("Q_C", "string"), ("Q_S", "string"))
GSS_GROUP_EXCHANGE: Final[Family] = {  # RFC 4462 §2.2
    **GSS_DH,
    40: KexMessage("SSH_MSG_KEXGSS_GROUPREQ", "client", (("min", "uint32"), ("n", "uint32"), ("max", "uint32"))),
    41: KexMessage("SSH_MSG_KEXGSS_GROUP", "server", (("p", "mpint"), ("g", "mpint"))),
}

METHODS: Final[tuple[tuple[str, Family], ...]] = (
    ("diffie-hellman-group-exchange-*", GROUP_EXCHANGE),
    ("diffie-hellman-group*", FIXED_DH),
    ("ecdh-sha2-*", ECDH),
    ("curve25519-sha256", ECDH),
    ("curve25519-sha256@libssh.org", ECDH),
    ("curve448-sha512", ECDH),
    ("mlkem768x25519-sha256", HYBRID),
    ("mlkem768nistp256-sha256", HYBRID),
    ("mlkem1024nistp384-sha384", HYBRID),
    ("sntrup761x25519-sha512", HYBRID),
    ("sntrup761x25519-sha512@openssh.com", HYBRID),
    ("sntrup4591761x25519-sha512@tinyssh.org", HYBRID),
    ("rsa1024-sha1", RSA),
    ("rsa2048-sha256", RSA),
    ("gss-gex-*", GSS_GROUP_EXCHANGE),
    ("gss-group*", GSS_DH),
    ("gss-nistp*", GSS_ECDH),
    ("gss-curve*", GSS_ECDH),
)


@lru_cache(64)
def family_of(method: str) -> Family | None:
    """The messages of a key exchange method; None for one that is not known."""
    for name, family in METHODS:
        if method == name or (name.endswith("*") and method.startswith(name[:-1])):
            return family
    return None


_READ: Final[dict[FieldType, Callable[[Reader, str], bytes | int | str]]] = {
    "string": Reader.string,
    "string if true": Reader.string,
    "mpint": Reader.mpint,
    "uint32": Reader.uint32,
    "boolean": Reader.boolean,
    "text": Reader.text,
}


def parse_kex(payload: bytes, message: KexMessage) -> dict[str, bytes | int | str] | Malformed:
    """The fields of a key exchange message, and what is behind the last of them; the payload begins with its number."""
    reader = Reader(payload, 1)
    fields: dict[str, bytes | int | str] = {}
    try:
        for name, kind in message.fields:
            if kind != "string if true" or fields[message.fields[len(fields) - 1][0]]:
                fields[name] = _READ[kind](reader, name)
    except WireError as error:
        return error.malformed
    if reader.at < len(payload):
        fields["trailing"] = payload[reader.at :]
    return fields


def sender_by_form(payload: bytes) -> Sender | None:
    """Who sends a message of this number and form, whatever the method; None where methods differ, or it is no such.

    A number alone does not tell: RFC 4462 and RFC 4432 use 30–34 in other ways. The forms below are one side's only.
    """
    number = payload[0] if payload else 0
    if number == 34:
        return "client" if len(payload) == _GEX_REQUEST_BYTES else None
    strings = _strings(payload)
    if number == 30:  # a public value; RFC 4432's key and RFC 4462's token have company
        return "client" if strings == 1 else None
    if number == 31:  # host key, value, signature; or a group's prime and generator
        return "server" if strings in (2, 3) else None
    return "server" if number == 33 and strings == 3 else None


_GEX_REQUEST_BYTES: Final = 13


def _strings(payload: bytes) -> int:
    """How many strings or mpints fill a payload behind its number, to the octet; 0 where they do not."""
    reader, count = Reader(payload, 1), 0
    try:
        while reader.at < len(payload) and count < 4:
            reader.string("field")
            count += 1
    except WireError:
        return 0
    return count
