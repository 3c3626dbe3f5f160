"""The filter in the kernel, so that what cannot matter is never copied: classic BPF (bpf(4), Linux's filter.rst).

Written here for the ports where SSH is expected, or compiled by libpcap from the user's own expression. Must not know:
sockets' rings, what becomes of the frames.
"""

import ctypes
import ctypes.util
import socket
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from sshpcap import limits
from sshpcap.capture.errors import CaptureError

SO_ATTACH_FILTER: Final = 26
"""<asm-generic/socket.h>; the socket module does not name it."""

_INSTRUCTION: Final = struct.Struct("=HBBI")

# Loads: word, half-word, octet; at a fixed place, or X octets further on.
_LD_WORD, _LD_HALF, _LD_OCTET = 0x20, 0x28, 0x30
_LD_HALF_X, _LD_OCTET_X = 0x48, 0x50
_LD_MEMORY, _STORE = 0x60, 0x02
_LDX = 0x01
_ADD, _ADD_X, _SHIFT_LEFT, _AND = 0x04, 0x0C, 0x64, 0x54
_JUMP, _IF_EQUAL, _IF_ABOVE, _IF_ANY_BIT = 0x05, 0x15, 0x25, 0x45
_TO_X, _TO_A = 0x07, 0x87
_RETURN = 0x06

# Linux keeps what is known of a frame beside its octets at negative offsets (<linux/filter.h>, SKF_AD_…).
_BESIDE: Final = 0xFFFFF000
_PROTOCOL: Final = _BESIDE
_PACKET_TYPE: Final = _BESIDE + 4
_INTERFACE: Final = _BESIDE + 8
_HARDWARE_TYPE: Final = _BESIDE + 28

_PACKET_OUTGOING: Final = 4
_LOOPBACK: Final = 772
_VLAN_TAGS: Final = (0x8100, 0x88A8, 0x9100, 0x9200)
_IPV4, _IPV6 = 0x0800, 0x86DD
_TCP, _ICMP, _ICMP6 = 6, 1, 58
# Unreachable, source quench, time exceeded, parameter problem (RFC 792); the errors of RFC 4443.
_ICMP_ERRORS: Final = (3, 4, 11, 12)
_ICMP6_ERRORS: Final = (1, 2, 3, 4)
_EXTENSIONS: Final = (0, 43, 44, 51, 60, 135)

COOKED: Final = 276
"""Link type of frames that are read from their network layer on (LINKTYPE_LINUX_SLL2)."""
_ETHERNET: Final = 1
_RAW: Final = (12, 101)


class Instruction(NamedTuple):
    """One instruction of a classic BPF program."""

    code: int
    if_true: int
    if_false: int
    value: int


Program = tuple[Instruction, ...]


class _Assembler:
    """Collects instructions; jumps go to names, which are placed later and always further on."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, str | None, str | None, int]] = []
        self._places: dict[str, int] = {}

    def put(self, code: int, value: int = 0) -> None:
        self._rows.append((code, None, None, value))

    def test(self, code: int, value: int, then: str | None, otherwise: str | None = None) -> None:
        """A conditional jump; None goes on with the next instruction."""
        self._rows.append((code, then, otherwise, value))

    def any_of(self, values: Sequence[int], then: str) -> None:
        for value in values:
            self.test(_IF_EQUAL, value, then)

    def go(self, where: str) -> None:
        self._rows.append((_JUMP, where, None, 0))

    def place(self, name: str) -> None:
        self._places[name] = len(self._rows)

    def program(self) -> Program:
        done = []
        for here, (code, then, otherwise, value) in enumerate(self._rows, 1):
            ways = [0 if name is None else self._places[name] - here for name in (then, otherwise)]
            if code == _JUMP:
                done.append(Instruction(code, 0, 0, ways[0]))
            else:
                done.append(Instruction(code, ways[0], ways[1], value))
        return tuple(done)


def for_ports(
    ports: Sequence[int], link_type: int, *, interfaces: Sequence[int] = (), snaplen: int = limits.MAX_CAPTURED_BYTES
) -> Program:
    """Passes TCP from and to these ports, ICMP errors, and fragments that may belong to such segments.

    IPv4 and IPv6, behind up to two VLAN tags that are still in the frame (Linux takes the outermost one out). Tunnels
    need an expression of the user's. With `interfaces` (their numbers) only frames of those.
    """
    if not 0 < len(ports) <= limits.MAX_FILTER_PORTS:
        raise ValueError(f"a filter has 1 to {limits.MAX_FILTER_PORTS} ports")
    code = _Assembler()
    _only(code, interfaces, link_type)
    _network_layer(code, link_type)
    _ipv4(code)
    _ipv6(code)
    code.place("ports")  # X is where the TCP header begins
    for at in (0, 2):
        code.put(_LD_HALF_X, at)
        code.any_of(sorted(set(ports)), "pass")
    code.place("drop")
    code.put(_RETURN, 0)
    code.place("pass")
    code.put(_RETURN, snaplen)
    return code.program()


def _only(code: _Assembler, interfaces: Sequence[int], link_type: int) -> None:
    """Frames of these interfaces; of a loopback interface not the copy that goes out, for it also comes in."""
    if interfaces:
        code.put(_LD_WORD, _INTERFACE)
        code.any_of(interfaces, "wanted")
        code.put(_RETURN, 0)
        code.place("wanted")
    if link_type == COOKED:
        code.put(_LD_WORD, _HARDWARE_TYPE)
        code.test(_IF_EQUAL, _LOOPBACK, None, "link")
        code.put(_LD_WORD, _PACKET_TYPE)
        code.test(_IF_EQUAL, _PACKET_OUTGOING, None, "link")
        code.put(_RETURN, 0)
        code.place("link")


def _network_layer(code: _Assembler, link_type: int) -> None:
    """Go on at "ipv4" or "ipv6" with X where the network layer begins."""
    if link_type in _RAW:
        code.put(_LDX, 0)
        code.put(_LD_OCTET, 0)
        code.put(_AND, 0xF0)
        code.test(_IF_EQUAL, 0x40, "ipv4")
        code.test(_IF_EQUAL, 0x60, "ipv6")
        code.put(_RETURN, 0)
        return
    start, load, at = (0, _LD_WORD, _PROTOCOL) if link_type == COOKED else (14, _LD_HALF, 12)
    code.put(_LDX, start)
    code.put(load, at)
    for tag in range(2):
        code.test(_IF_EQUAL, _IPV4, "ipv4")
        code.test(_IF_EQUAL, _IPV6, "ipv6")
        code.any_of(_VLAN_TAGS, f"tag {tag}")
        code.put(_RETURN, 0)
        code.place(f"tag {tag}")  # control information, then the inner ethertype
        code.put(_LD_HALF_X, 2)
        code.put(_STORE, 0)
        code.put(_TO_A)
        code.put(_ADD, 4)
        code.put(_TO_X)
        code.put(_LD_MEMORY, 0)
    code.test(_IF_EQUAL, _IPV4, "ipv4")
    code.test(_IF_EQUAL, _IPV6, "ipv6")
    code.put(_RETURN, 0)


def _ipv4(code: _Assembler) -> None:
    code.place("ipv4")
    code.put(_LD_OCTET_X, 9)
    code.put(_STORE, 0)
    code.test(_IF_EQUAL, _TCP, "carries")
    code.test(_IF_EQUAL, _ICMP, "carries")
    code.put(_RETURN, 0)
    code.place("carries")
    code.put(_LD_HALF_X, 6)
    code.test(_IF_ANY_BIT, 0x1FFF, "fragment")
    code.put(_LD_OCTET_X, 0)  # header length in words of 32 bits
    code.put(_AND, 0x0F)
    code.put(_SHIFT_LEFT, 2)
    code.put(_ADD_X)
    code.put(_TO_X)
    code.put(_LD_MEMORY, 0)
    code.test(_IF_EQUAL, _TCP, "ports 4")
    code.put(_LD_OCTET_X, 0)
    code.any_of(_ICMP_ERRORS, "pass 4")
    code.put(_RETURN, 0)
    code.place("fragment")  # the ports are in another fragment
    code.put(_LD_MEMORY, 0)
    code.test(_IF_EQUAL, _TCP, "pass 4")
    code.put(_RETURN, 0)
    code.place("pass 4")
    code.go("pass")
    code.place("ports 4")
    code.go("ports")


def _ipv6(code: _Assembler) -> None:
    code.place("ipv6")
    code.put(_LD_OCTET_X, 6)
    code.test(_IF_EQUAL, _TCP, "tcp 6")
    code.any_of(_EXTENSIONS, "pass 6")  # rare: looked through where there is more room to do so
    code.test(_IF_EQUAL, _ICMP6, "icmp 6")
    code.put(_RETURN, 0)
    code.place("icmp 6")
    code.put(_LD_OCTET_X, 40)
    code.any_of(_ICMP6_ERRORS, "pass 6")
    code.put(_RETURN, 0)
    code.place("pass 6")
    code.go("pass")
    code.place("tcp 6")
    code.put(_TO_A)
    code.put(_ADD, 40)
    code.put(_TO_X)


NOTHING: Final[Program] = (Instruction(_RETURN, 0, 0, 0),)


def attach(to: socket.socket, program: Program) -> None:
    """Put a filter on a socket. Raises OSError."""
    octets = b"".join(_INSTRUCTION.pack(*instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(octets, len(octets))
    to.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(buffer)))


# --- the user's own expression ---------------------------------------------------------------------------------------

_ERROR_BYTES: Final = 256
_NETMASK_UNKNOWN: Final = 0xFFFFFFFF


class _BpfProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.c_void_p))


def from_expression(expression: str, interface: str | None, *, interfaces: Sequence[int] = ()) -> Program:
    """What libpcap makes of an expression (pcap-filter(7)) for an interface; None: for frames without link layer.

    It has to open the interface, because Linux takes the VLAN tag out of the frame and libpcap needs to know that.
    Raises CaptureError for what is no expression, and where there is no libpcap.
    """
    if interface is not None:
        return _compiled(expression, interface)
    code = _Assembler()
    _only(code, interfaces, COOKED)
    return (*code.program(), *(_cooked(instruction) for instruction in _compiled(expression, "any")))


def _cooked(instruction: Instruction) -> Instruction:
    """An instruction that reads the header libpcap shows (LINKTYPE_LINUX_SLL), for frames that begin behind it."""
    code, if_true, if_false, value = instruction
    if code & 7 > 1 or code & 0xE0 not in _FROM_FRAME or value >= _BESIDE:
        return instruction
    if value >= _SLL_BYTES:
        return Instruction(code, if_true, if_false, value - _SLL_BYTES)
    beside = {0: _PACKET_TYPE, 2: _HARDWARE_TYPE, 14: _PROTOCOL}.get(value)
    if beside is None:
        raise CaptureError("the expression asks for link-layer addresses, which several interfaces do not have", "any")
    return Instruction(_LD_WORD, if_true, if_false, beside)


_FROM_FRAME: Final = (0x20, 0x40, 0xA0)
"""Addressing modes of loads: at a place, X further on, four times the lower half of an octet."""
_SLL_BYTES: Final = 16


def _compiled(expression: str, interface: str) -> Program:
    found = ctypes.util.find_library("pcap")
    try:
        library = ctypes.CDLL(found or "libpcap.so.0.8")
    except OSError:
        raise CaptureError(
            "an expression needs libpcap, which is not installed; --port needs it not", interface
        ) from None
    library.pcap_create.restype = ctypes.c_void_p
    library.pcap_geterr.restype = ctypes.c_char_p
    error = ctypes.create_string_buffer(_ERROR_BYTES)
    handle = library.pcap_create(interface.encode(), error)
    if not handle:
        raise CaptureError(error.value.decode(errors="replace"), interface)
    handle = ctypes.c_void_p(handle)
    try:
        library.pcap_set_snaplen(handle, limits.MAX_CAPTURED_BYTES)
        program = _BpfProgram()
        if library.pcap_activate(handle) < 0 or library.pcap_compile(
            handle, ctypes.byref(program), expression.encode(), 1, _NETMASK_UNKNOWN
        ):
            raise CaptureError(library.pcap_geterr(handle).decode(errors="replace"), interface)
        octets = ctypes.string_at(program.instructions, program.length * _INSTRUCTION.size)
        library.pcap_freecode(ctypes.byref(program))
    finally:
        library.pcap_close(handle)
    return tuple(Instruction(*row) for row in _INSTRUCTION.iter_unpack(octets))
