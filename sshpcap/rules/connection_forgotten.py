"""Data in an open session were answered with a reset.

What it means
    The connection was encrypted and quiet; the next data of one side were answered with a RST as from a computer that
    knows nothing of the connection: the other computer was restarted, another one has its address, a firewall or NAT
    has forgotten the connection, or a firewall rejects it now.

How it is known
    The connection ended with a RST without ACK and without window right behind data of the other side, which is how TCP
    answers segments of a connection that it does not have (RFC 9293 §3.10.7.1).

When it may be wrong
    The RST stands in the capture; who sent it is an address only, and a firewall can send the same in another's name.

What to do
    Connect again: if the server was replaced, its host key may differ. If it happens after pauses: ServerAliveInterval.

References
    RFC 9293 §3.5.3, §3.10.7.1; ssh_config(5), ServerAliveInterval
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, duration, how_it_ended, server_place, with_close
from sshpcap.rules.login import last_speaker, waited_ns

ID = "connection-forgotten"
TITLE = "Data in an open session were answered with a reset"

_ANSWER_NS = 2_000_000_000


def check(session: Session) -> Iterator[Finding]:
    """Fire on a RST for a connection that its sender does not know, as the answer to data."""
    close = session.close
    if session.stage != "encrypted" or close.how != "rst" or close.by not in ("client", "server"):
        return
    other = last_speaker(session)
    if other in (None, close.by) or waited_ns(session) > _ANSWER_NS or not _stateless(session):
        return
    last = session.unanswered[-1]
    yield Finding(
        id=ID,
        severity="warning",
        confidence="medium",
        party=close.by,
        title=TITLE,
        summary=(
            f"The handshake completed; the data of the {other} in frame {last.frame} were answered"
            f" {duration(waited_ns(session))} later by a RST as from a computer that does not know the connection:"
            f" {how_it_ended(session)}."
        ),
        evidence=with_close(session, Evidence(frame=last.frame, what=f"the last data of the {other}")),
        expected_messages={
            "openssh_client": (
                f"client_loop: send disconnect: Broken pipe / Connection reset by {server_place(session)}"
            ),
            "putty": "Network error: Connection reset by peer",
        },
        causes=(
            f"the {close.by}'s computer was restarted, or another one has its address now",
            "a firewall or NAT on the path has forgotten the connection, and says so",
            "a firewall rejects the connection with a RST, for example after a ban",
            f"the {close.by} had closed before, in frames that are not in the capture",
        ),
        remedies=(
            Remedy(side="client", action="connect again, and look at the host key's fingerprint"),
            Remedy(
                side="client", action="keep quiet connections in use. ssh_config:", command="ServerAliveInterval 60"
            ),
            Remedy(side="server", action="see when it was started", command="uptime -s; last -x reboot | head -3"),
        ),
    )


def _stateless(session: Session) -> bool:
    """The close's reasoning says that the RST has neither ACK nor window."""
    return any("no ACK and no window" in sentence for sentence in session.close.reasoning)


RULE = Rule(ID, TITLE, "warning", check)
