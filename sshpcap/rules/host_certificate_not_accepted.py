"""Closed after the host certificate was shown.

What it means
    The server showed a host key with a certificate, and the client did not go on: the certificate had expired or was
    not valid yet, is not for this name, is no host certificate, was revoked, comes from an authority that the client
    does not trust, or is signed with SHA-1. OpenSSH says "Certificate invalid: …" first, then treats the key in it like
    a plain one: "Host key verification failed."

How it is known
    The certificate is in the server's key exchange reply in the clear: kind, names (principals), validity and
    authority are read from it, and its validity is compared with the time of the capture. The client closed without
    SSH_MSG_NEWKEYS.

When it may be wrong
    That the client gave up after it had seen the certificate is certain, and so is what the certificate says. The
    clocks may differ: the client compares with its own. The name that the user typed, the client's authorities and
    its revocations are not in the capture, and an invalid signature looks the same.

What to do
    Read the certificate on the server (`ssh-keygen -Lf`), sign the key anew with every name that users type and a
    validity that a job renews in time, and restart sshd. On the client: an `@cert-authority` line for that authority
    in known_hosts; no `@revoked` line for the key.

References
    OpenSSH's PROTOCOL.certkeys; ssh-keygen(1), CERTIFICATES; sshd(8), SSH_KNOWN_HOSTS FILE FORMAT
"""

from collections.abc import Iterator

from sshpcap.model import Certificate, Finding, Remedy, Session, Timestamp
from sshpcap.rules.base import Rule
from sshpcap.rules.host_key_not_accepted import keyscan, messages
from sshpcap.rules.shown_key import (
    CLIENT_LEFT,
    INVALID_SIGNATURE,
    INVALID_SIGNATURE_TEXTS,
    refused_key,
    refused_key_finding,
)
from sshpcap.ssh.abilities import version_of

ID = "host-certificate-not-accepted"
TITLE = "Closed after the host certificate was shown"
_MESSAGES = {
    "openssh_client": "Host key verification failed.",
    "openssh_client_expired": "Certificate invalid: expired",
    "openssh_client_not_yet_valid": "Certificate invalid: not yet valid",
    "openssh_client_other_name": "Certificate invalid: name is not a listed principal",
    "openssh_client_no_name": "Certificate lacks principal list",
    "openssh_client_revoked": (
        "WARNING: REVOKED HOST KEY DETECTED! / The {kind} host key for {server} is marked as revoked. / {kind} host key"
        " for {server} was revoked and you have requested strict checking."
    ),
    "openssh_client_since_8_2_sha_1": "Certificate signed with disallowed algorithm",
    "openssh_client_unknown_authority": (
        "No {plain} host key is known for {server} and you have requested strict checking."
    ),
    **INVALID_SIGNATURE_TEXTS,
    **CLIENT_LEFT,
}

_NO_SHA1_SINCE = (8, 2)
"""OpenSSH's release notes of 8.2: ssh-rsa is no longer among the default CASignatureAlgorithms."""


def check(session: Session) -> Iterator[Finding]:
    """Fire when the client left after a host key with a certificate."""
    refused = refused_key(session)
    if refused is None or refused.key.certificate is None or keyscan(session):
        return
    certificate = refused.key.certificate
    faults = tuple(_faults(certificate, session))
    texts = {
        k: v.replace("{plain}", "ED25519" if "ed25519" in refused.key.type else "{kind}") for k, v in _MESSAGES.items()
    }
    yield refused_key_finding(
        session,
        refused,
        id=ID,
        title=TITLE,
        confidence="high",
        what=f" It is a certificate; {'; '.join(faults)}." if faults else " It is a certificate.",
        messages=messages(session, refused.key, texts),
        causes=(
            *faults,
            (
                "the name that the user typed is not among the certificate's principals"
                f" ({', '.join(certificate.principals) or 'none at all'})"
            ),
            f"the client does not trust the authority ({certificate.ca_type} {certificate.ca_sha256})",
            "the key or its authority is marked as revoked on the client",
            INVALID_SIGNATURE,
        ),
        remedies=_remedies(certificate),
    )


def _faults(certificate: Certificate, session: Session) -> Iterator[str]:
    """What is wrong with the certificate at the time of the capture, whoever looks at it; and for this client."""
    now = session.start
    if certificate.type != "host":
        yield f"the certificate is one for a {certificate.type}, not one for a host"
    if certificate.valid_before is not None and now >= certificate.valid_before:
        yield f"the certificate had expired (valid until {_day(certificate.valid_before)})"
    if certificate.valid_after is not None and now < certificate.valid_after:
        yield f"the certificate was not valid yet (valid from {_day(certificate.valid_after)})"
    if not certificate.principals:
        yield "the certificate names no host at all"
    if certificate.signed_with == "ssh-rsa" and _refuses_sha1(session):
        yield (
            "its authority signed it with ssh-rsa (SHA-1), which OpenSSH 8.2 and later do not take from an authority"
            " unless told to (CASignatureAlgorithms)"
        )


def _refuses_sha1(session: Session) -> bool:
    """A client for which authorities must not sign with ssh-rsa, if its settings are the default ones."""
    client = session.client.identification
    if client is None or client.implementation not in ("OpenSSH", "OpenSSH for Windows"):
        return False
    return (version_of(client.version) or (0,)) >= _NO_SHA1_SINCE


def _day(moment: Timestamp) -> str:
    return str(moment)[:19].replace("T", " ") + " UTC"


def _remedies(certificate: Certificate) -> tuple[Remedy, ...]:
    return (
        Remedy(
            side="server",
            action="look at the certificate: names, validity, authority",
            command="ssh-keygen -Lf /etc/ssh/ssh_host_ed25519_key-cert.pub; date -u",
        ),
        Remedy(
            side="server",
            action="sign the host key anew, with every name that users type, and restart sshd",
            command="ssh-keygen -s CA_KEY -h -I ID -n NAME,NAME -V +52w /etc/ssh/ssh_host_ed25519_key.pub",
            risk="whoever holds the CA key can impersonate every host",
        ),
        Remedy(
            side="server",
            action="the new certificate in sshd_config, then restart sshd:",
            command="HostCertificate /etc/ssh/ssh_host_ed25519_key-cert.pub",
        ),
        Remedy(
            side="client",
            action=f"know the authority ({certificate.ca_sha256}). known_hosts:",
            command="@cert-authority *.example.org CA_PUBLIC_KEY",
            risk="that authority can vouch for every name the pattern covers",
        ),
    )


RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES, instead_of=("host-key-not-accepted",))
