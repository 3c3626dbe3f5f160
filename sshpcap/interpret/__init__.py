"""interpret(recording) → Session: what happened in one connection, with full hindsight. Pure; no state to get wrong.

`dialogue` turns the streams into messages and finds the roles, `handshake` says how far they got, `transport` what TCP
shows, `timeline` tells the story. Findings and the verdict come from `rules`.
"""

from typing import Literal

import msgspec

from sshpcap.interpret import handshake, transport
from sshpcap.interpret.authentication import authentication, unanswered
from sshpcap.interpret.dialogue import Dialogue, Spoken, Voice, listen
from sshpcap.interpret.timeline import timeline
from sshpcap.interpret.turns import impossible_length
from sshpcap.interpret.words import address_text, say
from sshpcap.model import (
    Certificate,
    Close,
    Disconnect,
    Duration,
    FieldValue,
    HostKey,
    Identification,
    KnownTypes,
    Message,
    Party,
    Session,
    Stage,
    Timestamp,
    Unreadable,
    Validity,
    Verdict,
    Who,
)
from sshpcap.ssh import host_keys, implementations, messages, numbers
from sshpcap.ssh.fingerprints import known_hosts_line
from sshpcap.ssh.groups import Groups
from sshpcap.ssh.hassh import hassh
from sshpcap.ssh.known_types import known_types
from sshpcap.ssh.logins import hidden
from sshpcap.ssh.wire import Malformed, printable
from sshpcap.tcp.attribution import Elsewhere, Ending, attribute
from sshpcap.tcp.community_id import community_id
from sshpcap.tcp.recorder import Recorder

_SHOWN_OCTETS = 256
_UNJUDGED = Verdict(summary="", cause=None, confidence="low")


def interpret(
    recorder: Recorder,
    *,
    index: int,
    ports: frozenset[int],
    observed_until: int,
    elsewhere: Elsewhere = Elsewhere(),  # noqa: B008 (it cannot be changed)
    groups: Groups | None = None,
) -> Session:
    """The session that a recording is, without findings and verdict.

    `ports` are those on which SSH is expected (a hint for the roles), `observed_until` is the time of the last frame
    captured of anything: it tells silence from the end of the capture. `elsewhere` is what the rest of
    the capture tells of it, `groups` judges those that a server sends.
    """
    dialogue = listen(recorder, ports, groups or Groups())
    names = ("client", "server") if dialogue.client == 0 else ("server", "client")
    ending = attribute(recorder, names, observed_until, elsewhere)
    cover = transport.coverage(recorder, dialogue)
    reached = handshake.milestones(recorder, dialogue, cover.one_sided)
    if handshake.closed_too_soon(dialogue, ending):
        reached = tuple(milestone for milestone in reached if milestone.stage != "encrypted")
    stage = handshake.stage_until(reached, None)
    waiting = handshake.awaited(recorder, dialogue, ending, stage, observed_until)
    server_end = recorder.endpoints[1 - dialogue.client]
    key = _host_key(dialogue, (address_text(server_end.address), server_end.port))
    last_sent = (_last_sent(recorder, dialogue, 0, key), _last_sent(recorder, dialogue, 1, key))
    client, server = _party(recorder, dialogue, dialogue.client), _party(recorder, dialogue, 1 - dialogue.client)
    start, end = Timestamp(recorder.first_time), Timestamp(recorder.last_time)
    return Session(
        index=index,
        community_id=community_id(*recorder.endpoints),
        wireshark_filter=_filter(client, server),
        start=start,
        end=end,
        duration=Duration(max(0, end.ns - start.ns)),
        stage=stage,
        outcome=handshake.outcome(recorder, dialogue, ending, stage, cover, waiting),
        verdict=_UNJUDGED,
        client=client,
        server=server,
        roles_from=dialogue.roles_from,
        negotiation=dialogue.negotiation,
        host_key=key,
        close=_close(dialogue, ending, handshake.stage_until(reached, ending.frame)),
        awaited=waiting,
        messages=_messages(recorder, dialogue),
        timeline=timeline(recorder, dialogue, ending, key),
        findings=(),
        tcp=transport.tcp(recorder, dialogue, last_sent),
        coverage=cover,
        authentication=authentication(recorder, dialogue, ending) if stage == "encrypted" else None,
        unanswered=unanswered(recorder, dialogue, ending) if stage == "encrypted" else (),
    )


def _filter(client: Party, server: Party) -> str:
    """A Wireshark display filter that shows this connection (and others that use the same endpoints)."""
    family = "ipv6" if ":" in client.address else "ip"
    return (
        f"{family}.addr == {client.address} && {family}.addr == {server.address} && "
        f"tcp.port == {client.port} && tcp.port == {server.port}"
    )


def _party(recorder: Recorder, dialogue: Dialogue, direction: int) -> Party:
    endpoint, voice = recorder.endpoints[direction], dialogue.voices[direction]
    is_client = direction == dialogue.client
    proposal = voice.kexinit
    suffix = "c" if is_client else "s"
    names = proposal.kex_algorithms if proposal else ()
    if proposal is not None:
        carrier = voice.first(numbers.KEXINIT)
        proposal = msgspec.structs.replace(proposal, frames=carrier.frames if carrier else ())
    return Party(
        address=address_text(endpoint.address),
        port=endpoint.port,
        identification=_identification(voice.identification),
        pre_identification=dialogue.lines(direction),
        first_octets=_first_octets(voice),
        preamble=voice.preamble,
        kexinit=proposal,
        hassh=hassh(proposal, client=is_client) if proposal else None,
        strict_kex=f"kex-strict-{suffix}-v00@openssh.com" in names,
        ext_info=f"ext-info-{suffix}" in names,
        unreadable=_unreadable(voice) or _sealed_wrongly(dialogue, direction),
        known_types=_known_types(voice) if is_client else None,
    )


def _known_types(client: Voice) -> KnownTypes | None:
    spoken, proposal = client.identification, client.kexinit
    if spoken is None or spoken.identification is None or proposal is None:
        return None
    return known_types(proposal, *implementations.recognise(spoken.identification.software))


def _first_octets(voice: Voice) -> str | None:
    octets = voice.assembled.octets
    hole = voice.assembled.hole_in(0, _SHOWN_OCTETS)
    head = octets[: min(hole[0] if hole else len(octets), _SHOWN_OCTETS)]
    begun = voice.problem is not None and voice.problem.field == "start"
    identified = voice.identification is not None and head.startswith(b"SSH-")
    return printable(hidden(head)) if head and not begun and not identified else None


def _unreadable(voice: Voice) -> Unreadable | None:
    problem = voice.problem
    if problem is None:
        return None
    octets = voice.assembled.octets
    frame, _ = voice.assembled.completed(voice.cut_to, min(len(octets), voice.cut_to + 4))
    is_packet = problem.field == "packet_length" and "missing" not in problem.reason
    hole = voice.assembled.hole_in(voice.cut_to, len(octets))
    readable = octets[voice.cut_to : hole[0] if hole else len(octets)]
    return Unreadable(
        reason=f"{problem.field}: {problem.reason}",
        text=printable(hidden(readable[:_SHOWN_OCTETS])),
        packet_length=int.from_bytes(octets[voice.cut_to : voice.cut_to + 4], "big") if is_packet else None,
        frame=frame,
        bytes=(voice.cut_to + 1, len(octets)),
    )


def _sealed_wrongly(dialogue: Dialogue, direction: int) -> Unreadable | None:
    """Octets behind NEWKEYS whose length stays readable (AES-GCM, encrypt-then-MAC) and cannot be."""
    length, voice = impossible_length(dialogue, direction), dialogue.voices[direction]
    if length is None:
        return None
    octets, start = voice.assembled.octets, voice.cut_to
    return Unreadable(
        reason=f"the length of the first encrypted packet is {length:,}, which cannot be",
        text=printable(octets[start : start + 4]),
        packet_length=length,
        frame=voice.assembled.completed(start, start + 4)[0],
        bytes=(start + 1, len(octets)),
    )


def _identification(spoken: Spoken | None) -> Identification | None:
    if spoken is None or spoken.identification is None:
        return None
    line = spoken.identification
    implementation, version = implementations.recognise(line.software, line.comment)
    return Identification(
        raw=line.raw,
        text=printable(line.raw),
        protocol_version=line.protocol_version,
        software=line.software,
        comment=line.comment,
        implementation=implementation,
        version=version,
        frame=spoken.frame,
        time=spoken.time,
        line_end=line.line_end,
        distribution=implementations.distribution(line.comment),
    )


def _host_key(dialogue: Dialogue, place: tuple[str, int]) -> HostKey | None:
    server = dialogue.server_voice
    agreed = dialogue.negotiation.server_host_key_algorithm.chosen if dialogue.negotiation else None
    for spoken in server.spoken:
        blob = spoken.kex.get("K_S") if spoken.kex else None
        if not isinstance(blob, bytes) or spoken.kex is None:
            continue
        key = host_keys.read_public_key(blob)
        if isinstance(key, Malformed):
            return None
        # RFC 4432 and RFC 4462 send the signature, or none at all, in a message of its own.
        signature = next((s.kex["signature"] for s in server.spoken if s.kex and "signature" in s.kex), None)
        signed = host_keys.signature_algorithm(signature) if isinstance(signature, bytes) else None
        return HostKey(
            type=key.type,
            bits=key.bits,
            sha256=key.sha256,
            md5=key.md5,
            blob=blob,
            frame=spoken.frame,
            signature_algorithm=signed,
            signature_as_agreed=host_keys.signs_for(signed, agreed) if signed and agreed else None,
            certificate=_at(spoken.time, key.certificate),
            sshfp=key.sshfp,
            known_hosts_line=known_hosts_line(*place, key.plain_type, key.plain) if key.plain else None,
            randomart=key.randomart,
        )
    return None


def _at(moment: Timestamp, certificate: Certificate | None) -> Certificate | None:
    """A certificate with what its times mean at the moment at which it was shown."""
    if certificate is None:
        return None
    after, before = certificate.valid_after, certificate.valid_before
    validity: Validity = "valid"
    if after is not None and moment.ns < after.ns:
        validity = "not yet valid"
    elif before is not None and moment.ns >= before.ns:
        validity = "expired"
    return msgspec.structs.replace(certificate, when_shown=validity)


def _close(dialogue: Dialogue, ending: Ending, stage: Stage) -> Close:
    by = ending.by if isinstance(ending.by, str) else _who(dialogue, ending.by)
    said, reasoning = _disconnect(dialogue), ending.reasoning
    if said is not None and (ending.frame is None or said.frame <= ending.frame):
        reasoning = (f"The {said.by} announced the end in frame {said.frame} (SSH_MSG_DISCONNECT).", *reasoning)
    return Close(
        how=ending.how,
        by=by,
        stage=stage,
        frame=ending.frame,
        time=None if ending.time is None else Timestamp(ending.time),
        confidence=ending.confidence,
        reasoning=reasoning,
        disconnect=said,
    )


def _disconnect(dialogue: Dialogue) -> Disconnect | None:
    """The first readable SSH_MSG_DISCONNECT of either side."""
    found = [
        (spoken, spoken.parsed.value)
        for voice in dialogue.voices
        for spoken in voice.spoken
        if spoken.parsed and isinstance(spoken.parsed.value, messages.Disconnect)
    ]
    if not found:
        return None
    spoken, value = min(found, key=lambda pair: pair[0].frame)
    return Disconnect(
        code=value.code,
        name=numbers.disconnect_name(value.code),
        description=value.description,
        by=_who(dialogue, spoken.direction),
        frame=spoken.frame,
    )


def _who(dialogue: Dialogue, direction: int) -> Who:
    return "client" if direction == dialogue.client else "server"


def _messages(recorder: Recorder, dialogue: Dialogue) -> tuple[Message, ...]:
    """Both sides' units by the frames that completed them, each side's own in the order of its stream."""
    every: list[tuple[int, int, Spoken]] = []
    for voice in dialogue.voices:
        latest = 0
        for spoken in voice.spoken:
            latest = max(latest, spoken.frame)
            every.append((latest, spoken.unit.start, spoken))
    every.sort(key=lambda row: row[:2])
    return tuple(_message(recorder, dialogue, spoken) for _, _, spoken in every)


def _message(recorder: Recorder, dialogue: Dialogue, spoken: Spoken) -> Message:
    parsed, malformed = spoken.parsed, spoken.malformed
    fields: dict[str, FieldValue] = dict(parsed.fields) if parsed else {"text": printable(spoken.octets)}
    if malformed is not None:
        fields |= {"malformed_field": malformed.field, "malformed_reason": malformed.reason}
    other = recorder.directions[1 - spoken.direction]
    acked = recorder.directions[spoken.direction].acked
    unread = malformed is not None or (parsed is not None and not parsed.known)
    return Message(
        sender=_who(dialogue, spoken.direction),
        kind="malformed" if malformed else "message" if parsed else _line_kind(spoken),
        number=parsed.number if parsed else None,
        name=parsed.name if parsed else spoken.unit.kind,
        frames=spoken.frames,
        frame=spoken.frame,
        time=spoken.time,
        bytes=(spoken.unit.start + 1, spoken.unit.end),
        length=spoken.unit.end - spoken.unit.start,
        complete=spoken.unit.complete,
        acknowledged=None if not other.frames or acked is None else acked >= spoken.unit.end,
        fields=fields,
        raw=spoken.octets if unread else None,
    )


def _line_kind(spoken: Spoken) -> Literal["preamble", "text", "identification"]:
    kind = spoken.unit.kind
    return "text" if kind == "packet" else kind


def _last_sent(recorder: Recorder, dialogue: Dialogue, direction: int, key: HostKey | None) -> str | None:
    """The last thing a side sent, in words; None if it sent no data."""
    voice, side = dialogue.voices[direction], recorder.directions[direction]
    if side.last_data_frame is None:
        return None
    if voice.state.value == "encrypted" and side.sent - (1 if side.fin else 0) > voice.cut_to:
        return f"encrypted data (frame {side.last_data_frame})"
    if voice.rest and voice.state.value != "encrypted":
        return f"octets that could not be read whole (frame {side.last_data_frame})"
    if voice.spoken:
        return f"{say(voice.spoken[-1], key)} (frame {voice.spoken[-1].frame})"
    return None
