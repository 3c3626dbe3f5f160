"""The identification string is dropped on the way.

What it means
    TCP works in both directions, but the one segment that begins with "SSH-" does not arrive, and later ones of the
    same side do. Something on the path reads the payload and blocks SSH: deep packet inspection of a firewall or a
    provider.

How it is known
    Near the sender: the identification string is sent again and again and never acknowledged, while SACK blocks tell
    that what stands behind it arrived. Near the receiver: the stream begins with a hole of its size, and what follows
    came.

When it may be wrong
    With SACK blocks, and from five copies on, it is high that this segment alone is lost, every time. From the
    receiver's side the repetitions are not seen: medium. Where a SYN had to be repeated, too, heavy loss may have hit
    one segment every time by chance: medium, and low with few copies. The capture does not show which device drops
    it; two captures with the device between them do.

What to do
    Ask whoever runs the firewall or the network to allow SSH. Otherwise another port does not help against a device
    that reads the payload; a VPN, or SSH inside TLS (`ProxyCommand openssl s_client -quiet -connect HOST:443` to an
    stunnel server), does.

References
    RFC 4253 §4.2; RFC 2018
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, duration, how_it_ended, with_close
from sshpcap.rules.path import other_of, repeated, sent_evidence, side_of, trouble
from sshpcap.rules.printed import GRACE_LOGGED, GREETING_TIMED_OUT, fill

ID = "identification-dropped"
TITLE = "The identification string is dropped on the way"
_MESSAGES = {**GREETING_TIMED_OUT, **GRACE_LOGGED}


def check(session: Session) -> Iterator[Finding]:
    """Fire when the identification string alone does not get through."""
    found = trouble(session)
    if found is None or found.kind != "identification":
        return
    if found.repeat is not None:
        what = (
            f"The {found.sender}'s identification string does not get through: {repeated(found.repeat)}, and they were"
            f" never acknowledged, although later octets of it arrived (frame {found.proof} says so)."
        )
        evidence = tuple(sent_evidence(found.repeat))
    else:
        first, last = found.missing.bytes if found.missing else (1, 1)
        later = (
            f"although later ones did (frame {found.proof})"
            if side_of(session, found.sender).largest
            else f"nor did any other; it had sent them (frame {found.proof} stands behind them)"
        )
        what = (
            f"The {found.sender}'s stream begins with a hole: its first {last - first + 1:,} octets, where its"
            f" identification string stands, never came by here, {later}."
        )
        evidence = ()
    waited = f" The handshake stood still for {duration(session.awaited.waited.ns)}." if session.awaited else ""
    proof = Evidence(frame=found.proof, what="later octets of the same side got through") if found.proof else None
    yield Finding(
        id=ID,
        severity="error",
        confidence=found.confidence,
        party="network",
        title=TITLE,
        summary=(f"{what} {_CONCLUSION[found.confidence]}{waited} In the end {how_it_ended(session)}."),
        evidence=with_close(session, *evidence, proof),
        expected_messages=fill(_MESSAGES, session),
        causes=(
            *((_LOSS,) if found.confidence == "low" else ()),
            *(() if found.repeat or side_of(session, found.sender).largest else (_EVERYTHING,)),
            "a firewall with deep packet inspection blocks SSH (often only outside office networks, or for some users)",
            "an intrusion prevention rule that dislikes this version string",
            f"a defective middlebox near the {other_of(found.sender)}",
        ),
        remedies=(
            Remedy(side="network", action="ask who runs the firewall to allow SSH between these two addresses"),
            Remedy(
                side="capture",
                action="capture on both sides of the suspected device: the segment goes in and does not come out",
                command=f"tcpdump -ni any -w ssh.pcap 'tcp port {session.server.port}'",
            ),
            Remedy(
                side="client",
                action="go around it: a VPN, or SSH inside TLS to an stunnel server that forwards to sshd",
                command="ssh -o ProxyCommand='openssl s_client -quiet -connect HOST:443' HOST",
                risk="may be against the rules of the network",
            ),
        ),
    )


_EVERYTHING = "a firewall or a filter on the way lets nothing with payload through in this direction"
_LOSS = "packet loss: the opening of the connection had to be repeated, too"
_CONCLUSION = {
    "high": "Loss does not choose: something between the two drops what begins with SSH-.",
    "medium": "Something between the two probably drops what begins with SSH-.",
    "low": "It may be plain loss, or something between the two that drops what begins with SSH-.",
}

RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES)
