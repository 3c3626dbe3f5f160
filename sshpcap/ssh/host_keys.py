"""Public key blobs as servers show them: type, size, fingerprints, certificates.

Sources: RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709, OpenSSH PROTOCOL.u2f and PROTOCOL.certkeys. To add a key type: a row in
`_FIELDS` and, if its size is not fixed, in `_bits`.
"""

import base64
import hashlib
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from sshpcap.model import Certificate, Timestamp
from sshpcap.ssh.fingerprints import randomart, sshfp
from sshpcap.ssh.wire import Malformed, Reader, WireError, printable

_CERTIFICATE_SUFFIX: Final = "-cert-v01@openssh.com"
_FOR_EVER: Final = (1 << 64) - 1
_LAST_SECOND: Final = 253402300799  # 9999-12-31, the last day that RFC 3339 can name

# The public fields of each type, all of them `string`s on the wire (an mpint is one too).
_FIELDS: Final = {
    "ssh-rsa": ("e", "n"),
    "ssh-dss": ("p", "q", "g", "y"),
    "ecdsa-sha2-nistp256": ("curve", "point"),
    "ecdsa-sha2-nistp384": ("curve", "point"),
    "ecdsa-sha2-nistp521": ("curve", "point"),
    "ssh-ed25519": ("key",),
    "ssh-ed448": ("key",),
    "sk-ssh-ed25519@openssh.com": ("key", "application"),
    "sk-ecdsa-sha2-nistp256@openssh.com": ("curve", "point", "application"),
}
_FIXED_BITS: Final = {
    "ecdsa-sha2-nistp256": 256,
    "ecdsa-sha2-nistp384": 384,
    "ecdsa-sha2-nistp521": 521,
    "ssh-ed25519": 256,
    "ssh-ed448": 456,
    "sk-ssh-ed25519@openssh.com": 256,
    "sk-ecdsa-sha2-nistp256@openssh.com": 256,
}

_CERTIFICATE_TYPES: Final[dict[int, Literal["host", "user", "unknown"]]] = {1: "user", 2: "host"}


class PublicKey(NamedTuple):
    """A public key blob, read."""

    type: str
    bits: int | None
    sha256: str
    md5: str
    certificate: Certificate | None
    plain_type: str = ""
    """Type of the key itself: without the certificate."""
    plain: bytes = b""
    """Blob of the key itself; empty for types that are not known."""

    @property
    def sshfp(self) -> tuple[str, ...]:
        """Its SSHFP records."""
        return sshfp(self.plain_type, self.plain) if self.plain else ()

    @property
    def randomart(self) -> tuple[str, ...]:
        """Its picture, line by line, as `ssh-keygen -lv` draws it."""
        return randomart(self.plain_type, self.bits, self.plain) if self.plain else ()


def sha256_fingerprint(blob: bytes) -> str:
    """As `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def md5_fingerprint(blob: bytes) -> str:
    """As `ssh-keygen -l -E md5` prints it."""
    return "MD5:" + hashlib.md5(blob, usedforsecurity=False).digest().hex(":")


@lru_cache(64)
def read_public_key(blob: bytes) -> PublicKey | Malformed:
    """Read a key blob. A type that is not known keeps its name and gets fingerprints, without a size."""
    reader = Reader(blob)
    try:
        kind = reader.text("key type")
        plain_kind = _plain_type(kind)
        certified = plain_kind is not None
        names = _FIELDS.get(plain_kind or kind)
        if names is None:
            return PublicKey(kind, None, sha256_fingerprint(blob), md5_fingerprint(blob), None)
        if certified:
            reader.string("nonce")
        start = reader.at
        fields = {name: reader.string(name) for name in names}
        plain = blob
        certificate = None
        if plain_kind is not None:
            encoded = plain_kind.encode()
            plain = len(encoded).to_bytes(4, "big") + encoded + blob[start : reader.at]
            certificate = _certificate(reader)
    except WireError as error:
        return error.malformed
    name = plain_kind or kind
    prints = (sha256_fingerprint(plain), md5_fingerprint(plain))
    return PublicKey(kind, _bits(name, fields), *prints, certificate, name, plain)


def signature_algorithm(signature: bytes) -> str | None:
    """The algorithm named in a signature blob (RFC 4253 §6.6): rsa-sha2-256 where the key's type is ssh-rsa."""
    try:
        return Reader(signature).text("algorithm")
    except WireError:
        return None


def signs_for(signature: str, agreed: str) -> bool:
    """Whether a signature's algorithm is the one that was agreed on.

    A certificate's algorithm signs with that of its key (PROTOCOL.certkeys), and keys of security keys may sign as
    WebAuthn does, under that name or their own (OpenSSH PROTOCOL.u2f).
    """
    return signature.removeprefix("webauthn-") == (_plain_type(agreed) or agreed).removeprefix("webauthn-")


def _plain_type(kind: str) -> str | None:
    """The type of the key in a certificate of this type; None for what is no certificate."""
    if not kind.endswith(_CERTIFICATE_SUFFIX):
        return None
    plain = kind.removesuffix(_CERTIFICATE_SUFFIX)
    return plain + "@openssh.com" if plain.startswith(("sk-", "webauthn-")) else plain


def _bits(kind: str, fields: dict[str, bytes]) -> int | None:
    if kind == "ssh-rsa":
        return int.from_bytes(fields["n"], "big").bit_length()
    if kind == "ssh-dss":
        return int.from_bytes(fields["p"], "big").bit_length()
    return _FIXED_BITS.get(kind)


def _certificate(reader: Reader) -> Certificate:
    serial = reader.uint64("serial")
    kind = _CERTIFICATE_TYPES.get(reader.uint32("type"), "unknown")
    key_id = reader.text("key id")
    inner = Reader(reader.string("valid principals"))
    principals = []
    while inner.at < len(inner.octets):
        principals.append(printable(inner.string("principal")))
    after, before = reader.uint64("valid after"), reader.uint64("valid before")
    options = Reader(reader.string("critical options"))
    critical = []
    while options.at < len(options.octets):
        critical.append(printable(options.string("critical option")))
        options.string("critical option's data")
    for name in ("extensions", "reserved"):
        reader.string(name)
    authority = reader.string("signature key")
    signature = reader.string("signature")
    signer = Reader(authority).text("CA key type")
    known = read_public_key(authority) if signer in _FIELDS else None
    return Certificate(
        type=kind,
        serial=serial,
        key_id=key_id,
        principals=tuple(principals),
        valid_after=_moment(after) if after else None,
        valid_before=_moment(before) if before != _FOR_EVER else None,
        ca_type=signer,
        ca_sha256=sha256_fingerprint(authority),
        ca_bits=known.bits if isinstance(known, PublicKey) else None,
        signed_with=signature_algorithm(signature),
        critical_options=tuple(critical),
    )


def _moment(seconds: int) -> Timestamp:
    return Timestamp(min(seconds, _LAST_SECOND) * 1_000_000_000)
