"""Closed after a short RSA host key was shown.

What it means
    The server showed an RSA host key of fewer than 2,048 bits, and the client gave up at once. OpenSSH 9.1 and later
    refuses RSA keys below `RequiredRSASize` (1,024 by default, 2,048 in Red Hat's and others' system-wide policies):
    "Bad server host key: Invalid key length". Since 7.6 it refuses RSA keys below 1,024 bits whatever is configured.

How it is known
    The key with its size is in the server's key exchange reply; the client closed within half a second, without
    SSH_MSG_NEWKEYS.

When it may be wrong
    The size is certain, and that the client gave up after it had seen the key. A key of 1,024 bits or more is
    accepted by OpenSSH's and PuTTY's defaults, so the reason may also be that the key changed or is unknown:
    therefore medium confidence from 1,024 bits on.

What to do
    Give the server a longer key: `ssh-keygen -t rsa -b 3072`, or better an Ed25519 key, and restart sshd; on devices
    `crypto key generate rsa modulus 2048` or alike. Until then one client can make an exception for one host.

References
    ssh_config(5), RequiredRSASize; OpenSSH 7.6 and 9.1 release notes
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules.base import Rule
from sshpcap.rules.host_key_not_accepted import MESSAGES, keyscan, messages
from sshpcap.rules.shown_key import AUTOMATIC_NS, CHECK_AFTER_NEWKEYS, refused_key, refused_key_finding

ID = "host-key-too-short"
TITLE = "Closed after a short RSA host key was shown"
_ENOUGH, _LEAST = 2048, 1024
_MESSAGES = {
    "openssh_client": "Bad server host key: Invalid key length",
    "openssh_client_least": "ssh_dispatch_run_fatal: Connection to {server} port {port}: Invalid key length",
    **{f"{name}_else": text for name, text in MESSAGES.items() if name.startswith("openssh_client")},
}


def check(session: Session) -> Iterator[Finding]:
    """Fire when the client left at once after an RSA key of fewer than 2,048 bits."""
    refused = refused_key(session)
    if refused is None or refused.key.certificate is not None or not refused.key.type.startswith("ssh-rsa"):
        return
    bits, client = refused.key.bits, session.client.identification
    if bits is None or bits >= _ENOUGH or refused.delay >= AUTOMATIC_NS or keyscan(session):
        return
    if client is not None and client.implementation in CHECK_AFTER_NEWKEYS:
        return
    yield refused_key_finding(
        session,
        refused,
        id=ID,
        title=TITLE,
        confidence="high" if bits < _LEAST else "medium",
        what=f" The RSA key has only {bits:,} bits.",
        messages=messages(session, refused.key, _MESSAGES),
        causes=(
            f"the RSA key has only {bits:,} bits, fewer than the client demands (RequiredRSASize)",
            "the key differs from the one in known_hosts, or is unknown and the client is strict",
        ),
        remedies=(
            Remedy(
                side="server",
                action="make a longer RSA key (the old one away first), and an Ed25519 key, and restart sshd",
                command=(
                    "mv /etc/ssh/ssh_host_rsa_key /etc/ssh/ssh_host_rsa_key.old &&"
                    " ssh-keygen -q -t rsa -b 3072 -N '' -f /etc/ssh/ssh_host_rsa_key && systemctl restart ssh"
                ),
                risk="every client that knows the old key warns of a changed one",
            ),
            Remedy(
                side="client",
                action="until then, for this host alone (OpenSSH 9.1 and later)",
                command=f"ssh -o RequiredRSASize={bits} USER@{session.server.address}",
                risk="keys of 1,024 bits and fewer can be broken; not below 1,024 in any OpenSSH since 7.6",
            ),
        ),
    )


RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES, instead_of=("host-key-not-accepted",))
