"""Server closed before identification.

What it means
    The server's TCP accepted the connection, but its program closed it without a single octet: no identification
    string, no text. The client's software had no part in it.

How it is known
    SYN-ACK from the server, no payload from it, then FIN or RST from it. FIN and RST are the same event here: RST
    appears when the client's identification string had already arrived unread.

When it may be wrong
    That the server closed is certain as far as the address goes; a middlebox can close in its name. Why is not in the
    capture: at least a dozen causes look alike. The delay and its repetition narrow them down; the server's log
    decides.

What to do
    Look at the server's log at this second. Always, for every client, within 50 ms: sshd's child dies (host keys
    unreadable, /run/sshd missing, upgrade without restart). At random: too many connections (OpenSSH up to 8.1 says
    nothing). After 5 or 10 s: name resolution in an access list. After about 3 s: a proxy without a backend.

References
    RFC 4253 §4.2; sshd(8), FILES; hosts_access(5)
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import (
    Rule,
    closed_before_greeting,
    duration,
    how_it_ended,
    lost_to_the_capture,
    server_said_nothing,
    with_close,
)

ID = "server-closed-before-identification"
TITLE = "Server closed before identification"

_BY_DELAY = (
    (
        0.005,
        (
            "the listener itself refuses: a limit (MaxStartups of OpenSSH up to 8.1, xinetd, Dropbear's limit per"
            " address), a proxy without a backend, or sshd replaced by an upgrade without a restart"
        ),
    ),
    (
        1.0,
        (
            "sshd's child dies right after the start: host keys missing or unreadable, /run/sshd missing, sshd-session"
            " missing, or TCP wrappers refuse; or a TLS wrapper (stunnel) does not like a client without TLS"
        ),
    ),
    (4.0, "a proxy gives up its retries to reach the backend (HAProxy: 3 retries, a second each)"),
    (16.0, "name resolution in an access list times out (5 s a try)"),
)


def check(session: Session) -> Iterator[Finding]:
    """Fire when the server closed and had sent nothing at all."""
    close = session.close
    if close.by != "server" or close.how not in ("fin", "rst") or session.outcome in ("refused", "encrypted"):
        return
    if not server_said_nothing(session) or session.coverage.midstream or close.time is None:
        return
    opened = next((entry for entry in session.timeline if entry.kind == "syn-ack"), None)
    delay = close.time.ns - opened.time.ns if opened else None
    waited = (
        f", {duration(delay)} after it had accepted the connection (frame {opened.frame})" if delay and opened else ""
    )
    yield Finding(
        id=ID,
        severity="error",
        confidence="medium" if lost_to_the_capture(session) else "high",
        party="server",
        title=TITLE,
        summary=(
            f"The server accepted the connection but sent nothing at all, and {how_it_ended(session)}{waited}. "
            "Why is not in the capture; the server's log at this moment has it."
        ),
        evidence=with_close(
            session, Evidence(frame=opened.frame, what="SYN-ACK: accepted") if opened and opened.frame else None
        ),
        expected_messages=closed_before_greeting(session),
        causes=_causes(delay),
        remedies=(
            Remedy(
                side="server",
                action="read sshd's log at the time of the close",
                command="journalctl -u ssh --since '-10 min'",
            ),
            Remedy(
                side="server",
                action="are the host keys there and readable? If not, make them and restart sshd",
                command="ls -l /etc/ssh/ssh_host_*_key; ssh-keygen -A; systemctl restart ssh",
                risk="new host keys make every client warn; restore the old ones from a backup if there are any",
            ),
            Remedy(
                side="server",
                action="are there access lists that refuse this client?",
                command="cat /etc/hosts.deny /etc/hosts.allow",
            ),
            Remedy(side="server", action="is a proxy or load balancer in front, and does its backend answer?"),
        ),
    )


def _causes(delay: int | None) -> tuple[str, ...]:
    """All causes, the one that fits the delay first."""
    every = [cause for _, cause in _BY_DELAY]
    if delay is None:
        return tuple(every)
    fitting = next((cause for limit, cause in _BY_DELAY if delay < limit * 1e9), None)
    if fitting is None:
        return ("a time limit of the server or of a proxy", *every)
    return (fitting, *(cause for cause in every if cause != fitting))


RULE = Rule(ID, TITLE, "error", check)
