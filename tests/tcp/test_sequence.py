"""RFC 9293 §3.4: comparisons modulo 2**32."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap.tcp.sequence import difference, unwrap

HIGHEST = 0xFFFFFFFF


@pytest.mark.parametrize(
    "left, right, distance",
    [
        (0, 0, 0),
        (1, 0, 1),
        (0, 1, -1),
        (0, HIGHEST, 1),
        (HIGHEST, 0, -1),
        (10, HIGHEST - 9, 20),  # one library says 19
        (HIGHEST - 9, 10, -20),
        (0x7FFFFFFF, 0, 0x7FFFFFFF),
        (0x80000000, 0, -0x80000000),
        (0, 0x80000000, -0x80000000),
        (0x80000001, 0, -0x7FFFFFFF),
    ],
)
def test_difference(left: int, right: int, distance: int) -> None:
    assert difference(left, right) == distance


numbers = st.integers(0, HIGHEST)


@given(numbers, numbers)
def test_difference_is_the_way_on_the_circle(left: int, right: int) -> None:
    distance = difference(left, right)
    assert (right + distance) % (1 << 32) == left
    assert -(1 << 31) <= distance < 1 << 31


@pytest.mark.parametrize(
    "number, origin, near, offset",
    [
        (1001, 1001, 0, 0),
        (1000, 1001, 0, -1),
        (5, HIGHEST - 4, 0, 10),
        (HIGHEST, 5, 0, -6),
        (HIGHEST, 5, 1 << 32, (1 << 32) - 6),
        (7, 7, 1 << 33, 1 << 33),
    ],
)
def test_unwrap(number: int, origin: int, near: int, offset: int) -> None:
    assert unwrap(number, origin, near) == offset


@given(numbers, st.integers(0, 1 << 40), st.integers(-(1 << 31) + 1, (1 << 31) - 1))
def test_unwrap_finds_every_offset_that_is_near(origin: int, near: int, step: int) -> None:
    offset = near + step
    assert unwrap((origin + offset) % (1 << 32), origin, near) == offset
