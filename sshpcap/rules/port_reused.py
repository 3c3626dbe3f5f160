"""A client port was used again too early.

What it means
    The client asked for a new connection from a port that the server still has in an older one. The server answers
    the SYN with an acknowledgement of the old connection (a challenge ACK), the client's RST ends that, and the SYN
    sent again succeeds. It costs up to a second, and fails where a firewall swallows the RST.

How it is known
    A SYN, a RST of the client, the same SYN again, and then the SYN-ACK.

When it may be wrong
    The order of the frames is certain. Which older connection it was is shown only if it is in the capture.

What to do
    Usually nothing. Where it happens often, a NAT recycles ports too fast: more public addresses or a longer time
    until a port is used again. On the server `ClientAliveInterval` ends connections whose client is gone.

References
    RFC 9293 §3.5.1, §3.10.7.4; RFC 5961 §4; RFC 6056
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, duration

ID = "port-reused"
TITLE = "A client port was used again too early"


def check(session: Session) -> Iterator[Finding]:
    """Fire on SYN, RST, SYN, SYN-ACK of one connection."""
    syns = [row for row in session.timeline if row.kind == "syn" and row.frame is not None]
    answers = [row for row in session.timeline if row.kind == "syn-ack" and row.frame is not None]
    if len(syns) < 2 or not answers:
        return
    reset = next((r for r in session.tcp.resets if r.sender == "client" and r.form == "gone" and not r.effective), None)
    if reset is None or reset.answers is None:
        return
    first, again = syns[0], next((row for row in syns if (row.frame or 0) > reset.frame), None)
    if again is None or (answers[0].frame or 0) < reset.frame or not (first.frame or 0) < reset.answers < reset.frame:
        return
    yield Finding(
        id=ID,
        severity="info",
        confidence="high",
        party="client",
        title=TITLE,
        summary=(
            f"The server still had an older connection from port {session.client.port}: it answered the SYN (frame"
            f" {first.frame}) with an acknowledgement of that (frame {reset.answers}), the client reset it (frame"
            f" {reset.frame}), and the SYN sent again {duration(again.time.ns - first.time.ns)} after the first opened"
            " the connection."
        ),
        evidence=(
            Evidence(frame=first.frame or 0, what="SYN"),
            Evidence(frame=reset.answers, what="the answer of the older connection (challenge ACK)"),
            Evidence(frame=reset.frame, what="RST from the client"),
            Evidence(frame=again.frame or 0, what="SYN again"),
        ),
        causes=(
            "a NAT in front of the clients gives ports to new connections that the server still has in old ones",
            "the client's host was restarted, or a program binds a fixed source port",
        ),
        remedies=(
            Remedy(
                side="network",
                action="let the NAT wait longer before it gives out a port again, or give it more addresses",
            ),
            Remedy(
                side="server",
                action="end connections whose client is gone. sshd_config:",
                command="ClientAliveInterval 60",
                risk="sessions of clients that are out of reach for some minutes are closed",
            ),
        ),
    )


RULE = Rule(ID, TITLE, "info", check)
