"""One direction of the connection is dead.

What it means
    The connection worked, and from some frame on nothing of one side arrives at the other any more, while the way
    back still works. A firewall began to drop, lost its state, or sees only one of two different routes.

How it is known
    The side whose octets are lost sends them again and again without an acknowledgement; the other side sends again
    what had been acknowledged long ago, so that the acknowledgements do not reach it either. Its frames do come by.
    That they reach the first side is said only where that is seen; far from it the way back may be dead behind the
    capture point.

When it may be wrong
    High where both are seen. Medium where the other side is heard of but does not acknowledge: then a host that drops
    on arrival (a local firewall) looks the same as the path. Medium, too, where other segments had to be repeated as
    well: heavy loss in both directions may hit the same octets each time by chance.

What to do
    Look at the firewalls between the two for a rule or a state table that changed at this second; for routes that
    differ in the two directions (`traceroute` from both ends); on Linux for `conntrack -L` and
    `net.netfilter.nf_conntrack_tcp_be_liberal`.

References
    RFC 9293 §3.8.1; conntrack(8); nft(8)
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, how_it_ended, with_close
from sshpcap.rules.path import SMALL, Trouble, begun, lossy, other_of, repeated, seen_from, sent_evidence, trouble
from sshpcap.rules.printed import GRACE_LOGGED, HANGS_LATER, SESSION_LOST, fill, together

ID = "dropped-midflow"
TITLE = "One direction of the connection is dead"
_MESSAGES = {**together(HANGS_LATER, encrypted=SESSION_LOST), **GRACE_LOGGED}


def check(session: Session) -> Iterator[Finding]:
    """Fire when one side's segments stop to arrive while the other side's still do."""
    found = trouble(session)
    if found is None or found.kind != "one-way" or found.repeat is None:
        return
    sender, other = found.sender, other_of(found.sender)
    if found.repeat.sender == sender:
        what = f"{repeated(found.repeat)}, and they were never acknowledged"
        if found.confidence == "high":
            what += (
                f"; the {other} in its turn sent again what the {sender} had acknowledged before (frame {found.proof})"
            )
        else:
            what += f", although the {other} was still heard of (frame {found.proof})"
    else:
        what = (
            f"{repeated(found.repeat)}, {found.repeat.after} times of them after the {sender} had"
            f" acknowledged them (frame {found.proof})"
        )
    # What the other side sends was seen to arrive, or passed here on its last steps; else it may be lost behind here.
    works = found.confidence == "high" or session.tcp.vantage.place == sender
    back = ", while the way back works" if works else ""
    unknown = "" if works else f" Whether what the {other} sends reaches the {sender} is not in this capture."
    yield Finding(
        id=ID,
        severity="error",
        confidence=found.confidence,
        party="network",
        title=TITLE,
        summary=(
            f"{begun(session, _dead(found))}{back}: {what}.{seen_from(session, sender)}{unknown} In the end"
            f" {how_it_ended(session)}."
        ),
        evidence=with_close(
            session,
            *sent_evidence(found.repeat),
            Evidence(frame=found.proof, what=f"the {other} is still there") if found.proof else None,
        ),
        expected_messages=fill(_MESSAGES, session),
        causes=tuple(_causes(session, found)),
        remedies=tuple(_remedies(session, found)),
    )


_LOSS = "heavy loss in both directions: other segments had to be sent again and again, too, and got through at last"

_SMALLER = (
    "the path carries less than before (another route, a tunnel, a VPN that came up): what is repeated is large, and"
    " small segments might still get through"
)


def _causes(session: Session, found: Trouble) -> Iterator[str]:
    if found.repeat is not None and lossy(session, found.repeat):
        yield _LOSS
    yield (
        f"a firewall between the {found.sender} and the {other_of(found.sender)} drops from here on: a rule was loaded,"
        " or its state was lost (failover, table full, restart)"
    )
    if _large(found):
        yield _SMALLER
    yield "the two directions take different ways, and a stateful firewall sees only one of them"
    yield "a ban on the address (fail2ban, sshguard) that drops"
    yield f"the firewall of the {other_of(found.sender)} itself"


def _remedies(session: Session, found: Trouble) -> Iterator[Remedy]:
    port = session.server.port
    yield Remedy(
        side="network",
        action="look for what changed in the firewalls at this second; for the state of this connection",
        command=f"conntrack -L -p tcp --dport {port}; nft list ruleset",
    )
    if _large(found):
        yield Remedy(
            side="network",
            action="see which sizes get through",
            command="ping -M do -s 1472 HOST; tracepath HOST",
        )
    yield Remedy(
        side="network",
        action="compare the ways in both directions: from both ends",
        command=f"traceroute -T -p {port} HOST",
    )
    yield Remedy(side="server", action="is this client banned?", command="fail2ban-client status sshd")
    yield Remedy(side="capture", action=f"capture at the {other_of(found.sender)}: it shows how far the segments come")


def _large(found: Trouble) -> bool:
    """All that is known to be lost is large, as a transfer's segments are."""
    return found.repeat is not None and found.repeat.sender == found.sender and found.repeat.length > SMALL


def _dead(found: Trouble) -> str:
    since = found.repeat.frames[0] if found.repeat else 0
    known = "gets" if found.confidence == "high" else "is known to get"
    return f"from frame {since} on nothing of the {found.sender} {known} through to the {other_of(found.sender)}"


RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES)
