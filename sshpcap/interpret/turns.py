"""What both sides sent behind their NEWKEYS: packets, or writes where packets cannot be told apart, in turns.

A turn is what one side sends before the other side sends something. Where the cipher leaves packet_length readable, a
turn is cut into packets exactly, whatever the segments were. Elsewhere a segment (or several, where the first are full)
is taken for a packet if its size can be one. Octets that are missing in the capture end the story. Must not know: what
the packets mean.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from functools import partial
from itertools import accumulate, islice, takewhile
from operator import attrgetter
from typing import Final, Literal, NamedTuple, cast

from sshpcap import limits
from sshpcap.frames import ACK, RST
from sshpcap.interpret.dialogue import Dialogue, Voice
from sshpcap.model import Negotiation
from sshpcap.ssh.cut import State
from sshpcap.ssh.packet_sizes import Sealing, sealing
from sshpcap.tcp.recorded import RETRANSMISSION
from sshpcap.tcp.recorder import Recorder
from sshpcap.tcp.sequence import unwrap

Told = Literal["exact", "by size", "unknown"]

_LEAST_FULL: Final = 512
"""A segment shorter than this is not full; RFC 9293 §3.7.1: the smallest default MSS is 536."""


_OPTIONS: Final = 40
"""Octets of a segment that TCP's options take at most (RFC 9293 §3.1)."""
_NEAR: Final = 1 << 16
"""A RST whose sequence number is further away is none of the connection's."""


class Part(NamedTuple):
    """A packet, or what is taken for one."""

    frame: int
    """The frame that completed it."""
    direction: int
    start: int
    octets: int
    time: int
    first_time: int
    whole: bool
    """It can be one packet."""
    sure: bool
    """It is one: its length was read, or no other number of packets has its size."""


_part = cast(Callable[[tuple[object, ...]], Part], partial(tuple.__new__, Part))
"""A part of its fields in order, in half the time that naming them takes: a login has some thirty."""


class Turn(NamedTuple):
    """What one side sent before the other did."""

    direction: int
    parts: tuple[Part, ...]

    @property
    def whole(self) -> bool:
        """Every part can be a packet."""
        return all(part.whole for part in self.parts)


class Turns(NamedTuple):
    """The encrypted part of a connection."""

    turns: tuple[Turn, ...]
    seals: tuple[Sealing | None, Sealing | None]
    """By direction."""
    told: Told
    complete: bool
    """The turns are everything that was sent, up to the end of the connection."""
    again: dict[tuple[int, int], tuple[int, int]]
    """Frame and time of the copies of parts that were sent again, by direction and beginning."""
    long: bool = False
    """They are its beginning, whole: of what came later only sums are known."""

    def asked(self, part: Part) -> tuple[int, int]:
        """Frame and time of a part's copy that its answer answers: the last one before it was acknowledged. Earlier
        ones may have been lost behind the place of the capture, and then the pause is TCP's and not the program's."""
        return self.again.get((part.direction, part.start), (part.frame, part.time))


class _Piece(NamedTuple):
    """Octets of one segment."""

    frame: int
    time: int
    direction: int
    start: int
    end: int


_piece = cast(Callable[[tuple[object, ...]], _Piece], partial(tuple.__new__, _Piece))


def turns_of(recorder: Recorder, dialogue: Dialogue) -> Turns | None:
    """The encrypted part in turns; None where a side did not switch to encryption in the capture, or chose nothing."""
    if dialogue.negotiation is None or any(voice.state is not State.ENCRYPTED for voice in dialogue.voices):
        return None
    seals = _seals(dialogue.negotiation, dialogue.client)
    pieces, complete = _pieces(recorder, dialogue)
    parts: list[Part] = []
    told: Told = "exact"
    for direction, (voice, seal) in enumerate(zip(dialogue.voices, seals, strict=True)):
        mine = sorted([piece for piece in pieces if piece.direction == direction], key=attrgetter("start"))
        exact = _packets(voice, seal, mine)
        if exact is None:
            told = "unknown" if seal is None or told == "unknown" else "by size"
            full = _full(recorder, direction)
            exact = [part for run in _runs(pieces, direction) for part in _by_size(run, seal, full)]
        parts += exact
    parts.sort()
    again = {(part.direction, part.start): copy for part, copy in _sent_again(recorder, parts)}
    holes = [end for voice in dialogue.voices for _, end in voice.assembled.gaps() if end > voice.cut_to]
    return Turns(tuple(_grouped(parts)), seals, told, complete, again, long=recorder.quiet and not holes)


def _sent_again(recorder: Recorder, parts: list[Part]) -> Iterator[tuple[Part, tuple[int, int]]]:
    """The parts whose last octet was sent again before it was acknowledged, each with those copies in their order."""
    for direction in (0, 1):
        copies = [one for one in recorder.events if one.direction == direction and one.notes & RETRANSMISSION]
        if not copies:
            continue
        mine = sorted([part for part in parts if part.direction == direction], key=attrgetter("start"))
        ends = [part.start + part.octets for part in mine]
        heard = [one for one in recorder.events if one.direction != direction and one.flags & (ACK | RST) == ACK]
        acked = list(accumulate((recorder.offset(direction, one.ack) for one in heard), max))
        for one in copies:
            start = recorder.offset(direction, one.seq)
            for place in range(bisect_right(ends, start), bisect_right(ends, start + one.length)):
                answer = bisect_left(acked, ends[place])
                late = answer < len(heard) and heard[answer].frame < one.frame
                if not late and one.frame > mine[place].frame:
                    yield mine[place], (one.frame, one.time)


def impossible_length(dialogue: Dialogue, direction: int) -> int | None:
    """The first packet_length behind NEWKEYS, where it stays readable and is one that no receiver believes."""
    voice = dialogue.voices[direction]
    if dialogue.negotiation is None or voice.state is not State.ENCRYPTED:
        return None
    seal, start = _seals(dialogue.negotiation, dialogue.client)[direction], voice.cut_to
    field = voice.assembled.octets[start : start + 4]
    if seal is None or not seal.clear_length or len(field) < 4 or voice.assembled.hole_in(start, start + 4):
        return None
    length = int.from_bytes(field, "big")
    return None if seal.block <= length <= limits.MAX_PACKET_LENGTH else length


def _seals(agreed: Negotiation, client: int) -> tuple[Sealing | None, Sealing | None]:
    up = sealing(agreed.encryption_client_to_server, agreed.mac_client_to_server)
    down = sealing(agreed.encryption_server_to_client, agreed.mac_server_to_client)
    return (up, down) if client == 0 else (down, up)


def _pieces(recorder: Recorder, dialogue: Dialogue) -> tuple[list[_Piece], bool]:
    """New octets in the order of the frames, up to the first that are missing; and whether that is all there was."""
    found: list[_Piece] = []
    missing: list[int] = []
    complete = not recorder.quiet
    for direction, voice in enumerate(dialogue.voices):
        side, assembled, cut_to = recorder.directions[direction], voice.assembled, voice.cut_to
        gap = next((start for start, end in assembled.gaps() if end > voice.cut_to), len(assembled.octets))
        known = max(side.sent - (side.fin is not None), (side.acked or 0) - 1, _told_by_resets(recorder, direction))
        complete = complete and gap == len(assembled.octets) and not side.stream.limit_hit and known <= gap
        ends = [*assembled.starts[1:], len(assembled.octets)]
        for start, end, frame, time in zip(assembled.starts, ends, assembled.frames, assembled.times, strict=True):
            if end > gap:
                missing.append(frame)
                break
            if end > start and end > cut_to:
                found.append(_piece((frame, time, direction, max(start, cut_to), end)))
    found.sort()
    if missing:
        found = [piece for piece in found if piece.frame < min(missing)]
    return found[: limits.MAX_EVENTS], complete and len(found) <= limits.MAX_EVENTS


def _told_by_resets(recorder: Recorder, direction: int) -> int:
    """Octets that a side had sent by the sequence number of a RST from its live socket; 0 without one."""
    side = recorder.directions[direction]
    resets = [e for e in recorder.events if e.direction == direction and e.flags & RST and e.flags & ACK]
    sent = [unwrap(e.seq, side.origin or 0, side.sent) - (side.fin is not None) for e in resets]
    return max((one for one in sent if one - side.sent < _NEAR), default=0)


def _full(recorder: Recorder, direction: int) -> int:
    """Octets of a full segment, as far as the capture shows: the longest one of this side, which most often is one of
    the key exchange; no more than the other side takes, where segments were captured before a card cut them."""
    largest, most = recorder.directions[direction].largest, recorder.directions[1 - direction].mss
    return largest if most is None else min(largest, max(0, most - _OPTIONS))


def _packets(voice: Voice, seal: Sealing | None, pieces: list[_Piece]) -> list[Part] | None:
    """The whole packets in some pieces, by their readable lengths; None where lengths cannot be read."""
    if seal is None or not seal.clear_length:
        return None
    found = []
    octets, at, place = voice.assembled.octets, voice.cut_to, 0
    until = max((piece.end for piece in pieces), default=at)
    while at + 4 <= until:
        end = seal.packet_end(octets, at)
        if end is None or voice.assembled.hole_in(at, at + 4):
            return None
        if end > until:
            break
        while pieces[place].end <= at:
            place += 1
        carriers = _carriers(pieces, place, end)
        last = max(carriers)
        found.append(
            Part(last.frame, last.direction, at, end - at, last.time, min(carriers).time, whole=True, sure=True)
        )
        at = end
    return found


def _carriers(pieces: list[_Piece], place: int, end: int) -> list[_Piece]:
    """The pieces from a place on that begin before an offset."""
    return list(takewhile(lambda piece: piece.start < end, islice(pieces, place, None)))


def _runs(pieces: list[_Piece], direction: int) -> Iterator[list[_Piece]]:
    """Pieces of one side, each run until the other side speaks."""
    run: list[_Piece] = []
    for piece in pieces:
        if piece.direction == direction:
            run.append(piece)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _by_size(run: list[_Piece], seal: Sealing | None, full: int) -> Iterator[Part]:
    """Writes: a full segment goes on in the next one, as does what cannot be a packet by itself."""
    begin: int | None = None
    since = octets = 0
    last, full = run[-1], max(full, _LEAST_FULL)
    for piece in run:
        frame, time, direction, start, end = piece
        if begin is None:
            begin, since, octets = start, time, 0
        octets += end - start
        whole = seal is not None and seal.fits(octets)
        if piece is not last and (not whole or end - start >= full):
            continue
        sure = whole and seal is not None and seal.surely_one(octets)
        yield _part((frame, direction, begin, octets, time, since, whole, sure))
        begin = None


def _grouped(parts: list[Part]) -> Iterator[Turn]:
    """Parts of one side, until the other side speaks."""
    run: list[Part] = []
    for part in parts:
        if run and part.direction != run[-1].direction:
            yield Turn(run[0].direction, tuple(run))
            run = []
        run.append(part)
    if run:
        yield Turn(run[0].direction, tuple(run))
