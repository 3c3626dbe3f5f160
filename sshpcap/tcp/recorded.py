"""What is recorded of a connection: segments one by one, what each side sent, and sums of what was only counted.

Values and holders; how they are filled is the recorder's. Must not know: SSH, files, results.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple, TypeVar, cast

from sshpcap import limits
from sshpcap.tcp.options import read_options
from sshpcap.tcp.sequence import unwrap
from sshpcap.tcp.stream import Stream

# Notes on a segment, as bits.
RETRANSMISSION: Final = 1
OUT_OF_ORDER: Final = 2
KEEP_ALIVE: Final = 4
ZERO_WINDOW: Final = 8

RECENT: Final = 8


class Event(NamedTuple):
    """One remembered segment."""

    frame: int
    time: int
    direction: int
    flags: int
    seq: int
    ack: int
    length: int
    window: int
    ttl: int
    notes: int
    ip_id: int = -1
    options: bytes = b""
    """As they stand in the header: read when somebody asks for them."""

    @property
    def stamped(self) -> bool:
        """It carries TCP timestamps."""
        return read_options(self.options).stamped

    @property
    def sacks(self) -> tuple[tuple[int, int], ...]:
        """Sequence numbers that it reports as arrived out of order."""
        return read_options(self.options).sacks


class LastData(NamedTuple):
    """A segment with data, remembered until newer ones push it out."""

    frame: int
    time: int
    again: bool
    """Octets that had been sent before."""


new_event = cast(Callable[[tuple[object, ...]], Event], partial(tuple.__new__, Event))
"""An event of its fields in order, in half the time that naming them takes."""


Remembered = TypeVar("Remembered")


def remember(last: list[Remembered], one: Remembered, most: int) -> None:
    """Keep the last ones. A deque of so few takes five times as much memory, and every connection has four."""
    if len(last) >= most:
        del last[0]
    last.append(one)


@dataclass(slots=True)
class Direction:
    """What one side sent."""

    stream: Stream = field(default_factory=Stream)
    origin: int | None = None
    """Sequence number of the stream's first octet (ISN + 1 where the SYN was seen)."""
    syn_seen: bool = False
    anchored: bool = False
    """`origin` is the true beginning: the SYN was seen, or the SYN-ACK that answers it."""
    mss: int | None = None
    window_scale: int | None = None
    sack_permitted: bool = False
    frames: int = 0
    data_bytes: int = 0
    retransmissions: int = 0
    out_of_order: int = 0
    keep_alives: int = 0
    sent: int = 0
    """Offset behind the highest octet sent (a FIN counts as one, RFC 9293 §3.4)."""
    data_end: int = 0
    """Offset behind the highest payload octet captured, or counted."""
    largest: int = 0
    """Payload octets of its longest segment."""
    ahead_frame: int | None = None
    """The last frame that brought octets which had not been sent before, or opened or closed the direction."""
    ahead_time: int = 0
    ahead_before: int = 0
    """The latest time of the connection before that frame."""
    last_before: int = 0
    """The same before its last frame."""
    again: int = 0
    """Segments with octets (or a FIN) since then: nothing but what had been sent before."""
    acked: int | None = None
    """Highest offset that the other side was seen to acknowledge."""
    last_window: int = 0
    ttls: set[int] = field(default_factory=set)
    first_frame: int | None = None
    last_frame: int | None = None
    last_time: int = 0
    last_data_frame: int | None = None
    last_data_time: int = 0
    tail: list[LastData] = field(default_factory=list)
    """The last segments with data, whether quiet or not; keep-alives are left out, and what is behind the other side's
    FIN."""
    behind: LastData | None = None
    """The first segment with new data behind the other side's FIN."""
    fin: Event | None = None
    copied: int = 0
    """Of its frames those that were captured a second time; RSTs are not counted."""
    copied_ttls: set[int] = field(default_factory=set)
    """TTLs of those second ones: on a router another than that of the first."""
    recent: list[Event] = field(default_factory=list)
    """The last `RECENT` segments, to know a frame that was captured twice."""
    checksums: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    """Segments by what their checksums say (`CHECKSUM_…`)."""
    letters: dict[str, int] = field(default_factory=dict)
    """Zeek's history letters noted so far, with the place or the count of the last one."""

    def remember_data(self, one: LastData, end: int, other: "Direction") -> None:
        """Keep a segment with data up to `end`, sent to the other side. What that side's FIN acknowledges came before
        it, in whatever order they were captured."""
        fin = other.fin
        if fin is None or one.frame < fin.frame:
            remember(self.tail, one, limits.LAST_DATA)
        elif one.again:
            return
        elif end <= unwrap(fin.ack, self.origin or 0, self.sent):
            remember(self.tail, one, limits.LAST_DATA)
        elif self.behind is None:
            self.behind = one

    @property
    def fin_unseen(self) -> bool:
        """One number more than it has octets was used, or acknowledged: that of a FIN which is not in the capture. SSH
        sends nothing that is one octet long."""
        return self.anchored and self.fin is None and max(self.sent, self.acked or 0) == self.data_end + 1


class Skim(NamedTuple):
    """What is kept of a run of segments of one direction of a quiet connection."""

    frames: int
    data_bytes: int
    last_frame: int
    last_time: int
    last_data_frame: int | None
    last_data_time: int
    sent: int
    """Highest offset behind their payload."""
    ack: int | None
    """The highest acknowledgement number in them."""
    window: int
    """Window of the last one."""
    tail: tuple[tuple[LastData, int], ...] = ()
    """Its last segments with data, up to `limits.LAST_DATA`, and the offset behind the payload of each; `again` is
    known within the run alone."""
    ahead_frame: int | None = None
    """The first of those that reach the highest offset."""
    ahead_time: int = 0
    again: int = 0
    """Those with octets behind it."""
    data_frames: int = 0
    """Those with octets."""
    largest: int = 0
    """Payload octets of the longest."""
    ahead_before: int | None = None
    """The latest time of the connection before `ahead_frame`; None where only the recorder knows it."""
    last_before: int | None = None
    """The same before `last_frame`."""
