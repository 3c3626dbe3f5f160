"""What is recorded together gives the report that it gives segment by segment."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sshpcap.analyzer import Analyzer
from sshpcap.frames import Segment
from sshpcap.model import Report
from sshpcap.net import runs
from tests.support.replay import CHANGES, SAMPLES, segments_of
from tests.support.wireflow import block_of, encode

pytestmark = pytest.mark.skipif(not SAMPLES, reason="the samples are not here")


class _OneByOne(Analyzer):
    def _runs(self, *_: object) -> None:
        return None


def both(segments: list[Segment], size: int) -> tuple[Report, Report]:
    """The reports with the shortest runs, and without any."""
    frames = [encode(segment._replace(frame=number)) for number, segment in enumerate(segments, start=1)]
    reports = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "_LEAST", 1)
        patch.setattr(runs, "_WORTHWHILE", 1)
        for kind in (Analyzer, _OneByOne):
            analyzer = kind()
            for start in range(0, len(frames), size):
                analyzer.feed(block_of(frames[start : start + size]))
            reports.append(analyzer.finish())
    return reports[0], reports[1]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.parent.name)
def test_runs_give_the_report_of_their_segments(path: Path) -> None:
    together, one_by_one = both(list(segments_of(path)), 1 << 20)
    assert together == one_by_one


@settings(max_examples=300)
@given(
    st.sampled_from(SAMPLES), st.lists(st.sampled_from(list(CHANGES))), st.integers(1, 60),
    st.sampled_from((0.0, 0.05, 0.3)), st.randoms(use_true_random=False),
)  # fmt: skip
def test_whatever_happened_to_the_segments(
    path: Path, names: list[str], size: int, share: float, random: Random
) -> None:
    """Changed, lost, captured twice, in another order, in several blocks."""
    segments = list(segments_of(path))
    for name in names:
        segments = CHANGES[name](segments, random)
    segments = [one for one in segments for _ in range(random.choice((0, 2)) if random.random() < share else 1)]
    for place in range(1, len(segments)):
        if random.random() < share / 4:
            segments[place - 1 : place + 1] = segments[place], segments[place - 1]
    if not segments:
        return
    together, one_by_one = both(segments, size)
    assert together == one_by_one


def test_runs_are_taken() -> None:
    """Most segments of a handshake are recorded together: the tests above do not compare a way with itself."""
    taken = 0

    class Counting(Analyzer):
        def _segment(self, found: Segment) -> None:
            nonlocal taken
            taken += 1
            super()._segment(found)

    path = next(path for path in SAMPLES if path.parent.name == "ok-openssh")
    segments = list(segments_of(path))
    analyzer = Counting()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "_WORTHWHILE", 1)
        analyzer.feed(block_of([encode(segment) for segment in segments]))
    assert taken < len(segments) / 2
