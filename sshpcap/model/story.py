"""What was said, in which order, and how it ended."""

from typing import Literal

from sshpcap.model.base import Confidence, FieldValue, How, Octets, Stage, Value, Who
from sshpcap.times import Duration, Timestamp


class Disconnect(Value, frozen=True):
    """A readable SSH_MSG_DISCONNECT (RFC 4253 §11.1)."""

    code: int
    name: str
    description: str
    by: Who
    frame: int


class Close(Value, frozen=True):
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


class Message(Value, frozen=True):
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


class TimelineEntry(Value, frozen=True):
    """One row of the story of a connection."""

    frame: int | None
    time: Timestamp
    delta: Duration
    """Since the row before."""
    sender: Literal["client", "server", "network", "none"]
    kind: str
    text: str
    decisive: bool = False


class Awaited(Value, frozen=True):
    """What had to come next when nothing more came: who had to send what (RFC 4253 §4.2, §7)."""

    party: Literal["client", "server", "unknown"]
    what: str
    since_frame: int
    """The last frame that brought the handshake forward."""
    since: Timestamp
    waited: Duration
    """From there to the close, or to the end of what was seen."""
