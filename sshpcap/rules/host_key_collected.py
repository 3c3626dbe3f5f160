"""The host key was collected (ssh-keyscan).

What it means
    The client did not want to log in: it took the server's host key and left, as `ssh-keyscan` does for each kind of
    key, a connection each.

How it is known
    The client names itself "OpenSSH-keyscan" in its identification string, and closed after the server had shown its
    host key, or when the server had none of the kind that it asked for.

When it may be wrong
    Any program can name itself so. What it did is what ssh-keyscan does.

What to do
    Nothing, if it is your own. The collected key is only worth what the network was: compare its fingerprint with the
    server's console before it goes to known_hosts.

References
    ssh-keyscan(1)
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, how_it_ended, with_close
from sshpcap.rules.host_key_not_accepted import keyscan
from sshpcap.rules.printed import fill

ID = "host-key-collected"
TITLE = "The host key was collected"
_MESSAGES = {
    "ssh_keyscan": "# {server}:{port} {greeting}",
    "sshd_log": "Connection closed by {client} port {client_port} [preauth]",
}


def check(session: Session) -> Iterator[Finding]:
    """Fire on ssh-keyscan."""
    client, key = session.client.identification, session.host_key
    if client is None or not keyscan(session) or session.stage == "encrypted" or key is None:
        return
    if session.close.how not in ("fin", "rst") or session.close.by != "client":
        return
    server = session.server.identification
    yield Finding(
        id=ID,
        severity="warning",
        confidence="high",
        party="client",
        title=TITLE,
        summary=(
            f"ssh-keyscan collected the server's host key (frame {key.frame}: {key.type}, {key.sha256}) and left:"
            f" {how_it_ended(session)}. Nobody tried to log in."
        ),
        evidence=with_close(
            session,
            Evidence(frame=client.frame, what=f'the client names itself "{client.software}"'),
            Evidence(frame=key.frame, what=f"host key {key.type} {key.sha256}"),
        ),
        expected_messages=fill(_MESSAGES, session, greeting=server.text if server else ""),
        causes=("a job that fills known_hosts", "somebody who takes stock of servers and their keys"),
        remedies=(
            Remedy(
                side="client",
                action="before the key goes to known_hosts, compare it with the server's own, on its console",
                command="for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done",
            ),
        ),
    )


RULE = Rule(ID, TITLE, "warning", check, messages=_MESSAGES)
