"""What must hold for every conversation: however it was cut into segments, captured in part, or made up of garbage.

The material are real connections (samples/) and the changes of `tests/support/replay.py`. Where a test walks over all
frames of all samples, it does so without chance; hypothesis chooses where there are too many ways.
"""

import json
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sshpcap.analyzer import Analyzer
from sshpcap.frames import ACK, SYN, Endpoint
from sshpcap.model import STAGES, Message, Party, Report, Session
from sshpcap.report.machine import to_json
from tests.support import sshbytes as ssh
from tests.support.replay import (
    CHANGES,
    SAMPLES,
    frames_of,
    report_of,
    report_of_segments,
    reuses_endpoints,
    segment_of,
    segments_of,
)
from tests.support.wireflow import Flow, Frame, block_of, encode, endpoint

pytestmark = pytest.mark.skipif(not SAMPLES, reason="the samples are not here")

# Sessions are told apart by their endpoints.
CASES = [path for path in SAMPLES if not reuses_endpoints(path)]
LONG = [path for path in CASES if len(segments_of(path)) >= 10]
samples = pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)

Key = tuple[Endpoint, Endpoint]
Place = tuple[Endpoint, int | None, int, int]


def endpoint_of(party: Party) -> Endpoint:
    return endpoint(party.address, party.port)


def key(session: Session) -> Key:
    """Both endpoints, in whichever role."""
    left, right = sorted((endpoint_of(session.client), endpoint_of(session.server)))
    return left, right


def by_key(report: Report) -> dict[Key, Session]:
    found = {key(session): session for session in report.sessions}
    assert len(found) == len(report.sessions)
    return found


def place(session: Session, message: Message) -> Place:
    """What a message is, whatever it was taken for: its sender, its number, and where it stands in the stream.

    Text may end where the stream does.
    """
    first, last = message.bytes
    return endpoint_of(getattr(session, message.sender)), message.number, first, 0 if message.kind == "text" else last


def places(session: Session) -> set[Place]:
    return {place(session, message) for message in session.messages}


def essence(session: Session) -> dict[str, Any]:
    """Everything of a session that does not depend on frame numbers, times and what TCP had to repeat."""
    key = session.host_key

    def party(one: Party) -> tuple[Any, ...]:
        line = one.identification
        proposal = one.kexinit and msgspec.structs.replace(one.kexinit, frames=())
        unreadable = one.unreadable and (one.unreadable.reason, one.unreadable.text)
        return endpoint_of(one), line and (line.raw, line.line_end), one.pre_identification, proposal, unreadable

    def said(who: str) -> list[tuple[Any, ...]]:
        return [
            (one.kind, one.number, one.name, one.bytes, one.complete, one.fields, one.raw)
            for one in session.messages
            if one.sender == who
        ]

    closed = session.close.disconnect
    return {
        "stage": session.stage,
        "outcome": session.outcome,
        "client": party(session.client),
        "server": party(session.server),
        "roles": session.roles_from,
        "negotiation": session.negotiation,
        "host key": key and msgspec.structs.replace(key, frame=0, shown_before=()),
        "close": (session.close.how, session.close.by, session.close.confidence),
        "disconnect": closed and (closed.code, closed.description, closed.by),
        "messages": (said("client"), said("server")),
        "coverage": (session.coverage.gaps, session.coverage.midstream, session.coverage.one_sided),
    }


_OPEN = ("stalled", "incomplete")
"""How long nothing happened at the end decides between the two."""


def same(path: Path, changed: Report, *, ends_later: bool = False) -> None:
    """The same sessions; `ends_later`: frames at the end may have moved, and with them how long it was silent there."""
    whole = by_key(report_of_segments(segments_of(path)))
    found = by_key(changed)
    assert list(found) == list(whole)
    for name, session in whole.items():
        one, other = essence(found[name]), essence(session)
        if ends_later and one["outcome"] in _OPEN and other["outcome"] in _OPEN:
            one["outcome"] = other["outcome"]
        assert one == other


# --- the same conversation -------------------------------------------------------------------------------------------


@samples
@pytest.mark.parametrize("change", CHANGES)
def test_each_change_gives_the_same_session(path: Path, change: str) -> None:
    for seed in range(3):
        same(path, report_of_segments(CHANGES[change](segments_of(path), Random(seed))))


@settings(max_examples=150)
@given(st.sampled_from(LONG), st.sets(st.sampled_from(list(CHANGES)), min_size=2), st.randoms(use_true_random=False))
def test_changes_together_give_the_same_session(path: Path, names: set[str], random: Random) -> None:
    segments = list(segments_of(path))
    for name, change in CHANGES.items():
        if name in names:
            segments = change(segments, random)
    same(path, report_of_segments(segments), ends_later=True)


@samples
def test_triage_changes_nothing(path: Path) -> None:
    frames = frames_of(path)
    assert report_of(frames, triage=False) == report_of(frames)


def in_blocks(frames: Sequence[Frame], size: int, *, triage: bool = True) -> Report:
    analyzer = Analyzer(triage=triage)
    for start in range(0, len(frames), size):
        analyzer.feed(block_of(frames[start : start + size]))
    return analyzer.finish()


@samples
def test_the_frames_in_several_blocks_give_the_same_report(path: Path) -> None:
    frames = frames_of(path)
    for size in (1, 7):
        assert in_blocks(frames, size) == report_of(frames)


@pytest.mark.parametrize("addresses", [("192.0.2.10", "203.0.113.7"), ("2001:db8::1", "2001:db8::2")])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_long_connection_is_the_same_with_triage_and_without(addresses: tuple[str, str], mirrored: bool) -> None:
    """Long enough that its encrypted part is only counted, in whole blocks."""
    flow = Flow(client=addresses[0], server=addresses[1], isn=((1 << 32) - 5000, (1 << 32) - 100_000))
    handshake(flow)
    for round_trip in range(700):
        flow.client.sends(b"c" * (1 + round_trip % 50))
        flow.server.sends(b"s" * 1000)
        if round_trip % 3 == 0:
            flow.client.acks(window=100 + round_trip)
    flow.server.fin()
    flow.client.acks()
    flow.client.fin()
    captured = [segment for segment in flow.segments for _ in range(1 + mirrored)]
    frames = [encode(segment._replace(frame=number)) for number, segment in enumerate(captured, start=1)]
    whole = in_blocks(frames, len(frames), triage=False)
    (session,) = whole.sessions
    assert session.tcp.server.bytes > 700_000
    for size in (1, 50, 333, len(frames)):
        assert in_blocks(frames, size) == whole


# --- less of it ------------------------------------------------------------------------------------------------------


@samples
def test_without_any_one_frame_nothing_is_invented_and_what_was_before_stays(path: Path) -> None:
    frames = frames_of(path)
    whole = by_key(report_of(frames))
    for dropped in frames:
        less = by_key(report_of([frame for frame in frames if frame is not dropped]))
        assert less.keys() <= whole.keys()
        for name, session in whole.items():
            before = {place(session, one) for one in session.messages if max(one.frames) < dropped.number}
            left = places(less[name]) if name in less else set()
            assert before <= left
            assert left <= places(session)


@samples
def test_cut_at_any_frame_it_got_no_further(path: Path) -> None:
    frames = frames_of(path)
    whole = by_key(report_of(frames))
    for count in range(len(frames)):
        for name, session in by_key(report_of(frames[:count])).items():
            assert STAGES.index(session.stage) <= STAGES.index(whole[name].stage)
            known = {place(whole[name], one) for one in whole[name].messages if one.frame <= count}
            assert known <= places(session) <= places(whole[name])


@samples
def test_without_any_two_neighbours_nothing_is_invented(path: Path) -> None:
    frames = frames_of(path)
    whole = by_key(report_of(frames))
    for first in range(len(frames) - 1):
        for name, session in by_key(report_of(frames[:first] + frames[first + 2 :])).items():
            assert name in whole
            complete = {place(session, one) for one in session.messages if one.complete}
            assert complete <= places(whole[name])


@samples
@pytest.mark.parametrize("from_client", [True, False])
def test_one_direction_alone(path: Path, from_client: bool) -> None:
    whole = by_key(report_of(frames_of(path)))
    for name, session in whole.items():
        mine = endpoint_of(session.client if from_client else session.server)
        kept = [frame for frame in frames_of(path) if (s := segment_of(frame)) is not None and s.source == mine]
        found = by_key(report_of(kept))
        of_it = {where for where in places(session) if where[0] == mine}
        if any(one.name.startswith("SSH1") for one in session.messages):
            assert places(found[name]) <= of_it  # whether packets are of SSH-1 is told by both identification strings
        elif kept:
            assert places(found[name]) == of_it
        assert STAGES.index(found[name].stage) <= STAGES.index(session.stage) if kept else not found


SNAPLENS = (0, 1, 13, 14, 33, 34, 53, 54, 55, 60, 65, 66, 67, 70, 74, 75, 86, 87, 96, 128, 200, 300, 576, 1000, 1514)


@samples
def test_any_snaplen(path: Path) -> None:
    frames = frames_of(path)
    whole = by_key(report_of(frames))
    for snaplen in SNAPLENS:
        report = report_of(frames, snaplen=snaplen)
        for name, session in by_key(report).items():
            assert name in whole
            assert STAGES.index(session.stage) <= STAGES.index(whole[name].stage)
            complete = {place(session, one) for one in session.messages if one.complete}
            assert complete <= places(whole[name])
            assert {where[:3] for where in places(session)} <= {where[:3] for where in places(whole[name])}
            if cuts_handshake(whole[name], frames, snaplen):
                assert session.coverage.truncated_by_snaplen
            if max(len(frame.octets) for frame in frames) <= snaplen:
                assert not session.coverage.truncated_by_snaplen
                assert session == whole[name]


def cuts_handshake(session: Session, frames: tuple[Frame, ...], snaplen: int) -> bool:
    """Whether so short a snaplen takes payload of the clear phase from a frame whose TCP header it leaves."""
    for name, other in (("client", "server"), ("server", "client")):
        ends = endpoint_of(getattr(session, name)), endpoint_of(getattr(session, other))
        newkeys = [one.bytes[1] for one in session.messages if one.sender == name and one.number == 21]
        read = [(frame, segment_of(frame)) for frame in frames]
        mine_only = [(frame, s) for frame, s in read if s is not None and (s.source, s.destination) == ends]
        for frame, segment in mine_only:
            header_end = len(frame.octets) - segment.length - len(segment.options)
            start = (segment.seq - mine_only[0][1].seq - 1) % (1 << 32)
            clear = segment.length and start < (newkeys[0] if newkeys else 1 << 31)
            if clear and header_end <= snaplen < len(frame.octets):
                return True
    return False


@settings(max_examples=100)
@given(st.sampled_from(LONG), st.randoms(use_true_random=False), st.integers(20, 400))
def test_any_losses_never_raise_and_invent_nothing_whole(path: Path, random: Random, snaplen: int) -> None:
    """Many frames lost, segments split, some of them cut off by the snaplen."""
    segments = CHANGES["split"](segments_of(path), random)
    kept = [
        segment._replace(payload=segment.payload[: snaplen if random.random() < 0.2 else None])
        for segment in segments
        if random.random() < 0.8 or segment.flags & SYN
    ]
    whole = by_key(report_of_segments(segments))
    for name, session in by_key(report_of_segments(kept)).items():
        complete = {place(session, one) for one in session.messages if one.complete}
        assert complete <= places(whole[name])


# --- garbage ---------------------------------------------------------------------------------------------------------


def strings(value: Any) -> Iterator[str]:
    """Every string in a JSON document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for one in value.values():
            yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)


def harmless(report: Report) -> None:
    """No string of a report can act: it has no control, format or unassigned characters."""
    for text in strings(json.loads(to_json(report))):
        assert not [char for char in text if unicodedata.category(char).startswith("C")], text


UNITS = [
    ssh.identification(),
    ssh.identification("Evil_\x1b]0;title\x07 \x1b[2J\u202e"),
    ssh.identification("x", version="1.5"),
    b"SSH-2.0\r\n",
    b"\x1b[31mHello\r\n",
    b"Exceeded MaxStartups\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"HTTP/1.1 400 Bad\x1b Request\r\n",
    bytes.fromhex("16030100c8010000c40303"),
    ssh.packet(ssh.kexinit()),
    ssh.packet(ssh.kexinit(ssh.FOLLOWS, kex_algorithms="\x1b[1m,kex-strict-c-v00@openssh.com")),
    ssh.packet(ssh.kexinit(kex_algorithms="diffie-hellman-group-exchange-sha256", encryption="\u202ecbc,")),
    ssh.packet(ssh.kexinit()[:40]),
    ssh.packet(ssh.ecdh_init(b"x" * 32)),
    ssh.packet(ssh.ecdh_reply(ssh.ed25519_key(), b"y" * 32, ssh.signature("\x1b"))),
    ssh.packet(ssh.ecdh_reply(ssh.string("ssh-\x07") + b"?", b"", b"")),
    ssh.packet(ssh.gex_request(1024, 2048, 8192)),
    ssh.packet(ssh.gex_group((1 << 2047) + 1, 2)),
    ssh.packet(ssh.gex_init(5)),
    ssh.packet(ssh.gex_reply(ssh.rsa_key((1 << 1024) - 1), 9, b"")),
    ssh.packet(ssh.disconnect(2, "bye\r\n\x1b[0m\x9b\u200f", "\x00")),
    ssh.packet(ssh.disconnect(2)[:-5]),
    ssh.packet(ssh.debug("\x1bc")),
    ssh.packet(ssh.ignore(b"\x00")),
    ssh.packet(ssh.unimplemented(3)),
    ssh.packet(ssh.ext_info(server_sig_algs="a,b")),
    ssh.packet(b"\xc0ping"),
    ssh.packet(ssh.newkeys()),
    b"\xff\xff\xff\xff\x04",
    b"\x00\x00\x00\x0c\x0a",
    bytes(16),
]
said = st.tuples(st.booleans(), st.sampled_from(UNITS) | st.binary(max_size=60))


@settings(max_examples=300)
@given(st.lists(said, max_size=14), st.sampled_from(["opened", "one side", "middle"]), st.integers(0, 4))
def test_any_conversation_never_raises_and_its_report_is_harmless(
    conversation: list[tuple[bool, bytes]], beginning: str, end: int
) -> None:
    flow = Flow()
    if beginning == "opened":
        flow.opens()
    for from_client, octets in conversation:
        (flow.client if from_client or beginning == "one side" else flow.server).sends(octets)
    if end:
        (flow.client.fin, flow.server.fin, flow.client.rst, flow.server.rst)[end - 1]()
    harmless(report_of_segments(flow.segments))


@settings(max_examples=150)
@given(st.sampled_from(LONG), st.randoms(use_true_random=False), st.integers(1, 20))
def test_damaged_conversations_never_raise_and_their_report_is_harmless(
    path: Path, random: Random, damages: int
) -> None:
    segments = list(segments_of(path))
    for _ in range(damages):
        at = random.randrange(len(segments))
        payload = bytearray(segments[at].payload)
        if payload:
            payload[random.randrange(min(len(payload), 64))] = random.choice(
                (0, 1, 20, 21, 31, 255, random.randrange(256))
            )
            segments[at] = segments[at]._replace(payload=bytes(payload))
        elif random.random() < 0.3:
            segments[at] = segments[at]._replace(flags=random.randrange(256))
    harmless(report_of_segments(segments))


@samples
def test_reports_of_samples_are_harmless(path: Path) -> None:
    harmless(report_of(frames_of(path)))


# --- which connections there are -------------------------------------------------------------------------------------


def handshake(flow: Flow) -> None:
    """Both sides up to NEWKEYS."""
    client, server = ssh.clear_phase()
    flow.opens()
    for mine, theirs in zip(client, server, strict=True):
        flow.client.sends(mine)
        flow.server.sends(theirs)
    flow.client.acks()


def sessions(*flows: Flow) -> tuple[Session, ...]:
    return report_of_segments([segment for flow in flows for segment in flow.segments]).sessions


@pytest.mark.parametrize("addresses", [("192.0.2.10", "203.0.113.7"), ("2001:db8::1", "2001:db8::2")])
@pytest.mark.parametrize("isn", [(1000, 5000), ((1 << 32) - 30, (1 << 32) - 700)])
def test_a_scripted_handshake(addresses: tuple[str, str], isn: tuple[int, int]) -> None:
    flow = Flow(client=addresses[0], server=addresses[1], isn=isn)
    handshake(flow)
    flow.client.fin()
    (session,) = sessions(flow)
    assert (session.stage, session.outcome) == ("encrypted", "encrypted")
    assert (session.close.how, session.close.by) == ("fin", "client")
    assert [(message.sender, message.name) for message in session.messages] == [
        ("client", "identification"), ("server", "identification"),
        ("client", "SSH_MSG_KEXINIT"), ("server", "SSH_MSG_KEXINIT"),
        ("client", "SSH_MSG_KEX_ECDH_INIT"), ("server", "SSH_MSG_KEX_ECDH_REPLY"),
        ("client", "SSH_MSG_NEWKEYS"), ("server", "SSH_MSG_NEWKEYS"),
    ]  # fmt: skip
    assert session.host_key is not None
    assert session.host_key.sha256 == "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"
    assert (session.client.address, session.server.address) == addresses


def test_the_same_endpoints_again_are_another_connection() -> None:
    first, second = Flow(), Flow(isn=(70_000, 90_000))
    handshake(first)
    handshake(second)
    second.now += 10**12
    one, two = sessions(first, second)
    assert (one.stage, two.stage) == ("encrypted", "encrypted")
    assert one.close.how == "silence"
    assert len(one.messages) == len(two.messages) == 8


def test_the_same_endpoints_again_where_only_the_server_was_captured() -> None:
    """Without the SYN, its SYN-ACK with another number tells that a new connection has begun."""
    first, second = Flow(), Flow(isn=(70_000, 90_000))
    handshake(first)
    first.server.fin()
    handshake(second)
    server = first.server.endpoint
    kept = [s for flow in (first, second) for s in flow.segments if s.source == server]
    one, two = report_of_segments(kept).sessions
    assert (one.coverage.one_sided, two.coverage.one_sided) == ("server", "server")
    assert len(one.messages) == len(two.messages) == 4


def test_syn_and_syn_ack_in_the_wrong_order_are_one_connection() -> None:
    flow = Flow()
    handshake(flow)
    segments = flow.segments
    segments[:2] = [segments[1], segments[0]]
    (session,) = report_of_segments(segments).sessions
    assert session.stage == "encrypted"
    assert session.client.port == 40022


def test_an_unknown_message_keeps_its_number_and_its_octets() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(ssh.identification() + ssh.packet(b"\xc0ping\x1b"))
    (session,) = sessions(flow)
    message = session.messages[1]
    assert (message.number, message.name, message.raw) == (192, "message 192", b"\xc0ping\x1b")


def test_midstream_is_told() -> None:
    flow = Flow()
    handshake(flow)
    (session,) = report_of_segments(flow.segments[4:]).sessions
    assert session.coverage.midstream
    assert not session.coverage.syn_seen
    assert session.stage == "encrypted"


def test_the_direction_that_is_missing_is_told() -> None:
    flow = Flow()
    handshake(flow)
    kept = [s for s in flow.segments if s.source == flow.client.endpoint]
    (session,) = report_of_segments(kept).sessions
    assert session.coverage.one_sided == "client"
    assert session.negotiation is None
    assert [s.flags for s in kept[:2]] == [SYN, ACK]
