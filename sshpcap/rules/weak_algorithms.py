"""Weak algorithms were agreed on.

What it means
    Among what the two sides agreed on, or among the keys that they showed, is something with a known weakness. It is
    not why a connection fails; it is what to replace before somebody else removes it.

How it is known
    From both proposals by RFC 4253 §7.1, from the sizes of the host key and of the group in the key exchange, and from
    whether that group's modulus is a safe prime, all in clear text. The grade of each algorithm, its reason and its
    reference are data of this program.

When it may be wrong
    Never about what was chosen. A grade is a judgement; its reference stands beside it. That a modulus is not prime is
    certain; that it is a safe prime is tested up to 4,096 bits, and for the groups of RFC 2409, 3526 and 7919 known.

What to do
    Update the older side; then remove the weak names from the newer one. The report names the better ones that the
    client would have liked and the server does not have.

References
    RFC 9142; RFC 4419; RFC 8758; RFC 8332; RFC 4344; NIST SP 800-131A
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session, Severity, Slot
from sshpcap.rules.base import Rule, listed
from sshpcap.ssh.groups import SOUND_BITS
from sshpcap.ssh.negotiate import SLOTS

ID = "weak-algorithms"
TITLE = "Weak algorithms were agreed on"
_GROUPS = ("SSH_MSG_KEX_DH_GEX_GROUP", "SSH_MSG_KEXGSS_GROUP")


def check(session: Session) -> Iterator[Finding]:
    """Fire when something with the grade weak or broken is in use."""
    negotiation = session.negotiation
    if negotiation is None or not negotiation.agreed:
        return
    chosen: dict[str, Slot] = {}
    for name in SLOTS:
        slot: Slot = getattr(negotiation, name)
        if slot.chosen is not None and slot.grade in ("weak", "broken"):
            chosen.setdefault(slot.chosen, slot)
    about = [f"{name} is {slot.concern}" for name, slot in chosen.items()]
    shown = list(_sizes(session))
    about += [what for _, what in shown]
    if not about:
        return
    severity: Severity = "warning" if any(slot.grade == "broken" for slot in chosen.values()) else "info"
    proposals = [m for m in session.messages if m.name == "SSH_MSG_KEXINIT"][:2]
    better = list(dict.fromkeys(name for slot in chosen.values() for name in slot.passed_over))
    yield Finding(
        id=ID,
        severity=severity,
        confidence="high",
        party="unknown",
        title=TITLE,
        summary=f"In use: {'; '.join(about)}.",
        evidence=(
            *(Evidence(frame=m.frame, what=f"the proposal of the {m.sender}") for m in proposals if chosen),
            *(Evidence(frame=frame, what=what) for frame, what in shown),
        ),
        causes=(
            *((f"the server does not have what the client prefers ({listed(tuple(better))})",) if better else ()),
            "one side is old, or was told to offer little",
        ),
        remedies=(Remedy(side="server", action="update the older side; then remove the weak names on the newer one"),),
    )


def _sizes(session: Session) -> Iterator[tuple[int, str]]:
    """Keys and groups that are too small."""
    key = session.host_key
    sized = key is not None and key.type.startswith(("ssh-rsa", "ssh-dss"))
    if key is not None and sized and (key.bits or SOUND_BITS) < SOUND_BITS:
        yield key.frame, f"the host key has only {key.bits} bits (NIST SP 800-131A wants {SOUND_BITS})"
    for message in session.messages:
        bits = message.fields.get("p_bits") if message.name in _GROUPS else None
        if isinstance(bits, int) and bits < SOUND_BITS:
            yield message.frame, f"the server's group has only {bits} bits (RFC 9142 §3.2.1 wants {SOUND_BITS})"
        modulus = message.fields.get("modulus")
        if modulus in ("not prime", "prime, but no safe prime"):
            yield message.frame, f"the modulus of the server's group is {modulus} (RFC 4419 §3 wants a safe prime)"
        if "generator" in message.fields:
            yield message.frame, "the generator of the server's group is 0, 1 or -1 (RFC 4419 §6.1)"


RULE = Rule(ID, TITLE, "info", check)
