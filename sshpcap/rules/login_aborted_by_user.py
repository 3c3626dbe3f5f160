"""The client left while it had to answer.

What it means
    The server had answered a request of the login and waited for the client; after a pause of human length the client
    closed. Usually somebody was asked for a password and pressed Ctrl-C, or closed the window.

How it is known
    From sizes and times: no packet as short as SSH_MSG_USERAUTH_SUCCESS, the last data came from the server, and the
    client's FIN or RST came a second or more later without any data before it.

When it may be wrong
    It is inference: medium confidence at most. A program with a time limit of its own (a proxy, a script) looks the
    same.

What to do
    Nothing on the server. If nobody was at the prompt, find out which program started the connection.

References
    RFC 4252 §5; ssh_config(5), NumberOfPasswordPrompts, BatchMode
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules.base import Rule, with_close
from sshpcap.rules.login import AT_ONCE_NS, delivered, exchanges, failed_login, last_speaker, told, waited_ns
from sshpcap.rules.printed import fill

ID = "login-aborted-by-user"
TITLE = "The client left while it had to answer"
_MESSAGES = {"sshd_log": "Connection closed by authenticating user {user} {client} port {client_port} [preauth]"}


def check(session: Session) -> Iterator[Finding]:
    """Fire when the client closes in its own turn after a pause of human length."""
    login = failed_login(session)
    if login is None or login.slow_refusals or session.close.by != "client" or not delivered(session):
        return
    if last_speaker(session) != "server" or waited_ns(session) < AT_ONCE_NS:
        return
    yield Finding(
        id=ID,
        severity="warning",
        confidence=login.confidence,
        party="client",
        title=TITLE,
        summary=told(session, "the server waited for the client's next step of the login, which did not come"),
        evidence=with_close(session, *exchanges(login, "refused", "other", "unreadable")[-2:]),
        expected_messages=fill(_MESSAGES, session),
        causes=(
            "somebody broke off at the prompt (Ctrl-C, window closed)",
            "the program that started ssh has a time limit of its own",
        ),
        remedies=(
            Remedy(
                side="client",
                action="where nobody is to be asked: fail at once instead",
                command="ssh -o BatchMode=yes USER@HOST",
            ),
        ),
    )


RULE = Rule(ID, TITLE, "warning", check, messages=_MESSAGES)
