"""SYN retries: the times that were measured with real kernels (the first SYN at 0), and when a client gave up."""

import pytest

from sshpcap.tcp.syns import back_off
from tests.support.wireflow import SECOND


def said(*seconds: float, watched: float) -> str:
    return " ".join(back_off([round(one * SECOND) for one in seconds], round(watched * SECOND)))


def test_linux_since_6_5() -> None:
    text = said(0, 1.0, 2.0, 3.1, 4.1, 5.1, 7.2, 11.4, watched=12)
    assert "Linux since 6.5" in text
    assert "gave up" not in text


def test_linux_before_6_5() -> None:
    assert "before 6.5" in said(0, 1.0, 3.0, 7.0, 15.0, watched=16)


@pytest.mark.parametrize(
    ("seconds", "watched", "words"),
    [
        ((0, 1, 2, 3), 30, "between 3 and 4 s"),
        ((0, 1, 2, 3, 4, 5), 30, "between 5 and 7 s"),
        ((0, 1, 2, 3, 4, 5, 7), 30, "between 7 and 11 s"),
        ((0, 1, 3, 7), 30, "between 7 and 15 s"),
    ],
)
def test_a_client_that_gave_up(seconds: tuple[float, ...], watched: float, words: str) -> None:
    assert words in said(*seconds, watched=watched)


def test_a_capture_that_ends_before_the_next_is_due() -> None:
    assert "gave up" not in said(0, 1, 3, 7, watched=14)


def test_no_pattern_no_conclusion() -> None:
    assert "gave up" not in said(0, 1, 5, 6, watched=60)
    assert said(0, watched=60) == ""
    assert said(0, 0.01, 0.02, watched=60) == ""
