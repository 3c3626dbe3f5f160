"""Recordings become judged sessions, and what one connection tells of the next is remembered.

Must not know: frames, blocks, which connections are still watched.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from sshpcap import limits, rules
from sshpcap.connection import Connection
from sshpcap.interpret import interpret
from sshpcap.model import Notice, Session
from sshpcap.overall import INTERNAL_ERROR
from sshpcap.ssh.groups import Group, Groups
from sshpcap.ssh.known_hosts import KnownHosts, ShownKeys
from sshpcap.tcp.attribution import Elsewhere


class Told(NamedTuple):
    """What another process says of a connection, from what it knows of the ones before."""

    session: Session | None
    """None after an error."""
    groups: dict[int, Group]
    """What it said of the moduli in it."""


class Teller:
    """Interprets and judges connection after connection."""

    def __init__(
        self,
        ports: frozenset[int],
        known_hosts: KnownHosts | None,
        cut_errors: Mapping[tuple[bytes, bytes], int],
        *,
        tolerant: bool,
    ) -> None:
        """`cut_errors`: see `Elsewhere`; they are added to while the capture is read."""
        self.errors: list[Notice] = []
        """Errors of ours, where they are tolerated: one connection is then not told."""
        self._ports = ports
        self._known_hosts = known_hosts
        self._shown_keys = ShownKeys()
        self._groups = Groups()
        self._tolerant = tolerant
        self._ttls: dict[bytes, set[int]] = {}
        """TTLs of addresses in connections that were opened: what a lone RST is held against."""
        self._cut_errors = cut_errors
        self.max_addresses = limits.MAX_ADDRESSES

    def get_to_know(self, connections: Iterable[Connection]) -> None:
        """Remember the TTLs of connections in which both sides spoke, before any of them is told."""
        for connection in connections:
            recorder = connection.recorder
            if not all(side.frames for side in recorder.directions):
                continue
            for endpoint, side in zip(recorder.endpoints, recorder.directions, strict=True):
                known = self._ttls.pop(endpoint.address, None) or set()
                if len(known) < limits.MAX_TTLS:
                    known |= side.ttls | side.copied_ttls
                self._ttls[endpoint.address] = known  # now the last
        while len(self._ttls) > self.max_addresses:
            del self._ttls[next(iter(self._ttls))]

    def tell(self, connection: Connection, observed_until: int) -> Session | None:
        """The session with its findings; None after an error of ours that is tolerated."""
        return self._tolerated(connection, lambda: self._judged(connection, observed_until))

    def tell_elsewhere(self, connection: Connection, observed_until: int) -> Told:
        """The same for another process, which settles what only it can know."""
        self._groups.said = said = dict[int, Group]()
        try:
            return Told(self._judged(connection, observed_until), said)
        except Exception:
            return Told(None, {})  # told once more where it is settled, so that the error is met there

    def settle(self, connection: Connection, told: Told, observed_until: int) -> Session | None:
        """What `tell` would say, given what another process said; in the order of the connections."""
        session = told.session
        if session is None or not self._groups.agree(told.groups):
            return self.tell(connection, observed_until)
        key = session.host_key
        if key is None or (before := self._shown_keys.before(session)) == key.shown_before:
            return session
        # Nothing else of a session depends on the ones before it, and rules look at neither findings nor verdict.
        session = msgspec.structs.replace(session, host_key=msgspec.structs.replace(key, shown_before=before))
        return self._tolerated(connection, lambda: rules.judge(session))

    def _judged(self, connection: Connection, observed_until: int) -> Session:
        session = interpret(
            connection.recorder,
            index=connection.index,
            ports=self._ports,
            observed_until=observed_until,
            elsewhere=Elsewhere(self._ttls, self._cut_errors),
            groups=self._groups,
        )
        return rules.judge(self._with_known_key(session))

    def _tolerated(self, connection: Connection, make: Callable[[], Session]) -> Session | None:
        try:
            return make()
        except Exception as error:
            if not self._tolerant:
                raise
            frame = connection.recorder.first_frame
            text = f"internal error in the connection that begins with frame {frame}: {error!r}"
            if len(self.errors) < limits.MAX_NOTICES:
                self.errors.append(Notice(code=INTERNAL_ERROR, text=text, frame=frame))
            return None

    def _with_known_key(self, session: Session) -> Session:
        """The session, its host key held against the user's files and against what the address showed before."""
        key, server = session.host_key, session.server
        if key is None:
            return session
        before = self._shown_keys.before(session)
        known = (
            self._known_hosts.verdict(server.address, server.port, key, session.start) if self._known_hosts else None
        )
        key = msgspec.structs.replace(key, known_hosts=known, shown_before=before)
        return msgspec.structs.replace(session, host_key=key)
