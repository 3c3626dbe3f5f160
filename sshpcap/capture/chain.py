"""Where the records of a large window begin, found by many walkers at once.

A record says only where the next one begins, so a walk from record to record is one step after the other. Here a window
is cut into lanes; in each lane a boundary is *guessed* from octets that the headers of neighbouring records share, and
all walkers take their next step together, with arrays. Nothing is believed that is not proven: a record counts only if
it begins where the one before it ends, back to the first one, which was known. So the result is what the plain walk
finds, or the beginning of it.

Must not know: what a format's header holds besides the one length.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from sshpcap.frames import Bytes, Int64s

_LANE: Final = 32 << 10
"""Octets between two guesses. Shorter lanes take more guesses, longer ones more steps with fewer walkers each."""
_FEWEST: Final = 8
"""Lanes below which the arrays cost more than the plain walk."""
_STEPS: Final = 8
"""Steps between two looks at which walkers have crossed their lanes."""
_MOST_LOOKS: Final = 64
"""Frames are longer than the 48 octets that fill a lane in so many steps: who needs more was led astray by a guess."""
_SHORTEST: Final = 12
"""No record of any format is shorter: where a walker goes on that a wrong guess led astray."""
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
    place = np.array([at, *[guess for guess in found if at < guess < end]], dtype=np.int64)
    border = np.append(place[1:], end)
    crossed = []
    for _ in range(_MOST_LOOKS):
        steps = np.empty((_STEPS, len(place)), dtype=np.int64)
        for row in steps:
            row[:] = place
            place = np.minimum(np.maximum(place + lengths[place] + more, place + _SHORTEST), end)
        crossed.append(steps[steps < border])
        ahead = place < border
        place, border = place[ahead], border[ahead]
        if not len(place):
            break
    starts = np.concatenate(crossed)
    starts.sort()
    gaps = np.flatnonzero(starts[:-1] + lengths[starts[:-1]] + more != starts[1:])
    return starts[: gaps[0] + 1] if len(gaps) else starts


def headers(octets: Bytes, starts: Int64s, count: int, order: str) -> list[Int64s]:
    """The first `count` words of 32 bits of all records: one gather, and a column for each word."""
    size = 4 * count
    every = np.ndarray((max(0, len(octets) - size + 1),), dtype=f"V{size}", buffer=octets.data, strides=(1,))
    words = every[starts].view(order + "u4").reshape(len(starts), count)
    return list(words.T.astype(np.int64, order="C"))
