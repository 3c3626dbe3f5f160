"""No answer to SYN.

What it means
    The client asked for a TCP connection and nothing came back: no SYN-ACK, no RST, no ICMP error. SSH never began.

How it is known
    The SYN, and its retransmissions, stand alone in the capture.

When it may be wrong
    "No answer in this capture" is certain. Whether the SYN or its answer was lost, and where, is not: a firewall that
    drops, a dead host, a wrong address, a full accept queue and a lost way back look the same at the client. A
    capture at the server decides it: no SYN there means the way to it, SYN and SYN-ACK mean the way back, SYN without
    SYN-ACK means the host itself. What else the server accepted in the capture is told, and narrows it.

What to do
    Capture at the server at the same time. On the client: `nc -vz HOST PORT` from another network, VPN, routes. On
    the server: firewall and security group, `ss -ltn` (Recv-Q at its limit: a hung sshd).

References
    RFC 9293 §3.8.3; tcp(7), tcp_syn_retries
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, server_place, with_close
from sshpcap.rules.company import Company
from sshpcap.rules.printed import CONNECT_TIMED_OUT, fill

ID = "no-answer-to-syn"
TITLE = "No answer to SYN"
_MESSAGES = CONNECT_TIMED_OUT


def check(session: Session) -> Iterator[Finding]:
    """Fire on SYNs without any answer."""
    yield from _judge(session, None)


def among(session: Session, company: Company) -> Iterator[Finding]:
    """The same, where the server accepted other connections."""
    if company.opened:
        yield from _judge(session, company)


def _judge(session: Session, company: Company | None) -> Iterator[Finding]:
    if session.close.how != "never_opened":
        return
    syns = [entry for entry in session.timeline if entry.kind == "syn"]
    times = f"{len(syns)} times" if len(syns) > 1 else "once"
    near, where = _seen_from(session)
    there, causes = _others(session, company) if company else ("", _CAUSES if near else _CAUSES_FAR)
    yield Finding(
        id=ID,
        severity="error",
        confidence=session.close.confidence,
        party="unknown",
        title=TITLE,
        summary=(
            f"{session.client.address} asked {server_place(session)} for a connection {times}, and the capture"
            f" holds no answer of any kind.{_pattern(session)}{where} It does not show where the SYN, or the answer,"
            f" was lost; if it was filtered to TCP an ICMP error would be missing.{there}"
        ),
        evidence=with_close(
            session, *(Evidence(frame=entry.frame, what="SYN") for entry in syns[:10] if entry.frame is not None)
        ),
        expected_messages=fill(_MESSAGES, session),
        causes=causes,
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
    """When the SYNs came, whether the client gave up, and what may have been an answer: as the attribution found it."""
    told = ("They came at", "The next one", "Frame")
    said = [sentence for sentence in session.close.reasoning if sentence.startswith(told)]
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


def _others(session: Session, company: Company) -> tuple[str, tuple[str, ...]]:
    """What the connections that the server accepted speak for, and the causes in that order."""
    own = company.accepted.get(session.client.address, 0)
    if own > session.index:
        said = (
            f" The server accepted this client's connection {own}, after it: the address is right, and the"
            " way to it and back works."
        )
        return said, (_QUEUE, _LIMIT, _LOSS)
    if own:
        said = f" The server had accepted this client's connection {own}, before it: the address is right."
        return said, (_BAN, _QUEUE, _LIMIT, _OFF, _LOSS)
    other = max(company.accepted.values())
    when = "after" if other > session.index else "before"
    said = f" The server accepted connection {other}, of another client, {when} it: the address is right."
    return said, (_FILTER, _BAN, _QUEUE, _LIMIT, "the way back to this client is broken (asymmetric routing)")


_QUEUE = "the server's accept queue is full, at least for a while (a hung or overloaded sshd)"
_LIMIT = "a firewall limits how many connections a client may begin, or all of them together"
_BAN = "a ban with drop (fail2ban, sshguard) on this client"
_FILTER = "a firewall or security group drops this client's connections"
_OFF = "the host went off, or lost its network"
_LOSS = "frames were lost on the way"

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


RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES, among=among)
