"""The server cut the login off after several refusals.

What it means
    The server refused several requests and then closed the connection itself. sshd does so at MaxAuthTries (6 by
    default), usually because an agent offers many keys before the right one, or before the password is asked for; each
    refused key counts. Users see "Too many authentication failures".

How it is known
    From sizes and times: several answers as long as the server's refusals, no packet as short as
    SSH_MSG_USERAUTH_SUCCESS, and either the server's FIN at once behind its last answer, or a last answer that differs
    from the refusals and is as long as sshd's SSH_MSG_DISCONNECT "Too many authentication failures".

When it may be wrong
    It is inference: medium confidence at most. A server program that crashes or is stopped at this moment looks the
    same. Client and server may close at the same time; when the client's FIN comes first and the refusals happen to be
    as long as that message, this finding does not appear.

What to do
    Offer only the right key: `ssh -o IdentitiesOnly=yes -i KEY USER@HOST`, or empty the agent (`ssh-add -D`).

References
    sshd_config(5), MaxAuthTries; ssh_config(5), IdentitiesOnly; RFC 4252 §5.1
"""

from collections.abc import Iterator

from sshpcap.model import Authentication, Finding, Remedy, Session
from sshpcap.rules.base import Rule, with_close
from sshpcap.rules.login import AT_ONCE_NS, exchanges, failed_login, last_speaker, told, waited_ns
from sshpcap.rules.printed import fill

ID = "too-many-authentication-failures"
TITLE = "The server cut the login off after several refusals"
_MESSAGES = {
    "openssh_client": (
        "Received disconnect from {server} port {port}:2: Too many authentication failures / Disconnected from {server}"
        " port {port}"
    ),
    "putty": 'Remote side sent disconnect message type 2 (protocol error): "Too many authentication failures"',
    "dropbear": "Disconnect received",
    "sshd_log": ("maximum authentication attempts exceeded for {user} from {client} port {client_port} ssh2 [preauth]"),
}

_LEAST = 3
_LEAST_BEFORE_THE_WORD = 2


def cut_off(session: Session, login: Authentication) -> bool:
    """Several refusals, and the server closes at once behind the last of its answers; or that answer is as long as
    its word for it, and different from the refusals."""
    if last_speaker(session) != "server" or waited_ns(session) >= AT_ONCE_NS:
        return False
    if session.close.by == "server":
        return login.refusals >= _LEAST
    return login.refusals >= _LEAST_BEFORE_THE_WORD and says_so(login)


def says_so(login: Authentication) -> bool:
    """The last answer is no refusal, and as long as sshd's SSH_MSG_DISCONNECT."""
    answered = [one for one in login.exchanges if one.answer_frame is not None]
    return bool(answered) and answered[-1].reading == "other" and "too many failures" in login.last_answer_like


def check(session: Session) -> Iterator[Finding]:
    """Fire when the server ends a row of refusals."""
    login = failed_login(session)
    if login is None or not cut_off(session, login):
        return
    pace = "as slowly as passwords are" if login.slow_refusals else "quickly, as keys are"
    end = (
        'the last answer is as long as a SSH_MSG_DISCONNECT that says "Too many authentication failures"'
        if says_so(login)
        else "the server then closed behind its last answer"
    )
    what = f"{login.refusals} requests look refused ({pace}); {end}"
    yield Finding(
        id=ID,
        severity="error",
        confidence=login.confidence,
        party="server",
        title=TITLE,
        summary=told(session, what),
        evidence=with_close(session, *exchanges(login, "refused", "other")),
        expected_messages=fill(_MESSAGES, session),
        causes=(
            "an agent offers many keys, and the right one, or the password, comes too late",
            "a wrong password, again and again",
            "MaxAuthTries is low on this server",
        ),
        remedies=(
            Remedy(
                side="client", action="offer only one key", command="ssh -o IdentitiesOnly=yes -i ~/.ssh/KEY USER@HOST"
            ),
            Remedy(
                side="client",
                action="empty the agent",
                command="ssh-add -D",
                risk="other connections need the keys added again",
            ),
            Remedy(
                side="server",
                action="allow more attempts. sshd_config:",
                command="MaxAuthTries 10",
                risk="more guesses in each connection",
            ),
        ),
    )


RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES)
