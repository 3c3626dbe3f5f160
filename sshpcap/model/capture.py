"""What is known of an input."""

from sshpcap.model.base import Notice, Value
from sshpcap.times import Timestamp


class Interface(Value, frozen=True):
    """One interface of a capture, as the file describes it."""

    name: str | None
    description: str | None
    filter: str | None
    """The capture filter; what it leaves out was there all the same."""
    link_type: int
    snaplen: int | None
    """Longest captured frame; None for no limit."""
    frames: int
    drops: int | None
    """Frames that the capturing side says it lost on it; None where the file does not tell."""


class Capture(Value, frozen=True):
    """One input: what it is and what it cannot show."""

    path: str
    format: str
    compression: str | None
    link_types: tuple[int, ...]
    frames: int
    bytes: int
    """Captured octets of all frames."""
    first_time: Timestamp | None
    last_time: Timestamp | None
    """Of the last frame, or the end of capturing where the format tells that it was later (isb_endtime)."""
    snaplen: int | None
    """Longest captured frame as the file declares it; None for no limit."""
    truncated_frames: int
    """Frames of which fewer octets were captured than were on the link."""
    interface_drops: int | None
    """Frames that the capturing side says it lost; None where the format does not tell."""
    interfaces: tuple[Interface, ...] = ()
    """The interfaces that the file describes, in its order; none where the format has no such description."""
    protocols: dict[str, int] = {}
    """Frames by what they carry: tcp, udp, icmp, arp, fragment, other, unreadable. Of several captures that are read as
    one, the last one has the counts of all; so with the two that follow."""
    other_ports: dict[str, int] = {}
    """TCP connections that are not SSH, by the lower port of their two; the most frequent ports only."""
    duplicates: int = 0
    """Frames of SSH connections that were captured twice and left out."""
    notices: tuple[Notice, ...] = ()
