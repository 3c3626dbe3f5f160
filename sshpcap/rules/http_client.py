"""A web client speaks HTTP to an SSH server.

What it means
    A browser, a health check, a scanner or a program that looks for an HTTP proxy connected to the SSH port. The
    server is not at fault.

How it is known
    The client's first octets are an HTTP request. OpenSSH answers "Invalid SSH identification string." (up to 7.9:
    "Protocol mismatch.") and closes.

When it may be wrong
    That HTTP was spoken is certain. Who sits at the client's address, a person, a monitoring system or a stranger's
    scanner, is not in the capture; the `User-Agent:` line may tell.

What to do
    Find the program at the client's address and correct its port, or its kind of check. A request that begins with
    CONNECT comes from a program that takes the SSH server for an HTTP proxy. From the internet: scanners, harmless.

References
    RFC 4253 §4.2; RFC 9110
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules.base import Rule
from sshpcap.rules.other_client import LOGGED, client_finding, other_client

ID = "http-client"
TITLE = "A web client speaks HTTP to an SSH server"
_SPOKEN = ("HTTP", "HTTP CONNECT", "HTTP/2")


def check(session: Session) -> Iterator[Finding]:
    """Fire on an HTTP request of the client."""
    spoken = other_client(session)
    if spoken is None or spoken.protocol not in _SPOKEN:
        return
    asks = spoken.protocol == "HTTP CONNECT"
    yield client_finding(
        session,
        spoken,
        id=ID,
        title=TITLE,
        confidence="high",
        causes=(
            *(("the client is set to use this SSH server as its HTTP proxy",) if asks else ()),
            "a web browser, or a health check of HTTP, that tries the SSH port",
            "a scanner that tries every protocol on every port",
            "a port forwarding or load balancer leads web traffic to the SSH server",
        ),
        remedies=(
            Remedy(side="client", action="find the program that connects from this address, and correct its port"),
            Remedy(
                side="network",
                action=(
                    "let the load balancer check the SSH server by its identification string, not by HTTP. HAProxy,"
                    " below `option tcp-check`:"
                ),
                command="tcp-check expect rstring ^SSH-2\\.0-",
            ),
        ),
    )


RULE = Rule(ID, TITLE, "error", check, messages=LOGGED)
