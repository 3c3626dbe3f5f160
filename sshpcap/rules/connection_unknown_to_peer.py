"""The other host does not know the connection any more.

What it means
    One side sent on an open connection, and the answer was a RST of the form with which a host says that it has no
    such connection. Something had ended it there without a word to this side: a reboot, a failover to another host
    with the same address, a NAT, firewall or load balancer that forgot it while it was idle, a ban with tcp-reset, or
    a RST that only the other side got.

How it is known
    A RST without ACK and with window 0, in answer to a segment (RFC 9293 §3.10.7.1), no FIN of that side before, and
    nothing that speaks against its sender. How long the connection had been silent is told.

When it may be wrong
    The form of the RST is certain. A firewall on the path or on the host can send the same in its name; the TTL then
    often differs, but not if it runs on that host: medium. What had ended the connection there is not in the capture.

What to do
    Did the server boot (`uptime`, `last reboot`), did an address move (keepalived, cluster, DHCP)? Is the client
    banned (`fail2ban-client status sshd`)? After an idle time: `ServerAliveInterval 60`. In the middle of a
    handshake: capture at both ends.

References
    RFC 9293 §3.5.1, §3.10.7.1; ssh_config(5), ServerAliveInterval
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Reset, Session
from sshpcap.rules.base import Rule, duration, with_close
from sshpcap.rules.path import begun, idle_mark, other_of, side_of
from sshpcap.rules.printed import RESET_BY_CLIENT, RESET_LATER, SESSION_LOST, fill, together

ID = "connection-unknown-to-peer"
TITLE = "The other host does not know the connection any more"
_ENCRYPTED = {
    **SESSION_LOST,
    "openssh_client_or": "Connection reset by {server} port {port}",
    "putty_or": "Network error: Connection reset by peer",
    "putty_plink": "FATAL ERROR: Connection reset by peer",
}


def check(session: Session) -> Iterator[Finding]:
    """Fire on an open connection that a host answers as if it had never been."""
    close = session.close
    if close.how != "rst" or session.outcome in ("refused", "not_ssh"):
        return
    reset = next((one for one in session.tcp.resets if one.frame == close.frame), None)
    if reset is None or reset.form != "gone" or reset.against or close.by != reset.sender or reset.answers is None:
        return
    if not side_of(session, other_of(reset.sender)).bytes or session.coverage.one_sided:
        return
    mark = idle_mark(reset.idle.ns if reset.idle else None)
    other = other_of(reset.sender)
    idle = ""
    if reset.idle is not None and reset.idle.seconds >= 1:
        idle = f" Before that the connection had been silent for {duration(reset.idle.ns)}"
        idle += f" (a common limit of NAT and firewalls is {mark})." if mark else "."
    yield Finding(
        id=ID,
        severity="error",
        confidence="medium",
        party=reset.sender,
        title=TITLE,
        summary=(
            f"{begun(session, f'the {other} sent frame {reset.answers},')} and from the"
            f" {reset.sender}'s address came a RST of the form with which a host says that it has no such connection"
            f" (frame {reset.frame})."
            f"{idle} What had ended it at the {reset.sender} is not in this capture."
        ),
        evidence=with_close(session, Evidence(frame=reset.answers, what=f"the {other}'s segment that it answers")),
        expected_messages=_messages(session, reset),
        causes=_causes(session, reset, idle=mark is not None),
        remedies=_REMEDIES,
    )


def _messages(session: Session, reset: Reset) -> dict[str, str]:
    if reset.sender == "client":
        return fill(RESET_BY_CLIENT, session)
    return fill(_ENCRYPTED if session.outcome == "encrypted" else RESET_LATER, session)


def _causes(session: Session, reset: Reset, *, idle: bool) -> tuple[str, ...]:
    forgot = "a NAT, firewall or load balancer forgot the idle connection, and answers for the host"
    ban = "a ban or a firewall rule that rejects with a TCP reset was loaded on the host (fail2ban with tcp-reset)"
    cut = f"something on the path had reset the {reset.sender}'s side: a RST that only the {reset.sender} got"
    died = f"the {reset.sender}'s program was killed, and its socket is gone"
    boot = f"the {reset.sender}'s host was restarted, or another host took over its address (failover, DHCP, cluster)"
    if idle:
        return (forgot, boot, ban)
    if session.outcome != "encrypted":
        return (cut, died, ban)
    return (boot, ban, forgot, cut)


_REMEDIES = (
    Remedy(
        side="server",
        action="was the host restarted, or its address taken over?",
        command="uptime -s; last -x reboot | head -3; journalctl -u keepalived --since '-1 h'",
    ),
    Remedy(side="server", action="is this client banned?", command="fail2ban-client status sshd; nft list ruleset"),
    Remedy(
        side="client",
        action="keep idle connections known to NAT and firewalls. ssh_config:",
        command="ServerAliveInterval 60",
    ),
    Remedy(side="capture", action="capture at both ends at the same time: it shows what ended the other side"),
)

RULE = Rule(
    ID, TITLE, "error", check, messages=together(_ENCRYPTED, before_encryption=RESET_LATER, of_client=RESET_BY_CLIENT)
)
