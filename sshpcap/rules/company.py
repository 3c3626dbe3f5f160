"""Owns what the other connections to the same server say about one: who got its greeting, and which keys it showed.

A rule sees one session. Some causes differ only in whether they hit every connection or some, and two keys of one
server show only in two connections. `company` sums the sessions of each server up in one pass; a rule may look at it.
"""

from collections.abc import Iterable

from sshpcap.model import Session, ShownKey

Server = tuple[str, int]

_MOST_KEYS = 16
"""Different keys remembered of one server and kind: a server that shows more is told by these, too."""


class Company:
    """All connections to one server in the capture, summed up."""

    def __init__(self) -> None:
        self.opened = 0
        """Connections that the server's TCP accepted."""
        self.accepted: dict[str, int] = {}
        """Clients whose connections the server's TCP accepted, with the number of the last."""
        self.greeted = 0
        """Of these, how many got its identification string."""
        self.greeted_index = 0
        """Number of the first of them."""
        self.programs: set[str] = set()
        """Names that the server's program gave itself."""
        self.greeted_clients: dict[str, int] = {}
        """Clients that got its identification string, with the number of their last such connection."""
        self.failed_clients: dict[str, int] = {}
        """Clients with a connection that got the identification string and failed, with the number of the last."""
        self.keys: dict[str, list[ShownKey]] = {}
        """The different host keys of each kind, in the order in which they were shown."""

    def add(self, session: Session) -> None:
        """Take a connection in."""
        identification, key = session.server.identification, session.host_key
        if session.awaited is not None or session.stage != "tcp":
            self.opened += 1
            self.accepted[session.client.address] = session.index
        if identification is not None:
            client = session.client.address
            self.greeted += 1
            self.greeted_index = self.greeted_index or session.index
            self.greeted_clients[client] = session.index
            if session.outcome == "failed":
                self.failed_clients[client] = session.index
            if identification.implementation and len(self.programs) < _MOST_KEYS:
                self.programs.add(identification.implementation)
        if key is not None:
            shown = self.keys.setdefault(key.type, [])
            if len(shown) < _MOST_KEYS and all(key.sha256 != other.sha256 for other in shown):
                shown.append(ShownKey(sha256=key.sha256, connection=session.index, frame=key.frame, time=session.start))


def companies(sessions: Iterable[Session]) -> dict[Server, Company]:
    """The connections of a capture by their server."""
    found: dict[Server, Company] = {}
    for session in sessions:
        found.setdefault(server_of(session), Company()).add(session)
    return found


def server_of(session: Session) -> Server:
    """Address and port of the server."""
    return session.server.address, session.server.port
