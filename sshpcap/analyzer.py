"""The analyzer: frames in, report out. Owns the connections; knows no files and no clock.

    analyzer = Analyzer()
    for block in source.blocks():
        analyzer.feed(block)
    report = analyzer.finish((source.describe(),))

A connection on another port is a candidate until its first octets tell whether it speaks SSH: recorded, or ignored.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec

from sshpcap import limits, rules
from sshpcap.connection import Connection, foreign
from sshpcap.frames import ACK, SYN, FrameBlock, IcmpError, Int64s, Run, Segment
from sshpcap.intake import Intake, touched
from sshpcap.model import SCHEMA_VERSION, Capture, Notice, Report, Session
from sshpcap.net.columns import Columns
from sshpcap.net.rare import Rare
from sshpcap.net.runs import Runs
from sshpcap.net.strangers import MOST, Pair, Strangers, pair_of
from sshpcap.net.triage import Muted
from sshpcap.overall import cut_notices, fragment_notices, limit_notices, link_notices, neighbour_notices
from sshpcap.ssh.known_hosts import KnownHosts
from sshpcap.teller import Teller
from sshpcap.version import VERSION

SSH_PORT: Final = 22


class Analyzer(Intake):
    """Collects the connections of one capture, or of a live one."""

    def __init__(
        self,
        ports: Iterable[int] = (SSH_PORT,),
        *,
        triage: bool = True,
        tolerant: bool = False,
        known_hosts: KnownHosts | None = None,
        jobs: int = 1,
    ) -> None:
        """`ports`: where every connection is reported, SSH or not. `triage` False looks at every frame (for tests).

        `known_hosts`: the user's files of host keys, against which the servers' keys are held.

        `tolerant`: an error of ours in one connection becomes a notice, and the others are still reported.

        `jobs`: processes that may tell the connections; the report is the same for any number.
        """
        super().__init__(ports, Strangers(foreign, self._is_new), triage=triage)
        self.max_connections = self.max_ignored = limits.MAX_CONNECTIONS
        """Connections held, and endpoints remembered that are passed over."""
        self.other_ports: Counter[int] = Counter()
        """Connections that are not SSH, by the port of the side that was asked."""
        self._connections: dict[Pair, Connection] = {}
        self._ignored: dict[Pair, None] = {}
        self._ended: list[Connection] = []
        self._evicted = self._forgotten_candidates = self._candidates = 0
        self._held = 0
        """Memory of all recordings, about."""
        self._unrecorded = 0
        self._handed_out: dict[Pair, None] = {}
        """Endpoints of what `take_ended` gave away: what still comes of them is no new connection."""
        self._teller = Teller(self.ports, known_hosts, self._rare.cut_errors, tolerant=tolerant)
        self._jobs = jobs
        self._unanswered = 0
        self._first_unanswered: int | None = None

    # --- what is recorded ---------------------------------------------------------------------------------------------

    def _has_room(self, rows: int) -> bool:
        """No limit can be reached with so many rows, so that it does not matter when candidates are recorded."""
        most = self._held + 2 * rows * limits.CONNECTION_BYTES
        return self._candidates + rows + MOST < limits.MAX_CANDIDATES and most < limits.RECORDED_BYTES

    def _is_new(self, pair: Pair) -> bool:
        return not (pair in self._connections or pair in self._ignored or pair in self._handed_out)

    def _runs(self, block: FrameBlock, columns: Columns, places: Int64s, sums: list[int]) -> Runs | None:
        """What of these rows can be recorded together. None where a limit could be reached among them, or where every
        payload is read as it comes: then the order among the connections matters."""
        most = len(places) * (limits.CONNECTION_BYTES + limits.SEGMENT_BYTES) + len(block.buffer)
        full = len(self._connections) + len(places) > self.max_connections
        if self.reads_along or full or self._held + most > limits.RECORDED_BYTES:
            return None
        return Runs(block, columns, places, sums, self.ports)

    def _run(self, first: Segment, run: Run, rare: Rare, gone: bytearray) -> bool:
        """Record a run of a known connection at once, and mark its rows as done."""
        pair = pair_of(first.source, first.destination)
        connection = self._connections.get(pair)
        if connection is None or connection.candidate or (rare and not {pair, pair[::-1]}.isdisjoint(touched(rare))):
            return False
        if not connection.recorder.add_run(first, run):
            return False
        self._hold(connection, limits.SEGMENT_BYTES * len(run.row) + sum(run.length))
        for row in run.row:
            gone[row] = 1
        return True

    def _segment(self, found: Segment) -> None:
        pair = pair_of(found.source, found.destination)
        connection = self._connections.get(pair)
        if connection is None:
            if not self._may_open(pair, found):
                return
            connection = self._open(pair, found)
        elif found.flags & SYN and connection.recorder.begins_anew(found):
            connection.recorder.superseded_by = found.frame
            self._end(pair, connection)
            if not self._may_open(pair, found):
                return
            connection = self._open(pair, found)
        recorder = connection.recorder
        if not recorder.quiet:
            self._hold(connection, limits.SEGMENT_BYTES + len(found.payload))
        recorder.add(found)
        if found.length and not recorder.quiet and (connection.candidate or connection.may_settle or self.reads_along):
            self._listen(pair, connection, recorder.direction_of(found))

    def _may_open(self, pair: Pair, found: Segment) -> bool:
        """Whether it is the first segment of a connection: what was set aside begins anew with a SYN only."""
        anew = found.flags & (SYN | ACK) == SYN
        if pair in self._handed_out:
            if not anew:
                return False
            del self._handed_out[pair]
        if pair in self._ignored:
            if not anew:
                return False
            self._forget_ignored(pair)
        if self._held >= limits.RECORDED_BYTES:
            # There is no memory to record it.
            self._unrecorded += 1
            self._pass_over(pair)
            return False
        return True

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
        if not connection.may_settle and not self.reads_along:
            return
        connection.read_along(1 - direction)
        connection.read_along(direction)
        if connection.settled():
            connection.recorder.quiet = True
            if self._triage is not None:
                self._triage.mute(connection.recorder.endpoints, quiet=True)

    def _icmp(self, error: IcmpError) -> None:
        if (connection := self._connections.get(pair_of(error.source, error.destination))) is not None:
            connection.recorder.add_icmp(error)

    def _count(self, muted: Muted) -> None:
        if (connection := self._connections.get(pair_of(*muted.pair))) is not None:
            connection.count(muted)

    def _hold(self, connection: Connection, octets: int) -> None:
        """Count what a segment takes; beyond the limit the connection is only counted."""
        connection.held += octets
        self._held += octets
        if self._held > limits.RECORDED_BYTES:
            connection.give_up()

    # --- connections -----------------------------------------------------------------------------------------------

    def _open(self, pair: Pair, first: Segment) -> Connection:
        candidate = self.ports.isdisjoint((first.source.port, first.destination.port))
        if candidate:
            if self._candidates >= limits.MAX_CANDIDATES:
                self._forget_candidates()
            self._candidates += 1
        elif len(self._connections) - self._candidates >= self.max_connections:
            self._evict()
        connection = self._connections[pair] = Connection(first, candidate=candidate)
        if self._triage is not None and self.sets_aside:
            self._openings.opened(pair)
        self._held += connection.held
        if not candidate:
            self._number(connection)
        return connection

    def _reopen(self, index: int, first: Segment) -> None:
        """A SYN that was set aside is a connection like any other."""
        pair = pair_of(first.source, first.destination)
        connection = self._connections[pair] = Connection(first, candidate=False)
        self._held += connection.held
        self._openings.opened(pair)
        connection.index = index
        connection.recorder.add(first)

    def _number(self, connection: Connection) -> None:
        self._last_index += 1
        connection.index = self._last_index

    def _let_go(self, pair: Pair) -> Connection:
        """Take a connection out of those that are watched, and its recording out of what is held."""
        self._held -= self._connections[pair].held
        return self._connections.pop(pair)

    def _end(self, pair: Pair, connection: Connection) -> None:
        """The endpoints are used anew, or room is needed: no more frames will come for this recording."""
        self._let_go(pair)
        if self._triage is not None:
            self._triage.unmute(connection.recorder.endpoints)
        if connection.candidate:
            self._candidates -= 1
        else:
            self._held += connection.held
            self._ended.append(connection)

    def _ignore(self, pair: Pair) -> None:
        self._let_go(pair)
        self._is_foreign(pair)

    def _is_foreign(self, pair: Pair) -> None:
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

    def sessions(self, *, release: bool = False) -> tuple[Session, ...]:
        """Every connection that speaks SSH, or should, and was not taken before, by its number; see `finish`."""
        self._recall(self._strangers.take_all())
        last = self._last_told([*self._ended, *self._connections.values()])
        held = [*self._ended, *(c for c in self._connections.values() if not c.candidate)]
        held = [c for c in held if c.index <= last or not c.recorder.unanswered]
        if release:
            self._ended, self._connections = [], {}
        return self._interpreted(held)

    def _last_told(self, every: list[Connection]) -> int:
        """The number up to which SYNs that nobody answered are told, `limits.MAX_UNANSWERED` of them; counts the
        rest."""
        lone = {c.index: c.recorder.first_frame for c in every if not c.candidate and c.recorder.unanswered}
        last = self._openings.last_told(list(lone), self._last_index)
        for index, segment in self._openings.take_first(last):
            self._reopen(index, segment)
        frames = [frame for index, frame in lone.items() if index > last]
        self._unanswered = len(frames)
        frames += [frame for frame in (self._openings.first_frame(), self._openings.first_forgotten) if frame]
        self._first_unanswered = min(frames, default=None)
        return last

    def take_ended(self, *, idle: bool = False) -> tuple[Session, ...]:
        """The sessions of connections that are over, each once: later results do not have them.

        A connection is over when it is closed and nothing came for `limits.LINGER_NS`, or (`idle`) when it is closed
        and nothing at all is coming; or when its endpoints are used anew.
        """
        over, self._ended = self._ended, []
        self._held -= sum(connection.held for connection in over)
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
        connections.sort(key=lambda connection: -connection.index)
        self._teller.get_to_know(connections)
        told: Iterable[Session | None]
        if self._jobs > 1:
            from sshpcap.jobs.telling import tell

            told = tell(self._teller, connections, self._observed_until, self._jobs)
        else:
            told = (self._session(connections.pop()) for _ in range(len(connections)))
        return tuple(session for session in told if session is not None)

    def _session(self, connection: Connection) -> Session | None:
        return self._teller.tell(connection, self._observed_until)

    def finish(self, captures: tuple[Capture, ...] = (), *, release: bool = False) -> Report:
        """The report on everything that was fed.

        `release`: nothing will be fed or asked any more, so that every recording can go as soon as it is interpreted.
        """
        self._recall(self._strangers.take_all())
        ended = [capture.last_time.ns for capture in captures if capture.last_time is not None]
        self._observed_until = max([self._observed_until, *ended])
        protocols = {name: count for name, count in sorted(self.protocols.items()) if count}
        if captures:
            duplicates = sum(c.recorder.duplicates for c in (*self._ended, *self._connections.values()))
            last = msgspec.structs.replace(
                captures[-1], protocols=protocols, other_ports=self._other_ports(), duplicates=duplicates
            )
            captures = (*captures[:-1], last)
        known = {endpoint.address for pair in (*self._connections, *self._ignored) for endpoint in pair}
        sessions = self.sessions(release=release)
        if not self._handed_out:
            sessions = rules.judge_together(sessions)
        return Report(
            schema_version=SCHEMA_VERSION,
            sshpcap_version=VERSION,
            captures=captures,
            sessions=sessions,
            notices=(*self._notices(known), *self._teller.errors),
        )

    def _other_ports(self) -> dict[str, int]:
        undecided = [(c.recorder.first_frame, pair) for pair, c in self._connections.items() if c.candidate]
        ports = self.other_ports + Counter(min(one.port for one in pair) for _, pair in sorted(undecided))
        return {str(port): count for port, count in ports.most_common(limits.SHOWN_PORTS)}

    def _notices(self, known: set[bytes]) -> Iterable[Notice]:
        yield from link_notices(self._rare.unknown_links)
        if self._rare.decoder is not None:
            yield from fragment_notices(self._rare.decoder)
            yield from cut_notices(self._rare.decoder)
        yield from neighbour_notices(self._neighbours, known)
        yield from limit_notices(
            most=self.max_connections,
            evicted=self._evicted,
            unanswered=self._unanswered + len(self._openings) + self._openings.forgotten,
            first_unanswered=self._first_unanswered,
            unrecorded=self._unrecorded,
            forgotten=self._forgotten_candidates,
        )
