"""Both directions of a recording as units of SSH, with the frames that carried them; who is client and who is server.

The first half of `interpret`: from streams to typed messages. Roles come from the protocol, and the port is only a
hint.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, NamedTuple, cast

from sshpcap.model import FieldValue, KexInit, Negotiation, Timestamp
from sshpcap.ssh import kex, messages, numbers, plain_text, preamble, public_values, ssh1
from sshpcap.ssh.cut import Cutter, State, Unit
from sshpcap.ssh.groups import Groups
from sshpcap.ssh.host_keys import read_public_key, signature_algorithm
from sshpcap.ssh.identification import IdentificationLine, parse_identification
from sshpcap.ssh.implementations import recognise
from sshpcap.ssh.logins import hidden
from sshpcap.ssh.messages import Fields
from sshpcap.ssh.negotiate import negotiate
from sshpcap.ssh.wire import Malformed, printable
from sshpcap.tcp.attribution import opened
from sshpcap.tcp.recorder import Recorder
from sshpcap.tcp.stream import Assembled

_SHOWN_REST: Final = 256


class Spoken(NamedTuple):
    """One unit of one direction, understood as far as that goes."""

    direction: int
    unit: Unit
    octets: bytes
    """The line without its end, or the payload."""
    frames: tuple[int, ...]
    frame: int
    time: Timestamp
    identification: IdentificationLine | None = None
    parsed: messages.Parsed | None = None
    kex: dict[str, bytes | int | str] | None = None
    """Fields of a key exchange message, once the method is known."""
    malformed: Malformed | None = None

    @property
    def number(self) -> int | None:
        """Message number, None for lines."""
        return self.parsed.number if self.parsed else None


_spoken_of = cast(Callable[[tuple[object, ...]], Spoken], partial(tuple.__new__, Spoken))
"""A unit of all its fields in order, in half the time that naming them takes."""


class Voice(NamedTuple):
    """One direction: everything that was cut from it."""

    assembled: Assembled
    spoken: tuple[Spoken, ...]
    state: State
    problem: Malformed | None
    cut_to: int
    """Offset behind the last whole unit."""
    wanted: int
    """Where the unit that is not all there would end; 0 where its length is not known."""

    @property
    def rest(self) -> bytes:
        """Octets behind the last whole unit, in the clear phase."""
        return b"" if self.state is State.ENCRYPTED else self.assembled.octets[self.cut_to :]

    @property
    def identification(self) -> Spoken | None:
        """The identification string."""
        return next((s for s in self.spoken if s.unit.kind == "identification"), None)

    @property
    def preamble(self) -> str | None:
        """Name of what a proxy put in front of the identification string."""
        first = self.spoken[0] if self.spoken else None
        found = preamble.find(self.assembled.octets) if first and first.unit.kind == "preamble" else None
        return found.name if found else None

    @property
    def kexinit(self) -> KexInit | None:
        """The first proposal that could be read."""
        return next((s.parsed.value for s in self.spoken if s.parsed and isinstance(s.parsed.value, KexInit)), None)

    def first(self, number: int) -> Spoken | None:
        """The first message with this number."""
        return next((s for s in self.spoken if s.number == number), None)

    def text_lines(self) -> tuple[str, ...]:
        """What was said before, or instead of, an identification string, made printable."""
        lines = []
        for spoken in self.spoken:
            if spoken.unit.kind == "preamble":
                continue
            if spoken.unit.kind != "text":
                break
            lines.append(printable(spoken.octets))
        known = not self.assembled.hole_in(self.cut_to, self.cut_to + _SHOWN_REST)
        if self.state in (State.LINES, State.STOPPED) and self.identification is None and self.rest and known:
            lines.append(printable(hidden(self.rest[:_SHOWN_REST])))
        return tuple(lines)


class Dialogue(NamedTuple):
    """Both voices and what follows from them together. Index 0 is the recorder's direction 0."""

    voices: tuple[Voice, Voice]
    client: int
    """Direction of the client."""
    roles_from: str
    negotiation: Negotiation | None

    @property
    def client_voice(self) -> Voice:
        """What the client said."""
        return self.voices[self.client]

    @property
    def server_voice(self) -> Voice:
        """What the server said."""
        return self.voices[1 - self.client]

    def lines(self, direction: int) -> tuple[str, ...]:
        """What a side said before, or instead of, its identification string; not what a proxy said that was asked."""
        said = self.voices[direction].text_lines()
        asked = direction != self.client and self.client_voice.preamble == "HTTP CONNECT"
        return plain_text.behind_proxy(said) if asked else said


def listen(recorder: Recorder, ports: frozenset[int], groups: Groups) -> Dialogue:
    """Cut and parse both directions of a recording; `groups` judges what a server sends for Diffie-Hellman."""
    voices = [_voice(recorder, direction) for direction in (0, 1)]
    client, roles_from = _roles(recorder, voices, ports)
    negotiation = None
    proposals = [voice.kexinit for voice in voices]
    mine, theirs = proposals[client], proposals[1 - client]
    if mine is not None and theirs is not None:
        greeting = voices[1 - client].identification
        line = greeting.identification if greeting else None
        negotiation = negotiate(mine, theirs, recognise(line.software, line.comment) if line else (None, None))
    named = [
        Voice(
            voice.assembled,
            tuple(
                _about_group(spoken, groups)
                for spoken in _name_kex(voice.spoken, direction == client, negotiation, proposals[direction])
            ),
            *voice[2:],
        )
        for direction, voice in enumerate(voices)
    ]
    method = negotiation.kex_algorithm.chosen if negotiation else None
    if method is not None:
        p = public_values.prime_of(method) or _prime_sent(named[1 - client])
        named = [v._replace(spoken=tuple(_about_value(spoken, p) for spoken in v.spoken)) for v in named]
    named = [_early_newkeys(voice) for voice in named]
    if _speak_ssh1(named[client], named[1 - client]):
        named = [_as_ssh1(voice) for voice in named]
    return Dialogue((named[0], named[1]), client, roles_from, negotiation)


def _speak_ssh1(client: Voice, server: Voice) -> bool:
    versions = [
        voice.identification.identification.protocol_version
        if voice.identification and voice.identification.identification
        else ""
        for voice in (client, server)
    ]
    return ssh1.spoken_between(versions[0], versions[1])


def _as_ssh1(voice: Voice) -> Voice:
    """The same direction, what stands behind its identification string read as packets of SSH-1."""
    greeting = voice.identification
    if greeting is None:
        return voice
    start = greeting.unit.end
    hole = voice.assembled.hole_in(start, len(voice.assembled.octets))
    units = ssh1.cut(voice.assembled.octets, start, hole[0] if hole else None)
    spoken = list(voice.spoken[: voice.spoken.index(greeting) + 1])
    for unit in units:
        frame, time = voice.assembled.completed(unit.start, unit.end)
        octets = voice.assembled.octets[unit.payload_start : unit.payload_end]
        parsed = ssh1.parse(octets)
        malformed = parsed.value if isinstance(parsed.value, Malformed) else None
        frames = voice.assembled.frames_of(unit.start, unit.end)
        spoken.append(
            Spoken(greeting.direction, unit, octets, frames, frame, Timestamp(time), parsed=parsed, malformed=malformed)
        )
    end = units[-1].end if units else start
    return voice._replace(spoken=tuple(spoken), state=State.SSH1, problem=None, cut_to=end, wanted=0)


def _voice(recorder: Recorder, direction: int) -> Voice:
    side = recorder.directions[direction]
    assembled = side.stream.assemble()
    cutter = Cutter(anchored=side.anchored)
    cutter.advance(assembled.octets, assembled.holes, final=True)
    spoken = tuple(_spoken(assembled, direction, unit) for unit in cutter.units)
    return Voice(assembled, spoken, cutter.state, cutter.problem, cutter.at, cutter.wanted)


def _spoken(assembled: Assembled, direction: int, unit: Unit) -> Spoken:
    frames, frame, time = assembled.carried(unit.start, unit.end)
    octets = assembled.octets[unit.payload_start : unit.payload_end]
    moment = Timestamp(time)
    if unit.kind == "packet":
        # Where octets are missing the number is known, the fields are not.
        parsed = messages.parse(octets) if unit.complete else messages.number_alone(octets)
        malformed = parsed.value if isinstance(parsed.value, Malformed) else None
        return _spoken_of((direction, unit, octets, frames, frame, moment, None, parsed, None, malformed))
    text = octets.removesuffix(b"\n").removesuffix(b"\r")
    if unit.kind in ("text", "preamble"):
        return Spoken(direction, unit, hidden(text), frames, frame, moment)
    line = parse_identification(octets)
    if isinstance(line, Malformed):
        return Spoken(direction, unit, text, frames, frame, moment, malformed=line)
    return Spoken(direction, unit, text, frames, frame, moment, line)


def _roles(recorder: Recorder, voices: list[Voice], ports: frozenset[int]) -> tuple[int, str]:
    """Direction of the client, and how that is known: what only one side can say first, then SYN, then the port."""
    for direction, voice in enumerate(voices):
        proposal = voice.kexinit
        if proposal is None:
            continue
        names = frozenset(proposal.kex_algorithms)
        if names & {"ext-info-c", "kex-strict-c-v00@openssh.com"}:
            return direction, "ext-info-c or kex-strict-c in its KEXINIT"
        if names & {"ext-info-s", "kex-strict-s-v00@openssh.com"}:
            return 1 - direction, "ext-info-s or kex-strict-s in the other side's KEXINIT"
    for direction, voice in enumerate(voices):
        for said in voice.spoken:
            sender = kex.sender_by_form(said.octets) if said.number is not None and said.unit.complete else None
            if sender == "server":
                return 1 - direction, f"the other side sent message {said.number} with a host key or a group"
            if sender == "client":
                return direction, f"it sent message {said.number}, which begins a key exchange"
    for direction, side in enumerate(recorder.directions):
        other = recorder.directions[1 - direction]
        if side.syn_seen and not _answers(recorder, direction):
            return direction, "it sent the SYN"
        if other.syn_seen and _answers(recorder, 1 - direction):
            return direction, "the other side sent the SYN-ACK"
    if not opened(recorder) and recorder.resets:
        return 1 - recorder.resets[0].direction, "the other side refused it"
    by_port = [endpoint.port in ports for endpoint in recorder.endpoints]
    if by_port[0] != by_port[1]:
        return (1, "the other side's port") if by_port[0] else (0, "the other side's port")
    higher = 0 if recorder.endpoints[0].port >= recorder.endpoints[1].port else 1
    return higher, "it has the higher port (a guess)"


def _answers(recorder: Recorder, direction: int) -> bool:
    """Whether the SYN of a direction carried an ACK."""
    return any(
        event.direction == direction and event.flags & 0x12 == 0x12 for event in recorder.events if event.flags & 2
    )


def _name_kex(
    spoken: Iterable[Spoken], by_client: bool, negotiation: Negotiation | None, own: KexInit | None
) -> Iterable[Spoken]:
    """Name and read messages 30–49 by the negotiated method; a wrongly guessed packet belongs to its sender's guess."""
    method = negotiation.kex_algorithm.chosen if negotiation else None
    family = kex.family_of(method) if method else None
    sender = "client" if by_client else "server"
    guess_pending = any(
        not guess.right and guess.sent_by == sender for guess in (negotiation.guesses if negotiation else ())
    )
    if negotiation is None and own is not None and own.first_kex_packet_follows:
        # The other side's proposal is missing: a packet behind ours can only be the guess.
        guess_pending = True
    proposed = False
    for unit in spoken:
        parsed = unit.parsed
        if parsed is not None and isinstance(parsed.value, KexInit):
            yield _again(unit, parsed) if proposed else unit
            proposed = True
            continue
        if parsed is None or not numbers.KEX_FIRST <= parsed.number <= numbers.KEX_LAST:
            yield unit
            continue
        if guess_pending:
            guess_pending = False
            guessed = kex.family_of(own.kex_algorithms[0]) if own and own.kex_algorithms else None
            yield _read_kex(unit, parsed, guessed, sender, guess="wrong" if negotiation else "unknown")
        else:
            yield _read_kex(unit, parsed, family, sender)


def _again(unit: Spoken, parsed: messages.Parsed) -> Spoken:
    """A second proposal before NEWKEYS, which RFC 4253 §7.1 forbids; the first one counts here, as with OpenSSH."""
    return unit._replace(parsed=parsed._replace(fields={**parsed.fields, "again": True}))


def _read_kex(
    unit: Spoken, parsed: messages.Parsed, family: kex.Family | None, sender: str, *, guess: str | None = None
) -> Spoken:
    message = family.get(parsed.number) if family else None
    if message is None or message.sender not in (sender, "both"):
        return unit._replace(parsed=parsed._replace(known=False))
    extra: Fields = {"guess": guess} if guess else {}
    if not unit.unit.complete:
        return unit._replace(parsed=parsed._replace(name=message.name, fields=extra, known=True))
    fields = kex.parse_kex(unit.octets, message)
    if isinstance(fields, Malformed):
        return unit._replace(parsed=parsed._replace(name=message.name, known=True), malformed=fields)
    shown = {**extra, **dict(_shown(name, value, message) for name, value in fields.items())}
    blob = fields.get("K_S")
    if isinstance(blob, bytes) and isinstance(read_public_key(blob), Malformed):
        shown["host_key"] = "unreadable"
    named = messages.Parsed(parsed.number, message.name, shown, parsed.value, True)
    return _spoken_of((*unit[:7], named, fields, unit.malformed))


def _about_group(spoken: Spoken, groups: Groups) -> Spoken:
    """The message with a group, and what there is to say of that group."""
    p, g = (spoken.kex.get(name) if spoken.kex else None for name in ("p", "g"))
    if not isinstance(p, int) or not isinstance(g, int) or spoken.parsed is None:
        return spoken
    group = groups.judge(p)
    fields: Fields = {**spoken.parsed.fields, "modulus": group.modulus}
    if group.name is not None:
        fields["group"] = group.name
    if not 1 < g < p - 1:
        fields["generator"] = "none"
    return spoken._replace(parsed=spoken.parsed._replace(fields=fields))


_ABOUT_THE_GROUP: Final = ("_GROUP", "_GROUPREQ", "_REQUEST", "_REQUEST_OLD")


def _early_newkeys(voice: Voice) -> Voice:
    """A NEWKEYS before its sender's part of the key exchange is marked: RFC 4253 §7.3 has it behind.

    Where octets are missing that part may be among them.
    """
    found = voice.first(numbers.NEWKEYS)
    if found is None or found.parsed is None or voice.kexinit is None or voice.assembled.holes:
        return voice
    place = voice.spoken.index(found)
    for spoken in voice.spoken[:place]:
        said = spoken.parsed
        if said is None or not numbers.KEX_FIRST <= said.number <= numbers.KEX_LAST:
            continue
        if said.fields.get("guess") != "wrong" and not said.name.endswith(_ABOUT_THE_GROUP):
            return voice
    early = found._replace(parsed=found.parsed._replace(fields={**found.parsed.fields, "early": True}))
    return voice._replace(spoken=(*voice.spoken[:place], early, *voice.spoken[place + 1 :]))


def _prime_sent(server: Voice) -> int | None:
    """The prime of the group that the server chose (RFC 4419 §3)."""
    return next((p for s in server.spoken if s.kex and isinstance(p := s.kex.get("p"), int) and p > 3), None)


def _about_value(spoken: Spoken, p: int | None) -> Spoken:
    """A message with a public value of Diffie-Hellman, and what is wrong with that value; a guess has another group."""
    if spoken.kex is None or spoken.parsed is None or "guess" in spoken.parsed.fields:
        return spoken
    for name in ("e", "f"):
        value = spoken.kex.get(name)
        fault = public_values.fault(value, p) if isinstance(value, int) else None
        if fault is not None:
            fields: Fields = {**spoken.parsed.fields, "out_of_range": fault}
            return spoken._replace(parsed=spoken.parsed._replace(fields=fields))
    return spoken


def _shown(name: str, value: bytes | int | str, message: kex.KexMessage) -> tuple[str, FieldValue]:
    """A field for people: big numbers by their size, strings by their length, a key by its bits."""
    if isinstance(value, str):
        return name, value
    if name == "K_T" and isinstance(value, bytes):
        transient = read_public_key(value)
        return "K_T_bits", 0 if isinstance(transient, Malformed) else transient.bits or 0
    if name == "signature" and isinstance(value, bytes):
        return "signature_algorithm", signature_algorithm(value) or "unreadable"
    if isinstance(value, bytes):
        return f"{name}_octets", len(value)
    kinds = dict(message.fields)
    return (f"{name}_bits", value.bit_length()) if kinds[name] == "mpint" else (name, value)
