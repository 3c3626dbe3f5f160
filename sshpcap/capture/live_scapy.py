"""Live frames with scapy's sockets: where there is no ring of Linux's (macOS, BSD, Windows with Npcap).

Slower by a factor of ten (see benchmarks/README.md) and without counters of loss. scapy is only asked for octets and
times, never for its reading of them.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from sshpcap import limits
from sshpcap.capture.errors import CaptureError, Notices
from sshpcap.capture.live import Interface, reason
from sshpcap.frames import FrameBlock
from sshpcap.model import Capture, Timestamp

_ANY: Final = "any"
_ETHERNET: Final = 1
_ICMP_ERRORS: Final = "icmp[0] == 3 or icmp[0] == 4 or icmp[0] == 11 or icmp[0] == 12"
_ICMP6_ERRORS: Final = "icmp6 and ip6[40] < 128"


def expression_for(ports: Sequence[int]) -> str:
    """TCP from and to these ports and ICMP errors, with a VLAN tag too, in the language of pcap-filter(7)."""
    tcp = " or ".join(f"tcp port {port}" for port in sorted(set(ports)))
    plain = f"{tcp} or {_ICMP_ERRORS} or ({_ICMP6_ERRORS})"
    return f"{plain} or (vlan and ({plain}))"


def interfaces() -> list[Interface]:
    """The network interfaces that scapy finds."""
    conf = _scapy()
    found = sorted(conf.ifaces.values(), key=lambda one: one.index)
    return [Interface(one.name, one.index, _ETHERNET, one.is_valid()) for one in found]


def _scapy() -> Any:
    try:
        import scapy.all as scapy
    except ImportError:
        raise CaptureError("live capture on this system needs scapy: pip install 'sshpcap[live]'", "scapy") from None
    return scapy.conf


class LiveSocket:
    """Open sockets: iterate `blocks()`, ask `describe()` at any time. Raises CaptureError where none can be opened."""

    def __init__(
        self, names: Sequence[str], *, ports: Sequence[int], expression: str | None = None, promiscuous: bool = False
    ) -> None:
        self.name = ",".join(names)
        self.notices = Notices()
        self._frames = self._bytes = 0
        self._first_time: int | None = None
        self._last_time: int | None = None
        self._sockets: list[Any] = []
        conf = _scapy()
        known = [one.name for one in interfaces()]
        chosen = known if _ANY in names else list(dict.fromkeys(names))
        wanted = expression or expression_for(ports)
        try:
            for name in chosen:
                if name not in known:
                    raise CaptureError(f"no such interface; there are {', '.join(known) or 'none'}", name)
                self._sockets.append(conf.L2listen(iface=name, filter=wanted, promisc=promiscuous))
        except OSError as error:
            self.close()
            raise CaptureError(reason(error), self.name) from None
        except CaptureError:
            self.close()
            raise
        except Exception as error:  # scapy has one of its own for a filter that cannot be compiled
            self.close()
            raise CaptureError(str(error), self.name) from None
        numbers = conf.l2types.layer2num
        self._link_types = [int(numbers.get(one.LL, _ETHERNET)) for one in self._sockets]

    def close(self) -> None:
        """Close the sockets."""
        for one in self._sockets:
            one.close()
        self._sockets = []

    def __enter__(self) -> "LiveSocket":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def describe(self) -> tuple[Capture, ...]:
        """What was read so far; what was lost is not known."""
        return (
            Capture(
                path=self.name,
                format="live",
                compression=None,
                link_types=tuple(dict.fromkeys(self._link_types)),
                frames=self._frames,
                bytes=self._bytes,
                first_time=None if self._first_time is None else Timestamp(self._first_time),
                last_time=None if self._last_time is None else Timestamp(self._last_time),
                snaplen=None,
                truncated_frames=0,
                interface_drops=None,
                notices=self.notices.listed(),
            ),
        )

    def blocks(self) -> Iterator[FrameBlock]:
        """All frames, for ever; a block without frames when nothing came for `limits.IDLE_SECONDS`."""
        while True:
            rows: list[tuple[int, int, bytes]] = []
            until = time.monotonic() + limits.IDLE_SECONDS
            while (left := until - time.monotonic()) > 0:
                if rows and left < limits.IDLE_SECONDS / 2:
                    break
                ready, _ = self._sockets[0].select(self._sockets, left), None
                for one in ready:
                    rows += self._read(one)
                if len(rows) >= limits.PORTABLE_FRAMES:
                    break
            yield self._block(rows)

    def _read(self, one: Any) -> Iterator[tuple[int, int, bytes]]:
        with contextlib.suppress(BlockingIOError):
            _, octets, moment = one.recv_raw(limits.MAX_CAPTURED_BYTES)
            if octets:
                # scapy gives seconds as a float: no more than microseconds of it are true.
                at = time.time_ns() if moment is None else round(float(moment) * 1_000_000) * 1000
                yield self._sockets.index(one), at, bytes(octets)

    def _block(self, rows: list[tuple[int, int, bytes]]) -> FrameBlock:
        octets = np.frombuffer(bytearray(b"".join(frame for _, _, frame in rows) or bytes(1)), dtype=np.uint8)
        captured = np.array([len(frame) for _, _, frame in rows], dtype=np.int64)
        times = np.array([at for _, at, _ in rows], dtype=np.int64)
        first = self._frames + 1
        self._frames += len(rows)
        self._bytes += int(captured.sum())
        if rows:
            self._first_time = int(times[0]) if self._first_time is None else self._first_time
            self._last_time = max(self._last_time or 0, int(times.max()))
        return FrameBlock(
            octets,
            number=np.arange(first, first + len(rows), dtype=np.int64),
            offset=np.cumsum(captured) - captured,
            captured=captured,
            original=captured,
            time=times,
            link_type=np.array([self._link_types[which] for which, _, _ in rows], dtype=np.int64),
            interface=np.array([which for which, _, _ in rows], dtype=np.int64),
        )
