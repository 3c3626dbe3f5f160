"""An open connection is rejected with ICMP.

What it means
    The connection was open, and then a firewall, a router or the host itself began to answer the segments of one side
    with ICMP errors. TCP takes them for a passing trouble and goes on sending until its own limit: the user sees a
    hang, not a refusal. fail2ban's default action does exactly this to a connection that is open when the ban comes.

How it is known
    ICMP or ICMPv6 errors that quote segments with data of this connection, and the same octets again and again
    without an acknowledgement.

When it may be wrong
    That these errors came and that nothing was acknowledged since is certain; the address of the sender of the errors
    is in them, but can be forged. Why it rejects is known there only.

What to do
    On the host that sent the errors: `fail2ban-client status sshd`, `fail2ban-client set sshd unbanip ADDRESS`, `nft
    list ruleset`. For host unreachable: is the server up? For network unreachable: which route was lost?

References
    RFC 1122 §4.2.3.9; RFC 5461; RFC 1812 §5.2.7; fail2ban, jail.conf, blocktype
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, with_close
from sshpcap.rules.path import begun, repeated, sent_evidence, trouble
from sshpcap.rules.printed import SESSION_LOST, fill

ID = "rejected-midflow"
TITLE = "An open connection is rejected with ICMP"


def check(session: Session) -> Iterator[Finding]:
    """Fire on ICMP errors that answer the data of an open connection, which then stands still."""
    found = trouble(session)
    if found is None or found.kind != "rejected" or found.repeat is None or found.icmp is None:
        return
    icmp = found.icmp
    itself = icmp.reporter == session.server.address
    whose = "the server itself" if itself else icmp.reporter
    times = " and once more" if icmp.times == 2 else f" and {icmp.times - 1} times more" if icmp.times > 1 else ""
    yield Finding(
        id=ID,
        severity="error",
        confidence=found.confidence,
        party="server" if itself else "network",
        title=TITLE,
        summary=(
            f"{begun(session, whose)} rejected segments of the {found.sender} with ICMP, {icmp.name} (frame"
            f" {icmp.frame}{times}): {repeated(found.repeat)}, and they were never acknowledged. TCP does not give up"
            " for such an error, so the connection hangs."
        ),
        evidence=with_close(
            session, *sent_evidence(found.repeat), Evidence(frame=icmp.frame, what=f"ICMP error: {icmp.name}")
        ),
        expected_messages=fill(SESSION_LOST, session),
        causes=_causes(icmp.name),
        remedies=(
            Remedy(
                side="server",
                action="is this client banned? Then lift the ban, and exempt the address. jail.local: ignoreip = …",
                command=(f"fail2ban-client status sshd; fail2ban-client set sshd unbanip {session.client.address}"),
                risk="an address that is exempt may guess passwords without end",
            ),
            Remedy(side="network", action="find the rule on the host that sent the errors", command="nft list ruleset"),
            Remedy(
                side="client",
                action="notice a dead connection. ssh_config:",
                command="ServerAliveInterval 15",
            ),
        ),
    )


def _causes(name: str) -> tuple[str, ...]:
    ban = "a ban on this address (fail2ban rejects with port unreachable by default) came while the connection was open"
    rule = "a firewall rule with reject was loaded while the connection was open"
    gone = "the host behind the last router is gone (no answer to ARP or neighbour discovery)"
    route = "a route was lost"
    if name.startswith("time exceeded"):
        return ("a routing loop: packets go round until their TTL is used up", route)
    if name.startswith(("host unreachable", "address unreachable")):
        return (gone, rule, ban)
    if name.startswith(("network unreachable", "no route", "reject route")):
        return (route, rule, ban)
    return (ban, rule, gone)


RULE = Rule(ID, TITLE, "error", check, messages=SESSION_LOST)
