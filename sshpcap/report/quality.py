"""How good a capture is, and which conclusions that forbids: what `sshpcap info` says. Pure: values in, values out."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sshpcap import limits
from sshpcap.model import Capture, Checksums, Interface, Report, Session
from sshpcap.net.link import link_name
from sshpcap.report.heading import capture_line, moment, notice_line, seconds

Fact = tuple[str, str]

_SHOWN_NAMES = 5


class Quality(NamedTuple):
    """What `sshpcap info` shows."""

    facts: tuple[Fact, ...]
    forbids: tuple[str, ...]
    """What must not be concluded, and why."""


def quality(report: Report) -> Quality:
    """Judge the captures of a report, by themselves and by the connections in them."""
    facts: list[Fact] = []
    if len(report.captures) == 1:
        facts += _one(report.captures[0])
    else:
        facts += _several(report)
    for capture in report.captures[-1:]:
        facts += _contents(capture)
    facts += (("notice", notice_line(notice)) for notice in report.notices)
    facts += _connections(report.sessions)
    return Quality(tuple(facts), tuple(_forbids(report)))


# --- what it is ------------------------------------------------------------------------------------------------------


def _one(capture: Capture) -> Iterator[Fact]:
    yield "capture", "standard input" if capture.path == "-" else capture.path
    yield "format", capture.format + (f", {capture.compression}" if capture.compression else "")
    yield "link types", _link_types([capture])
    yield from _interfaces(capture)
    yield from _extent([capture])
    for notice in capture.notices:
        yield "notice", notice_line(notice)


def _several(report: Report) -> Iterator[Fact]:
    """A line for each, and what they are together."""
    captures = report.captures
    for capture in captures[: limits.SHOWN_CAPTURES]:
        yield "capture", capture_line(capture)
        yield from _interfaces(capture)
        for notice in capture.notices:
            yield "notice", notice_line(notice)
    left = captures[limits.SHOWN_CAPTURES :]
    if left:
        troubled = sum(bool(capture.notices) for capture in left)
        yield "", f"and {len(left):,} more" + (f", {troubled:,} of them with notices (--format json)" * bool(troubled))
    yield (
        "together",
        f"{len(captures):,} captures, read " + ("each by itself" if report.apart else "as one in the order of time"),
    )
    yield "link types", _link_types(captures)
    yield from _extent(captures)


def _link_types(captures: Iterable[Capture]) -> str:
    numbers = dict.fromkeys(number for capture in captures for number in capture.link_types)
    return ", ".join(_named(number) for number in numbers) or "none"


def _named(link_type: int) -> str:
    name = link_name(link_type)
    return name if "type " in name else f"{name} ({link_type})"


def _interfaces(capture: Capture) -> Iterator[Fact]:
    """What the file says of its interfaces."""
    for number, one in enumerate(capture.interfaces[: limits.SHOWN_CAPTURES]):
        yield "interface", ", ".join(_interface(number, one))
    if len(capture.interfaces) > limits.SHOWN_CAPTURES:
        yield "", f"and {len(capture.interfaces) - limits.SHOWN_CAPTURES:,} more"


def _interface(number: int, one: Interface) -> Iterator[str]:
    yield (one.name or f"number {number}") + (f" ({one.description})" if one.description else "")
    yield link_name(one.link_type)
    yield _count(one.frames, "frame")
    if one.snaplen:
        yield f"snaplen {one.snaplen:,}"
    if one.drops is not None:
        yield f"{one.drops:,} lost"
    if one.filter:
        yield f"filter: {one.filter}"


def _extent(captures: Iterable[Capture]) -> Iterator[Fact]:
    """How many frames, of when, and what is missing of them."""
    every = list(captures)
    yield "frames", f"{sum(c.frames for c in every):,} ({sum(c.bytes for c in every):,} octets captured)"
    begins = [c.first_time.ns for c in every if c.first_time is not None]
    ends = [c.last_time.ns for c in every if c.last_time is not None]
    if begins and ends:
        yield "from", moment(min(begins))
        yield "to", f"{moment(max(ends))} ({seconds(max(ends) - min(begins))})"
    snaplens = sorted({c.snaplen for c in every if c.snaplen})
    yield "snaplen", ", ".join(f"{snaplen:,}" for snaplen in snaplens) or "no limit"
    cut = sum(c.truncated_frames for c in every)
    yield "cut short", _count(cut, "frame") if cut else "no frame"
    told = [c.interface_drops for c in every if c.interface_drops is not None]
    untold = "not told by the file (tcpdump prints it when it ends)"
    lost = _count(sum(told), "frame") if told else untold
    yield "lost when capturing", lost + (f"; of {len(every) - len(told):,} captures {untold}" * bool(
        told and len(told) < len(every)))  # fmt: skip


def _contents(capture: Capture) -> Iterator[Fact]:
    """What is in the frames: of several captures the last one has it of all."""
    if capture.protocols:
        yield "protocols", ", ".join(f"{name} {count:,}" for name, count in capture.protocols.items())
    if capture.other_ports:
        ports = ", ".join(f"{port} ({count:,})" for port, count in capture.other_ports.items())
        yield "other connections", f"not SSH, by port: {ports}"
    if capture.duplicates:
        yield "captured twice", f"{_count(capture.duplicates, 'frame')} of SSH connections, left out"


# --- the connections in it -------------------------------------------------------------------------------------------


def _connections(sessions: tuple[Session, ...]) -> Iterator[Fact]:
    total = len(sessions)
    yield "SSH connections", f"{total:,}"
    if not total:
        return
    counts = (
        ("from their SYN on", sum(not s.coverage.midstream for s in sessions)),
        ("both directions", sum(s.coverage.one_sided is None for s in sessions)),
        ("with gaps", sum(bool(s.coverage.gaps) for s in sessions)),
        ("cut short", sum(s.coverage.truncated_by_snaplen for s in sessions)),
        ("with a close", sum(s.close.how in ("fin", "rst", "icmp") for s in sessions)),
    )
    for name, count in counts:
        yield f"  {name}", f"{count:,} of {total:,}"
    tunnels = Counter(tunnel for session in sessions for tunnel in session.tcp.tunnels)
    if tunnels:
        yield "tunnels", _listed(f"{name} ({_count(count, 'connection')})" for name, count in tunnels.most_common())
    yield "checksums", _checksums(sessions)


def _checksums(sessions: tuple[Session, ...]) -> str:
    """What they say, and where that shows the capture to be taken."""
    right, left_out, wrong = _totals(sessions)
    if not right + left_out + wrong:
        return "not to be told: no segment is whole"
    parts = []
    if wrong:
        parts.append(f"{wrong:,} wrong")
    if left_out:
        hosts = _capturing_hosts(sessions)
        where = f": captured on {_listed(hosts)}, before the network card" if hosts else " (merged by the network card)"
        parts.append(f"{left_out:,} not filled in yet{where}")
    return "; ".join(parts + [f"{right:,} right"] * bool(right))


def _sides(sessions: tuple[Session, ...]) -> Iterator[tuple[str, Checksums]]:
    for session in sessions:
        yield session.client.address, session.tcp.client.checksums
        yield session.server.address, session.tcp.server.checksums


def _totals(sessions: tuple[Session, ...]) -> tuple[int, int, int]:
    every = [sums for _, sums in _sides(sessions)]
    return sum(s.right for s in every), sum(s.left_out for s in every), sum(s.wrong for s in every)


def _capturing_hosts(sessions: tuple[Session, ...]) -> list[str]:
    """Addresses that send without checksums. A card that merges what it receives leaves them out of large segments
    only."""
    right: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    for address, sums in _sides(sessions):
        right[address] += sums.right
        left_out[address] += sums.left_out
    return sorted(address for address, count in left_out.items() if count > right[address])


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _SHOWN_NAMES:,} more" if len(every) > _SHOWN_NAMES else ""
    return ", ".join(every[:_SHOWN_NAMES]) + more


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


# --- what that forbids -----------------------------------------------------------------------------------------------


def _forbids(report: Report) -> Iterator[str]:
    yield from _of_the_captures(report)
    yield from _of_the_connections(report.sessions)
    sessions, protocols = report.sessions, [capture.protocols for capture in report.captures]
    if any(s.close.how == "never_opened" for s in sessions) and not any(counts.get("icmp") for counts in protocols):
        yield "No ICMP at all: if the capture was filtered to TCP, an ICMP error that refused a connection is missing."


def _of_the_captures(report: Report) -> Iterator[str]:
    captures, sessions = report.captures, report.sessions
    if not sessions:
        yield (
            "No SSH is seen: that does not show that there was none. A filter, another interface, or a port that was"
            " not named for connections that were open before, hide it."
        )
    unreadable = sum(capture.protocols.get("unreadable", 0) for capture in captures)
    if unreadable:
        yield f"{_count(unreadable, 'frame')} cannot be read: connections in them are not shown."
    if any(notice.code in _ENDS_EARLY for capture in captures for notice in capture.notices):
        yield "A file is cut off or damaged: what came behind that place is not shown, and may have mattered."
    if any(capture.truncated_frames for capture in captures):
        yield (
            "Frames were cut short: messages longer than what was kept (proposals, host keys) cannot be read, and a"
            " message that is not seen may have been sent."
        )
    if any(capture.interface_drops for capture in captures) or any(s.coverage.gaps for s in sessions):
        yield "Frames were lost by the capture: a message that is not seen may have been sent all the same."


_ENDS_EARLY = frozenset(("cut-off", "damaged-record", "damaged-block", "compression-cut-off", "compression-damaged",
                         "read-error"))  # fmt: skip


def _of_the_connections(sessions: tuple[Session, ...]) -> Iterator[str]:
    total = len(sessions)
    for side, other in (("client", "server"), ("server", "client")):
        count = sum(s.coverage.one_sided == side for s in sessions)
        if count:
            yield (
                f"Of {count:,} of {total:,} connections only the frames of the {side} are there: what the {other} said"
                " and received, and who closed first, is not known."
            )
    late = sum(s.coverage.late_side is not None for s in sessions)
    if late:
        yield (
            f"Of {late:,} of {total:,} connections the first frames of one side are missing: what it said in them is"
            " not known."
        )
    midstream = [s for s in sessions if s.coverage.midstream]
    if midstream:
        yield (
            f"Before the capture began, {len(midstream):,} of {total:,} connections were open: who opened them, and"
            " what came before, is not known."
        )
        unread = sum(s.client.kexinit is None and s.server.kexinit is None for s in midstream)
        if unread:
            yield f"Of {unread:,} of them no proposal is there: nothing of what was negotiated is known."
    still_open = sum(s.close.how == "capture_end" for s in sessions)
    if still_open:
        yield (
            f"When the capture ends, {still_open:,} of {total:,} connections are open: whether they went on, stalled"
            " or failed is not known."
        )
    if any(s.coverage.clock_steps for s in sessions):
        yield "Times step backwards: durations across the steps are wrong."
    _, left_out, wrong = _totals(sessions)
    if wrong:
        yield (
            f"{_count(wrong, 'segment')} with a wrong checksum: what was damaged on the way was dropped by its"
            " receiver, which has not read it."
        )
    if left_out and (hosts := _capturing_hosts(sessions)):
        yield (
            f"Frames of {_listed(hosts)} were captured before the network card: it may have sent them in smaller"
            " pieces, and whether they reached the wire is not shown."
        )
