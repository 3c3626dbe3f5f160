"""Nothing more came from the other side.

What it means
    One side sent and sent again, and from the other side came nothing at all: no data, no acknowledgement, no RST.
    The host is gone (power, crash, sleep, cable), or everything between the two is swallowed: a firewall or NAT that
    forgot the connection, a ban that drops, a route that broke.

How it is known
    Three or more times the same octets, over a second or more, and no frame of the other side since. How long the
    connection had been silent before is told: where that has reached a limit that NAT and firewalls commonly have,
    the forgotten state is named first. Where the octets got through at last, after three seconds or more, it is told as
    an outage that is over; a FIN right behind the acknowledgement had been waiting, so its sender had given up.

When it may be wrong
    That nothing came is certain. Host or path is not: one capture does not tell. Where what is repeated is large it
    is medium: it may be all that is lost, and the other side has nothing to say. If the capture was taken at the
    silent side, its frames would be there; so the loss is then on the way to it.

What to do
    After a silence: keep the connection busy, `ServerAliveInterval 60` in ssh_config or `ClientAliveInterval 60` in
    sshd_config (PuTTY: Connection, seconds between keepalives). Without a silence: is the host up, was a ban or a
    rule loaded, did a VPN drop?

References
    RFC 9293 §3.8.3; RFC 5382 §5; ssh_config(5), ServerAliveInterval; sshd_config(5), ClientAliveInterval
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Repeat, Session, Who
from sshpcap.rules.base import Rule, duration, with_close
from sshpcap.rules.path import (
    Trouble,
    begun,
    found_smaller,
    idle_mark,
    other_of,
    recovered,
    repeated,
    seen_from,
    sent_evidence,
    trouble,
)
from sshpcap.rules.printed import GRACE_LOGGED, HANGS_LATER, NOT_RESPONDING_LOGGED, SESSION_LOST, fill, together

ID = "peer-vanished"
TITLE = "Nothing more came from the other side"
_BEFORE = {**HANGS_LATER, **GRACE_LOGGED}
_ENCRYPTED = {
    **SESSION_LOST,
    "openssh_client_or": "Connection to {server} port {port} timed out / Connection timed out",
    **NOT_RESPONDING_LOGGED,
}


def check(session: Session) -> Iterator[Finding]:
    """Fire when a side repeats itself and hears nothing at all."""
    found = trouble(session)
    if found is None:
        yield from _for_a_while(session)
    if found is None or found.kind != "silent" or found.repeat is None:
        return
    other = other_of(found.sender)
    mark = idle_mark(found.repeat.idle.ns if found.repeat.idle else None)
    idle = ""
    if mark is not None and found.repeat.idle is not None:
        idle = (
            f" Before that the connection had been silent for {duration(found.repeat.idle.ns)}: a NAT or firewall may"
            f" have forgotten it (a common limit is {mark})."
        )
    causes = _causes(found, idle=mark is not None)
    yield Finding(
        id=ID,
        severity="error",
        confidence=found.confidence,
        party="unknown",
        title=TITLE,
        summary=(
            f"{begun(session, repeated(found.repeat))}, and {_nothing(found.repeat, other)}: no"
            f" acknowledgement, no RST.{idle}{seen_from(session, found.sender)} Whether the"
            f" {other} or the path failed is not in this capture."
        ),
        evidence=with_close(session, *sent_evidence(found.repeat)),
        expected_messages=fill(_ENCRYPTED if session.outcome == "encrypted" else _BEFORE, session),
        causes=causes,
        remedies=(*(_MTU if causes[0].startswith("a path MTU") else ()), *_REMEDIES),
    )


def _nothing(repeat: Repeat, other: Who) -> str:
    """What was on its way when the first of them was sent is no answer to it."""
    if repeat.heard is None:
        return f"nothing at all came from the {other} since"
    return f"nothing came from the {other} behind frame {repeat.heard}, which had been on its way"


def _for_a_while(session: Session) -> Iterator[Finding]:
    """Octets that got through only after seconds: the user's terminal stood still, or a limit ran out meanwhile."""
    late = recovered(session)
    if late is None or late.probe or found_smaller(late):
        return  # large ones alone: path-mtu-black-hole
    other = other_of(late.sender)
    error = next((e for e in session.tcp.icmp if e.about == late.sender and e.refuses and not e.opening), None)
    told = f" Meanwhile {error.reporter} said: {error.name} (frame {error.frame})." if error is not None else ""
    left = _left_behind(session, late)
    then = (
        f" As soon as they were, the {late.sender} closed the connection (FIN, frame {session.close.frame}): it had"
        " given up meanwhile."
        if left
        else " Then the connection went on."
        if _went_on(session, late)
        else ""
    )
    yield Finding(
        id=ID,
        severity="warning" if left else "info",
        confidence="medium" if left else "high",
        party="unknown",
        title=_TITLE_FOR_A_WHILE,
        summary=(
            f"{begun(session, repeated(late))} before they were acknowledged (frame {late.acknowledged}): for that long"
            f" they did not get through, or nothing of the {other} came back.{told}{then}"
        ),
        evidence=with_close(
            session,
            *sent_evidence(late),
            Evidence(frame=late.acknowledged or 0, what="acknowledged at last"),
            Evidence(frame=error.frame, what=f"ICMP error: {error.name}") if error is not None else None,
        ),
        expected_messages=fill(_ENCRYPTED if session.outcome == "encrypted" else _BEFORE, session) if left else {},
        causes=_CAUSES_FOR_A_WHILE,
        remedies=_REMEDIES_FOR_A_WHILE,
    )


def _went_on(session: Session, late: Repeat) -> bool:
    """Somebody said something new behind it."""
    last = max(session.tcp.client.last_data_frame or 0, session.tcp.server.last_data_frame or 0)
    return late.acknowledged is not None and last > late.acknowledged


def _left_behind(session: Session, late: Repeat) -> bool:
    """The FIN stood behind what did not get through, and left as soon as that had: its sender had closed before."""
    close = session.close
    if close.how != "fin" or close.by != late.sender or close.frame is None or late.acknowledged is None:
        return False
    between = (row for row in session.timeline if row.frame is not None and late.acknowledged < row.frame < close.frame)
    return close.frame > late.acknowledged and close.frame - late.acknowledged <= _NEXT and not any(between)


_LARGE = 512
_NEXT = 2
"""Frames: the acknowledgement, perhaps one of another connection, the FIN."""
_TITLE_FOR_A_WHILE = "Octets got through only after seconds of repeating"
_CAUSES_FOR_A_WHILE = (
    "a link or a route was down for that time (a failover, WLAN, a VPN that reconnected)",
    "loss on the path, as of an overloaded line",
    "the other host stood still (suspended, migrated to another machine)",
)
_REMEDIES_FOR_A_WHILE = (
    Remedy(
        side="network",
        action="look at what happened on the path at this second; see where segments are lost",
        command="traceroute -T -p PORT HOST; ping -c 20 HOST",
    ),
)


def _causes(found: Trouble, *, idle: bool) -> tuple[str, ...]:
    other = other_of(found.sender)
    forgot = "a NAT, firewall or load balancer forgot the connection while it was idle, and drops what comes now"
    causes = [
        "a firewall rule or a ban (fail2ban, sshguard) that drops was loaded while the connection was open",
        f"the {other}'s host is gone: powered off, crashed, asleep, or another network (laptop, VPN)",
        "a route or a link between the two broke",
    ]
    causes.insert(0 if idle else len(causes), forgot)
    repeat = found.repeat
    if repeat is not None and repeat.length > _LARGE and repeat.passed_length < repeat.length:
        said = "what is repeated is large, and nothing small was on the way to tell"
        if repeat.passed_length:
            said = f"nothing of that side above {repeat.passed_length:,} octets is known to have got through"
        causes.insert(1 if idle or not repeat.passed_length else 0, f"a path MTU black hole: {said}")
    return tuple(causes)


_MTU = (
    Remedy(
        side="network",
        action="see which sizes get through: 1,472 octets and the headers are an MTU of 1,500",
        command="ping -M do -s 1472 HOST; tracepath HOST",
    ),
)
_REMEDIES = (
    Remedy(
        side="client",
        action="keep idle connections alive, and notice a dead one. ssh_config:",
        command="ServerAliveInterval 60",
        risk="a connection that would have survived a short outage is closed after three minutes of it",
    ),
    Remedy(
        side="server",
        action="the same from the server's side. sshd_config:",
        command="ClientAliveInterval 60",
        risk="sessions of clients that are out of reach for some minutes are closed",
    ),
    Remedy(
        side="server",
        action="is the host up, and is this client banned?",
        command="uptime; fail2ban-client status sshd; nft list ruleset",
    ),
    Remedy(side="network", action="raise the idle timeout for TCP of the NAT, firewall or load balancer on the path"),
    Remedy(side="capture", action="capture at both ends at the same time: it tells a dead host from a dead path"),
)

RULE = Rule(ID, TITLE, "error", check, messages=together(_ENCRYPTED, before_encryption=_BEFORE))
