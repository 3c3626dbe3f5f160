"""A Diffie-Hellman group of a size that one side does not take.

What it means
    In the group exchange (diffie-hellman-group-exchange-*) the client asks for a group between two sizes and the
    server chooses one. Either the server's group is smaller than the client asked for ("DH GEX group out of range" at
    OpenSSH's client, which wants 2,048 bits or more since 7.2), or the client asked for sizes that the server does
    not have (sshd offers 2,048 to 8,192 bits, and closes without a word otherwise).

How it is known
    The sizes asked for and the size of the prime are in the clear in the two messages; the side that does not take
    them closed right after.

When it may be wrong
    The sizes are certain. That sshd closed because of the request is an inference from its limits, where nothing else
    stands out (medium confidence for other servers).

What to do
    Server: make larger groups (`ssh-keygen -M`), or take the group exchange out of `KexAlgorithms` and leave fixed
    groups and elliptic curves. Client: choose another key exchange method that the server offers.

References
    RFC 4419 §3; moduli(5); OpenSSH 7.2 release notes
"""

from collections.abc import Iterator

from sshpcap.model import Confidence, Evidence, Finding, Message, Remedy, Session
from sshpcap.rules.base import Rule, first, how_it_ended, lost_to_the_capture, shown, with_close
from sshpcap.rules.printed import LATER, fill, later, together

ID = "group-out-of-range"
TITLE = "A Diffie-Hellman group of a size that one side does not take"
_SMALLEST, _LARGEST = 2048, 8192
_TOO_SMALL = {
    "openssh_client": "ssh_dispatch_run_fatal: Connection to {server} port {port}: DH GEX group out of range",
    "sshd_log": "Connection closed by {client} port {client_port} [preauth]",
}
_NOT_THERE = {
    "sshd_log": (
        "ssh_dispatch_run_fatal: Connection from {client} port {client_port}: DH GEX group out of range [preauth]"
    ),
}


def check(session: Session) -> Iterator[Finding]:
    """Fire when one side closed right after a request or a group that is out of its range."""
    if session.stage not in ("kexinit", "kex") or session.close.how not in ("fin", "rst") or session.close.disconnect:
        return
    asked = first(session, "client", "SSH_MSG_KEX_DH_GEX_REQUEST")
    given = first(session, "server", "SSH_MSG_KEX_DH_GEX_GROUP")
    if asked is None:
        return
    least, most = _number(asked, "min"), _number(asked, "max")
    if given is not None:
        bits = _number(given, "p_bits")
        too_small = bits is not None and least is not None and bits < least
        if too_small and session.close.by == "client" and not _answered(session):
            yield _too_small(session, asked, given, f"{bits:,} bits", f"{least:,}")
        return
    if least is None or most is None or session.close.by != "server":
        return
    if least > _LARGEST or most < _SMALLEST or least > most:
        yield _not_there(session, asked, f"{least:,} to {most:,} bits")


def _number(message: Message, name: str) -> int | None:
    value = message.fields.get(name)
    return value if isinstance(value, int) else None


def _answered(session: Session) -> bool:
    return first(session, "client", "SSH_MSG_KEX_DH_GEX_INIT") is not None


def _too_small(session: Session, asked: Message, given: Message, size: str, least: str) -> Finding:
    return Finding(
        id=ID,
        severity="error",
        confidence="medium" if lost_to_the_capture(session) else "high",
        party="server",
        title=TITLE,
        summary=(
            f"The client asked for a group of {least} bits or more (frame {asked.frame}), the server's has {size}"
            f" (frame {given.frame}); {how_it_ended(session)}."
        ),
        evidence=with_close(
            session, shown(asked, "what the client asked for"), Evidence(frame=given.frame, what=f"a group of {size}")
        ),
        expected_messages=fill(_TOO_SMALL, session),
        causes=("the server's file of groups (/etc/ssh/moduli) has only small ones, or it is an old device",),
        remedies=_REMEDIES,
    )


def _not_there(session: Session, asked: Message, range_: str) -> Finding:
    server = session.server.identification
    openssh = server is not None and server.implementation == "OpenSSH"
    sure: Confidence = "high" if openssh and not lost_to_the_capture(session) else "medium"
    return Finding(
        id=ID,
        severity="error",
        confidence=sure,
        party="client",
        title=TITLE,
        summary=(
            f"The client asked for a group of {range_} (frame {asked.frame}), sshd offers 2,048 to 8,192;"
            f" {how_it_ended(session)}."
        ),
        evidence=with_close(session, shown(asked, "what the client asked for")),
        expected_messages={**later(session), **fill(_NOT_THERE, session)},
        causes=("the client demands sizes that no common server has (a wrong setting, or a very old client)",),
        remedies=_REMEDIES,
    )


_REMEDIES = (
    Remedy(
        side="server",
        action="make groups of a good size (takes minutes to hours)",
        command=(
            "ssh-keygen -M generate -O bits=3072 moduli.candidates &&"
            " ssh-keygen -M screen -f moduli.candidates moduli.new && cp moduli.new /etc/ssh/moduli"
        ),
    ),
    Remedy(
        side="server",
        action="or offer no group exchange. sshd_config, then reload sshd:",
        command="KexAlgorithms -diffie-hellman-group-exchange-*",
        risk="old clients that know nothing else can no longer connect",
    ),
    Remedy(
        side="client",
        action="choose a method with elliptic curves or a fixed group, if the server has one",
        command="ssh -o KexAlgorithms=curve25519-sha256,ecdh-sha2-nistp256,diffie-hellman-group14-sha256 HOST",
    ),
)

RULE = Rule(ID, TITLE, "error", check, messages=together(_TOO_SMALL, otherwise=LATER, request=_NOT_THERE))
