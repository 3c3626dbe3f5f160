"""One direction as a byte stream: whatever the order of the pieces, the same octets and the frames that had them."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap import limits
from sshpcap.tcp.stream import Assembled, Piece, Stream

OCTETS = bytes(range(1, 256)) * 4


def piece(start: int, end: int, frame: int = 1, *, octets: bytes = OCTETS, captured: int | None = None) -> Piece:
    """Octets [start, end) of a stream, of which so many were captured; its time is that of the frame."""
    kept = octets[start:end][:captured]
    return Piece(start, kept, end - start - len(kept), frame, frame * 10)


def collect(*pieces: Piece, anchored: bool = True) -> Stream:
    stream = Stream()
    for one in pieces:
        stream.add(one, anchored=anchored)
    return stream


def pending_octets(stream: Stream) -> int:
    return sum(len(waiting.octets) for waiting in stream._pending.values())


# --- any split, order, repetition and consistent overlap ------------------------------------------------------------


@st.composite
def arrivals(draw: st.DrawFn) -> list[Piece]:
    """A stream in pieces: split anywhere, each perhaps longer to the left, some twice, and out of order by a little."""
    size = draw(st.integers(0, len(OCTETS)))
    cuts = sorted(draw(st.sets(st.integers(0, size), max_size=12)) | {0, size})
    ranges = [(max(0, start - draw(st.integers(0, 30))), end) for start, end in pairwise(cuts)]
    ranges += draw(st.lists(st.sampled_from(ranges), max_size=4)) if ranges else []
    places = [(place + draw(st.integers(0, 5)), one) for place, one in enumerate(ranges)]
    places.sort(key=lambda place: place[0])
    return [piece(*one, frame=frame) for frame, (_, one) in enumerate(places, start=1)]


@given(arrivals())
def test_any_arrival_gives_the_same_octets(pieces: list[Piece]) -> None:
    stream = collect(*pieces)
    size = max((one.end for one in pieces), default=0)
    assembled = stream.assemble()
    assert assembled.octets == bytes(stream.octets) == OCTETS[:size]
    assert assembled.holes == ()
    assert (stream.conflict_frame, stream.limit_hit, stream._pending) == (None, False, {})


@given(arrivals(), st.data())
def test_frames_are_those_that_carried_the_octets(pieces: list[Piece], data: st.DataObject) -> None:
    assembled = collect(*pieces).assemble()
    if not assembled.octets:
        return
    start = data.draw(st.integers(0, len(assembled.octets) - 1))
    end = data.draw(st.integers(start + 1, len(assembled.octets)))
    frames = assembled.frames_of(start, end)
    carriers = {one.frame: one for one in pieces}
    for at in range(start, end):
        assert any(carriers[frame].start <= at < carriers[frame].end for frame in frames)
    for frame in frames:
        assert carriers[frame].start < end
        assert carriers[frame].end > start
    assert assembled.completed(start, end) == (max(frames), 10 * max(frames))
    # Nothing was there in order before the frame that completed it.
    assert len(collect(*(one for one in pieces if one.frame < max(frames))).octets) < end


@given(arrivals(), st.integers(1, 20))
def test_a_stream_without_a_known_beginning_finds_it(pieces: list[Piece], at: int) -> None:
    """The first frame captured need not be the first of the stream: offsets are counted from whatever came first."""
    if not pieces:
        return
    stream, origin, moves = Stream(), pieces[0].start, 0
    for one in pieces:
        moved = stream.add(one._replace(start=one.start - origin), anchored=False)
        origin -= moved
        moves += moved > 0
    assert (origin, stream.generation) == (0, moves)
    assert stream.assemble().octets == OCTETS[: max(one.end for one in pieces)]


@given(arrivals(), st.data())
def test_what_never_came_is_a_hole(pieces: list[Piece], data: st.DataObject) -> None:
    kept = [one for one in pieces if data.draw(st.booleans())]
    assembled = collect(*kept).assemble()
    known = {at for one in kept for at in range(one.start, one.end)}
    assert len(assembled.octets) == max(known, default=-1) + 1
    for at, octet in enumerate(assembled.octets):
        hole = assembled.hole_in(at, at + 1)
        assert (hole is None) == (at in known)
        assert octet == (OCTETS[at] if hole is None else 0)
    assert all(first[1] < second[0] for first, second in pairwise(assembled.holes))


@given(arrivals(), st.data())
def test_what_the_snaplen_cut_is_a_hole(pieces: list[Piece], data: st.DataObject) -> None:
    """Octets are only ever those of the stream, whichever copy was cut off; and nothing is zero but a hole."""
    cut = [
        one._replace(octets=one.octets[:kept], missing=one.missing + max(0, len(one.octets) - kept))
        for one in pieces
        for kept in [data.draw(st.integers(0, 300))]
    ]
    for came, anchored in ((cut, True), (cut[1:], True), (cut, False)):
        assembled = collect(*came, anchored=anchored).assemble()
        gaps = {at for start, end in assembled.gaps() for at in range(start, end)}
        sent = {at for one in came for at in range(one.start, one.end)}
        for at, octet in enumerate(assembled.octets):
            assert octet == (0 if assembled.hole_in(at, at + 1) else OCTETS[at])
            assert (at in gaps) == (at not in sent)


# --- order and overlap, case by case --------------------------------------------------------------------------------


def test_a_missing_piece_holds_the_rest_back() -> None:
    stream = collect(piece(0, 10, 1), piece(20, 30, 2))
    assert bytes(stream.octets) == OCTETS[:10]
    assert (stream.holds(9), stream.holds(10), stream.holds(20)) == (True, False, True)
    stream.add(piece(10, 20, 3), anchored=True)
    assert bytes(stream.octets) == OCTETS[:30]
    assembled = stream.assemble()
    assert assembled.frames_of(0, 30) == (1, 3, 2)
    assert assembled.completed(0, 30) == (3, 30)
    assert assembled.completed(20, 30) == (2, 20)


def test_frames_of_a_range_at_the_edges_of_pieces() -> None:
    assembled = collect(piece(0, 10, 1), piece(10, 20, 2), piece(20, 30, 3)).assemble()
    assert assembled.frames_of(0, 10) == (1,)
    assert assembled.frames_of(9, 11) == (1, 2)
    assert assembled.frames_of(10, 20) == (2,)
    assert assembled.frames_of(0, 30) == (1, 2, 3)


def test_nothing_was_carried_by_nobody() -> None:
    assembled = Stream().assemble()
    assert assembled == Assembled(b"", [], [], [], ())
    assert (assembled.frames_of(0, 0), assembled.completed(0, 0)) == ((), (0, 0))


@pytest.mark.parametrize("again", [piece(0, 10, 2), piece(3, 7, 2), piece(5, 15, 2)])
def test_a_copy_that_agrees(again: Piece) -> None:
    stream = collect(piece(0, 10, 1), again)
    assert (stream.overlaps, stream.conflict_frame) == (1, None)


@pytest.mark.parametrize("start, end", [(0, 10), (3, 7), (5, 15)])
def test_a_copy_that_differs_is_noted_and_the_first_one_counts(start: int, end: int) -> None:
    other = bytes(len(OCTETS))
    stream = collect(piece(0, 10, 1), piece(start, end, 7, octets=other), piece(0, 10, 9, octets=other))
    assert bytes(stream.octets) == OCTETS[:10] + bytes(max(0, end - 10))
    assert stream.conflict_frame == 7


def test_copies_that_differ_while_they_wait() -> None:
    other = bytes(len(OCTETS))
    for start, end in ((20, 30), (20, 40), (15, 25), (25, 28)):
        stream = collect(piece(20, 30, 1), piece(start, end, 2, octets=other), piece(0, 20, 3))
        assert stream.conflict_frame in (1, 2, 3)


def test_a_longer_copy_adds_its_tail_while_it_waits() -> None:
    stream = collect(piece(20, 30, 1), piece(20, 40, 2), piece(20, 25, 3), piece(0, 20, 4))
    assert bytes(stream.octets) == OCTETS[:40]
    assert (stream.conflict_frame, pending_octets(stream)) == (None, 0)


def test_what_was_cut_off_is_not_compared() -> None:
    stream = collect(piece(0, 20, 1, captured=5), piece(0, 20, 2))
    assert stream.assemble().holes == ((5, 20),)
    assert stream.conflict_frame is None


def test_octets_before_the_beginning() -> None:
    anchored = collect(Piece(-5, b"old!!new", 0, 1, 1))
    assert bytes(anchored.octets) == b"new"
    assert not collect(Piece(-5, b"old", 0, 1, 1)).octets
    stream = collect(Piece(0, b"ow", 0, 1, 1))
    assert stream.add(Piece(-4, b"Hell", 0, 2, 2), anchored=False) == 4
    assert (bytes(stream.octets), stream.generation) == (b"Hellow", 1)
    assert stream.assemble().frames_of(0, 6) == (2, 1)


def test_octets_from_long_before_the_beginning_are_not_believed() -> None:
    stream = collect(Piece(0, b"x", 0, 1, 1))
    assert stream.add(Piece(-100_000, b"y", 0, 2, 2), anchored=False) == 0
    assert bytes(stream.octets) == b"x"


def test_pieces_of_which_nothing_was_captured_stay_holes_when_the_beginning_moves() -> None:
    stream = collect(piece(20, 30, 1, captured=5), piece(30, 50, 2, captured=0), piece(60, 70, 3))
    assert stream.assemble().holes == ((0, 20), (25, 60))
    whole = Stream()
    for one in (piece(20, 30, 1, captured=5), piece(30, 50, 2, captured=0), piece(60, 70, 3)):
        whole.add(one._replace(start=one.start - 20), anchored=False)
    assert whole.add(piece(0, 20, 4)._replace(start=-20), anchored=False) == 20
    assert whole.assemble().holes == ((25, 60),)


# --- bounds ----------------------------------------------------------------------------------------------------------


def test_octets_are_bounded() -> None:
    stream, size = Stream(), 100_000
    for frame in range(1, 6):
        stream.add(Piece((frame - 1) * size, bytes(size), 0, frame, frame), anchored=True)
    assert len(stream.octets) == limits.HANDSHAKE_BYTES
    assert stream.limit_hit


def test_what_waits_behind_the_last_octet_kept_is_forgotten() -> None:
    stream = Stream()
    stream.add(Piece(limits.HANDSHAKE_BYTES - 10, bytes(20), 0, 1, 1), anchored=True)
    stream.add(Piece(limits.HANDSHAKE_BYTES - 5, bytes(20), 0, 2, 2), anchored=True)
    stream.add(Piece(0, bytes(limits.HANDSHAKE_BYTES - 10), 0, 3, 3), anchored=True)
    assert len(stream.octets) == limits.HANDSHAKE_BYTES
    assert stream._pending == {}


def test_missing_octets_are_bounded_too() -> None:
    stream = collect(Piece(0, b"x", 1 << 40, 1, 1))
    assert len(stream.octets) == limits.HANDSHAKE_BYTES
    assert stream.assemble().holes == ((1, limits.HANDSHAKE_BYTES),)


def test_waiting_octets_are_bounded() -> None:
    stream = Stream()
    for frame in range(1, 200):
        stream.add(Piece(frame * 1000, bytes(999), 0, frame, frame), anchored=True)
    assert pending_octets(stream) <= limits.OUT_OF_ORDER_BYTES
    assert stream.limit_hit
    stream = collect(Piece(limits.HANDSHAKE_BYTES + 1, b"x", 0, 1, 1))
    assert (stream._pending, stream.limit_hit) == ({}, True)


@pytest.mark.parametrize("order", ["in order", "backwards", "shuffled", "every other", "the same"])
@pytest.mark.parametrize("captured", [1, 0])
@pytest.mark.parametrize("anchored", [True, False])
def test_pieces_of_one_octet_are_bounded(order: str, captured: int, anchored: bool) -> None:
    count = 100_000
    starts = list(range(count))
    if order == "backwards":
        starts.reverse()
    elif order == "shuffled":
        random.Random(9293).shuffle(starts)
    elif order == "every other":
        starts = starts[1::2]
    elif order == "the same":
        starts = [5] * count
    stream = Stream()
    for frame, start in enumerate(starts, start=1):
        stream.add(Piece(start, b"x"[:captured], 1 - captured, frame, frame), anchored=anchored)
    assert len(stream.starts) <= limits.MAX_PIECES
    assert len(stream._pending) <= limits.MAX_PIECES
    assert len(stream._pending_starts) == len(stream._pending)
    assert stream.generation <= 16
    assert len(stream.assemble().octets) <= limits.HANDSHAKE_BYTES
    assert stream.limit_hit or order == "the same"


def test_a_beginning_that_moves_for_ever_is_bounded() -> None:
    stream, origin = Stream(), 1 << 20
    for frame, start in enumerate(range(1 << 20, (1 << 20) - 50_000, -1), start=1):
        origin -= stream.add(Piece(start - origin, b"x", 0, frame, frame), anchored=False)
    assert stream.generation == 16
