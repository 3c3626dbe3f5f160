"""Floods: lone SYNs are rows of numbers, and the report is what it would be if they were recordings."""

import random

import pytest

import sshpcap.analyzer as analyzer_module
from sshpcap import limits
from sshpcap.connection import Connection
from sshpcap.frames import ACK, RST, SYN, Endpoint, Segment
from tests.net.test_triage import WHOLE, hold_equal, report_of
from tests.support.traffic import Conversation, frames_of, handshake_of, moved

BEGIN = 1_700_000_000 * 10**9


def flood(count: int, port: int = 22, *, ipv6: bool = False) -> Conversation:
    """SYNs from as many sources, a millisecond apart."""
    first = handshake_of("ok-openssh-ipv6" if ipv6 else "ok-openssh")[0]
    return [
        first._replace(
            source=Endpoint(first.source.address[:-2] + number.to_bytes(2, "big"), 1024 + number),
            destination=first.destination._replace(port=port),
            time=BEGIN + number * 10**6,
            seq=number * 77_777 % 2**32,
            ip_id=-1 if ipv6 else number + 1,
        )
        for number in range(count)
    ]


def answered(syn: Segment, later: float, flags: int) -> Segment:
    """An answer of the server to a SYN."""
    return syn._replace(
        source=syn.destination, destination=syn.source, time=syn.time + round(later * 1e9), flags=flags,
        seq=0 if flags & RST else 9, ack=(syn.seq + 1) % 2**32,
    )  # fmt: skip


@pytest.fixture
def few_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten unanswered SYNs are told."""
    monkeypatch.setattr(limits, "MAX_UNANSWERED", 10)


def test_a_small_scan_is_told_whole() -> None:
    report = hold_equal(frames_of(flood(limits.MAX_UNANSWERED)), [(400,), WHOLE])
    assert [session.index for session in report.sessions] == list(range(1, limits.MAX_UNANSWERED + 1))
    assert not report.notices


@pytest.mark.usefixtures("few_told")
@pytest.mark.parametrize("ipv6", [False, True])
def test_the_first_are_told_and_the_others_counted(ipv6: bool) -> None:
    report = hold_equal(frames_of(flood(2000, ipv6=ipv6)), [(400,), WHOLE])
    assert [session.index for session in report.sessions] == list(range(1, 11))
    assert [(notice.code, notice.count, notice.frame) for notice in report.notices] == [("unanswered-syns", 1990, 11)]


@pytest.mark.usefixtures("few_told")
@pytest.mark.parametrize("seed", range(4))
def test_answers_retransmissions_and_real_connections_among_them(seed: int) -> None:
    """What is more than one SYN is told, whenever the rest of it comes: soon, in another block, or at the end."""
    rng = random.Random(seed)
    every = flood(3000)
    chosen = rng.sample(every[100:], 40)
    more = [
        answered(syn, rng.choice((0.00001, 0.2, 2)), flags)
        for syn, flags in zip(chosen[:20], [SYN | ACK, RST | ACK] * 10, strict=True)
    ]
    more += [syn._replace(time=syn.time + 10**9, ip_id=(syn.ip_id + 1) % 65536) for syn in chosen[20:30]]
    more += [syn._replace(time=syn.time + 10**9, seq=(syn.seq + 5) % 2**32) for syn in chosen[30:]]
    real = [
        segment._replace(time=BEGIN + at * 10**7 + number)
        for number in range(5)
        for at, segment in enumerate(moved(handshake_of("ok-openssh"), ports=(60_000 + number, 22)))
    ]
    block = frames_of(sorted([*every, *more, *real], key=lambda segment: segment.time))
    report = hold_equal(block, [(500,), (1000, 300, 7), WHOLE])
    ports = {session.client.port for session in report.sessions}
    assert ports >= {60_000 + number for number in range(5)}
    assert ports >= {syn.source.port for syn in chosen[:30]}
    assert sum(notice.count for notice in report.notices) + len(report.sessions) == 3005 + 10


def test_a_flood_makes_no_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    class Counted(Connection):
        def __init__(self, first: Segment, *, candidate: bool) -> None:
            super().__init__(first, candidate=candidate)
            made.append(first.frame)

    monkeypatch.setattr(analyzer_module, "Connection", Counted)
    report = report_of(frames_of(flood(20_000)), [5000], triage=True)
    assert len(report.sessions) == len(made) == limits.MAX_UNANSWERED


@pytest.mark.usefixtures("few_told")
def test_more_than_can_be_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """The older half makes room, is counted, and what is to be told stays."""
    monkeypatch.setattr(limits, "MAX_CONNECTIONS", 3000)
    report = report_of(frames_of(flood(20_000)), [1000], triage=True)
    assert [session.index for session in report.sessions] == list(range(1, 11))
    assert [(notice.count, notice.frame) for notice in report.notices] == [(19_990, 11)]
