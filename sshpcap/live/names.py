"""Interfaces and sources in words."""

from collections.abc import Iterable, Iterator

from sshpcap.capture.live import Interface, LiveSource
from sshpcap.net.link import link_name
from sshpcap.report.view import safe


def listed(interfaces: Iterable[Interface]) -> Iterator[str]:
    """A line for each interface, and one for all of them."""
    rows = [(safe(one.name), "up" if one.up else "down", link_name(one.link_type)) for one in interfaces]
    wide = max(len(name) for name, _, _ in (*rows, ("any", "", "")))
    for name, state, link in rows:
        yield f"{name:<{wide}}  {state:<4}  {link}"
    yield f"{'any':<{wide}}  {'':<4}  all of them"


def named(source: LiveSource) -> str:
    """What is listened to."""
    capture = source.describe()[-1]
    if capture.path == "-":
        return "standard input"
    return f"{safe(capture.path)} ({', '.join(map(link_name, capture.link_types))})"
