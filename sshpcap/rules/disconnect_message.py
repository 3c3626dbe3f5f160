"""A readable SSH_MSG_DISCONNECT.

What it means
    One side said that it ends the connection, with a reason code and mostly a text, before encryption began. Some
    clients do not show the text; the capture has it.

How it is known
    The message is in the clear: Wireshark shows the same code and text.

When it may be wrong
    That the message was sent is certain. Whether its text tells the true reason is up to the program that wrote it.
    libssh2 says "Shutdown" whenever it leaves: where it had waited for seconds for the other side, the finding is that
    the other side did not move.

What to do
    Act on the text. Reason 2 PROTOCOL_ERROR from one side is a complaint about the other; 3 KEY_EXCHANGE_FAILED goes
    with a finding "no common …"; 12 TOO_MANY_CONNECTIONS is a limit of the server.

References
    RFC 4253 §11.1; RFC 4250 §4.2.2
"""

from collections.abc import Iterator

from sshpcap.model import Disconnect, Finding, Remedy, Session
from sshpcap.rules.base import Rule, announced, disconnect_text, how_it_ended, with_close
from sshpcap.rules.printed import fill, together

ID = "disconnect-message"
TITLE = "SSH_MSG_DISCONNECT"
_FROM_SERVER = {
    "openssh_client": (
        "Received disconnect from {server} port {port}:{code}: {text} / Disconnected from {server} port {port}"
    ),
    "putty": 'Remote side sent disconnect message type {code} ({words}): "{text}"',
    "putty_in_key_exchange": ("Received unexpected packet when expecting ECDH reply, type 1 (SSH2_MSG_DISCONNECT)"),
    "dropbear": "Disconnect received",
    "paramiko": "Negotiation failed.",
    "asyncssh": "{text} (error {code})",
    "go": "ssh: disconnect, reason {code}: {text}",
    "libssh": "Received SSH_MSG_DISCONNECT: {code}:{text}",
    "node_ssh2": "{text}",
}
_FROM_CLIENT = {
    "openssh_client": "Disconnecting {server} port {port}: {text}",
    "asyncssh": "{text}",
    "sshd_log": "Received disconnect from {client} port {client_port}:{code}: {text}",
}
_BY_CODE: dict[int, tuple[tuple[str, ...], tuple[Remedy, ...]]] = {
    1: (
        ("the server's access rules do not allow this client's address",),
        (Remedy(side="server", action="allow the client's address in the server's access rules (ACL, allow-list)"),),
    ),
    2: (
        (
            "the sender complains that the other side broke the protocol; its text says how",
            "something on the way put octets into the stream, or took some out",
        ),
        (
            Remedy(side="server", action="update both programs, then capture at both ends and compare"),
            Remedy(side="client", action="see what it got, in its own words", command="ssh -vvv HOST"),
        ),
    ),
    3: (
        ("the two sides could not agree on the key exchange, or it failed; see the findings beside this one",),
        (),
    ),
    9: (
        ("the client does not trust the server's host key",),
        (
            Remedy(
                side="client",
                action="compare the key's fingerprint with the server's own, then let the client know it",
                risk="without the comparison this accepts whoever answers",
            ),
        ),
    ),
    12: (
        ("the server has as many connections or sessions as it allows",),
        (
            Remedy(side="server", action="end sessions that are left over, or raise the limit of connections"),
            Remedy(side="client", action="open fewer connections at once, and retry after a pause"),
        ),
    ),
}
"""Causes and remedies by reason code (RFC 4250 §4.2.2)."""


def check(session: Session) -> Iterator[Finding]:
    """Fire on a DISCONNECT in the clear."""
    said = session.close.disconnect
    if said is None or session.stage == "encrypted":
        return
    text = f'"{disconnect_text(said)}"' if said.description else "no text"
    causes, remedies = _BY_CODE.get(said.code, ((), ()))
    yield Finding(
        id=ID,
        severity="error",
        confidence="high",
        party=said.by,
        title=TITLE,
        summary=(
            f"The {said.by} ended the connection with SSH_MSG_DISCONNECT (frame {said.frame}), reason {said.code}"
            f" {said.name}, {text}; {how_it_ended(session)}."
        ),
        evidence=with_close(session, announced(session)),
        expected_messages=_messages(session, said),
        causes=causes or ("what the text says",),
        remedies=(
            *remedies,
            Remedy(
                side=said.by,
                action=f"read the log of the {said.by}, which ended it, at this time",
                command="journalctl -u ssh --since '-10 min'" if said.by == "server" else "ssh -vvv HOST",
            ),
        ),
    )


def _messages(session: Session, said: Disconnect) -> dict[str, str]:
    words = said.name.removeprefix("SSH_DISCONNECT_").lower().replace("_", " ")
    texts = _FROM_SERVER if said.by == "server" else _FROM_CLIENT
    return fill(texts, session, code=said.code, text=said.description, words=words)


RULE = Rule(ID, TITLE, "error", check, messages=together(_FROM_SERVER, itself=_FROM_CLIENT))
