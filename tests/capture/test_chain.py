"""Records found by many walkers at once are those of the plain walk, whatever the file holds and wherever it lies."""

import struct
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap.capture import chain
from tests.support.blocks import Read, read_octets
from tests.support.captures import ORDERS, PCAP_VARIANTS, UNREGISTERED, Order, Pcapng, Recorded, pcap, pcap_record

SECOND = 1_700_000_000 // 256 * 256
"""The upper octets of the seconds change here."""


def told(found: Read) -> tuple[object, ...]:
    """All that a reader says of a file."""
    return found.rows, found.notices.listed(), found.reader.link_types, found.reader.snaplen, found.window.position


def both(monkeypatch: pytest.MonkeyPatch, octets: bytes, lane: int, at_most: int | None = None) -> Read:
    """The file by short lanes and by the plain walk: the same."""
    with monkeypatch.context() as patch:
        patch.setattr(chain, "_FEWEST", 1 << 40)
        plain = read_octets(octets, at_most)
    with monkeypatch.context() as patch:
        patch.setattr(chain, "_FEWEST", 2)
        patch.setattr(chain, "_LANE", lane)
        assert told(read_octets(octets, at_most)) == told(plain)
    return plain


def frames(random: Random, count: int) -> list[Recorded]:
    """Frames of all sizes; some hold whole records, headers and all, or what looks like the beginning of one."""
    made: list[Recorded] = []
    for _ in range(count):
        time = (SECOND + random.randint(-2, 2)) * 1_000_000_000 + random.randrange(1_000_000_000)
        octets = random.randbytes(random.choice((0, 1, 14, 60, 90, 300)))
        if made and random.random() < 0.2:
            octets += pcap_record(random.choice(made)) + octets[:5]
        if random.random() < 0.1:
            octets += struct.pack("<I", SECOND) * 3
        if random.random() < 0.1:
            octets += struct.pack(random.choice(ORDERS) + "II", 0, time >> 32) * 5
        made.append(Recorded(octets, time, len(octets) + random.choice((0, 0, 7))))
    return made


def damaged(random: Random, octets: bytes, head: int) -> bytes:
    """The file with a few octets changed, or cut off."""
    copy = bytearray(octets)
    for _ in range(random.randrange(4)):
        copy[random.randrange(head, len(copy))] = random.choice((0, 1, 4, 6, 0x7F, 0xFF))
    return bytes(copy[: random.randint(head, len(copy))] if random.random() < 0.3 else copy)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("variant", PCAP_VARIANTS)
def test_pcap(monkeypatch: pytest.MonkeyPatch, order: Order, variant: str) -> None:
    whole = 0
    for seed in range(60):
        random = Random(seed)
        recorded = frames(random, random.randint(0, 80))
        octets = pcap(recorded, order=order, variant=variant)
        found = both(monkeypatch, octets, random.choice((40, 200, 900)), random.choice((None, None, 1000)))
        assert [row.octets for row in found.rows] == [frame.octets for frame in recorded]
        whole += len(found.rows)
        both(monkeypatch, damaged(random, octets, 24), random.choice((40, 200, 900)))
    assert whole > 1000


def some_blocks(random: Random, order: Order) -> bytes:
    """A file in which mostly frames, and now and then all other blocks stand."""
    file = Pcapng(order).section().interface(1, 0, tsresol=9).interface(113, 96)
    other: tuple[Callable[[], object], ...] = (
        lambda: file.simple(b"simple"),
        lambda: file.obsolete(b"obsolete", SECOND),
        lambda: file.statistics(0, ifdrop=3),
        lambda: file.block(UNREGISTERED, random.randbytes(12)),
        lambda: file.interface(276),
        lambda: file.section(random.choice(ORDERS)).interface(1),
        lambda: file.enhanced(b"lies", SECOND, captured=1000),
        lambda: file.enhanced(b"unknown", SECOND, interface=9),
        lambda: file.raw(struct.pack(file.order + "IIIIIIIII", 6, 36, 0, 0, 5, 2, 2, 0, 32)),
    )
    for frame in frames(random, random.randint(0, 120)):
        interface = random.choice((0, 0, 0, 0, 1))
        inner = bytes(Pcapng(file.order).enhanced(b"inner", frame.time)) * random.choice((0, 0, 0, 20))
        file.enhanced(
            frame.octets[: len(frame.octets) // 4 * 4] + inner,
            frame.time,
            interface=interface,
            original=len(frame.octets) + len(inner),
        )
        if random.random() < 0.03:
            random.choice(other)()
    return bytes(file)


@pytest.mark.parametrize("order", ORDERS)
def test_pcapng(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    whole = 0
    for seed in range(150):
        random = Random(seed)
        octets = some_blocks(random, order)
        whole += len(both(monkeypatch, octets, random.choice((60, 200, 900)), random.choice((None, None, 1000))).rows)
        both(monkeypatch, damaged(random, octets, 28), random.choice((60, 200, 900)))
    assert whole > 5000


def test_a_file_made_to_mislead_every_guess_costs_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times and octets of zero: every place looks like the beginning of a record without octets."""
    looks = 0
    stack = np.minimum

    def counted(*operands: Any, **named: Any) -> Any:
        nonlocal looks
        looks += 1
        return stack(*operands, **named)

    octets = bytearray(pcap([Recorded(bytes(200_000))] * 20))
    words = np.ndarray((len(octets) - 3,), dtype="<u4", buffer=octets, strides=(1,))
    monkeypatch.setattr(np, "minimum", counted)
    found = chain.chained(octets, 24, len(octets) - 15, words[8:], 16, (1, 4))
    assert found[0] == 24
    assert looks <= 320


def test_most_frames_of_a_plain_file_are_found_by_the_walkers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or nothing above would be tried."""
    monkeypatch.setattr(chain, "_FEWEST", 2)
    monkeypatch.setattr(chain, "_LANE", 900)
    recorded = [Recorded(bytes(100 + place % 7), SECOND * 1_000_000_000) for place in range(400)]
    octets = bytearray(pcap(recorded))
    words = np.ndarray((len(octets) - 3,), dtype="<u4", buffer=octets, strides=(1,))
    guessed = chain.chained(octets, 24, len(octets) - 15, words[8:], 16, (1, 4))
    assert len(guessed) == 400


@given(st.binary(min_size=300, max_size=2000), st.integers(0, 16), st.integers(20, 200))
def test_it_ends_and_proves_whatever_the_octets_are(octets: bytes, more: int, lane: int) -> None:
    data = bytearray(octets)
    words = np.ndarray((len(data) - 3,), dtype="<u4", buffer=data, strides=(1,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chain, "_FEWEST", 1)
        patch.setattr(chain, "_LANE", lane)
        starts = chain.chained(data, 0, len(data) - 15, words[8:], more, (0, 1)).tolist()
    assert starts[0] == 0
    for place, start in enumerate(starts[1:]):
        assert start == starts[place] + words[starts[place] + 8] + more
    assert all(start < len(data) - 15 for start in starts)
