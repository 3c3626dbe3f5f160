"""A TLS client speaks to an SSH server.

What it means
    A program that expects HTTPS or another TLS service connected to the SSH port and sent a ClientHello. The server
    is not at fault.

How it is known
    The client's first octets are a TLS handshake record (16 03 …). OpenSSH answers "Invalid SSH identification
    string." (up to 7.9: "Protocol mismatch.") and closes; the TLS client reports a wrong version number.

When it may be wrong
    The record's form leaves little doubt. The program behind it is not in the capture.

What to do
    Find the program at the client's address and correct its port. Where SSH is meant to run inside TLS, something
    must unwrap it in front of sshd (stunnel, HAProxy), and the client must talk to that.

References
    RFC 8446 §4.1.2, §5.1; RFC 4253 §4.2
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules.base import Rule
from sshpcap.rules.other_client import LOGGED, client_finding, other_client

ID = "tls-client"
TITLE = "A TLS client speaks to an SSH server"
_MESSAGES = {**LOGGED, "openssl": "wrong version number", "curl": "SSL routines::wrong version number"}


def check(session: Session) -> Iterator[Finding]:
    """Fire on a TLS record of the client."""
    spoken = other_client(session)
    if spoken is None or spoken.protocol != "TLS":
        return
    yield client_finding(
        session,
        spoken,
        id=ID,
        title=TITLE,
        confidence="high",
        causes=(
            "a program that expects HTTPS or another TLS service has the wrong port",
            "a health check or a scanner that tries TLS",
            "a client that wraps SSH in TLS, and a server without the wrapper (stunnel) on this port",
        ),
        remedies=(
            Remedy(side="client", action="find the program that connects from this address, and correct its port"),
            Remedy(
                side="server",
                action=(
                    "to serve SSH inside TLS, put stunnel in front of sshd on a port of its own. stunnel.conf, below"
                    " `accept = 443` and `cert = FILE`:"
                ),
                command="connect = 127.0.0.1:22",
                risk="sshd sees every client as 127.0.0.1: access lists, penalties and fail2ban see one client",
            ),
        ),
    )


RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES)
