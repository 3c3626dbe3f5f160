"""What TCP shows of a connection, and what the capture cannot show."""

from typing import Literal

from sshpcap.model.base import Confidence, Value, Who
from sshpcap.times import Duration, Timestamp


class Vantage(Value, frozen=True):
    """Where the capture was taken, as far as the frames of this connection tell."""

    place: Literal["client", "server", "between", "unknown"]
    """On that host or in its own network; or behind routers of both."""
    confidence: Confidence
    reasoning: tuple[str, ...]


class Repeat(Value, frozen=True):
    """Octets that were sent three times or more, or were sent again and never acknowledged."""

    sender: Who
    bytes: tuple[int, int]
    """First and last relative sequence number of the longest segment that carried them."""
    length: int
    """Payload octets of that segment."""
    times: int
    """How often they were sent, the first time included."""
    frames: tuple[int, ...]
    """The first ones of the segments that carried them."""
    last_frame: int
    span: Duration
    """From the first time to the last."""
    idle: Duration | None
    """How long the connection had been silent before the first time."""
    acknowledged: int | None
    """The first frame that acknowledges all of them; None if there is none."""
    after: int
    """How often they were sent although they had been acknowledged 50 ms or more before."""
    passed: int | None
    """A frame that shows that later octets of the same side got through meanwhile."""
    passed_length: int
    """Payload octets of the longest segment of that side that is known to have got through."""
    heard: int | None
    """The last frame of the other side since the first time; None if nothing came."""
    last_length: int
    """Payload octets of the last segment that carried the first of them."""
    probe: bool
    """TCP keep-alives: the question whether the other side is still there."""


class Missing(Value, frozen=True):
    """Octets that never came by, and were not acknowledged, although a later frame of their side shows that they were
    sent. Of what is encrypted, the first ones at which the acknowledgements stopped."""

    sender: Who
    bytes: tuple[int, int]
    """First and last relative sequence number."""
    shown_by: int
    """The first frame of that side that has, or stands behind, later octets."""
    waited: Duration
    """From then to the other side's last frame, which still did not acknowledge them; 0 if none came."""


class Reset(Value, frozen=True):
    """A RST, and whether it can be from the side in whose name it was sent."""

    frame: int
    time: Timestamp
    sender: Who
    """The side whose address it has."""
    form: Literal["abort", "gone", "refused"]
    """`abort`: with ACK, from a live socket; `gone`: the answer of a host that has no such connection; `refused`: the
    answer to a SYN."""
    ttl: int
    against: tuple[str, ...]
    """What speaks against that sender, a sentence each."""
    foreign: Confidence | None
    """How sure it is that something between the two sent it; None where nothing says so."""
    by_host: bool
    """The side's connection did not send it, but its host may have: its own firewall rejects that way."""
    answers: int | None
    """The last frame of the other side before it."""
    idle: Duration | None
    """How long the connection had been silent before that frame."""
    effective: bool
    """False where the connection went on."""


class IcmpReport(Value, frozen=True):
    """An ICMP or ICMPv6 error about this connection; the same again is counted."""

    frame: int
    about: Who
    """The side whose segment is quoted."""
    reporter: str
    name: str
    mtu: int | None
    """Next-hop MTU, where it tells one."""
    opening: bool
    """It quotes a SYN."""
    refuses: bool
    """It says that the segment did not arrive."""
    times: int


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
    keep_alives: int
    """TCP keep-alives (RFC 9293 §3.8.4)."""
    largest: int
    """Payload octets of its longest segment."""
    mss: int | None
    window_scale: int | None
    sack_permitted: bool
    """It announced selective acknowledgements (RFC 2018)."""
    last_window: int
    ttls: tuple[int, ...]
    first_frame: int | None
    last_frame: int | None
    last_data_frame: int | None
    last_sent: str | None
    """The last readable thing this side sent."""
    zero_window: Duration | None
    """The longest time during which it could not take data (window 0)."""
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
    """From SYN to SYN-ACK plus SYN-ACK to ACK: the path's round trip seen from the capture point. Where one of them was
    sent twice, the shortest times from data to their acknowledgement instead."""
    vantage: Vantage
    repeats: tuple[Repeat, ...]
    """The worst first."""
    missing: tuple[Missing, ...]
    resets: tuple[Reset, ...]
    icmp: tuple[IcmpReport, ...]
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
    elsewhere_frame: int | None = None
    """A SYN that is an earlier one once more, taken at another place, whose clock differs or which is far away: what is
    said of waits and repetitions is unsure then."""
