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

from sshpcap.model import Evidence, Finding, Identification, Remedy, Session
from sshpcap.rules.base import Rule, how_it_ended, listed, with_close
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
    if client is None or not keyscan(session) or session.stage == "encrypted":
        return
    if session.close.how not in ("fin", "rst"):
        return
    if key is None:
        yield from _not_there(session, client)
        return
    if session.close.by != "client":
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


def _not_there(session: Session, client: Identification) -> Iterator[Finding]:
    """It asked for a kind of key that the server does not have, as it does for each kind in turn."""
    agreed = session.negotiation
    slot = agreed.server_host_key_algorithm if agreed is not None else None
    if agreed is None or slot is None or slot.chosen is not None or not agreed.kex_algorithm.chosen:
        return
    yield Finding(
        id=ID,
        severity="warning",
        confidence="high",
        party="client",
        title="A kind of host key was asked for that the server does not have",
        summary=(
            f"ssh-keyscan asked for {listed(slot.client_offer)}; the server has no such key and offers"
            f" {listed(slot.server_offer)}. {how_it_ended(session).capitalize()}. Nobody tried to log in, and nothing"
            " is wrong: ssh-keyscan asks for each kind in a connection of its own."
        ),
        evidence=with_close(session, Evidence(frame=client.frame, what=f'the client names itself "{client.software}"')),
        causes=("a job that fills known_hosts", "somebody who takes stock of servers and their keys"),
        remedies=(
            Remedy(side="client", action="nothing; or let the job ask only for kinds that there are (ssh-keyscan -t)"),
        ),
    )


RULE = Rule(ID, TITLE, "warning", check, messages=_MESSAGES)
