"""Memory stays where it is: the soak of benchmarks/soak.py, shortened, without a network, and with small bounds."""

import gc
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.traffic import frames_of, half_open, of_client
from sshpcap import limits
from sshpcap.capture.live import LiveSource
from sshpcap.frames import FrameBlock
from sshpcap.live import loop
from sshpcap.live.loop import Loop
from sshpcap.live.outputs import Several
from sshpcap.live.watch import Bounds, Watch
from sshpcap.model import Capture
from sshpcap.net import triage
from tests.live.test_watch import SECOND, START, Feeder
from tests.support.blocks import block_of
from tests.support.captures import Recorded

BOUND = 512 << 10
FAST = 40
"""Seconds of the capture that pass in a round: half-open handshakes are let go after some rounds."""


def rounds(watch: Watch, *, first: int, count: int) -> int:
    """Handshakes that succeed and fail, half-open ones, and a flood, round after round; how many were told."""
    good, bad = frames_of("ok-openssh"), frames_of("no-common-kex-openssh")
    begun = half_open(good)
    feeder, told = Feeder(watch), 0
    feeder.number = 1 + first * 100_000
    for turn in range(first, first + count):
        at = START + turn * FAST * SECOND
        frames = [frame for one in range(2) for frame in of_client(good, turn * 2 + one, 10)]
        frames += [frame for one in range(1) for frame in of_client(bad, turn + one, 11)]
        frames += [frame for one in range(5) for frame in of_client(begun, turn * 5 + one, 15)]
        frames += [of_client(good[:1], turn * 150 + one, 12)[0] for one in range(150)]
        feeder.feed(Recorded(frame, at + row) for row, frame in enumerate(frames))
        for later in (0, limits.LINGER_NS):
            told += sum(1 for change in watch.tick(at + SECOND + later) if change.over)
    return told


@pytest.mark.parametrize("keep", [True, False], ids=["recorder", "plain"])
def test_memory_is_where_it_was_after_a_while(monkeypatch: pytest.MonkeyPatch, keep: bool) -> None:
    monkeypatch.setattr(limits, "LIVE_PASSED_OVER", 16)
    monkeypatch.setattr(limits, "MAX_SERVERS", 8)
    monkeypatch.setattr(triage, "_SPARE_ROWS", 8)
    rounds(Watch((22,), tolerant=False), first=0, count=2)  # caches of what programs propose
    watch = Watch((22,), Bounds(held_bytes=BOUND), keep_frames=keep, tolerant=False)
    gc.collect()
    tracemalloc.start()
    try:
        rounds(watch, first=0, count=12)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        told = rounds(watch, first=12, count=30)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert told >= 30 * 3, "every handshake is still told"
    assert watch.held_bytes <= BOUND
    assert after < before * 1.04, (before, after)
    # And what is reckoned is what is taken, within the costs of what is not a connection.
    assert after < 1.3 * watch.held_bytes + (1 << 20), (after, watch.held_bytes)


@pytest.mark.parametrize("what", ["syn", "half-open", "encrypted"])
def test_what_connections_take_is_what_is_reckoned(what: str) -> None:
    """So that memory does not change when one kind makes room for another."""
    good = frames_of("ok-openssh")
    frames = {"syn": good[:1], "half-open": half_open(good), "encrypted": good[:-4]}[what]
    watch = Watch((22,), Bounds(held_bytes=1 << 30), tolerant=False)
    feeder = Feeder(watch)

    def feed(first: int, last: int) -> None:
        feeder.feed(
            Recorded(frame, START + number) for number in range(first, last) for frame in of_client(frames, number)
        )
        list(watch.tick(START + SECOND))

    feed(0, 20)
    gc.collect()
    tracemalloc.start()
    try:
        reckoned = -watch.held_bytes
        feed(20, 320)
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    reckoned += watch.held_bytes
    assert 0.8 * taken < reckoned < 1.25 * taken, (taken / 300, reckoned / 300)


class Quiet:
    """A source on which nothing happens."""

    def blocks(self) -> Iterator[FrameBlock]:
        while True:
            time.sleep(0.01)
            yield block_of([])

    def describe(self) -> tuple[Capture, ...]:
        raise NotImplementedError

    def close(self) -> None:
        pass


def test_free_memory_goes_back_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    monkeypatch.setattr(limits, "LIVE_TRIM_SECONDS", 0.3)
    monkeypatch.setattr(limits, "LIVE_TICK_SECONDS", 0.05)
    monkeypatch.setattr(loop, "_give_back", lambda: given.append(time.monotonic()))
    source: LiveSource = Quiet()
    driven = Loop(source, Watch((22,)), Several([]), interval=60, history=False, seconds=1.2)
    monkeypatch.setattr(driven, "_state", lambda: None)
    with loop.Signals() as signals:
        driven.run(signals)
    assert 2 <= len(given) <= 4


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc")
def test_asking_for_it_does_no_harm() -> None:
    loop._give_back()
