"""Large segments do not get through.

What it means
    A segment of full size was sent again and again and never arrived, while smaller ones of the same side did. The
    path carries less than both hosts believe, and the ICMP message that should say so does not come, or is ignored: a
    path MTU black hole. SSH meets it at SSH_MSG_KEXINIT or at a post-quantum key exchange message, the first large
    ones.

How it is known
    Near the sender: the same large segment many times, and acknowledgements (or SACK blocks) for smaller ones behind
    it. Near the receiver: a hole of more than 512 octets, smaller segments from behind it, and no acknowledgement of
    it. Of a connection in use, too, if it is a burst of segments near its receiver, or was waited for for 3 seconds:
    even an empty segment tells by its sequence number what was sent before it.

When it may be wrong
    With SACK blocks for what is behind, or an ICMP error that names the MTU, it is high. From the receiver's side the
    size of what is missing is seen, not that of its segments: medium. Medium, too, where the large segment is all that
    its side had to send: the path may have broken in this direction at the same moment; and, without an ICMP error,
    where other segments had to be repeated, too: then loss may have hit the large one each time by chance. A device
    that drops by content would look the same if it objected to large packets only.

What to do
    At once, on either host: `ip link set dev eth0 mtu 1400`, or `sysctl net.ipv4.tcp_mtu_probing=1` (Linux recovers
    after some seconds). For good: let ICMP type 3 code 4 and ICMPv6 type 2 pass every firewall, and clamp the MSS on
    the router in front of the tunnel (`tcp option maxseg size set rt mtu`). As a workaround a client may use a
    smaller key exchange: `-o KexAlgorithms=curve25519-sha256` (measured: it passes an MTU of 1400, not one of 900).

References
    RFC 2923 §2.1; RFC 1191; RFC 8201; RFC 4821; RFC 2018; ip-sysctl, tcp_mtu_probing
"""

from collections.abc import Iterator
from typing import Final

from sshpcap.model import Evidence, Finding, Remedy, Repeat, Session
from sshpcap.rules.base import Rule, duration, with_close
from sshpcap.rules.path import (
    SMALL,
    Trouble,
    begun,
    capital,
    found_smaller,
    lossy,
    other_of,
    recovered,
    repeated,
    seen_from,
    sent_evidence,
    side_of,
    trouble,
)
from sshpcap.rules.printed import GRACE_LOGGED, HANGS_LATER, fill

ID = "path-mtu-black-hole"
TITLE = "Large segments do not get through"
_MESSAGES = {
    **HANGS_LATER,
    "openssh_client_verbose": "SSH2_MSG_KEXINIT sent / expecting SSH2_MSG_KEX_ECDH_REPLY",
    "sshd_log": GRACE_LOGGED["sshd_log"],
    "sshd_log_since_9_8": GRACE_LOGGED["sshd_log_since_9_8"],
}


def check(session: Session) -> Iterator[Finding]:
    """Fire on large segments that are lost while small ones pass; as information where the path recovered."""
    found = trouble(session)
    if found is not None and found.kind == "too-big":
        yield _finding(session, found)
        return
    late = recovered(session)
    if found is None and late is not None and found_smaller(late):
        yield Finding(
            id=ID,
            severity="info",
            confidence="high",
            party="network",
            title=TITLE,
            summary=(
                f"{capital(repeated(late))} before they were acknowledged (frame {late.acknowledged}); smaller"
                f" segments of the {late.sender} had got through (frame {late.passed}). The sender found out that the"
                " path carries"
                " less, and went on with smaller segments."
            ),
            evidence=tuple(sent_evidence(late)),
            causes=_CAUSES,
            remedies=_REMEDIES,
        )


def _finding(session: Session, found: Trouble) -> Finding:
    direction = f"from the {found.sender} to the {other_of(found.sender)}"
    told = ""
    if found.icmp is not None:
        told = (
            f" Frame {found.icmp.frame} is an ICMP error of {found.icmp.reporter}: {found.icmp.name}, MTU"
            f" {found.icmp.mtu}."
        )
        heeded = found.repeat is None or found.icmp.frame > found.repeat.last_frame
        if found.icmp.about == found.sender and not heeded:
            told += f" The {found.sender} did not heed it: its own firewall may have dropped it."
    if found.repeat is not None:
        what = f"{repeated(found.repeat)}, and they were never acknowledged"
        if found.proof:
            small = f"; smaller segments of the same side did get through (frame {found.proof} says so)"
        elif found.confidence == "medium":
            small = _largest_so_far(found, found.repeat)
        else:
            small = ""
        evidence = tuple(sent_evidence(found.repeat))
        where = seen_from(session, found.sender)
    else:
        first, last = found.missing.bytes if found.missing else (1, 1)
        what = (
            f"{last - first + 1:,} octets of the {found.sender} (relative sequence numbers {first} to {last}) never"
            " came by here and were never acknowledged"
        )
        small = f", although later, smaller segments of it came (frame {found.proof})"
        evidence, told = (), told + _how_long(session, found)
        where = ""
    proof = Evidence(frame=found.proof, what="smaller segments get through") if found.proof else None
    waited = session.awaited
    stood = f" The handshake stood still for {duration(waited.waited.ns)}." if waited is not None else ""
    return Finding(
        id=ID,
        severity="error",
        confidence=found.confidence,
        party="network",
        title=TITLE,
        summary=(
            f"{begun(session, what)}{small}{' ' if small.endswith('likely') else ': '}the path {direction} swallows"
            f" large packets.{told}{where}{stood}"
        ),
        evidence=with_close(
            session,
            *evidence,
            proof,
            Evidence(frame=found.icmp.frame, what=f"ICMP: {found.icmp.name}") if found.icmp else None,
        ),
        expected_messages=fill(_MESSAGES, session),
        causes=(*_CAUSES, *((_LOSS,) if lossy(session, found.repeat) else ())),
        remedies=_REMEDIES,
    )


def _how_long(session: Session, found: Trouble) -> str:
    """What speaks for and against the size, of a connection that was in use."""
    if found.missing is None or session.outcome != "encrypted":
        return ""
    largest, waited = side_of(session, found.sender).largest, found.missing.waited.ns
    still = (
        f" {duration(waited)} later the {other_of(found.sender)} still asked for them." if waited >= _WORTH_NS else ""
    )
    if largest <= SMALL:
        return still
    return (
        f"{still} Segments of up to {largest:,} octets had come before: if they are too large now, the path has changed"
        " (another route, a tunnel, a VPN that came up)."
    )


_WORTH_NS: Final = 1_000_000_000

_LOSS = "plain loss: other segments had to be sent again, too, and these may have been lost each time by chance"


def _largest_so_far(found: Trouble, repeat: Repeat) -> str:
    """The other side is still there, and only something large is on the way to it."""
    return (
        f". The {other_of(found.sender)} was still heard of (frame {repeat.heard}), and nothing as large had got"
        f" through before, only segments of up to {repeat.passed_length:,} octets; one direction of the path that broke"
        " at this moment would look the same. Most likely"
    )


_CAUSES = (
    "a tunnel on the path (VPN, PPPoE with 1492, GRE, VXLAN, WireGuard) has a smaller MTU, and ICMP is filtered",
    "the sender's own firewall drops ICMP type 3 code 4 (ICMPv6 type 2)",
    "a wrong MTU set by hand on one interface, or jumbo frames on one side of a switch only",
    "a device that drops large packets for another reason",
)
_REMEDIES = (
    Remedy(
        side="network",
        action="find the largest packet that passes (1472 octets fit into an MTU of 1500)",
        command="ping -M do -s 1472 HOST; tracepath HOST",
    ),
    Remedy(
        side="client",
        action="smaller packets on this host, at once; or let TCP find out by itself",
        command="ip link set dev eth0 mtu 1400; sysctl -w net.ipv4.tcp_mtu_probing=1",
        risk="a smaller MTU makes every transfer of this interface a little slower; undo it when the path is repaired",
    ),
    Remedy(
        side="network",
        action="on the router in front of the tunnel: make both sides agree on smaller segments",
        command="nft add rule inet filter forward tcp flags syn tcp option maxseg size set rt mtu",
    ),
    Remedy(side="network", action="let ICMP type 3 code 4 and ICMPv6 type 2 pass every firewall on the path"),
    Remedy(
        side="client",
        action="a workaround where the path carries 1400 octets: a short proposal and small messages",
        command="ssh -o KexAlgorithms=curve25519-sha256,ecdh-sha2-nistp256 HOST",
        risk="not safe against a future quantum computer; and large transfers still hang",
    ),
)

RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES)
