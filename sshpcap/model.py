"""The vocabulary of results: frozen values, named as in the JSON report (docs/schema.json is made from them).

Nothing here computes; everything else of the program either makes these values or draws them. Must not know: anything
of ours but `times`. Text that came from the wire stands here already made printable (`ssh/wire.py`); raw octets stand
beside it.
"""

from typing import Final, Literal

import msgspec

from sshpcap.times import Duration as Duration
from sshpcap.times import Timestamp as Timestamp

SCHEMA_VERSION: Final = 1

Who = Literal["client", "server"]
Stage = Literal["tcp", "identification", "kexinit", "kex", "newkeys", "encrypted"]
Outcome = Literal["encrypted", "failed", "refused", "stalled", "not_ssh", "incomplete"]
How = Literal["fin", "rst", "icmp", "silence", "capture_end", "never_opened"]
Confidence = Literal["high", "medium", "low"]
Severity = Literal["error", "warning", "info"]

STAGES: Final[tuple[Stage, ...]] = ("tcp", "identification", "kexinit", "kex", "newkeys", "encrypted")
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "error")

FieldValue = str | int | bool | tuple[str, ...]
Octets = bytes  # some results have a field named `bytes`, as the JSON has


class _Value(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all results: immutable, compared by content, built with names."""


class Notice(_Value, frozen=True):
    """Something about the input that the reader of a report should know; never an error of ours."""

    code: str
    text: str
    frame: int | None = None
    offset: int | None = None
    """Byte offset in the (plain) capture."""
    count: int = 1


class Capture(_Value, frozen=True):
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
    snaplen: int | None
    """Longest captured frame as the file declares it; None for no limit."""
    truncated_frames: int
    """Frames of which fewer octets were captured than were on the link."""
    interface_drops: int | None
    """Frames that the capturing side says it lost; None where the format does not tell."""
    protocols: dict[str, int] = {}
    """Frames by what they carry: tcp, udp, icmp, arp, fragment, other, unreadable."""
    other_ports: dict[str, int] = {}
    """TCP connections that are not SSH, by the lower port of their two; the most frequent ports only."""
    duplicates: int = 0
    """Frames of SSH connections that were captured twice and left out."""
    notices: tuple[Notice, ...] = ()


class Evidence(_Value, frozen=True):
    """What proves a statement: a frame, and what to look at in it."""

    frame: int
    what: str
    bytes: tuple[int, int] | None = None
    """First and last relative sequence number of the octets (as Wireshark shows them: 1 is the stream's first)."""


class Identification(_Value, frozen=True):
    """An identification string (RFC 4253 §4.2)."""

    raw: bytes
    """The line as sent, without its line end."""
    text: str
    """The line, made printable."""
    protocol_version: str
    software: str
    comment: str | None
    implementation: str | None
    """Name of the program, where it is recognised."""
    version: str | None
    frame: int
    time: Timestamp
    line_end: Literal["crlf", "lf"]


class KexInit(_Value, frozen=True):
    """A proposal: the ten name-lists of SSH_MSG_KEXINIT (RFC 4253 §7.1) in order of preference."""

    kex_algorithms: tuple[str, ...]
    server_host_key_algorithms: tuple[str, ...]
    encryption_algorithms_client_to_server: tuple[str, ...]
    encryption_algorithms_server_to_client: tuple[str, ...]
    mac_algorithms_client_to_server: tuple[str, ...]
    mac_algorithms_server_to_client: tuple[str, ...]
    compression_algorithms_client_to_server: tuple[str, ...]
    compression_algorithms_server_to_client: tuple[str, ...]
    languages_client_to_server: tuple[str, ...]
    languages_server_to_client: tuple[str, ...]
    first_kex_packet_follows: bool
    cookie: str
    """16 octets in hexadecimal."""
    frames: tuple[int, ...] = ()


class Hassh(_Value, frozen=True):
    """HASSH or hasshServer: MD5 over the name-lists of a proposal as sent."""

    hash: str
    string: str


class Unreadable(_Value, frozen=True):
    """Octets of the clear phase that could not be cut into lines or packets; nothing behind them is read."""

    reason: str
    text: str
    """The first of them, made printable."""
    packet_length: int | None
    """What a receiver takes for the packet's length (its error message names this number); None before packets."""
    frame: int
    bytes: tuple[int, int]
    """First and last relative sequence number."""


class Party(_Value, frozen=True):
    """One side of the connection."""

    address: str
    port: int
    identification: Identification | None = None
    pre_identification: tuple[str, ...] = ()
    """Text that this side sent before, or instead of, an identification string; made printable, a line each."""
    first_octets: str | None = None
    """What this side began with, made printable, where that is no whole identification string."""
    preamble: str | None = None
    """What a proxy put in front of the identification string: PROXY protocol, HTTP CONNECT, SOCKS."""
    kexinit: KexInit | None = None
    hassh: Hassh | None = None
    strict_kex: bool = False
    """The side announces strict key exchange (kex-strict-c/-s-v00@openssh.com)."""
    ext_info: bool = False
    """The side announces RFC 8308 extensions (ext-info-c/-s)."""
    unreadable: Unreadable | None = None


class Slot(_Value, frozen=True):
    """The result of one slot of the negotiation."""

    chosen: str | None
    client_offer: tuple[str, ...]
    server_offer: tuple[str, ...]
    reason: str


class Guess(_Value, frozen=True):
    """A guessed key exchange packet (first_kex_packet_follows, RFC 4253 §7)."""

    sent_by: Who
    right: bool
    reason: str


class Negotiation(_Value, frozen=True):
    """What two proposals lead to by RFC 4253 §7.1, one result per slot."""

    kex_algorithm: Slot
    server_host_key_algorithm: Slot
    encryption_client_to_server: Slot
    encryption_server_to_client: Slot
    mac_client_to_server: Slot
    mac_server_to_client: Slot
    compression_client_to_server: Slot
    compression_server_to_client: Slot
    agreed: bool
    failed: tuple[str, ...]
    """Names of all slots without a match."""
    guesses: tuple[Guess, ...]
    strict_kex: bool
    """Both sides announce strict key exchange."""


class Certificate(_Value, frozen=True):
    """The readable part of an OpenSSH certificate (PROTOCOL.certkeys)."""

    type: Literal["host", "user", "unknown"]
    serial: int
    key_id: str
    principals: tuple[str, ...]
    valid_after: Timestamp | None
    """None: valid from the beginning of time."""
    valid_before: Timestamp | None
    """None: valid for ever."""
    ca_type: str
    ca_sha256: str


class HostKey(_Value, frozen=True):
    """The key the server showed in its key exchange reply."""

    type: str
    bits: int | None
    sha256: str
    """Fingerprint as `ssh-keygen -l` prints it; of a certificate: that of the plain key in it."""
    md5: str
    """Fingerprint as `ssh-keygen -l -E md5` prints it."""
    blob: bytes
    frame: int
    signature_algorithm: str | None
    """Algorithm named in the signature the server made with it."""
    certificate: Certificate | None = None


class Disconnect(_Value, frozen=True):
    """A readable SSH_MSG_DISCONNECT (RFC 4253 §11.1)."""

    code: int
    name: str
    description: str
    by: Who
    frame: int


class Close(_Value, frozen=True):
    """How the connection ended in this capture, as far as it shows."""

    how: How
    by: Literal["client", "server", "network", "unknown"]
    stage: Stage
    frame: int | None
    """The frame that ended it; for silence and capture end the last frame seen."""
    time: Timestamp | None
    confidence: Confidence
    reasoning: tuple[str, ...]
    """Sentences with frame numbers, from observation to conclusion."""
    disconnect: Disconnect | None = None


class Message(_Value, frozen=True):
    """One unit of the plain-text phase: a line or an SSH message."""

    sender: Who
    kind: Literal["preamble", "text", "identification", "message", "malformed"]
    number: int | None
    """Message number (RFC 4250 §4.1); None for lines."""
    name: str
    frames: tuple[int, ...]
    """Every frame that carried octets of it."""
    frame: int
    """The frame that completed it."""
    time: Timestamp
    bytes: tuple[int, int]
    """First and last relative sequence number, as Wireshark shows them."""
    length: int
    complete: bool
    """False where the capture misses octets of it."""
    acknowledged: bool | None
    """Whether the other side's TCP was seen to acknowledge all of it; None where its segments are not in the
    capture."""
    fields: dict[str, FieldValue] = {}
    raw: Octets | None = None
    """The payload, of messages that are not understood."""


class TimelineEntry(_Value, frozen=True):
    """One row of the story of a connection."""

    frame: int | None
    time: Timestamp
    delta: Duration
    """Since the row before."""
    sender: Literal["client", "server", "network", "none"]
    kind: str
    text: str
    decisive: bool = False


class Finding(_Value, frozen=True):
    """A diagnosis: what happened, how that is known, and what to do."""

    id: str
    severity: Severity
    confidence: Confidence
    party: Literal["client", "server", "network", "unknown"]
    """The side that acted, or where the trouble is."""
    title: str
    summary: str
    evidence: tuple[Evidence, ...]
    expected_messages: dict[str, str] = {}
    """What programs show to their users in this case, by program."""
    causes: tuple[str, ...] = ()
    """Most likely first."""
    remedies: tuple["Remedy", ...] = ()


class Remedy(_Value, frozen=True):
    """One thing to do."""

    side: Literal["client", "server", "network", "capture"]
    action: str
    command: str | None = None
    risk: str | None = None


class Verdict(_Value, frozen=True):
    """The one sentence that a support engineer needs."""

    summary: str
    cause: str | None
    """Id of the finding that explains it; None for a connection without trouble."""
    confidence: Confidence


class TcpSide(_Value, frozen=True):
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


class Tcp(_Value, frozen=True):
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


class Coverage(_Value, frozen=True):
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
    """Frames of this connection whose time lies before that of the frame before them."""
    conflict_frame: int | None
    """The first frame whose copy of octets that were seen before differs from the first copy: tampering, or damage."""
    duplicates: int
    """Frames that were captured twice (SPAN, bridge, several interfaces); they are left out."""
    limit_hit: bool
    """A bound of the program was reached for this connection."""


class Awaited(_Value, frozen=True):
    """What had to come next when nothing more came: who had to send what (RFC 4253 §4.2, §7)."""

    party: Literal["client", "server", "unknown"]
    what: str
    since_frame: int
    """The last frame that brought the handshake forward."""
    since: Timestamp
    waited: Duration
    """From there to the close, or to the end of what was seen."""


class Session(_Value, frozen=True):
    """One TCP connection that speaks SSH, or should."""

    index: int
    community_id: str
    wireshark_filter: str
    start: Timestamp
    end: Timestamp
    duration: Duration
    stage: Stage
    outcome: Outcome
    verdict: Verdict
    client: Party
    server: Party
    roles_from: str
    """How client and server were told apart."""
    negotiation: Negotiation | None
    host_key: HostKey | None
    close: Close
    awaited: Awaited | None
    messages: tuple[Message, ...]
    timeline: tuple[TimelineEntry, ...]
    findings: tuple[Finding, ...]
    tcp: Tcp
    coverage: Coverage


class Report(_Value, frozen=True):
    """Everything that was found."""

    schema_version: int
    sshpcap_version: str
    captures: tuple[Capture, ...]
    sessions: tuple[Session, ...]
    notices: tuple[Notice, ...]
