"""A key exchange value that cannot be.

What it means
    One side's public value of the key exchange does not have the size that the negotiated method demands, or is a
    number that Diffie-Hellman does not allow: 0, 1, p-1 or more (p is the prime of the group). The reader cannot go
    on; sshd closes without a word.

How it is known
    The proposals tell the method, the message in the clear tells the value; the reader closed right after it. The
    prime is that of the method, or the one that the server sent.

When it may be wrong
    Sizes and numbers are certain. Behind a wrong size is mostly no broken program but two different proposals: when
    somebody on the way takes algorithms out of a proposal to force a weaker one, the two sides choose different
    methods, and the value of one does not fit the other's. That shows only in two captures. A number that is not
    allowed is the doing of its sender (a broken program, a test), or of somebody on the way who wants a secret that
    can be guessed. Not every program minds 1 and p-1 (AsyncSSH and paramiko do not, then nothing is said; of programs
    of which it is not known, with medium confidence).

What to do
    Capture at both ends and compare the SSH_MSG_KEXINIT messages octet by octet. If they are equal, update the program
    that sent the value; if not, somebody stands between.

References
    RFC 5656 §4; RFC 8731 §3; RFC 4253 §8; RFC 4419 §3; RFC 8268 §4 (1 < e < p-1);
    draft-ietf-sshm-mlkem-hybrid-kex; draft-ietf-sshm-ntruprime-ssh
"""

from collections.abc import Iterator
from typing import Final

from sshpcap.model import Confidence, Evidence, Finding, Message, Remedy, Session, Who
from sshpcap.rules.base import Rule, first, gave_up, how_it_ended, lost_to_the_capture, with_close
from sshpcap.rules.greetings import other
from sshpcap.rules.printed import LATER, fill, later, together

ID = "invalid-key-exchange-value"
TITLE = "A key exchange value that cannot be"

_SIZES: Final = {
    "curve25519-sha256": (32, 32),
    "curve25519-sha256@libssh.org": (32, 32),
    "curve448-sha512": (56, 56),
    "mlkem768x25519-sha256": (1216, 1120),
    "mlkem768nistp256-sha256": (1249, 1153),
    "mlkem1024nistp384-sha384": (1665, 1665),
    "sntrup761x25519-sha512": (1190, 1071),
    "sntrup761x25519-sha512@openssh.com": (1190, 1071),
    "sntrup4591761x25519-sha512@tinyssh.org": (1250, 1079),  # 1218 and 1047 of NTRU Prime, round 1, and 32 each
}
"""Octets of the client's and the server's value. ECDH over NIST curves is left out: points may be compressed."""
_SIDES: tuple[Who, Who] = ("client", "server")
_FIELDS: Final = {"client": ("Q_C_octets", "C_INIT_octets"), "server": ("Q_S_octets", "S_REPLY_octets")}

_MIND: Final = ("OpenSSH", "OpenSSH for Windows", "PuTTY", "WinSCP", "Dropbear", "Go x/crypto/ssh")
_DO_NOT_MIND: Final = ("AsyncSSH", "paramiko")
"""Programs that leave at a value of 1 or p-1, by their sources, and that go on."""

_BY_CLIENT: Final = {
    "openssh_client": (
        "invalid public DH value: {fault} / ssh_dispatch_run_fatal: Connection to {server} port {port}: incomplete"
        " message"
    ),
    "putty": "f value received is too {size}",
    "go": "ssh: handshake failed: ssh: DH parameter out of bounds",
}
_BY_SERVER: Final = {
    "sshd_log": (
        "invalid public DH value: {fault} [preauth] / ssh_dispatch_run_fatal: Connection from {client} port"
        " {client_port}: incomplete message [preauth]"
    ),
}
"""What the reader of a number prints that cannot be."""


def check(session: Session) -> Iterator[Finding]:
    """Fire on a value that cannot be, and a reader that closed."""
    if session.close.how not in ("fin", "rst") or session.stage == "encrypted":
        return
    for who in _SIDES:
        if gave_up(session) != other(who) or first(session, other(who), "SSH_MSG_NEWKEYS") is not None:
            continue
        for message in session.messages:
            if message.sender == who and "guess" not in message.fields:
                yield from _wrong_size(session, who, message)
                yield from _out_of_range(session, who, message)


def _wrong_size(session: Session, who: Who, message: Message) -> Iterator[Finding]:
    """Values of elliptic curves and hybrids are octets, so and so many of them."""
    method = session.negotiation.kex_algorithm.chosen if session.negotiation else None
    size = next((message.fields[name] for name in _FIELDS[who] if name in message.fields), None)
    if method not in _SIZES or size is None or size == _SIZES[method][_SIDES.index(who)]:
        return
    what = f"a value of {size:,} octets, where {method} has {_SIZES[method][_SIDES.index(who)]:,}"
    yield _finding(
        session,
        who,
        message,
        what,
        "high",
        later(session),
        "something on the way changed a proposal, so that the two sides chose different methods",
    )


def _out_of_range(session: Session, who: Who, message: Message) -> Iterator[Finding]:
    """Values of Diffie-Hellman are numbers modulo a prime (`interpret/dialogue.py` knows the prime)."""
    fault = message.fields.get("out_of_range")
    if not isinstance(fault, str):
        return
    sure: Confidence = "high"
    if fault in ("1", "p-1"):
        reader = (session.client if who == "server" else session.server).identification
        program = reader.implementation if reader else None
        if program in _DO_NOT_MIND:
            return
        sure = "high" if program in _MIND else "medium"
    small = fault in ("0", "1")
    texts = _BY_CLIENT if who == "server" else _BY_SERVER
    printed = fill(texts, session, fault="<= 1" if small else ">= p-1", size="small" if small else "large")
    yield _finding(
        session,
        who,
        message,
        f"a value that Diffie-Hellman does not allow: {'f' if who == 'server' else 'e'} is {fault}, not from 2 to p-2",
        sure,
        # What programs print over a negative number is another text.
        {**later(session), **({} if fault == "negative" else printed)},
        "somebody on the way changed the value, to get a secret that can be guessed",
    )


def _finding(
    session: Session,
    who: Who,
    message: Message,
    what: str,
    confidence: Confidence,
    printed: dict[str, str],
    otherwise: str,
) -> Finding:
    return Finding(
        id=ID,
        severity="error",
        confidence="medium" if lost_to_the_capture(session) else confidence,
        party=who,
        title=TITLE,
        summary=f"The {who} sent {what} (frame {message.frame}); {how_it_ended(session)}.",
        evidence=with_close(session, Evidence(frame=message.frame, what=what, bytes=message.bytes)),
        expected_messages=printed,
        causes=(f"the {who}'s program computes the key exchange wrongly, or tests the other side", otherwise),
        remedies=(
            Remedy(
                side="capture", action="capture at both ends and compare the clear messages of both, octet by octet"
            ),
            Remedy(side=who, action="update the program that sent the value"),
        ),
    )


RULE = Rule(
    ID,
    TITLE,
    "error",
    check,
    messages=together(_BY_CLIENT, left=LATER, number=_BY_SERVER),
    instead_of=("host-key-not-accepted", "host-key-too-short", "host-certificate-not-accepted"),
)
