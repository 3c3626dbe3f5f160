"""An analyzer for days: tells of connections as they go on and end, and holds no more than it may.

Every connection is in one of five groups, each in the order of its last frame: `unanswered` (nothing but SYNs),
`answered` (open, without payload yet), `talking` (in its handshake), `encrypted`, and `closed` (waiting for
stragglers). Each group has its patience. When room is needed, closed ones are told early, then those of the other
groups that had no frame for longest are let go, in the order of `GROUPS`: a flood pushes out itself, and not the
handshakes that go on.
Must not know: where frames come from, where the changes go.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from itertools import islice
from typing import Final, Literal, NamedTuple

from sshpcap import limits
from sshpcap.analyzer import Analyzer
from sshpcap.connection import Connection
from sshpcap.frames import FIN, RST, SYN, FrameBlock, IcmpError, Segment
from sshpcap.model import Session
from sshpcap.net.strangers import Pair
from sshpcap.net.triage import Muted

Reason = Literal["closed", "idle", "evicted", "end"]
"""Why a connection is told for the last time: it ended, nothing came for too long, room was needed, or we stop."""

Group = Literal["closed", "unanswered", "answered", "encrypted", "talking"]
GROUPS: Final[tuple[Group, ...]] = ("closed", "unanswered", "answered", "encrypted", "talking")
"""In the order in which they make room."""
_HANDSHAKES: Final[tuple[Group, ...]] = ("talking", "answered")


class KeptFrame(NamedTuple):
    """A frame of a handshake, as it was captured."""

    number: int
    time: int
    link_type: int
    original: int
    octets: bytes


class Change(NamedTuple):
    """Something to tell about a connection."""

    session: Session
    over: Reason | None
    """None: it goes on."""
    frames: tuple[KeptFrame, ...] = ()
    """The frames of its handshake, when it is over and they were asked for."""
    observed_until: int = 0
    """Until when nothing more was seen of it."""


class Bounds(NamedTuple):
    """What may be held; the rest of `limits` stands as it is."""

    connections: int = limits.LIVE_CONNECTIONS
    held_bytes: int = limits.LIVE_BYTES
    idle_ns: int = limits.LIVE_IDLE_NS
    """How long an encrypted connection may be without any frame."""


class _Watched:
    """What is known of a connection beside its recording."""

    __slots__ = ("cost", "frames", "group", "mark", "stalled", "told")

    def __init__(self) -> None:
        self.group: Group = "unanswered"
        self.cost = limits.CONNECTION_BYTES
        self.frames: list[KeptFrame] | None = None
        self.mark: object = None
        """How far its octets were cut when it was last looked at."""
        self.told: object = None
        """Stage and outcome that were told last."""
        self.stalled = False


class Watch(Analyzer):
    """Feed it blocks, and `tick` it: what it returns is to be told."""

    sets_aside = False
    reads_along = True

    def __init__(
        self, ports: tuple[int, ...], bounds: Bounds | None = None, *, keep_frames: bool = False, tolerant: bool = True
    ) -> None:
        super().__init__(ports, tolerant=tolerant)
        self.bounds = bounds or Bounds()
        self.max_connections = self.bounds.connections
        self.max_ignored = self._teller.max_addresses = limits.LIVE_PASSED_OVER
        self.held_bytes = 0
        """Octets that the connections are reckoned to take, those that are over and wait to be told among them."""
        self._waiting_bytes = 0
        """What those take that wait."""
        self._waiting_room = self.bounds.held_bytes // limits.LIVE_TELL_LATER_SHARE
        self.lost: Counter[str] = Counter()
        """Connections that made room, or were given up, by group; "untold": those of them that were never told."""
        self._keep = keep_frames
        self._watched: dict[Pair, _Watched] = {}
        self._groups: dict[Group, OrderedDict[Pair, None]] = {group: OrderedDict() for group in GROUPS}
        self._moved: dict[Pair, None] = {}
        """Connections with new payload since the last tick."""
        self._over: deque[tuple[Connection, Reason, tuple[KeptFrame, ...], int]] = deque()
        """Connections that wait to be told, with what they take."""
        self._block: FrameBlock | None = None

    # --- frames in -------------------------------------------------------------------------------------------------

    def feed(self, block: FrameBlock) -> None:
        """Take in a block of frames."""
        self._block = block
        super().feed(block)
        self._block = None

    def _segment(self, found: Segment) -> None:
        super()._segment(found)
        pair = _pair(found)
        connection = self._connections.get(pair)
        if connection is None:
            return
        watched = self._watched.get(pair)
        if watched is None:
            watched = self._watch(pair)
        quiet = connection.recorder.quiet
        if not quiet or found.flags & (SYN | FIN | RST):
            cost = limits.SEGMENT_BYTES + len(found.payload)
            watched.cost += cost
            self.held_bytes += cost
            if self._keep:
                self._keep_frame(watched, found.frame)
        if found.flags & (FIN | RST) and connection.closed():
            group: Group = "closed"
        elif watched.group == "closed":
            group = "closed"
        elif quiet or watched.group == "encrypted" or connection.encrypted():
            group = "encrypted"
        elif found.length or watched.group == "talking":
            group = "talking"
        elif watched.group == "answered" or self._is_answered(pair):
            group = "answered"
        else:
            group = "unanswered"
        self._touch(pair, watched, group)
        if found.length and not quiet:
            self._moved[pair] = None
            watched.stalled = False
        if self.held_bytes > self.bounds.held_bytes:
            self._keep_within()

    def _icmp(self, error: IcmpError) -> None:
        super()._icmp(error)
        pair = _pair(error)
        watched = self._watched.get(pair)
        if watched is None:
            return
        if self._keep:
            self._keep_frame(watched, error.frame)
        if watched.group == "unanswered":
            self._touch(pair, watched, "closed")  # nobody goes on after an error that answers the SYN

    def _count(self, muted: Muted) -> None:
        super()._count(muted)
        left, right = muted.pair
        pair = (left, right) if left < right else (right, left)
        watched = self._watched.get(pair)
        if watched is not None:
            self._touch(pair, watched, "closed" if watched.group == "closed" else "encrypted")

    def _touch(self, pair: Pair, watched: _Watched, group: Group) -> None:
        if group == watched.group:
            self._groups[group].move_to_end(pair)
            return
        del self._groups[watched.group][pair]
        watched.group = group
        self._groups[group][pair] = None
        if group == "encrypted" and watched.frames is not None:
            self._forget_frames(watched)  # an encrypted connection is no failed handshake

    def _keep_frame(self, watched: _Watched, number: int) -> None:
        block = self._block
        if block is None or watched.group == "encrypted":
            return
        if watched.frames is None:
            watched.frames = []
        if len(watched.frames) >= limits.KEPT_FRAMES:
            return
        row = number - int(block.number[0])  # frames of one source are numbered one after another
        octets = bytes(block.frame(row))
        watched.frames.append(
            KeptFrame(number, int(block.time[row]), int(block.link_type[row]), int(block.original[row]), octets)
        )
        watched.cost += len(octets) + limits.SEGMENT_BYTES
        self.held_bytes += len(octets) + limits.SEGMENT_BYTES

    def _forget_frames(self, watched: _Watched) -> None:
        size = sum(len(kept.octets) + limits.SEGMENT_BYTES for kept in watched.frames or ())
        watched.cost -= size
        self.held_bytes -= size
        watched.frames = []

    # --- who comes and who goes ------------------------------------------------------------------------------------

    def _watch(self, pair: Pair) -> _Watched:
        watched = self._watched[pair] = _Watched()
        self._groups["unanswered"][pair] = None
        self.held_bytes += watched.cost
        return watched

    def _let_go(self, pair: Pair) -> Connection:
        connection = super()._let_go(pair)
        watched = self._watched.pop(pair, None)
        self._moved.pop(pair, None)
        if watched is not None:
            del self._groups[watched.group][pair]
            self.held_bytes -= watched.cost
        return connection

    def _end(self, pair: Pair, connection: Connection) -> None:
        """The endpoints are used anew."""
        self._finish(pair, "closed")

    def _finish(self, pair: Pair, reason: Reason) -> None:
        """No more frames are wanted of this connection: it is to be told, if there is room for that."""
        watched = self._watched.get(pair)
        frames = tuple(watched.frames or ()) if watched else ()
        cost = watched.cost if watched else 0
        connection = self._let_go(pair)
        if self._triage is not None:
            self._triage.unmute(connection.recorder.endpoints)
        if connection.candidate:
            self._candidates -= 1
        elif self._over and (
            len(self._over) >= limits.LIVE_TELL_LATER or self._waiting_bytes + cost > self._waiting_room
        ):
            self.lost["untold"] += 1
        else:
            self.held_bytes += cost
            self._waiting_bytes += cost
            self._over.append((connection, reason, frames, cost))

    def _give_up(self, pair: Pair, reason: Reason) -> None:
        """Let go of a connection that may still be open. What comes of it later is passed over."""
        watched = self._watched[pair]
        group, candidate = watched.group, self._connections[pair].candidate
        self.lost[group] += 1
        if group == "unanswered" and reason == "evicted" and not candidate:
            # One of a flood: there is nothing to tell but their number.
            self._let_go(pair)
            self.lost["untold"] += 1
            return
        self._finish(pair, reason)
        if group != "unanswered":
            self._pass_over(pair)

    def _is_answered(self, pair: Pair) -> bool:
        return all(side.frames for side in self._connections[pair].recorder.directions)

    def _evict(self) -> None:
        self._make_room()

    def _forget_candidates(self) -> None:
        self._make_room()

    def _keep_within(self) -> None:
        """Hold no more octets than is allowed. What waits to be told cannot be hurried, and it is not to push out
        connections that go on: so SYNs without answer make room for it, of which nothing is told but their number."""
        if self.held_bytes - self._waiting_bytes > self.bounds.held_bytes:
            self._make_room()
        unanswered = self._groups["unanswered"]
        while unanswered and self.held_bytes > self.bounds.held_bytes:
            self._give_up(next(iter(unanswered)), "evicted")

    def _make_room(self) -> None:
        """Let go of one connection, and of as many more as the octets held demand."""
        while True:
            for group in GROUPS:
                if self._groups[group]:
                    pair = next(iter(self._groups[group]))
                    if group == "closed":
                        self._finish(pair, "closed")
                    else:
                        self._give_up(pair, "evicted")
                    break
            else:
                return
            if self.held_bytes - self._waiting_bytes <= self.bounds.held_bytes:
                return

    # --- results out -----------------------------------------------------------------------------------------------

    def tick(self, now: int) -> Iterator[Change]:
        """What is to be told at this time (nanoseconds since 1970, by the clock of the frames): call it often.

        Who stops taking gets the rest the next time.
        """
        self._observed_until = max(self._observed_until, now)
        self._expire()
        yield from self._updates()
        yield from self._handed_over(limits.LIVE_TOLD_AT_ONCE)

    def _handed_over(self, at_most: int) -> Iterator[Change]:
        # One by one: whoever takes them may stop in between.
        while self._over and at_most > 0:
            connection, reason, frames, cost = self._over.popleft()
            self.held_bytes -= cost
            self._waiting_bytes -= cost
            at_most -= 1
            self._teller.get_to_know((connection,))
            session = self._session(connection)
            if session is not None:
                yield Change(session, reason, frames, self._observed_until)

    def remaining(self, now: int = 0) -> Iterator[Change]:
        """Everything that is left, when no more frames come; `now` as for `tick`."""
        self._observed_until = max(self._observed_until, now)
        yield from self._handed_over(len(self._over))
        unanswered = 0
        for group in reversed(GROUPS):
            for pair in list(self._groups[group]):
                connection = self._connections[pair]
                if group == "unanswered":
                    unanswered += 1
                    self._expire_unanswered(pair, "end", tell=unanswered <= limits.LIVE_TELL_LATER // 8)
                else:
                    self._finish(pair, "closed" if connection.closed() else "end")
                yield from self._handed_over(len(self._over))

    def open_sessions(self, at_most: int) -> list[Session]:
        """The unfinished handshakes with the latest frames, for a view."""
        pairs = list(islice(reversed(self._groups["talking"]), at_most))
        found = (self._session(self._connections[pair]) for pair in pairs if not self._connections[pair].candidate)
        return [session for session in found if session is not None]

    def held(self) -> dict[Group, int]:
        """Connections in each group."""
        return {group: len(pairs) for group, pairs in self._groups.items()}

    def _expire(self) -> None:
        patience: dict[Group, int] = {
            "closed": limits.LINGER_NS,
            "unanswered": limits.LIVE_UNANSWERED_NS,
            "answered": limits.LIVE_HANDSHAKE_NS,
            "talking": limits.LIVE_HANDSHAKE_NS,
            "encrypted": self.bounds.idle_ns,
        }
        room = limits.LIVE_TOLD_AT_ONCE
        unanswered = 0
        for group in GROUPS:
            pairs = self._groups[group]
            while pairs and len(self._over) < room:
                pair = next(iter(pairs))
                connection = self._connections[pair]
                if connection.recorder.last_time + patience[group] > self._observed_until:
                    break
                if group == "closed":
                    self._handed_out[pair] = None
                    self._finish(pair, "closed")
                elif group == "unanswered":
                    unanswered += 1
                    self._expire_unanswered(pair, "idle", tell=unanswered <= limits.LIVE_UNANSWERED_TOLD)
                else:
                    self._give_up(pair, "idle")
        while len(self._handed_out) > self.max_ignored:
            del self._handed_out[next(iter(self._handed_out))]

    def _expire_unanswered(self, pair: Pair, reason: Reason, *, tell: bool) -> None:
        """A SYN without answer is told, unless there are so many that they are a flood."""
        if tell or self._connections[pair].candidate:
            self._finish(pair, reason)
            return
        self._let_go(pair)
        self.lost["unanswered"] += 1
        self.lost["untold"] += 1

    def _updates(self) -> Iterator[Change]:
        """Connections whose stage or outcome is another one than was told."""
        room = limits.LIVE_TOLD_AT_ONCE
        for pair in list(islice(self._moved, room)):
            del self._moved[pair]
            connection, watched = self._connections[pair], self._watched[pair]
            mark = connection.mark()
            if connection.candidate or mark == watched.mark or watched.group == "closed":
                continue
            watched.mark = mark
            yield from self._told(connection, watched)
            room -= _effort(watched)
            if room <= 0:
                break
        for group in _HANDSHAKES:
            for pair in islice(self._groups[group], limits.LIVE_CONNECTIONS):
                connection, watched = self._connections[pair], self._watched[pair]
                if connection.recorder.last_time + limits.LIVE_STALLED_NS > self._observed_until or room <= 0:
                    break
                if watched.stalled or connection.candidate:
                    continue
                watched.stalled = True
                yield from self._told(connection, watched)
                room -= _effort(watched)

    def _told(self, connection: Connection, watched: _Watched) -> Iterator[Change]:
        session = self._session(connection)
        if session is not None and watched.told != (session.stage, session.outcome):
            watched.told = (session.stage, session.outcome)
            yield Change(session, None)


def _effort(watched: _Watched) -> int:
    """How many ordinary connections it costs to look at this one: a hostile one may have recorded a hundred times as
    much."""
    return 1 + watched.cost // limits.ORDINARY_BYTES


def _pair(found: Segment | IcmpError) -> Pair:
    left, right = found.source, found.destination
    return (left, right) if left < right else (right, left)
