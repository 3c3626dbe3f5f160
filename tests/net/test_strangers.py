"""Connections on other ports that begin: told apart without objects, and exactly as the recorder would."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sshpcap.intake as intake_module
from sshpcap import limits
from sshpcap.analyzer import Analyzer
from sshpcap.frames import ACK, FIN, PSH, RST, SYN, FrameBlock, Segment
from sshpcap.net import strangers
from tests.net.test_triage import hold_equal, objects, report_of
from tests.support.blocks import sliced
from tests.support.traffic import Conversation, frames_of, handshake_of, interleaved, moved
from tests.support.wireflow import Flow

__all__ = ["objects"]

SIZES = ((1,), (3,), (1, 5, 2), (50,))
HELLO, ANSWER = b"\x16\x03\x01\x02\x00" + bytes(500), b"\x16\x03\x03\x00\x7a" + bytes(1000)


def talk(
    number: int = 0, *, client: bytes = HELLO, server: bytes = ANSWER, port: int = 443, more: int = 3
) -> Conversation:
    """A connection of which each side says something first."""
    flow = Flow(client=f"192.0.2.{number % 250 + 1}", ports=(40000 + number, port))
    flow.opens()
    flow.client.sends(client)
    flow.server.acks()
    flow.server.sends(server)
    for _ in range(more):
        flow.client.acks()
        flow.server.sends(b"\x17\x03\x03" + bytes(700))
    flow.client.fin()
    flow.server.fin()
    flow.client.acks()
    return flow.segments


def disturbed(conversation: Conversation, rng: Random) -> Conversation:
    """Something that does happen: lost, doubled, late, reset, another SYN, an octet of an older connection."""
    made = list(conversation)
    at = rng.randrange(len(made))
    one = made[at]
    match rng.randrange(9):
        case 0:
            del made[at]
        case 1:
            made.insert(rng.randrange(len(made)), one)
        case 2:
            made.insert(rng.randrange(len(made)), made.pop(at))
        case 3:
            made[at] = one._replace(flags=rng.choice((SYN, SYN | ACK, RST, FIN | ACK, ACK | PSH, SYN | FIN, 0xC2)))
        case 4:
            made[at] = one._replace(seq=(one.seq + rng.choice((-1, 1, 100, 1 << 31))) & 0xFFFFFFFF)
        case 5:
            made.insert(at, one._replace(flags=SYN, seq=rng.randrange(1 << 32), length=0, payload=b""))
        case 6:
            made[at] = one._replace(payload=one.payload[: rng.randrange(3)])
        case 7:
            octets = rng.choice(
                (b"SSH-2.0-x\r\n", b"SS", b"CONNECT a:22 HTTP/1.1\r\n\r\n", b"\x05\x01\x00", bytes(5000))
            )
            made[at] = one._replace(payload=octets, length=len(octets))
        case 8:
            made = made[:at]
    return made


@given(st.integers(0, 1 << 32))
def test_the_report_is_that_of_the_recorder(seed: int) -> None:
    rng = Random(seed)
    hellos = (HELLO, HELLO, HELLO + bytes(4000), HELLO + bytes(3400))
    conversations = [talk(number, client=rng.choice(hellos), port=440 + number) for number in range(4)]
    for _ in range(rng.randrange(5)):
        at = rng.randrange(len(conversations))
        conversations[at] = disturbed(conversations[at] or talk(at), rng)
    conversations.append(moved(handshake_of("ok-openssh"), ports=(40001, rng.choice((441, 2222)))))
    # The same endpoints once more.
    again = rng.randrange(4)
    conversations.append(moved(talk(again, port=440 + again), later=rng.choice((0, 60)), isn=rng.choice((0, 77))))
    block = frames_of(interleaved([one for one in conversations if one], seed))
    hold_equal(block, SIZES[1:3], split=False)
    plain = passed_over(recorded(block, [1000], triage=False))
    assert all(passed_over(recorded(block, sizes)) == plain for sizes in SIZES[2:])


def recorded(block: FrameBlock, sizes: Sequence[int], *, triage: bool = True) -> Analyzer:
    analyzer = Analyzer(triage=triage)
    for part in sliced(block, sizes):
        analyzer.feed(part)
    return analyzer


def passed_over(analyzer: Analyzer) -> list[tuple[str, int]]:
    """What the report says of other ports, in its order."""
    analyzer.finish()
    return list(analyzer._other_ports().items())


@pytest.mark.parametrize("size", [1, 4, 7, 1000])
def test_what_is_something_else_costs_no_objects(size: int, objects: list[int]) -> None:
    block = frames_of(interleaved([talk(number) for number in range(40)], 1))
    analyzer = recorded(block, [size])
    assert objects == []
    assert analyzer.other_ports == {443: 40}


@pytest.mark.parametrize(
    ("client", "server"),
    [(b"SSH-2.0-x\r\n", ANSWER), (HELLO, b"SSH-2.0-y\r\n"), (b"S", b"S"), (b"CONNECT x:22 HTTP/1.1\r\n\r\n", ANSWER)],
)
def test_what_may_be_ssh_is_recorded(client: bytes, server: bytes, objects: list[int]) -> None:
    block = frames_of(talk(client=client, server=server))
    hold_equal(block, SIZES)
    objects.clear()
    report_of(block, [2], triage=True)
    assert objects


def test_an_end_before_anything_was_said_is_counted_among_the_undecided() -> None:
    block = frames_of(interleaved([talk(number)[:4] for number in range(3)], 1))
    hold_equal(block, SIZES)


def test_no_more_than_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "MOST", 5)
    block = frames_of(interleaved([talk(number) for number in range(20)], 1))
    hold_equal(block, SIZES, split=False)


@pytest.mark.parametrize("more", [talk(client=HELLO)[2:3] * 100, talk(client=HELLO + bytes(5000))[3:4] * 2])
def test_little_is_kept_of_one_connection(more: list[Segment]) -> None:
    opened = talk()[:3]
    analyzer = recorded(frames_of([*opened, *more]), [5])
    assert not len(analyzer._strangers)
    hold_equal(frames_of([*opened, *more]), SIZES, split=False)


def test_half_open_ones_make_room(monkeypatch: pytest.MonkeyPatch, objects: list[int]) -> None:
    monkeypatch.setattr(strangers, "MOST", 5)
    begun = [one for number in range(5) for one in talk(number)[:1]]
    later = talk(9)
    analyzer = recorded(frames_of([*begun, *later]), [5, len(later)])
    assert (len(analyzer._connections), objects) == (5, [])
    assert analyzer.other_ports == {443: 1}


def test_where_a_limit_is_near_everything_is_recorded(monkeypatch: pytest.MonkeyPatch, objects: list[int]) -> None:
    block = frames_of(interleaved([talk(number) for number in range(20)], 1))
    first, second = (part for part in sliced(block, [60, 1000]))
    analyzer = Analyzer()
    analyzer.feed(first)
    assert len(analyzer._strangers)
    monkeypatch.setattr(limits, "MAX_CANDIDATES", strangers.MOST + 30)
    analyzer.feed(second)
    assert not len(analyzer._strangers)
    assert objects


def test_different_connections_with_one_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    conversations: list[list[Segment]] = [talk(1), talk(2, port=80)]
    block = frames_of(interleaved(conversations, 3))
    plain = report_of(block, triage=False)
    from sshpcap.net import columns

    read = columns.read_columns

    def same(block: FrameBlock) -> columns.Shapes:
        shapes = read(block)
        return shapes._replace(columns=shapes.columns._replace(key=shapes.columns.key * 0))

    monkeypatch.setattr(intake_module, "read_columns", same)
    assert report_of(block, [4], triage=True).sessions == plain.sessions
