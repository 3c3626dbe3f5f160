"""One server address showed two different host keys.

What it means
    In this capture, connections to the same address and port were shown different host keys of the same kind. A
    client that knows the one will warn of the other: "REMOTE HOST IDENTIFICATION HAS CHANGED".

How it is known
    Both keys are in the capture in the clear, each with its frame. The finding stands at every connection that was
    shown a key of that kind.

When it may be wrong
    That there were two keys is certain. Whether one of them belongs to an attacker is not in the capture: several
    servers behind one address (load balancer, anycast, NAT), a server that was reinstalled meanwhile, and an address
    that moved to another machine look the same as somebody who stands between.

What to do
    Compare both fingerprints with the keys of every server that may answer at this address. Several servers behind
    one address need the same host keys, or certificates. A key that belongs to none of them: somebody stands between.

References
    RFC 4251 §4.1; ssh(1), VERIFYING HOST KEYS
"""

from collections.abc import Iterator, Sequence

from sshpcap.model import Evidence, Finding, HostKey, Remedy, Session, ShownKey
from sshpcap.rules.base import Rule, duration, server_place
from sshpcap.rules.company import Company
from sshpcap.rules.host_key_not_accepted import MESSAGES, messages

ID = "host-key-differs"
TITLE = "One server address showed two different host keys"
_MESSAGES = {
    "openssh_client_that_knows_the_other_key": MESSAGES["openssh_client_changed_key"],
    "putty_that_knows_the_other_key": MESSAGES["putty_changed_key"],
}


def check(session: Session) -> Iterator[Finding]:
    """Fire at a connection whose server showed another key of this kind before: all that is known while it goes on."""
    key = session.host_key
    if key is not None and key.shown_before:
        yield _differs(session, key, key.shown_before)


def among(session: Session, company: Company) -> Iterator[Finding]:
    """Fire at a connection whose server showed another key of this kind elsewhere in the capture."""
    key = session.host_key
    shown = company.keys.get(key.type, []) if key is not None else []
    others = [other for other in shown if key is not None and other.sha256 != key.sha256]
    if key is not None and others:
        yield _differs(session, key, others)


def _differs(session: Session, key: HostKey, others: Sequence[ShownKey]) -> Finding:
    other = others[0]
    many = f" and {len(others) - 1} more" if len(others) > 1 else ""
    apart = other.time.ns - session.start.ns
    moment = str(other.time)[:19].replace("T", " ")
    when = f"{duration(abs(apart))} {'later' if apart > 0 else 'before'} ({moment} UTC)"
    return Finding(
        id=ID,
        severity="warning",
        confidence="high",
        party="server",
        title=TITLE,
        summary=(
            f"{server_place(session)} showed this connection the {key.type} key {key.sha256} (frame {key.frame}), and"
            f" connection {other.connection}, {when}, the key {other.sha256} (frame {other.frame}){many}."
        ),
        evidence=tuple(
            sorted(
                (
                    Evidence(frame=key.frame, what=f"host key {key.type} {key.sha256}"),
                    Evidence(frame=other.frame, what=f"host key {key.type} {other.sha256}"),
                ),
                key=lambda evidence: evidence.frame,
            )
        ),
        expected_messages=messages(session, key, _MESSAGES),
        causes=(
            "several servers behind one address (load balancer, NAT, anycast), each with keys of its own",
            "the server was reinstalled, got new keys, or its address moved to another machine meanwhile",
            "somebody stands between client and server, or a firewall inspects SSH",
        ),
        remedies=(
            Remedy(
                side="server",
                action="on every server that may answer here: are these its keys?",
                command="for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done",
            ),
            Remedy(
                side="server",
                action="several servers behind one address: the same host keys on all, or certificates for them",
                risk="one stolen key impersonates all of them",
            ),
        ),
    )


RULE = Rule(ID, TITLE, "warning", check, messages=_MESSAGES, among=among)
