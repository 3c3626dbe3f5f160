"""What the path did to a connection: the one decision that the findings about lost segments share.

`trouble` looks at what was sent again and again, at what is missing, and at what got through meanwhile, and says which
of a few things happened; each has a finding of its own. What fits none of them is left to `stalled`.
"""

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from sshpcap.model import Confidence, Evidence, IcmpReport, Message, Missing, Repeat, Reset, Session, TcpSide, Who
from sshpcap.rules.base import duration

Kind = Literal["too-big", "identification", "one-way", "silent", "rejected"]

_MANY: Final = 3
_SURELY: Final = 5
"""Copies of one segment that loss does not hit one after the other while others pass."""
_AFTER: Final = 2
_SPAN_NS: Final = 1_000_000_000
"""Two or three retransmission timeouts: a burst of loss is over by then."""
SMALL: Final = 512
"""Octets that every path carries in one packet (RFC 791 §3.1: 576 with the headers)."""
_WAITED_NS: Final = 3_000_000_000

_BURST: Final = 4
"""Segments in a row; of an ordinary burst of loss some get through."""

IDLE_MARKS: Final = (
    (60, "60 s, a default of many load balancers and proxies"),
    (120, "2 min, of some firewalls and carrier NAT"),
    (240, "4 min, Azure's load balancer and NAT gateway"),
    (300, "5 min, of many routers and firewalls"),
    (350, "350 s, AWS's Network Load Balancer and NAT gateway"),
    (600, "10 min, Google Cloud"),
    (900, "15 min, of many firewalls"),
    (1800, "30 min, of many firewalls"),
    (3600, "1 h, of many firewalls"),
    (7200, "2 h, when Linux sends its first TCP keep-alive"),
)
"""After how long a silence boxes forget a connection: common defaults, in seconds."""
IDLE_WORTH_NS: Final = 58_000_000_000


class Trouble(NamedTuple):
    """What happened to the octets of one side."""

    kind: Kind
    confidence: Confidence
    sender: Who
    """The side whose octets did not get through."""
    repeat: Repeat | None = None
    missing: Missing | None = None
    icmp: IcmpReport | None = None
    proof: int | None = None
    """A frame that makes the difference."""


def trouble(session: Session) -> Trouble | None:
    """What the path did, if it can be told."""
    if session.close.how in ("icmp", "never_opened") or handshake_open(session) is not None:
        return None
    for repeat in session.tcp.repeats:
        if repeat.times < _MANY or repeat.span.ns < _SPAN_NS or _over(session, repeat):
            continue
        found = _unacknowledged(session, repeat) if repeat.acknowledged is None else _acknowledged(session, repeat)
        if found is not None:
            return found
    return _unseen(session)


def recovered(session: Session) -> Repeat | None:
    """Octets that got through only after seconds of repeating."""
    for repeat in session.tcp.repeats:
        if repeat.acknowledged is None or repeat.acknowledged < repeat.last_frame:
            continue  # far from its sender acknowledgements come by before the last copies do
        if repeat.times > _MANY and repeat.span.ns >= _WAITED_NS:
            return repeat
    return None


def _over(session: Session, repeat: Repeat) -> bool:
    """The connection had been closed before: what is repeated behind a close explains nothing."""
    close = session.close
    if close.how in ("fin", "rst") and close.frame is not None and close.frame < repeat.frames[0]:
        return True
    return any(
        reset.sender != repeat.sender
        and reset.frame > repeat.frames[0]
        and not _of_one_that_left(session, reset, repeat)
        for reset in session.tcp.resets
    )


def _of_one_that_left(session: Session, reset: Reset, repeat: Repeat) -> bool:
    """A RST behind a FIN answers what came too late, and had not ended the repetition; not where it may answer that:
    then the octets got through at last."""
    close = session.close
    behind = close.how == "fin" and close.frame is not None and reset.frame > close.frame
    return behind and reset.answers != repeat.last_frame


def _unacknowledged(session: Session, repeat: Repeat) -> Trouble | None:
    sender = repeat.sender
    rejected = next((e for e in session.tcp.icmp if e.about == sender and _rejects(e, repeat)), None)
    if rejected is not None:
        # Of one side alone it is not seen what was acknowledged.
        return Trouble("rejected", "medium" if session.coverage.one_sided else "high", sender, repeat, icmp=rejected)
    if session.coverage.one_sided:
        return None  # what the other side said is not in the capture
    if side_of(session, other_of(sender)).last_window == 0:
        return None  # a full receiver is asked again and again: receiver-stuck
    greeting = next((m for m in session.messages if m.sender == sender and m.kind == "identification"), None)
    if greeting is not None and repeat.passed is not None and _within(greeting, repeat):
        sure: Confidence = "medium" if repeat.times < _SURELY else "high"
        if lossy(session):
            sure = "medium" if sure == "high" else "low"
        return Trouble("identification", sure, sender, repeat, proof=repeat.passed)
    too_big = next((e for e in session.tcp.icmp if e.about == sender and _says_too_big(e)), None)
    if repeat.length > SMALL and repeat.passed_length < repeat.length and (repeat.passed is not None or too_big):
        by_size: Confidence = "medium" if lossy(session, repeat) and too_big is None else "high"
        return Trouble("too-big", by_size, sender, repeat, icmp=too_big, proof=repeat.passed)
    unheard = next((r for r in session.tcp.repeats if r.sender != sender and r.after >= _AFTER), None)
    if unheard is not None:
        return Trouble("one-way", _unless_lossy(session, unheard), sender, repeat, proof=unheard.last_frame)
    early = repeat.frames[min(2, len(repeat.frames) - 1)]
    if repeat.heard is None or repeat.heard < early:
        # A large segment may be all that is lost: who has everything else has nothing to say.
        large = repeat.length > SMALL and repeat.passed_length < repeat.length
        # Of frames that were cut short, ICMP errors are not read.
        unsure = large or session.coverage.truncated_by_snaplen
        return Trouble("silent", "medium" if unsure else "high", sender, repeat)
    large = repeat.length > SMALL and repeat.passed_length < repeat.length
    if large and _alone(session, repeat) and not _small_one_lost(session, repeat):
        return Trouble("too-big", "medium", sender, repeat)
    return Trouble("one-way", "medium", sender, repeat, proof=repeat.heard)


def lossy(session: Session, repeat: Repeat | None = None) -> bool:
    """Whether the opening had to be repeated, too, or others than these octets, which got through at last: loss may
    then have hit the same octets every time by chance."""
    opening = any(sum(entry.kind == kind for entry in session.timeline) > 1 for kind in ("syn", "syn-ack"))
    return opening or any(
        one is not repeat and one.acknowledged is not None and not one.after and not one.probe
        for one in session.tcp.repeats
    )


def _unless_lossy(session: Session, repeat: Repeat) -> Confidence:
    return "medium" if lossy(session, repeat) else "high"


def found_smaller(late: Repeat) -> bool:
    """Octets that got through when they were sent in smaller segments: the path carries less."""
    return late.length > SMALL and late.passed is not None and max(late.passed_length, late.last_length) < late.length


def _alone(session: Session, repeat: Repeat) -> bool:
    """Nothing else of its side waits for an acknowledgement: no small segment was lost beside it, as far as is seen."""
    if session.coverage.truncated_by_snaplen:
        return True  # SACK blocks, which would tell of others, may be cut off
    waiting = side_of(session, repeat.sender).unacknowledged
    return waiting is not None and waiting <= repeat.bytes[1] - repeat.bytes[0] + 1


def _small_one_lost(session: Session, repeat: Repeat) -> bool:
    """What is repeated began with a message that was sent by itself, is small, and was lost as well."""
    mine = [message for message in session.messages if message.sender == repeat.sender]
    return any(
        message.acknowledged is False
        and repeat.bytes[0] <= message.bytes[0]
        and message.bytes[1] - message.bytes[0] < SMALL
        and not any(other is not message and set(other.frames) & set(message.frames) for other in mine)
        for message in mine
    )


def _rejects(error: IcmpReport, repeat: Repeat) -> bool:
    """An error that answers these octets, or came again and again."""
    return error.refuses and not error.opening and (error.frame > repeat.frames[0] or error.times > 1)


def _acknowledged(session: Session, repeat: Repeat) -> Trouble | None:
    """Sent on and on although acknowledged, and nothing else since: the acknowledgements do not arrive."""
    if repeat.after < _AFTER or (side_of(session, repeat.sender).last_data_frame or 0) > repeat.last_frame:
        return None
    other: Who = "server" if repeat.sender == "client" else "client"
    return Trouble("one-way", _unless_lossy(session, repeat), other, repeat, proof=repeat.acknowledged)


def _unseen(session: Session) -> Trouble | None:
    """The same seen from the other end: octets that never came by, although later ones did."""
    if session.outcome == "encrypted":
        return _unseen_later(session)
    waiting = session.awaited
    if waiting is None or waiting.waited.ns < _WAITED_NS or waiting.party == "unknown":
        return None
    for missing in session.tcp.missing:
        if missing.sender != waiting.party:
            continue
        side = side_of(session, missing.sender)
        size = missing.bytes[1] - missing.bytes[0] + 1
        # Without any payload of that side the line, which is short, did not get through either.
        short_too = side.largest >= size or not side.largest
        if waiting.what == "its identification string" and missing.bytes[0] == 1 and short_too:
            weak: Confidence = "low" if lossy(session) else "medium"
            return Trouble("identification", weak, missing.sender, missing=missing, proof=missing.shown_by)
        if size > SMALL and side.largest < size:
            about_other = next((e for e in session.tcp.icmp if _says_too_big(e)), None)
            return Trouble(
                "too-big", "medium", missing.sender, missing=missing, icmp=about_other, proof=missing.shown_by
            )
    return None


def _unseen_later(session: Session) -> Trouble | None:
    """The same of a connection in use: what is missing is a burst, or was waited for as long as TCP repeats often."""
    for missing in session.tcp.missing:
        side = side_of(session, missing.sender)
        size = missing.bytes[1] - missing.bytes[0] + 1
        near = session.tcp.vantage.place == other_of(missing.sender) and size > _BURST * max(side.largest, SMALL)
        if size > max(side.largest, SMALL) and (near or missing.waited.ns >= _WAITED_NS):
            sure: Confidence = "low" if lossy(session) else "medium"
            return Trouble("too-big", sure, missing.sender, missing=missing, proof=missing.shown_by)
    return None


def _within(message: Message, repeat: Repeat) -> bool:
    return message.bytes[0] <= repeat.bytes[0] and repeat.bytes[1] <= message.bytes[1]


def _says_too_big(error: IcmpReport) -> bool:
    return error.name.startswith(("fragmentation needed", "packet too big"))


def side_of(session: Session, who: Who) -> TcpSide:
    """The TCP facts of one side."""
    return session.tcp.client if who == "client" else session.tcp.server


def other_of(who: Who) -> Who:
    """The other side."""
    return "server" if who == "client" else "client"


def repeated(repeat: Repeat) -> str:
    """What was sent again, as a clause: "the client sent the same 1,448 octets 8 times in 13.1 s (frames 8 to 20)"."""
    if repeat.probe:
        return (
            f"the {repeat.sender} asked {repeat.times} times in {duration(repeat.span.ns)} whether the other side is"
            f" still there (TCP keep-alives, frames {repeat.frames[0]} to {repeat.last_frame})"
        )
    return (
        f"the {repeat.sender} sent the same {repeat.length:,} octets {repeat.times} times in"
        f" {duration(repeat.span.ns)} (frames {repeat.frames[0]} to {repeat.last_frame})"
    )


def sent_evidence(repeat: Repeat) -> Iterator[Evidence]:
    """The first and the last time of a repetition."""
    if repeat.probe:
        yield Evidence(frame=repeat.frames[0], what=f"TCP keep-alive of the {repeat.sender}")
        yield Evidence(frame=repeat.last_frame, what="the last one, also without an answer")
        return
    yield Evidence(frame=repeat.frames[0], what=f"{repeat.length:,} octets of the {repeat.sender}", bytes=repeat.bytes)
    yield Evidence(frame=repeat.last_frame, what="the same again, for the last time", bytes=repeat.bytes)


def seen_from(session: Session, sender: Who) -> str:
    """What the capture point adds: near the sender, "sent" is certain and "arrived" is not; and the other way round."""
    point = session.tcp.vantage
    if point.place == sender:
        return (
            f" The capture was taken on the {sender}'s side{_hedge(point.confidence)}: that it was sent is certain,"
            f" where it was lost is not; a capture at the {other_of(sender)} shows whether it arrives."
        )
    if point.place == other_of(sender):
        return (
            f" The capture was taken on the {point.place}'s side{_hedge(point.confidence)}, so these segments came"
            f" nearly all the way: the {point.place}'s host (its firewall, a full queue, a crash) or something right in"
            " front of it swallows them."
        )
    return ""


def _hedge(confidence: Confidence) -> str:
    return "" if confidence == "high" else " (by the TTLs)"


def idle_mark(ns: int | None) -> str | None:
    """The typical limit that a silence has reached or just passed, in words."""
    if ns is None or ns < IDLE_WORTH_NS:
        return None
    reached = [words for seconds, words in IDLE_MARKS if ns >= seconds * 1_000_000_000]
    return reached[-1] if reached else None


def begun(session: Session, clause: str) -> str:
    """A clause as a sentence that says where in SSH this happened."""
    if session.outcome == "encrypted":
        return f"The handshake completed, and the connection was in use. Then {clause}"
    return capital(clause)


def capital(clause: str) -> str:
    """A clause as the beginning of a sentence."""
    return clause[:1].upper() + clause[1:]


class Opening(NamedTuple):
    """A TCP handshake that was answered and came to nothing."""

    kind: Literal["unanswered", "late", "swallowed", "scan"]
    answers: tuple[int, ...]
    """Frames of the SYN-ACKs."""
    frame: int | None = None
    """The client's RST."""
    waited: int = 0
    """Nanoseconds from the first SYN to that."""
    repeat: Repeat | None = None


def handshake_open(session: Session) -> Opening | None:
    """What became of a SYN that was answered, where nothing more came of it."""
    client, server = session.tcp.client, session.tcp.server
    given = [row for row in session.timeline if row.kind == "syn-ack" and row.frame is not None]
    # Frames of the server that are not SYN-ACKs show that the connection opened; so does a SYN of the server's.
    if not given or server.frames > len(given) or session.tcp.originator != "client" or session.coverage.gaps:
        return None
    asked = [row for row in session.timeline if row.kind == "syn" and row.frame is not None]
    answers = tuple(row.frame for row in given if row.frame is not None)
    refusals = [reset for reset in session.tcp.resets if reset.sender == "client" and reset.form == "gone"]
    if client.frames == len(asked) + len(refusals) and not client.bytes:
        if not refusals:
            return Opening("unanswered", answers) if len(answers) > 1 else None
        waited = refusals[0].time.ns - (asked or given)[0].time.ns
        if waited >= _GAVE_UP_NS or len(asked) > 1 or len(answers) > 1:
            return Opening("late", answers, refusals[0].frame, waited)
        return Opening("scan", answers, refusals[0].frame, waited)
    stuck = next((r for r in session.tcp.repeats if r.sender == "client" and r.acknowledged is None), None)
    if stuck is not None and stuck.times >= _MANY and stuck.bytes[0] == 1:
        return Opening("swallowed", answers, repeat=stuck)
    return None


_GAVE_UP_NS: Final = 900_000_000
"""A scanner answers at once; who had waited for the SYN-ACK for about the first retry was slow."""
