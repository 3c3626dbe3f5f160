"""The encrypted connection went dead.

What it means
    One side's data were sent again and again and never acknowledged, and the other side sent nothing more: what comes
    after the handshake does not get through any longer. A NAT or firewall on the path has forgotten the connection
    after a pause or bans the client now, the network is interrupted, or the other computer is gone.

How it is known
    Data of one side were sent at least twice more, nothing of the other side came behind them, and they were not
    acknowledged.

When it may be wrong
    That they were not acknowledged in this capture is certain; a capture that misses the other side's frames from a
    moment on would look the same. Whether the data or the acknowledgements were lost is not to be seen from one place.

What to do
    Keep the connection in use (`ServerAliveInterval 60`), and look at the idle limits of NAT devices and firewalls on
    the path. If the server bans: `fail2ban-client status sshd`.

References
    RFC 9293 §3.8.1; RFC 5382 §5 (idle limits of NAT: 2 h 4 min, many have less); ssh_config(5), ServerAliveInterval
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, duration, how_it_ended, with_close

ID = "connection-went-dead"
TITLE = "The encrypted connection went dead"

_AGAIN = 2


def check(session: Session) -> Iterator[Finding]:
    """Fire on data behind the handshake that were repeated and never acknowledged."""
    again = [one for one in session.unanswered if one.again]
    if len(again) < _AGAIN or session.coverage.one_sided or session.coverage.limit_hit:
        return
    sender = again[0].sender
    mine = session.tcp.client if sender == "client" else session.tcp.server
    if not mine.unacknowledged or session.close.by not in (sender, "unknown"):
        return
    other = "server" if sender == "client" else "client"
    first = next((one for one in session.unanswered if not one.again), again[0])
    asked = next(
        (entry for entry in session.timeline if entry.kind == "icmp" and (entry.frame or 0) > first.frame), None
    )
    said = f" Frame {asked.frame} is an {asked.text}." if asked is not None else ""
    yield Finding(
        id=ID,
        severity="error",
        confidence="medium",
        party="network",
        title=TITLE,
        summary=(
            f"The handshake completed; data of the {sender} (frame {first.frame}) were sent again at least"
            f" {len(again)} times in {duration(again[-1].time.ns - first.time.ns)} and never acknowledged, and nothing"
            f" more came from the {other}.{said} In the end {how_it_ended(session)}."
        ),
        evidence=with_close(
            session,
            Evidence(frame=first.frame, what=f"data of the {sender}"),
            *(Evidence(frame=one.frame, what="the same again") for one in again),
        ),
        expected_messages={
            "openssh_client": (
                f"Timeout, server {session.server.address} not responding. / client_loop: send disconnect: Broken pipe"
            ),
            "putty": "Network error: Software caused connection abort",
        },
        causes=(
            "a NAT or firewall on the path has forgotten the connection, or bans the client (fail2ban)",
            "the network is interrupted",
            f"the {other}'s computer is gone: off, asleep, restarted behind a firewall",
        ),
        remedies=(
            Remedy(side="client", action="keep the connection in use. ssh_config:", command="ServerAliveInterval 60"),
            Remedy(side="server", action="keep the connection in use. sshd_config:", command="ClientAliveInterval 60"),
            Remedy(side="server", action="see whether the client is banned", command="fail2ban-client status sshd"),
            Remedy(side="capture", action="capture at both ends at the same time: it tells where the data are lost"),
        ),
    )


RULE = Rule(ID, TITLE, "error", check)
