"""The login was refused, as after a wrong password.

What it means
    The server refused requests of the client, each after the pause with which servers answer a wrong password (PAM:
    some 2 s, Dropbear: 0.3 s), and the connection ended without a login. Users see "Permission denied" or "Access
    denied". A wrong password, a user that does not exist, a locked account and a user whom AllowUsers or DenyUsers
    keeps out look the same, on purpose.

How it is known
    From sizes and times alone, for all of it is encrypted: answers as long as the server's refusals, slow ones among
    them, no packet as short as SSH_MSG_USERAUTH_SUCCESS, then the close. With AES-GCM and encrypt-then-MAC ciphers
    packets are told apart exactly, with others by what a write of that size can be.

When it may be wrong
    It is inference: never more than medium confidence. A slow check of another kind (a directory service that does not
    answer) looks the same. How many of the refusals a person has typed is not known: clients ask first which methods
    there are, and try keys.

What to do
    Read the server's log at this second; it has the user's name and the reason. Check user name, password, keyboard
    layout; then AllowUsers, DenyUsers and the account's state.

References
    RFC 4252 §5.1, §8; sshd_config(5), AllowUsers, DenyUsers, MaxAuthTries; pam_unix(8), nodelay
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules import too_many_authentication_failures
from sshpcap.rules.base import Rule, with_close
from sshpcap.rules.login import exchanges, failed_login, methods, told
from sshpcap.rules.printed import fill

ID = "authentication-failed"
TITLE = "The login was refused, as after a wrong password"
_MESSAGES = {
    "openssh_client": "Permission denied, please try again. / {user}@{host}: Permission denied ({list}).",
    "putty": "Access denied",
    "putty_batch": "Configured password was not accepted",
    "paramiko": "AuthenticationException: Authentication failed.",
    "go": "ssh: unable to authenticate, attempted methods [none password], no supported methods remain",
    "jsch": "Auth fail",
    "node_ssh2": "All configured authentication methods failed",
    "libssh": "Access denied for 'password'. Authentication that can continue: {list}",
    "curl": "Authentication failure",
    "dropbear": "Disconnect received",
    "sshd_log": "Failed password for {user} from {client} port {client_port} ssh2",
    "sshd_log_with_pam": (
        "PAM: Authentication failure for {user} from {client} / Failed keyboard-interactive/pam for {user} from"
        " {client} port {client_port} ssh2"
    ),
    "sshd_log_of_an_unknown_user": "Failed password for invalid user {user} from {client} port {client_port} ssh2",
}
"""Verbatim, from real runs; the list in brackets is a guess by its length."""

_MAX_AUTH_TRIES = 6


def check(session: Session) -> Iterator[Finding]:
    """Fire on slow refusals and no success, unless the server cut the attempts off."""
    login = failed_login(session)
    if login is None or not login.slow_refusals or too_many_authentication_failures.cut_off(session, login):
        return
    count = login.slow_refusals
    what = (
        f"{count} request{' was' if count == 1 else 's were'} refused as slowly as passwords are, and nothing looks"
        " like a successful login"
    )
    if count == _MAX_AUTH_TRIES:
        what += "; six is sshd's default MaxAuthTries, so the server may have ended it"
    yield Finding(
        id=ID,
        severity="error",
        confidence=login.confidence,
        party="client",
        title=TITLE,
        summary=told(session, what),
        evidence=with_close(session, *exchanges(login, "refused")),
        expected_messages=fill(_MESSAGES, session, list=methods(login)),
        causes=(
            "wrong password, or wrong user name",
            "the user does not exist on the server, is locked, or is kept out (AllowUsers, DenyUsers, PermitRootLogin)",
            "the server's password check fails: PAM, LDAP, Kerberos",
        ),
        remedies=(
            Remedy(
                side="server", action="read the reason in sshd's log", command="journalctl -u ssh --since '-10 min'"
            ),
            Remedy(
                side="server",
                action="see which rules apply to the user",
                command=f"sshd -T -C user=USER,addr={session.client.address} | grep -Ei 'allow|deny|permitroot|auth'",
            ),
            Remedy(
                side="server",
                action="see whether the account is locked",
                command="passwd -S USER; faillock --user USER",
            ),
            Remedy(side="client", action="see which methods were tried with which user", command="ssh -v USER@HOST"),
        ),
    )


RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES)
