"""A PROXY header in front of the identification string, and a server that does not expect it.

What it means
    A load balancer puts a line (or, version 2, some octets) in front of the client's own octets, to tell the server
    the true address. sshd does not know the PROXY protocol and takes the header for a broken identification string.
    The client has done nothing wrong, and sees something strange: "Bad packet length 1231976033" is the server's
    "Inva…lid SSH identification string." read as the length of a packet.

How it is known
    Between load balancer and server the header itself is in the capture, before "SSH-2.0-". Between client and load
    balancer there is only the answer: behind the server's identification string comes the plain text "Invalid SSH
    identification string." (OpenSSH 8.0 and later; "Protocol mismatch." up to 7.9 and in others), although the
    client's own identification string, as captured, is in order.

When it may be wrong
    With the header in the capture: high confidence. Without it: that the server did not like its client's first line
    is certain, that something in front of the server changed or preceded that line follows from it; a PROXY header is
    the usual way, but an intrusion prevention system or another proxy could do the same. Then it is said with medium
    confidence; a capture on the server settles it.

What to do
    Switch the header off for the SSH backend: HAProxy `server … send-proxy` or `send-proxy-v2`, "Proxy Protocol v2" of
    a cloud load balancer's target group, nginx stream `proxy_protocol on`. If sshd must know the true addresses, put a
    program in front of it that understands the header (mmproxy, go-mmproxy).

References
    The PROXY protocol (HAProxy), sections 2.1 and 2.2; RFC 4253 §4.2
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Message, Remedy, Session
from sshpcap.rules.base import Rule, first, how_it_ended, shown, with_close
from sshpcap.rules.other_client import LOGGED, PROXY_PROTOCOLS, client_finding, complaint, other_client
from sshpcap.rules.printed import bad_packet_length, together

ID = "proxy-header-unexpected"
TITLE = "A PROXY header that the server does not expect"
_CLIENT = {
    "openssh_client": (
        "Bad packet length 1231976033. / ssh_dispatch_run_fatal: Connection to {server} port {port}: message"
        " authentication code incorrect"
    ),
    "putty": "Incoming packet was garbled on decryption",
    "dropbear": "Integrity error (bad packet size 1231976037)",
}
_BEHIND_PROXY = {
    "sshd_log": 'kex_exchange_identification: client sent invalid protocol identifier "PROXY',
    "sshd_log_binary": "kex_exchange_identification: banner line contains invalid characters",
}
"""Where the proxy's own connection is not in the capture, its addresses are not known."""


def check(session: Session) -> Iterator[Finding]:
    """Fire on the header itself, or on the server's complaint about a first line that was in order."""
    spoken = other_client(session)
    if spoken is not None:
        if spoken.protocol in PROXY_PROTOCOLS:
            yield client_finding(
                session,
                spoken,
                id=ID,
                title=TITLE,
                confidence="high",
                named=f"(or what stands in front of it) sent a header of the {spoken.protocol}, which the server"
                " does not expect",
                causes=_CAUSES[:1],
                remedies=_REMEDIES,
            )
        return
    answer = complaint(session)
    greeting = first(session, "client", "identification")
    # The client's octets from the first on are there: whatever else the capture lost, this line was in order.
    if answer is not None and greeting is not None and greeting.bytes[0] == 1 and _in_order(session):
        yield _from_the_answer(session, answer, greeting)


def _in_order(session: Session) -> bool:
    """The client's identification string, as captured, gives no reason to complain."""
    identification = session.client.identification
    return (
        identification is not None
        and not session.client.pre_identification
        and session.client.preamble is None
        and session.server.identification is not None
        and identification.protocol_version in ("2.0", "1.99")
        and len(identification.raw) <= _LONGEST
        and not any(octet < 32 or octet > 126 for octet in identification.raw)
    )


_LONGEST = 253


def _from_the_answer(session: Session, answer: Message, greeting: Message) -> Finding:
    text = str(answer.fields["text"])
    number = int.from_bytes(text.encode()[:4], "big")
    late = session.coverage.midstream
    where = (
        "The client, before this capture began, or something on the way"
        if late
        else "Something between here and the server"
    )
    return Finding(
        id=ID,
        severity="error",
        confidence="low" if late else "medium",
        party="unknown" if late else "network",
        title=TITLE,
        summary=(
            f'Behind its identification string the server said in plain text "{text}" (frame {answer.frame}): it read a'
            f" first line that is none, although the client's own (frame {greeting.frame}) is in order."
            f" {where} puts octets in front of it, most likely a load balancer's PROXY header (which"
            f' is not in this capture). The client takes the text for a packet: "{text[:4]}" read as a length is'
            f" {number}. In the end {how_it_ended(session)}."
        ),
        evidence=with_close(
            session,
            shown(greeting, "the client's identification string, in order"),
            Evidence(frame=answer.frame, what=f'the server\'s text "{text}"', bytes=answer.bytes),
        ),
        expected_messages={
            **bad_packet_length(session, "server", number),
            **_BEHIND_PROXY,
        },
        causes=_CAUSES,
        remedies=(
            *_REMEDIES,
            Remedy(
                side="capture",
                action="capture on the server: the header, if there is one, stands in front of SSH-2.0-",
                command=f"tcpdump -i any -s 0 -w server.pcap tcp port {session.server.port}",
            ),
        ),
    )


_CAUSES = (
    "a load balancer or proxy sends a PROXY header to a server that does not expect it",
    "another proxy or an intrusion prevention system changes or precedes the client's first line",
)
_REMEDIES = (
    Remedy(
        side="network",
        action="switch the header off for the SSH backend. HAProxy, without send-proxy and send-proxy-v2:",
        command="server ssh1 192.0.2.7:22 check",
        risk="sshd then sees the load balancer's address for every client",
    ),
    Remedy(
        side="server",
        action="or put a program in front of sshd that takes the header and keeps the address (go-mmproxy)",
        command="go-mmproxy -l 0.0.0.0:2222 -4 127.0.0.1:22 -6 '[::1]:22'",
        risk="it needs routes of its own on the server; let only the load balancer reach its port",
    ),
)

RULE = Rule(
    ID,
    TITLE,
    "error",
    check,
    messages=together({**_CLIENT, **LOGGED}, proxy=_BEHIND_PROXY),
    instead_of=("bad-packet-length",),
)
