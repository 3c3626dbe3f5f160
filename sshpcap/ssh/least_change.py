"""The least change to one side's proposal that makes two proposals agree: pure, and proven by `negotiate` each time.

A change only adds names, as `KexAlgorithms=+NAME` does: at the end of a list, where they are chosen only if nothing
else is. Only names that have a rating are ever proposed, so nothing that a peer made up gets into a command.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import msgspec

from sshpcap.model import KexInit, Who
from sshpcap.ssh.algorithms import WIDELY_SUPPORTED, Kind, badness, rating
from sshpcap.ssh.negotiate import is_aead, negotiate

Able = Callable[[str], bool | None]
"""Whether the side that is to change has an algorithm; None for "not known"."""

KIND_OF: Final[dict[str, Kind]] = {
    "kex_algorithm": "kex",
    "server_host_key_algorithm": "host_key",
    "encryption_client_to_server": "cipher",
    "encryption_server_to_client": "cipher",
    "mac_client_to_server": "mac",
    "mac_server_to_client": "mac",
    "compression_client_to_server": "compression",
    "compression_server_to_client": "compression",
}
"""Slot → kind of algorithm."""

_LISTS: Final[dict[Kind, tuple[str, ...]]] = {
    "kex": ("kex_algorithms",),
    "host_key": ("server_host_key_algorithms",),
    "cipher": ("encryption_algorithms_client_to_server", "encryption_algorithms_server_to_client"),
    "mac": ("mac_algorithms_client_to_server", "mac_algorithms_server_to_client"),
    "compression": ("compression_algorithms_client_to_server", "compression_algorithms_server_to_client"),
}
_LOOKED_AT: Final = 200


class Change(NamedTuple):
    """Names that one side has to add."""

    side: Who
    additions: tuple[tuple[Kind, str], ...]
    certain: bool
    """The program is known to have every one of them."""


def applied(proposal: KexInit, change: Change) -> KexInit:
    """The proposal with the names added: at the end, in both directions, as programs do it."""
    lists: dict[str, tuple[str, ...]] = {}
    for kind, name in change.additions:
        for field in _LISTS[kind]:
            names = lists.get(field, getattr(proposal, field))
            lists[field] = names if name in names else (*names, name)
    return msgspec.structs.replace(proposal, **lists)


def key_family(host_key_algorithm: str) -> str | None:
    """The kind of key that a host key algorithm needs, as names of key files have it: rsa, ed25519, ecdsa, ecdsa384.

    None for certificates and what is not known.
    """
    if host_key_algorithm in ("ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"):
        return "rsa"
    return {
        "ssh-ed25519": "ed25519",
        "ssh-dss": "dsa",
        "ecdsa-sha2-nistp256": "ecdsa",
        "ecdsa-sha2-nistp384": "ecdsa384",
        "ecdsa-sha2-nistp521": "ecdsa521",
    }.get(host_key_algorithm)


def least_change(client: KexInit, server: KexInit, side: Who, able: Able) -> Change | None:
    """What this side has to add so that the two agree; None where they agree, or nothing it can have is known."""
    change = Change(side, (), True)
    # A server that has a key of a kind needs no new one.
    keys = {key_family(name) for name in server.server_host_key_algorithms} - {None} if side == "server" else set()
    while True:
        proposals = (applied(client, change), server) if side == "client" else (client, applied(server, change))
        outcome = negotiate(*proposals)
        if outcome.agreed:
            return change if change.additions else None
        # A cipher decides whether a MAC is needed, so it comes first: the order of the slots.
        slot = outcome.failed[0]
        kind = KIND_OF[slot]
        theirs = [_offer(getattr(outcome, failed), side) for failed in outcome.failed if KIND_OF[failed] == kind]
        needs_mac = any(KIND_OF[failed] == "mac" for failed in outcome.failed)
        taken = {name for other, name in change.additions if other == kind}
        found = next(_candidates(kind, theirs, able, taken, keys, aead_first=needs_mac), None)
        if found is None:
            return None
        change = change._replace(
            additions=(*change.additions, (kind, found)), certain=change.certain and able(found) is True
        )


def _offer(slot: msgspec.Struct, side: Who) -> tuple[str, ...]:
    """What the side that does not change offers in a slot."""
    offer: tuple[str, ...] = getattr(slot, "server_offer" if side == "client" else "client_offer")
    return offer[:_LOOKED_AT]


def _candidates(
    kind: Kind, theirs: list[tuple[str, ...]], able: Able, taken: set[str], keys: set[str | None], *, aead_first: bool
) -> Iterator[str]:
    """Names to add, the best first: one that serves both directions, safe, known to be there, widely supported."""

    def order(name: str) -> tuple[bool, bool, bool, int, bool, bool, int]:
        known = able(name) is True
        grade = badness(kind, name) if known else max(1, badness(kind, name))
        place = WIDELY_SUPPORTED.index(name) if name in WIDELY_SUPPORTED else len(WIDELY_SUPPORTED)
        no_key = kind == "host_key" and bool(keys) and key_family(name) not in keys
        return (
            name not in theirs[-1],
            "-cert-" in name,
            no_key,
            grade,
            aead_first and not is_aead(name),
            not known,
            place,
        )

    for name in sorted(theirs[0], key=order):
        if name in taken or rating(kind, name) is None or able(name) is False:
            continue
        if (kind in ("cipher", "mac") and name == "none") or name == "null":
            continue
        yield name
