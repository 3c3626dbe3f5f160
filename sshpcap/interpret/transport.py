"""What TCP shows of the connection and of each side, and what the capture cannot show of it."""

from typing import Literal

from sshpcap import limits
from sshpcap.frames import ACK, CHECKSUM_LEFT_OUT, CHECKSUM_RIGHT, CHECKSUM_WRONG, RST, SYN, IcmpError
from sshpcap.interpret.dialogue import Dialogue, Voice
from sshpcap.interpret.words import address_text
from sshpcap.model import (
    Checksums,
    Coverage,
    Duration,
    IcmpReport,
    Missing,
    Repeat,
    Reset,
    Tcp,
    TcpSide,
    Timestamp,
    Vantage,
    Who,
)
from sshpcap.ssh.cut import State
from sshpcap.tcp import zeek
from sshpcap.tcp.attribution import opened
from sshpcap.tcp.forgery import examine, sent_before_reset
from sshpcap.tcp.icmp import icmp_name, refuses
from sshpcap.tcp.recorded import ZERO_WINDOW
from sshpcap.tcp.recorder import Recorder
from sshpcap.tcp.repeats import repeats
from sshpcap.tcp.round_trip import round_trip
from sshpcap.tcp.vantage import vantage


def coverage(recorder: Recorder, dialogue: Dialogue) -> Coverage:
    """What is missing of this connection."""
    syn_seen = any(side.syn_seen for side in recorder.directions)
    truncated = any(
        # Nobody reads what is encrypted, or what begins in the middle of a connection.
        start < voice.cut_to or (voice.state is not State.ENCRYPTED and (syn_seen or voice.spoken))
        for voice in dialogue.voices
        for start, _ in voice.assembled.snapped
    )
    limit_hit = any(
        side.stream.limit_hit and voice.state is not State.ENCRYPTED
        for side, voice in zip(recorder.directions, dialogue.voices, strict=True)
    )
    return Coverage(
        syn_seen=syn_seen,
        one_sided=_one_sided(recorder, dialogue),
        gaps=sum(_gaps(recorder, direction, voice) for direction, voice in enumerate(dialogue.voices)),
        midstream=not syn_seen and opened(recorder),
        truncated_by_snaplen=truncated,
        clock_steps=recorder.clock_steps,
        conflict_frame=min(
            (side.stream.conflict_frame for side in recorder.directions if side.stream.conflict_frame), default=None
        ),
        duplicates=recorder.duplicates,
        limit_hit=limit_hit,
        late_side=_late_side(recorder, dialogue),
        elsewhere_frame=recorder.elsewhere_frame,
        bad_checksums=sum(sum(side.checksums[CHECKSUM_LEFT_OUT:]) for side in recorder.directions),
    )


def _one_sided(recorder: Recorder, dialogue: Dialogue) -> Who | None:
    for direction, side in enumerate(recorder.directions):
        silent = recorder.directions[1 - direction]
        # An unanswered SYN is no sign of a capture that misses a side; data and acknowledgements are.
        if not silent.frames and any(e.flags & ACK and not e.flags & SYN for e in recorder.events) and side.frames:
            return "client" if direction == dialogue.client else "server"
    return None


def _late_side(recorder: Recorder, dialogue: Dialogue) -> Who | None:
    for direction, side in enumerate(recorder.directions):
        # What begins with a RST has no beginning that could be missing.
        if recorder.directions[1 - direction].syn_seen and side.origin is not None and not side.anchored:
            return "client" if direction == dialogue.client else "server"
    return None


def _gaps(recorder: Recorder, direction: int, voice: Voice) -> int:
    """Octets of the clear phase that were sent but never captured: holes, and an end that only the peer's ACK shows."""
    side = recorder.directions[direction]
    acked, behind = side.acked or 0, sent_before_reset(recorder, direction)
    if voice.state is State.ENCRYPTED or behind <= max(side.sent, acked) or side.stream.limit_hit:
        return sum(end - start for start, end in _holes(recorder, direction, voice) if end <= acked)
    # What the other side refuses to acknowledge with its RST was sent all the same.
    known = len(voice.assembled.octets)
    return sum(end - start for start, end in voice.assembled.gaps()) + min(behind, limits.HANDSHAKE_BYTES) - known


def _undelivered(recorder: Recorder, direction: int, voice: Voice) -> int:
    """Octets that never came by here and were never acknowledged, though later ones came: lost before this point."""
    return sum(end - start for start, end in _unseen(recorder, direction, voice))


def _unseen(recorder: Recorder, direction: int, voice: Voice) -> list[tuple[int, int]]:
    side = recorder.directions[direction]
    other = recorder.directions[1 - direction]
    holes = _holes(recorder, direction, voice)
    return [(start, end) for start, end in holes if other.frames and end > (side.acked or 0)]


def _missing(recorder: Recorder, dialogue: Dialogue) -> tuple[Missing, ...]:
    found = []
    for direction, voice in enumerate(dialogue.voices):
        for start, end in (*_unseen(recorder, direction, voice), *_unseen_later(recorder, direction, voice)):
            shown_by = next(
                (
                    event
                    for event in recorder.events
                    if event.direction == direction
                    and not event.flags & RST
                    and recorder.offset(direction, event.seq) >= end
                ),
                None,
            )
            if shown_by is not None:
                others = (e.time for e in recorder.events if e.direction != direction and not e.flags & RST)
                waited = max(0, max(others, default=0) - shown_by.time)
                found.append(
                    Missing(
                        sender=_who(dialogue, direction),
                        bytes=(start + 1, end),
                        shown_by=shown_by.frame,
                        waited=Duration(waited),
                    )
                )
    return tuple(found[: limits.SHOWN_RESETS])


def _unseen_later(recorder: Recorder, direction: int, voice: Voice) -> list[tuple[int, int]]:
    """The same of what is encrypted: one hole, at which the other side's acknowledgements stopped for good."""
    side, other = recorder.directions[direction], recorder.directions[1 - direction]
    if voice.state is not State.ENCRYPTED or not other.frames or side.acked is None or side.stream.limit_hit:
        return []
    if recorder.quiet:
        return []  # what was only counted has no holes
    start = side.acked
    hole = next((end for begin, end in voice.assembled.gaps() if begin == start and end > voice.cut_to), None)
    if hole is None and start == side.data_end and side.sent - side.data_end > 1:
        hole = side.sent - (side.fin is not None)
    return [] if hole is None or hole <= start else [(start, hole)]


def _holes(recorder: Recorder, direction: int, voice: Voice) -> list[tuple[int, int]]:
    """Octets of the clear phase that are not in the capture, except for those that the snaplen cut off."""
    side = recorder.directions[direction]
    if voice.state is State.ENCRYPTED:
        return [hole for hole in voice.assembled.gaps() if hole[1] <= voice.cut_to]
    holes = voice.assembled.gaps()
    # An end that only later sequence numbers, or the other side's acknowledgements, show.
    end = (
        max(side.sent, side.acked or 0)
        if side.fin is None
        else recorder.offset(direction, side.fin.seq) + side.fin.length
    )
    captured = len(voice.assembled.octets)
    # One sequence number more may be a FIN that was not captured.
    if side.frames and end > captured + (side.fin is None) and not side.stream.limit_hit:
        holes.append((captured, end))
    return holes


def tcp(recorder: Recorder, dialogue: Dialogue, last_sent: tuple[str | None, str | None]) -> Tcp:
    """The TCP part of a session; `last_sent` describes each direction's last words."""
    sides = [_side(recorder, dialogue, direction, last_sent[direction]) for direction in (0, 1)]
    originator = _originator(recorder, dialogue.client)
    return Tcp(
        conn_state=zeek.conn_state(recorder, originator),
        history=zeek.history(recorder, originator),
        originator="client" if originator == dialogue.client else "server",
        tunnels=tuple(" / ".join(tunnel) for tunnel in recorder.tunnels),
        rtt=_rtt(recorder),
        vantage=_vantage(recorder, dialogue),
        repeats=_repeats(recorder, dialogue),
        missing=_missing(recorder, dialogue),
        resets=_resets(recorder, dialogue),
        icmp=_icmp(recorder, dialogue),
        client=sides[dialogue.client],
        server=sides[1 - dialogue.client],
    )


def _originator(recorder: Recorder, client: int) -> int:
    """Who sent the SYN; without one, the client."""
    for event in recorder.events:
        if event.flags & SYN:
            return event.direction if not event.flags & ACK else 1 - event.direction
    return client


def _side(recorder: Recorder, dialogue: Dialogue, direction: int, last_sent: str | None) -> TcpSide:
    mine, other = recorder.directions[direction], recorder.directions[1 - direction]
    unacknowledged = None
    if other.frames and mine.acked is not None:
        end = mine.sent
        if mine.fin is not None and recorder.offset(direction, mine.fin.seq) + mine.fin.length + 1 == end:
            end -= 1
        if mine.fin_unseen:
            end = min(end, mine.data_end)
        unacknowledged = max(0, end - mine.acked)
    scaled = mine.window_scale is not None and other.window_scale is not None
    return TcpSide(
        frames=mine.frames,
        bytes=mine.data_bytes,
        retransmissions=mine.retransmissions,
        out_of_order=mine.out_of_order,
        keep_alives=mine.keep_alives,
        largest=mine.largest,
        mss=mine.mss,
        window_scale=mine.window_scale,
        sack_permitted=mine.sack_permitted,
        last_window=mine.last_window << (mine.window_scale or 0 if scaled else 0),
        ttls=tuple(sorted(mine.ttls)),
        first_frame=mine.first_frame,
        last_frame=mine.last_frame,
        last_data_frame=mine.last_data_frame,
        last_sent=last_sent,
        zero_window=_zero_window(recorder, direction),
        unacknowledged=unacknowledged,
        undelivered=_undelivered(recorder, direction, dialogue.voices[direction]),
        checksums=Checksums(
            right=mine.checksums[CHECKSUM_RIGHT],
            left_out=mine.checksums[CHECKSUM_LEFT_OUT],
            wrong=mine.checksums[CHECKSUM_WRONG],
        ),
    )


def _rtt(recorder: Recorder) -> Duration | None:
    took = round_trip(recorder)
    return None if took is None else Duration(took)


def _who(dialogue: Dialogue, direction: int) -> Who:
    return "client" if direction == dialogue.client else "server"


def _names(dialogue: Dialogue) -> tuple[str, str]:
    return _who(dialogue, 0), _who(dialogue, 1)


def _vantage(recorder: Recorder, dialogue: Dialogue) -> Vantage:
    point = vantage(recorder, _names(dialogue))
    place: Literal["client", "server", "between", "unknown"]
    place = point.place if isinstance(point.place, str) else _who(dialogue, point.place)
    return Vantage(place=place, confidence=point.confidence, reasoning=point.reasoning)


def _repeats(recorder: Recorder, dialogue: Dialogue) -> tuple[Repeat, ...]:
    return tuple(
        Repeat(
            sender=_who(dialogue, one.direction),
            bytes=(one.start + 1, one.end),
            length=one.length,
            times=one.times,
            frames=one.frames,
            last_frame=one.last_frame,
            span=Duration(max(0, one.last_time - one.first_time)),
            idle=None if one.idle is None else Duration(one.idle),
            acknowledged=one.acknowledged,
            after=one.after,
            passed=one.passed,
            passed_length=one.passed_length,
            heard=one.heard,
            last_length=one.last_length,
            probe=one.probe,
        )
        for one in repeats(recorder)
    )


def _resets(recorder: Recorder, dialogue: Dialogue) -> tuple[Reset, ...]:
    every = [examine(recorder, event, _names(dialogue)) for event in recorder.resets[: limits.SHOWN_RESETS]]
    return tuple(
        Reset(
            frame=one.event.frame,
            time=Timestamp(one.event.time),
            sender=_who(dialogue, one.event.direction),
            form=one.form,
            ttl=one.event.ttl,
            against=one.against,
            foreign=("high" if one.sure else "medium") if one.foreign else None,
            by_host=one.by_host,
            answers=one.answers,
            idle=None if one.idle is None else Duration(one.idle),
            effective=one.effective,
        )
        for one in every
    )


def _icmp(recorder: Recorder, dialogue: Dialogue) -> tuple[IcmpReport, ...]:
    """One of each kind, in the order in which they first came."""
    found: dict[tuple[object, ...], list[int]] = {}
    opening = {event.seq for event in recorder.events if event.flags & SYN}
    for place, error in enumerate(recorder.icmp):
        kind = (error.reporter, error.type, error.code, error.mtu, error.source, _of_opening(recorder, error, opening))
        found.setdefault(kind, []).append(place)
    reports = []
    for places in list(found.values())[: limits.SHOWN_RESETS]:
        error = recorder.icmp[places[0]]
        about = 0 if error.source == recorder.endpoints[0] else 1
        reports.append(
            IcmpReport(
                frame=error.frame,
                about=_who(dialogue, about),
                reporter=address_text(error.reporter),
                name=icmp_name(error),
                mtu=error.mtu or None,
                opening=_of_opening(recorder, error, opening),
                refuses=refuses(error),
                times=len(places),
            )
        )
    return tuple(reports)


def _of_opening(recorder: Recorder, error: IcmpError, opening: set[int]) -> bool:
    """Whether it quotes a SYN or a SYN-ACK. Where its number was cut off: whether nobody sent anything else."""
    if error.seq is None:
        return all(event.flags & (SYN | RST) for event in recorder.events)
    return error.seq in opening


def _zero_window(recorder: Recorder, direction: int) -> Duration | None:
    """The longest time from a segment with window 0 to the next with another, or to the end of the connection."""
    if not recorder.notes & ZERO_WINDOW:
        return None
    longest: int | None = None
    since: int | None = None
    for event in recorder.events:
        if event.direction != direction or event.flags & RST:
            continue
        if event.notes & ZERO_WINDOW:
            since = event.time if since is None else since
        elif since is not None:
            longest, since = max(longest or 0, event.time - since), None
    if since is not None:
        longest = max(longest or 0, recorder.last_time - since)
    return None if longest is None else Duration(longest)
