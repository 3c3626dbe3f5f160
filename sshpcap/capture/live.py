"""Opens what is captured live: a ring on Linux, scapy's socket elsewhere, or a pipe that another program writes."""

import errno
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from sshpcap import limits
from sshpcap.capture.merge import Captures
from sshpcap.capture.sources import STANDARD_INPUT
from sshpcap.frames import FrameBlock
from sshpcap.model import Capture


class LiveSource(Protocol):
    """What live capture asks of a source: frames while they come, blocks without any while none do."""

    def blocks(self) -> Iterator[FrameBlock]:
        """Blocks as they come; one without frames every `limits.IDLE_SECONDS` when nothing does."""

    def describe(self) -> tuple[Capture, ...]:
        """What was read so far, and what was lost."""

    def close(self) -> None:
        """Let go of it."""


class Interface(NamedTuple):
    """A network interface as the system lists it."""

    name: str
    number: int
    link_type: int
    """LINKTYPE_… of its frames as they will be read."""
    up: bool


def list_interfaces() -> "list[Interface]":
    """The network interfaces of this host (of this network namespace). Raises CaptureError."""
    if sys.platform.startswith("linux"):
        from sshpcap.capture.live_ring import interfaces
    else:
        from sshpcap.capture.live_scapy import interfaces
    return interfaces()


def open_live(
    names: Sequence[str],
    *,
    ports: Sequence[int],
    expression: str | None = None,
    promiscuous: bool = False,
    ring_bytes: int = limits.RING_BYTES,
    portable: bool = False,
) -> LiveSource:
    """Open interfaces, or standard input for "-". Raises CaptureError.

    `portable`: with scapy's socket, as it is done on systems without the ring.
    """
    if list(names) == [STANDARD_INPUT]:
        return Captures([STANDARD_INPUT])
    if portable or not sys.platform.startswith("linux"):
        from sshpcap.capture.live_scapy import LiveSocket

        return LiveSocket(names, ports=ports, expression=expression, promiscuous=promiscuous)
    from sshpcap.capture.live_ring import LiveRing

    return LiveRing(names, ports=ports, expression=expression, promiscuous=promiscuous, ring_bytes=ring_bytes)


def reason(error: OSError) -> str:
    """Why a capture could not be opened, in a line that says what to do."""
    if error.errno in (errno.EPERM, errno.EACCES):
        return (
            "capturing needs root or CAP_NET_RAW: use sudo, or give Python that capability (setcap cap_net_raw+ep), "
            "or let another program capture: sudo tcpdump -U -w - 'tcp port 22' | sshpcap live -"
        )
    return (error.strerror or str(error)).lower()
