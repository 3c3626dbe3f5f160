"""The receiver takes no more data.

What it means
    One side's receive window went to zero and stayed there: its TCP works, but its program does not read. The sender
    has to wait; a transfer stands still.

How it is known
    Segments with window 0 over three seconds or more. TCP's probes keep asking.

When it may be wrong
    The window is certain. Why the program does not read is not in the capture. In a connection of which only sums are
    kept, shorter or later waits may be missing.

What to do
    Look at the program on that side: stopped (Ctrl-Z, SIGSTOP), waiting for a full disk or a slow terminal, or out of
    processor time.

References
    RFC 9293 §3.8.6.1
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session, Who
from sshpcap.rules.base import Rule, duration, how_it_ended, with_close
from sshpcap.rules.path import side_of

ID = "receiver-stuck"
TITLE = "The receiver takes no more data"

_LONG_NS = 3_000_000_000
_SIDES: tuple[Who, ...] = ("client", "server")


def check(session: Session) -> Iterator[Finding]:
    """Fire on a receive window that stayed at zero for seconds."""
    for who in _SIDES:
        side = side_of(session, who)
        if side.zero_window is None or side.zero_window.ns < _LONG_NS:
            continue
        for_good = side.last_window == 0
        rows = [row for row in session.timeline if row.kind == "zero-window" and row.sender == who and row.frame]
        end = f" It was so until the end: {how_it_ended(session)}." if for_good else " It took data again later."
        yield Finding(
            id=ID,
            severity="warning" if for_good else "info",
            confidence="high",
            party=who,
            title=TITLE,
            summary=(
                f"The {who} said for {duration(side.zero_window.ns)} that it cannot take more data (window 0,"
                f" {len(rows)} segments): its TCP works, but its program does not read.{end}"
            ),
            evidence=with_close(session, *(Evidence(frame=row.frame or 0, what="window 0") for row in rows[:3])),
            causes=(
                f"the {who}'s program is stopped (Ctrl-Z, SIGSTOP), or waits for a disk, a terminal or another program",
                f"the {who}'s host is overloaded",
            ),
            remedies=(
                Remedy(
                    side=who,
                    action="see in which state the program is (T: stopped, D: waiting for a disk)",
                    command="ps -o pid,stat,wchan:20,args -C ssh,sshd,sftp-server,scp",
                ),
            ),
        )


RULE = Rule(ID, TITLE, "warning", check)
