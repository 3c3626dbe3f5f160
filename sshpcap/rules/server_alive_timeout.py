"""The client left a session whose server no longer answered.

What it means
    The client asked at regular intervals whether the server is still there, got no answer and left: OpenSSH's does so
    by ServerAliveInterval and ServerAliveCountMax. The server's kernel, or what answers for it on the path, still
    acknowledges; the program that serves this session does not run.

How it is known
    From times: behind the server's last data the client sent packets at the same distance from each other, two or more,
    and closed at that distance behind the last one.

When it may be wrong
    It is inference: medium confidence. A client that sends something at regular intervals, and whose user then leaves
    by chance after one more of them, looks the same. Where the path is dead the client repeats itself: that is
    peer-vanished.

What to do
    Look at the server's process for this session: stopped, waiting for a disk or a file server, starved of memory or
    processor. Where a proxy or load balancer stands in front, its backend may be gone.

References
    ssh_config(5), ServerAliveInterval, ServerAliveCountMax; OpenSSH, PROTOCOL, keepalive@openssh.com
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, duration, with_close
from sshpcap.rules.login import ASKED, asked_regularly
from sshpcap.rules.path import trouble
from sshpcap.rules.printed import Texts, fill

ID = "server-alive-timeout"
TITLE = "The client left a session whose server no longer answered"
_MESSAGES: Texts = {"openssh_client": "Timeout, server {server} not responding."}


def check(session: Session) -> Iterator[Finding]:
    """Fire on regular packets of OpenSSH's client without an answer, and its close one interval later."""
    close, login = session.close, session.authentication
    if close.by != "client" or close.how not in ("fin", "rst") or close.time is None:
        return
    if login is None or login.result in ("failed", "not_tried"):
        return
    identification = session.client.identification
    if identification is None or identification.implementation != "OpenSSH" or trouble(session) is not None:
        return
    asked = asked_regularly(session, "client", close.time.ns)
    if len(asked) < ASKED:
        return
    interval = (close.time.ns - asked[0].time.ns) // len(asked)
    arrived = not session.tcp.client.unacknowledged
    yield Finding(
        id=ID,
        severity="warning",
        confidence="medium",
        party="server" if arrived else "unknown",
        title=TITLE,
        summary=(
            f"The client's last {len(asked)} packets came {duration(interval)} apart, the server answered none of them,"
            f" and the client closed {duration(interval)} after the last ({close.how.upper()}, frame {close.frame}): it"
            " looks like ServerAliveInterval and ServerAliveCountMax of ssh. "
            + (
                "The server's computer, or what stands in its place, acknowledged them; the program did not answer."
                if arrived
                else "They were not all acknowledged: the network, or the server's computer, was gone."
            )
        ),
        evidence=with_close(
            session, *(Evidence(frame=one.frame, what="the client asks, without an answer") for one in asked)
        ),
        expected_messages=fill(_MESSAGES, session),
        causes=_STUCK if arrived else _GONE,
        remedies=(
            *((_LOOK,) if arrived else ()),
            Remedy(
                side="client",
                action="be more patient. ssh_config:",
                command="ServerAliveCountMax 10",
                risk="a dead connection is noticed later",
            ),
        ),
    )


_STUCK = (
    "sshd's process of this session is stopped, or waits: for memory, a disk, a file server, the processor",
    "the server's whole system hung or was suspended (a virtual machine, a snapshot)",
    "a proxy or load balancer still acknowledges, and what is behind it does not answer",
)
_GONE = (
    "the server's computer crashed, was suspended or cut off",
    "a firewall or NAT on the path has forgotten the connection",
)
_LOOK = Remedy(
    side="server",
    action="is sshd's process of this session stopped (T) or waiting (D)? And what was the system short of?",
    command="ps -o pid,stat,wchan,cmd -C sshd; dmesg | tail; uptime",
)

RULE = Rule(ID, TITLE, "warning", check, messages=_MESSAGES)
