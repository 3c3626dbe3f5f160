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
    An administrator who stops the server, or a server program that crashes, looks the same.

What to do
    Answer the prompt in time, or find out why nobody did. The limit is `LoginGraceTime` in sshd_config.

References
    sshd_config(5), LoginGraceTime; OpenSSH 9.9 release notes
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules.base import Rule, duration, with_close
from sshpcap.rules.login import delivered, exchanges, failed_login, last_speaker, told, waited_ns
from sshpcap.rules.printed import GRACE_LOGGED, fill

ID = "login-grace-time-at-prompt"
TITLE = "The server's waiting time ran out during the login"
_MESSAGES = {"openssh_client_when_a_key_is_pressed": "Connection closed by {server} port {port}", **GRACE_LOGGED}

_SHORTEST_NS = 2_000_000_000
_KNOWN = (
    (119.5, 125.5, "the default LoginGraceTime of sshd is 120 s"),
    (299.0, 302.0, "Dropbear's limit is 300 s"),
    (599.5, 602.0, "the LoginGraceTime of old sshd versions is 600 s"),
)


def check(session: Session) -> Iterator[Finding]:
    """Fire when the server closes while the client had to answer."""
    login = failed_login(session)
    if login is None or session.close.by != "server" or session.close.time is None or not delivered(session):
        return
    if last_speaker(session) != "server" or waited_ns(session) < _SHORTEST_NS:
        return
    age = session.close.time.ns - session.start.ns
    known = next((words for low, high, words in _KNOWN if low <= age / 1e9 <= high), None)
    what = (
        f"the server waited {duration(waited_ns(session))} for the client's next step of the login and closed,"
        f" {duration(age)} after the connection was opened"
    ) + (f" ({known})" if known else "")
    yield Finding(
        id=ID,
        severity="error",
        confidence="medium" if known else "low",
        party="client",
        title=TITLE,
        summary=told(session, what),
        evidence=with_close(session, *exchanges(login, "refused", "other", "unreadable")[-2:]),
        expected_messages=fill(_MESSAGES, session),
        causes=(
            "nobody answered the prompt in time",
            "the client's program hangs",
            "a scanner that goes as far as the login and waits",
        ),
        remedies=(
            Remedy(side="client", action="use a key, which needs no prompt", command="ssh -i ~/.ssh/KEY USER@HOST"),
            Remedy(
                side="server",
                action="give logins more time. sshd_config:",
                command="LoginGraceTime 300",
                risk="unauthenticated connections occupy places for longer",
            ),
        ),
    )


RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES)
