"""The TCP handshake was not completed.

What it means
    The server answered the SYN, but the two never came together: the SYN-ACK does not reach the client, or what the
    client sends after it does not reach the server. SSH never began, although the port is open.

How it is known
    The SYN-ACK was sent several times and never acknowledged (seen at the server: the way back is broken), or the
    client acknowledged it and sent its first octets again and again without an answer (seen at the client: the third
    packet is swallowed), or the client got the SYN-ACK only when it had given up and answered it with RST.

When it may be wrong
    That the handshake stayed open is certain. Where the segments are lost is not, unless two captures are compared. A
    server whose accept queue is full looks like a path that drops the third packet.

What to do
    Compare the ways in both directions (asymmetric routing, policy routing, a firewall that sees only one direction).
    Capture at the other end. On the server: `ss -ltn` (Recv-Q at Send-Q means a full accept queue), `nstat -az
    TcpExtListenOverflows`.

References
    RFC 9293 §3.5; listen(2); ip-sysctl, rp_filter
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, duration, server_place, with_close
from sshpcap.rules.path import Opening, capital, handshake_open, repeated, seen_from, sent_evidence
from sshpcap.rules.printed import CONNECT_TIMED_OUT, GREETING_TIMED_OUT, fill, together

ID = "handshake-not-completed"
TITLE = "The TCP handshake was not completed"


def check(session: Session) -> Iterator[Finding]:
    """Fire when the SYN was answered and nothing came of it."""
    found = handshake_open(session)
    if found is None or found.kind == "scan":
        return
    place, answers = server_place(session), found.answers
    shown = ", ".join(map(str, answers[:6])) + (", …" if len(answers) > 6 else "")
    times = f"{len(answers)} times, frames {shown}" if len(answers) > 1 else f"once, frame {shown}"
    asked = _asked_again(session, found)
    if asked:
        what = (
            f"{place} answered the SYN with SYN-ACK ({times}), and the client asked again and again after it (frames"
            f" {asked[0]} to {asked[-1]}), as one that has not heard it: the SYN-ACK does not reach the client."
        )
        what += _told_server(session) + seen_from(session, "server")
    elif found.kind == "unanswered":
        what = (
            f"{place} answered the SYN with SYN-ACK ({times}), and the client never acknowledged it: the SYN-ACK does"
            " not reach the client, or its answer does not come back."
        )
        what += _told_server(session) + seen_from(session, "server")
    elif found.kind == "late":
        what = (
            f"{place} answered with SYN-ACK ({times}), and the client replied with RST (frame {found.frame}),"
            f" {duration(found.waited)} after its first SYN: it had given up by then, or begun anew. The way back is"
            " slow or was blocked."
        )
    else:
        again = f" {capital(repeated(found.repeat))}, and they were never acknowledged." if found.repeat else ""
        what = (
            f"The client took the SYN-ACK of {place} (sent {times}), but nothing that it sent after it was answered."
            f"{again} What the client sends does not reach the server's program, although its SYN did."
        )
        what += seen_from(session, "client")
    evidence = [Evidence(frame=frame, what="SYN-ACK") for frame in answers[:6]]
    yield Finding(
        id=ID,
        severity="error",
        confidence="high" if len(answers) > 1 or found.repeat else "medium",
        party="network",
        title=TITLE,
        summary=what,
        evidence=with_close(session, *evidence, *(sent_evidence(found.repeat) if found.repeat else ())),
        expected_messages=fill(GREETING_TIMED_OUT if found.kind == "swallowed" else CONNECT_TIMED_OUT, session),
        causes=_CAUSES[found.kind][:2] if asked else _CAUSES[found.kind],
        remedies=tuple(_remedies(session, way_back=bool(asked))),
    )


def _asked_again(session: Session, found: Opening) -> list[int]:
    """SYNs behind the first SYN-ACK: a client that had got that would not send them, nor would a forged address."""
    if found.kind != "unanswered":
        return []
    syns = [row.frame for row in session.timeline if row.kind == "syn" and row.frame is not None]
    later = [frame for frame in syns if frame > found.answers[0]]
    return later if len(later) > 1 else []  # one alone may have been on its way already


def _remedies(session: Session, *, way_back: bool) -> Iterator[Remedy]:
    every = (
        Remedy(
            side="network",
            action=(
                "compare the ways in both directions, from both ends; is there a firewall that sees only one of them?"
            ),
            command=f"traceroute -T -p {session.server.port} HOST; ip route get ADDRESS",
        ),
        Remedy(
            side="server",
            action="is the accept queue full (Recv-Q at Send-Q)? Then sshd hangs: restart it from the console",
            command=("ss -ltn 'sport = :22'; nstat -az TcpExtListenDrops TcpExtListenOverflows; systemctl restart ssh"),
        ),
        Remedy(
            side="capture",
            action="capture at the other end at the same time",
            command=f"tcpdump -ni any -w ssh.pcap 'tcp port {session.server.port} or icmp'",
        ),
    )
    # What the server's program does plays no part where the client never heard of its kernel.
    yield from (remedy for remedy in every if remedy.side != "server" or not way_back)


def _told_server(session: Session) -> str:
    """An ICMP error that quotes the SYN-ACK says who stops it; the client is not told."""
    error = next((e for e in session.tcp.icmp if e.about == "server" and e.refuses), None)
    if error is None:
        return ""
    return f" {error.reporter} rejects it: {error.name} (frame {error.frame}), which only the server hears."


_CAUSES = {
    "unanswered": (
        "the way back to the client is broken: asymmetric or policy routing, a missing route, a VPN that is down",
        "a stateful firewall on the way back did not see the SYN, and drops the SYN-ACK",
        "the SYN came from a forged address (a SYN flood), and nobody there answers",
    ),
    "late": (
        "the way back was blocked for a while: a stateful firewall that had not seen the SYN, a route that changed",
        "the server or the path is overloaded",
    ),
    "swallowed": (
        "a firewall or SYN proxy on the path answers the SYN, but has no working server behind it",
        "a firewall drops what is not a SYN: it sees only one direction, or lost its state",
        "the server's accept queue is full (a hung or overloaded sshd)",
    ),
}

RULE = Rule(ID, TITLE, "error", check, messages=together(CONNECT_TIMED_OUT, swallowed=GREETING_TIMED_OUT))
