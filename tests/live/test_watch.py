"""The watch: what it tells and when, that it tells the truth of the file path, and that it stays within its bounds."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

import sshpcap
from benchmarks.traffic import frames_of
from sshpcap import limits
from sshpcap.capture import open_capture
from sshpcap.frames import ACK, FIN, PSH, SYN
from sshpcap.live.watch import Bounds, Change, Watch
from sshpcap.model import Duration, Session
from tests.support.blocks import block_of, rows_of, sliced
from tests.support.captures import SAMPLES, Recorded, captures_at_hand, name_of
from tests.support.frames import SERVER4, ethernet, ipv4, tcp
from tests.support.sshbytes import kexinit, packet
from tests.support.wireflow import Flow

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def told(watch: Watch, now: int) -> list[Change]:
    return list(watch.tick(now))


def frame(
    client: int, flags: int, payload: bytes = b"", *, seq: int = 1, time: int = START, back: bool = False
) -> Recorded:
    """A frame of one of many clients of one server."""
    address = f"10.{client >> 16 & 255}.{client >> 8 & 255}.{client & 255}"
    source, destination, sport, dport = address, SERVER4, 40000, 22
    if back:
        source, destination, sport, dport = destination, source, dport, sport
    segment = tcp(payload, flags=flags, seq=seq, ack=1, sport=sport, dport=dport)
    return Recorded(ethernet(ipv4(segment, source=source, destination=destination), pad=False), time)


class Feeder:
    """Gives frames to a watch, numbered on and on."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.number = 1

    def feed(self, frames: Iterable[Recorded]) -> None:
        block = block_of(frames, first=self.number)
        self.number += len(block.number)
        self.watch.feed(block)


# --- the same truth --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", captures_at_hand(), ids=name_of)
def test_tells_what_the_report_on_the_file_says(path: Path) -> None:
    """Fed a few frames at a time with a tick behind each, every connection is told once, as the report has it."""
    right = sshpcap.analyze(path).sessions
    if any(finding.id == "host-key-differs" for session in right for finding in session.findings):
        pytest.skip("the report looks back from later connections; live tells the first when it is over")
    watch = Watch((22,), tolerant=False)
    found: list[Session] = []
    with open_capture(str(path)) as source:
        for block in source.blocks():
            for piece in sliced(block, [7] * (len(block.number) // 7 + 1)):
                watch.feed(piece)
                found += [change.session for change in watch.tick(int(piece.time.max())) if change.over]
    found += [change.session for change in watch.remaining()]
    found.sort(key=lambda session: session.index)
    assert [_apart_from_patience(session) for session in found] == [_apart_from_patience(session) for session in right]


def _apart_from_patience(session: Session) -> Session:
    """How long a connection had waited when the capture ended is not known when its endpoints are used anew."""
    if session.awaited is None or session.close.how != "silence":
        return session
    return msgspec.structs.replace(session, awaited=msgspec.structs.replace(session.awaited, waited=Duration(0)))


def test_a_refusal_is_held_against_the_ttls_of_connections_that_were_told() -> None:
    """As on a file: whether the server itself refused shows by its other connections."""
    frames = []
    for name in ("ok-openssh", "port-closed"):
        with open_capture(str(SAMPLES / name / "capture.pcap")) as source:
            frames += [row.octets for block in source.blocks() for row in rows_of(block)]
    watch = Watch((22,), tolerant=False)
    Feeder(watch).feed(Recorded(octets, START + at * SECOND // 1000) for at, octets in enumerate(frames))
    _, refused = [change.session for change in watch.tick(START + 20 * SECOND)]
    assert refused.outcome == "refused"
    assert refused.close.confidence == "high"


# --- what is told, and when ------------------------------------------------------------------------------------------


def test_stages_are_told_as_they_are_reached_and_the_end_once() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(b"SSH-2.0-client\r\n")
    flow.server.sends(b"SSH-2.0-server\r\n")
    first = flow.count
    flow.client.sends(packet(kexinit()))
    second = flow.count
    flow.client.fin()
    flow.server.fin()
    watch, block = Watch((22,), tolerant=False), flow.block()
    pieces = list(sliced(block, [first, second - first, flow.count - second]))
    stages = []
    for piece in pieces:
        watch.feed(piece)
        now = int(piece.time.max())
        stages += [(change.session.stage, change.over) for change in told(watch, now)]
    assert stages == [("identification", None), ("kexinit", None)]
    assert told(watch, now + limits.LINGER_NS - 1) == []
    (last,) = told(watch, now + limits.LINGER_NS)
    assert (last.over, last.session.close.how, last.session.stage) == ("closed", "fin", "kexinit")
    assert told(watch, now + 100 * SECOND) == []
    assert watch.held_bytes == 0
    assert not any(watch.held().values())


def test_a_handshake_that_stalls_is_told_once() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(b"SSH-2.0-client\r\n")
    watch, now = Watch((22,), tolerant=False), flow.segments[-1].time
    watch.feed(flow.block())
    assert [change.session.outcome for change in told(watch, now)] == ["incomplete"]
    assert told(watch, now + limits.LIVE_STALLED_NS - 1) == []
    assert [change.session.outcome for change in told(watch, now + 2 * limits.LIVE_STALLED_NS)] == ["stalled"]
    assert told(watch, now + 3 * limits.LIVE_STALLED_NS) == []
    (last,) = told(watch, now + limits.LIVE_HANDSHAKE_NS)
    assert (last.over, last.session.outcome) == ("idle", "stalled")


def test_what_was_given_up_is_passed_over_until_it_begins_anew() -> None:
    watch = Watch((22,), tolerant=False)
    feeder = Feeder(watch)
    feeder.feed([frame(1, SYN), frame(1, SYN | ACK, back=True), frame(1, ACK | PSH, b"SSH-2.0-x\r\n", seq=2)])
    later = START + limits.LIVE_HANDSHAKE_NS
    assert [change.over for change in told(watch, later) if change.over] == ["idle"]
    feeder.feed([frame(1, ACK | PSH, b"more", seq=13, time=later + SECOND)])
    assert not any(watch.held().values())
    feeder.feed([frame(1, SYN, seq=99999, time=later + 2 * SECOND)])
    assert sum(watch.held().values()) == 1


def test_a_syn_without_answer_is_told_when_no_other_will_come() -> None:
    watch = Watch((22,), tolerant=False)
    Feeder(watch).feed([frame(1, SYN)])
    assert told(watch, START + limits.LIVE_UNANSWERED_NS - 1) == []
    (last,) = told(watch, START + limits.LIVE_UNANSWERED_NS)
    assert (last.over, last.session.close.how, last.session.verdict.cause) == (
        "idle",
        "never_opened",
        "no-answer-to-syn",
    )


def test_frames_of_a_failed_handshake_are_handed_over() -> None:
    watch = Watch((22,), keep_frames=True, tolerant=False)
    frames = [
        frame(1, SYN),
        frame(1, SYN | ACK, back=True),
        frame(1, ACK | FIN, seq=2),
        frame(1, ACK | FIN, back=True, seq=2),
    ]
    Feeder(watch).feed(frames)
    (last,) = told(watch, START + limits.LINGER_NS)
    assert [kept.octets for kept in last.frames] == [one.octets for one in frames]
    assert [kept.number for kept in last.frames] == [1, 2, 3, 4]
    assert watch.held_bytes == 0


# --- bounds ----------------------------------------------------------------------------------------------------------


def handshake(watch: Watch, feeder: Feeder, meanwhile: int, *, seed: int) -> list[Change]:
    """A handshake that fails, with so many SYNs of other sources between any two of its frames."""
    changes: list[Change] = []
    steps = [
        frame(7_000_000 + seed, SYN),
        frame(7_000_000 + seed, SYN | ACK, back=True),
        frame(7_000_000 + seed, ACK | PSH, b"SSH-2.0-real\r\n", seq=2),
        frame(7_000_000 + seed, ACK | PSH, b"SSH-1.5-old\r\n", seq=2, back=True),
        frame(7_000_000 + seed, ACK | FIN, seq=16),
        frame(7_000_000 + seed, ACK | FIN, seq=15, back=True),
    ]
    for at, step in enumerate(steps):
        moment = START + at * SECOND
        first = seed * 1_000_000 + at * meanwhile
        feeder.feed([step._replace(time=moment)])
        feeder.feed([frame(number, SYN, time=moment) for number in range(first, first + meanwhile)])
        changes += told(watch, moment)
    return changes + told(watch, START + 20 * SECOND)


def test_a_flood_of_syns_pushes_out_itself() -> None:
    watch = Watch((22,), Bounds(connections=1000), tolerant=False)
    changes = handshake(watch, Feeder(watch), 900, seed=0)
    (last,) = [change.session for change in changes if change.over]
    assert (last.outcome, last.verdict.cause) == ("failed", "ssh1-only-server")
    assert sum(watch.held().values()) <= 1000
    assert watch.lost["untold"] == watch.lost["unanswered"] >= 4400


def test_a_flood_that_ends_is_counted_and_not_told_one_by_one() -> None:
    watch = Watch((22,), tolerant=False)
    Feeder(watch).feed(frame(number, SYN) for number in range(5000))
    changes = told(watch, START + limits.LIVE_UNANSWERED_NS)
    assert len(changes) == limits.LIVE_UNANSWERED_TOLD
    assert watch.lost["untold"] == 5000 - limits.LIVE_UNANSWERED_TOLD
    assert watch.held_bytes == 0


def test_what_was_let_go_is_no_longer_reckoned_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """A soak found it: after half a million SYNs no new connection was recorded any more."""
    monkeypatch.setattr(limits, "RECORDED_BYTES", 4 << 20)
    watch = Watch((22,), Bounds(connections=400), tolerant=False)
    changes = handshake(watch, Feeder(watch), 300, seed=0)
    (last,) = [change.session for change in changes if change.over]
    assert last.outcome == "failed"
    list(watch.remaining())
    assert watch._held == 0


def test_ten_thousand_half_open_handshakes_and_a_real_one() -> None:
    watch = Watch((22,), Bounds(connections=5000), tolerant=False)
    feeder = Feeder(watch)
    for first in range(0, 10_000, 1000):
        numbers = range(first, first + 1000)
        feeder.feed(frame(number, SYN) for number in numbers)
        feeder.feed(frame(number, SYN | ACK, back=True) for number in numbers)
        feeder.feed(frame(number, ACK | PSH, b"SSH-2.0-slow\r\n", seq=2) for number in numbers)
    assert sum(watch.held().values()) <= 5000
    causes = [change.session.verdict.cause for change in handshake(watch, feeder, 0, seed=1) if change.over]
    for _ in range(40):
        causes += [change.session.verdict.cause for change in told(watch, START + 21 * SECOND) if change.over]
    assert causes.count("ssh1-only-server") == 1


def test_octets_held_stay_below_their_bound() -> None:
    bound = 4 << 20
    watch = Watch((22,), Bounds(held_bytes=bound), keep_frames=True, tolerant=False)
    feeder = Feeder(watch)
    most = 0
    for at in range(60):
        feeder.feed([frame(number, ACK | PSH, b"SSH-" + bytes(1000), seq=1 + 1004 * at) for number in range(100)])
        most = max(most, watch.held_bytes)
    assert bound // 2 < most <= bound + bound // limits.LIVE_TELL_LATER_SHARE
    assert watch.lost["talking"]


def test_a_peer_that_sends_an_octet_a_second_is_held_within_the_same_bounds() -> None:
    watch = Watch((22,), tolerant=False)
    feeder = Feeder(watch)
    feeder.feed([frame(1, SYN), frame(1, SYN | ACK, back=True)])
    for second in range(3000):
        feeder.feed([frame(1, ACK | PSH, b"S", seq=2 + second, time=START + second * SECOND)])
        told(watch, START + second * SECOND)
    assert watch.held()["talking"] == 1
    assert watch.held_bytes < 3000 * (limits.SEGMENT_BYTES + 1) + 2 * limits.CONNECTION_BYTES


def test_closed_connections_are_told_early_when_room_is_needed() -> None:
    watch = Watch((22,), Bounds(connections=100), tolerant=False)
    feeder = Feeder(watch)
    for first in range(0, 400, 100):
        for flags, back in ((SYN, False), (SYN | ACK, True), (ACK | FIN, False), (ACK | FIN, True)):
            feeder.feed(frame(n, flags, seq=1 + (flags & FIN), back=back) for n in range(first, first + 100))
    changes = [change for _ in range(5) for change in told(watch, START + limits.LINGER_NS)]
    assert Counter(change.over for change in changes) == {"closed": 400}
    assert not watch.lost


@pytest.mark.parametrize(("sample", "outcome"), [("ok-openssh", "encrypted"), ("no-common-kex-openssh", "failed")])
def test_a_handshake_of_which_a_frame_was_lost_says_so(sample: str, outcome: str) -> None:
    """The kernel had no room for one side's proposal: that is told, and no cause is made up from half of them."""
    frames = frames_of(sample)
    lost = next(at for at, octets in enumerate(frames) if len(octets) > 700)
    watch = Watch((22,), tolerant=False)
    Feeder(watch).feed(Recorded(one, START + 1000 * at) for at, one in enumerate(frames) if at != lost)
    (session,) = [change.session for change in told(watch, START + 60 * SECOND) if change.over]
    assert session.outcome == outcome
    assert session.coverage.gaps == len(frames[lost]) - 66
    assert "incomplete-capture" in [finding.id for finding in session.findings]
    assert session.verdict.cause != "no-common-kex-algorithm"


def test_what_waits_to_be_told_takes_the_room_of_unanswered_syns() -> None:
    """Nobody takes what is told: memory stays below its bound, and what goes on is not pushed out for it."""
    bound, opening = 2 << 20, ((SYN, False), (SYN | ACK, True))
    watch = Watch((22,), Bounds(held_bytes=bound), tolerant=False)
    feeder = Feeder(watch)
    feeder.feed(frame(number, SYN) for number in range(10_000, 10_300))
    feeder.feed(frame(number, flags, back=back) for number in range(40) for flags, back in opening)
    feeder.feed(frame(number, ACK | PSH, b"SSH-2.0-goes_on\r\n") for number in range(40))
    for first in range(100, 400, 20):
        for flags, back in ((SYN, False), (SYN | ACK, True), (ACK | FIN, False), (ACK | FIN, True)):
            feeder.feed(frame(n, flags, seq=1 + (flags & FIN), back=back) for n in range(first, first + 20))
        watch._observed_until += limits.LINGER_NS
        watch._expire()
        assert watch.held_bytes <= bound
        assert watch._waiting_bytes <= bound // limits.LIVE_TELL_LATER_SHARE
    assert watch._waiting_bytes > bound // limits.LIVE_TELL_LATER_SHARE // 2
    assert watch.held()["talking"] == 40
    assert watch.lost["talking"] == watch.lost["answered"] == 0
    assert 0 < watch.lost["unanswered"] < watch.lost["untold"]
    while told(watch, watch._observed_until):
        pass
    assert watch._waiting_bytes == 0
    list(watch.remaining())
    assert watch.held_bytes == 0


def test_what_cannot_be_told_in_time_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LIVE_TELL_LATER", 10)
    watch = Watch((22,), Bounds(connections=100), tolerant=False)
    feeder = Feeder(watch)
    for flags, back in ((SYN, False), (SYN | ACK, True)):
        feeder.feed(frame(number, flags, back=back) for number in range(150))
    assert watch.lost["untold"] == watch.lost["unanswered"] - sum(1 for change in told(watch, START) if change.over)


def test_all_groups_are_empty_at_the_end() -> None:
    watch = Watch((22,), tolerant=False)
    feeder = Feeder(watch)
    feeder.feed(frame(number, SYN) for number in range(2000))
    feeder.feed(frame(number, SYN | ACK, back=True) for number in range(100))
    changes = list(watch.remaining(START))
    assert len(changes) == 100 + limits.LIVE_TELL_LATER // 8
    assert watch.held_bytes == 0
    assert not any(watch.held().values())
