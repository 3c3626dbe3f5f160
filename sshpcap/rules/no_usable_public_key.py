"""The login was refused at once, as keys are.

What it means
    The server refused requests at once, without the pause that follows a wrong password with PAM, and the client left
    at once behind the last refusal: it had no other key or method to try. Users see "Permission denied (publickey)."

How it is known
    From sizes and times: answers as long as the server's refusals, each within a fraction of a second, no packet as
    short as SSH_MSG_USERAUTH_SUCCESS, the client's close at once behind the last of them. The length of a refusal is
    that of its list of methods, so that a server that takes nothing but keys can be recognised.

When it may be wrong
    It is inference: medium confidence where the server seems to take one method only, low otherwise, because a server
    without PAM refuses passwords without a pause, too. A client that gives up for another reason (octets damaged on the
    way) looks the same.

What to do
    Find out with `ssh -v` which keys were offered, and on the server why none was taken: the key is not in
    authorized_keys, or the file's owner and mode make sshd ignore it.

References
    RFC 4252 §5.1, §7; sshd(8), AUTHORIZED_KEYS FILE FORMAT; sshd_config(5), StrictModes, PubkeyAcceptedAlgorithms
"""

from collections.abc import Iterator

from sshpcap.model import Authentication, Finding, Remedy, Session
from sshpcap.rules import second_factor_missing
from sshpcap.rules.base import Rule, with_close
from sshpcap.rules.login import AT_ONCE_NS, exchanges, failed_login, last_speaker, methods, told, waited_ns
from sshpcap.rules.printed import fill

ID = "no-usable-public-key"
TITLE = "The login was refused at once, as keys are"
_MESSAGES = {
    "openssh_client": "{user}@{host}: Permission denied ({list}).",
    "putty": "Server refused our key / No supported authentication methods available (server sent: publickey)",
    "sshd_log": "Connection closed by authenticating user {user} {client} port {client_port} [preauth]",
    "sshd_log_of_file_permissions": "Authentication refused: bad ownership or modes for directory {directory}",
    "sshd_log_verbose": "Failed publickey for {user} from {client} port {client_port} ssh2",
    "sshd_log_old_signatures": "userauth_pubkey: signature algorithm ssh-rsa not in PubkeyAcceptedAlgorithms",
}


_SLOW_WITH_PASSWORDS = ("OpenSSH", "Dropbear")
"""Servers of which a quick refusal tells something; most libraries refuse passwords at once."""


def check(session: Session) -> Iterator[Finding]:
    """Fire when the client leaves at once behind quick refusals."""
    login = failed_login(session)
    if login is None or login.slow_refusals or session.close.by != "client" or not _ends_refused(login):
        return
    if last_speaker(session) != "server" or waited_ns(session) >= AT_ONCE_NS:
        return
    alone = login.refusals == 1
    single = [names for names in login.offered_methods if "," not in names]
    if alone and login.offered_methods[:1] != tuple(single[:1]):
        return  # the server takes several methods, and the client tried none: something else happened
    server = session.server.identification
    sure = server is not None and server.implementation in _SLOW_WITH_PASSWORDS
    what = (
        "the first request, which asks for the methods, was answered as by a server that takes few; the client left"
        " without trying one"
        if alone
        else (
            f"{login.refusals} requests were refused at once, as keys are (the first of them usually asks for the"
            " methods; a server without PAM refuses passwords as quickly)"
        )
    )
    yield Finding(
        id=ID,
        severity="error",
        confidence="medium" if sure and not alone and tuple(single) == login.offered_methods != () else "low",
        party="client",
        title=TITLE,
        summary=told(session, what),
        evidence=with_close(session, *exchanges(login, "refused")),
        expected_messages=fill(_MESSAGES, session, list=methods(login)),
        causes=(
            *((_TOO_MANY,) if login.refusals >= _DEFAULT_TRIES else ()),
            *(
                ("the server takes one method, and the client had none for it: no key to offer, or only passwords",)
                if alone
                else ()
            ),
            "the client's key is not in the user's authorized_keys on the server, or the user name is wrong",
            "the user is kept out: AllowUsers, DenyUsers, PermitRootLogin, a login shell that does not exist,"
            " from= in authorized_keys",
            "a wrong password, at a server that refuses it without a pause (no PAM)",
            "authorized_keys, .ssh or the home directory belong to somebody else or are writable by others",
            "the server takes no signatures of this kind (ssh-rsa with SHA-1), or takes only passwords and the client"
            " may not ask for one (BatchMode)",
        ),
        remedies=(
            Remedy(side="client", action="see which keys are offered", command="ssh -v USER@HOST"),
            Remedy(side="client", action="offer the right key", command="ssh -i ~/.ssh/KEY USER@HOST"),
            *((_ONE_KEY,) if login.refusals >= _DEFAULT_TRIES else ()),
            Remedy(
                side="server",
                action="give the files the modes that sshd demands",
                command="chmod go-w ~; chmod 700 ~/.ssh; chmod 600 ~/.ssh/authorized_keys",
            ),
            Remedy(side="server", action="and, where SELinux is on, their labels", command="restorecon -R ~/.ssh"),
            Remedy(
                side="server",
                action="see which rules apply to the user",
                command=f"sshd -T -C user=USER,addr={session.client.address} | grep -Ei 'allow|deny|permitroot|auth'",
            ),
            Remedy(
                side="server",
                action="let the log say why. sshd_config:",
                command="LogLevel VERBOSE",
                risk="the log grows faster",
            ),
        ),
    )


_DEFAULT_TRIES = 6
"""sshd's MaxAuthTries unless set (sshd_config(5))."""
_TOO_MANY = (
    "an agent offered more keys than the server gives tries (MaxAuthTries, 6 by default): its last message may be as"
    " long as a refusal"
)
_ONE_KEY = Remedy(
    side="client", action="offer only one key", command="ssh -o IdentitiesOnly=yes -i ~/.ssh/KEY USER@HOST"
)


def _ends_refused(login: Authentication) -> bool:
    answered = [one for one in login.exchanges if one.answer_frame is not None]
    return (
        bool(answered)
        and answered[-1].reading == "refused"
        and not second_factor_missing.refused_behind_another_answer(login)
    )


RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES)
