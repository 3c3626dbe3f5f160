"""SSH-1 is spoken.

What it means
    Both sides agreed on version 1 of the protocol. It is broken: a checksum instead of a MAC, so that encrypted data
    can be changed, no protection against somebody in the middle, and keys that are too short. Clients of today have
    none of it.

How it is known
    Both identification strings name version 1, and SSH-1's own messages, with fitting checksums, are in clear text:
    the server's public keys, its ciphers, and which cipher the client took.

When it may be wrong
    Never about the version spoken.

What to do
    Switch the device to SSH-2 (old Cisco IOS: `ip ssh version 2`, with an RSA key of 2048 bits), or replace it. Until
    then keep it on a network that you trust.

References
    draft-ylonen-ssh-protocol-00; CVE-1999-1085; CVE-2001-0144; CVE-2001-0572
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules.base import Rule, first, listed, shown

ID = "ssh1-in-use"
TITLE = "SSH-1 is spoken"


def check(session: Session) -> Iterator[Finding]:
    """Fire when the server showed the keys of SSH-1."""
    keys = first(session, "server", "SSH1_SMSG_PUBLIC_KEY")
    if keys is None or "host_key_bits" not in keys.fields:
        return
    taken = first(session, "client", "SSH1_CMSG_SESSION_KEY")
    ciphers = keys.fields["ciphers"]
    offered = listed(ciphers) if isinstance(ciphers, tuple) else ""
    cipher = f"; the client took {taken.fields.get('cipher')} (frame {taken.frame})" if taken else ""
    yield Finding(
        id=ID,
        severity="warning",
        confidence="high",
        party="server",
        title=TITLE,
        summary=(
            f"The two speak SSH-1, which is broken. The server shows a host key of {keys.fields['host_key_bits']} bits"
            f" ({keys.fields['host_key_md5']}) and a server key of {keys.fields['server_key_bits']} bits (frame"
            f" {keys.frame}) and offers {offered}{cipher}."
        ),
        evidence=tuple(shown(m, m.name) for m in (keys, taken) if m is not None),
        causes=("an old device that speaks only SSH-1", "a client that is configured for SSH-1 only"),
        remedies=(
            Remedy(
                side="server",
                action="switch the device to SSH-2 (old Cisco IOS), with a longer key (crypto key generate rsa)",
                command="ip ssh version 2",
                risk="clients that speak only SSH-1 cannot connect any more",
            ),
            Remedy(side="client", action="use SSH-2 (PuTTY: Connection > SSH > SSH protocol version)"),
        ),
    )


RULE = Rule(ID, TITLE, "warning", check)
