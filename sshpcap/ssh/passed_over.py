"""Why a client did not get what it would rather have had, and which of the names on offer are not good.

By RFC 4253 §7.1 there is one reason alone: the server's list does not have the name. Why it does not is told as far as
the two proposals, and the releases of the server's program (`abilities`), let one say it.
"""

from collections.abc import Iterable
from typing import Final

from sshpcap.model import Blocked, Graded
from sshpcap.ssh import abilities
from sshpcap.ssh.algorithms import GRADES, Kind, rating, weakness

Program = tuple[str | None, str | None]
"""Name and version, as the identification string has them."""

_SAME: Final = (
    ("curve25519-sha256", "curve25519-sha256@libssh.org"),  # RFC 8731 §1
    ("sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com"),
    ("chacha20-poly1305", "chacha20-poly1305@openssh.com"),
    ("aes128-gcm", "aes128-gcm@openssh.com"),
    ("aes256-gcm", "aes256-gcm@openssh.com"),
)
_TWINS: Final = {one: other for pair in _SAME for one, other in (pair, pair[::-1])}
"""The same algorithm under its other name."""

_NOT_OFFERED: Final = "the server does not offer that"
_BACKPORTED: Final = ("sntrup761x25519-sha512",)
"""Names that distributions put into older releases: Debian's 9.2 has this one of 9.9."""

_RSA: Final = ("ssh-rsa", "rsa-sha2-256", "rsa-sha2-512")
_OPENSSH: Final = ("OpenSSH", "OpenSSH for Windows")
_MOST: Final = 100
"""Names that are told to be doubtful in one slot: real lists have a dozen."""


def blocked(
    kind: Kind, names: Iterable[str], server: frozenset[str], back: frozenset[str], program: Program
) -> tuple[Blocked, ...]:
    """The names by reason, in the order of the first of each: none of them is in `server`, its list for this slot.

    `back`: what the server offers for the other direction, empty where a slot has none.
    """
    found: dict[str, list[str]] = {}
    families = frozenset(map(_family, server)) if kind == "host_key" else frozenset()
    for name in names:
        if kind == "host_key":
            reason = _of_key(name, server, families) or _of_release(name, program)
        elif _TWINS.get(name) in server:
            reason = f"offered under the name {_TWINS[name]}"
        elif name in back:
            reason = "offered for the other direction only"
        else:
            reason = _of_release(name, program)
        found.setdefault(reason, []).append(name)
    return tuple(Blocked(names=tuple(those), reason=reason) for reason, those in found.items())


def _of_key(name: str, server: frozenset[str], families: frozenset[str]) -> str | None:
    """A host key algorithm needs a key of its type; None where the server has one."""
    if "-cert-" in name:
        return None if any("-cert-" in other for other in server) else "the server offers no host certificate"
    return None if _family(name) in families else "the server offers no key of that type"


def _family(name: str) -> str:
    """The type of key that a host key algorithm needs; for certificates that of the certificate."""
    return "ssh-rsa" if name in _RSA else name


def _of_release(name: str, program: Program) -> str:
    """Whether the server's release has it at all, where that is known."""
    who, text = program
    number, span = abilities.version_of(text), abilities.OPENSSH.get(name)
    if who not in _OPENSSH or number is None or span is None or name in _BACKPORTED:
        return _NOT_OFFERED
    if number < span.since:
        return f"new in OpenSSH {_dotted(span.since)}, the server is {text}"
    if span.until is not None and number > span.until:
        return f"in OpenSSH until {_dotted(span.until)}, the server is {text}"
    return f"in OpenSSH {text}, but not offered"


def _dotted(version: abilities.Version) -> str:
    return ".".join(map(str, version))


def doubtful(kind: Kind, *offers: tuple[str, ...]) -> tuple[Graded, ...]:
    """What is on offer and not good, the worst first."""
    found = []
    for name in dict.fromkeys(name for offer in offers for name in offer):
        concern, rated = weakness(kind, name), rating(kind, name)
        if concern is not None and rated is not None:
            found.append(Graded(name=name, grade=rated.grade, concern=concern))
            if len(found) == _MOST:
                break
    return tuple(sorted(found, key=lambda one: -GRADES.index(one.grade)))
