"""The outcome of two proposals (RFC 4253 §7.1): a pure function, for every slot, failed ones included."""

from functools import lru_cache
from typing import Final, Literal

import msgspec

from sshpcap.model import Guess, KexInit, Negotiation, Slot, Terrapin, Who
from sshpcap.ssh.algorithms import Kind, rating, weakness
from sshpcap.ssh.passed_over import Program, blocked, doubtful

SLOTS: Final = (
    "kex_algorithm",
    "server_host_key_algorithm",
    "encryption_client_to_server",
    "encryption_server_to_client",
    "mac_client_to_server",
    "mac_server_to_client",
    "compression_client_to_server",
    "compression_server_to_client",
)
"""The slots of a negotiation, in the order in which OpenSSH looks at them within each kind."""

_PSEUDO_NAMES: Final = frozenset(
    (
        "ext-info-c",  # RFC 8308 §2.1
        "ext-info-s",
        "kex-strict-c-v00@openssh.com",  # OpenSSH PROTOCOL §1.10
        "kex-strict-s-v00@openssh.com",
        "kexguess2@matt.ucc.asn.au",  # Dropbear
    )
)
"""Names in the list of key exchange methods that announce something and are never chosen."""

_AEAD: Final = frozenset(
    (
        "chacha20-poly1305@openssh.com",
        "chacha20-poly1305",
        "aes128-gcm@openssh.com",
        "aes256-gcm@openssh.com",
        "aes128-gcm",
        "aes256-gcm",
        "AEAD_AES_128_GCM",  # RFC 5647
        "AEAD_AES_256_GCM",
    )
)
"""Ciphers that authenticate by themselves: the list of MACs of their direction is not consulted."""


_DIRECTED: Final[tuple[tuple[str, Kind], ...]] = (
    ("encryption", "cipher"),
    ("mac", "mac"),
    ("compression", "compression"),
)
"""Slots that each direction has, with their kind; the cipher decides whether a MAC is needed."""

_USUAL_NAMES: Final = 500
"""Names in the lists of a proposal that is worth remembering; what has more is made to fill the memory."""


def real_methods(kex_algorithms: tuple[str, ...]) -> tuple[str, ...]:
    """The names in a list of key exchange methods that can be chosen."""
    return tuple(name for name in kex_algorithms if name not in _PSEUDO_NAMES)


def is_aead(cipher: str) -> bool:
    """Whether a cipher needs no MAC."""
    return cipher in _AEAD


def negotiate(client: KexInit, server: KexInit, program: Program = (None, None)) -> Negotiation:
    """What the two proposals lead to. Slots without a match have `chosen` None and stand in `failed`.

    `program` is the server's, for the reasons why it does not offer a name; it decides nothing.
    """
    # Neither the cookie nor the frames matter, and of everything else two programs send the same every time.
    sides = [msgspec.structs.replace(side, cookie="", frames=()) for side in (client, server)]
    usual = all(sum(map(len, msgspec.structs.astuple(side)[:10])) <= _USUAL_NAMES for side in sides)
    return _negotiate(*sides, program) if usual else _negotiate.__wrapped__(*sides, program)


@lru_cache(256)
def _negotiate(client: KexInit, server: KexInit, program: Program) -> Negotiation:
    slots = {
        "kex_algorithm": _slot(
            "kex", real_methods(client.kex_algorithms), real_methods(server.kex_algorithms), (), program
        ),
        "server_host_key_algorithm": _slot(
            "host_key", client.server_host_key_algorithms, server.server_host_key_algorithms, (), program
        ),
    }
    for direction, other in (("client_to_server", "server_to_client"), ("server_to_client", "client_to_server")):
        for name, kind in _DIRECTED:
            mine, theirs = (getattr(side, f"{name}_algorithms_{direction}") for side in (client, server))
            back = getattr(server, f"{name}_algorithms_{other}")
            cipher = slots[f"encryption_{direction}"].chosen if kind == "mac" else None
            slots[f"{name}_{direction}"] = _implicit(cipher, mine, theirs) or _slot(kind, mine, theirs, back, program)
    failed = tuple(
        name
        for name in SLOTS
        if slots[name].chosen is None and not (name.startswith("mac") and _cipher_is_aead(slots, name))
    )
    strict = (
        "kex-strict-c-v00@openssh.com" in client.kex_algorithms
        and "kex-strict-s-v00@openssh.com" in server.kex_algorithms
    )
    return Negotiation(
        **slots,
        agreed=not failed,
        failed=failed,
        guesses=_guesses(client, server, not failed),
        strict_kex=strict,
        terrapin=None if failed else _terrapin(slots, client, server, strict=strict),
    )


def _terrapin(slots: dict[str, Slot], client: KexInit, server: KexInit, *, strict: bool) -> Terrapin:
    """Terrapin needs a cipher whose state does not tell that packets are missing, and no strict key exchange."""
    directions: list[Literal["client_to_server", "server_to_client"]] = []
    ciphers = []
    for direction in ("client_to_server", "server_to_client"):
        cipher, mac = slots[f"encryption_{direction}"].chosen or "", slots[f"mac_{direction}"].chosen or ""
        if cipher.startswith("chacha20-poly1305") or (cipher.endswith("-cbc") and "-etm@" in mac):
            directions.append(direction)
            ciphers.append(cipher if cipher.startswith("chacha20") else f"{cipher} with {mac}")
    if not directions:
        reason = "the ciphers chosen would show that packets are missing"
    elif strict:
        reason = "both sides announce strict key exchange"
    else:
        sides = (("client", "kex-strict-c-v00@openssh.com", client), ("server", "kex-strict-s-v00@openssh.com", server))
        without = [who for who, name, proposal in sides if name not in proposal.kex_algorithms]
        who = "neither side announces" if len(without) == 2 else f"the {without[0]} does not announce"
        reason = f"{who} strict key exchange, and {' and '.join(dict.fromkeys(ciphers))} was chosen"
    return Terrapin(exposed=bool(directions) and not strict, directions=tuple(directions), reason=reason)


def _slot(
    kind: Kind, client: tuple[str, ...], server: tuple[str, ...], back: tuple[str, ...], program: Program
) -> Slot:
    common = frozenset(server)
    chosen = next((name for name in client if name and name in common), None)
    if chosen is None:
        reason = "no name in common"
    elif client[0] == chosen:
        reason = "the client's first choice"
    else:
        reason = f"the client's choice {client.index(chosen) + 1} of {len(client)}, the first that the server has"
    found = rating(kind, chosen) if chosen else None
    before = tuple(name for name in (client[: client.index(chosen)] if chosen else client) if name)
    return Slot(
        chosen=chosen,
        client_offer=client,
        server_offer=server,
        reason=reason,
        passed_over=before if chosen else (),
        grade=found.grade if found else None,
        concern=weakness(kind, chosen) if chosen else None,
        blocked=blocked(kind, before, common, frozenset(back), program),
        doubtful=doubtful(kind, client, server),
    )


def _implicit(cipher: str | None, client: tuple[str, ...], server: tuple[str, ...]) -> Slot | None:
    if cipher is None or not is_aead(cipher):
        return None
    return Slot(
        chosen=None, client_offer=client, server_offer=server, reason="the cipher authenticates by itself (AEAD)"
    )


def _cipher_is_aead(slots: dict[str, Slot], mac: str) -> bool:
    cipher = slots[mac.replace("mac", "encryption", 1)].chosen
    return cipher is not None and is_aead(cipher)


def _guesses(client: KexInit, server: KexInit, agreed: bool) -> tuple[Guess, ...]:
    """RFC 4253 §7: a guess is wrong if the first kex or host key names differ, or if anything cannot be agreed.

    Between two Dropbears (kexguess2) the host key names are not compared.
    """
    only_kex = all("kexguess2@matt.ucc.asn.au" in side.kex_algorithms for side in (client, server))
    kex = client.kex_algorithms[:1] == server.kex_algorithms[:1]
    host_key = client.server_host_key_algorithms[:1] == server.server_host_key_algorithms[:1]
    right = kex and (only_kex or host_key) and agreed
    if right:
        reason = "both sides prefer the same key exchange method" + ("" if only_kex else " and host key algorithm")
    elif not kex:
        reason = "the sides prefer different key exchange methods"
    elif not agreed:
        reason = "the sides cannot agree on every slot"
    else:
        reason = "the sides prefer different host key algorithms"
    sides: tuple[tuple[Who, KexInit], ...] = (("client", client), ("server", server))
    return tuple(Guess(sent_by=who, right=right, reason=reason) for who, side in sides if side.first_kex_packet_follows)
