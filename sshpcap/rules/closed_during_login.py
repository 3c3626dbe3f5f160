"""Closed during the login, and nothing says why.

What it means
    The handshake was complete; the connection was closed before anything that looks like a successful login, and
    sizes and times fit no known story. If the server closed without answering a request: an administrator's
    RefuseConnection, an account that PAM does not let in, a server that ran out of file descriptors, or octets that
    were damaged on the way. If the client closed: it had no method that the server takes, it did not like the host key
    (some programs check it only now), or what it received was damaged.

How it is known
    NEWKEYS of both sides, then a FIN or RST, and no packet as short as SSH_MSG_USERAUTH_SUCCESS.

When it may be wrong
    That no login succeeded is inference from sizes. The reason is not in the capture: the message that would tell it is
    encrypted, or was never sent.

What to do
    Read the log of the side that closed, at this second. If "Corrupted MAC" or "message authentication code incorrect"
    stands there, look for a broken device on the path: `ethtool -K DEVICE rx off tx off tso off gro off` tells whether
    a network card is the reason.

References
    RFC 4252 §5; sshd_config(5), RefuseConnection; ethtool(8)
"""

from collections.abc import Iterator

from sshpcap.model import Authentication, Finding, Remedy, Session
from sshpcap.rules.base import Rule, with_close
from sshpcap.rules.login import exchanges, last_speaker, methods, told
from sshpcap.rules.printed import fill, together

ID = "closed-during-login"
TITLE = "Closed during the login"
_BY_SERVER = {
    "openssh_client": "Connection closed by {server} port {port}",
    "putty": "Remote side unexpectedly closed network connection",
    "putty_before_0_71": "Server unexpectedly closed network connection",
    "paramiko": "AuthenticationException: Authentication failed: transport shut down or saw EOF",
    "sshd_log": (
        "administratively prohibited connection for {user} from {client} port {client_port} / Access denied for user"
        " {user} by PAM account configuration / Corrupted MAC on input. / ssh_dispatch_run_fatal: Connection from"
        " {client} port {client_port}: message authentication code incorrect"
    ),
}
_BY_CLIENT = {
    "openssh_client": (
        "{user}@{host}: Permission denied ({list}). / Corrupted MAC on input. / ssh_dispatch_run_fatal: Connection to"
        " {server} port {port}: message authentication code incorrect"
    ),
    "putty": "Incorrect MAC received on packet",
    "dropbear": "Error decrypting",
    "paramiko": "Mismatched MAC / Server '{host}' not found in known_hosts",
    "sshd_log": "Connection closed by {client} port {client_port} [preauth]",
}

_CHECK_AFTER_NEWKEYS = ("paramiko", "libssh", "libssh2", "Go", "JSch", "node ssh2")


def check(session: Session) -> Iterator[Finding]:
    """Fire on a close before a success; only asked when nothing else explains it."""
    login, close = session.authentication, session.close
    if login is None or login.result not in ("failed", "not_tried") or close.how not in ("fin", "rst"):
        return
    by_server = close.by == "server"
    tried = login.result == "failed"
    yield Finding(
        id=ID,
        severity="error" if tried and close.by in ("client", "server") else "warning",
        confidence="medium" if login.confidence == "medium" and close.confidence == "high" else "low",
        party=close.by,
        title=TITLE if tried else "Closed before the login began",
        summary=told(session, _what(session, login)),
        evidence=with_close(session, *exchanges(login, "refused", "other", "unreadable")[-2:]),
        expected_messages=fill(_BY_SERVER if by_server else _BY_CLIENT, session, list=methods(login)),
        causes=tuple(_server_causes() if by_server else _client_causes(session, login)),
        remedies=(
            Remedy(
                side="server", action="read sshd's log at this second", command="journalctl -u ssh --since '-10 min'"
            ),
            Remedy(side="client", action="repeat with a verbose client", command="ssh -vvv USER@HOST"),
            Remedy(
                side="network",
                action="if a log speaks of a corrupted MAC: see whether a card's offloading damages packets",
                command="ethtool -K DEVICE rx off tx off tso off gso off gro off",
                risk="costs CPU time; a short interruption on some cards",
            ),
        ),
    )


def _what(session: Session, login: Authentication) -> str:
    if login.result == "not_tried":
        return "the client left before it asked for a login"
    last = login.exchanges[-1] if login.exchanges else None
    if session.close.by == "server" and last_speaker(session) == "client":
        frame = f" (frame {last.frame})" if last is not None else ""
        return f"the server closed without an answer to the client's last request{frame}"
    if session.close.by == "client" and login.refusals == 1:
        return "the client left behind the server's answer to its first request"
    return "nothing looks like a successful login"


def _server_causes() -> Iterator[str]:
    yield "the server refuses this user or address without a word (RefuseConnection; PAM account; /etc/nologin)"
    yield "the server's program failed: out of memory or file descriptors, a crash, a PAM module"
    yield "the client's octets were damaged on the way, so that the MAC did not fit"


def _client_causes(session: Session, login: Authentication) -> Iterator[str]:
    identification = session.client.identification
    name = identification.implementation if identification else None
    if login.result == "not_tried":
        late = (
            f"{name} checks it only after NEWKEYS"
            if name in _CHECK_AFTER_NEWKEYS
            else "some programs check it only now"
        )
        yield f"the client did not accept the host key ({late})"
        yield "a scanner or a health check that looks no further"
        return
    if login.refusals and login.exchanges[-1].reading == "other":
        yield (
            "the server knows the key that was offered (its last answer is no refusal), and the client could not sign:"
            " the key is encrypted and nobody gave its passphrase (BatchMode), the agent or the security key refused"
        )
        yield "the server asked a question that the client did not answer"
    else:
        yield "the client had no key or method that the server takes"
    if login.refusals == 1 and name == "OpenSSH":
        yield "OpenSSH's client knows another host key and may go on (StrictHostKeyChecking no): no passwords then"
    yield "the server's octets were damaged on the way, so that the MAC did not fit"
    yield "the user or the program broke off"


RULE = Rule(ID, TITLE, "error", check, messages=together(_BY_SERVER, left=_BY_CLIENT), fallback=True)
