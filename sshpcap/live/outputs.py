"""Where live results go: a stream or file of events, syslog. Each takes changes and statistics, and knows no other.

A file of events is opened again on request (SIGHUP of logrotate). A syslog that is gone costs its lines, never the
capture; a pipe that is not read holds everything up, and what the ring loses meanwhile is told.
"""

import errno
import logging
import logging.handlers
import os
import stat
import sys
from collections.abc import Sequence
from typing import Final, Protocol

from sshpcap.live import events
from sshpcap.live.statistics import Statistics
from sshpcap.live.watch import Change
from sshpcap.report.view import failed, one, safe

SYSLOG: Final = "/dev/log"


class Output(Protocol):
    """Something that is told."""

    def change(self, change: Change) -> None:
        """A connection goes on, or is over."""

    def statistics(self, state: Statistics) -> None:
        """The state of the capture, every so often."""

    def reopen(self) -> None:
        """Files that were renamed are to be left alone from now on."""

    def close(self) -> None:
        """Nothing more comes."""


class Events:
    """Lines of JSON on standard output or in a file, each written whole and at once.

    A kill may end a file within a line, as it may end every write; what is appended later begins a line of its own.
    """

    def __init__(self, path: str | None, *, failures: bool = False) -> None:
        """Raises OSError. `failures`: leave out connections that go well."""
        self._path = path
        self._failures = failures
        self._out = self._open()

    def _open(self) -> int:
        if self._path is None:
            return sys.stdout.fileno()
        # A pipe that nobody reads would hold it up here for ever; one that is read may hold up what is written.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            out = os.open(self._path, flags, 0o640)
        except OSError as error:
            if error.errno == errno.ENXIO:
                raise OSError(errno.ENXIO, "nobody reads this pipe") from None
            raise
        os.set_blocking(out, True)
        if stat.S_ISREG(os.fstat(out).st_mode) and _torn(self._path):
            os.write(out, b"\n")
        return out

    def change(self, change: Change) -> None:
        """Write the event of a change."""
        if not self._failures or failed(change.session):
            self._write(events.line(events.of_change(change)))

    def statistics(self, state: Statistics) -> None:
        """Write the event of the state."""
        self._write(events.line(events.of_statistics(state)))

    def _write(self, line: bytes) -> None:
        while line:
            line = line[os.write(self._out, line) :]

    def reopen(self) -> None:
        """Open the file by its name again; where that fails, the old one is kept and told so."""
        if self._path is None:
            return
        try:
            fresh = self._open()
        except OSError as error:
            print(f"sshpcap: {safe(self._path)}: cannot be opened again: {error.strerror}", file=sys.stderr)
            return
        os.close(self._out)
        self._out = fresh

    def close(self) -> None:
        """Close the file."""
        if self._path is not None:
            os.close(self._out)


def _torn(path: str) -> bool:
    """Whether a file's last line has no end: whoever wrote it was killed, or the disk was full in the middle of it."""
    try:
        with open(path, "rb") as file:
            if not file.seek(0, os.SEEK_END):
                return False
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:
        return False  # what may be written but not read


class Syslog:
    """A line for every connection that is over and did not go well, to the system's log (journald reads it too)."""

    def __init__(self, address: str = SYSLOG) -> None:
        """Raises OSError where nobody listens."""
        self._handler = logging.handlers.SysLogHandler(address, logging.handlers.SysLogHandler.LOG_DAEMON)
        self._handler.ident = f"sshpcap[{os.getpid()}]: "
        self._handler.append_nul = False
        self._handler.handleError = lambda record: None  # type: ignore[method-assign]  # a log that is gone costs lines

    def change(self, change: Change) -> None:
        """Log a failed connection."""
        session = change.session
        if change.over is None or not failed(session):
            return
        row, _ = one(session)
        cause = session.verdict.cause or session.outcome
        text = f"{row.client} > {row.server} {session.outcome} at {session.stage}: {cause}: {session.verdict.summary}"
        self._handler.handle(logging.makeLogRecord({"levelno": logging.WARNING, "levelname": "WARNING",
                                                    "msg": safe(text)}))  # fmt: skip

    def statistics(self, state: Statistics) -> None:
        """Nothing: the log is for what went wrong."""

    def reopen(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Close the socket."""
        self._handler.close()


class Several:
    """Tells several outputs."""

    def __init__(self, outputs: Sequence[Output]) -> None:
        self.outputs = tuple(outputs)

    def change(self, change: Change) -> None:
        """Tell all of them a change."""
        for output in self.outputs:
            output.change(change)

    def statistics(self, state: Statistics) -> None:
        """Tell all of them the state."""
        for output in self.outputs:
            output.statistics(state)

    def reopen(self) -> None:
        """Have all of them open their files again."""
        for output in self.outputs:
            output.reopen()

    def close(self) -> None:
        """Close all of them."""
        for output in self.outputs:
            output.close()
