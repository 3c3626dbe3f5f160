"""Open to the Terrapin attack.

What it means
    Not a fault, and no sign of an attack: with the cipher that these two chose, and without strict key exchange, an
    attacker on the path could cut off the first encrypted messages unnoticed. In practice that weakens the login
    (no SHA-2 signatures for RSA keys, no hidden keystroke timing); the session itself stays secret.

How it is known
    From both proposals, which are in the capture: strict key exchange needs kex-strict-c-v00@openssh.com and
    kex-strict-s-v00@openssh.com; chacha20-poly1305@openssh.com, and CBC modes with an -etm MAC, allow the attack.

When it may be wrong
    Never about what was negotiated.

What to do
    Update the side that does not announce it. Until then an AES-GCM or CTR cipher is not affected:
    `Ciphers -chacha20-poly1305@openssh.com`.

References
    CVE-2023-48795; https://terrapin-attack.com; OpenSSH 9.6 release notes
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Party, Remedy, Session, Who
from sshpcap.rules.base import Rule, first

ID = "terrapin-exposed"
TITLE = "Open to the Terrapin attack"


def check(session: Session) -> Iterator[Finding]:
    """Fire on an encrypted connection whose beginning could have been cut off."""
    negotiation = session.negotiation
    if negotiation is None or negotiation.terrapin is None or not negotiation.terrapin.exposed:
        return
    if session.stage != "encrypted":
        return
    sides: tuple[tuple[Who, Party], ...] = (("client", session.client), ("server", session.server))
    without = [who for who, party in sides if not party.strict_kex]
    proposals = [first(session, who, "SSH_MSG_KEXINIT") for who, _ in sides]
    yield Finding(
        id=ID,
        severity="info",
        confidence="high",
        party=without[0] if len(without) == 1 else "unknown",
        title=TITLE,
        summary=(
            f"An attacker on the path could have cut off the first encrypted messages unnoticed:"
            f" {negotiation.terrapin.reason}."
        ),
        evidence=tuple(Evidence(frame=m.frame, what=f"the proposal of the {m.sender}") for m in proposals if m),
        remedies=(
            *(
                Remedy(side=who, action="update to a version with strict key exchange (OpenSSH 9.6 or later)")
                for who in without
            ),
            Remedy(
                side="server",
                action="until then: a cipher that is not affected. sshd_config:",
                command="Ciphers -chacha20-poly1305@openssh.com,*-cbc",
                risk="a client that has no other cipher cannot connect any more",
            ),
        ),
    )


RULE = Rule(ID, TITLE, "info", check)
