"""Rows for the frames that a timeline leaves out: what `--verbose` adds. Pure: values in, values out."""

from collections.abc import Iterable

from sshpcap import limits
from sshpcap.excerpt.again import Found, endpoint
from sshpcap.frames import ACK, FIN, PSH, RST, SYN, Segment
from sshpcap.model import Duration, Session, TimelineEntry, Timestamp

_FLAGS = ((SYN, "SYN"), (FIN, "FIN"), (RST, "RST"), (PSH, "PSH"), (ACK, "ACK"))


def minor_rows(found: Iterable[Found]) -> dict[int, tuple[TimelineEntry, ...]]:
    """A row for every frame, by connection, up to `limits.SHOWN_FRAMES` of each; the last one then says so."""
    rows: dict[int, list[TimelineEntry]] = {}
    for one in found:
        mine = rows.setdefault(one.session.index, [])
        if len(mine) < limits.SHOWN_FRAMES:
            mine.append(_row(one))
        elif len(mine) == limits.SHOWN_FRAMES:
            mine.append(
                _entry(one, "none", "not-shown", f"more frames than {limits.SHOWN_FRAMES:,}: these are not listed")
            )
    return {index: tuple(listed) for index, listed in rows.items()}


def _row(one: Found) -> TimelineEntry:
    if not isinstance(one.carries, Segment):
        what = "a fragment of a packet that a later frame completes" if one.carries is None else "an ICMP error"
        return _entry(one, "none", "fragment", what)
    segment = one.carries
    sender = "client" if segment.source == endpoint(one.session.client) else "server"
    flags = ", ".join(name for bit, name in _FLAGS if segment.flags & bit)
    if not segment.length:
        text = f"acknowledges ({flags})" if segment.flags == ACK else f"sends {flags or 'no flag'} without data"
        return _entry(one, sender, "acknowledgement", text)
    part = _part_of(one.session, one.frame, sender)
    return _entry(one, sender, "segment", f"sends {segment.length:,} octets{part} ({flags})")


def _part_of(session: Session, frame: int, sender: str) -> str:
    names = [m.name for m in session.messages if m.sender == sender and frame in m.frames]
    return f" of {', '.join(names)}" if names else ""


def _entry(one: Found, sender: str, kind: str, text: str) -> TimelineEntry:
    side = sender if sender in ("client", "server") else "none"
    return TimelineEntry(
        frame=one.frame, time=Timestamp(one.time), delta=Duration(0), sender=side, kind=kind, text=text  # type: ignore[arg-type]
    )  # fmt: skip
