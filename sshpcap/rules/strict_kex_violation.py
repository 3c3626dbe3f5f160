"""A message that strict key exchange forbids.

What it means
    Both sides announced strict key exchange, and yet a message came that has no place in a key exchange, or the first
    message was not a proposal. The receiver must end the connection. Either somebody on the path inserted the message
    (an attack such as Terrapin begins so), or one of the programs, or a device between them, is broken.

How it is known
    Both proposals with kex-strict-c/-s-v00@openssh.com and the message are in the capture, in clear text, before the
    sender's SSH_MSG_NEWKEYS.

When it may be wrong
    Never about the message and the rule, if the capture is complete. Who inserted it one capture cannot tell: record
    at the sender as well; if the message is not there, it was put in on the way.

What to do
    Record on the machine that seems to have sent it. Sent there: update its program. Not sent there: look for a device
    or an attacker on the path.

References
    OpenSSH PROTOCOL §1.10 (strict KEX); CVE-2023-48795; https://terrapin-attack.com
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Message, Remedy, Session
from sshpcap.rules.base import Rule, closing, how_it_ended
from sshpcap.rules.printed import fill, together

ID = "strict-kex-violation"
TITLE = "A message that strict key exchange forbids"
_TOO_EARLY = {
    "openssh_client": "Disconnecting {server} port {port}: strict KEX violation: KEXINIT was not the first packet",
    "putty": "Received a packet before KEXINIT in strict-kex mode",
    "dropbear": "First packet wasn't kexinit",
    "paramiko": "In strict-kex mode, but KEXINIT was not the first packet!",
    "asyncssh": "Strict key exchange violation",
}
_LATER = {
    "openssh_client": (
        "Disconnecting {server} port {port}: strict KEX violation: unexpected packet type {number} (seqnr {place})"
    ),
    "putty": "Received unexpected packet when expecting {step}, type {number} ({putty_name})",
    "dropbear": "Unexpected packet type {number}, expected {expected}",
    "paramiko": "In strict-kex mode, but was sent '{paramiko_name}'!",
    "asyncssh": "Strict key exchange violation: unexpected packet type {number} received",
}
_BY_SERVER = {
    "sshd_log": "strict KEX violation: unexpected packet type {number} (seqnr {place})",
    "sshd_log_first": "strict KEX violation: KEXINIT was not the first packet",
}
_DISCONNECT, _KEXINIT, _NEWKEYS, _REPLY = 1, 20, 21, 31
_PUTTY = {2: "SSH2_MSG_IGNORE", 3: "SSH2_MSG_UNIMPLEMENTED", 4: "SSH2_MSG_DEBUG"}


def check(session: Session) -> Iterator[Finding]:
    """Fire on the first message that breaks the rule."""
    if session.negotiation is None or not session.negotiation.strict_kex:
        return
    found = _first_foreign(session)
    if found is None:
        return
    message, too_early = found
    what = f"{message.name} of the {message.sender}"
    where = "before its proposal" if too_early else "between its proposal and its SSH_MSG_NEWKEYS"
    end = closing(session)
    yield Finding(
        id=ID,
        severity="error",
        confidence="high" if not session.coverage.gaps else "medium",
        party="unknown",
        title=TITLE,
        summary=(
            f"Both sides announced strict key exchange, and {what} (frame {message.frame}) stands {where};"
            f" {how_it_ended(session)}. The capture does not tell whether the {message.sender} sent it or somebody on"
            " the path inserted it."
        ),
        evidence=tuple(
            item
            for item in (Evidence(frame=message.frame, what=what, bytes=message.bytes), end)
            if item is not None and (item is not end or item.frame != message.frame)
        ),
        expected_messages=_messages(session, message, too_early=too_early),
        causes=(
            "somebody on the path inserted a message (an attempt at Terrapin, CVE-2023-48795)",
            "a broken server, client or device between them",
        ),
        remedies=(
            Remedy(
                side="capture",
                action=f"record on the {message.sender}'s own machine, too: is the message there?",
                command="tcpdump -i any -s 0 -w sender.pcap tcp port " + str(session.server.port),
            ),
        ),
    )


def _messages(session: Session, message: Message, *, too_early: bool) -> dict[str, str]:
    """What the reader of the message says of it."""
    number, earlier = message.number or 0, _before(session, message)
    if message.sender == "client":
        name = "sshd_log_first" if too_early else "sshd_log"
        return fill({"sshd_log": _BY_SERVER[name]}, session, number=number, place=len(earlier))
    step, expected = _awaited(session, earlier)
    return fill(
        _TOO_EARLY if too_early else _LATER,
        session,
        number=number,
        place=len(earlier),
        step=step,
        expected=expected,
        paramiko_name=message.name.removeprefix("SSH_MSG_").lower(),
        putty_name=_PUTTY.get(number, "unknown"),
    )


def _before(session: Session, message: Message) -> list[int]:
    """The numbers of the packets that its sender had sent: strict key exchange counts them from its proposal."""
    place = session.messages.index(message)
    return [m.number for m in session.messages[:place] if m.sender == message.sender and m.number is not None]


def _awaited(session: Session, earlier: list[int]) -> tuple[str, int]:
    """What the client awaits of the server, in PuTTY's words, and its number."""
    method = (session.negotiation.kex_algorithm.chosen if session.negotiation else None) or ""
    exchanged = sum(number >= 30 for number in earlier)
    if method.startswith("diffie-hellman-group-exchange"):
        steps = ("Diffie-Hellman group", _REPLY), ("Diffie-Hellman reply", _REPLY + 2), ("SSH_MSG_NEWKEYS", _NEWKEYS)
        return steps[min(exchanged, 2)]
    if exchanged:
        return "SSH_MSG_NEWKEYS", _NEWKEYS
    return "Diffie-Hellman reply" if method.startswith("diffie-hellman-") else "ECDH reply", _REPLY


def _first_foreign(session: Session) -> tuple[Message, bool] | None:
    """The first message of either side that is no part of a key exchange, and whether it came before the proposal."""
    proposed: set[str] = set()
    encrypted: set[str] = set()
    for message in session.messages:
        number = message.number
        if number is None or message.sender in encrypted or number == _DISCONNECT:
            continue
        if number == _KEXINIT:
            proposed.add(message.sender)
        elif number == _NEWKEYS:
            encrypted.add(message.sender)
        elif message.sender not in proposed and session.coverage.midstream:
            continue
        elif message.sender not in proposed or not 30 <= number <= 49:
            return message, message.sender not in proposed
    return None


RULE = Rule(ID, TITLE, "error", check, messages=together(_TOO_EARLY, later=_LATER, of_client=_BY_SERVER))
