"""Several host keys for one server address.

What it means
    The same address and port showed another key of the same type in a connection before. Either the server got a new
    key in between, or several machines answer for one address, or somebody stands between on some of the ways.

How it is known
    Both keys are in key exchange replies in the captures that were read together; the times are those of the frames.

When it may be wrong
    Never about the keys. Which of the explanations is true, the captures do not tell.

What to do
    Give all machines behind one address the same host keys, or names and ports of their own. If only one machine
    should answer, compare both fingerprints with its console.

References
    RFC 4251 §4.1; ssh_config(5), HostKeyAlias
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, duration

ID = "several-host-keys"
TITLE = "Several host keys for one server address"


def check(session: Session) -> Iterator[Finding]:
    """Fire when the address showed another key of this type before."""
    key = session.host_key
    if key is None or not key.shown_before:
        return
    before = "; ".join(
        f"{one.sha256} in connection {one.connection}, {duration(max(0, session.start.ns - one.time.ns))} before"
        for one in key.shown_before
    )
    yield Finding(
        id=ID,
        severity="warning",
        confidence="high",
        party="server",
        title=TITLE,
        summary=(
            f"{session.server.address} port {session.server.port} showed the {key.type} key {key.sha256} here (frame"
            f" {key.frame}), and another one of this type before: {before}."
        ),
        evidence=(Evidence(frame=key.frame, what=f"host key {key.type} {key.sha256}"),),
        causes=(
            "several machines behind one address (load balancer, failover) have keys of their own",
            "the server's keys were made anew, or the address went to another machine",
            "somebody stands between client and server",
        ),
        remedies=(
            Remedy(
                side="server",
                action="the same host keys on all machines behind one address, or compare the fingerprints on each",
                command="for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done",
            ),
        ),
    )


RULE = Rule(ID, TITLE, "warning", check)
