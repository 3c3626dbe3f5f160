"""Key exchange methods: what messages 30–49 mean in each (they are named by the negotiated method).

To add a method: one row in `METHODS` (an exact name, or a prefix ending in `*`); a new family only if its messages have
fields that none has. Sources stand beside the families.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from sshpcap.ssh.wire import Malformed, Reader, WireError

Sender = Literal["client", "server"]
FieldType = Literal["string", "mpint", "uint32"]


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
)


@lru_cache(256)
def family_of(method: str) -> Family | None:
    """The messages of a key exchange method; None for one that is not known."""
    for name, family in METHODS:
        if method == name or (name.endswith("*") and method.startswith(name[:-1])):
            return family
    return None


def parse_kex(payload: bytes, message: KexMessage) -> dict[str, bytes | int] | Malformed:
    """The fields of a key exchange message; the payload begins with its number."""
    reader = Reader(payload, 1)
    read: dict[FieldType, Callable[[str], bytes | int]] = {
        "string": reader.string,
        "mpint": reader.mpint,
        "uint32": reader.uint32,
    }
    try:
        return {name: read[kind](name) for name, kind in message.fields}
    except WireError as error:
        return error.malformed
