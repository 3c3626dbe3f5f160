"""The server identifies itself and sends no proposal.

What it means
    Both sides have sent their identification strings and the client its proposal (SSH_MSG_KEXINIT), the server's TCP
    has acknowledged it, and the server's own proposal does not come. Its program, or the device, is stuck between
    two steps that normally take milliseconds.

How it is known
    The client's proposal is acknowledged, the server's is missing, and two seconds or more go by until one side
    gives up or the capture ends. SSH_MSG_DISCONNECT of the client is a way to give up.

When it may be wrong
    That the server's proposal did not come by here is certain when the capture is complete. That it was not sent
    follows where the server's FIN or RST came later and follows directly on its identification string (high
    confidence). Otherwise a proposal of more than 1,400 octets may have been sent and lost because it is too big for
    the path (path MTU): medium, and a capture at the server tells the two apart.

What to do
    Look at the server: hung, stopped, out of memory or of entropy (old embedded devices), or a middlebox that answers
    with an identification string in its place. Clients should limit the wait: PuTTY, Dropbear and OpenSSH wait for
    ever; OpenSSH's ConnectTimeout does not cover this step, ServerAliveInterval does.

References
    RFC 4253 §7.1; ssh_config(5), ServerAliveInterval, ServerAliveCountMax
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules.base import (
    WAITED_NS,
    Rule,
    announced,
    duration,
    farewell,
    first,
    how_it_ended,
    lost_to_the_capture,
    patience_ended,
    server_closed_in_order,
    shown,
    with_close,
)
from sshpcap.rules.printed import LATER, fill, later, together

ID = "server-sends-no-proposal"
TITLE = "The server identifies itself and sends no proposal"
_REPEATED = 2
_MESSAGES = {
    "openssh_client": "Connection to {server} port {port} timed out",
    "paramiko": "EOFError",
}


def check(session: Session) -> Iterator[Finding]:
    """Fire when the client's proposal had arrived and the server's did not come."""
    waiting = session.awaited
    if waiting is None or waiting.waited.ns < WAITED_NS or waiting.party != "server":
        return
    if session.server.kexinit is not None or session.server.unreadable or session.outcome not in ("failed", "stalled"):
        return
    if session.close.by == "network" or session.tcp.server.undelivered:
        return
    if session.close.disconnect and not patience_ended(session):
        return  # disconnect-message
    greeting, proposal = first(session, "server", "identification"), first(session, "client", "SSH_MSG_KEXINIT")
    if greeting is None or proposal is None or not proposal.acknowledged or session.tcp.client.unacknowledged:
        return
    if session.tcp.client.retransmissions >= _REPEATED:
        return  # it may have reached the server late
    yield Finding(
        id=ID,
        severity="error",
        confidence="high" if server_closed_in_order(session) and not lost_to_the_capture(session) else "medium",
        party="server",
        title=TITLE,
        summary=(
            f"The server identified itself (frame {greeting.frame}) and acknowledged the client's proposal (frame"
            f" {proposal.frame}), but its own did not come for {duration(waiting.waited.ns)};"
            f" {farewell(session)}{how_it_ended(session)}."
        ),
        evidence=with_close(
            session,
            shown(greeting, "the server's identification string"),
            shown(proposal, "the client's proposal, acknowledged"),
            announced(session),
        ),
        expected_messages=later(session) if session.close.by == "server" else fill(_MESSAGES, session),
        causes=(
            "the server's program or the device is stuck: stopped, swapping, without entropy, a bug",
            "something on the way answers with an identification string in the server's place, and has no more",
            "the server's proposal is too big for the path and is lost before the capture point (path MTU)",
        ),
        remedies=(
            Remedy(
                side="server",
                action="on its console: is sshd stopped (T) or waiting (D)? Then restart it",
                command="ps -o pid,stat,wchan,cmd -C sshd; dmesg | tail; systemctl restart ssh",
            ),
            Remedy(
                side="client",
                action="limit the wait: ConnectTimeout does not cover this step, this does",
                command="ssh -o ServerAliveInterval=5 -o ServerAliveCountMax=3 HOST",
                risk="sessions end after 15 s without the server, too",
            ),
            Remedy(
                side="network",
                action="does a big packet pass the path in both directions?",
                command=f"ping -M do -s 1472 {session.server.address}",
            ),
            Remedy(side="capture", action="capture on the server at the same time: it tells silence from loss"),
        ),
    )


RULE = Rule(
    ID,
    TITLE,
    "error",
    check,
    messages=together(LATER, waiting=_MESSAGES),
    instead_of=("stalled", "closed-during-handshake", "disconnect-message"),
)
