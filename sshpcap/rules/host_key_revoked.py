"""The host key is marked as revoked.

What it means
    The file of known host keys has a line "@revoked" with this key, or with the authority of its certificate: whoever
    holds the private key may not be the server any more. Clients refuse it.

How it is known
    The key is in the server's key exchange reply. The file was given with --known-hosts; its line is named.

When it may be wrong
    The file must be that of the user whose client it was, as it was then.

What to do
    Do not log in. Give the server new keys, and tell its users; find out why it still shows the revoked one.

References
    sshd(8), SSH_KNOWN_HOSTS FILE FORMAT; ssh-keygen(1), KEY REVOCATION LISTS
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules import known
from sshpcap.rules.base import Rule
from sshpcap.rules.printed import fill

ID = "host-key-revoked"
TITLE = "The host key is marked as revoked"
_MESSAGES = {
    "openssh_client": (
        "WARNING: REVOKED HOST KEY DETECTED! / {kind} host key for {host} was revoked and you have requested strict"
        " checking. / Host key verification failed."
    ),
}


def check(session: Session) -> Iterator[Finding]:
    """Fire when a line marked @revoked has the key."""
    key = session.host_key
    verdict = key.known_hosts if key else None
    if key is None or verdict is None or verdict.status != "revoked":
        return
    left = known.client_left(session)
    then = known.then(session, "the client went on all the same, so it reads another file")
    yield Finding(
        id=ID,
        severity=known.severity(session, "warning"),
        confidence="high" if left else "medium",
        party="server",
        title=TITLE,
        summary=(
            f"The server showed the {key.type} key {key.sha256} (frame {key.frame}), which"
            f" {verdict.file}:{verdict.line} marks as revoked for {verdict.name}; {then}."
        ),
        evidence=known.evidence(session, key),
        expected_messages=fill(_MESSAGES, session, kind=known.openssh_type(key.type), host=verdict.name),
        causes=("the private key got into other hands", "the server was to get a new key and still has the old one"),
        remedies=(
            Remedy(
                side="server",
                action="make new host keys, tell their fingerprints to the users, then restart sshd",
                command="rm /etc/ssh/ssh_host_*_key*; ssh-keygen -A; systemctl restart ssh",
                risk="every client has to learn the new keys",
            ),
        ),
    )


RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES)
