"""What TCP shows of a connection, and what the capture cannot show."""

from sshpcap.model.base import Value, Who
from sshpcap.times import Duration


class Checksums(Value, frozen=True):
    """What the checksums (TCP, and IPv4 header) say of the segments of one side that were looked at one by one and
    captured whole."""

    right: int = 0
    left_out: int = 0
    """Not filled in: captured on the host that sent them, before its network card did it (offload)."""
    wrong: int = 0
    """Damaged; then the receiver has not read them. Or changed by a program behind the capture."""


class TcpSide(Value, frozen=True):
    """What TCP shows of one side."""

    frames: int
    bytes: int
    """Payload octets sent, retransmissions included."""
    retransmissions: int
    out_of_order: int
    mss: int | None
    window_scale: int | None
    last_window: int
    ttls: tuple[int, ...]
    first_frame: int | None
    last_frame: int | None
    last_data_frame: int | None
    last_sent: str | None
    """The last readable thing this side sent."""
    unacknowledged: int | None
    """Octets at the end of its stream that the other side was not seen to acknowledge; None if that cannot be told."""
    undelivered: int
    """Octets of the handshake that never passed the capture point and were never acknowledged, though later ones
    passed."""
    checksums: Checksums = Checksums()


class Tcp(Value, frozen=True):
    """What TCP shows of the connection (RFC 9293)."""

    conn_state: str
    """Zeek's conn_state."""
    history: str
    """Zeek's history letters: the originator's in upper case."""
    originator: Who
    tunnels: tuple[str, ...]
    """Tunnels its segments came through, each from the outermost to the innermost."""
    rtt: Duration | None
    """From SYN to SYN-ACK plus SYN-ACK to ACK: the path's round trip seen from the capture point."""
    client: TcpSide
    server: TcpSide


class Coverage(Value, frozen=True):
    """What the capture cannot show; whatever rests on absence must be read with it."""

    syn_seen: bool
    one_sided: Who | None
    """The only side whose frames are in the capture."""
    gaps: int
    """Octets of the plain-text phase that are missing."""
    midstream: bool
    """The connection was open before its first captured frame."""
    truncated_by_snaplen: bool
    clock_steps: int
    """Frames of this connection whose time lies before that of an earlier frame."""
    conflict_frame: int | None
    """The first frame whose copy of octets that were seen before differs from the first copy: tampering, or damage."""
    duplicates: int
    """Frames that were captured twice (SPAN, bridge, several interfaces); they are left out."""
    limit_hit: bool
    """A bound of the program was reached for this connection."""
    late_side: Who | None = None
    """The side whose first frames are missing, though those of the other side are there from the SYN on."""
    bad_checksums: int = 0
    """Segments of both sides whose checksum is left out or wrong; they count like all others."""
