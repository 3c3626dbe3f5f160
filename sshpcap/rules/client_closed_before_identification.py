"""Client closed before identification.

What it means
    The client opened the connection, stayed for two seconds or more, and closed it without having sent an octet.
    Clients that leave at once have a finding of their own: health-check-or-scan.

How it is known
    No payload from the client, and FIN or RST from it.

When it may be wrong
    That the client closed without a word is certain as far as the address goes. Why is not in the capture. When the
    server was silent, too, each may have waited for the other: a port multiplexer (sslh) waits for the client's first
    octets, and some clients wait for the server's.

What to do
    When both were silent: let the client speak first, or make the multiplexer fall back to SSH sooner (sslh
    `--timeout`, 2 s by default with `--on-timeout ssh`). When the server had sent its identification string: find out
    what the program at the client's address is; SSH clients answer it at once.

References
    RFC 4253 §4.2; sslh(8), --timeout, --on-timeout
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules.base import Rule, lost_to_the_capture
from sshpcap.rules.health_check_or_scan import MESSAGES, REMEDIES
from sshpcap.rules.silent_client import silent_client, silent_client_finding

ID = "client-closed-before-identification"
TITLE = "Client closed before identification"


def check(session: Session) -> Iterator[Finding]:
    """Fire when the client closed after a while and had sent nothing at all."""
    silent = silent_client(session)
    if silent is None or silent.quick:
        return
    both = silent.both_silent
    yield silent_client_finding(
        session,
        silent,
        id=ID,
        title=TITLE,
        confidence="medium" if both or lost_to_the_capture(session) else "high",
        more="The server sent nothing either: each may have waited for the other." if both else "",
        messages=MESSAGES,
        causes=_BOTH_SILENT if both else _CAUSES,
        remedies=(_MULTIPLEXER, *REMEDIES) if both else REMEDIES,
    )


_CAUSES = (
    "a health check or a scanner that keeps the connection open for a while",
    "a program that waits for its user, or for something else, before it speaks",
    "a client that speaks only SSH-1 and saw that the server does not",
)
_BOTH_SILENT = (
    "the server waits for the client's first octets (a port multiplexer such as sslh), and the client for the server's",
    "the server's program hangs, or a proxy has no backend",
    "a health check or a port scan that keeps the connection open for a while",
)
_MULTIPLEXER = Remedy(
    side="server",
    action="let the multiplexer take silent clients for SSH after a short wait (sslh)",
    command="sslh --listen 0.0.0.0:443 --ssh 127.0.0.1:22 --tls 127.0.0.1:8443 --timeout 2 --on-timeout ssh --numeric",
)

RULE = Rule(ID, TITLE, "warning", check, messages=MESSAGES)
