"""How far a handshake got, what had to come next, and what that makes of the connection."""

from typing import Final, NamedTuple

from sshpcap.frames import SYN
from sshpcap.interpret.dialogue import Dialogue, Spoken, Voice
from sshpcap.model import STAGES, Awaited, Coverage, Duration, Outcome, Stage, Timestamp, Who
from sshpcap.ssh import kex, numbers, plain_text, ssh1
from sshpcap.ssh.cut import State
from sshpcap.ssh.identification import in_front
from sshpcap.tcp.attribution import Ending, opened
from sshpcap.tcp.forgery import sent_before_reset
from sshpcap.tcp.recorder import Recorder
from sshpcap.tcp.sequence import difference

_STALLED_NS: Final = 5_000_000_000
"""No progress for this long before the capture ends: the connection stood still."""


class Milestone(NamedTuple):
    """A stage, and the frame that reached it."""

    stage: Stage
    frame: int


def milestones(recorder: Recorder, dialogue: Dialogue, one_sided: Who | None) -> tuple[Milestone, ...]:
    """Every stage that was reached, by whichever side reached it first, in order."""
    every = sorted((s for voice in dialogue.voices for s in voice.spoken), key=lambda s: s.frame)
    found: dict[Stage, int] = {"tcp": recorder.first_frame}
    for spoken in every:
        stage = _stage_of(spoken)
        if stage is not None:
            found.setdefault(stage, spoken.frame)
    after = _encrypted_ssh1(dialogue)
    if after is not None:
        found["encrypted"] = after
    new_keys = [voice.first(numbers.NEWKEYS) for voice in dialogue.voices]
    both = [spoken.frame for spoken in new_keys if spoken is not None]
    if len(both) == 2:
        found["encrypted"] = max(both)
    elif both and one_sided is not None:
        after = _first_after_newkeys(recorder, dialogue)
        if after is not None:
            found["encrypted"] = after
    elif both:
        after = _talk_after(recorder, dialogue, both[0])
        if after is not None:
            found["encrypted"] = after
    return tuple(Milestone(stage, found[stage]) for stage in STAGES if stage in found)


def _encrypted_ssh1(dialogue: Dialogue) -> int | None:
    """SSH-1: the server's first octets behind its keys, once the client has sent the session key, are encrypted."""
    server = dialogue.server_voice
    told = {s.parsed.name for voice in dialogue.voices for s in voice.spoken if s.parsed}
    if not {ssh1.PUBLIC_KEY, ssh1.SESSION_KEY} <= told or server.state is not State.SSH1 or not server.rest:
        return None
    return server.assembled.completed(server.cut_to, server.cut_to + 1)[0]


def closed_too_soon(dialogue: Dialogue, ending: Ending) -> bool:
    """The server closed before the client switched to encryption: what the client sent later found nobody."""
    consent = dialogue.client_voice.first(numbers.NEWKEYS)
    server = 1 - dialogue.client
    if consent is None or ending.frame is None or ending.how not in ("fin", "rst") or ending.by != server:
        return False
    return ending.confidence == "high" and ending.frame < consent.frame


def stage_until(reached: tuple[Milestone, ...], frame: int | None) -> Stage:
    """The furthest stage reached by a frame (None: by the end)."""
    stages = [m.stage for m in reached if frame is None or m.frame <= frame]
    return stages[-1] if stages else "tcp"


def _stage_of(spoken: Spoken) -> Stage | None:
    if spoken.identification is not None:
        return "identification"
    if spoken.parsed is None:
        return None
    if spoken.parsed.name.startswith("SSH1"):
        return {ssh1.PUBLIC_KEY: "kexinit", ssh1.SESSION_KEY: "kex"}.get(spoken.parsed.name)  # type: ignore[return-value]
    number = spoken.parsed.number
    if number == numbers.KEXINIT and spoken.malformed is None:
        return "kexinit"
    if number == numbers.NEWKEYS:
        return None if "early" in spoken.parsed.fields else "newkeys"
    if numbers.KEX_FIRST <= number <= numbers.KEX_LAST and "guess" not in spoken.parsed.fields:
        return "kex"
    return None


def _first_after_newkeys(recorder: Recorder, dialogue: Dialogue) -> int | None:
    """The first encrypted data of the one side that was captured, if the other side must have agreed before.

    A server talks on behind its NEWKEYS without waiting, so it must have heard more of its client first.
    """
    heard: int | None = None
    for event in recorder.events:
        voice = dialogue.voices[event.direction]
        if not event.length or voice.state is not State.ENCRYPTED or event.flags & 4:
            continue
        end = recorder.offset(event.direction, event.seq) + event.length
        if end > voice.cut_to and (
            event.direction == dialogue.client or (heard is not None and difference(event.ack, heard) > 0)
        ):
            return event.frame
        if end >= voice.cut_to and heard is None:
            heard = event.ack
    return None


def _talk_after(recorder: Recorder, dialogue: Dialogue, frame: int) -> int | None:
    """Both sides talk on behind one side's NEWKEYS, and the other's may be among octets that were not captured.

    Before encryption only a DISCONNECT could follow there, so two segments of each side are enough.
    """
    other = next(voice for voice in dialogue.voices if voice.state is not State.ENCRYPTED)
    if not (other.assembled.holes or (other.problem is not None and other.problem.field == "start")):
        return None
    said: tuple[list[int], list[int]] = ([], [])
    for event in recorder.events:
        if event.frame > frame and event.length and not event.flags & 4:
            said[event.direction].append(event.frame)
    return min(said[0][0], said[1][0]) if min(len(said[0]), len(said[1])) >= 2 else None


def complete(recorder: Recorder, dialogue: Dialogue, direction: int) -> bool:
    """Every octet of a direction is in the capture, from its beginning: what is not there was not sent."""
    side, voice = recorder.directions[direction], dialogue.voices[direction]
    if not (side.anchored or _greets_first(voice)) or side.stream.limit_hit or voice.assembled.holes:
        return False
    if not side.frames:
        return False
    end = side.sent - (1 if side.fin is not None else 0)
    # One number more than the octets is that of a FIN.
    known = max(end, (side.acked or 0) - 1, sent_before_reset(recorder, direction) - 1)
    return known <= len(voice.assembled.octets)


def _greets_first(voice: Voice) -> bool:
    """Its first captured octets are its identification string, before which nothing of SSH stands (RFC 4253 §4.2)."""
    return voice.identification is not None and any(
        spoken.unit.kind == "identification" and spoken.unit.start == 0 for spoken in voice.spoken
    )


def awaited(
    recorder: Recorder, dialogue: Dialogue, ending: Ending, stage: Stage, observed_until: int
) -> Awaited | None:
    """Who had to send what, when the handshake stopped short; None for an encrypted or never opened connection."""
    if stage == "encrypted" or not opened(recorder):
        return None
    dialogue = _until_close(recorder, dialogue, ending)
    party, what = _next_step(dialogue)
    frame, time = _last_progress(recorder, dialogue, ending)
    # A clock that was set back makes the rest of the capture look late.
    until = observed_until - recorder.clock_back
    if ending.how in ("fin", "rst") and ending.time is not None:
        # What came behind the close was not waited for, whatever a clock that was set back says.
        until = ending.time if ending.frame is None or frame <= ending.frame else min(time, ending.time)
    # Who has said that it leaves waits no more (RFC 4253 §11.1), whenever TCP closes.
    until = min((until, *(said.time.ns for said in _farewells(dialogue))))
    return Awaited(
        party=party or "unknown",
        what=what,
        since_frame=frame,
        since=Timestamp(time),
        waited=Duration(max(0, until - time)),
    )


_CROSSED_NS: Final = 2_000_000_000


def _until_close(recorder: Recorder, dialogue: Dialogue, ending: Ending) -> Dialogue:
    """Without what one side said when the other had waited for seconds and closed: that came too late. What comes
    behind a quick close was on its way."""
    if ending.time is None or ending.how not in ("fin", "rst") or ending.frame is None or ending.by not in (0, 1):
        return dialogue
    other = 1 - ending.by
    in_time = tuple(spoken for spoken in dialogue.voices[other].spoken if spoken.frame <= ending.frame)
    voices = [voice._replace(spoken=in_time) if n == other else voice for n, voice in enumerate(dialogue.voices)]
    before = dialogue._replace(voices=(voices[0], voices[1]))
    # A clock that was set back makes what came before look later than it was, or the close.
    waited = ending.time - _last_progress(recorder, before, ending)[1] - recorder.clock_back
    return before if waited >= _CROSSED_NS else dialogue


def _next_step(dialogue: Dialogue) -> tuple[Who | None, str]:
    client, server = dialogue.client_voice, dialogue.server_voice
    if client.identification is None and server.identification is None:
        return None, "an identification string of either side"
    for who, voice in _sides(client, server):
        if voice.identification is None and not any(s.parsed for s in voice.spoken):
            return who, "its identification string"
    if client.state is State.SSH1 and server.state is State.SSH1:
        named = {s.parsed.name for voice in (client, server) for s in voice.spoken if s.parsed}
        if ssh1.PUBLIC_KEY not in named:
            return "server", f"its keys ({ssh1.PUBLIC_KEY})"
        return ("server", "its consent") if ssh1.SESSION_KEY in named else ("client", ssh1.SESSION_KEY)
    missing = [who for who, voice in _sides(client, server) if voice.first(numbers.KEXINIT) is None]
    if len(missing) == 2:
        return None, "SSH_MSG_KEXINIT of either side"
    if missing:
        return missing[0], "SSH_MSG_KEXINIT"
    if _kex_count(client) == 0:
        begins: Who = "server" if _server_begins(dialogue) and _kex_count(server) == 0 else "client"
        return begins, "the first key exchange message"
    consent = server.first(numbers.NEWKEYS)
    if consent is None or (consent.parsed and "early" in consent.parsed.fields):
        if _kex_count(client) > _kex_count(server):
            return "server", "its key exchange reply"
        if _kex_count(server) and client.first(numbers.NEWKEYS) is None and not _showed_key(server):
            return "client", "its next key exchange message"
        return "server", "SSH_MSG_NEWKEYS"
    return "client", "SSH_MSG_NEWKEYS"


def _server_begins(dialogue: Dialogue) -> bool:
    """In RSA key exchange the server sends the first message (RFC 4432 §4)."""
    method = dialogue.negotiation.kex_algorithm.chosen if dialogue.negotiation else None
    return method is not None and kex.family_of(method) is kex.RSA


def _sides(client: Voice, server: Voice) -> tuple[tuple[Who, Voice], tuple[Who, Voice]]:
    return (("client", client), ("server", server))


def _kex_count(voice: Voice) -> int:
    return sum(_stage_of(spoken) == "kex" for spoken in voice.spoken)


def _showed_key(voice: Voice) -> bool:
    return any(spoken.kex is not None and "K_S" in spoken.kex for spoken in voice.spoken)


def _last_progress(recorder: Recorder, dialogue: Dialogue, ending: Ending) -> tuple[int, int]:
    """The last frame that brought something new: a unit, or the opening of the connection. A farewell is no step."""
    late = closed_too_soon(dialogue, ending)
    steps = [
        (s.frame, s.time.ns)
        for voice in dialogue.voices
        for s in voice.spoken
        if s.number != numbers.DISCONNECT and (not late or ending.frame is None or s.frame < ending.frame)
    ]
    if not steps:
        steps = [(event.frame, event.time) for event in recorder.events if event.flags & 2]
    return max(steps, default=(recorder.first_frame, recorder.first_time))


def _farewells(dialogue: Dialogue) -> list[Spoken]:
    return [said for voice in dialogue.voices if (said := voice.first(numbers.DISCONNECT)) is not None]


def outcome(
    recorder: Recorder, dialogue: Dialogue, ending: Ending, stage: Stage, coverage: Coverage, waiting: Awaited | None
) -> Outcome:
    """What became of the connection, in one word (vocabulary: docs/vocabulary.md)."""
    if stage == "encrypted":
        return "encrypted"
    if not opened(recorder):
        if ending.how == "icmp" or (ending.how == "rst" and ending.by in (1 - dialogue.client, "network")):
            return "refused"
        return "failed" if ending.how == "never_opened" and ending.confidence == "high" else "incomplete"
    # In a key exchange both have read each other's identification string: one that is missing here was lost.
    begun = (coverage.midstream and not _greets_first(dialogue.client_voice)) or stage in ("kex", "newkeys")
    spoken_otherwise = None if begun else _without_ssh(dialogue)
    if spoken_otherwise is not None and ending.how != "capture_end":
        return spoken_otherwise
    if coverage.gaps and not any(side.data_bytes for side in recorder.directions):
        return "incomplete"  # nothing of what was said is in the capture
    if ending.how in ("fin", "rst") or _farewells(dialogue):
        return "failed" if _surely_unencrypted(recorder, dialogue, ending) else "incomplete"
    if spoken_otherwise is not None:
        return spoken_otherwise
    if (
        recorder.superseded_by is not None
        or _opening_alone(recorder)
        or any(side.fin_unseen for side in recorder.directions)
    ):
        return "incomplete"
    if coverage.gaps and not _surely_unencrypted(recorder, dialogue, ending):
        return "incomplete"
    if ending.how == "silence" or (waiting is not None and waiting.waited.ns >= _STALLED_NS):
        return "stalled" if not coverage.midstream or stage != "tcp" else "incomplete"
    return "incomplete"


def _opening_alone(recorder: Recorder) -> bool:
    """A SYN and one SYN-ACK, and nothing more: a host that got no acknowledgement would have repeated its SYN-ACK
    within seconds, so the rest is not in the capture (a filter for SYN, FIN and RST)."""
    return len(recorder.events) == 2 and not recorder.icmp and all(event.flags & SYN for event in recorder.events)


def _surely_unencrypted(recorder: Recorder, dialogue: Dialogue, ending: Ending) -> bool:
    """Something proves that the handshake did not complete: a side without NEWKEYS of which all is there, or a
    reason."""
    if dialogue.negotiation is not None and not dialogue.negotiation.agreed:
        return True
    if _farewells(dialogue) or closed_too_soon(dialogue, ending):
        return True
    return any(
        complete(recorder, dialogue, direction) and dialogue.voices[direction].state is not State.ENCRYPTED
        for direction in (0, 1)
    )


def _without_ssh(dialogue: Dialogue) -> Outcome | None:
    """Refused in words, or another protocol: read from what stands where an identification string should be."""
    server, client = dialogue.server_voice, dialogue.client_voice
    for voice, direction in ((server, 1 - dialogue.client), (client, dialogue.client)):
        if voice.identification is not None:
            continue
        lines = dialogue.lines(direction)
        if not lines or (voice.problem is not None and voice.problem.field == "start"):
            continue
        text = plain_text.first_text(lines)
        if voice is server and plain_text.refusal(text):
            return "refused"
        if voice is server and (plain_text.complaint(text) or plain_text.start_error(lines)):
            return "failed"
        if lines[-1].startswith("SSH-") or any(map(in_front, lines)):
            return "failed"
        return "not_ssh"
    return None
