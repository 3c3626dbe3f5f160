"""A message in the key exchange that may have been inserted.

What it means
    A message without meaning (IGNORE, DEBUG, UNIMPLEMENTED) stands in the clear part of the handshake, there is no
    strict key exchange, and the cipher chosen is one with which the Terrapin attack works. That is how it looks when
    an attacker on the path inserts a message to shift the sequence numbers, so that as many encrypted messages can be
    cut off unnoticed (first of all the server's list of extensions).

How it is known
    The message and both proposals are in the capture, in clear text. RFC 4253 §11 allows such messages at any time;
    no common program sends one there.

When it may be wrong
    A rare or home-made program may send such a message itself. Whether an encrypted message was cut off cannot be
    seen.

What to do
    Record on the machine that seems to have sent it: if the message is not there, somebody inserted it. Update both
    programs to strict key exchange.

References
    CVE-2023-48795; https://terrapin-attack.com; OpenSSH 9.6 release notes
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule

ID = "inserted-message"
TITLE = "A message in the key exchange that may have been inserted"
_MEANINGLESS = (2, 3, 4)


def check(session: Session) -> Iterator[Finding]:
    """Fire on clear IGNORE, DEBUG or UNIMPLEMENTED where Terrapin works."""
    negotiation = session.negotiation
    if negotiation is None or negotiation.terrapin is None or not negotiation.terrapin.exposed:
        return
    suspects = [
        m
        for m in session.messages
        if m.number in _MEANINGLESS
        and f"{m.sender}_to_{'server' if m.sender == 'client' else 'client'}" in negotiation.terrapin.directions
    ]
    if not suspects:
        return
    first = suspects[0]
    count = f"{len(suspects)} such messages" if len(suspects) > 1 else "It"
    yield Finding(
        id=ID,
        severity="warning",
        confidence="medium",
        party="unknown",
        title=TITLE,
        summary=(
            f"{first.name} of the {first.sender} (frame {first.frame}) stands in the key exchange, where Terrapin"
            f" works: {negotiation.terrapin.reason}. {count} may have been inserted on the path, to cut off as many"
            " encrypted messages unnoticed."
        ),
        evidence=tuple(
            Evidence(frame=m.frame, what=f"{m.name} of the {m.sender}", bytes=m.bytes) for m in suspects[:8]
        ),
        causes=(
            "an attacker on the path (Terrapin, CVE-2023-48795)",
            "a program that sends such messages itself",
        ),
        remedies=(
            Remedy(
                side="capture",
                action=f"record on the {first.sender}'s own machine, too: is the message there?",
                command="tcpdump -i any -s 0 -w sender.pcap tcp port " + str(session.server.port),
            ),
            Remedy(side="server", action="update to a version with strict key exchange (OpenSSH 9.6 or later)"),
            Remedy(side="client", action="update to a version with strict key exchange (OpenSSH 9.6 or later)"),
        ),
    )


RULE = Rule(ID, TITLE, "warning", check)
