"""A RST that neither side sent.

What it means
    A RST carries the address of one side, but something between the two sent it: an intrusion prevention system, a
    firewall, a load balancer, a censor. If the receiver believed it, the connection ended there; if its numbers did
    not fit, the connection went on and the attempt is all there is to see.

How it is known
    Its TTL is not that of the other frames of this address; its IP identification does not continue the count of this
    host; its sequence number is one that this side had not come to; or the side went on sending data after it. A
    connection that has sent a RST does not do that. Captured on a router (`-i any`), what goes through is there twice,
    and a RST that the router made itself only once.

When it may be wrong
    With two of these signs it is high. One sign alone is medium: some hosts and load balancers send their own RSTs
    with another TTL. Data behind a RST with the TTL of the host are proof against its connection, not against the
    host: its own firewall may have rejected a segment (nft `reject with tcp reset`; a ban that does so), and the
    program on that host learns nothing of it. Which device it was is not in the capture; its TTL says how many routers
    away it is.

What to do
    With the TTL of the host, look at its firewall first: `nft list ruleset`, `fail2ban-client status sshd`. Ask
    whoever runs the firewalls and intrusion prevention systems on the path for their log at this second.
    `traceroute` and the TTL of the RST narrow down where it is: 64, 128 or 255 minus TTL is the number of routers
    between. Two captures, one at each end, prove it: the RST is in one of them only.

References
    RFC 9293 §3.10.7; RFC 5961 §3; RFC 6864 §4; Weaver, Sommer, Paxson: Detecting Forged TCP Reset Packets (NDSS 2009)
"""

from collections.abc import Iterator
from typing import Literal

from sshpcap.model import Evidence, Finding, Remedy, Reset, Session
from sshpcap.rules.base import Rule, with_close
from sshpcap.rules.path import begun
from sshpcap.rules.printed import RESET_BEFORE_GREETING, RESET_BY_CLIENT, RESET_LATER, fill, together

ID = "reset-injected"
TITLE = "A RST that neither side sent"

_SHOWN = 5


def check(session: Session) -> Iterator[Finding]:
    """Fire on RSTs that cannot be from the side in whose name they came."""
    foreign = [reset for reset in session.tcp.resets if reset.foreign is not None and reset.form != "refused"]
    if not foreign:
        return
    close = session.close
    decisive = next((reset for reset in foreign if reset.frame == close.frame), foreign[0])
    ended = close.how == "rst" and decisive.frame == close.frame and close.by in ("network", "unknown")
    own = decisive.by_host
    yield Finding(
        id=ID,
        severity="error" if ended else "info",
        confidence=decisive.foreign or "medium",
        party="unknown" if decisive.by_host else "network",
        title=f"A RST that the {decisive.sender}'s connection did not send" if own else TITLE,
        summary=_ended(session, decisive) if ended else _ignored(foreign),
        evidence=with_close(session, *(_shown(reset) for reset in foreign[:_SHOWN])),
        expected_messages=_messages(session) if ended else {},
        causes=(
            *((_own_firewall(decisive.sender),) if own else ()),
            "an intrusion prevention system or a firewall that cuts SSH connections (by rule, signature or reputation)",
            "a load balancer, proxy or NAT that answers in the name of the server when it loses the connection's state",
            "a censor or an attacker on the path",
        ),
        remedies=(
            *((_firewall(decisive.sender),) if own else ()),
            Remedy(
                side="network",
                action="read the logs of firewalls and intrusion prevention systems between the two at this second",
            ),
            Remedy(
                side="capture",
                action="capture at both ends at the same time: a RST that is in one capture only was sent in between",
                command=f"tcpdump -ni any -w ssh.pcap 'tcp port {session.server.port} or icmp or icmp6'",
            ),
            Remedy(
                side="client",
                action=f"see how many routers away it is: the RST came with TTL {decisive.ttl}",
                command=f"traceroute -T -p {session.server.port} {session.server.address}",
            ),
        ),
    )


def _own_firewall(sender: str) -> str:
    return (
        f"the firewall of the {sender}'s own host rejects the connection with a TCP reset: a rule (nft `reject with tcp"
        " reset`, iptables `--reject-with tcp-reset`) or a ban"
    )


def _firewall(sender: str) -> Remedy:
    side: Literal["client", "server"] = "client" if sender == "client" else "server"
    action = f"look at the firewall of the {side}'s host, and for a ban"
    command = "fail2ban-client status sshd; nft list ruleset" if side == "server" else "nft list ruleset"
    return Remedy(side=side, action=action, command=command)


def _ended(session: Session, reset: Reset) -> str:
    sender = reset.sender
    who = f"the {sender} {'' if reset.foreign == 'high' else 'probably '}did not send"
    if reset.by_host:
        who = f"the {sender}'s connection did not send, though perhaps its host's firewall did"
    victim = "client" if sender == "server" else "server"
    return (
        f"{begun(session, 'the connection was cut')} by a RST in the name of the {sender} (frame {reset.frame}), which"
        f" {who}. {' '.join(reset.against)} It told the {victim} that the connection is"
        " over; nothing that was said in SSH explains it."
    )


def _ignored(foreign: list[Reset]) -> str:
    frames = ", ".join(str(reset.frame) for reset in foreign[:_SHOWN])
    word = "A RST" if len(foreign) == 1 else f"{len(foreign)} RSTs"
    return (
        f"{word} (frame{'s' if len(foreign) > 1 else ''} {frames}) came in the name of the {foreign[0].sender}, which"
        f" did not end the connection. {' '.join(foreign[0].against)} Something tries to cut it."
    )


def _shown(reset: Reset) -> Evidence:
    return Evidence(frame=reset.frame, what=f"RST in the name of the {reset.sender}, TTL {reset.ttl}")


def _messages(session: Session) -> dict[str, str]:
    forged = next(reset for reset in session.tcp.resets if reset.frame == session.close.frame)
    if forged.sender == "client":
        return fill(RESET_BY_CLIENT, session)
    return fill(RESET_BEFORE_GREETING if session.server.identification is None else RESET_LATER, session)


RULE = Rule(
    ID,
    TITLE,
    "error",
    check,
    messages=together(RESET_LATER, before_identification=RESET_BEFORE_GREETING, of_client=RESET_BY_CLIENT),
)
