"""An echo: what the client sent comes back to it.

What it means
    The other end is no SSH server: it sends back every octet that it gets. The client reads its own identification
    string and its own proposal as the server's, agrees with itself, and fails at its own key exchange message. It is
    the echo service (RFC 862), a test program, a proxy or a forwarding that leads back into itself.

How it is known
    Both proposals have the same cookie: 16 octets that each side draws at random for every key exchange.

When it may be wrong
    It is certain that the proposal was sent back. Whether the host at that address does so, or something on the path,
    the capture does not tell.

What to do
    Connect to the right port, or look where the forwarding leads.

References
    RFC 4253 §7.1; RFC 862
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Session
from sshpcap.rules.base import Rule, first, how_it_ended, shown, with_close
from sshpcap.rules.other_service import RIGHT_PORT, WHO_LISTENS
from sshpcap.rules.path import capital
from sshpcap.rules.printed import fill

ID = "echo-service"
TITLE = "An echo: what the client sent comes back to it"
_MESSAGES = {"openssh_client": "kex_protocol_error: type 30 seq 1 / Connection closed by {server} port {port}"}


def check(session: Session) -> Iterator[Finding]:
    """Fire on a proposal that is the other side's own."""
    ours, theirs = session.client.kexinit, session.server.kexinit
    if ours is None or theirs is None or ours.cookie != theirs.cookie:
        return
    yield Finding(
        id=ID,
        severity="error",
        confidence="high",
        party="server",
        title=TITLE,
        summary=(
            "What answers is no SSH server: it sends back what it gets. Both proposals have the same cookie"
            f" ({ours.cookie}), 16 octets that every side draws at random, so the client was talking to itself."
            f" {capital(how_it_ended(session))}."
        ),
        evidence=with_close(
            session,
            *(
                shown(message, f"SSH_MSG_KEXINIT of the {sender} with this cookie")
                for sender in ("client", "server")
                if (message := first(session, sender, "SSH_MSG_KEXINIT"))
            ),
        ),
        expected_messages=fill(_MESSAGES, session),
        causes=(
            "the port belongs to an echo service or a test program",
            "a proxy or port forwarding leads back into itself",
        ),
        remedies=(RIGHT_PORT, WHO_LISTENS),
    )


RULE = Rule(
    ID,
    TITLE,
    "error",
    check,
    messages=_MESSAGES,
    instead_of=(
        "closed-during-handshake",
        "group-out-of-range",
        "inserted-message",
        "invalid-key-exchange-value",
        "login-grace-time",
        "malformed-message",
        "signature-of-another-algorithm",
        "slow-handshake",
        "stalled",
        "strict-kex-violation",
        "terrapin-exposed",
        "unexpected-message",
        "weak-algorithms",
    ),
)
