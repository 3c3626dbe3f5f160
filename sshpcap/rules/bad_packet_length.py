"""Octets that are no packet where a packet should be ("Bad packet length").

What it means
    Behind the identification string of one side stand octets that are no SSH packet. The reader takes the first four
    for a length, finds it absurd and gives up, with a number that nobody understands: "Bad packet length 1231976033"
    is the text "Inva" (of "Invalid SSH identification string.") read as a number, 1213486160 is "HTTP", 1397966893 is
    "SSH-", 1349676916 is "Prot", 1165517669 is "Exce", 1195725856 is "GET ".

How it is known
    The octets are in the capture; the finding names the frame, the place in the stream, what a receiver reads there,
    and the text, where it is one.

When it may be wrong
    That these octets are no packet is certain when the capture is complete. Who put them there is not: the program at
    that address, or something between.

What to do
    If they are text, read it: that is the explanation. If not, capture at both ends and compare octet by octet: a
    proxy, a NAT helper or a program that writes into the connection (a login script, a debug print of a server run
    from inetd) put them there.

References
    RFC 4253 §6, §6.1
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Party, Remedy, Session, Unreadable, Who
from sshpcap.rules.base import Rule, how_it_ended, lost_to_the_capture, with_close
from sshpcap.rules.other_client import complaint
from sshpcap.rules.printed import BAD_PACKET_LENGTH, BAD_PACKET_LENGTH_LOGGED, bad_packet_length

ID = "bad-packet-length"
TITLE = "Octets that are no packet where a packet should be"
_SHOWN = 80


def check(session: Session) -> Iterator[Finding]:
    """Fire on octets behind an identification string that cannot be cut into packets."""
    if session.stage == "encrypted":
        return
    sides: tuple[tuple[Who, Party], ...] = (("client", session.client), ("server", session.server))
    for who, party in sides:
        odd = party.unreadable
        if party.identification is None or odd is None or odd.packet_length is None:
            continue
        if who == "server" and complaint(session) is not None and not _client_in_order(session):
            continue  # the answer to a bad first line of the client, which has a finding of its own
        yield _finding(session, who, odd, odd.packet_length)


def _client_in_order(session: Session) -> bool:
    identification = session.client.identification
    return (
        identification is not None
        and not session.client.pre_identification
        and identification.protocol_version in ("2.0", "1.99")
        and len(identification.raw) <= _LONGEST
    )


_LONGEST = 253


def _finding(session: Session, who: Who, odd: Unreadable, length: int) -> Finding:
    shown = odd.text if len(odd.text) <= _SHOWN else odd.text[:_SHOWN] + "…"
    octets = length.to_bytes(4, "big")
    text = octets.decode("ascii") if all(32 <= octet < 127 for octet in octets) else None
    decoded = f' The number is the text "{text}" read as one.' if text else ""
    return Finding(
        id=ID,
        severity="error",
        confidence="medium" if lost_to_the_capture(session) else "high",
        party=who,
        title=TITLE,
        summary=(
            f'Where a packet of the {who} should begin stand the octets "{shown}" (frame {odd.frame}); a receiver takes'
            f" the first four for a packet length of {length}.{decoded} In the end {how_it_ended(session)}."
        ),
        evidence=with_close(session, Evidence(frame=odd.frame, what=odd.reason, bytes=odd.bytes)),
        expected_messages=bad_packet_length(session, who, length),
        causes=(
            f"the {who}'s program broke the protocol, or is not an SSH program",
            "a proxy or middlebox put octets into the stream",
            *((_INETD,) if who == "server" else ()),
            "octets were damaged on the way, with a TCP checksum that fits",
        ),
        remedies=(
            Remedy(
                side="capture",
                action="capture at both ends and compare the streams octet by octet",
                command=f"tcpdump -i any -s 0 -w end.pcap host {session.server.address} and tcp port"
                f" {session.server.port}",
            ),
            *((_READ_TEXT,) if text else ()),
        ),
    )


_INETD = "a script or a library writes into the connection (sshd from inetd or xinetd, with messages on its output)"
_READ_TEXT = Remedy(side="server", action="read the text: it is what the server, or something in front of it, says")

RULE = Rule(
    ID,
    TITLE,
    "error",
    check,
    messages={**BAD_PACKET_LENGTH, **BAD_PACKET_LENGTH_LOGGED},
    instead_of=("closed-during-handshake",),
)
