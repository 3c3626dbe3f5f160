"""Protocol version mismatch.

What it means
    The two sides speak different major versions of the SSH protocol, or one announces a version that is none. SSH-1
    is obsolete and insecure; SSH-1.99 means "2.0 and 1.x" and is no mismatch.

How it is known
    From the protocol version fields of the identification strings, or from the server's "Protocol major versions
    differ."

When it may be wrong
    The versions are certain. A program may go on in spite of an unknown version (PuTTY does with 3.0); then there is
    no failure here.

What to do
    Switch the SSH-1 side to version 2: `ip ssh version 2` on old Cisco devices (needs an RSA key of 768 bits or
    more), the protocol setting in PuTTY (Connection > SSH). Where that cannot be done, an old client is the only way,
    and an insecure one.

References
    RFC 4253 §4.2, §5.1
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Identification, Remedy, Session, Who
from sshpcap.rules.base import (
    Rule,
    client_place,
    first,
    how_it_ended,
    lost_to_the_capture,
    server_place,
    shown,
    with_close,
)
from sshpcap.ssh import plain_text

ID = "protocol-version-mismatch"
TITLE = "Protocol version mismatch"


def check(session: Session) -> Iterator[Finding]:
    """Fire when the announced versions do not fit and no key exchange began."""
    client, server = _major(session.client.identification), _major(session.server.identification)
    malformed = [m for m in session.messages if m.kind == "malformed" and m.name == "identification"]
    complained = _complained(session)
    if (client is None or client == 2) and (server is None or server == 2) and not complained and not malformed:
        return
    greetings = [first(session, who, "identification") for who in ("client", "server")]
    said = {m.sender: str(m.fields["text"]) for m in greetings if m is not None}
    named = " and ".join(f'the {who} says "{text}"' for who, text in said.items())
    complaint = f' The server explains: "{complained}".' if complained else ""
    odd = "server" if server is not None and server != 2 else "client"
    if malformed:
        odd = malformed[0].sender
    if session.stage in ("kex", "newkeys", "encrypted") or (not malformed and _went_on(session, odd)):
        return
    yield Finding(
        id=ID,
        severity="error",
        confidence="medium" if lost_to_the_capture(session) else "high",
        party="server" if odd == "server" else "client",
        title=TITLE,
        summary=f"The protocol versions do not fit: {named}.{complaint} In the end {how_it_ended(session)}.",
        evidence=with_close(session, *(shown(m, "identification string") for m in greetings if m is not None)),
        expected_messages=_messages(session, odd, server if odd == "server" else client, said.get("server", "")),
        causes=_CAUSES[odd] if (server if odd == "server" else client) == 1 else _CAUSES["odd"],
        remedies=_REMEDIES[odd] if (server if odd == "server" else client) == 1 else (),
    )


def _messages(session: Session, odd: str, major: int | None, said: str) -> dict[str, str]:
    """What the other side prints (verbatim, from real runs)."""
    if odd == "client":
        return {
            "sshd_log": f"Protocol major versions differ … / banner exchange: Connection from {client_place(session)}"
        }
    place = server_place(session)
    if major is None or major < 0:
        return {
            "openssh_client": (
                f"Bad remote protocol version identification: '{said}' / banner exchange: Connection to {place}: "
                "invalid format"
            ),
            "dropbear": f"Incompatible remote version '{said}'",
            "paramiko": "Incompatible version",
        }
    version = session.server.identification.protocol_version if session.server.identification else str(major)
    messages = {
        "openssh_client": (
            f"Protocol major versions differ: 2 vs. {major} / banner exchange: Connection to {place}: "
            "could not read protocol version"
        ),
        "dropbear": f"Incompatible remote version '{said}'",
        "paramiko": f"Incompatible version ({version} instead of 2.0)",
    }
    if major == 1:
        messages["putty"] = (
            "SSH protocol version 2 required by our configuration but remote only provides (old, insecure) SSH-1"
        )
    return messages


_CAUSES = {
    "server": ("an old device that speaks only SSH-1",),
    "client": ("a client that is configured for SSH-1 only, or knows nothing else",),
    "odd": ("a program that does not follow RFC 4253, or a scanner", "octets changed on the way"),
}
_REMEDIES = {
    "server": (Remedy(side="server", action="switch the device to SSH-2 (old Cisco IOS)", command="ip ssh version 2"),),
    "client": (Remedy(side="client", action="use SSH-2 (PuTTY: Connection > SSH > SSH protocol version)"),),
}


def _went_on(session: Session, odd: str) -> bool:
    """The other side read the odd version and began the key exchange all the same."""
    reader: Who = "client" if odd == "server" else "server"
    greeting = first(session, "server" if odd == "server" else "client", "identification")
    proposal = first(session, reader, "SSH_MSG_KEXINIT")
    own = first(session, reader, "identification")
    if greeting is None or proposal is None or own is None:
        return False
    # Some send their proposal along with their identification string, without having read anything.
    return proposal.frame > greeting.frame and proposal.frames[0] not in own.frames


def _major(identification: Identification | None) -> int | None:
    """Major version; 1.99 counts as 2; -1 where it is no number; None without an identification string."""
    if identification is None:
        return None
    if identification.protocol_version == "1.99":
        return 2
    head = identification.protocol_version.partition(".")[0]
    return int(head) if head.isascii() and head.isdigit() and len(head) < 4 else -1


def _complained(session: Session) -> str | None:
    for message in session.messages:
        text = str(message.fields.get("text", ""))
        if message.sender == "server" and text.startswith("Protocol major versions differ"):
            return text
    for text in session.server.pre_identification:
        if text.startswith("Protocol major versions differ") and plain_text.complaint(text):
            return text
    return None


RULE = Rule(ID, TITLE, "error", check)
