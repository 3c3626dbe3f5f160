"""The analyzer: frames in, report out. Owns the connections; knows no files and no clock.

    analyzer = Analyzer()
    for block in source.blocks():
        analyzer.feed(block)
    report = analyzer.finish((source.describe(),))

A connection on another port is a candidate until its first octets tell whether it speaks SSH; then it is recorded, or
ignored. What is recorded becomes quiet when nothing in its payload can matter any more.
"""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from sshpcap import limits, rules
from sshpcap.connection import Connection
from sshpcap.frames import ACK, SYN, Endpoint, FrameBlock, IcmpError, Int64s, Segment
from sshpcap.interpret import interpret
from sshpcap.model import SCHEMA_VERSION, Capture, Notice, Report, Session
from sshpcap.net.columns import Shapes, read_columns, segment
from sshpcap.net.link import LINK_TYPES, link_name
from sshpcap.net.triage import Muted, Triage
from sshpcap.tcp.recorder import Skim
from sshpcap.tcp.sequence import unwrap
from sshpcap.version import VERSION

if TYPE_CHECKING:
    from sshpcap.net.decode import Decoder

SSH_PORT: Final = 22

Pair = tuple[Endpoint, Endpoint]


class Analyzer:
    """Collects the connections of one capture, or of a live one."""

    def __init__(self, ports: Iterable[int] = (SSH_PORT,), *, triage: bool = True, tolerant: bool = False) -> None:
        """`ports`: where every connection is reported, SSH or not. `triage` False looks at every frame (for tests).

        `tolerant`: an error of ours in one connection becomes a notice, and the others are still reported.
        """
        self.ports = frozenset(ports)
        self.max_connections = self.max_ignored = limits.MAX_CONNECTIONS
        """Connections held, and endpoints remembered that are passed over."""
        self.protocols: Counter[str] = Counter()
        self.other_ports: Counter[int] = Counter()
        """Connections that are not SSH, by the port of the side that was asked."""
        self._triage = Triage() if triage else None
        self._connections: dict[Pair, Connection] = {}
        self._ignored: dict[Pair, None] = {}
        self._ended: list[Connection] = []
        self._decoder: Decoder | None = None
        self._first_unknown_link: dict[int, tuple[int, int]] = {}
        self._tolerant = tolerant
        self._errors: list[Notice] = []
        self._evicted = 0
        self._forgotten_candidates = 0
        self._candidates = 0
        self._last_index = 0
        self._handed_out: dict[Pair, None] = {}
        """Endpoints of what `take_ended` has given away: what still trickles in of them is no new connection."""
        self._observed_until = 0

    # --- frames in -------------------------------------------------------------------------------------------------

    def feed(self, block: FrameBlock) -> None:
        """Take in a block of frames."""
        if not len(block.number):
            return
        self._observed_until = max(self._observed_until, int(block.time.max()))
        shapes = read_columns(block)
        self.protocols.update(shapes.protocols)
        self.protocols["tcp"] += len(shapes.columns.row)
        places = np.arange(len(shapes.columns.row), dtype=np.int64)
        rare = [(row, found) for row in shapes.rest.tolist() if (found := self._rare(block, row)) is not None]
        if self._triage is not None:
            touched = {(found.source, found.destination) for _, found in rare}
            places, sums = self._triage.sift(block, shapes.columns, touched)
            for muted in sums:
                self._count(muted)
        self._walk(block, shapes, places, rare)

    def _walk(
        self, block: FrameBlock, shapes: Shapes, places: Int64s, rare: list[tuple[int, Segment | IcmpError]]
    ) -> None:
        """Hand on common and rare frames in the order of the capture."""
        rows = shapes.columns.row[places].tolist()
        waiting = 0
        for place, row in zip(places.tolist(), rows, strict=True):
            while waiting < len(rare) and rare[waiting][0] < row:
                self._take(rare[waiting][1])
                waiting += 1
            self._segment(segment(block, shapes.columns, place))
        for _, found in rare[waiting:]:
            self._take(found)

    def _take(self, found: Segment | IcmpError) -> None:
        if isinstance(found, Segment):
            self._segment(found)
        else:
            self._icmp(found)

    def _rare(self, block: FrameBlock, row: int) -> Segment | IcmpError | None:
        """What a frame of rare shape carries."""
        # dpkt is only loaded for captures that need it.
        if self._decoder is None:
            from sshpcap.net.decode import Decoder

            self._decoder = Decoder()
        link_type = int(block.link_type[row])
        number = int(block.number[row])
        if link_type not in LINK_TYPES:
            first, count = self._first_unknown_link.get(link_type, (number, 0))
            self._first_unknown_link[link_type] = (first, count + 1)
        time, original = int(block.time[row]), int(block.original[row])
        protocol, found = self._decoder.decode(number, time, block.frame(row), link_type, original)
        self.protocols[protocol] += 1
        return found

    def _segment(self, found: Segment) -> None:
        pair = _pair(found.source, found.destination)
        anew = found.flags & (SYN | ACK) == SYN
        if pair in self._handed_out:
            if not anew:
                return
            del self._handed_out[pair]
        if pair in self._ignored:
            if not anew:
                return
            self._forget_ignored(pair)
        connection = self._connections.get(pair)
        if connection is not None and connection.recorder.begins_anew(found):
            connection.recorder.superseded_by = found.frame
            self._end(pair, connection)
            connection = None
        if connection is None:
            connection = self._open(pair, found)
        recorder = connection.recorder
        recorder.add(found)
        if found.length and not recorder.quiet:
            self._listen(pair, connection, recorder.direction_of(found))

    def _listen(self, pair: Pair, connection: Connection, direction: int) -> None:
        """New payload: decide what the connection is, and whether it still matters."""
        if connection.candidate:
            verdict = connection.speaks_ssh()
            if verdict is None:
                return
            connection.candidate = False
            self._candidates -= 1
            if not verdict:
                self._ignore(pair)
                return
            self._number(connection)
            connection.read_along(1 - direction)
        connection.read_along(direction)
        if connection.settled():
            connection.recorder.quiet = True
            if self._triage is not None:
                self._triage.mute(connection.recorder.endpoints, quiet=True)

    def _icmp(self, error: IcmpError) -> None:
        connection = self._connections.get(_pair(error.source, error.destination))
        if connection is not None:
            connection.recorder.add_icmp(error)

    def _count(self, muted: Muted) -> None:
        connection = self._connections.get(_pair(*muted.pair))
        if connection is None:
            return
        side = connection.recorder.directions[muted.direction]
        connection.recorder.skim(
            muted.direction,
            Skim(
                frames=muted.frames,
                data_bytes=muted.data_bytes,
                last_frame=muted.last_frame,
                last_time=muted.last_time,
                last_data_frame=muted.last_data_frame,
                last_data_time=muted.last_data_time,
                sent=unwrap(muted.end, side.origin or 0, side.sent),
                ack=muted.ack,
                window=muted.window,
            ),
        )

    # --- connections -----------------------------------------------------------------------------------------------

    def _open(self, pair: Pair, first: Segment) -> Connection:
        candidate = first.source.port not in self.ports and first.destination.port not in self.ports
        if candidate:
            if self._candidates >= limits.MAX_CANDIDATES:
                self._forget_candidates()
            self._candidates += 1
        elif len(self._connections) - self._candidates >= self.max_connections:
            self._evict()
        connection = self._connections[pair] = Connection(first, candidate=candidate)
        if not candidate:
            self._number(connection)
        return connection

    def _number(self, connection: Connection) -> None:
        self._last_index += 1
        connection.index = self._last_index

    def _let_go(self, pair: Pair) -> Connection:
        """Take a connection out of those that are watched."""
        return self._connections.pop(pair)

    def _end(self, pair: Pair, connection: Connection) -> None:
        """The endpoints are used anew, or room is needed: no more frames will come for this recording."""
        self._let_go(pair)
        if self._triage is not None:
            self._triage.unmute(connection.recorder.endpoints)
        if connection.candidate:
            self._candidates -= 1
        else:
            self._ended.append(connection)

    def _ignore(self, pair: Pair) -> None:
        self._let_go(pair)
        self.other_ports[min(endpoint.port for endpoint in pair)] += 1
        self._pass_over(pair)

    def _pass_over(self, pair: Pair) -> None:
        """Look no more at frames of these endpoints, until a SYN makes them another connection."""
        if len(self._ignored) >= self.max_ignored:
            self._forget_ignored(next(iter(self._ignored)))
        self._ignored[pair] = None
        if self._triage is not None:
            self._triage.mute(pair, quiet=False)

    def _forget_ignored(self, pair: Pair) -> None:
        self._ignored.pop(pair, None)
        if self._triage is not None:
            self._triage.unmute(pair)

    def _forget_candidates(self) -> None:
        """Drop the half of the undecided connections that was quiet the longest."""
        undecided = [(c.recorder.last_frame, pair) for pair, c in self._connections.items() if c.candidate]
        undecided.sort()
        for _, pair in undecided[: len(undecided) // 2 + 1]:
            self._let_go(pair)
            self._candidates -= 1
            self._forgotten_candidates += 1

    def _evict(self) -> None:
        """End the sixteenth of the connections that was quiet the longest."""
        held = [(c.recorder.last_frame, pair) for pair, c in self._connections.items() if not c.candidate]
        held.sort()
        for _, pair in held[: len(held) // 16 + 1]:
            self._end(pair, self._connections[pair])
            self._evicted += 1

    # --- results out -----------------------------------------------------------------------------------------------

    def sessions(self) -> tuple[Session, ...]:
        """Every connection that speaks SSH, or should, and was not taken before, by its number."""
        return self._interpreted([*self._ended, *(c for c in self._connections.values() if not c.candidate)])

    def take_ended(self, *, idle: bool = False) -> tuple[Session, ...]:
        """The sessions of connections that are over, each once: later results do not have them.

        A connection is over when it is closed and nothing came for `limits.LINGER_NS`, or (`idle`) when it is closed
        and nothing at all is coming; or when its endpoints are used anew.
        """
        over = self._ended
        self._ended = []
        latest = self._observed_until if idle else self._observed_until - limits.LINGER_NS
        for pair, connection in list(self._connections.items()):
            if not connection.candidate and connection.closed() and connection.recorder.last_time <= latest:
                self._let_go(pair)
                if self._triage is not None:
                    self._triage.unmute(connection.recorder.endpoints)
                self._handed_out[pair] = None
                over.append(connection)
        while len(self._handed_out) > limits.MAX_CANDIDATES:
            del self._handed_out[next(iter(self._handed_out))]
        return self._interpreted(over)

    def _interpreted(self, connections: list[Connection]) -> tuple[Session, ...]:
        connections.sort(key=lambda connection: connection.index)
        sessions = (self._session(connection) for connection in connections)
        return tuple(session for session in sessions if session is not None)

    def _session(self, connection: Connection) -> Session | None:
        try:
            session = interpret(
                connection.recorder, index=connection.index, ports=self.ports, observed_until=self._observed_until
            )
            return rules.judge(session)
        except Exception as error:
            if not self._tolerant:
                raise
            frame = connection.recorder.first_frame
            text = f"internal error in the connection that begins with frame {frame}: {error!r}"
            if len(self._errors) < limits.MAX_NOTICES:
                self._errors.append(Notice(code="internal-error", text=text, frame=frame))
            return None

    def finish(self, captures: tuple[Capture, ...] = ()) -> Report:
        """The report on everything that was fed."""
        protocols = {name: count for name, count in sorted(self.protocols.items()) if count}
        if captures:
            duplicates = sum(c.recorder.duplicates for c in (*self._ended, *self._connections.values()))
            last = msgspec.structs.replace(
                captures[-1], protocols=protocols, other_ports=self._other_ports(), duplicates=duplicates
            )
            captures = (*captures[:-1], last)
        sessions = self.sessions()
        return Report(
            schema_version=SCHEMA_VERSION,
            sshpcap_version=VERSION,
            captures=captures,
            sessions=sessions,
            notices=(*self._notices(), *self._errors),
        )

    def _other_ports(self) -> dict[str, int]:
        ports = self.other_ports + Counter(
            min(endpoint.port for endpoint in pair) for pair, c in self._connections.items() if c.candidate
        )
        return {str(port): count for port, count in ports.most_common(limits.SHOWN_PORTS)}

    def _notices(self) -> Iterable[Notice]:
        for link_type, (first, count) in sorted(self._first_unknown_link.items()):
            yield Notice(
                code="unknown-link-type",
                frame=first,
                count=count,
                text=f"frames of {link_name(link_type)} cannot be read; connections in them are not shown",
            )
        fragments = self._decoder.fragments if self._decoder else None
        if fragments is not None and fragments.incomplete:
            yield Notice(
                code="ip-fragments",
                count=fragments.incomplete,
                text="a fragmented IP packet did not become whole; what it carried counts as missing",
            )
        if fragments is not None and fragments.overlaps:
            yield Notice(code="overlapping-fragments", count=fragments.overlaps, text="IP fragments overlap")
        if self._evicted:
            yield Notice(
                code="connections-evicted",
                count=self._evicted,
                text=(
                    f"more than {self.max_connections:,} connections at once: the ones quiet for longest were "
                    "ended early"
                ),
            )
        if self._forgotten_candidates:
            yield Notice(
                code="candidates-forgotten",
                count=self._forgotten_candidates,
                text=(
                    f"more than {limits.MAX_CANDIDATES:,} connections on other ports were open without a first "
                    "octet; the ones quiet for longest are not watched for SSH"
                ),
            )


def _pair(left: Endpoint, right: Endpoint) -> Pair:
    return (left, right) if left < right else (right, left)
