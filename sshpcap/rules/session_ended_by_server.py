"""The server's side ended a session that was in use.

What it means
    The login worked and the session was used; then the connection was closed from the server's side. When a command or
    shell is done, OpenSSH's server only says so and the client closes. So something else ended it: the process of the
    session was stopped or crashed, the server went down, or a proxy in front of it closed a connection in which nothing
    had been sent for too long.

How it is known
    The server calls itself OpenSSH; the login looks successful, and the server answered behind it. The server's FIN is
    the first, and the client had not just spoken: it may have asked for the end, which is encrypted. If it had, that
    was its last word; so where new data of the client come behind the server's FIN, the server had not been asked. Or
    the server closes with a RST that acknowledges: the kernel does so where the process ends without having read
    everything, and where a connection is aborted on purpose (`ss -K`).

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

from sshpcap.model import Evidence, Finding, Remedy, Session, TimelineEntry
from sshpcap.rules.base import Rule, duration, how_it_ended, with_close
from sshpcap.rules.login import last_speaker, waited_ns
from sshpcap.rules.printed import CLOSED_LATER, RESET_LATER, Texts, fill, together

ID = "session-ended-by-server"
TITLE = "The server's side ended a session that was in use"
_BROKEN_PIPE = "client_loop: send disconnect: Broken pipe"
_LOG: Texts = {"sshd_log_of_a_stopped_process": "Exiting on signal 15"}
_DAMAGE_LOGGED: Texts = {
    "sshd_log_of_damaged_octets": (
        "ssh_dispatch_run_fatal: Connection from user {user} {client} port {client_port}: message authentication code"
        " incorrect"
    ),
}
_OTHERS = ("putty", "putty_before_0_71", "dropbear")
_CLOSED: Texts = {
    "openssh_client": "Connection to {host} closed by remote host.",
    "openssh_client_while_it_sends": _BROKEN_PIPE,
    **{program: CLOSED_LATER[program] for program in _OTHERS},
    **_LOG,
}
_RESET: Texts = {
    "openssh_client": _BROKEN_PIPE,
    **{program: RESET_LATER[program] for program in ("putty", "putty_plink", "dropbear")},
    **_LOG,
}

_NOT_A_REPLY_NS = 1_000_000_000
"""sshd closes as soon as it reads the client's SSH_MSG_DISCONNECT."""
_NOT_ASKED = ", which had not asked for the end."
_UNREAD = (
    ". It closed with RST: something of what the client sent was never read, or the connection was aborted on purpose."
)
_OF_THE_SERVER = (("fin", "high"), ("fin", "medium"), ("rst", "high"))
_IDLE_NS = 5_000_000_000
"""From here on an idle time-out is the first thing to think of."""


def check(session: Session) -> Iterator[Finding]:
    """Fire where OpenSSH's server ends a session that was in use, unless the client may have asked for it."""
    close, login = session.close, session.authentication
    # A RST with medium confidence may be of somebody else, or of a host that has no such connection.
    if close.by != "server" or (close.how, close.confidence) not in _OF_THE_SERVER:
        return
    if login is None or login.result != "succeeded" or login.after is None or not login.after.server_turns:
        return
    identification = session.server.identification
    if identification is None or identification.implementation != "OpenSSH":
        return
    silent = waited_ns(session)
    if not session.unanswered:
        return
    # Who read that the client leaves has read everything before it, and closes with FIN; nothing new comes behind that
    # (RFC 4253 §11.1).
    trip = session.tcp.rtt.ns if session.tcp.rtt is not None else 0
    # Where the client had to repeat itself, what it said may have arrived long after it came by here.
    late = session.tcp.client.retransmissions > 0 or silent < max(_NOT_A_REPLY_NS, 4 * trip)
    may_be_reply = close.how == "fin" and last_speaker(session) == "client" and late
    more = _new_behind(session) if may_be_reply else None
    if may_be_reply and more is None:
        return
    idle = silent >= _IDLE_NS
    last = session.unanswered[-1]
    damaged = last.sender == "client" and not idle
    yield Finding(
        id=ID,
        severity="warning",
        confidence="medium",
        party="server",
        title=TITLE,
        summary=(
            f"The login looks successful (inferred from sizes and times) and the session was in use for"
            f" {duration(login.after.lasted.ns)}; then {how_it_ended(session)}, {duration(silent)} after the last data."
            " OpenSSH's server does not close a session whose command or shell is done: it waits for the client"
            f"{_NOT_ASKED if close.how == 'fin' else _UNREAD}{_sent_more(more)} What ended it is not in this capture."
        ),
        evidence=with_close(
            session,
            Evidence(frame=last.frame, what=f"the last data, from the {last.sender}"),
            Evidence(frame=more.frame, what="new data of the client") if more is not None and more.frame else None,
        ),
        expected_messages=fill(
            {**(_CLOSED if close.how == "fin" else _RESET), **(_DAMAGE_LOGGED if damaged else {})}, session
        ),
        causes=(*(_CAUSES[::-1] if idle else _CAUSES), *((_DAMAGED,) if damaged else ())),
        remedies=_REMEDIES[::-1] if idle else _REMEDIES,
    )


def _new_behind(session: Session) -> TimelineEntry | None:
    return next((row for row in session.timeline if row.kind == "behind-close" and row.sender == "client"), None)


def _sent_more(more: TimelineEntry | None) -> str:
    return "" if more is None else f" (The client sent more behind that, frame {more.frame}.)"


_DAMAGED = (
    "octets of the client were damaged or changed on the way: sshd's log then says that a message authentication code"
    " is incorrect"
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

RULE = Rule(ID, TITLE, "warning", check, messages=together(_CLOSED, reset=_RESET, damaged=_DAMAGE_LOGGED))
