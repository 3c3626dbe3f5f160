"""A connection with everything about it, and the whole report."""

from typing import Final

from sshpcap.model.agreement import HostKey, Negotiation
from sshpcap.model.authentication import Authentication, Unanswered
from sshpcap.model.base import Notice, Outcome, Stage, Value
from sshpcap.model.capture import Capture
from sshpcap.model.finding import Finding, Verdict
from sshpcap.model.party import Party
from sshpcap.model.story import Awaited, Close, Message, TimelineEntry
from sshpcap.model.tcp import Coverage, Tcp
from sshpcap.times import Duration, Timestamp


class Session(Value, frozen=True):
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
    authentication: Authentication | None
    """What sizes and times tell of the login; None where the encrypted part is not in the capture."""
    unanswered: tuple[Unanswered, ...]
    """The last data of an encrypted connection, if they were all of one side: at most `limits.LAST_DATA`."""


class SaidFit(Value, frozen=True):
    """A connection that fits what a client printed."""

    session: int
    """Its index."""
    finding: str
    """The finding of it that produces such a text."""
    reasons: tuple[str, ...]


class ClientSaid(Value, frozen=True):
    """What a client printed, as the user gave it, and what fits it."""

    text: str
    notes: tuple[str, ...]
    """What numbers in it mean; whether it is printed without any packet."""
    findings: tuple[str, ...]
    """Findings that produce it, whether they are in the capture or not; best first."""
    fits: tuple[SaidFit, ...]
    """Best first."""


CAPTURES_APART: Final = "captures-apart"
"""The notice of captures that show the same connections at times that do not fit together."""


class Report(Value, frozen=True):
    """Everything that was found."""

    schema_version: int
    sshpcap_version: str
    captures: tuple[Capture, ...]
    sessions: tuple[Session, ...]
    notices: tuple[Notice, ...]
    client_said: ClientSaid | None = None
    """Only where the user gave a text."""

    @property
    def apart(self) -> bool:
        """Its captures were read one after the other, not in the order of time: so are frames numbered."""
        return any(notice.code == CAPTURES_APART for notice in self.notices)
