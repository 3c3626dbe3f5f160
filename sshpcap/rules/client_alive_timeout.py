"""The server closed a session whose client no longer answered.

What it means
    The server asked at regular intervals whether the client is still there, got no answer and closed: sshd does so by
    ClientAliveInterval and ClientAliveCountMax. The client's computer sleeps, its program is stopped, or its network is
    gone.

How it is known
    From times: behind the client's last data the server sent packets at the same distance from each other, two or more,
    and closed at that distance behind the last one.

When it may be wrong
    It is inference: medium confidence. A program of the server that prints something at regular intervals and then ends
    looks the same.

What to do
    If the server's packets were acknowledged, the client's computer was there and its program was not; otherwise look
    at the network and at the client's power saving.

References
    sshd_config(5), ClientAliveInterval, ClientAliveCountMax; ssh_config(5), ServerAliveInterval
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, duration, with_close
from sshpcap.rules.login import ASKED, asked_regularly
from sshpcap.rules.printed import NOT_RESPONDING_LOGGED, fill

ID = "client-alive-timeout"
TITLE = "The server closed a session whose client no longer answered"
_MESSAGES = {"openssh_client": "client_loop: send disconnect: Broken pipe", **NOT_RESPONDING_LOGGED}


def check(session: Session) -> Iterator[Finding]:
    """Fire on regular packets of the server without an answer, and its close one interval later."""
    close, login = session.close, session.authentication
    if close.by != "server" or close.how not in ("fin", "rst") or close.time is None:
        return
    if login is None or login.result in ("failed", "not_tried"):
        return
    asked = asked_regularly(session, "server", close.time.ns)
    if len(asked) < ASKED:
        return
    interval = (close.time.ns - asked[0].time.ns) // len(asked)
    arrived = session.tcp.server.unacknowledged == 0
    yield Finding(
        id=ID,
        severity="warning",
        confidence="medium",
        party="client",
        title=TITLE,
        summary=(
            f"The server's last {len(asked)} packets came {duration(interval)} apart, the client answered none of"
            f" them, and the server closed {duration(interval)} after the last ({close.how.upper()}, frame"
            f" {close.frame}): it looks like ClientAliveInterval and ClientAliveCountMax of sshd. "
            + (
                "The client's computer acknowledged them; its program did not answer."
                if arrived
                else "They were not all acknowledged: the network, or the client's computer, was gone."
            )
        ),
        evidence=with_close(
            session, *(Evidence(frame=one.frame, what="the server asks, without an answer") for one in asked)
        ),
        expected_messages=fill(_MESSAGES, session),
        causes=(
            "the client's program is stopped or hangs"
            if arrived
            else "the client's computer sleeps or left the network",
            "the client's computer was asleep for a while"
            if arrived
            else "a firewall or NAT on the path has forgotten the connection",
        ),
        remedies=(
            Remedy(side="client", action="see why the program did not run: stopped (Ctrl-Z), swapping, a busy terminal")
            if arrived
            else Remedy(
                side="client", action="keep the connection in use. ssh_config:", command="ServerAliveInterval 60"
            ),
            Remedy(
                side="server",
                action="be more patient. sshd_config:",
                command="ClientAliveCountMax 10",
                risk="dead sessions stay longer",
            ),
        ),
    )


RULE = Rule(ID, TITLE, "warning", check, messages=_MESSAGES, instead_of=("session-ended-by-server",))
