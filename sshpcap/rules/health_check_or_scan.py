"""Connected and left without a word, as health checks and port scans do.

What it means
    The client opened the connection and closed it within two seconds without having sent an octet, mostly as soon as
    the connection was open or the server's identification string had come. Nobody tried to log in.

How it is known
    No payload from the client, and FIN or RST from it within two seconds.

When it may be wrong
    That the client left without a word is certain as far as the address goes. Its purpose is a guess, therefore
    medium confidence. A client that is limited to SSH-1 does the same when the server has no SSH-1: it waits for the
    server's line and leaves (`ssh1 -1`, PuTTY with protocol version 1); its user sees "Protocol major versions
    differ: 1 vs. 2".

What to do
    Usually nothing. If the server logs too much or punishes the prober (OpenSSH 9.8 and later count such connections
    as "noauth", 1 s each), let the health check read the identification string and exempt its address.

References
    RFC 4253 §4.2; sshd_config(5), PerSourcePenalties
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules.base import Rule
from sshpcap.rules.silent_client import SilentClient, silent_client, silent_client_finding

ID = "health-check-or-scan"
TITLE = "Connected and left without a word"
MESSAGES = {
    "sshd_log": (
        "kex_exchange_identification: Connection closed by remote host / Connection closed by {client} port"
        " {client_port}"
    ),
    "sshd_log_before_8": "Did not receive identification string from {client} port {client_port}",
    "openssh_client_ssh1": "Protocol major versions differ: 1 vs. 2",
    "putty_ssh1": "SSH protocol version 1 required by our configuration but not provided by remote",
}


def check(session: Session) -> Iterator[Finding]:
    """Fire when the client closed soon and had sent nothing at all."""
    silent = silent_client(session)
    if silent is None or not silent.quick:
        return
    yield silent_client_finding(
        session,
        silent,
        id=ID,
        title=TITLE,
        confidence="medium",
        more="That is how health checks and port scans look; a client limited to SSH-1 looks the same.",
        messages=MESSAGES,
        causes=_causes(silent),
        remedies=REMEDIES,
    )


def _causes(silent: SilentClient) -> tuple[str, ...]:
    ssh1 = "a client that speaks only SSH-1 and saw that the server does not"
    usual = ("a health check of a load balancer or a monitoring system", "a port scan")
    return (*usual, ssh1, "a user who gave up at once") if silent.greeted else (*usual, "a user who gave up at once")


REMEDIES = (
    Remedy(
        side="network",
        action="let the health check read the identification string. HAProxy, below `option tcp-check`:",
        command="tcp-check expect rstring ^SSH-2\\.0-",
    ),
    Remedy(
        side="server",
        action="exempt a health check from penalties (OpenSSH 9.8 and later). sshd_config, then reload sshd:",
        command="PerSourcePenaltyExemptList 192.0.2.0/24",
        risk="no penalties for attackers in that network",
    ),
    Remedy(
        side="server",
        action="strangers who scan: let only known networks reach the port. nftables, chain input:",
        command="tcp dport 22 ip saddr != 192.0.2.0/24 drop",
        risk="locks out whoever is elsewhere; keep a session open while you change it",
    ),
)

RULE = Rule(ID, TITLE, "warning", check, messages=MESSAGES)
