"""A message contradicts itself.

What it means
    One side sent an SSH packet whose content does not fit its own lengths, or that is cut short: a proposal with
    fewer lists than RFC 4253 demands, a string longer than its message. Strict readers give up (OpenSSH: "incomplete
    message"), others read on.

How it is known
    The message is in the capture in the clear; the finding names the field and the place.

When it may be wrong
    That the message is malformed is certain when the capture is complete. Whether the reader minded is not: PuTTY,
    Dropbear and paramiko forgive missing language lists. Who damaged it, the program or something between, is not in
    the capture.

What to do
    Update the program that sent it (embedded devices, home-made servers). If both ends are good programs, capture at
    both ends and compare: something between changes octets.

References
    RFC 4253 §7.1; RFC 4251 §5
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Message, Remedy, Session, Who
from sshpcap.rules.base import Rule, how_it_ended, with_close
from sshpcap.rules.printed import fill

ID = "malformed-message"
TITLE = "A message contradicts itself"
_SIDES: tuple[Who, ...] = ("client", "server")
_MESSAGES = {
    "openssh_client": (
        "kex_input_kexinit: discard proposal: incomplete message / ssh_dispatch_run_fatal: Connection to {server} port"
        " {port}: incomplete message"
    ),
    "putty": "KEXINIT packet was incomplete",
    "asyncssh": "Incomplete packet",
}
_LOGGED = {
    "sshd_log": "ssh_dispatch_run_fatal: Connection from {client} port {client_port}: incomplete message [preauth]"
}


def check(session: Session) -> Iterator[Finding]:
    """Fire on a message that could not be parsed."""
    if session.stage == "encrypted":
        return
    for who in _SIDES:
        odd = next((m for m in session.messages if m.kind == "malformed" and m.sender == who), None)
        if odd is not None and odd.name != "identification":
            yield _finding(session, who, odd)


def _finding(session: Session, who: Who, odd: Message) -> Finding:
    reason = f"{odd.fields.get('malformed_field')}: {odd.fields.get('malformed_reason')}"
    return Finding(
        id=ID,
        severity="error",
        confidence="medium" if session.coverage.gaps or session.coverage.midstream else "high",
        party=who,
        title=TITLE,
        summary=(
            f"The {who}'s {odd.name} (frame {odd.frame}) contradicts itself: {reason}. In the end"
            f" {how_it_ended(session)}."
        ),
        evidence=with_close(session, Evidence(frame=odd.frame, what=reason, bytes=odd.bytes)),
        expected_messages=fill(_MESSAGES if who == "server" else _LOGGED, session),
        causes=(
            f"the {who}'s program does not follow RFC 4253: an embedded device, a home-made or very old program",
            "something on the way changes octets",
        ),
        remedies=(
            Remedy(side=who, action="update the program that sent this message"),
            Remedy(side="capture", action="capture at both ends and compare the message octet by octet"),
        ),
    )


RULE = Rule(ID, TITLE, "error", check, messages={**_MESSAGES, **_LOGGED})
