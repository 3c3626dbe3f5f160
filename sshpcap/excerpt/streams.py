"""Where the payload of a connection's segments stands in its two streams, as they come. Must not know: frames."""

from sshpcap.frames import ACK, RST, SYN, Endpoint, Segment
from sshpcap.tcp.sequence import unwrap


class _Side:
    def __init__(self) -> None:
        self.origin: int | None = None
        self.sent = 0


class Streams:
    """Both directions of a connection; offsets count from the first octet behind the SYN, or the first one seen."""

    def __init__(self) -> None:
        self._sides: dict[Endpoint, _Side] = {}

    def offset(self, segment: Segment) -> int:
        """Where the segment's payload begins in its direction. Segments come in the order of the capture."""
        mine = self._sides.setdefault(segment.source, _Side())
        if segment.flags & SYN:
            mine.origin, mine.sent = (segment.seq + 1) & 0xFFFFFFFF, 0
            other = self._sides.setdefault(segment.destination, _Side())
            if segment.flags & ACK and other.origin is None:
                other.origin = segment.ack
        elif mine.origin is None and not segment.flags & RST:
            mine.origin = segment.seq
        first = (segment.seq + (segment.flags >> 1 & 1)) & 0xFFFFFFFF
        start = unwrap(first, mine.origin or 0, mine.sent)
        mine.sent = max(mine.sent, start + segment.length)
        return start

    def sent(self, side: Endpoint) -> int:
        """Offset behind the highest octet of a side so far."""
        return self._sides[side].sent if side in self._sides else 0
