"""No common compression method.

What it means
    The lists of compression methods have no name in common. Rare: it needs a side that demands
    compression, since everybody else offers "none".

How it is known
    Both SSH_MSG_KEXINIT are in the capture. RFC 4253 §7.1 decides the outcome from the lists of
    both sides; the evidence names the two frames, and Wireshark shows the same lists in them.

When it may be wrong
    Never about the outcome: it follows from the lists alone.

What to do
    Allow "none" on the side that demands compression: `Compression no` (OpenSSH client and
    sshd_config).

References
    RFC 4253 §7.1; ssh_config(5) and sshd_config(5), Compression;
    https://www.openssh.com/legacy.html
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Session
from sshpcap.rules import negotiation
from sshpcap.rules.base import Rule

KIND = negotiation.Kind(
    id="no-common-compression",
    title="No common compression method",
    slots=("compression_client_to_server", "compression_server_to_client"),
    noun="compression method",
    openssh="compression method",
    putty="client-to-server compression method",
    dropbear="comp c->s",
    paramiko="Incompatible ssh server (no acceptable compression)",
    asyncssh="No matching compression algorithm found",
    openssh_old="no matching comp found: client {client_list} server {list}",
    lsh="Algorithm negotiation failed.",
)


def check(session: Session) -> Iterator[Finding]:
    """Fire on the slots of this kind that have no match."""
    yield from negotiation.check(session, KIND)


RULE = Rule(KIND.id, KIND.title, "error", check, messages=negotiation.texts(KIND))
