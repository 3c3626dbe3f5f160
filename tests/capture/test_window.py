"""The window: slides, grows only with octets that came, and knows where it stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap import limits
from sshpcap.capture.window import Window
from tests.support.blocks import Dribble


@given(st.binary(max_size=200), st.integers(1, 30), st.lists(st.integers(0, 30), max_size=40))
def test_shows_the_stream(octets: bytes, at_most: int, consumed: list[int]) -> None:
    window = Window(Dribble(octets, at_most))
    for count in consumed:
        window.advance(min(count, window.have))
        assert bytes(window.data[: window.have]) == octets[window.position : window.position + window.have]
    seen = window.position + window.have
    assert seen == min(len(octets), at_most * len(consumed))


def test_require() -> None:
    window = Window(Dribble(b"abcdef", 2))
    assert window.require(0)
    assert window.have == 0
    assert window.require(3)
    assert window.have == 4
    assert window.require(6)
    assert not window.require(7)
    assert window.ended
    assert bytes(window.data[: window.have]) == b"abcdef"


def test_grows_only_when_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BLOCK_BYTES", 8)
    window = Window(Dribble(bytes(range(40))))
    assert window.advance(0)
    assert len(window.data) == 8
    assert window.advance(0)
    assert len(window.data) == 16
    before = window.octets
    assert window.advance(10)
    assert len(window.data) == 16
    assert window.position == 10
    assert bytes(window.data[: window.have]) == bytes(range(10, 26))
    assert len(before) == 16


def test_an_array_of_the_window_does_not_hinder_growing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BLOCK_BYTES", 4)
    window = Window(Dribble(b"abcdefgh"))
    window.advance(0)
    held = window.octets
    window.advance(0)
    assert bytes(held) == b"abcd"
    assert bytes(window.data[: window.have]) == b"abcdefgh"


class Pausing:
    """A stream with pauses between its pieces."""

    def __init__(self, *pieces: bytes | None) -> None:
        self._pieces = list(pieces)

    def readinto(self, buffer: memoryview, /) -> int | None:
        piece = self._pieces.pop(0) if self._pieces else b""
        if piece is not None:
            buffer[: len(piece)] = piece
        return None if piece is None else len(piece)


def test_a_pause_is_not_the_end() -> None:
    window = Window(Pausing(b"ab", None, b"cd"))
    seen = []
    while window.advance(0):
        seen.append((window.idle, window.have))
    assert seen == [(False, 2), (True, 2), (False, 4)]
    assert (window.ended, window.idle) == (True, False)


def test_require_waits_through_pauses() -> None:
    window = Window(Pausing(None, b"ab", None, None, b"cd"))
    assert window.require(3)
    assert window.have == 4
    assert not window.require(5)


def test_a_pause_does_not_grow_the_window() -> None:
    window = Window(Pausing(b"abcd", *[None] * 9), 4)
    while window.advance(0):
        pass
    assert len(window.data) == 8


def test_a_block_without_frames() -> None:
    nothing = Window(Pausing()).nothing
    assert [(len(column), column.dtype.name) for column in nothing[1:]] == [(0, "int64")] * 7
