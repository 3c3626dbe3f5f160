"""Octets that are no packet where a packet should be ("Bad packet length").

What it means
    Behind the identification string of one side stand octets that are no SSH packet. The reader takes the first four
    for a length, finds it absurd and gives up, with a number that nobody understands: "Bad packet length 1231976033"
    is the text "Inva" (of "Invalid SSH identification string.") read as a number, 1213486160 is "HTTP", 1397966893 is
    "SSH-", 1349676916 is "Prot", 1165517669 is "Exce", 1195725856 is "GET ". Or the first packet behind NEWKEYS has
    such a length: with AES-GCM and the encrypt-then-MAC modes it stays readable.

How it is known
    The octets are in the capture; the finding names the frame, the place in the stream, what a receiver reads there,
    and the text, where it is one. Behind NEWKEYS it is told only where the reader left.

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
from sshpcap.rules.base import Rule, gave_up, how_it_ended, lost_to_the_capture, with_close
from sshpcap.rules.greetings import other
from sshpcap.rules.other_client import complaint
from sshpcap.rules.printed import BAD_PACKET_LENGTH, BAD_PACKET_LENGTH_LOGGED, bad_packet_length, fill, together

ID = "bad-packet-length"
TITLE = "Octets that are no packet where a packet should be"
_SHOWN = 80
_CORRUPTED = {
    "openssh_client": (
        "Bad packet length {number}. / ssh_dispatch_run_fatal: Connection to {server} port {port}: Connection corrupted"
    ),
}
_CORRUPTED_LOGGED = {
    "sshd_log": (
        "Bad packet length {number}. [preauth] / ssh_dispatch_run_fatal: Connection from {client} port {client_port}:"
        " Connection corrupted [preauth]"
    ),
}
"""With a cipher or MAC that leaves the length readable OpenSSH knows at once."""


def check(session: Session) -> Iterator[Finding]:
    """Fire on octets behind an identification string that cannot be cut into packets."""
    sides: tuple[tuple[Who, Party], ...] = (("client", session.client), ("server", session.server))
    for who, party in sides:
        odd = party.unreadable
        if party.identification is None or odd is None or odd.packet_length is None:
            continue
        if session.stage == "encrypted":
            if _thrown_out(session, other(who)):
                yield _encrypted(session, who, odd, odd.packet_length)
            continue
        if who == "server" and complaint(session) is not None and not _client_in_order(session):
            continue  # the answer to a bad first line of the client, which has a finding of its own
        yield _finding(session, who, odd, odd.packet_length)


def _thrown_out(session: Session, reader: Who) -> bool:
    """The reader left, and nothing looks as if it had read on before."""
    login, close = session.authentication, session.close
    read_on = login is not None and login.result == "succeeded"
    return gave_up(session) == reader and close.how in ("fin", "rst") and not read_on


def _client_in_order(session: Session) -> bool:
    identification = session.client.identification
    return (
        identification is not None
        and not session.client.pre_identification
        and session.client.preamble is None
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
            _compare(session),
            *((_READ_TEXT,) if text else ()),
        ),
    )


def _compare(session: Session) -> Remedy:
    return Remedy(
        side="capture",
        action="capture at both ends and compare the streams octet by octet",
        command=f"tcpdump -i any -s 0 -w end.pcap host {session.server.address} and tcp port {session.server.port}",
    )


def _encrypted(session: Session, who: Who, odd: Unreadable, length: int) -> Finding:
    """The first encrypted packet: nobody's text, so most likely an octet that was changed."""
    return Finding(
        id=ID,
        severity="error",
        confidence="medium" if lost_to_the_capture(session) else "high",
        party="unknown",
        title=TITLE,
        summary=(
            f"The first encrypted packet of the {who} (frame {odd.frame}) says that it has {length:,} octets, which"
            f" cannot be; its length is readable with this cipher. In the end {how_it_ended(session)}. The capture does"
            f" not tell whether the {who} sent it so or it was changed on the way."
        ),
        evidence=with_close(session, Evidence(frame=odd.frame, what=odd.reason, bytes=odd.bytes)),
        expected_messages=fill(_CORRUPTED if who == "server" else _CORRUPTED_LOGGED, session, number=length),
        causes=(
            "octets were damaged on the way, with a TCP checksum that fits (a network card, a middlebox)",
            f"the {who}'s program encrypts in another way than was agreed on",
        ),
        remedies=(_compare(session),),
    )


_INETD = "a script or a library writes into the connection (sshd from inetd or xinetd, with messages on its output)"
_READ_TEXT = Remedy(side="server", action="read the text: it is what the server, or something in front of it, says")

RULE = Rule(
    ID,
    TITLE,
    "error",
    check,
    messages=together({**BAD_PACKET_LENGTH, **BAD_PACKET_LENGTH_LOGGED}, encrypted={**_CORRUPTED, **_CORRUPTED_LOGGED}),
    instead_of=("closed-during-handshake",),
)
