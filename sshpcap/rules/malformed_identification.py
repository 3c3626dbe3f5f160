"""A malformed identification string.

What it means
    One side's first line has "SSH-" but is not what RFC 4253 demands: the version is no number, the second "-" is
    missing, NUL or CR stands in the middle, the line has no end, or other octets stand in front of "SSH-" (a terminal
    server that offers telnet's options, a blank, a byte order mark). Programs differ in what they forgive:
    OpenSSH 8.0 and later refuses NUL and CR at once, PuTTY, Dropbear, paramiko and asyncssh read on.

How it is known
    The line is in the capture in the clear, and the reader did not go on to the key exchange: it closed, complained,
    or waited for the end of the line.

When it may be wrong
    That the line is malformed is certain where the capture is complete. That it is the reason for the close is an
    inference when the reader is a program whose rules are not known (medium confidence).

What to do
    Find out what wrote the line: a device's or server's `banner` or version setting, a honeypot, a scanner, or
    something on the way that changes it. Capture at both ends and compare.

References
    RFC 4253 §4.2
"""

from collections.abc import Iterator

from sshpcap.model import Confidence, Evidence, Finding, Message, Party, Remedy, Session, Who
from sshpcap.rules.base import Rule, began_unseen, how_it_ended, lost_to_the_capture, with_close
from sshpcap.rules.greetings import BEGUN, gave_up_on, greeting, major, other, went_on
from sshpcap.rules.other_client import complaint, logged
from sshpcap.rules.printed import BEFORE_GREETING, GRACE_LOGGED, GREETING_TIMED_OUT, before_greeting, fill, together
from sshpcap.ssh.identification import in_front

ID = "malformed-identification"
TITLE = "A malformed identification string"
_SIDES: tuple[Who, ...] = ("server", "client")
_WAIT_NS = 3_000_000_000

_BAD_VERSION = {
    "openssh_client": (
        "Bad remote protocol version identification: '{text}' / banner exchange: Connection to {server} port {port}:"
        " invalid format"
    ),
    "putty": "SSH protocol version 2 required by our configuration but remote only provides (old, insecure) SSH-1",
    "dropbear": "Incompatible remote version '{text}'",
    "paramiko": "Incompatible version ({version} instead of 2.0)",
    "asyncssh": "Unsupported SSH version",
}
_BAD_CHARACTERS = {
    "openssh_client": (
        "kex_exchange_identification: banner line contains invalid characters / banner exchange: Connection to {server}"
        " port {port}: invalid format"
    ),
    "openssh_client_since_9_5": "banner exchange: Connection to {server} port {port}: invalid format",
}
_LOGGED = {
    "sshd_log": (
        "kex_exchange_identification: banner line contains invalid characters / banner exchange: Connection from"
        " {client} port {client_port}: invalid format"
    ),
    "sshd_log_bad_version": (
        "Bad remote protocol version identification: '{text}' / banner exchange: Connection from {client} port"
        " {client_port}: invalid format"
    ),
    "dropbear_log": "Exit before auth from <{client}:{client_port}>: Incompatible remote version '{text}'",
    "lshd_log": "Incorrectly formatted version string: {text}",
}


def check(session: Session) -> Iterator[Finding]:
    """Fire on a first line that is malformed, where the reader did not go on."""
    if session.stage in BEGUN or began_unseen(session):
        return
    for who in _SIDES:
        party = session.server if who == "server" else session.client
        said = greeting(session, who)
        reason = _reason(said, party)
        if reason is not None and said is not None and not went_on(session, who):
            if _refused(session, who) or reason in _ALWAYS:
                yield _finding(session, who, reason, said.frame, _text(said), _confidence(session, who, reason))
                return
            continue
        buried = next((line for line in party.pre_identification if in_front(line)), None)
        text, reason = None, _NO_END
        if buried is not None and party.identification is None and _not_taken(session, who, buried):
            text, reason = buried, _before(in_front(buried))
        elif _endless(session, who, party):
            text = party.pre_identification[-1]
        if text is not None:
            doubtful = lost_to_the_capture(session) or _echoed(session, who, text)
            sure: Confidence = "medium" if doubtful else "high"
            yield _finding(session, who, reason, _frame_of(session, who, text), text, sure)
            return


_NO_NUMBER = "the protocol version is no number"
_NO_DASH = "the second '-' is missing"
_NO_END = "the line has no end (no LF came)"
_ALWAYS = (_NO_NUMBER, _NO_DASH)
"""What no reader can make a version of."""


def _reason(said: Message | None, party: Party) -> str | None:
    """What is wrong with the line, if anything."""
    if said is None:
        return None
    if said.kind == "malformed":
        return _NO_DASH
    identification = party.identification
    if identification is None:
        return None
    if major(identification) == -1:
        return _NO_NUMBER
    if b"\0" in identification.raw:
        return "a NUL stands in it"
    if b"\r" in identification.raw:
        return "a CR stands in the middle of it"
    return None


def _refused(session: Session, who: Who) -> bool:
    return gave_up_on(session, who) or (who == "client" and complaint(session) is not None)


def _endless(session: Session, who: Who, party: Party) -> bool:
    """A line that begins like an identification string and was never ended, and a reader that waited for the end."""
    if party.identification is not None or not party.pre_identification or party.unreadable is not None:
        return False
    if session.coverage.gaps:
        return False  # the end may be among the octets that were not captured
    text = party.pre_identification[-1]
    return text.startswith("SSH-") and _not_taken(session, who, text)


def _not_taken(session: Session, who: Who, text: str) -> bool:
    """The other side did not go on behind this line, and the connection ended, or it waits."""
    if went_on(session, who, _message(session, who, text)):
        return False
    return session.close.how in ("fin", "rst") or _waited(session) >= _WAIT_NS


def _waited(session: Session) -> int:
    return session.awaited.waited.ns if session.awaited else 0


def _echoed(session: Session, who: Who, text: str) -> bool:
    """The server's line ends with the client's own identification string: it may be an echo."""
    own = session.client.identification
    return who == "server" and own is not None and text.endswith(own.text)


def _message(session: Session, who: Who, text: str) -> Message | None:
    """The message that a line is; None where the line has no end."""
    return next((m for m in session.messages if m.sender == who and m.fields.get("text") == text), None)


def _frame_of(session: Session, who: Who, text: str) -> int | None:
    """Where a line came, or the last octets of its side."""
    side = session.tcp.server if who == "server" else session.tcp.client
    said = _message(session, who, text)
    return said.frame if said else side.last_data_frame


def _before(octets: tuple[str, ...]) -> str:
    """What stands in front of `SSH-`, in words."""
    count = len(octets)
    stand = f'{count} octet{" stands" if count == 1 else "s stand"} in front of "SSH-"'
    text = "".join(octets)
    if "\\xff\\xf" in text:
        return f"{stand}, options of telnet (RFC 854)"
    if text == "\\xef\\xbb\\xbf":
        return f"{stand}, a byte order mark"
    return stand


def _confidence(session: Session, who: Who, reason: str) -> Confidence:
    if lost_to_the_capture(session):
        return "medium"
    if reason in _ALWAYS or complaint(session) is not None:
        return "high"
    reader = (session.client if who == "server" else session.server).identification
    strict = reader is not None and reader.implementation == "OpenSSH" and not (reader.version or "").startswith(_LAX)
    return "high" if strict else "medium"


_LAX = ("2.", "3.", "4.", "5.", "6.", "7.")
"""OpenSSH before 8.0 did not look for NUL and CR."""


def _text(said: Message) -> str:
    return str(said.fields.get("text", ""))


def _finding(session: Session, who: Who, reason: str, frame: int | None, text: str, confidence: Confidence) -> Finding:
    reader, shown = other(who), text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    answer = complaint(session) if who == "client" else None
    replied = f' The server answered "{answer.fields["text"]}" (frame {answer.frame}).' if answer else ""
    where = f" (frame {frame})" if frame is not None else ""
    return Finding(
        id=ID,
        severity="error",
        confidence=confidence,
        party=who,
        title=TITLE,
        summary=(
            f'The {who}\'s identification string "{shown}"{where} is malformed: {reason}.{replied} The {reader} did not'
            f" go on with it; in the end {how_it_ended(session)}."
        ),
        evidence=with_close(
            session,
            Evidence(frame=frame, what=f'"{shown}": {reason}') if frame is not None else None,
            Evidence(frame=answer.frame, what="the server's complaint", bytes=answer.bytes) if answer else None,
        ),
        expected_messages=_messages(session, who, reason, text),
        causes=(
            *((_ECHO,) if _echoed(session, who, text) else ()),
            f"the {who}'s program does not follow RFC 4253: an embedded device, a honeypot, a scanner",
            "a version or banner setting with characters that do not belong there",
            "something on the way changes the line",
        ),
        remedies=(
            Remedy(side=who, action="correct or update what writes this line (version and banner settings)"),
            Remedy(side="capture", action="capture at both ends and compare the line octet by octet"),
        ),
    )


_SHOWN = 80
_ECHO = "another service (a telnet server) sends back what it gets: the line is that of the client"


def _messages(session: Session, who: Who, reason: str, text: str) -> dict[str, str]:
    version = text[4:].partition("-")[0]
    if who == "client" and "in front" in reason:
        return logged(session, text)
    if who == "client" and reason == _NO_END and session.close.by == "server" and _waited(session) >= _WAIT_NS:
        return fill(GRACE_LOGGED, session)
    if who == "client":
        return fill(_LOGGED, session, text=text)
    if reason in _ALWAYS:
        return fill(_BAD_VERSION, session, text=text, version=version)
    if reason == _NO_END or ("in front" in reason and "\\x00" not in text):
        return before_greeting(session)
    return fill(_BAD_CHARACTERS, session)


_NUL = {f"{program}_nul": text for program, text in _BAD_CHARACTERS.items()}
RULE = Rule(
    ID,
    TITLE,
    "error",
    check,
    messages=together(
        {**_BAD_VERSION, **_LOGGED},
        nul=_NUL,
        no_line_end=BEFORE_GREETING,
        given_up=GREETING_TIMED_OUT,
        waited=GRACE_LOGGED,
    ),
    instead_of=("bad-packet-length", "stalled", "login-grace-time"),
)
