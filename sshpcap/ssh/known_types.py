"""What the order of a client's host key algorithms tells about the keys that it knows for this server already.

OpenSSH (since 5.7) and PuTTY move the algorithms of known key types to the front, AsyncSSH offers no others, as
recordings show. So the list is evidence, and never proof: an option may have set it.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from sshpcap.model import KexInit, KnownTypes

_FAMILIES: Final = (
    ("rsa", ("rsa-sha2-", "ssh-rsa")),
    ("ecdsa", ("ecdsa-sha2-",)),
    ("ed25519", ("ssh-ed25519",)),
    ("ed448", ("ssh-ed448",)),
    ("dsa", ("ssh-dss",)),
)


def known_types(proposal: KexInit, program: str | None, version: str | None) -> KnownTypes | None:
    """What a client's list of host key algorithms tells; None where it tells nothing."""
    if program == "PuTTY":
        return _of_putty(proposal.server_host_key_algorithms)
    if program == "AsyncSSH":
        return _of_asyncssh(proposal.server_host_key_algorithms)
    if program not in ("OpenSSH", "OpenSSH for Windows"):
        return None
    return _known_types(proposal.server_host_key_algorithms)


@lru_cache(64)
def _known_types(algorithms: tuple[str, ...]) -> KnownTypes | None:
    # Certificates stand before plain keys by default; with known keys both of a type come first.
    names = [name for name in algorithms if not name.startswith(("sk-", "webauthn-"))]
    plain = list(dict.fromkeys(f for name in names if "-cert-" not in name and (f := _family(name))))
    certified = list(dict.fromkeys(f for name in names if "-cert-" in name and (f := _family(name))))
    if len(plain) < 2 or not certified:
        return None
    first_plain = next(place for place, name in enumerate(names) if "-cert-" not in name)
    if any("-cert-" in name for name in names[first_plain:]):
        # A plain name stands before a certificate: the list was put in another order than the default.
        front = list(dict.fromkeys(f for name in names[: _turn(names)] if (f := _family(name))))
        return KnownTypes(
            types=tuple(front),
            confidence="medium",
            reason=(
                f"the client puts {_listed(front)} before its other types, as OpenSSH does when it knows such a"
                " key for the name; an option (HostKeyAlgorithms) can do the same"
            ),
        )
    if certified[0] != "rsa":
        return KnownTypes(
            types=(),
            confidence="low",
            reason=(
                "the client's host key algorithms stand in their default order: it knows no key for the name, or one"
                f" of the type that comes first anyway ({certified[0]})"
            ),
        )
    return None


_PUTTY_ORDER: Final = (
    "ssh-ed448", "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512",
    "rsa-sha2-256", "ssh-rsa", "ssh-dss",
)  # fmt: skip


def _of_putty(names: tuple[str, ...]) -> KnownTypes | None:
    """Known ones stand in front of the others, both in PuTTY's own order."""
    if len(names) < 2 or not set(names) <= set(_PUTTY_ORDER):
        return None
    ranks = [_PUTTY_ORDER.index(name) for name in names]
    rest = next(place for place in range(len(ranks)) if ranks[place:] == sorted(ranks[place:]))
    if rest == 0:
        return KnownTypes(
            types=(),
            confidence="low",
            reason=(
                "the client's host key algorithms stand in PuTTY's order: it has no key for the name in its cache, or"
                f" one of the type that comes first anyway ({_family(names[0])})"
            ),
        )
    front = tuple(dict.fromkeys(family for name in names[:rest] if (family := _family(name))))
    return KnownTypes(
        types=front,
        confidence="medium",
        reason=(
            f"the client puts {_listed(front)} before its other types, as PuTTY does when it has such a key in its"
            " cache; its settings (Connection > SSH > Host keys) can do the same"
        ),
    )


def _of_asyncssh(names: tuple[str, ...]) -> KnownTypes | None:
    """It offers the algorithms of the keys that it knows for the name, and no certificates without an authority."""
    types = tuple(dict.fromkeys(family for name in names if (family := _family(name))))
    if not types or any("-cert-" in name or name.startswith(("sk-", "webauthn-")) for name in names):
        return None
    return KnownTypes(
        types=types,
        confidence="medium",
        reason=(
            f"the client offers algorithms for {_listed(types)} alone, as AsyncSSH does when it knows such keys"
            " for the name; an option (server_host_key_algs) can do the same"
        ),
    )


def _listed(families: Sequence[str]) -> str:
    return " and ".join((", ".join(families[:-1]), families[-1]) if len(families) > 1 else families)


def _turn(names: list[str]) -> int:
    """Where the first block of known types ends: behind its plain names, at the next certificate."""
    plain_seen = False
    for place, name in enumerate(names):
        if "-cert-" not in name:
            plain_seen = True
        elif plain_seen:
            return place
    return len(names)


def _family(name: str) -> str | None:
    return next((family for family, heads in _FAMILIES if name.startswith(heads)), None)
