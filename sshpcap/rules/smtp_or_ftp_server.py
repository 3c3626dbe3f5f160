"""A mail or FTP server answers instead of an SSH server.

What it means
    The port belongs to SMTP or FTP: the server greeted with a line that begins with 220, and mostly called the
    client's identification string an unknown command (5xx). Then both wait, until one loses patience.

How it is known
    The server's first line begins with "220", as SMTP (RFC 5321) and FTP (RFC 959) servers greet.

When it may be wrong
    RFC 4253 §4.2 allows a server any line before its identification string, also one that begins with 220; no SSH
    server is known to do so, and none came here.

What to do
    Use the port of the SSH server. For file transfer note that SFTP runs over SSH (port 22 mostly) and FTP does not:
    a client set to SFTP must not be given the FTP port 21.

References
    RFC 5321 §4.2; RFC 959 §5.4; RFC 4253 §4.2
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules.base import Rule
from sshpcap.rules.other_service import RIGHT_PORT, WHO_LISTENS, other_service, service_finding
from sshpcap.rules.printed import BEFORE_GREETING, GREETING_TIMED_OUT, together

ID = "smtp-or-ftp-server"
TITLE = "A mail or FTP server answers instead of an SSH server"
_SPOKEN = ("SMTP", "FTP", "SMTP or FTP")


def check(session: Session) -> Iterator[Finding]:
    """Fire on a greeting of SMTP or FTP."""
    spoken = other_service(session)
    if spoken is None or spoken.protocol not in _SPOKEN:
        return
    refused = next((line for line in spoken.lines[1:] if line[:1] == "5" and line[1:3].isdigit()), None)
    more = f', and answered the client\'s with "{refused[:80]}"' if refused else ""
    yield service_finding(
        session,
        spoken,
        id=ID,
        title=TITLE,
        named=f"speaks {spoken.protocol}, not SSH",
        more=more,
        confidence="high" if refused or spoken.protocol != "SMTP or FTP" else "medium",
        causes=(
            "the port belongs to a mail or FTP server",
            "an SFTP client (SSH) with the port of FTP",
            "a port forwarding, NAT or load balancer leads to another service",
        ),
        remedies=(
            RIGHT_PORT,
            Remedy(
                side="client",
                action="in a file transfer client: the protocol SFTP goes with the SSH port, FTP and FTPS with theirs",
                command="sftp -P 22 USER@HOST",
            ),
            WHO_LISTENS,
        ),
    )


RULE = Rule(ID, TITLE, "error", check, messages=together(BEFORE_GREETING, given_up=GREETING_TIMED_OUT))
