"""What TCP shows of the connection and of each side, and what the capture cannot show of it."""

from sshpcap.frames import ACK, CHECKSUM_LEFT_OUT, CHECKSUM_RIGHT, CHECKSUM_WRONG, SYN
from sshpcap.interpret.dialogue import Dialogue, Voice
from sshpcap.model import Checksums, Coverage, Duration, Tcp, TcpSide, Who
from sshpcap.ssh.cut import State
from sshpcap.tcp import zeek
from sshpcap.tcp.recorder import Recorder


def coverage(recorder: Recorder, dialogue: Dialogue) -> Coverage:
    """What is missing of this connection."""
    syn_seen = any(side.syn_seen for side in recorder.directions)
    truncated = any(voice.assembled.snapped for voice in dialogue.voices)
    limit_hit = any(
        side.stream.limit_hit and voice.state is not State.ENCRYPTED
        for side, voice in zip(recorder.directions, dialogue.voices, strict=True)
    )
    return Coverage(
        syn_seen=syn_seen,
        one_sided=_one_sided(recorder, dialogue),
        gaps=sum(_gaps(recorder, direction, voice) for direction, voice in enumerate(dialogue.voices)),
        midstream=not syn_seen,
        truncated_by_snaplen=truncated,
        clock_steps=recorder.clock_steps,
        conflict_frame=min(
            (side.stream.conflict_frame for side in recorder.directions if side.stream.conflict_frame), default=None
        ),
        duplicates=recorder.duplicates,
        limit_hit=limit_hit,
        late_side=_late_side(recorder, dialogue),
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
    acked = side.acked or 0
    return sum(end - start for start, end in _holes(recorder, direction, voice) if end <= acked)


def _undelivered(recorder: Recorder, direction: int, voice: Voice) -> int:
    """Octets that never came by here and were never acknowledged, though later ones came: lost before this point."""
    side = recorder.directions[direction]
    other = recorder.directions[1 - direction]
    holes = _holes(recorder, direction, voice)
    return sum(end - start for start, end in holes if other.frames and end > (side.acked or 0))


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
        unacknowledged = max(0, end - mine.acked)
    scaled = mine.window_scale is not None and other.window_scale is not None
    return TcpSide(
        frames=mine.frames,
        bytes=mine.data_bytes,
        retransmissions=mine.retransmissions,
        out_of_order=mine.out_of_order,
        mss=mine.mss,
        window_scale=mine.window_scale,
        last_window=mine.last_window << (mine.window_scale or 0 if scaled else 0),
        ttls=tuple(sorted(mine.ttls)),
        first_frame=mine.first_frame,
        last_frame=mine.last_frame,
        last_data_frame=mine.last_data_frame,
        last_sent=last_sent,
        unacknowledged=unacknowledged,
        undelivered=_undelivered(recorder, direction, dialogue.voices[direction]),
        checksums=Checksums(
            right=mine.checksums[CHECKSUM_RIGHT],
            left_out=mine.checksums[CHECKSUM_LEFT_OUT],
            wrong=mine.checksums[CHECKSUM_WRONG],
        ),
    )


def _rtt(recorder: Recorder) -> Duration | None:
    """SYN to SYN-ACK to ACK, where none of the three was sent twice."""
    opening = [event for event in recorder.events if event.flags & SYN]
    if len(opening) != 2 or opening[0].flags & ACK or not opening[1].flags & ACK:
        return None
    answered = opening[1]
    for event in recorder.events:
        if event.frame > answered.frame and event.direction != answered.direction and event.flags & ACK:
            round_trip = event.time - opening[0].time
            return Duration(round_trip) if round_trip >= 0 else None
    return None
