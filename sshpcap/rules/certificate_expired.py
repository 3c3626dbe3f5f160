"""The host certificate is outside its validity.

What it means
    The server showed a host certificate whose validity had ended, or had not begun, when the capture was made. Clients
    that trust its authority refuse it; OpenSSH then looks for the plain key inside.

How it is known
    The certificate is in the server's key exchange reply, its validity in clear text; the time is that of the frame.

When it may be wrong
    The clock of the capturing machine decides here, that of the client decides there: a certificate at the very edge,
    or a wrong clock, may differ. Clients that do not know the authority do not look at the validity.

What to do
    Sign the host key anew, restart sshd, and let something renew it in time. Check the clocks of both sides.

References
    ssh-keygen(1), CERTIFICATES; OpenSSH PROTOCOL.certkeys
"""

from collections.abc import Iterator

from sshpcap.model import Certificate, Finding, Remedy, Session, Timestamp
from sshpcap.rules import known
from sshpcap.rules.base import Rule
from sshpcap.rules.printed import fill

ID = "certificate-expired"
TITLE = "The host certificate is outside its validity"
_TOO_EARLY = "openssh_client_too_early"
_MESSAGES = {
    "openssh_client": "Certificate invalid: expired",
    _TOO_EARLY: "Certificate invalid: not yet valid",
}


def check(session: Session) -> Iterator[Finding]:
    """Fire when the time of the connection is not within the certificate's validity."""
    key = session.host_key
    certificate = key.certificate if key else None
    if key is None or certificate is None:
        return
    words = _outside(certificate, session.start)
    if words is None:
        return
    left = known.client_left(session)
    verdict = key.known_hosts
    if left and (verdict is None or verdict.status == "match"):
        return  # Why the client left is another rule's affair: it may not know the authority at all.
    trusted = verdict is not None and verdict.status in ("certificate-expired", "certificate-not-yet-valid")
    yield Finding(
        id=ID,
        severity=known.severity(session, "warning"),
        confidence="high" if trusted and left else "medium",
        party="server",
        title=TITLE,
        summary=(
            f'The host certificate "{certificate.key_id}" (serial {certificate.serial}, frame {key.frame}) {words};'
            f" {known.then(session, 'the client went on all the same')}."
        ),
        evidence=known.evidence(session, key),
        expected_messages=fill(
            {"openssh_client": _MESSAGES[_TOO_EARLY if "not valid before" in words else "openssh_client"]}, session
        ),
        causes=("nobody renewed the certificate", "a clock is wrong"),
        remedies=(
            Remedy(
                side="server",
                action="sign the host key anew, with every name that users type, and restart sshd",
                command="ssh-keygen -s CA_KEY -h -I ID -n NAME,NAME -V +52w /etc/ssh/ssh_host_ed25519_key.pub",
                risk="whoever holds the CA key can impersonate every host",
            ),
        ),
    )


def _outside(certificate: Certificate, now: Timestamp) -> str | None:
    if certificate.valid_before is not None and now >= certificate.valid_before:
        return f"was valid until {_moment(certificate.valid_before)}, before this connection"
    if certificate.valid_after is not None and now < certificate.valid_after:
        return f"is not valid before {_moment(certificate.valid_after)}, after this connection"
    return None


def _moment(moment: Timestamp) -> str:
    return str(moment)[:19].replace("T", " ") + " UTC"


RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES)
