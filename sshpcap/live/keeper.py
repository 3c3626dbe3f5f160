"""Keeps the frames of failed handshakes: one annotated pcapng each, in a directory with limits."""

import re
import sys
from datetime import UTC, datetime
from io import BytesIO

import numpy as np

from sshpcap import limits
from sshpcap.capture.recorder_dir import RecorderDirectory
from sshpcap.capture.writer import PcapngWriter
from sshpcap.frames import FrameBlock
from sshpcap.live.statistics import Statistics
from sshpcap.live.watch import Change, Watch
from sshpcap.model import Session
from sshpcap.report.view import one, safe
from sshpcap.version import VERSION

_NANO = 1_000_000_000


class Keeper:
    """An output that writes a file for every connection that is over and did not go well."""

    def __init__(self, path: str, max_bytes: int, max_files: int, ports: tuple[int, ...]) -> None:
        """Raises OSError where files cannot be made in the directory."""
        self._ports = ports
        self._directory = RecorderDirectory(path, max_bytes, max_files)
        self._failing = False

    def change(self, change: Change) -> None:
        """Write the file of a failed handshake."""
        if change.over is None or change.session.outcome in ("encrypted", "incomplete") or not change.frames:
            return
        try:
            self._directory.add(_name(change.session), _annotated(change, self._ports))
            self._failing = False
        except OSError as error:
            # A full disk must not end the capture; told once, not at every handshake.
            if not self._failing:
                print(f"sshpcap: {safe(str(self._directory.path))}: {error.strerror}; going on", file=sys.stderr)
            self._failing = True

    def statistics(self, state: Statistics) -> None:
        """Nothing to keep of it."""

    def reopen(self) -> None:
        """Every file is closed already."""

    def close(self) -> None:
        """Bring the names of the files to the disk."""
        self._directory.close()


def _name(session: Session) -> str:
    seconds, fraction = divmod(session.start.ns, _NANO)
    cause = re.sub("[^a-z0-9-]", "-", session.verdict.cause or session.outcome)
    return (
        f"sshpcap-{datetime.fromtimestamp(seconds, UTC):%Y%m%dT%H%M%S}.{fraction:09d}Z-{session.index}-{cause}.pcapng"
    )


def _annotated(change: Change, ports: tuple[int, ...]) -> bytes:
    """The file: what is said of it names its own frames, as whoever opens it sees them numbered."""
    session = _read_again(change, ports)
    row, _ = one(session)
    about = f"{row.client} > {row.server}: {session.outcome} at {session.stage}. {session.verdict.summary}"
    comments: dict[int, list[str]] = {}
    for entry in session.timeline:
        if entry.frame is not None:
            comments.setdefault(entry.frame, []).append(entry.text)
    for finding in session.findings:
        for evidence in finding.evidence:
            comments.setdefault(evidence.frame, []).append(f"{finding.id}: {evidence.what}")
    interfaces = {link: at for at, link in enumerate(dict.fromkeys(kept.link_type for kept in change.frames))}
    out = BytesIO()
    writer = PcapngWriter(out, comment=safe(about), program=f"sshpcap {VERSION}", link_types=tuple(interfaces))
    for number, kept in enumerate(change.frames, 1):
        said = tuple(safe(text)[: limits.SHOWN_COMMENT] for text in dict.fromkeys(comments.get(number, ())))
        place = interfaces[kept.link_type]
        writer.frame(kept.octets, kept.time, original=kept.original, interface=place, comments=said)
    # Without it whoever reads the file would believe that the capture ended with its last frame.
    writer.statistics(end_time=change.observed_until or None, drops=None)
    return out.getvalue()


def _read_again(change: Change, ports: tuple[int, ...]) -> Session:
    """The session with the frames numbered as in the file."""
    frames = change.frames
    captured = np.array([len(kept.octets) for kept in frames], dtype=np.int64)
    again = Watch(ports)
    again.feed(
        FrameBlock(
            np.frombuffer(b"".join(kept.octets for kept in frames), dtype=np.uint8),
            number=np.arange(1, len(frames) + 1, dtype=np.int64),
            offset=np.cumsum(captured) - captured,
            captured=captured,
            original=np.array([kept.original for kept in frames], dtype=np.int64),
            time=np.array([kept.time for kept in frames], dtype=np.int64),
            link_type=np.array([kept.link_type for kept in frames], dtype=np.int64),
            interface=np.zeros(len(frames), dtype=np.int64),
        )
    )
    return next((found.session for found in again.remaining(change.observed_until)), change.session)
