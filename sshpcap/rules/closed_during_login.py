"""Closed during the login, and nothing says why.

What it means
    The handshake was complete; the connection was closed before anything that looks like a successful login, and
    sizes and times fit no known story. If the server closed without answering a request: an administrator's
    RefuseConnection, an account that PAM does not let in, a server that ran out of file descriptors, or octets that
    were damaged on the way. If the client closed: it had no method that the server takes, it did not like the host key
    (some programs check it only now), or what it received was damaged. OpenSSH, PuTTY and Dropbear check the host key
    before their NEWKEYS: those that leave at the server's first encrypted octets most likely could not read them.

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
from sshpcap.rules.login import AT_ONCE_NS, exchanges, last_speaker, methods, told, waited_ns
from sshpcap.rules.printed import fill, together
from sshpcap.rules.shown_key import CHECK_AFTER_NEWKEYS, CHECK_BEFORE_NEWKEYS, GO, SCANNER_IN_GO

ID = "closed-during-login"
TITLE = "Closed during the login"
_BY_SERVER = {
    "openssh_client": "Connection closed by {server} port {port}",
    "putty": "Remote side unexpectedly closed network connection",
    "putty_before_0_71": "Server unexpectedly closed network connection",
    "paramiko": "AuthenticationException: Authentication failed: transport shut down or saw EOF",
    "sshd_log_of_refuse_connection": (
        "administratively prohibited connection for {user} from {client} port {client_port}"
    ),
    "sshd_log_of_pam": "Access denied for user {user} by PAM account configuration",
    "sshd_log_of_damaged_octets": (
        "Corrupted MAC on input. / ssh_dispatch_run_fatal: Connection from {client} port {client_port}: message"
        " authentication code incorrect"
    ),
}
_BY_CLIENT = {
    "openssh_client": "{user}@{host}: Permission denied ({list}).",
    "openssh_client_of_damaged_octets": (
        "Corrupted MAC on input. / ssh_dispatch_run_fatal: Connection to {server} port {port}: message authentication"
        " code incorrect"
    ),
    "putty_of_damaged_octets": "Incorrect MAC received on packet",
    "dropbear_of_damaged_octets": "Error decrypting",
    "paramiko_of_damaged_octets": "Mismatched MAC",
    "paramiko": "Server '{host}' not found in known_hosts",
    "sshd_log": "Connection closed by authenticating user {user} {client} port {client_port} [preauth]",
}
_BEFORE_LOGIN = {
    **{name: text for name, text in _BY_CLIENT.items() if name != "openssh_client"},
    "openssh_client_of_damaged_octets": (
        "ssh_dispatch_run_fatal: Connection to {server} port {port}: message authentication code incorrect"
    ),
    "sshd_log": "Connection closed by {client} port {client_port} [preauth]",
}


def check(session: Session) -> Iterator[Finding]:
    """Fire on a close before a success; only asked when nothing else explains it."""
    login, close = session.authentication, session.close
    if login is None or login.result not in ("failed", "not_tried") or close.how not in ("fin", "rst"):
        return
    by_server = close.by == "server"
    tried = login.result == "failed"
    yield Finding(
        id=ID,
        severity="error" if close.by in ("client", "server") and (tried or _thrown_out(session)) else "warning",
        confidence="medium" if login.confidence == "medium" and close.confidence == "high" else "low",
        party=close.by,
        title=TITLE if tried else "Closed before the login began",
        summary=told(session, _what(session, login)),
        evidence=with_close(session, *exchanges(login, "refused", "other", "unreadable")[-2:]),
        expected_messages=fill(
            _BY_SERVER if by_server else _BY_CLIENT if tried else _BEFORE_LOGIN, session, list=methods(login)
        ),
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


_BROKE_OFF = "the user or the program broke off"
_DAMAGED = "the server's octets were damaged on the way, so that the MAC did not fit"


def _program(session: Session) -> str | None:
    identification = session.client.identification
    return identification.implementation if identification else None


def _wanted_in(session: Session) -> bool:
    """A client that always goes on behind its NEWKEYS: it took the host key, and wants a login."""
    return _program(session) in CHECK_BEFORE_NEWKEYS


def _thrown_out(session: Session) -> bool:
    """Such a client left as soon as it had heard encrypted octets: neither its user's choice nor its own."""
    return _wanted_in(session) and _heard_encrypted(session) and waited_ns(session) < AT_ONCE_NS


def _heard_encrypted(session: Session) -> bool:
    """The client's TCP acknowledged encrypted octets of the server, so it may have read them."""
    clear = max((m.bytes[1] for m in session.messages if m.sender == "server"), default=0)
    server = session.tcp.server
    return server.unacknowledged is not None and server.bytes - server.unacknowledged > clear


def _causes_before_login(session: Session, name: str | None) -> Iterator[str]:
    if _thrown_out(session):
        yield _DAMAGED
        yield _BROKE_OFF
        return
    if name == GO:  # it asks about the host key before its NEWKEYS
        yield SCANNER_IN_GO
        yield _BROKE_OFF
        if _heard_encrypted(session):
            yield _DAMAGED
        return
    if _wanted_in(session):
        yield f"{_BROKE_OFF} (PuTTY asks for the user's name here)" if name == "PuTTY" else _BROKE_OFF
    else:
        late = (
            f"{name} checks it only after NEWKEYS" if name in CHECK_AFTER_NEWKEYS else "some programs check it only now"
        )
        yield f"the client did not accept the host key ({late})"
    if _heard_encrypted(session):
        yield _DAMAGED
    yield "a scanner or a health check that looks no further"


def _client_causes(session: Session, login: Authentication) -> Iterator[str]:
    name = _program(session)
    if login.result == "not_tried":
        yield from _causes_before_login(session, name)
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
    yield _DAMAGED
    yield _BROKE_OFF


RULE = Rule(
    ID, TITLE, "error", check, messages=together(_BY_SERVER, left=_BY_CLIENT, early=_BEFORE_LOGIN), fallback=True
)
