"""The server's waiting time ran out.

What it means
    The server closed a connection on which the client had to make the next step and did not. Servers limit the time
    until a login is complete: LoginGraceTime of sshd (120 s by default; 0 to 4 s more since OpenSSH 9.9), 300 s in
    Dropbear.

How it is known
    The server closed first, the client was the one to move, and the time since the connection was opened fits. What
    the client sends behind that close counts no more: the answer of a user who looked at the host key for too long.

When it may be wrong
    That the server closed while the client was to move is certain. That its time limit was the reason is an
    inference: high confidence when the time is a known default, medium when it is a limit that people set (10, 30, 60 s
    …), because that is not in the capture. After any other time it is low: a server's process that is killed, crashes
    or is stopped with the server closes in the same way, and is then named first.

    Some versions log nothing of it (Debian's 9.2p1 after its fix of CVE-2024-6387): then the capture is the only
    evidence.

What to do
    Find out why the client was slow: a prompt that nobody answered, a hung program, a proxy that opens connections
    ahead of time. The limit is `LoginGraceTime` in sshd_config.

References
    sshd_config(5), LoginGraceTime; OpenSSH 9.9 release notes
"""

from collections.abc import Iterator

from sshpcap.model import Awaited, Confidence, Evidence, Finding, Remedy, Session
from sshpcap.rules.base import (
    Rule,
    duration,
    how_it_ended,
    lost_to_the_capture,
    server_said_nothing,
    with_close,
)
from sshpcap.rules.patience import KILLED, MAYBE_KILLED, READ_THE_LOG, Patience, if_a_limit, patience
from sshpcap.rules.printed import LATER, fill, later

ID = "login-grace-time"
TITLE = "The server's waiting time ran out"
_TITLE_ANY_TIME = "The server closed while the client was to move"

_SHORTEST = 2.0


_LOGGED = {
    "sshd_log": "Timeout before authentication for {client} port {client_port}",
    "sshd_log_since_9_8": "Timeout before authentication for connection from {client} to {server}",
    "openssh_client_when_answered": "ssh_dispatch_run_fatal: Connection to {server} port {port}: Broken pipe",
    "dropbear_log": "Exit before auth from <{client}:{client_port}>: Timeout before auth",
}


def check(session: Session) -> Iterator[Finding]:
    """Fire when the server closed while the client had to move, after a long wait."""
    close, waiting = session.close, session.awaited
    if close.by != "server" or close.how not in ("fin", "rst") or session.outcome != "failed" or close.time is None:
        return
    if waiting is None or waiting.party == "server" or waiting.waited.seconds < _SHORTEST or close.disconnect:
        return
    if any(m.acknowledged is False and m.sender == "server" for m in session.messages):
        return  # the server's own messages did not get through: stalled
    if session.coverage.gaps:
        return  # what the client had to send may be among the octets that were not captured
    if server_said_nothing(session) or session.client.unreadable or session.coverage.midstream:
        return
    if session.negotiation is not None and not session.negotiation.agreed:
        return
    time = patience(session)
    fits = f", {time.limit}" if time.limit else ""
    yield Finding(
        id=ID,
        severity="error",
        confidence=_confidence(session, time),
        party="unknown" if time.fit == "none" else "client",
        title=_TITLE_ANY_TIME if time.fit == "none" else TITLE,
        summary=(
            f"{_missing(waiting)} for {duration(waiting.waited.ns)};"
            f" {how_it_ended(session)}, {time.age} after the connection was opened{fits}."
        ),
        evidence=with_close(session, Evidence(frame=waiting.since_frame, what="the last step of the handshake")),
        expected_messages={**later(session), **fill(if_a_limit(_LOGGED) if time.fit == "none" else _LOGGED, session)},
        causes={"none": (KILLED, *_CAUSES), "usual": (*_CAUSES, MAYBE_KILLED)}.get(time.fit, _CAUSES),
        remedies=_REMEDIES if time.fit == "default" else (_REMEDIES[0], READ_THE_LOG, *_REMEDIES[1:]),
    )


_CAUSES = (
    "the client's program hangs, or a person did not answer a prompt in time",
    "a scanner, or a proxy that opens connections ahead of time",
    "the client's packets do not reach the server",
    "the server has a short LoginGraceTime",
)
_REMEDIES = (
    Remedy(side="client", action="find out what the client waited for", command="ssh -vvv HOST"),
    Remedy(
        side="server",
        action="give logins more time. sshd_config:",
        command="LoginGraceTime 300",
        risk="unauthenticated connections occupy places for longer",
    ),
)


def _confidence(session: Session, time: Patience) -> Confidence:
    if time.fit == "none":
        return "low"
    return "high" if time.fit == "default" and not lost_to_the_capture(session) else "medium"


def _missing(waiting: Awaited) -> str:
    if waiting.party == "client":
        return f"The client had to send {waiting.what} and did not"
    return f"{waiting.what[:1].upper()}{waiting.what[1:]} did not come"


RULE = Rule(ID, TITLE, "error", check, messages={**LATER, **_LOGGED, **if_a_limit(_LOGGED)})
