"""The server seems to want another method after one that was accepted.

What it means
    The server took a key or a password, but not for a login: it wants another method after it (AuthenticationMethods,
    two factors), and the client had none. Users see "Permission denied" with a shorter list of methods.

How it is known
    From sizes and times: behind longer refusals the last answer is shorter than they are, without being a success; it
    has the length of a refusal with a shorter list; and the client left at once behind it.

When it may be wrong
    It is inference of low confidence: a question of the server can have the same length.

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

ID = "second-factor-missing"
TITLE = "The server seems to want another method after one that was accepted"


def check(session: Session) -> Iterator[Finding]:
    """Fire on a shorter refusal at the end, with the client's close at once behind it."""
    login = failed_login(session)
    if login is None or login.slow_refusals or session.close.by != "client" or not _shorter_at_the_end(login):
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
            "the server's last answer is as long as a refusal with fewer methods than before, as after a first"
            " method of two",
        ),
        evidence=with_close(session, *exchanges(login, "refused", "other")),
        expected_messages={
            "openssh_client": "USER@HOST: Permission denied (password).",
            "openssh_client_verbose": 'debug1: Authenticated using "publickey" with partial success.',
            "sshd_log": "Partial publickey for USER from ADDRESS port PORT ssh2",
        },
        causes=(
            "the server demands two methods (AuthenticationMethods) and the client has one",
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


def _shorter_at_the_end(login: Authentication) -> bool:
    answered = [one for one in login.exchanges if one.answer_octets is not None]
    refused = [one.answer_octets for one in answered if one.reading == "refused" and one.answer_octets is not None]
    if len(answered) <= _LEAST or not refused or answered[-1].reading != "other" or not login.shorter_refusal:
        return False
    return answered[-2].reading == "other" and (answered[-1].answer_octets or 0) < min(refused)


_LEAST = 2

RULE = Rule(ID, TITLE, "error", check)
