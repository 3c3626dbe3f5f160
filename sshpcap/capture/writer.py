"""Writes pcapng: one section, nanoseconds, comments on the section and on frames.

Facts: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html. Must not know: what is in a frame, why it is
written, files' names.
"""

import struct
from typing import IO, Final

from sshpcap.capture.pcapng import ENHANCED_PACKET, INTERFACE_DESCRIPTION, INTERFACE_STATISTICS, SECTION_HEADER

_END: Final = 0
_COMMENT: Final = 1
_SHB_USERAPPL: Final = 4
_IF_TSRESOL: Final = 9
_ISB_ENDTIME: Final = 3
_ISB_IFDROP: Final = 5
_NANOSECONDS: Final = bytes([9])
_LONGEST: Final = 0xFFFF - 3
"""Octets of an option's value (§3.5: a 16-bit length), less what cutting a UTF-8 character may need."""


class PcapngWriter:
    """Writes blocks as they are given. The interfaces must be known before the first frame."""

    def __init__(self, out: IO[bytes], *, comment: str, program: str, link_types: tuple[int, ...]) -> None:
        """`link_types`: one for each interface."""
        self._out = out
        fixed = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
        self._block(SECTION_HEADER, fixed, ((_COMMENT, _text(comment)), (_SHB_USERAPPL, _text(program))))
        for link_type in link_types:
            self._block(INTERFACE_DESCRIPTION, struct.pack("<HHI", link_type, 0, 0), ((_IF_TSRESOL, _NANOSECONDS),))

    def frame(
        self, octets: bytes, time: int, *, original: int, interface: int = 0, comments: tuple[str, ...] = ()
    ) -> None:
        """One frame (Enhanced Packet Block): `time` in nanoseconds, `original` its octets on the link."""
        ticks = max(0, time)
        head = struct.pack("<IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(octets), original)
        options = tuple((_COMMENT, _text(comment)) for comment in comments)
        self._block(ENHANCED_PACKET, head + octets + bytes(-len(octets) % 4), options)

    def statistics(self, *, end_time: int | None, drops: int | None) -> None:
        """When the capture ended and what it lost: both decide what may be concluded from it."""
        options = []
        if end_time is not None:
            options.append((_ISB_ENDTIME, struct.pack("<II", end_time >> 32, end_time & 0xFFFFFFFF)))
        if drops is not None:
            options.append((_ISB_IFDROP, struct.pack("<Q", drops)))
        time = max(0, end_time or 0)
        self._block(INTERFACE_STATISTICS, struct.pack("<III", 0, time >> 32, time & 0xFFFFFFFF), tuple(options))

    def _block(self, kind: int, body: bytes, options: tuple[tuple[int, bytes], ...] = ()) -> None:
        listed = b"".join(
            struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4) for code, value in options
        )
        if listed:
            listed += struct.pack("<HH", _END, 0)
        total = struct.pack("<I", len(body) + len(listed) + 12)
        self._out.write(struct.pack("<I", kind) + total + body + listed + total)


def _text(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")[:_LONGEST].decode("utf-8", "ignore").encode()
