"""Closed during the handshake.

What it means
    One side closed the connection before it was encrypted, and nothing in the clear says why.

How it is known
    FIN or RST before both sides' SSH_MSG_NEWKEYS, with no DISCONNECT, no failed negotiation and no other finding that
    explains it. What a program may have objected to is named, where something stands out. So is what a side said in
    the clear before: that it did not understand a packet (SSH_MSG_UNIMPLEMENTED), or a text (SSH_MSG_DEBUG). A reason
    for which the server's program is known to close at this step comes first: Dropbear without a host key, a device
    without a free line, a request for a group of a size that the server lacks.

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
    RFC 4253 §7, §11.3, §11.4
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Message, Party, Remedy, Session, TimelineEntry
from sshpcap.rules import left_at_step
from sshpcap.rules.base import Rule, how_it_ended, lost_to_the_capture, with_close
from sshpcap.rules.objections import debug_text, not_supported, not_understood, not_understood_words
from sshpcap.rules.printed import LATER, fill, later, together
from sshpcap.rules.shown_key import GO, SCANNER_IN_GO

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
        summary=(
            f"{_reached(session)}, then {how_it_ended(session)}.{saw}{_half_said(session)}{forged}"
            f" {_no_message(session)}{stands_out}"
        ),
        evidence=with_close(
            session,
            Evidence(frame=last.frame, what=last.name, bytes=last.bytes) if last else None,
            *_cut_off(session),
            *_said(session),
            *odd,
        ),
        expected_messages={
            **later(session),
            **_unsent(session),
            **(fill(_CHANGED_LOGGED, session) if _own_part_refused(session) else {}),
            **(fill(left_at_step.NO_KEY_LOGGED, session) if left_at_step.lacks_host_key(session, last) else {}),
        },
        causes=(*left_at_step.causes(session, last), *_causes(session)),
        remedies=(
            *left_at_step.remedies(session, last),
            Remedy(
                side="server",
                action="read sshd's log at the time of the close",
                command="journalctl -u ssh --since '-10 min'; journalctl -k | grep -E 'sshd.*segfault|type=1326.*sshd'",
            ),
            Remedy(side="client", action="repeat with a verbose client", command="ssh -vvv HOST 2>&1 | tee ssh.log"),
            *_remedies(session),
            Remedy(side="capture", action="capture at both ends: it tells a program from something on the path"),
        ),
    )


def _remedies(session: Session) -> Iterator[Remedy]:
    if not_supported(session) is not None:
        method = session.negotiation.kex_algorithm.chosen if session.negotiation else None
        yield Remedy(side="client", action=f"try another method of key exchange (ssh -o KexAlgorithms=-{method} HOST)")


def _unfinished(session: Session) -> TimelineEntry | None:
    """The packet of which the closing side had sent a part."""
    if lost_to_the_capture(session):
        return None
    rows = (row for row in session.timeline if row.kind == "unfinished" and row.sender == session.close.by)
    return next((row for row in rows if row.frame is not None), None)


def _cut_off(session: Session) -> Iterator[Evidence]:
    row = _unfinished(session)
    if row is not None and row.frame is not None:
        yield Evidence(frame=row.frame, what=f"the {row.sender} {row.text}")


def _half_said(session: Session) -> str:
    row = _unfinished(session)
    return f" It was still sending: it {row.text} (frame {row.frame})." if row else ""


def _said(session: Session) -> Iterator[Evidence]:
    """What the sides said in the clear that may be the reason."""
    objected, what, text = not_understood(session), not_understood_words(session), debug_text(session)
    if objected is not None and what is not None:
        yield Evidence(frame=objected[0].frame, what=what)
    if text is not None:
        words = str(text.fields["message"])[:_SHOWN_TEXT]
        yield Evidence(frame=text.frame, what=f'the {text.sender} said: "{words}"')


def _no_message(session: Session) -> str:
    """What was said before, or that nothing says why; as far as the capture has it."""
    said = tuple(_said(session))
    if said:
        return "Before that, " + "; ".join(f"{one.what} (frame {one.frame})" for one in said) + "."
    if session.coverage.one_sided is not None:
        return f"No message in the capture says why, but it has only the {session.coverage.one_sided}'s frames."
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
    unsupported = not_supported(session)
    if unsupported is not None:
        yield unsupported
    text = debug_text(session)
    if text is not None:
        yield f"what the {text.sender} says in its debug message"
    yield from _at_this_step(session)
    if _unfinished(session) is not None:
        yield f"the {session.close.by}'s program crashed or was killed while it sent (out of memory, seccomp, a bug)"
    else:
        yield "the program of the closing side did not like the last message"
    if session.close.by == "server" and _unfinished(session) is not None:
        yield "a proxy in front of the server lost its backend"
    elif session.close.by == "server":
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
    client = session.client.identification
    long = waiting is not None and waiting.waited.ns >= _LONG_NS
    if close.by == "client" and client is not None and client.implementation == GO and not long:
        if close.stage in ("identification", "kexinit"):
            yield SCANNER_IN_GO
    elif waiting is not None and long and close.by == waiting.party == "client" and session.client.kexinit is None:
        yield (
            "the client wanted the server's identification string or proposal and no more, as scanners and monitoring"
            " do: a program that logs in proposes within milliseconds"
        )
    elif waiting is not None and long and close.by == waiting.party == "server" and not any(_said(session)):
        yield "the server's program hung at this step, until a time limit of its own ended it"


def _own_part_refused(session: Session) -> bool:
    """The server closed at the client's part of the key exchange, which is as the proposals in the capture want it."""
    last = _last_received(session)
    if _unfinished(session) is not None or session.negotiation is None:
        return False
    if session.close.by != "server" or last is None or last.number is None:
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
            text = str(message.fields.get("message", ""))[:_SHOWN_TEXT]
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
    elif party.pre_identification and party.pre_identification[-1].startswith("SSH-"):
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
_SHOWN_TEXT = 300
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
    ID,
    TITLE,
    "error",
    check,
    fallback=True,
    messages=together(LATER, proposal=_UNSENT, otherwise=_CHANGED_LOGGED | left_at_step.NO_KEY_LOGGED),
)
