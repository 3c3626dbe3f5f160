"""Connection refused.

What it means
    The client asked for a TCP connection and was told no: with a RST, or with an ICMP error. SSH never began.

How it is known
    A RST that acknowledges exactly the client's SYN, or an ICMP error that quotes it. Wireshark shows both beside
    the SYN.

When it may be wrong
    That the attempt was refused is certain. Who refused is not: a firewall can send a RST in the server's name. Its TTL
    is compared with that of other connections of the same host, where the capture has them. An ICMP error names its
    sender; one from another address than the server's comes from a router or firewall on the way.

What to do
    On the server: is sshd running, and on this address and port? `systemctl status ssh`, `ss -ltnp 'sport = :22'`,
    `sshd -t`. On the client: the right host and port? For an ICMP error: ask whoever owns the address that sent it.

References
    RFC 9293 §3.5.2; RFC 792; RFC 1812 §5.2.7; RFC 4443 §3.1
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, server_place, with_close
from sshpcap.rules.printed import fill

ID = "connection-refused"
TITLE = "Connection refused"
_UNREACHABLE = {
    "openssh_client_host_unreachable": "ssh: connect to host {server} port {port}: No route to host",
    "openssh_client_network_unreachable": "ssh: connect to host {server} port {port}: Network is unreachable",
    "openssh_client_protocol_unreachable": "ssh: connect to host {server} port {port}: Protocol not available",
}
_MESSAGES = {
    "openssh_client": "ssh: connect to host {server} port {port}: Connection refused",
    **_UNREACHABLE,
    "putty": "Network error: Connection refused",
    "putty_plink": "FATAL ERROR: Connection refused",
    "dropbear": "Connection to {user}@{server}:{port} exited: Connect failed: Connection refused",
    "paramiko": "NoValidConnectionsError: [Errno None] Unable to connect to port {port} on {server}",
    "jsch": "java.net.ConnectException: Connection refused",
    "go": "dial tcp {server}:{port}: connect: connection refused",
    "node_ssh2": "ECONNREFUSED",
    "libssh": "Connection refused",
    "curl": "Failed to connect to {server} port {port} after {ms} ms: Couldn't connect to server",
}


def check(session: Session) -> Iterator[Finding]:
    """Fire on a SYN that was answered with RST or an ICMP error."""
    close = session.close
    if session.outcome != "refused" or any(entry.kind not in ("syn", "rst", "icmp") for entry in session.timeline):
        return
    place, icmp = server_place(session), ""
    if close.how == "rst":
        asked = "the SYN was answered" if session.coverage.syn_seen else "a SYN that was not captured was answered"
        summary = f"{place} refused the connection: {asked} with RST (frame {close.frame}). {close.reasoning[-1]}"
    else:
        icmp = next((entry.text for entry in session.timeline if entry.frame == close.frame), "ICMP error")
        whose = "the server itself sent it" if close.by == "server" else "the server did not send it"
        summary = f"The connection to {place} was refused by an {icmp} (frame {close.frame}; {whose})."
    first = session.tcp.client.first_frame
    yield Finding(
        id=ID,
        severity="error",
        confidence="high",
        party=close.by,
        title=TITLE,
        summary=summary,
        evidence=with_close(session, Evidence(frame=first, what="the first SYN") if first else None),
        expected_messages=_messages(session, icmp),
        causes=_rst_causes(close.by) if close.how == "rst" else _icmp_causes(icmp),
        remedies=_REMEDIES[close.how],
    )


def _messages(session: Session, icmp: str) -> dict[str, str]:
    """What clients print; other programs than these word the same error of the system."""
    key = _openssh(icmp) if icmp else "openssh_client"
    if key == "openssh_client":
        return fill({name: text for name, text in _MESSAGES.items() if name not in _UNREACHABLE}, session, ms="N")
    return fill({"openssh_client": _MESSAGES[key], "paramiko": _MESSAGES["paramiko"]}, session)


def _openssh(icmp: str) -> str:
    """Which text OpenSSH on Linux has for each code (measured with real errors in the lab)."""
    for words, key in (
        ("port unreachable", "openssh_client"),
        ("protocol unreachable", "openssh_client_protocol_unreachable"),
        ("network", "openssh_client_network_unreachable"),
        ("no route", "openssh_client_network_unreachable"),
    ):
        if words in icmp:
            return key
    return "openssh_client_host_unreachable"


_CAUSES = {
    "rst": (
        "sshd is not running, or failed at its start",
        "sshd listens on another port or another address",
        "a firewall rejects with a TCP reset",
        "a port forwarding or container without a target",
    ),
}
_FIREWALL = (
    "a firewall rejects the connection (administratively prohibited; port unreachable is what iptables and fail2ban"
    " send by default)"
)
_HOST_DOWN = "the host is down, and the last router says so (about 3 s after the first SYN)"
_NO_ROUTE = "a route is missing"


def _rst_causes(by: str) -> tuple[str, ...]:
    """A TTL of its own puts the firewall first."""
    first, second, firewall, last = _CAUSES["rst"]
    return (firewall, first, second, last) if by == "network" else (first, second, firewall, last)


def _icmp_causes(icmp: str) -> tuple[str, ...]:
    """The cause that fits the code first."""
    if "host unreachable" in icmp or "address unreachable" in icmp:
        return (_HOST_DOWN, _FIREWALL)
    if "network unreachable" in icmp or "no route" in icmp or "reject route" in icmp:
        return (_NO_ROUTE, _FIREWALL)
    return (_FIREWALL, _HOST_DOWN, _NO_ROUTE)


_REMEDIES = {
    "rst": (
        Remedy(side="server", action="see whether sshd runs and where it listens",
               command="systemctl status ssh; ss -ltnp | grep sshd"),
        Remedy(side="server", action="check the configuration before a restart", command="sshd -t"),
        Remedy(side="server", action="`no hostkeys available`: restore the host keys from a backup, or make new ones",
               command="ls /etc/ssh/ssh_host_*_key; ssh-keygen -A && systemctl restart ssh",
               risk="new host keys make every client warn of a changed key"),
        Remedy(side="server", action="bound to another address or port? (ListenAddress, Port in sshd_config)",
               command="sshd -T | grep -E '^(port|listenaddress) '"),
        Remedy(side="client", action="check host name and port", command="ssh -G HOST | grep -E '^(hostname|port) '"),
    ),
    "icmp": (
        Remedy(side="network", action="find the rule or the missing route on the host that sent the ICMP error",
               command="nft list ruleset"),
        Remedy(side="server", action="see whether a ban is active", command="fail2ban-client status sshd"),
    ),
}  # fmt: skip

RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES)
