"""What the findings about host keys share: that the client left after it had seen one, how fast, and the finding."""

from typing import Final, NamedTuple

from sshpcap.model import Confidence, Evidence, Finding, HostKey, Message, Remedy, Session
from sshpcap.rules.base import (
    disconnect_text,
    duration,
    first,
    gave_up,
    how_it_ended,
    key_undelivered,
    lost_to_the_capture,
    with_close,
)

AUTOMATIC_NS: Final = 500_000_000
HUMAN_NS: Final = 1_000_000_000
CHECK_AFTER_NEWKEYS: Final = ("paramiko", "libssh", "libssh2", "ssh2 (Node.js)")
"""Libraries that ask their program about the host key only when the key exchange is complete."""
CHECK_BEFORE_NEWKEYS: Final = ("OpenSSH", "OpenSSH for Windows", "PuTTY", "WinSCP", "Dropbear")
"""Programs whose NEWKEYS says that they took the host key, and that then log in."""


GO: Final = "Go x/crypto/ssh"
SCANNER_IN_GO: Final = (
    "a scanner that wanted to look at the server and no more: many are written in Go, and name themselves as its"
    " library does"
)


class Refused(NamedTuple):
    """A client that left between the host key and its own NEWKEYS."""

    key: HostKey
    reply: Message
    """The message that showed the key."""
    delay: int
    """Nanoseconds from there to the client's last word or close."""

    @property
    def pace(self) -> str:
        """Who decides so fast."""
        if self.delay < AUTOMATIC_NS:
            return f"It took {duration(self.delay)}: a decision of the program, not of a person."
        if self.delay >= HUMAN_NS:
            return f"It took {duration(self.delay)}: long enough for a person at a prompt."
        return f"It took {duration(self.delay)}."


def refused_key(session: Session) -> Refused | None:
    """The client left between the host key and its own NEWKEYS; None otherwise."""
    key, close = session.host_key, session.close
    if key is None or session.stage == "encrypted" or gave_up(session) != "client" or close.how not in ("fin", "rst"):
        return None
    if key.known_hosts is not None and key.known_hosts.status != "match":
        return None  # The user's own files tell why: host-key-changed and its kind.
    if first(session, "client", "SSH_MSG_NEWKEYS") or session.outcome != "failed" or lost_to_the_capture(session):
        return None
    if key_undelivered(session):
        return None
    ended = close.disconnect.frame if close.disconnect else close.frame
    if ended is not None and ended < key.frame:
        return None
    reply = next(m for m in session.messages if m.frame == key.frame and m.sender == "server" and m.number != _NEWKEYS)
    if "trailing_octets" in reply.fields or reply.fields.get("signature_algorithm") == "unreadable":
        return None  # malformed-message
    left = next((m for m in session.messages if close.disconnect and m.frame == close.disconnect.frame), None)
    left_at = left.time if left else close.time
    return Refused(key, reply, left_at.ns - reply.time.ns if left_at else 0)


_NEWKEYS = 21


def refused_key_finding(
    session: Session,
    refused: Refused,
    *,
    id: str,
    title: str,
    confidence: Confidence,
    what: str = "",
    messages: dict[str, str],
    causes: tuple[str, ...],
    remedies: tuple[Remedy, ...],
) -> Finding:
    """Such a client as a finding; `what` is what stands out about the key, a sentence that begins with a space."""
    key, said_by = refused.key, session.close.disconnect
    said = f' The {said_by.by} said why: "{disconnect_text(said_by)}".' if said_by and said_by.description else ""
    size = f" of {key.bits} bits" if key.bits else ""
    return Finding(
        id=id,
        severity="error",
        confidence=confidence,
        party="client",
        title=title,
        summary=(
            f"The server showed its host key (frame {key.frame}: {key.type}{size}, {key.sha256}); the client did not"
            f" accept the key exchange; {how_it_ended(session)}.{what}{said} {refused.pace}"
        ),
        evidence=with_close(
            session,
            Evidence(frame=key.frame, what=f"host key {key.type} {key.sha256}", bytes=refused.reply.bytes),
            Evidence(frame=said_by.frame, what="SSH_MSG_DISCONNECT") if said_by else None,
        ),
        expected_messages=messages,
        causes=causes,
        remedies=remedies,
    )


def known_hosts_name(session: Session) -> str:
    """The server's address as known_hosts names it."""
    server = session.server
    return server.address if server.port == 22 else f"[{server.address}]:{server.port}"


def short_type(key: HostKey) -> str:
    """ED25519, ECDSA, RSA …: how OpenSSH names the kind of a key to its users."""
    name = key.type.removesuffix("-cert-v01@openssh.com").removeprefix("ssh-").removeprefix("sk-ssh-")
    kind = "ECDSA" if name.startswith(("ecdsa", "sk-ecdsa")) else name.removesuffix("@openssh.com").upper()
    return f"{kind}-CERT" if key.certificate else kind


INVALID_SIGNATURE: Final = (
    "the signature was invalid: octets of the handshake were changed on the way, or the server is broken"
)
INVALID_SIGNATURE_TEXTS: Final = {
    "openssh_client_invalid_signature": (
        "ssh_dispatch_run_fatal: Connection to {server} port {port}: incorrect signature"
    ),
    "putty_invalid_signature": "Signature from server's host key is invalid",
    "dropbear_invalid_signature": "Bad hostkey signature",
    "paramiko_invalid_signature": "Signature verification ({type}) failed.",
    "asyncssh_invalid_signature": "Key exchange hash mismatch",
    "go_invalid_signature": "ssh: handshake failed: ssh: signature did not verify",
    "node_ssh2_invalid_signature": "Handshake failed: signature verification failed",
}
CLIENT_LEFT: Final = {"sshd_log": "Connection closed by {client} port {client_port} [preauth]"}
