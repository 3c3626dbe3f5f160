"""Which frames of a connection matter for a ticket, how much of each, and what is said of it in a comment.

Kept: everything up to the NEWKEYS of both sides, whatever opens, closes or refuses, the frames that a statement names,
and of the encrypted part the first frames without their payload. No octet behind a side's NEWKEYS is kept. Must not
know: files, formats.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from sshpcap import limits
from sshpcap.excerpt.again import Found, endpoint
from sshpcap.frames import ACK, FIN, RST, SYN, Segment
from sshpcap.model import Session, Who
from sshpcap.net.layers import layers
from sshpcap.tcp.sequence import unwrap

_NEWKEYS: Final = 21
_CONTROL: Final = SYN | FIN | RST


class Choice(NamedTuple):
    """What becomes of a frame."""

    captured: int
    """How many of its octets are kept."""
    comments: tuple[str, ...]


class _Side:
    """One direction: where its clear part ends, in the stream and in sequence numbers."""

    def __init__(self, clear: int | None) -> None:
        self.clear = clear
        """Offset behind NEWKEYS; None where the side never sent it."""
        self.origin: int | None = None
        self.sent = 0


class _Plan:
    """What is to be kept of one connection."""

    def __init__(self, session: Session) -> None:
        self.encrypted = 0
        """Frames of the encrypted part that were kept."""
        self.comments = _comments(session)
        self.named = {*self.comments, *_last_frames(session)}
        self.sides = {"client": _Side(_clear_end(session, "client")), "server": _Side(_clear_end(session, "server"))}
        self.client = endpoint(session.client)


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
    kept = _clear_octets(segment, plan, "client" if segment.source == plan.client else "server")
    if kept == segment.length:
        settled = all(side.clear is not None and side.sent >= side.clear for side in plan.sides.values())
        if not settled or segment.flags & _CONTROL:
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


def _clear_octets(segment: Segment, plan: _Plan, sender: Who) -> int:
    """How many payload octets of a segment belong to the clear part."""
    mine, other = plan.sides[sender], plan.sides["server" if sender == "client" else "client"]
    if segment.flags & SYN:
        mine.origin, mine.sent = (segment.seq + 1) & 0xFFFFFFFF, 0
        if segment.flags & ACK and other.origin is None:
            other.origin = segment.ack
    elif mine.origin is None and not segment.flags & RST:
        mine.origin = segment.seq
    if mine.clear is None or not segment.length:
        return segment.length
    start = unwrap((segment.seq + (segment.flags >> 1 & 1)) & 0xFFFFFFFF, mine.origin or 0, mine.sent)
    mine.sent = max(mine.sent, start + segment.length)
    return max(0, min(segment.length, mine.clear - start))


def _clear_end(session: Session, side: Who) -> int | None:
    """Offset in a side's stream behind which everything is encrypted; None where nothing is."""
    ends = [message.bytes[1] for message in session.messages if message.sender == side and message.number == _NEWKEYS]
    if ends:
        return min(ends)
    if session.coverage.midstream and not any(message.sender == side for message in session.messages):
        return 0
    return None


def _last_frames(session: Session) -> Iterator[int]:
    """Frames without which the same octets would be counted differently."""
    for side in (session.tcp.client, session.tcp.server):
        for frame in (side.first_frame, side.last_frame, side.last_data_frame):
            if frame is not None:
                yield frame
    if session.close.frame is not None:
        yield session.close.frame


def _comments(session: Session) -> dict[int, list[str]]:
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
