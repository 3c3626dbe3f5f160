"""A side broke the protocol.

What it means
    Octets that are neither an identification string nor an SSH packet stand where one should be, or a message
    contradicts itself. The receiver gives up, often with a number that nobody understands: "Bad packet length
    1231976033" is the text "Inva" read as a length.

How it is known
    The octets are in the capture; the finding names the frame, the place in the stream, and what a receiver reads
    there.

When it may be wrong
    That these octets are not what RFC 4253 demands is certain when the capture is complete. Who put them there is
    not: the program at that address, or something between.

What to do
    If they are text, read it: servers explain themselves that way ("Invalid SSH identification string." usually means
    that something in front of the server sent a line first, such as a PROXY header). Otherwise capture at both ends
    and compare.

References
    RFC 4253 §4.2, §6
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Party, Remedy, Session, Who
from sshpcap.rules.base import Rule, client_place, how_it_ended, server_place, with_close
from sshpcap.ssh import plain_text

ID = "malformed-message"
TITLE = "A side broke the protocol"
_SHOWN = 80


def check(session: Session) -> Iterator[Finding]:
    """Fire on octets that could not be cut, or on a message that could not be parsed."""
    if session.stage == "encrypted":
        return
    sides: tuple[tuple[Who, Party], ...] = (("client", session.client), ("server", session.server))
    for who, party in sides:
        if party.identification is None:
            continue  # not-an-ssh-client, not-an-ssh-server
        malformed = next((m for m in session.messages if m.kind == "malformed" and m.sender == who), None)
        odd = party.unreadable
        if odd is not None and odd.packet_length is not None:
            text = odd.text if len(odd.text) <= _SHOWN else odd.text[:_SHOWN] + "…"
            said = next((m for m in session.messages if m.kind == "text" and m.sender == who), None)
            complaint = plain_text.complaint(str(said.fields["text"])) if said else None
            if complaint and not _plain_client(session):
                continue  # the answer to a bad first line of the client, which has a finding of its own
            meaning = f" That is plain text: {complaint.meaning}." if complaint else ""
            yield _finding(
                session,
                who,
                f'Where a packet of the {who} should begin stand the octets "{text}" (frame {odd.frame}); a receiver'
                f" takes the first four for a packet length of {odd.packet_length}.{meaning}",
                Evidence(frame=odd.frame, what=odd.reason, bytes=odd.bytes),
                odd.packet_length,
                complaint is not None,
            )
        elif malformed is not None and malformed.name != "identification":
            reason = f"{malformed.fields.get('malformed_field')}: {malformed.fields.get('malformed_reason')}"
            yield _finding(
                session,
                who,
                f"The {who}'s {malformed.name} (frame {malformed.frame}) contradicts itself: {reason}.",
                Evidence(frame=malformed.frame, what=reason, bytes=malformed.bytes),
                None,
                False,
            )


def _plain_client(session: Session) -> bool:
    """The client's identification string, as captured here, gives no reason to complain."""
    identification = session.client.identification
    return (
        identification is not None
        and not session.client.pre_identification
        and identification.protocol_version in ("2.0", "1.99")
    )


def _finding(
    session: Session, who: Who, what: str, evidence: Evidence, length: int | None, complained: bool
) -> Finding:
    messages = {}
    if length is not None:
        reader = "openssh_client" if who == "server" else "sshd_log"
        place = f"to {server_place(session)}" if who == "server" else f"from {client_place(session)}"
        messages = {
            reader: (
                f"Bad packet length {length}. / ssh_dispatch_run_fatal: Connection {place}: "
                "message authentication code incorrect"
            ),
            "dropbear": f"Integrity error (bad packet size {(length + 4) % (1 << 32)})",
        }
        if who == "server":
            messages["putty"] = "Incoming packet was garbled on decryption"
    return Finding(
        id=ID,
        severity="error",
        confidence="medium" if session.coverage.gaps or session.coverage.midstream else "high",
        party="network" if complained else who,
        title=TITLE,
        summary=f"{what} In the end {how_it_ended(session)}.",
        evidence=with_close(session, evidence),
        expected_messages=messages,
        causes=(
            _CAUSES_OF_COMPLAINT
            if complained
            else (
                f"the {who}'s program broke the protocol, or is not an SSH program",
                "a proxy or middlebox put octets into the stream",
            )
        ),
        remedies=_REMEDIES_OF_COMPLAINT if complained else _REMEDIES,
    )


_CAUSES_OF_COMPLAINT = (
    "a load balancer or proxy between capture point and server puts a PROXY header in front of the client's line",
    (
        "the client's identification string has octets that the server does not accept (NUL, CR), or was changed on"
        " the way"
    ),
)
_REMEDIES = (Remedy(side="capture", action="capture at both ends and compare the streams octet by octet"),)
_REMEDIES_OF_COMPLAINT = (
    Remedy(
        side="network",
        action=(
            "switch the PROXY header off for the SSH backend (HAProxy: remove send-proxy), or put a program in front"
            " of sshd that understands it (mmproxy)"
        ),
    ),
    *_REMEDIES,
)

RULE = Rule(ID, TITLE, "error", check)
