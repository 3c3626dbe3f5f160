"""Live frames on Linux: a ring of blocks that the kernel fills and we read in place (packet(7), TPACKET_V3).

One interface is read with its own link layer. Several, or all of them, come through one ring in the order of arrival,
from their network layer on, with the header LINKTYPE_LINUX_SLL2 written in front; so their link types do not matter. A
block of the ring goes back to the kernel when the next `FrameBlock` is asked for.
"""

import ctypes
import errno
import fcntl
import mmap
import os
import select
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from sshpcap import limits
from sshpcap.capture import bpf
from sshpcap.capture.errors import CaptureError, Notices
from sshpcap.capture.live import Interface, reason
from sshpcap.frames import Bytes, FrameBlock, Int64s
from sshpcap.model import Capture, Timestamp

ANY: Final = "any"

# <linux/if_packet.h>
_SOL_PACKET, _ETH_P_ALL = 263, 3
_ADD_MEMBERSHIP, _RX_RING, _STATISTICS, _VERSION, _RESERVE, _IGNORE_OUTGOING = 1, 5, 6, 10, 12, 23
_TPACKET_V3: Final = 2
_MEMBERSHIP_PROMISCUOUS: Final = 1
_STATUS_USER: Final = 1
_VLAN_VALID, _VLAN_TPID_VALID = 0x10, 0x40
_ETH_P_8021Q: Final = 0x8100
_FRAME_SLOT: Final = 2048
"""Only its product with their number counts in version 3: frames take the room that they need."""
_SLL2_BYTES, _TAG_BYTES = 20, 4
_HEADROOM: Final = 32

# Octets in struct tpacket3_hdr and, behind it, struct sockaddr_ll.
_NEXT, _SECOND, _NANOSECOND, _CAPTURED, _LENGTH, _STATUS, _MAC, _VLAN_TCI, _VLAN_TPID = 0, 4, 8, 12, 16, 20, 24, 32, 36
_ADDRESS: Final = 48

_FLAGS, _HARDWARE_ADDRESS = 0x8913, 0x8927  # SIOCGIFFLAGS, SIOCGIFHWADDR

_NO_ROWS: Final = np.empty(0, dtype=np.int64)

# Hardware types of <linux/if_arp.h> whose frames are read as they come; of all others from the network layer on.
_LINK_TYPES: Final = {1: 1, 772: 1, 65534: 101, 768: 12, 776: 12, 801: 105, 803: 127}


def interfaces() -> list[Interface]:
    """The network interfaces of this host (of this network namespace)."""
    return [_interface(number, name) for number, name in socket.if_nameindex()]


def _interface(number: int, name: str) -> Interface:
    """What the kernel says of it (netdevice(7)); not /sys, which may be that of another namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        request = struct.pack("16s24x", name.encode())
        (hardware,) = struct.unpack_from("=H", fcntl.ioctl(asking, _HARDWARE_ADDRESS, request), 16)
        (flags,) = struct.unpack_from("=H", fcntl.ioctl(asking, _FLAGS, request), 16)
    return Interface(name, number, _LINK_TYPES.get(hardware, bpf.COOKED), bool(flags & 1))


class LiveRing:
    """An open ring: iterate `blocks()`, ask `describe()` at any time. Raises CaptureError where it cannot be opened.

    Needs CAP_NET_RAW while it is opened, and nothing afterwards.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        ports: Sequence[int],
        expression: str | None = None,
        promiscuous: bool = False,
        ring_bytes: int = limits.RING_BYTES,
    ) -> None:
        self.name = ",".join(names)
        self.notices = Notices()
        self._chosen = _chosen(names)
        alone = len(names) == 1 and names[0] != ANY
        self.link_type = self._chosen[0].link_type if alone else bpf.COOKED
        self._cooked = self.link_type == bpf.COOKED
        self._numbers = {one.number: at for at, one in enumerate(self._chosen)}
        self._frames = self._bytes = self._dropped = self._truncated = 0
        self._first_time: int | None = None
        self._last_time: int | None = None
        self._held: list[int] = []
        """Blocks of the ring that the last `FrameBlock` is in."""
        self._at = 0
        self._any = ANY in names
        self._look_at = 0.0
        wanted = [] if self._any else [one.number for one in self._chosen]
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM if self._cooked else socket.SOCK_RAW, 0)
            # The filter is there before the first frame is: protocol 0 means none until `_bind`.
            bpf.attach(self._socket, self._program(ports, expression, wanted))
            self._open(self._chosen[0].number if alone else 0, ring_bytes)
            if promiscuous:
                self._look_at_everything()
        except OSError as error:
            self.close()
            raise CaptureError(reason(error), self.name) from None
        except CaptureError:
            self.close()
            raise

    def _program(self, ports: Sequence[int], expression: str | None, wanted: list[int]) -> bpf.Program:
        several = wanted if self._cooked else []
        if expression is None:
            return bpf.for_ports(ports, self.link_type, interfaces=several)
        if self._cooked:
            return bpf.from_expression(expression, None, interfaces=several)
        return bpf.from_expression(expression, self._chosen[0].name)

    def _open(self, number: int, ring_bytes: int) -> None:
        self._mapped: mmap.mmap | None = None
        self._socket.setsockopt(_SOL_PACKET, _VERSION, _TPACKET_V3)
        self._socket.setsockopt(_SOL_PACKET, _RESERVE, _HEADROOM)
        size, self._count = limits.RING_BLOCK_BYTES, max(4, ring_bytes // limits.RING_BLOCK_BYTES)
        slots = size // _FRAME_SLOT * self._count
        request = struct.pack("7I", size, self._count, _FRAME_SLOT, slots, limits.RING_BLOCK_MS, 0, 0)
        self._socket.setsockopt(_SOL_PACKET, _RX_RING, request)
        self._mapped = mmap.mmap(self._socket.fileno(), size * self._count, mmap.MAP_SHARED)
        self._octets: Bytes = np.frombuffer(self._mapped, dtype=np.uint8)
        if number and self._chosen[0].name == "lo":
            self._socket.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)  # what goes out also comes in
        _bind(self._socket, number)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN | select.POLLERR)

    def _look_at_everything(self) -> None:
        for one in self._chosen:
            request = struct.pack("=iHH8s", one.number, _MEMBERSHIP_PROMISCUOUS, 0, b"")
            self._socket.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, request)

    def close(self) -> None:
        """Close the socket and unmap the ring; blocks that were yielded are gone."""
        if hasattr(self, "_octets"):
            self.drops()
            del self._octets
        if getattr(self, "_socket", None) is not None:
            self._socket.close()

    def __enter__(self) -> "LiveRing":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def drops(self) -> int:
        """Frames that the kernel could not put into the ring, from the beginning."""
        if self._socket.fileno() >= 0:
            # The kernel counts from the last question.
            _, dropped, _ = struct.unpack("3I", self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 12))
            self._dropped += dropped
        return self._dropped

    def describe(self) -> tuple[Capture, ...]:
        """What was read so far."""
        return (
            Capture(
                path=self.name,
                format="live",
                compression=None,
                link_types=(self.link_type,),
                frames=self._frames,
                bytes=self._bytes,
                first_time=None if self._first_time is None else Timestamp(self._first_time),
                last_time=None if self._last_time is None else Timestamp(self._last_time),
                snaplen=None,
                truncated_frames=self._truncated,
                interface_drops=self.drops(),
                notices=self.notices.listed(),
            ),
        )

    # --- frames out ------------------------------------------------------------------------------------------------

    def blocks(self) -> Iterator[FrameBlock]:
        """All frames, for ever; a block without frames when nothing came for `limits.IDLE_SECONDS`."""
        empty = FrameBlock(self._octets, *[_NO_ROWS] * 7)
        while True:
            self._look_for_them()
            block = self._ready()
            if block is None:
                self._wait()
                self._gather()
                block = self._ready()
            yield block or empty
            block = None
            self._release()

    def _ready(self) -> FrameBlock | None:
        """What stands in the ring now, up to a quarter of it: the rest stays free for what comes meanwhile."""
        starts: list[int] = []
        mapped, step_of, keep = self._map, _NEXT_OFFSET, starts.append
        for _ in range(max(1, self._count // 4)):
            base = self._at * limits.RING_BLOCK_BYTES
            status, frames, first = struct.unpack_from("=III", mapped, base + 8)
            if not status & _STATUS_USER or len(starts) >= limits.RING_FRAMES:
                break
            self._held.append(base)
            self._at = (self._at + 1) % self._count
            at = base + first
            for _ in range(frames):
                keep(at)
                (step,) = step_of(mapped, at)
                at += step
        return self._block(np.array(starts, dtype=np.int64)) if starts else None

    @property
    def _map(self) -> mmap.mmap:
        assert self._mapped is not None
        return self._mapped

    def _release(self) -> None:
        for base in self._held:
            struct.pack_into("=I", self._map, base + 8, 0)
        self._held = []

    def _wait(self) -> None:
        for _, event in self._poll.poll(limits.IDLE_SECONDS * 1000):
            if not event & select.POLLERR:
                continue
            trouble = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if trouble == errno.ENETDOWN:
                # The socket stays and goes on when the interface comes up again.
                self.notices.add("interface-down", "the interface went down; nothing was seen while it was")
            elif trouble:
                raise CaptureError(os.strerror(trouble).lower(), self.name)

    def _look_for_them(self) -> None:
        """Every so often: an interface that is gone never comes back, for another one of its name has another number.
        Raises CaptureError when none is left."""
        if self._any or time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + limits.RING_LOOK_SECONDS
        there = {number for number, _ in socket.if_nameindex()}
        for gone in [one for one in self._chosen if one.number not in there]:
            self._chosen.remove(gone)
            self.notices.add("interface-gone", f"the interface {gone.name} is gone; one that comes in its place is not"
                             " listened on")  # fmt: skip
        if not self._chosen:
            raise CaptureError("the interface is gone", self.name)

    def _gather(self) -> None:
        """Let some frames come together, while the ring is nearly empty: a block costs as much with ten as with a
        thousand."""
        ahead = (self._at + self._count // 8) % self._count * limits.RING_BLOCK_BYTES
        for _ in range(limits.RING_GATHER_STEPS):
            if struct.unpack_from("=I", self._map, ahead + 8)[0] & _STATUS_USER:
                break
            time.sleep(limits.RING_GATHER_SECONDS / limits.RING_GATHER_STEPS)

    def _block(self, starts: Int64s) -> FrameBlock:
        octets = self._octets

        def word(at: int) -> Int64s:
            words = np.ndarray((len(octets) - 3,), dtype=np.uint32, buffer=octets.data, strides=(1,))
            return words[starts + at].astype(np.int64)

        def half(at: int) -> Int64s:
            halves = np.ndarray((len(octets) - 1,), dtype=np.uint16, buffer=octets.data, strides=(1,))
            return halves[starts + at].astype(np.int64)

        offset = starts + half(_MAC)
        captured, original = word(_CAPTURED), word(_LENGTH)
        number = word(_ADDRESS + 4)
        times = word(_SECOND) * 1_000_000_000 + word(_NANOSECOND)
        status = word(_STATUS)
        tpid = np.where(status & _VLAN_TPID_VALID, half(_VLAN_TPID), _ETH_P_8021Q)
        tagged = np.flatnonzero(status & _VLAN_VALID)
        if self._cooked:
            grown = self._write_headers(starts, offset, number)
        else:
            grown = np.zeros(len(starts), dtype=np.int64)
            if self.link_type == 1 and len(tagged):
                self._write_tags(offset[tagged], tpid[tagged], word(_VLAN_TCI)[tagged])
                grown[tagged] = _TAG_BYTES
        first = self._frames + 1
        self._frames += len(starts)
        self._bytes += int(captured.sum())
        self._truncated += int(np.count_nonzero(captured < original))
        self._first_time = int(times[0]) if self._first_time is None else self._first_time
        self._last_time = max(self._last_time or 0, int(times[-1]))
        return FrameBlock(
            octets,
            number=np.arange(first, first + len(starts), dtype=np.int64),
            offset=offset - grown,
            captured=captured + grown,
            original=original + grown,
            time=times,
            link_type=np.full(len(starts), self.link_type, dtype=np.int64),
            interface=np.array([self._number(one) for one in number.tolist()], dtype=np.int64)
            if self._cooked
            else np.zeros(len(starts), dtype=np.int64),
        )

    def _number(self, interface: int) -> int:
        """Interfaces count from 0 in the order of their first frame, after those that were named."""
        known = self._numbers.get(interface)
        if known is None:
            if len(self._numbers) >= limits.MAX_INTERFACES:
                return 0
            known = self._numbers[interface] = len(self._numbers)
        return known

    def _write_tags(self, offset: Int64s, tpid: Int64s, control: Int64s) -> None:
        """The VLAN tag that the kernel keeps beside a frame goes back behind the addresses, as it was on the wire."""
        octets = self._octets
        for octet in range(12):
            octets[offset - _TAG_BYTES + octet] = octets[offset + octet]
        for at, value in ((8, tpid >> 8), (9, tpid & 0xFF), (10, control >> 8), (11, control & 0xFF)):
            octets[offset + at] = value

    def _write_headers(self, starts: Int64s, offset: Int64s, number: Int64s) -> Int64s:
        """LINKTYPE_LINUX_SLL2 in front of every frame: protocol, 0, interface, hardware type, packet type, address.

        The protocol of a frame whose VLAN tag the kernel took out is the one behind it. Of two tags it takes out one
        and names what is behind both (vlan_get_protocol_dgram): then the second is told.
        """
        octets, address = self._octets, starts + _ADDRESS
        at = offset - _SLL2_BYTES
        for octet in range(2):
            octets[at + octet] = octets[address + 2 + octet]  # in network order already
            octets[at + 2 + octet] = 0
            octets[at + 8 + octet] = octets[address + 9 - octet]
        for octet in range(4):
            octets[at + 4 + octet] = number >> (24 - 8 * octet) & 0xFF
        octets[at + 10] = octets[address + 10]
        octets[at + 11] = octets[address + 11]
        for octet in range(8):
            octets[at + 12 + octet] = octets[address + 12 + octet]
        for protocol, version in ((0x0800, 4), (0x86DD, 6)):
            high, low = protocol >> 8, protocol & 0xFF
            rows = (octets[at] == high) & (octets[at + 1] == low) & (octets[offset] >> 4 != version)
            rows &= (octets[offset + 2] == high) & (octets[offset + 3] == low) & (octets[offset + 4] >> 4 == version)
            octets[at[rows]], octets[at[rows] + 1] = _ETH_P_8021Q >> 8, _ETH_P_8021Q & 0xFF
        return np.full(len(starts), _SLL2_BYTES, dtype=np.int64)


def _bind(to: socket.socket, number: int) -> None:
    """Begin to receive from the interface with this number, or from all (0), which `socket.bind` cannot ask for."""
    address = struct.pack("=HHiHBB8x", socket.AF_PACKET, socket.htons(_ETH_P_ALL), number, 0, 0, 0)
    if ctypes.CDLL(None, use_errno=True).bind(to.fileno(), address, len(address)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


_NEXT_OFFSET: Final = struct.Struct("=I").unpack_from


def _chosen(names: Sequence[str]) -> list[Interface]:
    known = {one.name: one for one in interfaces()}
    for name in names:
        if name not in known and name != ANY:
            raise CaptureError(f"no such interface; there are {', '.join(known) or 'none'}", name)
    if ANY in names:
        return list(known.values())
    return [known[name] for name in dict.fromkeys(names)]
