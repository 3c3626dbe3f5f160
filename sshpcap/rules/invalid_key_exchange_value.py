"""A key exchange value of a wrong size.

What it means
    One side's public value of the key exchange does not have the size that the negotiated method demands. The reader
    cannot go on; sshd closes without a word.

How it is known
    The proposals tell the method, the message in the clear tells the size of the value; the reader closed right
    after it.

When it may be wrong
    The sizes are certain. Mostly no broken program is behind it but two different proposals: when somebody on the way
    takes algorithms out of a proposal to force a weaker one, the two sides choose different methods, and the value of
    one does not fit the other's. That shows only in two captures.

What to do
    Capture at both ends and compare the SSH_MSG_KEXINIT messages octet by octet. If they are equal, update the program
    that sent the value; if not, somebody stands between.

References
    RFC 5656 §4; RFC 8731 §3; RFC 4253 §8; draft-ietf-sshm-mlkem-hybrid-kex; draft-ietf-sshm-ntruprime-ssh
"""

from collections.abc import Iterator
from typing import Final

from sshpcap.model import Evidence, Finding, Remedy, Session, Who
from sshpcap.rules.base import Rule, first, how_it_ended, lost_to_the_capture, with_close
from sshpcap.rules.greetings import other
from sshpcap.rules.printed import LATER, later

ID = "invalid-key-exchange-value"
TITLE = "A key exchange value of a wrong size"

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
_VALUES: Final = (
    ("client", ("SSH_MSG_KEX_ECDH_INIT", "SSH_MSG_KEX_HYBRID_INIT"), ("Q_C_octets", "C_INIT_octets")),
    ("server", ("SSH_MSG_KEX_ECDH_REPLY", "SSH_MSG_KEX_HYBRID_REPLY"), ("Q_S_octets", "S_REPLY_octets")),
)


def check(session: Session) -> Iterator[Finding]:
    """Fire on a value that does not fit the method, and a reader that closed."""
    method = session.negotiation.kex_algorithm.chosen if session.negotiation else None
    if method not in _SIZES or session.close.how not in ("fin", "rst") or session.stage == "encrypted":
        return
    sides: tuple[Who, Who] = ("client", "server")
    for who, sizes, (_, names, fields) in zip(sides, _SIZES[method], _VALUES, strict=True):
        message = next(
            (m for m in session.messages if m.sender == who and m.name in names and "guess" not in m.fields), None
        )
        size = next((message.fields[name] for name in fields if name in message.fields), None) if message else None
        if message is None or not isinstance(size, int) or size == sizes or session.close.by != other(who):
            continue
        if first(session, other(who), "SSH_MSG_NEWKEYS") is not None:
            continue
        what = f"a value of {size:,} octets, where {method} has {sizes:,}"
        yield Finding(
            id=ID,
            severity="error",
            confidence="medium" if lost_to_the_capture(session) else "high",
            party=who,
            title=TITLE,
            summary=f"The {who} sent {what} (frame {message.frame}); {how_it_ended(session)}.",
            evidence=with_close(session, Evidence(frame=message.frame, what=what, bytes=message.bytes)),
            expected_messages=later(session),
            causes=(
                f"the {who}'s program computes the key exchange wrongly, or tests the other side",
                "something on the way changed a proposal, so that the two sides chose different methods",
            ),
            remedies=(
                Remedy(side="capture", action="capture at both ends and compare both SSH_MSG_KEXINIT octet by octet"),
                Remedy(side=who, action="update the program that sent the value"),
            ),
        )


RULE = Rule(ID, TITLE, "error", check, messages=LATER)
