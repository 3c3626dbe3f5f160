"""No answer to SYN.

What it means
    The client asked for a TCP connection and nothing came back: no SYN-ACK, no RST, no ICMP error. SSH never began.

How it is known
    The SYN, and its retransmissions, stand alone in the capture.

When it may be wrong
    "No answer in this capture" is certain. Whether the SYN or its answer was lost, and where, is not: a firewall that
    drops, a dead host, a wrong address, a full accept queue and a lost way back look the same at the client. A
    capture at the server decides it: no SYN there means the way to it, SYN and SYN-ACK mean the way back, SYN without
    SYN-ACK means the host itself.

What to do
    Capture at the server at the same time. On the client: `nc -vz HOST PORT` from another network, VPN, routes. On
    the server: firewall and security group, `ss -ltn` (Recv-Q at its limit: a hung sshd).

References
    RFC 9293 §3.8.3; tcp(7), tcp_syn_retries
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, server_place, with_close
from sshpcap.rules.printed import CONNECT_TIMED_OUT, fill

ID = "no-answer-to-syn"
TITLE = "No answer to SYN"
_MESSAGES = CONNECT_TIMED_OUT


def check(session: Session) -> Iterator[Finding]:
    """Fire on SYNs without any answer."""
    if session.close.how != "never_opened":
        return
    syns = [entry for entry in session.timeline if entry.kind == "syn"]
    times = f"{len(syns)} times" if len(syns) > 1 else "once"
    near, where = _seen_from(session)
    yield Finding(
        id=ID,
        severity="error",
        confidence=session.close.confidence,
        party="unknown",
        title=TITLE,
        summary=(
            f"{session.client.address} asked {server_place(session)} for a connection {times}, and the capture"
            f" holds no answer of any kind.{_pattern(session)}{where} It does not show where the SYN, or the answer,"
            " was lost; if it was filtered to TCP an ICMP error would be missing."
        ),
        evidence=with_close(
            session, *(Evidence(frame=entry.frame, what="SYN") for entry in syns[:10] if entry.frame is not None)
        ),
        expected_messages=fill(_MESSAGES, session),
        causes=_CAUSES if near else _CAUSES_FAR,
        remedies=(
            Remedy(
                side="capture",
                action="capture at the server at the same time: it decides between the causes",
                command="tcpdump -i any -w server.pcap 'tcp port 22 or icmp'",
            ),
            Remedy(
                side="client",
                action="try the port from here and from another network; see how far the SYN comes",
                command="nc -vz HOST PORT; traceroute -T -p PORT HOST",
            ),
            Remedy(
                side="server",
                action="look at the firewall, at bans, and at the accept queue",
                command=(
                    "nft list ruleset; fail2ban-client status sshd; ss -ltn 'sport = :22'; nstat -az TcpExtListenDrops"
                ),
            ),
        ),
    )


def _pattern(session: Session) -> str:
    """When the SYNs came, and whether the client gave up: what the attribution found out about it."""
    said = [sentence for sentence in session.close.reasoning if sentence.startswith(("They came at", "The next one"))]
    return "".join(f" {sentence}" for sentence in said)


def _seen_from(session: Session) -> tuple[bool, str]:
    """Whether the SYNs were captured near the client, and what follows from the place."""
    point = session.tcp.vantage
    if point.place == "client":
        return True, (
            f" The SYNs have TTL {session.tcp.client.ttls[0]}, as a host sends them: they were captured near the"
            " client, and how far they came is not known."
        )
    if len(session.tcp.client.ttls) == 1:
        return False, (
            f" The SYNs have TTL {session.tcp.client.ttls[0]}, so they had passed routers when they were captured: they"
            " came at least as far as here. If this is the server itself, its firewall or a full accept queue (a hung"
            " sshd) swallowed them."
        )
    return True, ""


_CAUSES = (
    "a firewall or security group drops the connection",
    "the address is wrong, or the host is off",
    "a ban with drop (fail2ban, sshguard) on this client",
    "the way back is broken (asymmetric routing)",
    "the server's accept queue is full (a hung sshd)",
)
_CAUSES_FAR = (
    "the firewall of the server itself drops the SYN, or one between the capture point and the server",
    "the server's accept queue is full (a hung or overloaded sshd): Recv-Q at Send-Q in `ss -ltn`",
    "the server answers by another way that this capture does not see (asymmetric routing)",
    "a ban with drop (fail2ban, sshguard) on this client",
)


RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES)
