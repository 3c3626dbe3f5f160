"""Closed during the handshake.

What it means
    One side closed the connection before it was encrypted, and nothing in the clear says why.

How it is known
    FIN or RST before both sides' SSH_MSG_NEWKEYS, with no DISCONNECT, no failed negotiation and no other finding that
    explains it.

When it may be wrong
    Who closed, and when, is as sure as the confidence says. The reason is not in the capture; most programs (OpenSSH,
    PuTTY, Dropbear, Go, libssh) give up without a word.

What to do
    Read the log of the side that closed, at this second, or run the client with `ssh -vvv`. The last message that the
    closing side had received is what it did not like.

References
    RFC 4253 §7
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, how_it_ended, with_close

ID = "closed-during-handshake"
TITLE = "Closed during the handshake"


def check(session: Session) -> Iterator[Finding]:
    """Fire on any close before encryption; only asked when nothing else explains it."""
    close = session.close
    if close.how not in ("fin", "rst") or session.outcome != "failed":
        return
    other = {"client": "server", "server": "client"}.get(close.by)
    received = [m for m in session.messages if m.sender == other and close.frame is not None and m.frame < close.frame]
    last = received[-1] if received else None
    saw = f" The last that it had received was {last.name} (frame {last.frame})." if last else ""
    forged = " Nothing proves that the side in whose name it was sent did send it." if close.by == "network" else ""
    yield Finding(
        id=ID,
        severity="error",
        confidence="medium" if close.confidence == "high" else "low",
        party=close.by,
        title=TITLE,
        summary=(
            f"The handshake got to {_STAGES[close.stage]}, then {how_it_ended(session)}.{saw}{forged} Nothing in the"
            " clear says why."
        ),
        evidence=with_close(session, Evidence(frame=last.frame, what=last.name, bytes=last.bytes) if last else None),
        expected_messages=(
            {
                "openssh_client": (
                    f"Connection {'reset' if close.how == 'rst' else 'closed'} by {session.server.address} port"
                    f" {session.server.port}"
                )
            }
            if close.by in ("server", "network")
            else {"sshd_log": f"Connection closed by {session.client.address} port {session.client.port} [preauth]"}
        ),
        causes=(
            *_silent_negotiation(session),
            "the program of the closing side did not like the last message, or crashed",
            "a firewall or intrusion prevention system cut the connection",
        ),
        remedies=(
            Remedy(
                side="server",
                action="read sshd's log at the time of the close",
                command="journalctl -u ssh --since '-10 min'",
            ),
            Remedy(side="client", action="repeat with a verbose client", command="ssh -vvv HOST"),
        ),
    )


def _silent_negotiation(session: Session) -> tuple[str, ...]:
    """PuTTY and libssh give up without sending their own proposal when the server's, read first, does not fit."""
    client = session.client
    known = client.identification is not None and client.identification.implementation in ("PuTTY", "libssh")
    if known and session.close.by == "client" and session.server.kexinit and not client.kexinit:
        return (
            (
                "the client found no algorithm in common with the server's proposal: this program then leaves without"
                " its own"
            ),
        )
    return ()


_STAGES = {
    "tcp": "an open TCP connection",
    "identification": "the identification strings",
    "kexinit": "the exchange of proposals",
    "kex": "the key exchange",
    "newkeys": "the host key and the end of the key exchange",
    "encrypted": "encryption",
}

RULE = Rule(ID, TITLE, "error", check, fallback=True)
