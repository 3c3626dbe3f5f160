"""Not an SSH server.

What it means
    What answers on this port speaks another protocol than SSH, or a text that is no identification string. HTTP, TLS,
    SMTP and FTP, and tarpits have findings of their own.

How it is known
    The server's first octets do not begin with "SSH-", and no identification string follows them.

When it may be wrong
    That no identification string came is certain. The name of the other protocol is a recognition of its first
    octets. RFC 4253 §4.2 allows a server text lines before its identification string: a capture that ends early, or a
    server that was cut off while it still sent them, may hide that one would have come.

What to do
    Connect to the right port, or to the right host behind a proxy or NAT. A text may be the server's own explanation:
    read it.

References
    RFC 4253 §4.2
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Session
from sshpcap.rules.base import Rule
from sshpcap.rules.other_service import RIGHT_PORT, WHO_LISTENS, other_service, service_finding
from sshpcap.rules.printed import BEFORE_GREETING, GREETING_TIMED_OUT, INVALID_FORMAT, fill, together

ID = "not-an-ssh-server"
TITLE = "Not an SSH server"
_ELSEWHERE = ("HTTP", "HTTP CONNECT", "HTTP/2", "TLS", "SMTP", "FTP", "SMTP or FTP")
_MESSAGES = {**BEFORE_GREETING, "openssh_client_binary": INVALID_FORMAT["openssh_client"]}


def check(session: Session) -> Iterator[Finding]:
    """Fire on a server that sent something that has no finding of its own, and no identification string."""
    spoken = other_service(session)
    if spoken is None or spoken.protocol in _ELSEWHERE:
        return
    if spoken.protocol is None and session.close.how == "capture_end":
        return  # lines before the identification string are allowed, and it may have come later
    yield service_finding(
        session,
        spoken,
        id=ID,
        title=TITLE,
        named=f"speaks {spoken.protocol}, not SSH" if spoken.protocol else "does not speak SSH",
        confidence="high" if spoken.protocol else "medium",
        messages=fill({"openssh_client_binary": _MESSAGES["openssh_client_binary"]}, session),
        causes=(
            "the port belongs to another service",
            "a port forwarding, NAT or load balancer leads to another service",
            "something on the way answers in the server's place",
        ),
        remedies=(RIGHT_PORT, WHO_LISTENS),
    )


RULE = Rule(ID, TITLE, "error", check, messages=together(_MESSAGES, given_up=GREETING_TIMED_OUT))
