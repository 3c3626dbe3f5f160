"""No common key exchange method.

What it means
    The lists of key exchange methods that client and server offer in SSH_MSG_KEXINIT have no name
    in common. Without a key exchange there is no encryption, so both sides give up; which of them
    closes first is a race and means nothing.

How it is known
    Both SSH_MSG_KEXINIT are in the capture. RFC 4253 §7.1 decides the outcome from the lists of
    both sides; the evidence names the two frames, and Wireshark shows the same lists in them.

When it may be wrong
    Never about the outcome: it follows from the two lists alone. Names that only announce something
    (ext-info-c, kex-strict-s-v00@openssh.com …) are not methods and do not count, although OpenSSH
    prints them in "Their offer".

What to do
    Best on the older side: upgrade it, or add a modern method to its configuration. Otherwise allow
    one of its methods on the other side, for this one host only. diffie-hellman-group1-sha1 and
    every …-sha1 method are weak; treat them as a bridge until the upgrade.

References
    RFC 4253 §7.1; ssh_config(5) and sshd_config(5), KexAlgorithms;
    https://www.openssh.com/legacy.html
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Session
from sshpcap.rules import negotiation
from sshpcap.rules.base import Rule

KIND = negotiation.Kind(
    id="no-common-kex-algorithm",
    title="No common key exchange method",
    slots=("kex_algorithm",),
    noun="key exchange method",
    openssh="key exchange method",
    putty="key exchange algorithm",
    dropbear="kex",
    paramiko="Incompatible ssh peer (no acceptable kex algorithm)",
    asyncssh="No matching key exchange algorithm found",
    openssh_old="Unable to negotiate a key exchange method",
    go="key exchange",
    node="key exchange algorithm",
    lsh="No common key exchange method.",
)


def check(session: Session) -> Iterator[Finding]:
    """Fire on the slots of this kind that have no match."""
    yield from negotiation.check(session, KIND)


RULE = Rule(KIND.id, KIND.title, "error", check, messages=negotiation.texts(KIND))
