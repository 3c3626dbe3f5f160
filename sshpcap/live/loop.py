"""Drives a live capture: blocks into the watch, what it tells to the outputs, until somebody asks it to stop.

The only clock is here. Its time runs with that of the frames: the latest frame's time plus what has passed since it was
read, so that a capture that is replayed through a pipe is told as one that is live.
"""

import ctypes
import gc
import signal
import sys
import time
from types import FrameType, TracebackType
from typing import Final

import msgspec

from sshpcap import limits
from sshpcap.capture.errors import CaptureError
from sshpcap.capture.live import LiveSource
from sshpcap.live.outputs import Output
from sshpcap.live.statistics import Counts, Statistics
from sshpcap.live.watch import Change, Watch
from sshpcap.model import Notice, Report, Session
from sshpcap.report.view import safe

_NANO: Final = 1_000_000_000


class Signals:
    """SIGINT and SIGTERM ask to stop, SIGHUP to open files again. A second SIGINT interrupts at once."""

    def __init__(self) -> None:
        self.stop = False
        self.hang_up = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> "Signals":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._stop)
        self._before[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._reopen)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stop = True
        signal.signal(number, signal.default_int_handler)

    def _reopen(self, number: int, frame: FrameType | None) -> None:
        self.hang_up = True


class History:
    """The sessions of the report at the end: all of them, as long as they are few; then failures before others."""

    def __init__(self) -> None:
        self._good: list[Session] = []
        self._bad: list[Session] = []
        self.left_out = 0

    def add(self, session: Session) -> None:
        """Keep a session that is over."""
        (self._good if session.outcome == "encrypted" else self._bad).append(session)
        # By halves: a list is not shortened from its front at every session.
        if len(self._good) + len(self._bad) > limits.LIVE_REPORT_SESSIONS:
            larger = self._good or self._bad
            gone = max(1, len(larger) // 2)
            del larger[:gone]
            self.left_out += gone

    def sessions(self) -> tuple[Session, ...]:
        """What was kept, by number."""
        return tuple(sorted((*self._good, *self._bad), key=lambda session: session.index))


def _give_back() -> None:
    """Memory that is free goes back to the system, where the allocator can be asked for it (glibc: malloc_trim(3))."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class Loop:
    """One live capture from its first block to its last."""

    def __init__(
        self, source: LiveSource, watch: Watch, output: Output, *, interval: float, history: bool, seconds: float = 0
    ) -> None:
        """`interval`: seconds between statistics. `history`: keep sessions for a report. `seconds`: stop after them."""
        self.counts = Counts()
        self._source, self._watch, self._output = source, watch, output
        self._interval = interval
        self._history = History() if history else None
        self._seconds = seconds
        self._latest = 0
        self._read_at = 0
        self._noticed = 0
        self.state: Statistics | None = None
        self.lost: CaptureError | None = None
        """Why nothing more can be captured; what was open is told all the same."""

    def run(self, signals: Signals) -> None:
        """Until the source ends, the time is over, or a signal asks to stop."""
        try:
            self._run(signals)
        except CaptureError as error:
            self.lost = error
        for change in self._watch.remaining():
            self._change(change)
        self._state()

    def _run(self, signals: Signals) -> None:
        watch = self._watch
        gc.collect()
        gc.freeze()
        gc.set_threshold(limits.LIVE_GARBAGE, 20, 50)
        began = told = ticked = trimmed = time.monotonic()
        self._state()  # that it listens; and whoever asks for counters gets some
        for block in self._source.blocks():
            if len(block.number):
                watch.feed(block)
                self._latest, self._read_at = int(block.time.max()), time.monotonic_ns()
            del block
            moment = time.monotonic()
            if moment - ticked >= limits.LIVE_TICK_SECONDS:
                ticked = moment
                self._tell(moment)
                if moment - told >= self._interval:
                    told = moment
                    self._state()
                if moment - trimmed >= limits.LIVE_TRIM_SECONDS:
                    trimmed = moment
                    _give_back()
            if signals.hang_up:
                signals.hang_up = False
                self._output.reopen()
            if signals.stop or (self._seconds and moment - began >= self._seconds):
                break

    def _tell(self, moment: float) -> None:
        if not self._latest:
            return
        until, spent = moment + limits.LIVE_TELL_CLOCK_SECONDS, time.thread_time() + limits.LIVE_TELL_SECONDS
        for change in self._watch.tick(self._latest + time.monotonic_ns() - self._read_at):
            self._change(change)
            if time.thread_time() > spent or time.monotonic() > until:
                break

    def _change(self, change: Change) -> None:
        if change.over is not None:
            self.counts.add(change.session)
            if self._history is not None:
                self._history.add(change.session)
        self._output.change(change)

    def _state(self) -> None:
        self.state = self.counts.now(self._source, self._watch)
        self._output.statistics(self.state)
        if self._history is None:  # else the report at the end has them
            self._notices()

    def _notices(self) -> None:
        """Trouble with what is captured, as it comes."""
        notices = self._source.describe()[-1].notices
        for notice in notices[self._noticed :]:
            print(f"sshpcap: {safe(notice.text)}", file=sys.stderr)
        self._noticed = len(notices)

    def report(self) -> Report:
        """Everything, when it is over."""
        report = self._watch.finish(self._source.describe())
        if self._history is None:
            return report
        notices = report.notices
        if self._history.left_out:
            text = "earlier connections are not in this report, which keeps the latest and failures first"
            notices = (*notices, Notice(code="not-kept", text=f"{self._history.left_out:,} {text}"))
        if self._watch.lost["untold"]:
            text = "connections were let go and only counted, to stay within the limits"
            notices = (*notices, Notice(code="untold", text=f"{self._watch.lost['untold']:,} {text}"))
        return msgspec.structs.replace(report, sessions=self._history.sessions(), notices=notices)
