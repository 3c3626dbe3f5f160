"""The server's side ended a session that was in use.

What it means
    The login worked and the session was used; then the connection was closed from the server's side. When a command or
    shell is done, OpenSSH's server only says so and the client closes. So something else ended it: the process of the
    session was stopped or crashed, the server went down, or a proxy in front of it closed a connection in which nothing
    had been sent for too long.

How it is known
    The server calls itself OpenSSH; the login looks successful, and the server answered behind it. The server's FIN is
    the first, and the client had not just spoken: it may have asked for the end, which is encrypted.

When it may be wrong
    Medium confidence: that the login succeeded is inferred from sizes and times. The capture does not show whether
    sshd closed or a proxy that has the server's address.

What to do
    Look into the server's log at this second: it says whether the process was told to end. Where nothing had been sent
    for a round number of seconds, think of an idle time-out, and let the client send something from time to time.

References
    RFC 4253 §11.1; RFC 4254 §5.3; sshd_config(5), UnusedConnectionTimeout; ssh_config(5), ServerAliveInterval
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, duration, how_it_ended, with_close
from sshpcap.rules.login import last_speaker, waited_ns
from sshpcap.rules.printed import CLOSED_LATER, fill

ID = "session-ended-by-server"
TITLE = "The server's side ended a session that was in use"
_MESSAGES = {
    "openssh_client": "Connection to {host} closed by remote host.",
    "openssh_client_while_it_sends": "client_loop: send disconnect: Broken pipe",
    **{program: CLOSED_LATER[program] for program in ("putty", "putty_before_0_71", "dropbear")},
    "sshd_log": "Exiting on signal 15",
}

_NOT_A_REPLY_NS = 1_000_000_000
"""sshd closes as soon as it reads the client's SSH_MSG_DISCONNECT."""
_IDLE_NS = 5_000_000_000
"""From here on an idle time-out is the first thing to think of."""


def check(session: Session) -> Iterator[Finding]:
    """Fire on the first FIN of OpenSSH's server in a session that was in use, unless the client may have asked."""
    close, login = session.close, session.authentication
    if close.by != "server" or close.how != "fin" or close.confidence == "low":
        return
    if login is None or login.result != "succeeded" or login.after is None or not login.after.server_turns:
        return
    identification = session.server.identification
    if identification is None or identification.implementation != "OpenSSH":
        return
    silent = waited_ns(session)
    if not session.unanswered or (last_speaker(session) == "client" and silent < _NOT_A_REPLY_NS):
        return
    idle = silent >= _IDLE_NS
    last = session.unanswered[-1]
    yield Finding(
        id=ID,
        severity="warning",
        confidence="medium",
        party="server",
        title=TITLE,
        summary=(
            f"The login looks successful (inferred from sizes and times) and the session was in use for"
            f" {duration(login.after.lasted.ns)}; then {how_it_ended(session)}, {duration(silent)} after the last data."
            " OpenSSH's server does not close a session whose command or shell is done: it waits for the client, which"
            " had not asked for the end. What ended it is not in this capture."
        ),
        evidence=with_close(session, Evidence(frame=last.frame, what=f"the last data, from the {last.sender}")),
        expected_messages=fill(_MESSAGES, session),
        causes=_CAUSES[::-1] if idle else _CAUSES,
        remedies=_REMEDIES[::-1] if idle else _REMEDIES,
    )


_CAUSES = (
    "sshd's process of this session was ended: by an administrator, a shutdown, a restart, a lack of memory, a crash",
    "a proxy or load balancer with the server's address closed a connection in which nothing was sent, or sshd did"
    " (UnusedConnectionTimeout)",
)
_REMEDIES = (
    Remedy(
        side="server",
        action="read sshd's log at this second: who or what ended the process",
        command="journalctl -u ssh --since '-10 min'",
    ),
    Remedy(
        side="client",
        action="keep the connection in use, if a proxy closes it. ssh_config:",
        command="ServerAliveInterval 60",
    ),
)

RULE = Rule(ID, TITLE, "warning", check, messages=_MESSAGES)
