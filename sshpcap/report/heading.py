"""What stands above the connections: what was read, what is wrong with it, and what it holds instead of SSH.

Pure: values in, lines out.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from sshpcap.model import Capture, Notice, Report, Session
from sshpcap.net.link import link_name
from sshpcap.report.clock import Clock


def capture_line(capture: Capture, clock: Clock | None = None) -> str:
    """What one capture is, in a line."""
    parts = [capture.format + (f" in {capture.compression}" if capture.compression else "")]
    parts += [", ".join(link_name(number) for number in capture.link_types)] if capture.link_types else []
    parts.append(f"{capture.frames:,} frame{'' if capture.frames == 1 else 's'}")
    if capture.first_time is not None and capture.last_time is not None:
        begin = (clock or Clock()).moment(capture.first_time.ns)
        parts.append(f"{seconds(capture.last_time.ns - capture.first_time.ns)} from {begin}")
    name = "standard input" if capture.path == "-" else capture.path
    return f"{name}: {', '.join(parts)}"


def notices(report: Report) -> Iterable[Notice]:
    """Everything that the reader should know about the input before the connections."""
    for capture in report.captures:
        yield from capture.notices
        if capture.truncated_frames:
            yield Notice(
                code="truncated-frames",
                text=f"{capture.truncated_frames:,} frames were cut short when they were captured (snaplen"
                + (f" {capture.snaplen:,})" if capture.snaplen else ")"),
            )
        if capture.duplicates:
            yield Notice(
                code="duplicates",
                text=f"{capture.duplicates:,} frames of SSH connections were captured twice; each counts once",
            )
        if capture.interface_drops:
            yield Notice(code="drops", text=f"the capturing side says that it lost {capture.interface_drops:,} frames")
    stepped = sum(_steps_back(session) for session in report.sessions)
    if stepped:
        yield Notice(
            code="clock-steps",
            text=f"times step backwards in {stepped:,} connection{'' if stepped == 1 else 's'}; durations across the"
            " steps are wrong",
        )
    wrong = sum(side.checksums.wrong for s in report.sessions for side in (s.tcp.client, s.tcp.server))
    if wrong:
        yield Notice(
            code="wrong-checksums",
            text=f"{wrong:,} segments of SSH connections have a wrong checksum: if damaged on the way, their receiver"
            " dropped them",
        )
    yield from report.notices


def _steps_back(session: Session) -> bool:
    """Whether its times run backwards by more than what several queues of a network card mix up."""
    return any(later.time.ns < before.time.ns - _MIXED_UP_NS for before, later in pairwise(session.timeline))


_MIXED_UP_NS: Final = 1_000_000


def notice_line(notice: Notice) -> str:
    """A notice in a line."""
    where = f" (frame {notice.frame})" if notice.frame else ""
    times = f" [{notice.count:,} times]" if notice.count > 1 else ""
    return f"{notice.text}{where}{times}"


def client_said(report: Report) -> Iterable[str]:
    """Which connections fit what the client printed, in lines; nothing where no text was given."""
    said = report.client_said
    if said is None:
        return
    yield from said.notes
    if not said.findings and not said.notes:
        yield "What the client printed is produced by no finding that is known."
    elif said.findings and not said.fits:
        more = len(said.findings) - _NAMED
        others = f" and {more} more (`sshpcap explain TEXT` lists them)" if more > 0 else ""
        yield (
            "No connection here fits what the client printed. Such a text comes with"
            f" {', '.join(said.findings[:_NAMED])}{others}."
        )
    for fit in said.fits[:_FITS]:
        doubt = any(reason.startswith("but ") for reason in fit.reasons)
        fits = "might belong to" if doubt else "fits"
        yield f"What the client printed {fits} connection {fit.session}: {'; '.join(fit.reasons)}."
    if len(said.fits) > _FITS:
        more = len(said.fits) - _FITS
        yield f"{more:,} more connection{' fits' if more == 1 else 's fit'} it less well."


_NAMED: Final = 5
_FITS: Final = 3


def nothing(report: Report, chosen: int) -> str | None:
    """Why there is no connection to show, and what there was instead; None where some were `chosen`."""
    if chosen:
        return None
    if report.sessions:
        return f"No connection fits the options; the capture has {len(report.sessions):,}."
    frames = sum(capture.frames for capture in report.captures)
    if not frames:
        return "No SSH: the capture holds no frame."
    counts: dict[str, int] = {}
    for capture in report.captures:
        for name, count in capture.protocols.items():
            counts[name] = counts.get(name, 0) + count
    instead = ", ".join(f"{count:,} {_PROTOCOL_WORDS.get(name, name)}" for name, count in sorted(
        counts.items(), key=lambda item: -item[1]))  # fmt: skip
    hint = _other_connections(report)
    if counts.get("arp") and not counts.get("tcp"):
        hint += " ARP without TCP: the next hop may not answer, so that no SYN was ever sent."
    return (
        "No SSH in the capture: no connection on the SSH port, and none that begins with SSH-. It holds"
        f" {instead}.{hint}"
    )


def _other_connections(report: Report) -> str:
    ports = [(port, count) for capture in report.captures for port, count in capture.other_ports.items()]
    total = sum(count for _, count in ports)
    if not total:
        return ""
    named = ", ".join(port for port, _ in ports)
    verb = "connection that is" if total == 1 else "connections that are"
    return f" {total:,} {verb} not SSH, to port{'' if len(ports) == 1 else 's'} {named}."


_PROTOCOL_WORDS: Final = {
    "tcp": "TCP segments",
    "udp": "UDP datagrams",
    "icmp": "ICMP messages",
    "arp": "ARP frames",
    "fragment": "IP fragments",
    "other": "frames of other protocols",
    "unreadable": "frames that cannot be read",
}


def seconds(ns: int) -> str:
    """A duration in at most six characters and a unit."""
    size = abs(ns)
    if size < 1_000_000:
        return f"{ns / 1_000:.0f} µs"
    if size < 1_000_000_000:
        return f"{ns / 1_000_000:.1f} ms"
    if size < 120_000_000_000:
        return f"{ns / 1e9:.1f} s"
    return f"{ns / 60e9:.0f} min" if size < 7_200_000_000_000 else f"{ns / 3.6e12:.1f} h"


def moment(ns: int) -> str:
    """A moment in UTC, to the millisecond."""
    return Clock().moment(ns)
