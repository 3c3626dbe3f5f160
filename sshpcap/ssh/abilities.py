"""What programs can do besides what they offer: the OpenSSH releases that have an algorithm, and who hides some.

Sources: OpenSSH's release notes and myproposal.h, kex.c, cipher.c, mac.c of its tags; `ssh -Q` of 9.2 is a test.
AsyncSSH: `get_*_algs()` of 2.24.1, a test as well. A name that a program offers it has, whatever stands here.
"""

import re
from typing import Final, NamedTuple

Version = tuple[int, ...]


class Span(NamedTuple):
    """The releases of a program that have something: from `since` to `until`, both included."""

    since: Version
    until: Version | None


def version_of(text: str | None) -> Version | None:
    """The number of a release: (9, 2) of "9.2p1"; None where there is none."""
    match = re.match(r"(\d{1,6})\.(\d{1,6})", text or "", re.ASCII)
    return (int(match[1]), int(match[2])) if match else None


def _spans(rows: str) -> dict[str, Span]:
    """Rows of "since-until names…"; "-" leaves it open."""
    spans = {}
    for row in rows.strip().splitlines():
        releases, *names = row.split()
        since, _, until = releases.partition("-")
        span = Span(version_of(since) or (), version_of(until))
        spans.update(dict.fromkeys(names, span))
    return spans


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


OPENSSH: Final = _spans("""
2.3- diffie-hellman-group1-sha1 diffie-hellman-group-exchange-sha1
3.9- diffie-hellman-group14-sha1
4.4- diffie-hellman-group-exchange-sha256
5.7- ecdh-sha2-nistp256 ecdh-sha2-nistp384 ecdh-sha2-nistp521
6.5- curve25519-sha256@libssh.org
7.3- diffie-hellman-group14-sha256 diffie-hellman-group16-sha512 diffie-hellman-group18-sha512
7.4- curve25519-sha256
8.0-8.4 sntrup4591761x25519-sha512@tinyssh.org
8.5- sntrup761x25519-sha512@openssh.com
9.9- sntrup761x25519-sha512 mlkem768x25519-sha256
2.3- ssh-rsa
2.3-9.9 ssh-dss
5.6- ssh-rsa-cert-v01@openssh.com
5.6-9.9 ssh-dss-cert-v01@openssh.com
5.7- ecdsa-sha2-nistp256 ecdsa-sha2-nistp384 ecdsa-sha2-nistp521
5.7- ecdsa-sha2-nistp256-cert-v01@openssh.com ecdsa-sha2-nistp384-cert-v01@openssh.com
5.7- ecdsa-sha2-nistp521-cert-v01@openssh.com
6.5- ssh-ed25519 ssh-ed25519-cert-v01@openssh.com
7.2- rsa-sha2-256 rsa-sha2-512
7.8- rsa-sha2-256-cert-v01@openssh.com rsa-sha2-512-cert-v01@openssh.com
8.2- sk-ssh-ed25519@openssh.com sk-ssh-ed25519-cert-v01@openssh.com
8.2- sk-ecdsa-sha2-nistp256@openssh.com sk-ecdsa-sha2-nistp256-cert-v01@openssh.com
2.3- 3des-cbc aes128-cbc aes192-cbc aes256-cbc
2.3-7.5 arcfour blowfish-cbc cast128-cbc
2.3-8.4 rijndael-cbc@lysator.liu.se
3.7- aes128-ctr aes192-ctr aes256-ctr
4.2-7.5 arcfour128 arcfour256
6.2- aes128-gcm@openssh.com aes256-gcm@openssh.com
6.5- chacha20-poly1305@openssh.com
2.3- hmac-md5 hmac-md5-96 hmac-sha1 hmac-sha1-96
2.5-7.5 hmac-ripemd160 hmac-ripemd160@openssh.com
4.7- umac-64@openssh.com
5.9- hmac-sha2-256 hmac-sha2-512
5.9-6.0 hmac-sha2-256-96 hmac-sha2-512-96
6.2- umac-128@openssh.com umac-64-etm@openssh.com umac-128-etm@openssh.com hmac-sha2-256-etm@openssh.com
6.2- hmac-sha2-512-etm@openssh.com hmac-sha1-etm@openssh.com hmac-sha1-96-etm@openssh.com hmac-md5-etm@openssh.com
6.2- hmac-md5-96-etm@openssh.com
6.2-7.5 hmac-ripemd160-etm@openssh.com
2.3- none
4.2- zlib@openssh.com
""")

ASYNCSSH: Final = _names("""
diffie-hellman-group-exchange-sha1 diffie-hellman-group1-sha1 rsa1024-sha1 aes256-cbc aes192-cbc aes128-cbc
3des-cbc blowfish-cbc cast128-cbc seed-cbc@ssh.com arcfour256 arcfour128 arcfour hmac-md5-etm@openssh.com
hmac-sha1-96-etm@openssh.com hmac-md5-96-etm@openssh.com hmac-md5 hmac-sha1-96 hmac-md5-96 ssh-dss
""")
"""What AsyncSSH has but offers only when it is told to."""

PARAMIKO: Final = _names("""
mlkem768x25519-sha256 curve25519-sha256@libssh.org ecdh-sha2-nistp256 ecdh-sha2-nistp384 ecdh-sha2-nistp521
diffie-hellman-group16-sha512 diffie-hellman-group-exchange-sha256 diffie-hellman-group14-sha256 ssh-ed25519
ecdsa-sha2-nistp256 ecdsa-sha2-nistp384 ecdsa-sha2-nistp521 rsa-sha2-512 rsa-sha2-256 aes128-ctr aes192-ctr
aes256-ctr aes128-cbc aes192-cbc aes256-cbc 3des-cbc aes128-gcm@openssh.com aes256-gcm@openssh.com
hmac-sha2-256 hmac-sha2-512 hmac-sha2-256-etm@openssh.com hmac-sha2-512-etm@openssh.com hmac-sha1 hmac-sha1-96
hmac-md5 hmac-md5-96 none zlib zlib@openssh.com
""")
"""What paramiko 5.1 can be told to offer (`Transport.get_security_options`)."""

JSCH: Final = _names("""
ecdh-sha2-nistp256 ecdh-sha2-nistp384 ecdh-sha2-nistp521 diffie-hellman-group14-sha1
diffie-hellman-group-exchange-sha256 diffie-hellman-group-exchange-sha1 diffie-hellman-group1-sha1 ssh-rsa ssh-dss
ecdsa-sha2-nistp256 ecdsa-sha2-nistp384 ecdsa-sha2-nistp521 aes128-ctr aes192-ctr aes256-ctr 3des-ctr aes128-cbc
aes192-cbc aes256-cbc 3des-cbc blowfish-cbc arcfour arcfour128 arcfour256 hmac-md5 hmac-sha1 hmac-sha2-256
hmac-sha1-96 hmac-md5-96 none zlib zlib@openssh.com
""")
"""What JSch 0.1.54 and 0.1.55 can be told to offer (`JSch.getConfig`); from 0.1.56 on it is another author's."""

DROPBEAR: Final = {
    "diffie-hellman-group1-sha1": "DROPBEAR_DH_GROUP1 1\nDROPBEAR_DH_GROUP1_CLIENTONLY 0",
    "diffie-hellman-group14-sha1": "DROPBEAR_DH_GROUP14_SHA1 1",
    "diffie-hellman-group14-sha256": "DROPBEAR_DH_GROUP14_SHA256 1",
    "diffie-hellman-group16-sha512": "DROPBEAR_DH_GROUP16 1",
    "curve25519-sha256": "DROPBEAR_CURVE25519 1",
    "curve25519-sha256@libssh.org": "DROPBEAR_CURVE25519 1",
    "ecdh-sha2-nistp256": "DROPBEAR_ECDH 1",
    "ecdh-sha2-nistp384": "DROPBEAR_ECDH 1",
    "ecdh-sha2-nistp521": "DROPBEAR_ECDH 1",
    "ssh-rsa": "DROPBEAR_RSA_SHA1 1",
    "ssh-dss": "DROPBEAR_DSS 1",
    "3des-ctr": "DROPBEAR_3DES 1",
    "3des-cbc": "DROPBEAR_3DES 1\nDROPBEAR_ENABLE_CBC_MODE 1",
    "aes128-gcm@openssh.com": "DROPBEAR_ENABLE_GCM_MODE 1",
    "aes256-gcm@openssh.com": "DROPBEAR_ENABLE_GCM_MODE 1",
    "aes128-cbc": "DROPBEAR_ENABLE_CBC_MODE 1",
    "aes256-cbc": "DROPBEAR_ENABLE_CBC_MODE 1",
    "aes128-ctr": "DROPBEAR_ENABLE_CTR_MODE 1",
    "aes256-ctr": "DROPBEAR_ENABLE_CTR_MODE 1",
    "chacha20-poly1305@openssh.com": "DROPBEAR_CHACHA20POLY1305 1",
    "hmac-sha1": "DROPBEAR_SHA1_HMAC 1",
    "hmac-sha1-96": "DROPBEAR_SHA1_96_HMAC 1",
    "hmac-sha2-256": "DROPBEAR_SHA2_256_HMAC 1",
    "hmac-sha2-512": "DROPBEAR_SHA2_512_HMAC 1",
    "ssh-ed25519": "DROPBEAR_ED25519 1",
    "ecdsa-sha2-nistp256": "DROPBEAR_ECDSA 1",
    "rsa-sha2-256": "DROPBEAR_RSA 1",
}
"""Dropbear's algorithms are chosen when it is built: the lines of localoptions.h for each.

Names of 2022.83 (default_options.h, common-algo.c): a build with all these lines offers all these algorithms.
"""

OFFERS_ALL: Final = frozenset(("PuTTY", "WinSCP", "FileZilla", "libssh2"))
"""Programs whose defaults hold all that they have: what they do not offer, a setting does not bring."""

_SETTINGS: Final = frozenset(("OpenSSH", "OpenSSH for Windows"))


def has(program: str | None, version: str | None, name: str) -> bool | None:
    """Whether a program has an algorithm that it does not offer; None where that is not known."""
    if program in OFFERS_ALL:
        return False
    if program in _SETTINGS:
        number = version_of(version)
        span = OPENSSH.get(name)
        if span is None:
            return False
        if number is None:
            return None if span.until or span.since > (7, 0) else True
        return span.since <= number and (span.until is None or number <= span.until)
    if program == "Dropbear":
        return None if name in DROPBEAR else False
    if program == "paramiko":
        number = version_of(version)
        if number is None or number < (5, 1):
            return None
        return name in PARAMIKO or (False if number == (5, 1) else None)
    if program == "JSch" and re.fullmatch(r"0\.1\.(54|55)", version or "", re.ASCII):
        return name in JSCH
    if program == "AsyncSSH" and name in ASYNCSSH:
        return True
    return None


def last_with(name: str) -> str | None:
    """The last OpenSSH release that has an algorithm, where it was removed."""
    span = OPENSSH.get(name)
    return ".".join(map(str, span.until)) if span and span.until else None
