"""The client's program does not take an algorithm without asking.

What it means
    Both sides agree on an algorithm that PuTTY counts as weak: it stands below the line "warn below here" of its
    settings. PuTTY and WinSCP then ask their user; plink, pscp and psftp with -batch, and whoever says no, leave
    right after the proposals, and nothing on the wire says why.

How it is known
    The client is PuTTY or a program made from it; both proposals lead to an algorithm that stands below that line by
    default (diffie-hellman-group1-sha1, DES, Blowfish, RC4); the client closed before it sent anything of the key
    exchange. A proposal that the client dropped unsent is taken to be that of its default settings.

When it may be wrong
    The user may have moved the line, or closed the window for another reason.

What to do
    Let the server offer something better: the client has it. Where that cannot be done, move the algorithm above the
    line, for this server alone.

References
    PuTTY manual, sections 4.20.1 and 4.18.1 ("warn below here"); plink 0.78 (the texts)
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from sshpcap.model import Evidence, Finding, KexInit, Remedy, Session
from sshpcap.rules import changes
from sshpcap.rules.base import Rule, first, gave_up, how_it_ended, listed, lost_to_the_capture, shown, with_close
from sshpcap.rules.printed import fill
from sshpcap.ssh.algorithms import weakness
from sshpcap.ssh.defaults import defaults
from sshpcap.ssh.negotiate import negotiate

ID = "weak-algorithm-refused"
TITLE = "The client's program does not take a weak algorithm without asking"
_PROGRAMS: Final = ("PuTTY", "WinSCP", "FileZilla")
_BELOW: Final = re.compile(r"diffie-hellman-group1-sha1|(des|blowfish)-(cbc|ctr)|des-cbc@ssh\.com|arcfour(128|256)?")
"""What stands below the line by default: DEFAULT_KEX and ciphernames in PuTTY's settings.c (0.78)."""
_LISTS: Final = (
    "kex_algorithms",
    "encryption_algorithms_client_to_server",
    "encryption_algorithms_server_to_client",
)
_SLOTS: Final = {
    "kex_algorithm": ("key-exchange algorithm", "Connection > SSH > Kex", "KEX",
                      "ntru-curve25519,ecdh,dh-gex-sha1,dh-group18-sha512,dh-group17-sha512,dh-group16-sha512,"
                      "dh-group15-sha512,dh-group14-sha1,rsa,dh-group1-sha1,WARN"),
    "encryption_client_to_server": ("client-to-server cipher", "Connection > SSH > Cipher", "Cipher",
                                    "aes,chacha20,aesgcm,3des,blowfish,des,arcfour,WARN"),
    "encryption_server_to_client": ("server-to-client cipher", "Connection > SSH > Cipher", "Cipher",
                                    "aes,chacha20,aesgcm,3des,blowfish,des,arcfour,WARN"),
}  # fmt: skip
"""Slot → PuTTY's name for it, the panel with its line, and the setting of a saved session with the line at the end."""
_MESSAGES: Final = {
    "putty_batch": (
        "The first {what} supported by the server is / {name}, which is below the configured / warning threshold. /"
        " Connection abandoned. / FATAL ERROR: Cannot confirm a weak crypto primitive in batch mode"
    ),
    "putty": (
        "The first {what} supported by the server is {name}, which is below the configured warning threshold. Continue"
        " with connection?"
    ),
    "sshd_log": "Connection closed by {client} port {client_port} [preauth]",
}


def check(session: Session) -> Iterator[Finding]:
    """Fire when such a client left between the proposals and its first message of the key exchange."""
    client, theirs = session.client.identification, session.server.kexinit
    if theirs is None or client is None or client.implementation not in _PROGRAMS:
        return
    if session.stage != "kexinit" or session.outcome != "failed" or lost_to_the_capture(session):
        return
    mine, release = session.client.kexinit, client.version
    if mine is None:
        # It holds its proposal back until it has read the server's, and drops it then.
        own = [one for one in defaults("client") if one.program == client.implementation]
        mine, release = (own[-1].proposal, own[-1].release) if own else (None, None)
    proposal = first(session, "server", "SSH_MSG_KEXINIT")
    if mine is None or proposal is None or gave_up(session) != "client" or session.close.how not in ("fin", "rst"):
        return
    negotiation = negotiate(mine, theirs)
    weak = {slot: name for slot in _SLOTS if _BELOW.fullmatch(name := getattr(negotiation, slot).chosen or "")}
    if negotiation.agreed and weak:
        yield _found(session, weak, mine, shown(proposal, "the server's proposal"), release == client.version)


def _found(session: Session, weak: dict[str, str], mine: KexInit, proposal: Evidence, sure: bool) -> Finding:
    slot, name = next(iter(weak.items()))
    names = listed(tuple(dict.fromkeys(weak.values())))
    program = session.client.identification.implementation if session.client.identification else None
    if session.client.kexinit is not None:
        lead, sent = f"Both proposals lead to {names}", "a message of the key exchange"
    else:
        lead, sent = f"With its default settings {program} would agree with the server on {names}", "a proposal"
    return Finding(
        id=ID,
        severity="error",
        confidence="medium" if sure else "low",
        party="client",
        title=TITLE,
        summary=(
            f"{lead}, which {program} counts as weak: it asks its user, and with -batch it leaves. After the server's"
            f" proposal the client did not send {sent}; {how_it_ended(session)}."
        ),
        evidence=with_close(session, proposal),
        expected_messages=fill(_MESSAGES, session, what=_SLOTS[slot][0], name=name),
        causes=(
            "plink, pscp or psftp runs with -batch, so that there is nobody to ask",
            "the user was asked and said no",
        ),
        remedies=(*_better(session, mine), *_above_the_line(weak)),
    )


def _better(session: Session, mine: KexInit) -> Iterator[Remedy]:
    """What the server has to offer so that the two agree without what the client does not take."""
    theirs = session.server.kexinit
    if theirs is None:
        return
    without = {name: tuple(n for n in getattr(mine, name) if not _BELOW.fullmatch(n)) for name in _LISTS}
    asked = msgspec.structs.replace(mine, **without)
    imagined = msgspec.structs.replace(
        session,
        client=msgspec.structs.replace(session.client, kexinit=asked),
        negotiation=negotiate(asked, theirs),
    )
    yield from (remedy for remedy in changes.remedies(imagined) if remedy.side == "server")


def _above_the_line(weak: dict[str, str]) -> Iterator[Remedy]:
    settings = {_SLOTS[slot][1:]: name for slot, name in weak.items()}
    for (panel, key, value), name in settings.items():
        yield Remedy(
            side="client",
            action=(
                f'for this server alone: {panel}, move what {name} belongs to above "-- warn below here --", and'
                " save the session (plink: -load SESSION). It stands in ~/.putty/sessions/SESSION, or in the registry"
                " below HKCU\\Software\\SimonTatham\\PuTTY\\Sessions, as:"
            ),
            command=f"{key}={value}",
            risk=f"{name} is {weakness('kex' if key == 'KEX' else 'cipher', name)}",
        )


RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES)
