"""What the five rules "no common …" share: a slot of the negotiation without a match, in each direction it has."""

from collections.abc import Iterator
from typing import NamedTuple

from sshpcap.model import Finding, Negotiation, Session, Slot
from sshpcap.rules import changes
from sshpcap.rules.base import first, how_it_ended, listed, shown, with_close

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
        # One change mends every slot, so it stands with the first of the findings.
        remedies=tuple(changes.remedies(session)) if negotiation.failed[0] == failed[0] else (),
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
