"""No common MAC.

What it means
    The lists of message authentication codes have no name in common, in one direction or in both,
    and the cipher that was agreed on needs one. (Ciphers such as aes256-gcm@openssh.com and
    chacha20-poly1305@openssh.com carry their own; with them the lists of MACs do not matter.)

How it is known
    Both SSH_MSG_KEXINIT are in the capture. RFC 4253 §7.1 decides the outcome from the lists of
    both sides; the evidence names the two frames, and Wireshark shows the same lists in them.

When it may be wrong
    Never about the outcome: it follows from the lists alone.

What to do
    Add hmac-sha2-256 on the older side, or agree on an AEAD cipher, which needs no MAC. hmac-md5
    and hmac-sha1-96 are weak.

References
    RFC 4253 §7.1; ssh_config(5) and sshd_config(5), MACs; https://www.openssh.com/legacy.html
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Session
from sshpcap.rules import negotiation
from sshpcap.rules.base import Rule

KIND = negotiation.Kind(
    id="no-common-mac",
    title="No common MAC",
    slots=("mac_client_to_server", "mac_server_to_client"),
    noun="MAC",
    openssh="MAC",
    putty="client-to-server MAC",
    dropbear="mac c->s",
    paramiko="Incompatible ssh server (no acceptable macs)",
    asyncssh="No matching MAC algorithm found",
    openssh_old="no matching mac found: client {client_list} server {list}",
    go="client to server MAC",
    node="C->S MAC",
    lsh="Algorithm negotiation failed.",
)


def check(session: Session) -> Iterator[Finding]:
    """Fire on the slots of this kind that have no match."""
    yield from negotiation.check(session, KIND)


RULE = Rule(KIND.id, KIND.title, "error", check, messages=negotiation.texts(KIND))
