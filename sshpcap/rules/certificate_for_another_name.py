"""The host certificate is for another name.

What it means
    The authority of the host certificate is known, but the name that was looked up is not among the certificate's
    principals (or it is no host certificate). Clients refuse it; OpenSSH then looks for the plain key inside.

How it is known
    The certificate with its principals is in the server's key exchange reply; the authority is in a file given with
    --known-hosts, in a line for this name.

When it may be wrong
    The name that the user typed is not in a capture: it must have been given with --name ADDRESS=NAME, or the user
    typed the address.

What to do
    Sign the host key anew with every name that users type, or let users type one of its names.

References
    ssh-keygen(1), CERTIFICATES, -n; OpenSSH PROTOCOL.certkeys
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules import known
from sshpcap.rules.base import Rule, listed
from sshpcap.rules.printed import fill

ID = "certificate-for-another-name"
TITLE = "The host certificate is for another name"
_MESSAGES = {"openssh_client": "Certificate invalid: name is not a listed principal / Host key verification failed."}


def check(session: Session) -> Iterator[Finding]:
    """Fire when the authority is known for the name, and the certificate is not for it."""
    key = session.host_key
    verdict = key.known_hosts if key else None
    if key is None or key.certificate is None or verdict is None or verdict.status != ID:
        return
    certificate = key.certificate
    left = known.client_left(session)
    names = listed(certificate.principals) if certificate.principals else "no name at all"
    kind = "" if certificate.type == "host" else f" It is a {certificate.type} certificate, not one for a host."
    yield Finding(
        id=ID,
        severity=known.severity(session, "warning"),
        confidence="high" if left else "medium",
        party="server",
        title=TITLE,
        summary=(
            f'The host certificate "{certificate.key_id}" (frame {key.frame}) is for {names}, not for {verdict.name},'
            f" for which {verdict.file}:{verdict.line} trusts its authority;"
            f" {known.then(session, 'the client went on all the same')}.{kind}"
        ),
        evidence=known.evidence(session, key),
        expected_messages=fill(_MESSAGES, session),
        causes=("the user typed a short name, an alias or the address", "the certificate was made for another host"),
        remedies=(
            Remedy(
                side="server",
                action="sign the host key anew, with every name that users type, and restart sshd",
                command="ssh-keygen -s CA_KEY -h -I ID -n NAME,NAME -V +52w /etc/ssh/ssh_host_ed25519_key.pub",
                risk="whoever holds the CA key can impersonate every host",
            ),
            Remedy(side="client", action="type one of the certificate's names, or set HostKeyAlias to one"),
        ),
    )


RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES)
