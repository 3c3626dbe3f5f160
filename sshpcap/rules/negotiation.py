"""What the five rules "no common …" share: a slot of the negotiation without a match, in each direction it has."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from sshpcap.model import Finding, Negotiation, Session, Slot
from sshpcap.rules import changes
from sshpcap.rules.base import first, how_it_ended, listed, lost_to_the_capture, shown, with_close
from sshpcap.rules.printed import fill
from sshpcap.ssh.defaults import clients_of

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
    if session.negotiation is None:
        yield from _presumed(session, kind)
    else:
        yield from _found(session, kind)


def _presumed(session: Session, kind: Kind) -> Iterator[Finding]:
    """The client left when it had read the server's proposal, its own unsent: its program's default settings tell."""
    identification, server = session.client.identification, session.server.kexinit
    known = identification is not None and identification.implementation in _LEAVE_UNSAID
    if not known or identification is None or server is None or session.client.kexinit or lost_to_the_capture(session):
        return
    if session.close.by != "client" or session.close.how not in ("fin", "rst"):
        return
    programs = [meeting for meeting in clients_of(server) if meeting.default.program == identification.implementation]
    if not programs or any(meeting.negotiation.agreed for meeting in programs):
        return
    one = programs[-1]
    imagined = msgspec.structs.replace(
        session,
        negotiation=one.negotiation,
        client=msgspec.structs.replace(session.client, kexinit=one.default.proposal),
    )
    name = f"{one.default.program} {one.default.release}".rstrip()
    same = one.default.release == identification.version
    for finding in _found(imagined, kind):
        yield msgspec.structs.replace(
            finding,
            confidence="medium" if same else "low",
            summary=(
                f"When the client had read the server's proposal, it left without its own: {how_it_ended(session)}."
                f" With its default settings {name} has no {kind.noun} in common with the server, which offers"
                f" {listed(getattr(one.negotiation, _slot(one.negotiation, kind)).server_offer)}. What this"
                " client was set to offer is not in the capture."
            ),
            # The server never read a proposal: it logs nothing of one.
            expected_messages={k: text for k, text in finding.expected_messages.items() if not k.endswith("_log")},
        )


def _slot(negotiation: Negotiation, kind: Kind) -> str:
    """The first slot of a kind without a match."""
    return next(slot for slot in kind.slots if slot in negotiation.failed)


_LEAVE_UNSAID = ("PuTTY", "libssh")
"""Programs that hold their proposal back until they have read the server's, and drop it where nothing fits."""


def _found(session: Session, kind: Kind) -> Iterator[Finding]:
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
            f"ssh: handshake failed: ssh: no common algorithm for {kind.go}; client offered: [{{client_names}}], server"
            " offered: [{names}]"
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


_TEXTS: Final[dict[str, dict[str, str]]] = {}
"""The texts of a kind, once they were asked for."""


def _messages(session: Session, kind: Kind, negotiation: Negotiation, slot: Slot) -> dict[str, str]:
    theirs = _as_sent(session.server.kexinit.kex_algorithms if session.server.kexinit else (), slot.server_offer, kind)
    ours = _as_sent(session.client.kexinit.kex_algorithms if session.client.kexinit else (), slot.client_offer, kind)
    back = not any(name.endswith("client_to_server") for name in negotiation.failed if name in kind.slots)
    if kind.id not in _TEXTS:
        _TEXTS[kind.id] = texts(kind)
    every = dict(_TEXTS[kind.id])
    for program in _DIRECTED:
        turned = every.pop(f"{program}_server_to_client", None)
        if turned is not None and back:
            every[program] = turned
    if not kind.slot:
        del every["libssh"]  # its name for this kind was never seen
    way = kind.slot.replace("client->server", "server->client") if back else kind.slot
    # Go prints its own form of a list.
    names, client_names = theirs.replace(",", " "), ours.replace(",", " ")
    return fill(every, session, list=theirs, client_list=ours, names=names, client_names=client_names, slot=way)


def _as_sent(kex_algorithms: tuple[str, ...], offer: tuple[str, ...], kind: Kind) -> str:
    """OpenSSH prints the list as it was sent, pseudo-algorithms included."""
    return ",".join(kex_algorithms if kind.id == "no-common-kex-algorithm" else offer)


def _causes(kind: Kind) -> tuple[str, ...]:
    return (
        f"one side is old and knows only {kind.noun}s that the other has removed from its defaults",
        "one side was hardened and offers a short list",
        "a policy (FIPS mode, crypto-policies) narrows the list of one side",
    )
