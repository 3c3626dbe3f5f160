"""The server seems to know the key, and still there was no login.

What it means
    The server answered a request with something else than a refusal (as it does when it knows the key that is offered),
    and then refused what followed without the pause of a wrong password. Either it wants another method after the first
    (AuthenticationMethods, two factors) and the client had none; or the key is known but may not be used. Users see
    "Permission denied", with a shorter list of methods where another one is wanted.

How it is known
    From sizes and times: the last answer is as long as the refusals before it, or as one with a shorter list; the one
    before it was neither; no packet is as short as SSH_MSG_USERAUTH_SUCCESS; the client left at once.

When it may be wrong
    It is inference of low confidence: questions of the server are not refusals either.

What to do
    See with `ssh -v` which methods remain ("Authenticated using … with partial success"); use a client that can do
    both.

References
    RFC 4252 §5.1 (partial success); sshd_config(5), AuthenticationMethods
"""

from collections.abc import Iterator

from sshpcap.model import Authentication, Finding, Remedy, Session
from sshpcap.rules.base import Rule, with_close
from sshpcap.rules.login import AT_ONCE_NS, exchanges, failed_login, last_speaker, told, waited_ns
from sshpcap.rules.printed import fill

ID = "second-factor-missing"
TITLE = "The server seems to know the key, and still there was no login"
_MESSAGES = {
    "openssh_client": (
        'Authenticated using "publickey" with partial success. / {user}@{host}: Permission denied (password).'
    ),
    "sshd_log": "Partial publickey for {user} from {client} port {client_port} ssh2",
}


def check(session: Session) -> Iterator[Finding]:
    """Fire on a refusal behind an answer that was none, with the client's close at once behind it."""
    login = failed_login(session)
    if login is None or login.slow_refusals or session.close.by != "client" or not refused_behind_another_answer(login):
        return
    if last_speaker(session) != "server" or waited_ns(session) >= AT_ONCE_NS:
        return
    yield Finding(
        id=ID,
        severity="error",
        confidence="low",
        party="client",
        title=TITLE,
        summary=told(
            session,
            "a request was answered otherwise than by a refusal, as for a known key, and the next one was refused at"
            " once",
        ),
        evidence=with_close(session, *exchanges(login, "refused", "other")),
        expected_messages=fill(_MESSAGES, session),
        causes=(
            "the server demands two methods (AuthenticationMethods) and the client has one",
            "the key is known, but not allowed here: from= in authorized_keys, the account in PAM, signatures of this"
            " kind (ssh-rsa with SHA-1)",
            "the server asked something that the client could not answer",
        ),
        remedies=(
            Remedy(side="client", action="see which methods remain", command="ssh -v USER@HOST"),
            Remedy(
                side="client",
                action="allow questions",
                command="ssh -o BatchMode=no -o KbdInteractiveAuthentication=yes USER@HOST",
            ),
            Remedy(
                side="server",
                action="see what is demanded of the user",
                command=f"sshd -T -C user=USER,addr={session.client.address} | grep -i authenticationmethods",
            ),
        ),
    )


def refused_behind_another_answer(login: Authentication) -> bool:
    """The last answer is a refusal, and the one before it was none."""
    answered = [one for one in login.exchanges if one.answer_octets is not None]
    if len(answered) <= _LEAST or not login.refusals or answered[-2].reading != "other":
        return False
    return answered[-1].reading == "refused" or "shorter refusal" in login.last_answer_like


_LEAST = 2

RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES)
