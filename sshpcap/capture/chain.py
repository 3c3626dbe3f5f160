"""Where the records of a large window begin, found by many walkers at once.

A record says only where the next one begins, so a walk from record to record is one step after the other. Here a window
is cut into lanes; in each lane a boundary is *guessed* from octets that the headers of neighbouring records share, and
all walkers take their next step together, with arrays. Nothing is believed that is not proven: a record counts only if
it begins where the one before it ends, back to the first one, which was known. So the result is what the plain walk
finds, or the beginning of it.

Must not know: what a format's header holds besides the one length.
"""

from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from sshpcap.frames import Bytes, Int64s

_LANE: Final = 20 << 10
"""Octets between two guesses. Shorter lanes take more guesses, longer ones more steps with fewer walkers each."""
_FEWEST: Final = 8
"""Lanes below which the arrays cost more than the plain walk."""
_STEPS: Final = 16
"""Steps between two looks at which walkers have crossed their lanes."""
_MOST_LOOKS: Final = 20
"""Frames are longer than the 48 octets that fill a lane in so many steps: who needs more was led astray by a guess."""
_NOWHERE: Final = -1
"""The arrival of a walker that was given up."""
_ROWS: Final = np.arange(_STEPS)[:, np.newaxis]
_NONE: Final = np.empty(0, dtype=np.int64)


def chained(
    data: bytearray, at: int, end: int, lengths: npt.NDArray[np.uint32], more: int, mark: tuple[int, int]
) -> Int64s:
    """Starts of records that begin before `end`, from the one at `at` on, without a gap between them.

    `lengths[start]` and `more` octets make the record that begins at `start`. `mark` says which octets of a header
    (from, to) neighbouring records share. Empty where the window is too small for it to be worth its cost; the last
    record may end behind the window.
    """
    if end - at < _FEWEST * _LANE:
        return _NONE
    first, last = mark
    shared = bytes(data[at + first : at + last])
    found = (data.find(shared, lane + first, lane + first + _LANE) - first for lane in range(at + _LANE, end, _LANE))
    begins = np.array([at, *[guess for guess in found if at < guess < end]], dtype=np.int64)
    borders = np.append(begins[1:], end)
    counts, arrivals = np.zeros_like(begins), np.full_like(begins, _NOWHERE)
    walking, place = np.arange(len(begins)), begins
    looks = []
    for _ in range(_MOST_LOOKS):
        steps = np.empty((_STEPS + 1, len(walking)), dtype=np.int64)
        steps[0] = place
        for here, there in pairwise(steps):
            np.add(here, lengths[here], out=there)
            there += more
            np.minimum(there, end, out=there)
        inside = steps[:-1] < borders[walking]
        taken = inside.sum(axis=0)
        looks.append((walking, counts[walking], steps[:-1], inside))
        counts[walking] += taken
        place = steps[taken, np.arange(len(walking))]
        crossed = place >= borders[walking]
        arrivals[walking[crossed]] = place[crossed]
        walking, place = walking[~crossed], place[~crossed]
        if not len(walking):
            break
    behind = np.cumsum(counts)
    starts = np.empty(behind[-1], dtype=np.int64)
    for lanes, before, steps, inside in looks:
        target = (behind[lanes] - counts[lanes] + before) + _ROWS
        starts[target[inside]] = steps[inside]
    # Within a lane each record begins where the one before it ends. That the last of a lane ends where the next lane
    # begins is what proves that one.
    wrong = np.flatnonzero(arrivals != borders)
    if not len(wrong):
        return starts
    lane = int(wrong[0])
    return starts[: behind[lane] if arrivals[lane] != _NOWHERE else behind[lane] - counts[lane] + 1]


def headers(octets: Bytes, starts: Int64s, count: int, order: str) -> list[Int64s]:
    """The first `count` words of 32 bits of all records: one gather, and a column for each word."""
    size = 4 * count
    every = np.ndarray((max(0, len(octets) - size + 1),), dtype=f"V{size}", buffer=octets.data, strides=(1,))
    words = every[starts].view(order + "u4").reshape(len(starts), count)
    return list(words.T.astype(np.int64, order="C"))
