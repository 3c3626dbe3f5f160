"""No common host key algorithm.

What it means
    The server has no host key, or no signature algorithm for it, that the client accepts. Typical:
    a device with only an RSA key that signs with SHA-1 (ssh-rsa) and an OpenSSH client of 8.8 or
    later; or a server that lost some of its host keys.

How it is known
    Both SSH_MSG_KEXINIT are in the capture. RFC 4253 §7.1 decides the outcome from the lists of
    both sides; the evidence names the two frames, and Wireshark shows the same lists in them.

When it may be wrong
    Never about the outcome: it follows from the two lists alone.

What to do
    On the server: create the missing key types (`ssh-keygen -A`, then restart sshd), or upgrade so
    that the RSA key signs with rsa-sha2-256. On the client, for this one host: `-o
    HostKeyAlgorithms=+ssh-rsa`; what that allows is a signature with SHA-1.

References
    RFC 4253 §7.1; ssh_config(5) and sshd_config(5), HostKeyAlgorithms;
    https://www.openssh.com/legacy.html
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Session
from sshpcap.rules import negotiation
from sshpcap.rules.base import Rule
from sshpcap.rules.host_key_not_accepted import keyscan

KIND = negotiation.Kind(
    id="no-common-host-key-algorithm",
    title="No common host key algorithm",
    slots=("server_host_key_algorithm",),
    noun="host key algorithm",
    openssh="host key type",
    putty="host key algorithm",
    dropbear="hostkey",
    paramiko="Incompatible ssh peer (no acceptable host key)",
    asyncssh="Connection lost",
    openssh_old="no hostkey alg",
    go="host key",
    node="host key format",
    lsh="No common hostkey algorithm.",
    more={"asyncssh_log": "Unable to find compatible server host key"},
)


def check(session: Session) -> Iterator[Finding]:
    """Fire on the slots of this kind that have no match; ssh-keyscan asks for every kind (host-key-collected)."""
    if keyscan(session):
        return
    yield from negotiation.check(session, KIND)


RULE = Rule(KIND.id, KIND.title, "error", check, messages=negotiation.texts(KIND))
