"""What the order of a client's host key algorithms tells about the keys that it knows for this server already.

OpenSSH moves the algorithms of known key types to the front (since 5.7), as recordings show. So the order is evidence,
and never proof: an option may have set it.
"""

from functools import lru_cache
from typing import Final

from sshpcap.model import KexInit, KnownTypes

_FAMILIES: Final = (
    ("rsa", ("rsa-sha2-", "ssh-rsa")),
    ("ecdsa", ("ecdsa-sha2-",)),
    ("ed25519", ("ssh-ed25519",)),
    ("dsa", ("ssh-dss",)),
)


def known_types(proposal: KexInit, program: str | None, version: str | None) -> KnownTypes | None:
    """What an OpenSSH client's list of host key algorithms tells; None where it tells nothing."""
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
                f"the client puts {' and '.join(front)} before its other types, as OpenSSH does when it knows such a"
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
