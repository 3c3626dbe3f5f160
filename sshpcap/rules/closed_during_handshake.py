"""Closed during the handshake.

What it means
    One side closed the connection before it was encrypted, and nothing in the clear says why.

How it is known
    FIN or RST before both sides' SSH_MSG_NEWKEYS, with no DISCONNECT, no failed negotiation and no other finding that
    explains it. What a program may have objected to is named, where something stands out.

When it may be wrong
    Who closed, and when, is as sure as the confidence says. The reason is not in the capture; most programs (OpenSSH,
    PuTTY, Dropbear, Go, libssh) give up without a word.

What to do
    Read the log of the side that closed, at this second, or run the client with `ssh -vvv`. The last message that the
    closing side had received is what it did not like. A server that always closes at the same message without a word
    may crash there: look for `audit: type=1326` or `segfault` in the kernel's log, and for "penalty: caused crash" in
    the log of OpenSSH 9.8 and later (which then refuses the next connections with "Not allowed at this time").

    For a ticket, gather: this capture (whole frames, from the SYN on), the exact text and time that the client shows,
    `ssh -vvv` of one attempt, the server's log at that time, both versions, and whether it happens always.

References
    RFC 4253 §7
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Message, Party, Remedy, Session
from sshpcap.rules.base import Rule, how_it_ended, lost_to_the_capture, with_close
from sshpcap.rules.printed import LATER, fill, later, together

ID = "closed-during-handshake"
TITLE = "Closed during the handshake"


def check(session: Session) -> Iterator[Finding]:
    """Fire on any close before encryption; only asked when nothing else explains it."""
    close = session.close
    if close.how not in ("fin", "rst") or session.outcome != "failed":
        return
    last = _last_received(session)
    saw = f" The last that was acknowledged to have reached it was {last.name} (frame {last.frame})." if last else ""
    forged = " Nothing proves that the side in whose name it was sent did send it." if close.by == "network" else ""
    odd = tuple(_odd(session))
    stands_out = f" What stands out: {'; '.join(what.what for what in odd)}." if odd else ""
    yield Finding(
        id=ID,
        severity="error",
        confidence="medium" if close.confidence == "high" else "low",
        party=close.by,
        title=TITLE,
        summary=(f"{_reached(session)}, then {how_it_ended(session)}.{saw}{forged} {_no_message(session)}{stands_out}"),
        evidence=with_close(
            session, Evidence(frame=last.frame, what=last.name, bytes=last.bytes) if last else None, *odd
        ),
        expected_messages={
            **later(session),
            **_unsent(session),
            **(fill(_CHANGED_LOGGED, session) if _own_part_refused(session) else {}),
        },
        causes=tuple(_causes(session)),
        remedies=(
            Remedy(
                side="server",
                action="read sshd's log at the time of the close",
                command="journalctl -u ssh --since '-10 min'; journalctl -k | grep -E 'sshd.*segfault|type=1326.*sshd'",
            ),
            Remedy(side="client", action="repeat with a verbose client", command="ssh -vvv HOST 2>&1 | tee ssh.log"),
            Remedy(side="capture", action="capture at both ends: it tells a program from something on the path"),
        ),
    )


def _no_message(session: Session) -> str:
    """Nothing says why; as far as the capture has it."""
    if lost_to_the_capture(session):
        return "No message in the capture says why, but the capture does not have all that was sent."
    return "No message says why."


def _last_received(session: Session) -> Message | None:
    """The last message that the closing side's TCP acknowledged before it closed."""
    close = session.close
    other = {"client": "server", "server": "client"}.get(close.by)
    received = [
        m
        for m in session.messages
        if m.sender == other and m.acknowledged and close.frame is not None and m.frame < close.frame
    ]
    return received[-1] if received else None


def _reached(session: Session) -> str:
    """How far it got, with the side that got there alone."""
    stage = session.close.stage
    words = _STAGES[stage]
    if stage in ("identification", "kexinit"):
        what = "identification" if stage == "identification" else "SSH_MSG_KEXINIT"
        senders = {m.sender for m in session.messages if m.name == what}
        if len(senders) == 1:
            return f"The handshake got to {_ALONE[stage]} of the {senders.pop()} alone"
    return f"The handshake got to {words}"


def _causes(session: Session) -> Iterator[str]:
    yield from _silent_negotiation(session)
    yield from _gssapi(session)
    yield from _at_this_step(session)
    yield "the program of the closing side did not like the last message"
    if session.close.by == "server":
        yield "the server's process crashed or was killed at this point (out of memory, seccomp, a bug)"
        if _own_part_refused(session):
            yield _CHANGED
        yield "a proxy in front of the server lost its backend"
    elif session.close.by == "client":
        yield "the user or a time limit of the program ended it"
    yield "a firewall or intrusion prevention system cut the connection"


def _gssapi(session: Session) -> Iterator[str]:
    """A server that leaves behind the client's ticket: OpenSSH's says why in its log alone."""
    names = [m.name for m in session.messages]
    asked, answered = "SSH_MSG_KEXGSS_INIT" in names, "SSH_MSG_KEXGSS_COMPLETE" in names
    if session.close.by == "server" and asked and not answered:
        yield (
            "the server did not accept the client's Kerberos ticket: its keytab has another key or no such name, or the"
            " clocks differ (its log says which: LogLevel DEBUG; `klist -ek` lists the keytab)"
        )


def _at_this_step(session: Session) -> Iterator[str]:
    """What is likely because of the step at which it ended, and of how long it stood still there."""
    waiting, close = session.awaited, session.close
    long = waiting is not None and waiting.waited.ns >= _LONG_NS
    if waiting is not None and long and close.by == waiting.party == "client" and session.client.kexinit is None:
        yield (
            "the client wanted the server's identification string or proposal and no more, as scanners and monitoring"
            " do: a program that logs in proposes within milliseconds"
        )
    elif waiting is not None and long and close.by == waiting.party == "server":
        yield "the server's program hung at this step, until a time limit of its own ended it"


def _own_part_refused(session: Session) -> bool:
    """The server closed at the client's part of the key exchange, which is as the proposals in the capture want it."""
    last = _last_received(session)
    if session.close.by != "server" or last is None or last.number is None or session.negotiation is None:
        return False
    return session.close.stage == "kex" and session.negotiation.agreed and last.number in _KEX_NUMBERS


_LONG_NS = 2_000_000_000
_KEX_NUMBERS = range(30, 50)
_CHANGED = (
    "the proposals were changed on the way (a downgrade attempt, a broken proxy): the server then agreed on another"
    " method than this capture shows; compare both proposals with a capture at the server"
)


def _odd(session: Session) -> Iterator[Evidence]:
    """What a program may have objected to: visible in the clear, though nothing says that it was the reason."""
    for who, party in (("client", session.client), ("server", session.server)):
        yield from _odd_identification(who, party)
    strict = session.negotiation is not None and session.negotiation.strict_kex
    seen: set[str] = set()
    for message in session.messages:
        if message.kind != "message" or message.number is None:
            continue
        if strict and message.name in _FOREIGN_TO_KEX:
            yield Evidence(
                frame=message.frame, what=f"{message.name} of the {message.sender}, which strict key exchange forbids"
            )
        elif message.name == "SSH_MSG_KEXGSS_ERROR":
            text = str(message.fields.get("message", ""))[:_SHOWN_ERROR]
            yield Evidence(frame=message.frame, what=f'GSSAPI says: "{text}"')
        elif message.number >= _FIRST_AFTER_KEX:
            yield Evidence(
                frame=message.frame, what=f"{message.name} of the {message.sender} in the clear, before encryption"
            )
        elif strict and message.number != _KEXINIT and message.sender not in seen:
            yield Evidence(
                frame=message.frame,
                what=(
                    f"the first message of the {message.sender} is not SSH_MSG_KEXINIT, as strict key exchange demands"
                ),
            )
        seen.add(message.sender)
    yield from _odd_group(session)


def _odd_identification(who: str, party: Party) -> Iterator[Evidence]:
    identification = party.identification
    if identification is not None:
        if len(identification.raw) > _LONGEST_IDENTIFICATION:
            yield Evidence(
                frame=identification.frame, what=f"the {who}'s identification string is longer than 255 octets"
            )
        if b"\0" in identification.raw or b"\r" in identification.raw:
            yield Evidence(frame=identification.frame, what=f"the {who}'s identification string holds NUL or CR")
    elif party.pre_identification and party.pre_identification[0].startswith("SSH-"):
        frame = party.unreadable.frame if party.unreadable else None
        if frame is not None:
            yield Evidence(
                frame=frame,
                what=(
                    f"the {who}'s identification string has no end"
                    f" ({party.unreadable.reason if party.unreadable else ''})"
                ),
            )


def _odd_group(session: Session) -> Iterator[Evidence]:
    asked = next((m for m in session.messages if m.name == "SSH_MSG_KEX_DH_GEX_REQUEST"), None)
    given = next((m for m in session.messages if m.name == "SSH_MSG_KEX_DH_GEX_GROUP"), None)
    if asked is None or given is None:
        return
    least, bits = asked.fields.get("min"), given.fields.get("p_bits")
    if isinstance(least, int) and isinstance(bits, int) and bits < least:
        yield Evidence(
            frame=given.frame,
            what=f"the server's group has {bits} bits, the client had asked for {least} or more (frame {asked.frame})",
        )


_KEXINIT = 20
_FIRST_AFTER_KEX = 50
_SHOWN_ERROR = 300
_LONGEST_IDENTIFICATION = 253
"""RFC 4253 §4.2: 255 octets with CR and LF."""
_FOREIGN_TO_KEX = ("SSH_MSG_IGNORE", "SSH_MSG_DEBUG", "SSH_MSG_UNIMPLEMENTED")


def _silent_negotiation(session: Session) -> tuple[str, ...]:
    """PuTTY and libssh give up without sending their own proposal when the server's, read first, does not fit."""
    client = session.client
    known = client.identification is not None and client.identification.implementation in ("PuTTY", "libssh")
    if known and session.close.by == "client" and session.server.kexinit and not client.kexinit:
        return (
            (
                "the client found no algorithm in common with the server's proposal: this program then leaves without"
                " its own"
            ),
        )
    return ()


_ALONE = {"identification": "the identification string", "kexinit": "the proposal"}
_STAGES = {
    "tcp": "an open TCP connection",
    "identification": "the identification strings",
    "kexinit": "the exchange of proposals",
    "kex": "the key exchange",
    "newkeys": "the host key and the end of the key exchange",
    "encrypted": "encryption",
}


def _unsent(session: Session) -> dict[str, str]:
    """What PuTTY prints when it gives up before its own proposal leaves it."""
    if not _silent_negotiation(session):
        return {}

    return fill(_UNSENT, session, slot="KIND", list="LIST")


_UNSENT = {
    "putty_unsent_proposal": "Couldn't agree a {slot} (available: {list})",
    "putty_debian_0_78_unsent_proposal": 'Selected {slot} "{list}" does not correspond to any supported algorithm',
}

_CHANGED_LOGGED = {
    "sshd_log_if_changed_on_the_way": (
        "ssh_dispatch_run_fatal: Connection from {client} port {client_port}: incorrect signature [preauth]"
    ),
}

RULE = Rule(
    ID, TITLE, "error", check, fallback=True, messages=together(LATER, proposal=_UNSENT, otherwise=_CHANGED_LOGGED)
)
