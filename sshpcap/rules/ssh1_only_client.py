"""A client that speaks only SSH-1.

What it means
    The client announces version 1 of the protocol, and the server does not know it. OpenSSH's server has no SSH-1
    since 7.4.

How it is known
    From the client's identification string, or from the server's "Protocol major versions differ."

When it may be wrong
    The versions are certain. A client that is limited to SSH-1 mostly waits for the server's identification string
    and leaves without a word when it does not like it: then nothing but a silent client is in the capture, and the
    finding is health-check-or-scan.

What to do
    Let the client use SSH-2: PuTTY: Connection > SSH > SSH protocol version 2; ssh without `-1` and without
    `Protocol 1`; a newer program where the old one knows nothing else.

References
    RFC 4253 §4.2, §5.1; OpenSSH 7.4 release notes
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, how_it_ended, lost_to_the_capture, shown, with_close
from sshpcap.rules.greetings import BEGUN, announced, greeting, major, major_complaint, went_on
from sshpcap.rules.printed import fill

ID = "ssh1-only-client"
TITLE = "A client that speaks only SSH-1"
_MESSAGES = {
    "sshd_log": (
        "Protocol major versions differ: 2 vs. 1 / banner exchange: Connection from {client} port {client_port}: could"
        " not read protocol version"
    ),
    "dropbear_log": "Exit before auth from <{client}:{client_port}>: Incompatible remote version '{text}'",
    "openssh_client_ssh1": "Protocol major versions differ: 1 vs. 2",
    "putty_ssh1": "SSH protocol version 1 required by our configuration but not provided by remote",
    "paramiko_server_log": "Incompatible version ({version} instead of 2.0)",
    "lshd_log": "Protocol error: Protocol version not supported",
}


def check(session: Session) -> Iterator[Finding]:
    """Fire on a client of version 1 that the server, of version 2 only, did not take."""
    identification = session.client.identification
    if identification is None or major(identification) != 1 or session.stage in BEGUN:
        return
    complaint = major_complaint(session)
    server = session.server.identification
    if server is None or major(server) == 1 or went_on(session, "client"):
        return
    if server.protocol_version == "1.99" and complaint is None and session.close.by != "server":
        return  # such a server speaks SSH-1, too
    said, answer = greeting(session, "client"), _answer(session, complaint)
    explains = f' The server explains: "{complaint}".' if complaint else ""
    yield Finding(
        id=ID,
        severity="error",
        confidence="medium" if lost_to_the_capture(session) else "high",
        party="client",
        title=TITLE,
        summary=(
            f"The protocol versions do not fit: {announced(session)}. The client knows only SSH-1.{explains} In the end"
            f" {how_it_ended(session)}."
        ),
        evidence=with_close(
            session,
            shown(said, "the client's identification string") if said else None,
            shown(own, "the server's identification string") if (own := greeting(session, "server")) else None,
            answer,
        ),
        expected_messages=fill(_MESSAGES, session, text=identification.text, version=identification.protocol_version),
        causes=(
            "a client that is configured for SSH-1 only (ssh -1, PuTTY's protocol version 1)",
            "a program too old to know SSH-2",
            "a scanner that asks for SSH-1",
        ),
        remedies=(
            Remedy(
                side="client",
                action='use SSH-2 (PuTTY: Connection > SSH, "SSH protocol version" 2); ssh_config without',
                command="Protocol 1",
            ),
            Remedy(side="client", action="where the program knows only SSH-1, use a newer one"),
        ),
    )


def _answer(session: Session, complaint: str | None) -> Evidence | None:
    said = next((m for m in session.messages if complaint and m.fields.get("text") == complaint), None)
    return shown(said, "the server's complaint") if said else None


RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES)
