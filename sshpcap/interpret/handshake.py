"""How far a handshake got, what had to come next, and what that makes of the connection."""

from typing import Final, NamedTuple

from sshpcap.interpret.dialogue import Dialogue, Spoken, Voice
from sshpcap.model import STAGES, Awaited, Coverage, Duration, Outcome, Stage, Timestamp, Who
from sshpcap.ssh import numbers, plain_text
from sshpcap.ssh.cut import State
from sshpcap.tcp.attribution import Ending, opened
from sshpcap.tcp.recorder import Recorder

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
    new_keys = [voice.first(numbers.NEWKEYS) for voice in dialogue.voices]
    both = [spoken.frame for spoken in new_keys if spoken is not None]
    if len(both) == 2:
        found["encrypted"] = max(both)
    elif both and one_sided is not None:
        after = _first_after_newkeys(recorder, dialogue)
        if after is not None:
            found["encrypted"] = after
    return tuple(Milestone(stage, found[stage]) for stage in STAGES if stage in found)


def stage_until(reached: tuple[Milestone, ...], frame: int | None) -> Stage:
    """The furthest stage reached by a frame (None: by the end)."""
    stages = [m.stage for m in reached if frame is None or m.frame <= frame]
    return stages[-1] if stages else "tcp"


def _stage_of(spoken: Spoken) -> Stage | None:
    if spoken.identification is not None:
        return "identification"
    if spoken.parsed is None:
        return None
    number = spoken.parsed.number
    if number == numbers.KEXINIT and spoken.malformed is None:
        return "kexinit"
    if number == numbers.NEWKEYS:
        return "newkeys"
    if numbers.KEX_FIRST <= number <= numbers.KEX_LAST and "guess" not in spoken.parsed.fields:
        return "kex"
    return None


def _first_after_newkeys(recorder: Recorder, dialogue: Dialogue) -> int | None:
    for event in recorder.events:
        voice = dialogue.voices[event.direction]
        if event.length and voice.state is State.ENCRYPTED and not event.flags & 4:
            end = recorder.offset(event.direction, event.seq) + event.length
            if end > voice.cut_to:
                return event.frame
    return None


def awaited(
    recorder: Recorder, dialogue: Dialogue, ending: Ending, stage: Stage, observed_until: int
) -> Awaited | None:
    """Who had to send what, when the handshake stopped short; None for an encrypted or never opened connection."""
    if stage == "encrypted" or not opened(recorder):
        return None
    party, what = _next_step(dialogue)
    frame, time = _last_progress(recorder, dialogue)
    until = ending.time if ending.how in ("fin", "rst") and ending.time is not None else observed_until
    return Awaited(
        party=party or "unknown",
        what=what,
        since_frame=frame,
        since=Timestamp(time),
        waited=Duration(max(0, until - time)),
    )


def _next_step(dialogue: Dialogue) -> tuple[Who | None, str]:
    client, server = dialogue.client_voice, dialogue.server_voice
    if client.identification is None and server.identification is None:
        return None, "an identification string of either side"
    for who, voice in _sides(client, server):
        if voice.identification is None and not any(s.parsed for s in voice.spoken):
            return who, "its identification string"
    missing = [who for who, voice in _sides(client, server) if voice.first(numbers.KEXINIT) is None]
    if len(missing) == 2:
        return None, "SSH_MSG_KEXINIT of either side"
    if missing:
        return missing[0], "SSH_MSG_KEXINIT"
    if _kex_count(client) == 0:
        return "client", "the first key exchange message"
    if server.first(numbers.NEWKEYS) is None:
        if _kex_count(client) > _kex_count(server):
            return "server", "its key exchange reply"
        if _kex_count(server) and client.first(numbers.NEWKEYS) is None and not _showed_key(server):
            return "client", "its next key exchange message"
        return "server", "SSH_MSG_NEWKEYS"
    return "client", "SSH_MSG_NEWKEYS"


def _sides(client: Voice, server: Voice) -> tuple[tuple[Who, Voice], tuple[Who, Voice]]:
    return (("client", client), ("server", server))


def _kex_count(voice: Voice) -> int:
    return sum(_stage_of(spoken) == "kex" for spoken in voice.spoken)


def _showed_key(voice: Voice) -> bool:
    return any(spoken.kex is not None and "K_S" in spoken.kex for spoken in voice.spoken)


def _last_progress(recorder: Recorder, dialogue: Dialogue) -> tuple[int, int]:
    """The last frame that brought something new: a unit, or the opening of the connection."""
    steps = [(s.frame, s.time.ns) for voice in dialogue.voices for s in voice.spoken]
    if not steps:
        steps = [(event.frame, event.time) for event in recorder.events if event.flags & 2]
    return max(steps, default=(recorder.first_frame, recorder.first_time))


def outcome(
    recorder: Recorder, dialogue: Dialogue, ending: Ending, stage: Stage, coverage: Coverage, waiting: Awaited | None
) -> Outcome:
    """What became of the connection, in one word (vocabulary: docs/vocabulary.md)."""
    if stage == "encrypted":
        return "encrypted"
    if not opened(recorder):
        if ending.how in ("rst", "icmp"):
            return "refused"
        return "failed" if ending.confidence == "high" else "incomplete"
    spoken_otherwise = _without_ssh(dialogue)
    if spoken_otherwise is not None and ending.how != "capture_end":
        return spoken_otherwise
    if ending.how in ("fin", "rst"):
        blind = coverage.midstream and not any(voice.spoken for voice in dialogue.voices)
        return "incomplete" if blind else "failed"
    if spoken_otherwise is not None:
        return spoken_otherwise
    if recorder.superseded_by is not None:
        return "incomplete"
    if ending.how == "silence" or (waiting is not None and waiting.waited.ns >= _STALLED_NS):
        return "stalled" if not coverage.midstream or stage != "tcp" else "incomplete"
    return "incomplete"


def _without_ssh(dialogue: Dialogue) -> Outcome | None:
    """Refused in words, or another protocol: read from what stands where an identification string should be."""
    server, client = dialogue.server_voice, dialogue.client_voice
    for voice in (server, client):
        if voice.identification is not None:
            continue
        lines = voice.text_lines()
        if not lines or (voice.problem is not None and voice.problem.field == "start"):
            continue
        if voice is server and (plain_text.refusal(lines[0]) or plain_text.complaint(lines[0])):
            return "refused" if plain_text.refusal(lines[0]) else "failed"
        if lines[0].startswith("SSH-"):
            return "failed"
        return "not_ssh"
    return None
