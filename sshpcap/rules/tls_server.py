"""A TLS service answers instead of an SSH server.

What it means
    The port belongs to a service that speaks TLS (HTTPS, or SSH wrapped in TLS by stunnel or a load balancer). It
    answered the client's identification string with a TLS alert.

How it is known
    The server's first octets are a TLS record: type 15 (alert) or 16 (handshake), version 03.

When it may be wrong
    The record's form leaves little doubt. A TLS service may also close without an octet (stunnel does); then the
    finding is server-closed-before-identification.

What to do
    Use the port of the SSH server. Where SSH is meant to run inside TLS, unwrap it on the client's side with a
    ProxyCommand; PuTTY can run the same command as "local proxy".

References
    RFC 8446 §5.1, §6 (records, alerts); RFC 4253 §4.2; ssh_config(5), ProxyCommand
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules.base import Rule
from sshpcap.rules.other_service import RIGHT_PORT, WHO_LISTENS, other_service, service_finding
from sshpcap.rules.printed import BEFORE_GREETING, fill

ID = "tls-server"
TITLE = "A TLS service answers instead of an SSH server"
_BINARY = {
    "openssh_client": (
        "kex_exchange_identification: banner line contains invalid characters / banner exchange: Connection to"
        " {server} port {port}: invalid format"
    ),
    "openssh_client_since_9_5": "banner exchange: Connection to {server} port {port}: invalid format",
}


def check(session: Session) -> Iterator[Finding]:
    """Fire on a TLS record of the server."""
    spoken = other_service(session)
    if spoken is None or spoken.protocol != "TLS":
        return
    yield service_finding(
        session,
        spoken,
        id=ID,
        title=TITLE,
        named="speaks TLS, not SSH",
        messages=fill(_BINARY, session),
        causes=(
            "the port belongs to HTTPS or another TLS service",
            "SSH wrapped in TLS (stunnel, a load balancer), and a client that does not unwrap it",
            "a port multiplexer took the connection for TLS",
        ),
        remedies=(
            RIGHT_PORT,
            Remedy(
                side="client",
                action="SSH inside TLS: unwrap it",
                command=(
                    "ssh -o ProxyCommand='openssl s_client -quiet -verify_return_error -connect %h:443 -servername %h'"
                    " HOST"
                ),
                risk=(
                    "a self-signed certificate is refused; without -verify_return_error anybody may answer, and only"
                    " SSH's host key tells"
                ),
            ),
            WHO_LISTENS,
        ),
    )


RULE = Rule(ID, TITLE, "error", check, messages={**BEFORE_GREETING, **_BINARY})
