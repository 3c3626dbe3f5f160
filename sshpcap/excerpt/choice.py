"""Which frames of a connection matter for a ticket, how much of each, and what is said of it in a comment.

Kept: everything up to the NEWKEYS of both sides, whatever opens, closes or refuses, the frames that a statement names,
and of the encrypted part the first frames without their payload. No octet behind a side's NEWKEYS is kept, nor one
of a login in clear text in front of SSH. Must not know: files, formats.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from sshpcap import limits
from sshpcap.excerpt.again import Found, endpoint
from sshpcap.excerpt.streams import Streams
from sshpcap.frames import FIN, RST, SYN, Segment
from sshpcap.model import Session, Who
from sshpcap.net.layers import layers
from sshpcap.ssh.logins import places
from sshpcap.ssh.wire import unprinted

_NEWKEYS: Final = 21
_CONTROL: Final = SYN | FIN | RST


class Choice(NamedTuple):
    """What becomes of a frame."""

    captured: int
    """How many of its octets are kept."""
    comments: tuple[str, ...]


class Excerpted(NamedTuple):
    """A frame as it is written."""

    octets: bytes
    original: int
    """Octets it had on the link."""
    link_type: int
    time: int
    interface: int
    comments: tuple[str, ...]


class _Plan:
    """What is to be kept of one connection."""

    def __init__(self, session: Session) -> None:
        self.encrypted = 0
        """Frames of the encrypted part that were kept."""
        self.comments = comments_of(session)
        self.named = {*self.comments, *_last_frames(session)}
        self.streams = Streams()
        self.clear = {
            endpoint(session.client): _clear_end(session, "client"),
            endpoint(session.server): _clear_end(session, "server"),
        }
        """Where the clear part of each side ends; None where it never does."""
        self.logins = {
            endpoint(session.client): _logins(session, "client"),
            endpoint(session.server): _logins(session, "server"),
        }
        """Where a side has a login in clear text in front of SSH."""

    @property
    def settled(self) -> bool:
        """Both sides are past their NEWKEYS."""
        return all(end is not None and self.streams.sent(side) >= end for side, end in self.clear.items())


def choose(found: Iterator[Found]) -> Iterator[tuple[Found, Choice]]:
    """Those of the frames that matter."""
    plans: dict[int, _Plan] = {}
    for one in found:
        plan = plans.get(one.session.index)
        if plan is None:
            plan = plans[one.session.index] = _Plan(one.session)
        choice = _choose(one, plan)
        if choice is not None:
            yield one, choice


def _choose(one: Found, plan: _Plan) -> Choice | None:
    comments = tuple(plan.comments.get(one.frame, ()))
    if not isinstance(one.carries, Segment):
        return Choice(len(one.octets), comments)
    segment = one.carries
    start, end = plan.streams.offset(segment), plan.clear.get(segment.source)
    # What never becomes encrypted is kept as far as anybody reads it.
    end = limits.HANDSHAKE_BYTES if end is None else end
    kept = max(0, min(segment.length, end - start))
    for first, last in plan.logins.get(segment.source, ()):
        if start < last and start + kept > first:
            kept = max(0, first - start)
    if kept == segment.length:
        if not plan.settled or segment.flags & _CONTROL:
            return Choice(len(one.octets), comments)
        captured = len(one.octets)
    else:
        headers = layers(one.octets, one.link_type)
        if not headers or headers[-1].kind != "tcp":
            return None  # a fragment of encrypted data: there is no telling where its payload begins
        captured = min(len(one.octets), headers[-1].body + kept)
    if one.frame not in plan.named and not segment.flags & _CONTROL and not kept:
        plan.encrypted += 1
        if plan.encrypted > limits.SLICED_FRAMES:
            return None
    return Choice(captured, comments)


def _clear_end(session: Session, side: Who) -> int | None:
    """Offset in a side's stream behind which everything is encrypted; None where nothing is."""
    ends = [message.bytes[1] for message in session.messages if message.sender == side and message.number == _NEWKEYS]
    if ends:
        return min(ends)
    if session.stage in ("newkeys", "encrypted"):
        # The other side's says that keys are in use: this one's, or where it stands, is not in the capture.
        return max((message.bytes[1] for message in session.messages if message.sender == side), default=0)
    if session.coverage.midstream and not any(message.sender == side for message in session.messages):
        return 0
    return None


def _logins(session: Session, side: Who) -> list[tuple[int, int]]:
    return [
        (message.bytes[0] - 1 + first, message.bytes[0] - 1 + last)
        for message in session.messages
        if message.sender == side and message.kind in ("preamble", "text")
        for first, last in places(unprinted(str(message.fields.get("text", ""))))
    ]


def _last_frames(session: Session) -> Iterator[int]:
    """Frames without which the same octets would be counted differently."""
    for side in (session.tcp.client, session.tcp.server):
        for frame in (side.first_frame, side.last_frame, side.last_data_frame):
            if frame is not None:
                yield frame
    if session.close.frame is not None:
        yield session.close.frame


def comments_of(session: Session) -> dict[int, list[str]]:
    """What a reader should know of a frame, by its number."""
    said: dict[int, list[str]] = {}
    for entry in session.timeline:
        if entry.frame is not None:
            who = "" if entry.sender == "none" else f"{entry.sender} "
            mark = "DECISIVE: " if entry.decisive else ""
            said.setdefault(entry.frame, []).append(f"{mark}{who}{entry.text}")
    for finding in session.findings:
        for item in finding.evidence:
            said.setdefault(item.frame, []).append(f"evidence for {finding.id}: {item.what}")
    return {frame: [f"[connection {session.index}, frame {frame}] {text}"[: limits.SHOWN_COMMENT] for text in texts]
            for frame, texts in said.items()}  # fmt: skip
