"""No common cipher.

What it means
    The lists of ciphers have no name in common, in one direction or in both. It is not a key
    exchange problem: KexAlgorithms=+… does not help.

How it is known
    Both SSH_MSG_KEXINIT are in the capture. RFC 4253 §7.1 decides the outcome from the lists of
    both sides; the evidence names the two frames, and Wireshark shows the same lists in them.

When it may be wrong
    Never about the outcome: it follows from the two lists alone.

What to do
    Best on the older side: upgrade it, or add aes256-ctr or an AEAD cipher. Otherwise allow one of
    its ciphers on the other side, for this one host only; CBC modes, 3DES and arcfour are weak.

References
    RFC 4253 §7.1; ssh_config(5) and sshd_config(5), Ciphers; https://www.openssh.com/legacy.html
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Session
from sshpcap.rules import negotiation
from sshpcap.rules.base import Rule

KIND = negotiation.Kind(
    id="no-common-cipher",
    title="No common cipher",
    slots=("encryption_client_to_server", "encryption_server_to_client"),
    noun="cipher",
    openssh="cipher",
    putty="client-to-server cipher",
    dropbear="enc c->s",
    paramiko="Incompatible ssh server (no acceptable ciphers)",
    asyncssh="No matching encryption algorithm found",
    openssh_old="no matching cipher found: client {client_list} server {list}",
    go="client to server cipher",
    node="C->S cipher",
    lsh="Algorithm negotiation failed.",
    slot="encryption client->server",
)


def check(session: Session) -> Iterator[Finding]:
    """Fire on the slots of this kind that have no match."""
    yield from negotiation.check(session, KIND)


RULE = Rule(KIND.id, KIND.title, "error", check, messages=negotiation.texts(KIND))
