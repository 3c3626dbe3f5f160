"""Algorithms that one should know about before allowing them: name → what is wrong with it.

Facts with their sources; who has no row here is not known to be weak.
"""

from typing import Final

_SHA1_KEX: Final = "relies on SHA-1 (deprecated by RFC 9142 §3.4)"
_SHA1_GROUP1: Final = "1024-bit group (Logjam) and SHA-1; RFC 9142 says SHOULD NOT"
_CBC: Final = "CBC mode in SSH leaks plain text under attack (CVE-2008-5161) and is open to Terrapin with EtM MACs"
_RC4: Final = "RC4 is broken; RFC 8758 says MUST NOT"

WEAKNESSES: Final = {
    "diffie-hellman-group1-sha1": _SHA1_GROUP1,
    "diffie-hellman-group14-sha1": _SHA1_KEX,
    "diffie-hellman-group-exchange-sha1": _SHA1_KEX,
    "rsa1024-sha1": "1024-bit RSA and SHA-1; RFC 9142 says MUST NOT",
    "ssh-rsa": "signatures with SHA-1 (RFC 8332 §1); collisions are practical",
    "ssh-dss": "1024-bit DSA with SHA-1; removed from OpenSSH 10.0",
    "3des-cbc": "64-bit blocks (Sweet32) and CBC mode",
    "blowfish-cbc": "64-bit blocks (Sweet32) and CBC mode",
    "cast128-cbc": "64-bit blocks (Sweet32) and CBC mode",
    "aes128-cbc": _CBC,
    "aes192-cbc": _CBC,
    "aes256-cbc": _CBC,
    "rijndael-cbc@lysator.liu.se": _CBC,
    "arcfour": _RC4,
    "arcfour128": _RC4,
    "arcfour256": _RC4,
    "none": "no protection at all",
    "hmac-md5": "relies on MD5",
    "hmac-md5-96": "relies on MD5, with a shortened tag",
    "hmac-sha1-96": "relies on SHA-1, with a shortened tag",
}

WIDELY_SUPPORTED: Final = (
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group14-sha256",
    "rsa-sha2-512",
    "rsa-sha2-256",
    "ecdsa-sha2-nistp256",
    "ssh-ed25519",
    "aes256-ctr",
    "aes128-ctr",
    "hmac-sha2-256",
    "hmac-sha2-512",
)
"""Sound algorithms that many programs have: the first of them that a side offers is the best one to ask the other
for."""


def best(names: tuple[str, ...]) -> str | None:
    """The one to propose: widely supported, else without a known weakness, else the first."""
    known = next((name for name in WIDELY_SUPPORTED if name in names), None)
    usable = [name for name in names if _in_openssh(name)]
    return known or next((name for name in usable if weakness(name) is None), usable[0] if usable else None)


def _in_openssh(name: str) -> bool:
    """Whether some release of OpenSSH knows the name, so that its options accept it."""
    return name.startswith(_OPENSSH_FAMILIES) and not name.endswith(("@ssh.com", "@lysator.liu.se"))


_OPENSSH_FAMILIES: Final = (
    "curve25519-",
    "ecdh-sha2-nistp",
    "diffie-hellman-group",
    "sntrup761x25519-",
    "mlkem768x25519-",
    "ssh-rsa",
    "ssh-dss",
    "ssh-ed25519",
    "ecdsa-sha2-nistp",
    "rsa-sha2-",
    "sk-",
    "aes",
    "3des-cbc",
    "blowfish-cbc",
    "cast128-cbc",
    "arcfour",
    "chacha20-",
    "hmac-",
    "umac-",
)


def weakness(name: str) -> str | None:
    """What is wrong with an algorithm; None where nothing is known."""
    return WEAKNESSES.get(name)
