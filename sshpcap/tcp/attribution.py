"""How a connection ended and from which side, in TCP's own terms (RFC 9293 §3.5–3.6), with the frames that say so.

A pure function of a recording. It names directions, not roles: the caller lends the words for them. Every statement is
about addresses; that a frame really came from its address is only as sure as what stands in `confidence`.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from sshpcap.frames import ACK, RST, SYN, IcmpError
from sshpcap.model import Confidence, How
from sshpcap.tcp import syns
from sshpcap.tcp.forgery import effective, examine, ttl_fits, ttl_sentence
from sshpcap.tcp.icmp import icmp_name, refuses
from sshpcap.tcp.recorded import Event
from sshpcap.tcp.recorder import Recorder
from sshpcap.tcp.repeats import repeats
from sshpcap.tcp.vantage import vantage

SILENCE_NS: Final = 10_000_000_000
"""A connection without a close is called silent when at least this much was captured behind its last frame."""

By = Literal[0, 1, "network", "unknown"]
Names = tuple[str, str]


class Elsewhere(NamedTuple):
    """What the rest of the capture tells of a connection."""

    ttls: Mapping[bytes, Collection[int]] = MappingProxyType({})
    """TTLs of addresses in connections that were opened: a refusal has no other frame to compare with."""
    cut_errors: Mapping[tuple[bytes, bytes], int] = MappingProxyType({})
    """ICMP errors that were cut before they tell the ports: who was told, about a packet to whom (b"" where that was
    cut, too) → the frame of the last."""


_NOTHING: Final = Elsewhere()


class Ending(NamedTuple):
    """The end of a connection."""

    how: How
    by: By
    frame: int | None
    time: int | None
    confidence: Confidence
    reasoning: tuple[str, ...]


def attribute(recorder: Recorder, names: Names, observed_until: int, elsewhere: Elsewhere = _NOTHING) -> Ending:
    """Find what ended a connection; `observed_until` is the time of the last frame captured of anything."""
    opening = _never_opened(recorder, names, observed_until, elsewhere)
    if opening is not None:
        return opening
    reasoning: list[str] = []
    for event in _closing_events(recorder):
        name = names[event.direction]
        if not event.flags & 4:
            return _fin(recorder, event, names, reasoning)
        if not effective(recorder, event):
            reasoning.append(
                f"The RST in frame {event.frame} from the {name}'s address did not end it: the connection went on"
                " after it."
            )
            continue
        return _rst(recorder, event, names, reasoning)
    reasoning += [_icmp_sentence(error, recorder, names) for error in recorder.icmp[:3]]
    return _open_end(recorder, names, observed_until, reasoning)


def opened(recorder: Recorder) -> bool:
    """Whether anything shows that both sides have the connection open: a SYN-ACK, or more than SYNs and RSTs."""
    if any(event.flags & (SYN | ACK) == SYN | ACK for event in recorder.events):
        return True
    if any(side.fin is not None or side.last_data_frame is not None for side in recorder.directions):
        return True
    if _only_refused(recorder):
        return False
    return not any(event.flags & SYN for event in recorder.events) or any(
        event.flags & (SYN | 4) == 0 for event in recorder.events
    )


def _only_refused(recorder: Recorder) -> bool:
    """Whether all there is are RSTs with ACK and the number 0, as only a segment without ACK, a SYN, is answered (RFC
    9293 §3.10.7.1): the direction of the SYN was not captured."""
    return len(recorder.resets) == sum(side.frames for side in recorder.directions) > 0 and all(
        event.flags & ACK and event.seq == 0 and event.direction == recorder.resets[0].direction
        for event in recorder.resets
    )


def _closing_events(recorder: Recorder) -> list[Event]:
    fins = [side.fin for side in recorder.directions if side.fin is not None]
    return sorted([*fins, *recorder.resets], key=lambda event: event.frame)


def _never_opened(recorder: Recorder, names: Names, observed_until: int, elsewhere: Elsewhere) -> Ending | None:
    if opened(recorder):
        return None
    asking = [event for event in recorder.events if event.flags & SYN]
    if not asking:
        return _refused(recorder, (None, recorder.resets[0]), names, elsewhere)
    first, last = asking[0], asking[-1]
    asker = names[first.direction]
    count = f"{len(asking)} SYN{'s' if len(asking) > 1 else ''} from the {asker} ({_frames(asking)})"
    answers = [event for event in recorder.resets if event.direction != first.direction]
    if answers:
        return _refused(recorder, (first, answers[0]), names, elsewhere)
    # One that quotes the other side's SYN-ACK, though that was not captured, tells the other side.
    told_to = recorder.endpoints[first.direction]
    error = next((error for error in recorder.icmp if refuses(error) and error.source == told_to), None)
    if error is not None:
        server = recorder.endpoints[1 - first.direction].address
        by: By = _index(1 - first.direction) if error.reporter == server else "network"
        told = (count + " stayed without a SYN-ACK.", _icmp_sentence(error, recorder, names))
        return Ending("icmp", by, error.frame, error.time, "high", told)
    if any(event.direction == first.direction for event in recorder.resets):
        reset = recorder.resets[0]
        return Ending("rst", _index(first.direction), reset.frame, reset.time, "high", (
            count + " stayed without a SYN-ACK in this capture.",
            f"Frame {reset.frame} from the {asker} gives the attempt up with RST.",
        ))  # fmt: skip
    waited = (observed_until - first.time) / 1e9
    cut = _cut_error(recorder, first, elsewhere)
    maybe = () if cut is None else (
        f"Frame {cut} is an ICMP error to the {asker}, cut short before it names a connection: it may reject this one.",
    )  # fmt: skip
    icmp = "ICMP" if cut is None else "an ICMP error that names it"
    sentences = (
        f"{count} and no answer of any kind in {waited:.1f} s: neither SYN-ACK nor RST nor {icmp}.",
        *maybe,
        *syns.back_off([event.time for event in asking], observed_until),
        "The capture does not show whether the SYN, or an answer to it, was lost or dropped.",
    )
    sure: Confidence = "high" if len(asking) > 1 else "medium"
    if cut is not None:
        sure = "low"
    return Ending("never_opened", "unknown", last.frame, last.time, sure, sentences)


def _cut_error(recorder: Recorder, first: Event, elsewhere: Elsewhere) -> int | None:
    """The frame of an ICMP error that may have rejected the connection, but was cut too short to tell."""
    asker, asked = (recorder.endpoints[direction].address for direction in (first.direction, 1 - first.direction))
    frames = (elsewhere.cut_errors.get((asker, about), 0) for about in (asked, b""))
    return next((frame for frame in frames if frame > first.frame), None)


def _refused(recorder: Recorder, pair: tuple[Event | None, Event], names: Names, elsewhere: Elsewhere) -> Ending:
    """A RST to the SYN: by the host, or by a firewall in its name. Its TTL tells, if the host was seen elsewhere."""
    asked, answer = pair
    server = names[answer.direction]
    sentence = (
        f"Frame {answer.frame} from the {server}'s address is a RST with ACK and sequence number 0, the answer to a"
    )
    sentence += " SYN, which is not in the capture."
    if asked is not None:
        fits = answer.flags & ACK and answer.ack == (asked.seq + 1) & 0xFFFFFFFF
        sentence = f"Frame {answer.frame} from the {server}'s address answers the SYN in frame {asked.frame} with RST"
        sentence += ", and acknowledges exactly that SYN." if fits else "."
    known = sorted(elsewhere.ttls.get(recorder.endpoints[answer.direction].address, ()))
    by: By = _index(answer.direction)
    sure: Confidence = "medium"
    if not known:
        why = "A host does so when nothing listens on the port; a firewall can send the same in its name."
    elif answer.ttl in known and len(known) > 1 and answer.frame not in recorder.copies:
        seen = " or ".join(map(str, known))
        why = (
            f"It has TTL {answer.ttl}, and the {server}'s frames have {seen} in other connections of this capture, by"
            " the place where they passed. A host does so when nothing listens on the port; a firewall can send the"
            " same in its name, also the one on which this was captured."
        )
    elif answer.ttl in known:
        sure = "high"
        why = f"It has TTL {answer.ttl}, as the {server}'s frames have in other connections of this capture."
    else:
        by = "network"
        seen = " or ".join(map(str, known))
        why = (
            f"It has TTL {answer.ttl}, but the {server}'s frames in other connections of this capture have {seen}: a"
            " firewall sent it in the name of the host."
        )
    return Ending("rst", by, answer.frame, answer.time, sure, (sentence, why))


def _fin(recorder: Recorder, event: Event, names: Names, reasoning: list[str]) -> Ending:
    name, other = names[event.direction], names[1 - event.direction]
    answer = recorder.directions[1 - event.direction].fin
    earlier = _closed_before(recorder, event, names)
    if earlier is not None:
        return earlier._replace(reasoning=(*reasoning, *earlier.reasoning))
    reasoning.append(f"The first FIN is frame {event.frame}, from the {name}'s address.")
    behind = recorder.offset(event.direction, event.seq) + event.length + 1
    if answer is not None and recorder.offset(event.direction, answer.ack) < behind and answer.flags & ACK:
        reasoning.append(
            f"The {other}'s own FIN (frame {answer.frame}) does not acknowledge it: the two crossed, each side closed"
            " by itself."
        )
    elif answer is not None:
        reasoning.append(f"The {other}'s FIN (frame {answer.frame}) acknowledges it and closes the other direction.")
    reasoning += _half_closed(recorder, event, names)
    later = [reset for reset in recorder.resets if reset.frame > event.frame]
    if later:
        reset = later[0]
        sentence = f"Frame {reset.frame} is a RST from the {names[reset.direction]} after the FIN"
        if reset.direction == event.direction:
            sentence += ": its socket is gone, so data that still arrived is answered that way"
        reasoning.append(sentence + ".")
    confidence: Confidence = "high"
    missing = _missing_before(recorder, event)
    if missing:
        confidence = "medium"
        reasoning.append(_may_hold_a_fin(missing, other))
    silent = recorder.directions[1 - event.direction]
    # What it still sends is all older than its end, as of one that had closed.
    new = silent.behind is not None or any(not seen.again for seen in silent.tail)
    if not silent.anchored and answer is None and not new:
        confidence = "medium" if silent.data_bytes else "low"
        reasoning.append(f"The {other} may have closed before the capture began.")
    if not ttl_fits(recorder, event):
        confidence = "low" if confidence == "low" else "medium"
        reasoning.append(ttl_sentence(recorder, event, names))
    return Ending("fin", _index(event.direction), event.frame, event.time, confidence, tuple(reasoning))


def _may_hold_a_fin(missing: int, other: str) -> str:
    return (
        f"It acknowledges {missing:,} sequence numbers of the {other} that are not in the capture; a FIN may be among"
        " them."
    )


def _half_closed(recorder: Recorder, event: Event, names: Names) -> list[str]:
    """RFC 9293 §3.6: a FIN ends one direction; the other side may go on, and whoever sent the FIN still listens."""
    closed = recorder.offset(event.direction, event.seq) + event.length
    behind = [other for other in recorder.events if other.frame > event.frame and other.flags & (ACK | 4) == ACK]
    later = [
        other
        for other in behind
        if other.direction != event.direction and other.length
        and recorder.offset(event.direction, other.ack) > closed
    ]  # fmt: skip
    if not later:
        return []
    end = recorder.offset(1 - event.direction, later[0].seq) + later[0].length
    taken = [
        other
        for other in behind
        if other.direction == event.direction and recorder.offset(1 - event.direction, other.ack) >= end
    ]
    if not taken:
        return []
    return [
        f"The {names[1 - event.direction]} acknowledged it and still sent data (frame {later[0].frame}), which the"
        f" {names[event.direction]} took (frame {taken[0].frame}): it had closed its own direction only."
    ]


def _closed_before(recorder: Recorder, event: Event, names: Names) -> Ending | None:
    """Did the other side close before this FIN or RST? What it acknowledges tells, whatever the order in the
    capture."""
    direction = 1 - event.direction
    other, name = recorder.directions[direction], names[direction]
    if not other.frames:
        sentence = (
            f"The {names[event.direction]} closed in frame {event.frame}; the frames of the {name} are not in the"
            " capture, and it may have closed before."
        )
        return Ending("rst" if event.flags & 4 else "fin", "unknown", event.frame, event.time, "low", (sentence,))
    if not event.flags & ACK or other.origin is None:
        return None
    acknowledged = recorder.offset(direction, event.ack)
    if other.fin is not None:
        behind = recorder.offset(direction, other.fin.seq) + other.fin.length + 1
        if acknowledged >= behind:
            sentence = (
                f"Frame {event.frame} acknowledges the {name}'s FIN in frame {other.fin.frame}, so that one came first:"
                " the capture has them in the wrong order."
            )
            return Ending("fin", _index(direction), other.fin.frame, other.fin.time, "high", (sentence,))
    unseen = unseen_fin(recorder, direction)
    if unseen is None or unseen.frame > event.frame:
        return None
    how = "has" if unseen.direction == direction else "acknowledges"
    sentence = (
        f"Frame {unseen.frame} from the {names[unseen.direction]} {how} one sequence number more than the {name}'s"
        f" captured octets: a FIN of the {name}, which is not in the capture, came first."
    )
    lost = (f"The {names[event.direction]} did not acknowledge it when it closed: that FIN was lost on the way.",)
    arrived = acknowledged > other.data_end
    return Ending("fin", _index(direction), unseen.frame, unseen.time, "medium", (sentence, *(() if arrived else lost)))


def unseen_fin(recorder: Recorder, direction: int) -> Event | None:
    """The first frame that tells of a side's FIN before that is in the capture: it stands one number behind all octets
    of its side, or acknowledges that number. SSH sends nothing that is one octet long."""
    side = recorder.directions[direction]
    until = side.fin.frame if side.fin is not None else recorder.last_frame + 1
    for event in recorder.events:
        mine = event.direction == direction
        if not event.flags & ACK or event.flags & (SYN | RST if mine else SYN) or event.frame >= until:
            continue
        if recorder.offset(direction, event.seq if mine else event.ack) == side.data_end + 1:
            return event
    return None


def _missing_before(recorder: Recorder, event: Event) -> int:
    """Sequence numbers of the other side that a frame acknowledges and that were not captured."""
    other = recorder.directions[1 - event.direction]
    if not event.flags & ACK or other.origin is None:
        return 0
    if other.fin is not None and recorder.offset(1 - event.direction, other.fin.seq) + other.fin.length >= (
        recorder.offset(1 - event.direction, event.ack)
    ):
        return 0  # its only FIN stands behind what is acknowledged here
    return max(0, recorder.offset(1 - event.direction, event.ack) - other.data_end - (other.fin is not None))


def _rst(recorder: Recorder, event: Event, names: Names, reasoning: list[str]) -> Ending:
    name = names[event.direction]
    earlier = _closed_before(recorder, event, names)
    if earlier is not None:
        return earlier._replace(reasoning=(*reasoning, *earlier.reasoning))
    reasoning.append(f"Frame {event.frame} from the {name}'s address ends the connection with RST, before any FIN.")
    found = examine(recorder, event, names)
    reasoning += found.against
    if found.by_host:
        reasoning.append(
            f"So the {name}'s connection did not send it. Its TTL is that of the {name}'s other frames: a firewall on"
            " that host sent it, or something between the two that imitates it."
        )
        return Ending("rst", "unknown", event.frame, event.time, "medium", tuple(reasoning))
    if found.foreign:
        reasoning.append(f"So something between the two sent it in the name of the {name}.")
        return Ending("rst", "network", event.frame, event.time, "high" if found.sure else "medium", tuple(reasoning))
    reasoning += _near_or_far(recorder, event, names)
    if event.flags & ACK and event.window:
        reasoning.append(
            "It acknowledges, and has a window: the form of a close with unread data in the receive buffer, or of a "
            "deliberate abort."
        )
    elif not event.flags & ACK and not event.window:
        reasoning.append(
            "It has no ACK and no window: the form of an answer to a segment for a socket that is gone. What had ended "
            f"the {name}'s side before is not in this capture."
        )
        return Ending("rst", _index(event.direction), event.frame, event.time, "medium", tuple(reasoning))
    sure: Confidence = "medium" if found.against else "high"
    missing = _missing_before(recorder, event)
    if missing > 1:
        sure = "medium"
        reasoning.append(_may_hold_a_fin(missing, names[1 - event.direction]))
    return Ending("rst", _index(event.direction), event.frame, event.time, sure, tuple(reasoning))


def _near_or_far(recorder: Recorder, event: Event, names: Names) -> list[str]:
    """Near its host a frame is its own; from afar it is as sure as its header agrees with the others'."""
    place, name = vantage(recorder, names).place, names[event.direction]
    if place == event.direction:
        return [f"It was captured on the {name}'s side with the TTL ({event.ttl}) with which that host sends."]
    if place == 1 - event.direction and event.ttl in recorder.directions[event.direction].ttls:
        return [
            f"It was captured on the {names[1 - event.direction]}'s side; that it is of the {name} rests on its TTL"
            f" ({event.ttl}), which is that of the {name}'s other frames."
        ]
    return []


def _open_end(recorder: Recorder, names: Names, observed_until: int, reasoning: list[str]) -> Ending:
    quiet = observed_until - recorder.last_time
    reasoning += [
        f"The {names[one.direction]} sent the same {one.length:,} octets {one.times} times, the last time in frame"
        f" {one.last_frame}, and was not answered."
        for one in repeats(recorder)
        if one.acknowledged is None and one.heard is None and not one.probe
    ][:1]
    sentence = f"Neither FIN nor RST is in the capture; the last frame of the connection is {recorder.last_frame}"
    if recorder.superseded_by is not None:
        reasoning.append(
            f"{sentence}; frame {recorder.superseded_by} begins a new connection between the same endpoints."
        )
        return Ending("silence", "unknown", recorder.last_frame, recorder.last_time, "high", tuple(reasoning))
    if quiet >= SILENCE_NS:
        reasoning.append(f"{sentence}, and {quiet / 1e9:.1f} s were captured after it.")
        return Ending("silence", "unknown", recorder.last_frame, recorder.last_time, "high", tuple(reasoning))
    reasoning.append(f"{sentence}, {quiet / 1e9:.3f} s before the capture ends: what came later is not known.")
    return Ending("capture_end", "unknown", recorder.last_frame, recorder.last_time, "high", tuple(reasoning))


def _icmp_sentence(error: IcmpError, recorder: Recorder, names: Names) -> str:
    told = names[0] if error.source == recorder.endpoints[0] else names[1]
    sentence = (
        f"Frame {error.frame} is an ICMP{'v6' if error.version == 6 else ''} error to the {told}: {icmp_name(error)}"
    )
    return sentence + (f", next-hop MTU {error.mtu}." if error.mtu else ".")


def _index(direction: int) -> By:
    return 0 if direction == 0 else 1


def _frames(events: list[Event]) -> str:
    shown = ", ".join(str(event.frame) for event in events[:6])
    label = "frame" if len(events) == 1 else "frames"
    return f"{label} {shown}" + (", …" if len(events) > 6 else "")
