"""Not an SSH client.

What it means
    What connected to the SSH server speaks another protocol: remote desktop, SOCKS, a scanner's probe, an empty line.
    HTTP, TLS and the PROXY protocol have findings of their own. The server is not at fault.

How it is known
    The client's first octets do not begin with "SSH-". OpenSSH answers with "Invalid SSH identification string." (up
    to 7.9: "Protocol mismatch.") and closes.

When it may be wrong
    That the client's first octets are no identification string is certain; RFC 4253 §4.2 allows a client no lines
    before it. The name of the other protocol is a recognition of its first octets.

What to do
    Find the program at the client's address, and correct its port. From the internet: scanners, harmless.

References
    RFC 4253 §4.2
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules.base import Rule
from sshpcap.rules.other_client import LOGGED, PROXY_PROTOCOLS, client_finding, other_client

ID = "not-an-ssh-client"
TITLE = "Not an SSH client"
_ELSEWHERE = ("HTTP", "HTTP CONNECT", "HTTP/2", "TLS", *PROXY_PROTOCOLS)


def check(session: Session) -> Iterator[Finding]:
    """Fire on a client that sent something without a finding of its own, or before its identification string."""
    spoken = other_client(session)
    if spoken is None or spoken.protocol in _ELSEWHERE:
        return
    yield client_finding(
        session,
        spoken,
        id=ID,
        title=TITLE,
        confidence="high" if spoken.protocol or spoken.answer else "medium",
        causes=(
            "a scanner, or a health check that sends something",
            "a program of another kind with the wrong port",
            "a person with telnet or netcat who pressed Return",
        ),
        remedies=(
            Remedy(side="client", action="find the program that connects from this address, and correct its port"),
            Remedy(
                side="server",
                action="who connects like that, and how often?",
                command="journalctl -u ssh | grep -E 'invalid protocol identifier|invalid characters'",
            ),
        ),
    )


RULE = Rule(ID, TITLE, "error", check, messages=LOGGED)
