"""How good a capture is, and which conclusions that forbids: what `sshpcap info` says. Pure: values in, values out."""

from collections.abc import Iterable
from typing import NamedTuple

from sshpcap.model import Capture, Report, Session
from sshpcap.net.link import link_name
from sshpcap.report.heading import moment, seconds


class Quality(NamedTuple):
    """What `sshpcap info` shows."""

    facts: tuple[tuple[str, str], ...]
    forbids: tuple[str, ...]
    """What must not be concluded, and why."""


def quality(report: Report) -> Quality:
    """Judge the captures of a report, by themselves and by the connections in them."""
    facts: list[tuple[str, str]] = []
    for capture in report.captures:
        facts += _capture(capture)
    facts += _connections(report.sessions)
    return Quality(tuple(facts), tuple(_forbids(report)))


def _capture(capture: Capture) -> Iterable[tuple[str, str]]:
    yield "capture", "standard input" if capture.path == "-" else capture.path
    yield "format", capture.format + (f", {capture.compression}" if capture.compression else "")
    yield "link types", ", ".join(f"{link_name(number)} ({number})" for number in capture.link_types) or "none"
    yield "frames", f"{capture.frames:,} ({capture.bytes:,} octets captured)"
    if capture.first_time is not None and capture.last_time is not None:
        yield "from", moment(capture.first_time.ns)
        yield "to", f"{moment(capture.last_time.ns)} ({seconds(capture.last_time.ns - capture.first_time.ns)})"
    yield "snaplen", f"{capture.snaplen:,}" if capture.snaplen else "no limit"
    yield "cut short", f"{capture.truncated_frames:,} frames" if capture.truncated_frames else "no frame"
    lost = "not told by the format" if capture.interface_drops is None else f"{capture.interface_drops:,} frames"
    yield "lost when capturing", lost
    if capture.protocols:
        yield "protocols", ", ".join(f"{name} {count:,}" for name, count in capture.protocols.items())
    if capture.other_ports:
        ports = ", ".join(f"{port} ({count:,})" for port, count in capture.other_ports.items())
        yield "other connections", f"not SSH, by port: {ports}"
    if capture.duplicates:
        yield "captured twice", f"{capture.duplicates:,} frames of SSH connections, left out"
    for notice in capture.notices:
        yield "notice", notice.text


def _connections(sessions: tuple[Session, ...]) -> Iterable[tuple[str, str]]:
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


def _forbids(report: Report) -> Iterable[str]:
    sessions = report.sessions
    if any(capture.truncated_frames for capture in report.captures):
        yield (
            "Frames were cut short: messages longer than what was kept (proposals, host keys) cannot be read, and a"
            " message that is not seen may have been sent."
        )
    if any(capture.interface_drops for capture in report.captures) or any(s.coverage.gaps for s in sessions):
        yield "Frames were lost by the capture: a message that is not seen may have been sent all the same."
    if any(s.coverage.one_sided for s in sessions):
        yield "Only one direction of some connections: who closed first, and what the other side said, is not known."
    if any(s.coverage.midstream for s in sessions):
        yield (
            "Some connections were open before the capture began: what was negotiated, and by whom they were opened, is"
            " not known."
        )
    if any(s.close.how == "capture_end" for s in sessions):
        yield "The capture ends while connections are open: whether they went on, stalled or failed is not known."
    if any(s.coverage.clock_steps for s in sessions):
        yield "Times step backwards: durations across the steps are wrong."
    if any(s.close.how == "never_opened" for s in sessions) and not any(
        c.protocols.get("icmp") for c in report.captures
    ):
        yield "No ICMP at all: if the capture was filtered to TCP, an ICMP error that refused a connection is missing."
