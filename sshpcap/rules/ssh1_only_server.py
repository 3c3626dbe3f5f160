"""A server that speaks only SSH-1.

What it means
    The server announces version 1 of the protocol and no version 2 ("SSH-1.99" would mean both). SSH-1 is obsolete
    and insecure; clients of today have it removed (OpenSSH since 7.6) or switched off.

How it is known
    From the server's identification string; the client announces version 2, and no key exchange begins.

When it may be wrong
    The versions are certain. That the device cannot do better is not: many can, once version 2 is switched on and a
    long enough key is made.

What to do
    Switch the device to SSH-2. Old Cisco IOS: `ip ssh version 2`, which needs an RSA key of 768 bits or more
    (`crypto key generate rsa modulus 2048`). Where that cannot be done: a client with SSH-1 (Debian's
    openssh-client-ssh1, `ssh1 -1`; PuTTY: Connection > SSH > SSH protocol version 1), only in a trusted network.

References
    RFC 4253 §4.2, §5.1; OpenSSH 7.6 release notes
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules.base import Rule, how_it_ended, lost_to_the_capture, shown, with_close
from sshpcap.rules.greetings import BEGUN, announced, greeting, major, went_on
from sshpcap.rules.printed import fill

ID = "ssh1-only-server"
TITLE = "A server that speaks only SSH-1"
_MESSAGES = {
    "openssh_client": (
        "Protocol major versions differ: 2 vs. 1 / banner exchange: Connection to {server} port {port}: could not read"
        " protocol version"
    ),
    "openssh_client_before_8": "Protocol major versions differ: 2 vs. 1",
    "putty": "SSH protocol version 2 required by our configuration but remote only provides (old, insecure) SSH-1",
    "dropbear": "Incompatible remote version '{text}'",
    "paramiko": "Incompatible version ({version} instead of 2.0)",
    "asyncssh": "Unsupported SSH version",
}


def check(session: Session) -> Iterator[Finding]:
    """Fire on a server of version 1 and a client of version 2 that did not begin a key exchange."""
    identification = session.server.identification
    if identification is None or major(identification) != 1 or major(session.client.identification) == 1:
        return
    if session.stage in BEGUN or went_on(session, "server"):
        return
    if session.client.identification is None and session.close.how == "capture_end":
        return  # what the client would have answered is not known: there are clients that speak SSH-1, too
    said = greeting(session, "server")
    yield Finding(
        id=ID,
        severity="error",
        confidence="medium" if lost_to_the_capture(session) or session.client.identification is None else "high",
        party="server",
        title=TITLE,
        summary=(
            f"The protocol versions do not fit: {announced(session)}. The server knows only SSH-1, which is obsolete"
            f" and insecure. In the end {how_it_ended(session)}."
        ),
        evidence=with_close(
            session,
            shown(said, "the server's identification string") if said else None,
            shown(own, "the client's identification string") if (own := greeting(session, "client")) else None,
        ),
        expected_messages=fill(_MESSAGES, session, text=identification.text, version=identification.protocol_version),
        causes=("an old device that speaks only SSH-1", "a device on which SSH-2 is not switched on"),
        remedies=(
            Remedy(
                side="server",
                action="SSH-2 needs an RSA key of 768 bits or more. Old Cisco IOS:",
                command="crypto key generate rsa modulus 2048",
                risk="replaces the device's key: SSH-1 clients that know the old one are warned",
            ),
            Remedy(
                side="server",
                action="switch the device to SSH-2. Old Cisco IOS:",
                command="ip ssh version 2",
                risk="programs that know only SSH-1 can no longer log in",
            ),
            Remedy(
                side="client",
                action="where that cannot be done, a client that still has SSH-1 (Debian: openssh-client-ssh1)",
                command=f"ssh1 -1 USER@{session.server.address}",
                risk="SSH-1 is insecure: whoever is on the way can read and change the session; a trusted network only",
            ),
            Remedy(
                side="client",
                action='PuTTY: Connection > SSH, "SSH protocol version" 1 (insecure)',
                risk="the same",
            ),
        ),
    )


RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES)
