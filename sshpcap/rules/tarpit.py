"""A tarpit: lines without end, and never an identification string.

What it means
    The server sends one short line of random characters after another, some seconds apart, and never an
    identification string. RFC 4253 §4.2 allows lines before it, so the client waits. Programs such as endlessh do
    this on port 22 to hold scanners up; the real sshd listens on another port.

How it is known
    Several lines, in segments of their own, none of which begins with "SSH-" and none of which is the greeting of
    another protocol that is known.

When it may be wrong
    A server with a long welcome text also sends lines first. It sends them at once, and its identification string
    follows: high confidence is said from ten lines in ten segments on, less below.

What to do
    Use the port of the real sshd. Limit how long the client waits: OpenSSH gives up after 1024 lines only, which may
    take hours; PuTTY never.

References
    RFC 4253 §4.2; endlessh(1); ssh_config(5), ConnectTimeout
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules.base import Rule, duration
from sshpcap.rules.other_service import RIGHT_PORT, WHO_LISTENS, other_service, service_finding
from sshpcap.rules.printed import BEFORE_GREETING, GREETING_TIMED_OUT, fill, together

ID = "tarpit"
TITLE = "A tarpit: lines without end"
_FEW, _MANY = 3, 10
_MESSAGES = {
    "openssh_client": (
        "kex_exchange_identification: No SSH version received in first 1024 lines from server / banner exchange:"
        " Connection to {server} port {port}: invalid format"
    ),
    "openssh_client_waiting": (
        "Connection timed out during banner exchange / Connection to {server} port {port} timed out"
    ),
    "dropbear": "Remote closed the connection",
    "paramiko": "Indecipherable protocol version",
}


def check(session: Session) -> Iterator[Finding]:
    """Fire on many lines in many segments, and nothing else."""
    spoken = other_service(session)
    if spoken is None or spoken.protocol is not None:
        return
    lines = [m for m in session.messages if m.sender == "server" and m.kind == "text"]
    segments = {message.frames for message in lines}
    if len(segments) < _FEW:
        return
    many = len(segments) >= _MANY
    if session.close.how == "capture_end" and not many:
        return  # lines before the identification string are allowed, and it may have come later
    spread = lines[-1].time.ns - lines[0].time.ns
    yield service_finding(
        session,
        spoken,
        id=ID,
        title=TITLE,
        named="sends line after line and no identification string, as a tarpit does",
        more=f", each in a segment of its own, within {duration(spread)}" if len(segments) == len(lines) else "",
        confidence="high" if many else "medium",
        messages=fill(_MESSAGES, session),
        causes=(
            "a tarpit (endlessh) on this port; the real sshd listens on another one",
            "another service that talks without being asked",
        ),
        remedies=(
            RIGHT_PORT,
            Remedy(
                side="client",
                action="limit the wait for the identification string. ssh_config:",
                command="ConnectTimeout 10",
                risk="servers that are slow to answer are given up, too",
            ),
            WHO_LISTENS,
        ),
    )


RULE = Rule(
    ID,
    TITLE,
    "error",
    check,
    messages=together(_MESSAGES, given_up=BEFORE_GREETING, waiting=GREETING_TIMED_OUT),
    instead_of=("not-an-ssh-server",),
)
