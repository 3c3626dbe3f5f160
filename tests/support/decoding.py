"""The slow path for one frame of a block: the one place where tests call it."""

from sshpcap.frames import FrameBlock
from sshpcap.net.decode import Decoded, decode


def decode_row(block: FrameBlock, row: int) -> Decoded:
    """What `decode` makes of a frame, the length that it had on the link told."""
    number, time, link_type, original = (
        int(column[row]) for column in (block.number, block.time, block.link_type, block.original)
    )
    return decode(number, time, block.frame(row), link_type, original)
