"""Can a RST be from the side in whose name it was sent? RFC 9293 §3.10.7, RFC 5961 §3, and what Linux hosts do.

A pure function of a recording. TTL, IP identification, timestamps and place in the stream are compared with the other
frames of the same address; whoever sends a RST in another's name rarely gets all of them right.
Must not know: SSH, files, results.
"""

import itertools
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from sshpcap.frames import ACK, RST, SYN
from sshpcap.tcp.recorded import Event
from sshpcap.tcp.recorder import Recorder

AFTER_NS: Final = 1_000_000
"""Data this long behind a RST of the same side is not reordering in the capture."""
_COUNTED: Final = 3
_NEARLY_ALL: Final = 0.9
_SOON_NS: Final = 5_000_000
"""A router passes a segment on within this."""
_STEP: Final = 64
"""A host that counts its packets has not sent more than so many between two frames of a connection …"""
_JUMP: Final = 2048
"""… and this is no count any more."""

_FAR: Final = 1 << 20
"""More octets than are sent unseen between two frames of a capture, and fewer than most random initial numbers are
apart."""

Form = Literal["abort", "gone", "refused"]


class Examined(NamedTuple):
    """A RST and what speaks against its sender."""

    event: Event
    form: Form
    against: tuple[str, ...]
    effective: bool
    foreign: bool
    """It is not of this side's connection."""
    sure: bool
    """What speaks against the sender leaves no doubt that something between the two sent it."""
    by_host: bool
    """The connection went on, but nothing else speaks against its host: that one's own firewall may have rejected a
    segment (nft `reject with tcp reset`), and its socket does not learn of it."""
    answers: int | None
    """The last frame of the other side before it."""
    idle: int | None
    """Nanoseconds of silence before that frame."""


def examine(recorder: Recorder, event: Event, names: tuple[str, str]) -> Examined:
    """Hold one RST against everything else of its side."""
    opening = recorder.events[0] if recorder.events else event
    refused = opening.flags & (SYN | ACK) == SYN and not any(e.direction == event.direction and e is not event
                                                    and not e.flags & RST for e in recorder.events)  # fmt: skip
    form: Form = "abort" if event.flags & ACK else "gone"
    if refused and opening.direction != event.direction:
        form = "refused"
    goes_on = tuple(_goes_on(recorder, event, names))
    header = (*_ttl(recorder, event, names), *_number(recorder, event, names))
    once = tuple(_once(recorder, event, names))
    stamps = tuple(_stamps(recorder, event, names)) if form == "abort" else ()
    # A number beyond all that was sent may stand behind frames that the capture missed, and RFC 7323 §3.2 leaves it
    # open whether a RST has a timestamp: these are told, and decide nothing by themselves.
    against = (*goes_on, *header, *once, *stamps, *_place(recorder, event))
    # Seen once only, its TTL is that of the one place where it was seen: no second sign.
    foreign, by_host = bool(goes_on or header or once), goes_on and against == goes_on
    sure = foreign and (bool(goes_on and not by_host) or len(header + stamps) > 1)
    took = effective(recorder, event)
    return Examined(event, form, against, took, foreign, sure, bool(by_host), *_trigger(recorder, event))


def _trigger(recorder: Recorder, reset: Event) -> tuple[int | None, int | None]:
    """What a RST answers: the last frame of the other side, and how long nothing had come before that."""
    other = recorder.directions[1 - reset.direction]
    if recorder.events_lost:
        if other.last_frame is None or other.last_frame > reset.frame:
            return None, None
        return other.last_frame, max(0, other.last_time - other.last_before)
    before = [event for event in recorder.events if event.frame < reset.frame and not event.flags & RST]
    answered = next((event for event in reversed(before) if event.direction != reset.direction), None)
    if answered is None:
        return None, None
    earlier = [event.time for event in before if event.frame < answered.frame]
    return answered.frame, max(0, answered.time - earlier[-1]) if earlier else None


def effective(recorder: Recorder, reset: Event) -> bool:
    """Whether the connection ended there: not where it was opened anew behind it, or both sides went on (RFC 5961)."""
    if any(event.flags & SYN and event.frame > reset.frame for event in recorder.events):
        return False
    return not all(_later_data(recorder, direction, reset) for direction in (0, 1))


def sent_before_reset(recorder: Recorder, direction: int) -> int:
    """How far the stream of a side went by the number of its own RST, where nothing else speaks against its sender.

    A filter for SYN, FIN and RST, or a lost frame, leaves only that number. Of a host without the connection it is the
    number up to which the other side had acknowledged (RFC 9293 §3.5.2). 0 where there is no such RST.
    """
    side = recorder.directions[direction]
    for event in recorder.resets:
        if event.direction == direction and event.seq and side.origin is not None and side.anchored:
            found = examine(recorder, event, ("client", "server"))
            if found.effective and not found.foreign and found.form != "refused":
                return recorder.offset(direction, event.seq)
    return 0


def _later_data(recorder: Recorder, direction: int, reset: Event) -> bool:
    side = recorder.directions[direction]
    return (
        side.last_data_frame is not None
        and side.last_data_frame > reset.frame
        and side.last_data_time > reset.time + AFTER_NS
    )


def _goes_on(recorder: Recorder, reset: Event, names: tuple[str, str]) -> Iterator[str]:
    side = recorder.directions[reset.direction]
    # A host that asks for a connection resets what is left of an older one, and goes on asking (RFC 9293 §3.10.7.3).
    if any(event.flags & SYN and event.frame > reset.frame for event in recorder.events):
        return
    if _another_connection(recorder, reset):
        return
    if _later_data(recorder, reset.direction, reset):
        yield (
            f"The {names[reset.direction]} went on sending data after it (frame {side.last_data_frame}), which a"
            " connection that has sent a RST does not do."
        )


def _another_connection(recorder: Recorder, reset: Event) -> bool:
    """What comes behind a RST is far from where its side stood: the port was used anew, and the SYN is not in the
    capture."""
    later = (e for e in recorder.events if e.direction == reset.direction and e.frame > reset.frame and e.length)
    following = next(later, None)
    here = recorder.offset(reset.direction, reset.seq)
    return following is not None and abs(recorder.offset(reset.direction, following.seq) - here) > _FAR


def ttl_fits(recorder: Recorder, event: Event) -> bool:
    """Whether another frame of the same side came with this TTL; True where there is none to compare with.

    On a router that translates addresses a frame is seen with the TTL before or behind it, a RST that it does not
    translate with both.
    """
    seen = {e.ttl for e in recorder.events if e.direction == event.direction and e is not event and not e.flags & RST}
    if not seen:
        return True
    seen |= recorder.directions[event.direction].copied_ttls
    return event.ttl in seen or any(ttl in seen for ttl in _copies(recorder, event))


def _copies(recorder: Recorder, event: Event) -> list[int]:
    """TTLs of the same RST captured a second time; one without identification and timestamp is not left out as such
    where it comes later than at once."""
    later = [
        e.ttl
        for e in recorder.resets
        if e[2:6] == event[2:6] and e is not event and abs(e.time - event.time) < _SOON_NS
    ]
    return [recorder.copies[event.frame], *later] if event.frame in recorder.copies else list(later)


def ttl_sentence(recorder: Recorder, event: Event, names: tuple[str, str]) -> str:
    """A TTL that does not fit, in words."""
    seen = sorted(recorder.directions[event.direction].ttls - {event.ttl})
    usual = " or ".join(str(ttl) for ttl in seen)
    return (
        f"Frame {event.frame} has TTL {event.ttl}, the {names[event.direction]}'s other frames have {usual}: it may"
        " have been sent by something between the two."
    )


def _ttl(recorder: Recorder, event: Event, names: tuple[str, str]) -> Iterator[str]:
    if not ttl_fits(recorder, event):
        yield ttl_sentence(recorder, event, names)


def _once(recorder: Recorder, event: Event, names: tuple[str, str]) -> Iterator[str]:
    """On a router (`-i any`), or with two ports of a switch, whatever goes through is captured twice."""
    side, peer = recorder.directions[event.direction], recorder.directions[1 - event.direction]
    others = side.frames - sum(e.direction == event.direction for e in recorder.resets)
    if others < _COUNTED or not others * _NEARLY_ALL <= side.copied <= others or _copies(recorder, event):
        return
    if peer.copied * 2 < peer.frames or side.copied + peer.copied < 2 * _COUNTED:
        return  # what captures one direction twice does so with the other: these few came twice for another reason
    yield (
        f"{side.copied:,} of {others:,} other frames of the {names[event.direction]} were captured twice, coming in and"
        f" going out; frame {event.frame} only once: it was made, or stopped, at the capture point."
    )


def _number(recorder: Recorder, event: Event, names: tuple[str, str]) -> Iterator[str]:
    """IP identification: a host that counts goes on counting; Linux answers for sockets that are gone with 0."""
    if event.ip_id <= 0 or recorder.events_lost:
        return
    known = [
        e.ip_id
        for e in recorder.events
        if e.direction == event.direction and not e.flags & (RST | SYN) and e.frame < event.frame and e.ip_id >= 0
    ]
    if len(known) < _COUNTED:
        return
    steps = [(later - earlier) % 65536 for earlier, later in itertools.pairwise(known)]
    if any(not 0 < step <= _STEP for step in steps):
        return
    ahead = (event.ip_id - known[-1]) % 65536
    if _JUMP < ahead < 65536 - _JUMP:
        yield (
            f"Its IP identification is 0x{event.ip_id:04x}, but the {names[event.direction]} counts its packets and was"
            f" at 0x{known[-1]:04x}."
        )


def _stamps(recorder: Recorder, event: Event, names: tuple[str, str]) -> Iterator[str]:
    """A RST of a live socket has what all of its segments have (all 74 of Linux in the labelled captures)."""
    known = [e for e in recorder.events if e.direction == event.direction and not e.flags & RST]
    if len(known) >= _COUNTED and all(e.stamped for e in known) and event.window and not event.stamped:
        yield f"It has no TCP timestamp, although all other segments of the {names[event.direction]} have one."


def _place(recorder: Recorder, event: Event) -> Iterator[str]:
    """A sequence number that its sender had not come to."""
    side = recorder.directions[event.direction]
    if side.origin is None or not side.frames or event.seq == 0:
        return
    beyond = recorder.offset(event.direction, event.seq) - max(side.sent, side.acked or 0)
    if beyond > 0:
        yield (
            f"Its sequence number is {beyond:,} beyond all that is in the capture of its side: either that much was"
            " sent and not captured, or somebody guessed the number, and then a receiver does not take the RST"
            " (RFC 5961)."
        )
