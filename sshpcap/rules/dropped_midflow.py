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
from sshpcap.rules.path import Trouble, begun, lossy, other_of, repeated, seen_from, sent_evidence, trouble
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
        causes=(
            *((_LOSS,) if lossy(session, found.repeat) else ()),
            f"a firewall between the {sender} and the {other} drops from here on: a rule was loaded, or its state was"
            " lost (failover, table full, restart)",
            "the two directions take different ways, and a stateful firewall sees only one of them",
            "a ban on the address (fail2ban, sshguard) that drops",
            f"the firewall of the {other} itself",
        ),
        remedies=(
            Remedy(
                side="network",
                action="look for what changed in the firewalls at this second; for the state of this connection",
                command=f"conntrack -L -p tcp --dport {session.server.port}; nft list ruleset",
            ),
            Remedy(
                side="network",
                action="compare the ways in both directions: from both ends",
                command=f"traceroute -T -p {session.server.port} HOST",
            ),
            Remedy(side="server", action="is this client banned?", command="fail2ban-client status sshd"),
            Remedy(side="capture", action=f"capture at the {other}: it shows how far the segments come"),
        ),
    )


_LOSS = "heavy loss in both directions: other segments had to be sent again and again, too, and got through at last"


def _dead(found: Trouble) -> str:
    since = found.repeat.frames[0] if found.repeat else 0
    return f"from frame {since} on nothing of the {found.sender} gets through to the {other_of(found.sender)}"


RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES)
