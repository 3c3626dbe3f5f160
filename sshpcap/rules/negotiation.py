"""What the five rules "no common …" share: a slot of the negotiation without a match, in each direction it has."""

from collections.abc import Iterator
from typing import NamedTuple

from sshpcap.model import Finding, Negotiation, Remedy, Session, Slot
from sshpcap.rules.base import first, how_it_ended, listed, shown, with_close
from sshpcap.ssh.algorithms import best, weakness
from sshpcap.ssh.negotiate import real_methods

_DIRECTIONS = {"client_to_server": "client to server", "server_to_client": "server to client"}


class Kind(NamedTuple):
    """One kind of algorithm, with the words that programs use for it."""

    id: str
    title: str
    slots: tuple[str, ...]
    noun: str
    openssh: str
    putty: str
    dropbear: str
    paramiko: str
    asyncssh: str
    option: str
    """OpenSSH's option, client and server."""
    query: str
    """`ssh -Q` argument that lists what a client can do."""
    server_remedy: Remedy | None = None
    """What to do on the server, where adding a name to the option is not enough."""
    by_option: bool = True
    """The option takes a list to which a name can be added."""


def check(session: Session, kind: Kind) -> Iterator[Finding]:
    """One finding for a kind, over all its slots without a match."""
    negotiation = session.negotiation
    if negotiation is None or session.stage == "encrypted":
        return
    failed = tuple(slot for slot in kind.slots if slot in negotiation.failed)
    if not failed:
        return
    slot: Slot = getattr(negotiation, failed[0])
    client = first(session, "client", "SSH_MSG_KEXINIT")
    server = first(session, "server", "SSH_MSG_KEXINIT")
    evidence = with_close(
        session,
        shown(client, f"the client's offer: {listed(slot.client_offer, 20)}") if client else None,
        shown(server, f"the server's offer: {listed(slot.server_offer, 20)}") if server else None,
    )
    yield Finding(
        id=kind.id,
        severity="error",
        confidence="high",
        party="unknown",
        title=kind.title,
        summary=(
            f"Client and server share no {kind.noun}{_where(kind, failed)}: the client offers"
            f" {listed(slot.client_offer)}; the server offers {listed(slot.server_offer)}. {_what_then(session)}"
        ),
        evidence=evidence,
        expected_messages=_messages(session, kind, negotiation, slot),
        causes=_causes(kind),
        remedies=tuple(_remedies(session, kind, slot)),
    )


def _what_then(session: Session) -> str:
    """What became of it: some programs send a key exchange message all the same."""
    proposals = [m.frame for m in session.messages if m.name == "SSH_MSG_KEXINIT"]
    later = [m for m in session.messages if m.number is not None and 30 <= m.number <= 49 and m.frame > max(proposals)]
    if later:
        return f"The {later[0].sender} went on all the same (frame {later[0].frame}); {how_it_ended(session)}."
    return f"Neither can go on, and {how_it_ended(session)}."


def _where(kind: Kind, failed: tuple[str, ...]) -> str:
    if len(kind.slots) == 1 or len(failed) == 2:
        return ""
    return next(f" from {words}" for key, words in _DIRECTIONS.items() if failed[0].endswith(key))


def _messages(session: Session, kind: Kind, negotiation: Negotiation, slot: Slot) -> dict[str, str]:
    """What programs print (verified texts: the support catalogue of the project's lab)."""
    theirs = _as_sent(session.server.kexinit.kex_algorithms if session.server.kexinit else (), slot.server_offer, kind)
    ours = _as_sent(session.client.kexinit.kex_algorithms if session.client.kexinit else (), slot.client_offer, kind)
    server, client = session.server, session.client
    putty, dropbear = kind.putty, kind.dropbear
    if not any(name.endswith("client_to_server") for name in negotiation.failed if name in kind.slots):
        putty = putty.replace("client-to-server", "server-to-client")
        dropbear = dropbear.replace("c->s", "s->c")
    return {
        "openssh_client": (
            f"Unable to negotiate with {server.address} port {server.port}: no matching {kind.openssh} found. "
            f"Their offer: {theirs}"
        ),
        "sshd_log": (
            f"Unable to negotiate with {client.address} port {client.port}: no matching {kind.openssh} found. "
            f"Their offer: {ours} [preauth]"
        ),
        "putty": f"Couldn't agree a {putty} (available: {theirs})",
        "putty_debian_0.78": f'Selected {putty} "{theirs}" does not correspond to any supported algorithm',
        "dropbear": f"No matching algo {dropbear}",
        "paramiko": kind.paramiko,
        "asyncssh": kind.asyncssh,
    }


def _as_sent(kex_algorithms: tuple[str, ...], offer: tuple[str, ...], kind: Kind) -> str:
    """OpenSSH prints the list as it was sent, pseudo-algorithms included."""
    return ",".join(kex_algorithms if kind.id == "no-common-kex-algorithm" else offer)


def _causes(kind: Kind) -> tuple[str, ...]:
    return (
        f"one side is old and knows only {kind.noun}s that the other has removed from its defaults",
        "one side was hardened and offers a short list",
        "a policy (FIPS mode, crypto-policies) narrows the list of one side",
    )


def _remedies(session: Session, kind: Kind, slot: Slot) -> Iterator[Remedy]:
    if not kind.by_option:
        without = [("client", slot.client_offer), ("server", slot.server_offer)]
        for side, offer in without:
            if "none" not in offer:
                yield Remedy(
                    side="client" if side == "client" else "server",
                    action=f'let the {side} offer "none" again: it demands compression',
                )
        return
    server_has = tuple(name for name in real_methods(slot.server_offer) if name and name != "none")
    client_has = tuple(name for name in real_methods(slot.client_offer) if name and name != "none")
    for_server, for_client = best(client_has), best(server_has)
    if for_client is None and server_has:
        yield Remedy(side="client", action=f"OpenSSH has none of the server's {kind.noun}s: {listed(server_has)}")
    if kind.server_remedy is not None:
        yield kind.server_remedy
    elif for_server is not None:
        yield Remedy(
            side="server",
            action=f"offer a {kind.noun} that the client has (better: it keeps the client as it is). sshd_config:",
            command=f"{kind.option} +{for_server}",
            risk=weakness(for_server)
            or "only what the server's program supports can be added; `sshd -T` shows what is active",
        )
    if for_client is not None:
        yield Remedy(
            side="client",
            action=f"allow the {kind.noun} that the server has, for this one host (OpenSSH client)",
            command=f"ssh -o {kind.option}=+{for_client} {session.server.address}" + _port(session),
            risk=weakness(for_client) or f"works only if the client's program supports it (`ssh -Q {kind.query}`)",
        )


def _port(session: Session) -> str:
    return "" if session.server.port == 22 else f" -p {session.server.port}"
