"""Two captures of the same connections whose times do not fit together: both ends, whose clocks differ, or far apart.

In the order of time their frames would be mixed up, and every packet be told as sent twice. So each is analysed by
itself; frames and connections are numbered through both.
"""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from sshpcap.model import CAPTURES_APART, Notice, Report, Session

if TYPE_CHECKING:
    from sshpcap.capture import Captures
    from sshpcap.ssh.known_hosts import KnownHosts


def wanted(report: Report, files: Sequence[str]) -> bool:
    """Whether a report on captures that were read as one is better made anew. Of more than two it is not known which
    of them belong together, and what is no file cannot be read again."""
    if len(files) != 2 or not all(os.path.isfile(path) for path in files):
        return False
    return _mixed(report)


def _mixed(report: Report) -> bool:
    return any(session.coverage.elsewhere_frame is not None for session in report.sessions)


def read(
    source: "Captures",
    ports: Sequence[int],
    known_hosts: "KnownHosts | None",
    jobs: int,
    advance: Callable[[int], None],
) -> Report | None:
    """The report on captures that are read apart; None where that does not help, because one of them alone shows what
    does not fit together."""
    from sshpcap.analyzer import Analyzer

    reports: list[Report] = []
    for capture, blocks in source.places():
        analyzer = Analyzer(ports, tolerant=True, known_hosts=known_hosts, jobs=jobs)
        for block in blocks:
            analyzer.feed(block)
            advance(source.position)
        reports.append(analyzer.finish((capture.describe(),), release=True))
        if _mixed(reports[-1]):
            return None
    return _joined(reports)


def _joined(reports: Sequence[Report]) -> Report:
    shares: list[list[Session]] = []
    before = 0
    for report in reports:
        shares.append([msgspec.structs.replace(one, index=one.index + before) for one in report.sessions])
        before = max((session.index for session in shares[-1]), default=before)
    names = [os.path.basename(report.captures[0].path) for report in reports]
    why = Notice(
        code=CAPTURES_APART,
        text=f"{names[0]} and {names[1]} show the same connections at times that do not fit together: two places, whose"
        f" clocks differ or which are far apart. Each was read by itself: {_numbers(shares[0])} as {names[0]} shows it,"
        f" {_numbers(shares[1])} as {names[1]} does. What one shows as sent and the other does not show was lost"
        " between them, or not captured",
    )
    first, last = (report.captures[0] for report in reports)
    # As of captures that are read as one: the last has the counts of both.
    protocols, other_ports = (dict(Counter(one) + Counter(two)) for one, two in (
        (first.protocols, last.protocols), (first.other_ports, last.other_ports)
    ))  # fmt: skip
    last = msgspec.structs.replace(
        last, protocols=protocols, other_ports=other_ports, duplicates=first.duplicates + last.duplicates
    )
    first = msgspec.structs.replace(first, protocols={}, other_ports={}, duplicates=0)
    return msgspec.structs.replace(
        reports[0],
        captures=(first, last),
        sessions=tuple(session for share in shares for session in share),
        notices=(why, *dict.fromkeys(notice for report in reports for notice in report.notices)),
    )


def _numbers(sessions: Sequence[Session]) -> str:
    if not sessions:
        return "no connection is"
    first, last = sessions[0].index, sessions[-1].index
    return f"connection {first} is" if first == last else f"connections {first} to {last} are"
