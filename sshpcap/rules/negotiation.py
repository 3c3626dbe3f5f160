"""What the five rules "no common …" share: a slot of the negotiation without a match, in each direction it has."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from sshpcap.model import Finding, Negotiation, Session, Slot
from sshpcap.rules import changes
from sshpcap.rules.base import first, how_it_ended, listed, shown, with_close
from sshpcap.rules.printed import fill

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
    openssh_old: str
    """OpenSSH 6.6 and before."""
    go: str = ""
    node: str = ""
    lsh: str = ""
    slot: str = ""
    """libssh's name for the slot, client to server."""
    more: Mapping[str, str] = MappingProxyType({})
    """What programs print beside these."""


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


def texts(kind: Kind) -> dict[str, str]:
    """What programs print (verified texts: the support catalogue of the project's lab)."""
    said = {
        "openssh_client": (
            f"Unable to negotiate with {{server}} port {{port}}: no matching {kind.openssh} found. Their offer:"
            " {list}"
        ),
        "openssh_client_before_6_7": kind.openssh_old,
        "sshd_log": (
            f"Unable to negotiate with {{client}} port {{client_port}}: no matching {kind.openssh} found. Their offer:"
            " {client_list} [preauth]"
        ),
        "putty": f"Couldn't agree a {kind.putty} (available: {{list}})",
        "putty_debian_0_78": f'Selected {kind.putty} "{{list}}" does not correspond to any supported algorithm',
        "dropbear": f"No matching algo {kind.dropbear}",
        "paramiko": kind.paramiko,
        "asyncssh": kind.asyncssh,
        "jsch": "Algorithm negotiation fail",
        "libssh2": "Unable to exchange encryption keys",
        "libssh": "kex error : no match for method {slot}: server [{list}], client [{client_list}]",
    }
    if kind.go:
        said["go"] = (
            f"ssh: handshake failed: ssh: no common algorithm for {kind.go}; client offered: [{{client_list}}], server"
            " offered: [{list}]"
        )
    if kind.node:
        said["node_ssh2"] = f"Handshake failed: no matching {kind.node}"
    if kind.lsh:
        said["lshd_log"] = kind.lsh
    # The second direction of ciphers, MACs and compression has words of its own.
    said |= {
        f"{program}_server_to_client": turned
        for program, text in said.items()
        if program in _DIRECTED and (turned := _turned(text)) != text
    }
    return {**said, **kind.more}


_DIRECTED = ("putty", "putty_debian_0_78", "dropbear", "go", "node_ssh2")


def _turned(text: str) -> str:
    """A text about the direction from the client to the server, of the other direction."""
    for there, back in (
        ("client-to-server", "server-to-client"),
        ("c->s", "s->c"),
        ("client to server", "server to client"),
        ("C->S", "S->C"),
    ):
        text = text.replace(there, back)
    return text


def _messages(session: Session, kind: Kind, negotiation: Negotiation, slot: Slot) -> dict[str, str]:
    theirs = _as_sent(session.server.kexinit.kex_algorithms if session.server.kexinit else (), slot.server_offer, kind)
    ours = _as_sent(session.client.kexinit.kex_algorithms if session.client.kexinit else (), slot.client_offer, kind)
    back = not any(name.endswith("client_to_server") for name in negotiation.failed if name in kind.slots)
    every = texts(kind)
    for program in _DIRECTED:
        turned = every.pop(f"{program}_server_to_client", None)
        if turned is not None and back:
            every[program] = turned
    if not kind.slot:
        del every["libssh"]  # its name for this kind was never seen
    way = kind.slot.replace("client->server", "server->client") if back else kind.slot
    return fill(every, session, list=theirs, client_list=ours, slot=way)


def _as_sent(kex_algorithms: tuple[str, ...], offer: tuple[str, ...], kind: Kind) -> str:
    """OpenSSH prints the list as it was sent, pseudo-algorithms included."""
    return ",".join(kex_algorithms if kind.id == "no-common-kex-algorithm" else offer)


def _causes(kind: Kind) -> tuple[str, ...]:
    return (
        f"one side is old and knows only {kind.noun}s that the other has removed from its defaults",
        "one side was hardened and offers a short list",
        "a policy (FIPS mode, crypto-policies) narrows the list of one side",
    )
