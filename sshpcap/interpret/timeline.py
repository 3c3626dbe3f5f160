"""The story of a connection, row by row: TCP's steps, every message, what was repeated, what went wrong."""

from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple, cast

from sshpcap.frames import ACK, FIN, RST, SYN
from sshpcap.interpret.dialogue import Dialogue, Spoken, Voice
from sshpcap.interpret.words import address_text, say, shorten
from sshpcap.model import Duration, HostKey, TimelineEntry, Timestamp
from sshpcap.ssh.cut import State
from sshpcap.ssh.logins import hidden
from sshpcap.ssh.wire import printable
from sshpcap.tcp.attribution import Ending, opened, unseen_fin
from sshpcap.tcp.icmp import icmp_name
from sshpcap.tcp.recorded import KEEP_ALIVE, RETRANSMISSION, ZERO_WINDOW, Event
from sshpcap.tcp.recorder import Recorder

Sender = Literal["client", "server", "network", "none"]


class _Row(NamedTuple):
    frame: int
    order: tuple[int, int]
    """Rows of one frame: messages by their place in the stream, and before the FIN that closes behind them."""
    time: Timestamp
    sender: Sender
    kind: str
    text: str


_row = cast(Callable[[tuple[object, ...]], _Row], partial(tuple.__new__, _Row))
"""A row of its fields in order, in half the time that naming them takes."""


def timeline(
    recorder: Recorder, dialogue: Dialogue, ending: Ending, host_key: HostKey | None
) -> tuple[TimelineEntry, ...]:
    """All rows in the order of the frames; the row of the ending is marked as decisive."""
    names: tuple[Sender, Sender] = ("client", "server") if dialogue.client == 0 else ("server", "client")
    rows = [_spoken_row(s, names, host_key) for voice in dialogue.voices for s in voice.spoken]
    # Most segments carry what is told as a message, and have no row of their own.
    rows += [
        row
        for event in recorder.events
        if event.notes or event.flags & (SYN | FIN | RST)
        for row in _tcp_rows(recorder, dialogue, event, names)
    ]
    rows += _unseen_fins(recorder, names)
    rows += _icmp_rows(recorder, names)
    rows += _encrypted_rows(recorder, dialogue)
    rows += _behind_close(recorder, dialogue, ending, names)
    rows += _rest_rows(recorder, dialogue, names)
    rows.sort()
    entries = []
    before = rows[0].time.ns if rows else 0
    for frame, _, time, sender, kind, text in rows:
        entries.append(
            TimelineEntry(
                frame=frame,
                time=time,
                delta=Duration(time.ns - before),
                sender=sender,
                kind=kind,
                text=text,
                decisive=frame == ending.frame and kind in ("fin", "rst", "icmp"),
            )
        )
        before = time.ns
    return tuple(entries)


def _spoken_row(spoken: Spoken, names: tuple[Sender, Sender], host_key: HostKey | None) -> _Row:
    kind = spoken.unit.kind if spoken.parsed is None else spoken.parsed.name
    order = (1, spoken.unit.start)
    return _row((spoken.frame, order, spoken.time, names[spoken.direction], kind, say(spoken, host_key)))


def _tcp_rows(recorder: Recorder, dialogue: Dialogue, event: Event, names: tuple[Sender, Sender]) -> list[_Row]:
    sender = names[event.direction]
    rows = []

    def row(order: int, kind: str, text: str) -> None:
        rows.append(_row((event.frame, (order, 0), Timestamp(event.time), sender, kind, text)))

    if event.flags & SYN:
        again = " again" if event.notes & RETRANSMISSION else ""
        if event.flags & ACK:
            row(0, "syn-ack", f"accepts the connection{again} (SYN-ACK)")
        else:
            row(0, "syn", f"asks for a connection{again} (SYN)")
    elif event.notes & RETRANSMISSION and event.length:
        row(0, "retransmission", f"sends {event.length:,} octets again, from {_place(recorder, dialogue, event)}")
    elif event.notes & ZERO_WINDOW and not event.flags & (RST | FIN):
        row(0, "zero-window", "cannot take more data (window 0)")
    elif event.notes & KEEP_ALIVE:
        row(0, "keep-alive", "asks whether the other side is still there (TCP keep-alive)")
    if event.flags & RST:
        refuses = event.direction != dialogue.client and not opened(recorder)
        row(3, "rst", f"{'refuses' if refuses else 'aborts'} the connection (RST)")
    elif event.flags & FIN:
        row(2, "fin", "closes its direction (FIN)")
    return rows


def _unseen_fins(recorder: Recorder, names: tuple[Sender, Sender]) -> list[_Row]:
    rows = []
    for direction in (0, 1):
        event = unseen_fin(recorder, direction) if recorder.directions[direction].fin_unseen else None
        if event is not None:
            text = (
                "has closed its direction" if event.direction == direction else "knows that the other side has closed"
            )
            rows.append(
                _Row(
                    event.frame,
                    (0, 1),
                    Timestamp(event.time),
                    names[event.direction],
                    "fin-unseen",
                    f"{text}: that FIN is not in the capture",
                )
            )
    return rows


def _place(recorder: Recorder, dialogue: Dialogue, event: Event) -> str:
    """What a retransmission repeats."""
    start = recorder.offset(event.direction, event.seq)
    voice = dialogue.voices[event.direction]
    for spoken in voice.spoken:
        if spoken.unit.start <= start < spoken.unit.end:
            what = spoken.parsed.name if spoken.parsed else f"its {spoken.unit.kind}"
            carried = voice.assembled.frames_of(start, start + event.length)
            return f"{what} (frame {carried[0]})" if carried else what
    return "its encrypted data" if voice.state is State.ENCRYPTED else f"sequence number {start + 1} (relative)"


def _icmp_rows(recorder: Recorder, names: tuple[Sender, Sender]) -> list[_Row]:
    rows = []
    for error in recorder.icmp:
        own = [names[side] for side in (0, 1) if recorder.endpoints[side].address == error.reporter]
        mtu = f", next-hop MTU {error.mtu}" if error.mtu else ""
        text = f"ICMP error from {address_text(error.reporter)}: {icmp_name(error)}{mtu}"
        rows.append(_Row(error.frame, (0, 0), Timestamp(error.time), own[0] if own else "network", "icmp", text))
    return rows


def _encrypted_rows(recorder: Recorder, dialogue: Dialogue) -> list[_Row]:
    """The encrypted part as one or two rows: where it begins, where its last data stand, and how much it was."""
    if not any(voice.state is State.ENCRYPTED for voice in dialogue.voices):
        return []
    octets = [0, 0]
    first: Event | None = None
    for direction, voice in enumerate(dialogue.voices):
        side = recorder.directions[direction]
        if voice.state is State.ENCRYPTED:
            octets[direction] = max(0, side.sent - voice.cut_to - (1 if side.fin else 0))
    for event in recorder.events:
        voice = dialogue.voices[event.direction]
        if not event.length or voice.state is not State.ENCRYPTED or event.flags & RST:
            continue
        if recorder.offset(event.direction, event.seq) + event.length > voice.cut_to:
            first = event
            break
    if first is None:
        return []
    client, server = octets[dialogue.client], octets[1 - dialogue.client]
    words = "1 octet" if client == 1 else f"{client:,} octets"
    text = f"encrypted data begin here; in all {words} of the client, {server:,} of the server"
    rows = [_Row(first.frame, (2, 0), Timestamp(first.time), "none", "encrypted", text)]
    last_frame, last_time = max((side.last_data_frame or 0, side.last_data_time) for side in recorder.directions)
    if last_frame > first.frame:
        rows.append(_Row(last_frame, (1, 0), Timestamp(last_time), "none", "encrypted-end", "the last encrypted data"))
    return rows


def _behind_close(recorder: Recorder, dialogue: Dialogue, ending: Ending, names: tuple[Sender, Sender]) -> list[_Row]:
    """New data behind the other side's FIN: whoever closed had not read all that was said, so not a farewell either."""
    if ending.how != "fin" or ending.frame is None or ending.by not in (0, 1):
        return []
    other = 1 - ending.by
    if any(voice.state is not State.ENCRYPTED for voice in dialogue.voices):
        return []
    new = recorder.directions[other].behind
    if new is None:
        return []
    text = "sends more encrypted data, behind the other side's FIN"
    return [_Row(new.frame, (1, 0), Timestamp(new.time), names[other], "behind-close", text)]


def _rest_rows(recorder: Recorder, dialogue: Dialogue, names: tuple[Sender, Sender]) -> list[_Row]:
    """Octets that could not be cut: the beginning of something that never became whole."""
    rows = []
    for direction, voice in enumerate(dialogue.voices):
        rest, kind = voice.rest, "unread"
        if not rest or voice.state is State.SSH1 or _said_as_text(voice):
            continue
        frame, time = voice.assembled.completed(voice.cut_to, len(voice.assembled.octets))
        hole = voice.assembled.hole_in(voice.cut_to, len(voice.assembled.octets))
        if hole is not None:
            missing = sum(end - start for start, end in voice.assembled.holes if start >= hole[0])
            text = (
                f"sends {len(rest) - missing:,} octets that cannot be read, because {missing:,} are not in the capture"
            )
        elif voice.problem is not None and voice.problem.field == "start":
            text = f"goes on with {len(rest):,} octets from the middle of the connection"
        elif voice.problem is not None:
            text = f'sends {len(rest):,} octets that cannot be read: {voice.problem.reason} ("{_shown(rest)}")'
        elif voice.wanted:
            kind = "unfinished"
            text = f"has sent {len(rest):,} of {voice.wanted - voice.cut_to:,} octets of a packet; the rest never came"
        else:
            text = f'sends {len(rest):,} octets without a line end: "{_shown(rest)}"'
        rows.append(_Row(frame, (1, voice.cut_to), Timestamp(time), names[direction], kind, text))
    return rows


def _said_as_text(voice: Voice) -> bool:
    """What cannot be a packet is text, and stands in the timeline as such already."""
    return bool(voice.spoken) and voice.spoken[-1].unit.kind == "text" and voice.spoken[-1].unit.start == voice.cut_to


def _shown(octets: bytes) -> str:
    return shorten(printable(hidden(octets[:200])), 120)
