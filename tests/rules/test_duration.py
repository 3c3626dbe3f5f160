"""Durations in sentences: what is rounded up to a whole unit is told in it, and none is a power of ten."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap.rules.base import duration
from sshpcap.tcp.vantage import _ms


@pytest.mark.parametrize(
    ("ns", "said"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_000, "1 µs"),
        (999_400, "999 µs"),
        (999_600, "1 ms"),
        (999_600_000, "1.0 s"),
        (119_900_000_000, "119.9 s"),
        (119_970_000_000, "2 min"),
        (179_970_000_000, "3 min"),  # recorded: a ssh that was ended after three minutes
        (7_199_400_000_000, "119 min 59 s"),
        (7_199_600_000_000, "2.0 h"),
    ],
)
def test_durations(ns: int, said: str) -> None:
    assert duration(ns) == said


@given(st.integers(0, 10**16))
def test_every_duration_reads_like_one(ns: int) -> None:
    found = re.fullmatch(r"(\d+(?:\.\d+)?) (ns|µs|ms|s|h)|(\d+) min(?: (\d+) s)?", duration(ns))
    assert found is not None
    if found[2] in ("ns", "µs", "ms"):
        assert float(found[1]) < 1000
    if found[3]:
        assert 2 <= int(found[3]) < 120
        assert 0 < int(found[4] or 1) < 60


def test_round_trips_are_never_told_as_powers_of_ten() -> None:
    assert [_ms(ns) for ns in (40_000, 1_234_000, 1_204_000_000, 61_000_000_000)] == [
        "0.04 ms", "1.23 ms", "1200 ms", "61000 ms",
    ]  # fmt: skip
