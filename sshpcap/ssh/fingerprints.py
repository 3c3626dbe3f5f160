"""A host key as people compare it: randomart, SSHFP records for DNS, the line for known_hosts.

Sources: RFC 4255, RFC 6594 and RFC 7479 (SSHFP), RFC 8709 (Ed448); OpenSSH sshkey.c `fingerprint_randomart`, which is
the drunken bishop of Dirk Loss and others, 2009.
"""

import base64
import functools
import hashlib
from typing import Final

_ALGORITHMS: Final = (("ssh-rsa", 1), ("ssh-dss", 2), ("ecdsa-sha2-", 3), ("ssh-ed25519", 4), ("ssh-ed448", 6))
_WORDS: Final = (
    ("ssh-rsa", "RSA"),
    ("ssh-dss", "DSA"),
    ("ecdsa-sha2-", "ECDSA"),
    ("ssh-ed25519", "ED25519"),
    ("ssh-ed448", "ED448"),
    ("sk-ssh-ed25519", "ED25519-SK"),
    ("sk-ecdsa-", "ECDSA-SK"),
)
_WIDE, _HIGH = 17, 9
_STEPS: Final = " .o+=*BOX@%&#/^SE"


def sshfp(kind: str, plain: bytes) -> tuple[str, ...]:
    """The SSHFP records of a plain key: `IN SSHFP algorithm type fingerprint`, SHA-1 and SHA-256, for `ssh-keygen -r`.

    Empty for types that have no number.
    """
    number = next((number for head, number in _ALGORITHMS if kind.startswith(head)), None)
    if number is None:
        return ()
    sha1 = hashlib.sha1(plain, usedforsecurity=False).hexdigest()
    return (f"IN SSHFP {number} 1 {sha1}", f"IN SSHFP {number} 2 {hashlib.sha256(plain).hexdigest()}")


def known_hosts_line(address: str, port: int, kind: str, plain: bytes) -> str:
    """The line that known_hosts would have for this key and this address."""
    host = address if port == 22 else f"[{address}]:{port}"
    return f"{host} {kind} {base64.b64encode(plain).decode()}"


@functools.lru_cache(64)
def randomart(kind: str, bits: int | None, plain: bytes) -> tuple[str, ...]:
    """The picture of `ssh-keygen -lv`: lines, each of 19 characters."""
    field = [[0] * _HIGH for _ in range(_WIDE)]
    x, y = _WIDE // 2, _HIGH // 2
    last = len(_STEPS) - 1
    for octet in hashlib.sha256(plain).digest():
        for _ in range(4):
            x = min(max(x + (1 if octet & 1 else -1), 0), _WIDE - 1)
            y = min(max(y + (1 if octet & 2 else -1), 0), _HIGH - 1)
            if field[x][y] < last - 2:
                field[x][y] += 1
            octet >>= 2
    field[_WIDE // 2][_HIGH // 2] = last - 1
    field[x][y] = last
    word = next((word for head, word in _WORDS if kind.startswith(head)), kind)
    title = f"[{word} {bits or 0}]"
    if len(title) > _WIDE:
        title = f"[{word}]"[:_WIDE]
    rows = [
        "|" + "".join(_STEPS[min(field[column][row], last)] for column in range(_WIDE)) + "|" for row in range(_HIGH)
    ]
    return (_border(title), *rows, _border("[SHA256]"))


def _border(title: str) -> str:
    left = (_WIDE - len(title)) // 2
    return "+" + "-" * left + title + "-" * (_WIDE - left - len(title)) + "+"
