"""The view on a terminal while it goes on: a table that updates itself, drawn by rich. Keys: f failures only, q quit.

Text is made safe and markup is off, as in `report/terminal`. Must not know: where frames come from.
"""

import os
import select
import signal
import sys
import termios
import tty
from collections import deque
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sshpcap.live.statistics import Statistics
from sshpcap.live.watch import Change, Watch
from sshpcap.model import Session
from sshpcap.report.terminal import STYLES
from sshpcap.report.view import failed, one, safe

_KEPT: Final = 200
_HEAD_AND_FOOT: Final = 5
_WIDE: Final = 110
"""Columns of a terminal from which on stage and result have one each."""
_MIB: Final = 1 << 20


class Screen:
    """An output that draws open handshakes and the latest that are over."""

    def __init__(self, watch: Watch, *, failures: bool, color: bool) -> None:
        self._watch = watch
        self._failures = failures
        self._over: deque[Session] = deque(maxlen=_KEPT)
        self._failed: deque[Session] = deque(maxlen=_KEPT)
        self._state: Statistics | None = None
        self._console = Console(no_color=not color, highlight=False, emoji=False, markup=False)
        self._live = Live(console=self._console, screen=False, auto_refresh=False, transient=True)
        self._keys = _Keys()
        self._live.start()

    def change(self, change: Change) -> None:
        """Show a connection among the open ones or the finished ones."""
        if change.over is None:
            return
        self._over.append(change.session)
        if failed(change.session):
            self._failed.append(change.session)

    def statistics(self, state: Statistics) -> None:
        """Draw anew."""
        self._state = state
        for key in self._keys.pressed():
            if key == "f":
                self._failures = not self._failures
            elif key == "q":
                os.kill(os.getpid(), signal.SIGINT)
        self._live.update(self._view(), refresh=True)

    def reopen(self) -> None:
        """No file is open."""

    def close(self) -> None:
        """Give the terminal back."""
        self._live.stop()
        self._keys.close()

    def _view(self) -> Group:
        room = max(4, self._console.height - _HEAD_AND_FOOT)
        opened = [] if self._failures else self._watch.open_sessions(room // 3)
        ended = list(self._failed if self._failures else self._over)[-(room - len(opened)) :]
        narrow = self._console.width < _WIDE
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", expand=True)
        for name in ("#", "client", "server", *(("state",) if narrow else ("stage", "result"))):
            table.add_column(name, no_wrap=True)
        table.add_column("what happened", ratio=1, no_wrap=True, overflow="ellipsis")
        for session in (*opened, *reversed(ended)):
            row, _ = one(session)
            goes_on = session in opened
            result = Text("…" if goes_on else safe(row.outcome), style="" if goes_on else STYLES[row.tone])
            # Where there is no room for both: how far it is while it goes on, how it ended when it is over.
            state = Text(f"{safe(row.stage)} …") if narrow and goes_on else result
            cells = tuple(Text(safe(cell)) for cell in (row.number, row.client, row.server))
            stage = () if narrow else (Text(safe(row.stage)),)
            table.add_row(*cells, *stage, state, Text("" if goes_on else safe(row.why)))
        shown = "failures only" if self._failures else "all"
        keys = f"f: {'all' if self._failures else 'failures only'}   q or Ctrl-C: end with the report"
        return Group(self._head(), table, Text(f"{shown}   {keys}", style="dim"))

    def _head(self) -> Text:
        state = self._state
        if state is None:
            return Text("listening")
        held = state.connections
        text = Text(
            f"{state.frames:,} frames, {state.frames_per_second:,.0f}/s   {held.get('talking', 0):,} in handshake, "
            f"{held.get('encrypted', 0):,} encrypted   {state.memory_bytes // _MIB:,} MiB   "
        )
        text.append(f"{state.drops:,} lost", style="bold red" if state.drops else "dim")
        told = ", ".join(f"{count:,} {name.replace('not_ssh', 'not SSH')}" for name, count in state.outcomes.items())
        return text.append(f"\n{told or 'no connection has ended yet'}\n", style="bold")


class _Keys:
    """Keys as they are pressed, where standard input is a terminal."""

    def __init__(self) -> None:
        self._before = None
        if sys.stdin is not None and sys.stdin.isatty():
            self._before = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)

    def pressed(self) -> str:
        if self._before is None or not select.select([sys.stdin], [], [], 0)[0]:
            return ""
        return os.read(sys.stdin.fileno(), 64).decode("ascii", "ignore")

    def close(self) -> None:
        if self._before is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)
