"""Makes a capture worse by one frame, and says where what is then told contradicts what the whole capture shows.

A worse capture may know less, never something else. Must not know: how anything is found.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from sshpcap.analyzer import Analyzer
from sshpcap.capture import open_capture
from sshpcap.frames import FrameBlock
from sshpcap.model import Report, Session
from sshpcap.ssh.known_hosts import KnownHosts, read_known_hosts

MOST_FRAMES: Final = 400
"""Of a longer capture so many frames are removed, evenly spread."""
BROADER: Final = {"stalled": {"path-mtu-black-hole", "dropped-midflow", "receiver-stuck"}}
"""What is true of a connection with one of these as well: it says less of it."""
_KNOWN_LESS: Final = {"incomplete-capture"}
_SURE: Final = ("encrypted", "refused", "not_ssh")
Key = tuple[object, ...]


def blocks_of(path: Path) -> list[FrameBlock]:
    """All frames of a file."""
    with open_capture(str(path)) as source:
        # A source may use its buffer again.
        return [block._replace(buffer=np.array(block.buffer)) for block in source.blocks()]


def known_hosts_beside(capture: Path) -> KnownHosts | None:
    """The file of known host keys that a sample has."""
    file = capture.parent / "known_hosts"
    return KnownHosts(read_known_hosts(file.read_text(), file.name), {}) if file.exists() else None


def told(blocks: list[FrameBlock], known: KnownHosts | None = None) -> Report:
    """What is found in these frames."""
    analyzer = Analyzer(known_hosts=known)
    for block in blocks:
        analyzer.feed(block)
    return analyzer.finish()


def without_one(blocks: list[FrameBlock]) -> Iterator[tuple[int, list[FrameBlock]]]:
    """The frames without one of them, which is named by its number."""
    places = [(which, row) for which, block in enumerate(blocks) for row in range(len(block.number))]
    step = max(1, -(-len(places) // MOST_FRAMES))
    for which, row in places[::step]:
        block = blocks[which]
        rest = block.at(np.delete(np.arange(len(block.number)), row))
        yield int(block.number[row]), [*blocks[:which], rest, *blocks[which + 1 :]]


def contradictions(whole: Report, worse: Report) -> Iterator[str]:
    """What the worse capture says with high confidence, and is not so."""
    before = _by_place(whole)
    for key, session in _by_place(worse).items():
        if (shown := before.get(key)) is not None:
            yield from _against(shown, session)
        elif "high" in (session.verdict.confidence, session.close.confidence) and session.verdict.cause:
            yield f"a connection that is not there: {session.verdict.summary}"


def _by_place(report: Report) -> dict[Key, Session]:
    """The connections by their endpoints, and by their number among those with the same ones."""
    seen: Counter[Key] = Counter()
    found: dict[Key, Session] = {}
    for session in report.sessions:
        ends = sorted((party.address, party.port) for party in (session.client, session.server))
        key = tuple(ends)
        found[(*key, seen[key])] = session
        seen[key] += 1
    return found


def _against(whole: Session, worse: Session) -> Iterator[str]:
    exchanged = (whole.client.address, whole.client.port) != (worse.client.address, worse.client.port)
    if exchanged and any(finding.id == "echo-service" for finding in whole.findings):
        return  # it says all that a client says: where the client's own words are missing, it is one
    if exchanged:
        yield f"client and server are exchanged: {worse.roles_from}"
    if worse.close.confidence == "high" and worse.close.by not in ("unknown", whole.close.by):
        yield f"closed by {worse.close.by}, not by {whole.close.by}: {' '.join(worse.close.reasoning)}"
    if worse.outcome in _SURE and worse.outcome != whole.outcome and whole.outcome in (*_SURE, "failed"):
        yield f"{worse.outcome}, not {whole.outcome}: {worse.verdict.summary}"
    elif whole.outcome == "encrypted" and worse.outcome == "failed":
        yield f"failed: {worse.verdict.summary}"
    known = {finding.id for finding in whole.findings} | _KNOWN_LESS
    known |= {broad for broad, narrow in BROADER.items() if narrow & known}
    for finding in worse.findings:
        if finding.confidence == "high" and finding.id not in known:
            yield f"{finding.id}: {finding.summary}"
