"""Files that are a header and then one record after the other (pcap, snoop): the walk through them.

What a record looks like is the format's business; where to go on, and what to say at a damaged or cut-off end, is here.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from sshpcap.capture.errors import Notices
from sshpcap.capture.window import Window
from sshpcap.frames import FrameBlock, Int64s


class Scan(NamedTuple):
    """The records that are whole in a window."""

    starts: Int64s
    end: int
    """Where the first record begins that is not whole, or is damaged."""
    wrong: str
    """What a damaged header claims; empty where none is damaged."""


def walk(
    window: Window,
    notices: Notices,
    first: int,
    scan: Callable[[bytearray, int, int], Scan],
    block: Callable[[Int64s, int], FrameBlock],
) -> Iterator[FrameBlock]:
    """Yield the frames of all records from offset `first` on.

    `scan(data, start, have)` finds whole records, `block(starts, number)` makes the columns of some, the first of
    which is frame `number`. A damaged or cut-off end is a notice; a pause of a pipe is a block without frames.
    """
    number, at = 1, first
    while True:
        found = scan(window.data, at, window.have)
        if len(found.starts):
            yield block(found.starts, number)
            number += len(found.starts)
        if found.wrong:
            notices.add(
                "damaged-record",
                f"the header of record {number} is damaged (it claims {found.wrong}); "
                "what follows in the file was not read",
                frame=number,
                offset=window.position + found.end,
            )
            return
        if not window.advance(found.end):
            break
        if window.idle:
            yield window.nothing
        at = 0
    if window.have:
        notices.add(
            "cut-off",
            f"the file ends in the middle of record {number}; everything before it was read",
            frame=number,
            offset=window.position + window.have,
        )
