"""The client closed its own direction only.

What it means
    The client sent a FIN but went on listening: it had nothing more to send. SSH needs both directions, so the server
    ends the connection as soon as it reads that end. Programs that pass on an end of input do so: `nc -N`, `socat`,
    some ProxyCommands and forwarders.

How it is known
    The client's FIN before the handshake was over, then octets of the server that the client's TCP acknowledged. A
    program that has closed altogether has its host answer such octets with RST.

When it may be wrong
    That the client's host still took data is certain. A few systems acknowledge data for a program that is gone
    already: medium.

What to do
    Look at what sits between ssh and the network: a ProxyCommand, a pipe whose input ended (`echo | nc HOST 22` shows
    the server's greeting and then this). Let the proxy keep the connection open at the end of its input (`nc` without
    `-N`, `socat` with `-t` large).

References
    RFC 9293 §3.6; nc(1), -N; ssh_config(5), ProxyCommand
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules.base import Rule, how_it_ended, shown, with_close
from sshpcap.rules.path import begun
from sshpcap.rules.printed import CLOSED_BY_CLIENT, fill

ID = "half-closed"
TITLE = "The client closed its own direction only"


def check(session: Session) -> Iterator[Finding]:
    """Fire on a FIN of the client behind which the server still spoke and was heard."""
    close = session.close
    if close.how != "fin" or close.by != "client" or session.outcome != "failed" or close.frame is None:
        return
    heard = [m for m in session.messages if m.sender == "server" and m.frame > close.frame and m.acknowledged]
    refused = any(reset.sender == "client" and reset.frame > close.frame for reset in session.tcp.resets)
    # Without an octet of its own it is a health check: client-closed-before-identification.
    if not heard or refused or not session.tcp.client.bytes or session.negotiation is not None:
        return
    names = " and ".join("the identification string" if m.kind == "identification" else m.name for m in heard[:2])
    yield Finding(
        id=ID,
        severity="error",
        confidence="medium",
        party="client",
        title=TITLE,
        summary=(
            f"{begun(session, how_it_ended(session))}, and after that its host still took {names} of the server (frame"
            f" {heard[0].frame}): it had closed its own direction only. SSH needs both, so"
            " the server gave up when it read that end."
        ),
        evidence=with_close(session, *(shown(m, f"{m.name} of the server, acknowledged") for m in heard[:3])),
        expected_messages=fill(CLOSED_BY_CLIENT, session),
        causes=(
            "a ProxyCommand or forwarder passes on the end of its input (nc -N, socat)",
            "a script that sends a few octets and reads the answer (a scanner, a monitoring probe)",
        ),
        remedies=(
            Remedy(
                side="client",
                action="connect without the proxy, or with one that keeps the connection open. ssh_config:",
                command="ProxyCommand nc %h %p",
            ),
        ),
    )


RULE = Rule(ID, TITLE, "error", check, messages=CLOSED_BY_CLIENT)
