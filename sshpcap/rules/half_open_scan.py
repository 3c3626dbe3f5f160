"""A scan that asks and does not come in.

What it means
    A SYN was answered with SYN-ACK, and the asking host replied with RST instead of opening the connection. Port
    scanners do so (nmap -sS, masscan, hping3); sshd never hears of it. It is no user's failure.

How it is known
    SYN, SYN-ACK, RST from the client, each once, and nothing else of the client.

When it may be wrong
    What was sent is certain. A host whose address somebody else uses in SYNs answers in the same way, and so does one
    that gave up before the SYN-ACK came; that one had waited for a second or more.

What to do
    Nothing for SSH. Rate limits of the firewall keep scanners away from the log: `nft add rule inet filter input tcp
    dport 22 ct state new limit rate over 10/minute drop`.

References
    RFC 9293 §3.5.2; nmap(1), -sS
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, duration, server_place, with_close
from sshpcap.rules.path import handshake_open

ID = "half-open-scan"
TITLE = "A scan that asks and does not come in"


def check(session: Session) -> Iterator[Finding]:
    """Fire on a SYN-ACK that was answered with RST at once."""
    found = handshake_open(session)
    if found is None or found.kind != "scan":
        return
    asked = any(row.kind == "syn" for row in session.timeline)
    since = "the SYN" if asked else "that"
    yield Finding(
        id=ID,
        severity="warning",
        confidence="high" if asked else "medium",
        party="client",
        title=TITLE,
        summary=(
            f"{session.client.address} asked {server_place(session)} for a connection, and answered the SYN-ACK (frame"
            f" {found.answers[0]}) with RST (frame {found.frame}, {duration(found.waited)} after {since}). That is how"
            " port scanners look; the connection never opened, and sshd does not know of it."
        ),
        evidence=with_close(session, Evidence(frame=found.answers[0], what="SYN-ACK: the port is open")),
        causes=(
            "a port scan (nmap -sS, masscan)",
            "somebody sends SYNs with this client's address (backscatter of a SYN flood)",
        ),
        remedies=(
            Remedy(
                side="server",
                action="limit how often new connections may come",
                command="nft add rule inet filter input tcp dport 22 ct state new limit rate over 10/minute drop",
                risk="legitimate users with many connections are dropped too",
            ),
        ),
    )


RULE = Rule(ID, TITLE, "warning", check)
