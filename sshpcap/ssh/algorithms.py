"""How safe each algorithm is: a grade, the reason and where it is written; data, and nothing is computed from it here.

To add an algorithm: a row in `RATINGS`. Grades, from best to worst:

post-quantum  good, and what is recorded today cannot be read with a quantum computer later
good          no known weakness that matters in SSH
legacy        not broken, but with a better successor everywhere; do not add it where it is missing
weak          attacks are known that cost much, or need luck; only as a bridge, for one host
broken        attacks are practical, or a standard says MUST NOT
"""

import functools
import re
from typing import Final, Literal, NamedTuple

from sshpcap.model import Grade

Kind = Literal["kex", "host_key", "cipher", "mac", "compression"]

GRADES: Final[tuple[Grade, ...]] = ("post-quantum", "good", "legacy", "weak", "broken")


class Rating(NamedTuple):
    """What is known of the safety of one algorithm."""

    grade: Grade
    reason: str
    reference: str


_PQ: Final = Rating(
    "post-quantum",
    "a hybrid of X25519 or ECDH and a post-quantum method",
    "draft-ietf-sshm-mlkem-hybrid-kex; draft-ietf-sshm-ntruprime-ssh",
)
_ECDH: Final = Rating("good", "elliptic curve Diffie-Hellman", "RFC 9142 §3.1; RFC 8731")
_DH: Final = Rating("good", "Diffie-Hellman in a group of 2048 bits or more with SHA-2", "RFC 9142 §3.2; RFC 8268")
_GEX: Final = Rating(
    "good", "group exchange with SHA-2; as strong as the group that the server sends", "RFC 9142 §3.2.1"
)
_DH_SHA1: Final = Rating("legacy", "a sound 2048-bit group, but it relies on SHA-1", "RFC 9142 §3.4 (MAY)")
_GEX_SHA1: Final = Rating("weak", "relies on SHA-1; the server chooses the group", "RFC 9142 §3.2.1 (SHOULD NOT)")
_GROUP1: Final = Rating("weak", "1024-bit group (Logjam) and SHA-1", "RFC 9142 §3.4 (SHOULD NOT); CVE-2015-4000")
_SIGNED: Final = Rating("good", "signatures without a known weakness", "RFC 8332; RFC 8709; RFC 5656")
_SHA1_RSA: Final = Rating(
    "weak", "signatures with SHA-1; collisions are practical", "RFC 8332 §1; OpenSSH 8.8 release notes"
)
_DSS: Final = Rating(
    "weak", "1024-bit DSA with SHA-1; removed from OpenSSH 10.0", "FIPS 186-5; OpenSSH 10.0 release notes"
)
_AEAD: Final = Rating("good", "encrypts and authenticates", "RFC 5647; RFC 8439")
_CTR: Final = Rating("good", "AES in counter mode", "RFC 4344 §4")
_CBC: Final = Rating("weak", "CBC mode leaks plain text under attack, and is open to Terrapin with EtM MACs",
                     "CVE-2008-5161; CVE-2023-48795")  # fmt: skip
_64BIT: Final = Rating("weak", "64-bit blocks (Sweet32)", "CVE-2016-2183; RFC 8758 for the like")
_RC4: Final = Rating("broken", "RC4 is broken", "RFC 8758 (MUST NOT)")
_SHA2_MAC: Final = Rating("good", "HMAC with SHA-2", "RFC 6668")
_UMAC: Final = Rating("good", "a universal hash MAC", "RFC 4418; OpenSSH PROTOCOL §1.3")
_SHA1_MAC: Final = Rating("legacy", "HMAC with SHA-1: not broken, but SHA-1 is on its way out", "RFC 6194 §3.3")
_SHORT_SHA2: Final = Rating("legacy", "a shortened tag", "RFC 6668")
_SHORT_MAC: Final = Rating("weak", "relies on SHA-1, with a shortened tag", "RFC 6194; RFC 2104 §5")
_MD5: Final = Rating("weak", "relies on MD5", "RFC 6151 §2.3")
_RIPEMD: Final = Rating("legacy", "RIPEMD-160 has nobody who looks after it; removed from OpenSSH 7.6",
                        "OpenSSH 7.6 release notes")  # fmt: skip
_NOTHING: Final = Rating("broken", "no protection at all", "RFC 4253 §6.3, §6.4")

RATINGS: Final[dict[Kind, tuple[tuple[str, Rating], ...]]] = {
    "kex": (
        (r"mlkem768x25519-sha256|mlkem768nistp256-sha256|mlkem1024nistp384-sha384", _PQ),
        (r"sntrup761x25519-sha512(@openssh\.com)?", _PQ),
        (r"sntrup4591761x25519-sha512@tinyssh\.org",
         Rating("legacy", "an experiment that sntrup761 replaced", "OpenSSH 8.5 release notes")),
        (r"curve25519-sha256(@libssh\.org)?|curve448-sha512|ecdh-sha2-nistp(256|384|521)", _ECDH),
        (r"diffie-hellman-group(14-sha256|15-sha512|16-sha512|17-sha512|18-sha512)", _DH),
        (r"diffie-hellman-group-exchange-sha256", _GEX),
        (r"diffie-hellman-group14-sha1", _DH_SHA1),
        (r"diffie-hellman-group-exchange-sha1", _GEX_SHA1),
        (r"diffie-hellman-group1-sha1", _GROUP1),
        (r"rsa2048-sha256", Rating("legacy", "RSA key transport, which few programs have", "RFC 9142 §3.3 (MAY)")),
        (r"rsa1024-sha1", Rating("broken", "1024-bit RSA and SHA-1", "RFC 9142 §3.3 (MUST NOT)")),
        (r"gss-(curve25519-sha256|curve448-sha512|nistp(256|384|521)-sha(256|384|512))-[A-Za-z0-9+/=]+", _ECDH),
        (r"gss-group(14-sha256|15-sha512|16-sha512|17-sha512|18-sha512)-[A-Za-z0-9+/=]+", _DH),
        (r"gss-group14-sha1-[A-Za-z0-9+/=]+", _DH_SHA1),
        (r"gss-gex-sha1-[A-Za-z0-9+/=]+", _GEX_SHA1),
        (r"gss-group1-sha1-[A-Za-z0-9+/=]+", _GROUP1),
    ),
    "host_key": (
        (r"(ssh-ed25519|ssh-ed448|ecdsa-sha2-nistp(256|384|521))(-cert-v01@openssh\.com)?", _SIGNED),
        (r"rsa-sha2-(256|512)(-cert-v01@openssh\.com)?", _SIGNED),
        (r"sk-(ssh-ed25519|ecdsa-sha2-nistp256)(-cert-v01)?@openssh\.com", _SIGNED),
        (r"webauthn-sk-ecdsa-sha2-nistp256(-cert-v01)?@openssh\.com", _SIGNED),
        (r"ssh-rsa(-cert-v0[01]@openssh\.com)?|x509v3-ssh-rsa|x509v3-sign-rsa", _SHA1_RSA),
        (r"ssh-dss(-cert-v0[01]@openssh\.com)?|x509v3-ssh-dss|x509v3-sign-dss", _DSS),
        (r"x509v3-(rsa2048-sha256|ecdsa-sha2-nistp(256|384|521))", _SIGNED._replace(reference="RFC 6187")),
        (r"null", Rating("good", "the key exchange itself authenticates the server (GSSAPI)", "RFC 4462 §5")),
    ),
    "cipher": (
        (r"chacha20-poly1305(@openssh\.com)?|aes(128|256)-gcm(@openssh\.com)?|AEAD_AES_(128|256)_GCM", _AEAD),
        (r"aes(128|192|256)-ctr", _CTR),
        (r"(aes(128|192|256)|twofish(|128|192|256)|serpent(128|192|256)|rijndael(128|192|256)|camellia(128|192|256)"
         r"|seed)-cbc(@[\w.-]+)?|rijndael-cbc@lysator\.liu\.se", _CBC),
        (r"(3des|blowfish|cast128|idea)-(cbc|ctr|cfb|ofb)(@[\w.-]+)?", _64BIT),
        (r"des-cbc(@[\w.-]+)?", Rating("broken", "56-bit keys", "RFC 6649 for the like")),
        (r"arcfour(|128|256)", _RC4),
        (r"none", _NOTHING),
    ),
    "mac": (
        (r"hmac-sha2-(256|512)(-etm@openssh\.com)?|hmac-sha2-(256|512)@ssh\.com|hmac-sha(256|512)@ssh\.com", _SHA2_MAC),
        (r"AEAD_AES_(128|256)_GCM", _AEAD),
        (r"umac-(64|128)(-etm)?@openssh\.com", _UMAC),
        (r"hmac-sha1(-etm@openssh\.com)?", _SHA1_MAC),
        (r"hmac-sha2-(256|512)-96(-etm@openssh\.com)?", _SHORT_SHA2),
        (r"hmac-ripemd(160)?(@openssh\.com|-etm@openssh\.com)?", _RIPEMD),
        (r"hmac-sha1-96(-etm@openssh\.com)?", _SHORT_MAC),
        (r"hmac-md5(-96)?(-etm@openssh\.com)?", _MD5),
        (r"none", _NOTHING),
    ),
    "compression": (
        (r"none|zlib@openssh\.com", Rating("good", "nothing is compressed before the login", "RFC 4253 §6.2")),
        (r"zlib", Rating("legacy", "compresses what a client sends before its login", "OpenSSH 7.4 release notes")),
    ),
}  # fmt: skip

WIDELY_SUPPORTED: Final = (
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group-exchange-sha256",
    "ssh-ed25519",
    "rsa-sha2-512",
    "rsa-sha2-256",
    "ecdsa-sha2-nistp256",
    "chacha20-poly1305@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-gcm@openssh.com",
    "aes256-ctr",
    "aes128-ctr",
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
)
"""Sound algorithms that many programs have, the one to prefer first; for ties between equal grades."""

_LONGEST: Final = 200


@functools.lru_cache(4096)
def rating(kind: Kind, name: str) -> Rating | None:
    """What is known of the safety of an algorithm; None for one that is not known here."""
    if len(name) > _LONGEST:
        return None
    return next((found for pattern, found in RATINGS[kind] if re.fullmatch(pattern, name, re.ASCII)), None)


def badness(kind: Kind, name: str) -> int:
    """Place of an algorithm's grade, 0 for the best; what is not known comes last."""
    found = rating(kind, name)
    return len(GRADES) if found is None else GRADES.index(found.grade)


def weakness(kind: Kind, name: str) -> str | None:
    """What speaks against an algorithm, with its reference; None for a good one, and for what is not known."""
    found = rating(kind, name)
    if found is None or found.grade in ("post-quantum", "good"):
        return None
    return f"{found.grade}: {found.reason} ({found.reference})"
