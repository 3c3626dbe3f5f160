"""An identification string that is too long.

What it means
    One side's identification string is longer than the 255 octets that RFC 4253 allows, and the other side does not
    take it. Programs have different limits: OpenSSH before 8.0, Dropbear, asyncssh and lshd 255, OpenSSH since 8.0
    8192; PuTTY and paramiko have none. Dropbear reads what is left of the line as a packet and prints a strange
    number: "Integrity error (bad packet size 1094795589)" is "AAAA" and four.

How it is known
    The line is in the capture, with its length; the reader closed the connection and had not begun the key exchange.

When it may be wrong
    The length is certain. That it is the reason for the close is an inference, of high confidence where the reader's
    limit is known and exceeded.

What to do
    Shorten the line: `VersionAddendum` and `DebianBanner` in sshd_config, the ServerIdent of ProFTPD's mod_sftp, the
    version text of an appliance. A text for users belongs into `Banner`, which is shown before the login.

References
    RFC 4253 §4.2 (255 octets with CR and LF); sshd_config(5), VersionAddendum, Banner
"""

from collections.abc import Iterator

from sshpcap.model import Confidence, Evidence, Finding, Party, Remedy, Session, Who
from sshpcap.rules.base import Rule, how_it_ended, lost_to_the_capture, with_close
from sshpcap.rules.greetings import gave_up_on, greeting, other
from sshpcap.rules.printed import bad_packet_length, fill

ID = "identification-too-long"
TITLE = "An identification string that is too long"
_ALLOWED = 255
_OPENSSH = 8192
_SIDES: tuple[Who, ...] = ("server", "client")
_LIMITS = {"Dropbear": _ALLOWED, "AsyncSSH": _ALLOWED, "lsh": _ALLOWED}
_MESSAGES = {
    "openssh_client": (
        "kex_exchange_identification: banner line too long / banner exchange: Connection to {server} port {port}:"
        " invalid format"
    ),
    "openssh_client_since_9_5": "banner exchange: Connection to {server} port {port}: invalid format",
    "asyncssh": "Version too long",
    "asyncssh_very_long": "Banner line too long",
    "dropbear": "Integrity error (bad packet size {number_and_4})",
}
_LOGGED = {
    "sshd_log": (
        "kex_exchange_identification: banner line too long / banner exchange: Connection from {client} port"
        " {client_port}: invalid format"
    ),
    "dropbear_log": "Exit before auth from <{client}:{client_port}>: Integrity error (bad packet size {number_and_4})",
    "lshd_log": "Protocol error: Line too long.",
}


def check(session: Session) -> Iterator[Finding]:
    """Fire on a line above 255 octets whose reader gave up without having gone on."""
    if session.coverage.midstream:
        return
    for who in _SIDES:
        party = session.server if who == "server" else session.client
        size, frame = _size(session, who, party)
        if size is None or size <= _ALLOWED or not gave_up_on(session, who):
            continue
        yield _finding(session, who, size, frame)
        return


def _size(session: Session, who: Who, party: Party) -> tuple[int | None, int | None]:
    """Octets of the first line, line end included, and the frame that shows it; at least so many where it never
    ends."""
    said = greeting(session, who)
    if party.identification is not None and said is not None:
        return said.length, said.frame
    odd = party.unreadable
    if odd is not None and "longer than" in odd.reason and odd.text.startswith("SSH-"):
        return odd.bytes[1] - odd.bytes[0] + 1, odd.frame
    return None, None


def _finding(session: Session, who: Who, size: int, frame: int | None) -> Finding:
    reader = (session.client if who == "server" else session.server).identification
    limit = _limit(reader.implementation if reader else None, reader.version if reader else None)
    known = limit is not None and size > limit
    sure: Confidence = "high" if known and not lost_to_the_capture(session) else "medium"
    knows = f" {reader.implementation} takes {limit:,} octets at most." if known and reader else ""
    where = f" (frame {frame})" if frame is not None else ""
    return Finding(
        id=ID,
        severity="error",
        confidence=sure,
        party=who,
        title=TITLE,
        summary=(
            f"The {who}'s identification string{where} has {size:,} octets or more, RFC 4253 allows 255.{knows} The"
            f" {other(who)} did not go on with it: {how_it_ended(session)}."
        ),
        evidence=with_close(
            session,
            Evidence(frame=frame, what=f"an identification string of {size:,} octets") if frame is not None else None,
        ),
        expected_messages=_messages(session, who),
        causes=(
            "a version or banner text was put into the identification string",
            "a honeypot, or a scanner that tries what programs do with long lines",
        ),
        remedies=(
            Remedy(
                side=who,
                action="shorten the line. sshd_config (a text for users belongs into Banner):"
                if who == "server"
                else "shorten the client's version text",
                command="VersionAddendum none" if who == "server" else None,
            ),
        ),
    )


def _limit(program: str | None, version: str | None) -> int | None:
    if program == "OpenSSH":
        old = (version or "").startswith(("2.", "3.", "4.", "5.", "6.", "7."))
        return _ALLOWED if old else _OPENSSH
    return _LIMITS.get(program or "")


def _messages(session: Session, who: Who) -> dict[str, str]:
    """Dropbear's number is made of the four octets behind its limit."""
    party = session.server if who == "server" else session.client
    raw = party.identification.raw if party.identification else b""
    texts = fill(_MESSAGES if who == "server" else _LOGGED, session)
    dropbear = "dropbear" if who == "server" else "dropbear_log"
    behind = (raw + b"\r\n")[_ALLOWED : _ALLOWED + 4]
    if len(behind) == 4:
        texts[dropbear] = bad_packet_length(session, who, int.from_bytes(behind, "big"))[dropbear]
    else:
        del texts[dropbear]
    return texts


RULE = Rule(ID, TITLE, "error", check, messages={**_MESSAGES, **_LOGGED}, instead_of=("bad-packet-length",))
