"""Protocol version mismatch.

What it means
    One side announces a version of the SSH protocol that the other does not know, such as 3.0. SSH-1 has findings of
    its own (ssh1-only-server, ssh1-only-client); a version that is no number is malformed-identification.

How it is known
    From the protocol version fields of the identification strings. "1.99" means "2.0 and 1.x" (RFC 4253 §5.1) and is
    no mismatch.

When it may be wrong
    The versions are certain. A program may go on in spite of an unknown version (PuTTY does with 3.0); then this is
    not found.

What to do
    No version above 2 exists. Find out what the odd side is: a scanner, a honeypot, or something on the way that
    changes the line. Capture at both ends and compare.

References
    RFC 4253 §4.2, §5.1
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session, Who
from sshpcap.rules.base import Rule, how_it_ended, lost_to_the_capture, shown, with_close
from sshpcap.rules.greetings import BEGUN, announced, greeting, major, major_complaint, went_on
from sshpcap.rules.printed import fill

ID = "protocol-version-mismatch"
TITLE = "Protocol version mismatch"
_SIDES: tuple[Who, ...] = ("server", "client")
_MESSAGES = {
    "openssh_client": (
        "Protocol major versions differ: 2 vs. {major} / banner exchange: Connection to {server} port {port}: could not"
        " read protocol version"
    ),
    "dropbear": "Incompatible remote version '{text}'",
    "paramiko": "Incompatible version ({version} instead of 2.0)",
    "asyncssh": "Unsupported SSH version",
}
_LOGGED = {
    "sshd_log": (
        "Protocol major versions differ: 2 vs. {major} / banner exchange: Connection from {client} port {client_port}:"
        " could not read protocol version"
    ),
    "dropbear_log": "Exit before auth from <{client}:{client_port}>: Incompatible remote version '{text}'",
}


def check(session: Session) -> Iterator[Finding]:
    """Fire when an announced version is unknown and no key exchange began."""
    if session.stage in BEGUN:
        return
    complaint = major_complaint(session)
    for odd in _SIDES:
        party = session.server if odd == "server" else session.client
        number = major(party.identification)
        if party.identification is None or number in (None, -1, 1, 2) or went_on(session, odd):
            continue
        explains = f' The server explains: "{complaint}".' if complaint else ""
        yield Finding(
            id=ID,
            severity="error",
            confidence="medium" if lost_to_the_capture(session) else "high",
            party=odd,
            title=TITLE,
            summary=(
                f"The protocol versions do not fit: {announced(session)}.{explains} In the end {how_it_ended(session)}."
            ),
            evidence=with_close(
                session,
                *(shown(m, f"the {who}'s identification string") for who in _SIDES if (m := greeting(session, who))),
            ),
            expected_messages=fill(
                _MESSAGES if odd == "server" else _LOGGED,
                session,
                major=number,
                text=party.identification.text,
                version=party.identification.protocol_version,
            ),
            causes=(
                "a program that does not follow RFC 4253: a scanner, a honeypot, a test",
                "octets changed on the way",
            ),
            remedies=(
                Remedy(side=odd, action="find out what this program is, and update or replace it"),
                Remedy(side="capture", action="capture at both ends and compare the identification strings"),
            ),
        )
        return


RULE = Rule(ID, TITLE, "error", check, messages={**_MESSAGES, "sshd_log": _LOGGED["sshd_log"]})
