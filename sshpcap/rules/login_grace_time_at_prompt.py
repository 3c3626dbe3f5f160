"""The server's waiting time ran out during the login.

What it means
    The handshake was complete and the login had begun; the server waited for the client's next step, which did not
    come, and closed. Servers limit the time until a login is complete: LoginGraceTime of sshd (120 s by default; 0 to
    4 s more since OpenSSH 9.9), 300 s in Dropbear. OpenSSH's client does not notice before a key is pressed.

How it is known
    From sizes and times: no packet as short as SSH_MSG_USERAUTH_SUCCESS, the last data came from the server and were
    acknowledged, and the server closed seconds later; the age of the connection may fit a known default.

When it may be wrong
    That the server closed while it waited for the client is as sure as the close; that no login had succeeded is
    inference, and so is the reason: medium confidence where the time is a known default, low otherwise.
    A server's process that is killed, crashes or is stopped with the server closes in the same way; it is named first
    where the time is no limit that people set (10, 30, 60 s …).

What to do
    Answer the prompt in time, or find out why nobody did. The limit is `LoginGraceTime` in sshd_config.

References
    sshd_config(5), LoginGraceTime; OpenSSH 9.9 release notes
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules.base import Rule, duration, with_close
from sshpcap.rules.login import delivered, exchanges, failed_login, last_speaker, told, waited_ns
from sshpcap.rules.patience import KILLED, MAYBE_KILLED, READ_THE_LOG, if_a_limit, patience
from sshpcap.rules.printed import GRACE_LOGGED, fill

ID = "login-grace-time-at-prompt"
TITLE = "The server's waiting time ran out during the login"
_TITLE_ANY_TIME = "The server closed while it waited for the client's login"
_MESSAGES = {"openssh_client_when_a_key_is_pressed": "Connection closed by {server} port {port}", **GRACE_LOGGED}

_SHORTEST_NS = 2_000_000_000


def check(session: Session) -> Iterator[Finding]:
    """Fire when the server closes while the client had to answer."""
    login = failed_login(session)
    if login is None or session.close.by != "server" or session.close.time is None or not delivered(session):
        return
    if last_speaker(session) != "server" or waited_ns(session) < _SHORTEST_NS:
        return
    time = patience(session)
    what = (
        f"the server waited {duration(waited_ns(session))} for the client's next step of the login and closed,"
        f" {time.age} after the connection was opened"
    ) + (f", {time.limit}" if time.limit else "")
    yield Finding(
        id=ID,
        severity="error",
        confidence="medium" if time.fit == "default" else "low",
        party="unknown" if time.fit == "none" else "client",
        title=_TITLE_ANY_TIME if time.fit == "none" else TITLE,
        summary=told(session, what),
        evidence=with_close(session, *exchanges(login, "refused", "other", "unreadable")[-2:]),
        expected_messages=fill(if_a_limit(_MESSAGES) if time.fit == "none" else _MESSAGES, session),
        causes={"none": (KILLED, *_CAUSES), "usual": (*_CAUSES, MAYBE_KILLED)}.get(time.fit, _CAUSES),
        remedies=_REMEDIES if time.fit == "default" else (_REMEDIES[0], READ_THE_LOG, *_REMEDIES[1:]),
    )


_CAUSES = (
    "nobody answered the prompt in time",
    "the client's program hangs",
    "a scanner that goes as far as the login and waits",
)
_REMEDIES = (
    Remedy(side="client", action="use a key, which needs no prompt", command="ssh -i ~/.ssh/KEY USER@HOST"),
    Remedy(
        side="server",
        action="give logins more time. sshd_config:",
        command="LoginGraceTime 300",
        risk="unauthenticated connections occupy places for longer",
    ),
)

RULE = Rule(ID, TITLE, "error", check, messages={**_MESSAGES, **if_a_limit(_MESSAGES)})
