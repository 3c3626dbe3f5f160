"""RFC 4253 §4.2, §6, §7.3: where lines and packets begin and end. Every vector is cut whole and octet by octet."""

import random
from typing import Any, NamedTuple, SupportsIndex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap import limits
from sshpcap.ssh.cut import Cutter, State, Unit
from sshpcap.ssh.wire import Malformed
from tests.support import sshbytes as ssh

IDENT = ssh.identification()
KEXINIT = ssh.packet(ssh.kexinit())
ECDH = ssh.packet(ssh.ecdh_init(bytes(32)))
NEWKEYS = ssh.packet(ssh.newkeys())
SECRET = bytes.fromhex("9c1f55e7aa0b1c2d3e4f5a6b7c8d9eaf")  # what might stand behind NEWKEYS

Holes = tuple[tuple[int, int], ...]


class Result(NamedTuple):
    """What came of a cut."""

    units: tuple[Unit, ...]
    state: State
    problem: Malformed | None
    at: int
    wanted: int

    @property
    def shape(self) -> list[tuple[str, int, int]]:
        return [(unit.kind, unit.start, unit.end) for unit in self.units]

    @property
    def reason(self) -> str:
        assert self.problem is not None
        assert self.problem.offset == self.at
        return self.problem.reason


def cut(octets: bytes, holes: Holes = (), *, anchored: bool = True) -> Result:
    """Cut a whole stream three ways that must agree: at once, as it grows octet by octet, and in large pieces."""
    results = []
    for step in (len(octets) or 1, 1, 1000):
        cutter, grown = Cutter(anchored=anchored), bytearray()
        for start in range(0, len(octets), step):
            grown += octets[start : start + step]
            known = tuple((first, min(end, len(grown))) for first, end in holes if first < len(grown))
            if step < len(octets):
                cutter.advance(grown, known)
        cutter.advance(octets, holes, final=True)
        results.append(Result(tuple(cutter.units), cutter.state, cutter.problem, cutter.at, cutter.wanted))
    assert results[0] == results[1] == results[2]
    return results[0]


def shape(*units: tuple[str, bytes]) -> list[tuple[str, int, int]]:
    """Where these units stand in a stream that is made of them."""
    at, listed = 0, []
    for kind, octets in units:
        listed.append((kind, at, at + len(octets)))
        at += len(octets)
    return listed


VECTORS: dict[str, tuple[list[tuple[str, bytes]], State]] = {
    "nothing": ([], State.LINES),
    "identification": ([("identification", IDENT)], State.PACKETS),
    "bare LF": ([("identification", b"SSH-2.0-x\n"), ("packet", KEXINIT)], State.PACKETS),
    "1.99": ([("identification", b"SSH-1.99-x\r\n"), ("packet", KEXINIT)], State.PACKETS),
    "no second dash": ([("identification", b"SSH-2.0\r\n"), ("packet", KEXINIT)], State.PACKETS),
    "ident and KEXINIT": ([("identification", IDENT), ("packet", KEXINIT)], State.PACKETS),
    "lines before it": (
        [("text", b"Welcome\r\n"), ("text", b"\n"), ("text", b"not SSH-2.0\r\n"), ("identification", IDENT)],
        State.PACKETS,
    ),
    "binary before it": ([("text", b"\x00\xff\x1b[2J\n"), ("identification", IDENT)], State.PACKETS),
    "a line of 8192 octets": ([("text", b"x" * 8191 + b"\n"), ("identification", IDENT)], State.PACKETS),
    "identification of 8192": ([("identification", b"SSH-2.0-" + b"x" * 8183 + b"\n")], State.PACKETS),
    "whole clear phase": (
        [("identification", IDENT), ("packet", KEXINIT), ("packet", ECDH), ("packet", NEWKEYS)],
        State.ENCRYPTED,
    ),
    "NUL and CR inside": ([("identification", b"SSH-2.0-a\x00b\rc\r\n"), ("packet", NEWKEYS)], State.ENCRYPTED),
    "padding of 255": (
        [("identification", IDENT), ("packet", ssh.packet(b"\x02", padding=255)), ("packet", NEWKEYS)],
        State.ENCRYPTED,
    ),
    "no padding": (
        [("identification", IDENT), ("packet", ssh.packet(ssh.unimplemented(1), padding=0))],
        State.PACKETS,
    ),
    "the shortest packet": ([("identification", IDENT), ("packet", ssh.packet(b"\x02", padding=3))], State.PACKETS),
    "the longest packet": (
        [("identification", IDENT), ("packet", ssh.packet(bytes(262144 - 5), padding=4)), ("packet", NEWKEYS)],
        State.ENCRYPTED,
    ),
    "unknown messages": (
        [("identification", IDENT), ("packet", ssh.packet(b"\xc0ping")), ("packet", ssh.packet(b"\x00"))],
        State.PACKETS,
    ),
    "SSH-1": ([("identification", b"SSH-1.5-1.2.27\n")], State.SSH1),
}
BEHIND = {
    State.LINES: b"SSH",
    State.PACKETS: b"\x00\x00\x00\x0c\x0a",
    State.ENCRYPTED: SECRET + b"\nSSH-2.0-x\n" + KEXINIT,
    State.SSH1: b"\x00\x00\x01\x0bpublic key",
}


@pytest.mark.parametrize("name", VECTORS)
def test_units(name: str) -> None:
    units, state = VECTORS[name]
    octets = b"".join(octets for _, octets in units)
    done = cut(octets)
    assert done.shape == shape(*units)
    assert (done.state, done.problem, done.at) == (state, None, len(octets))
    assert all(unit.complete for unit in done.units)
    # What follows, the beginning of a line or a packet or encrypted octets, changes nothing of what stands before it.
    behind = cut(octets + BEHIND[state])
    assert (behind.units, behind.state, behind.at) == (done.units, state, len(octets))


def test_payload_is_between_the_padding_length_and_the_padding() -> None:
    payload = ssh.disconnect(2, "bye")
    octets = IDENT + ssh.packet(payload, padding=11)
    unit = cut(octets).units[1]
    assert octets[unit.payload_start : unit.payload_end] == payload
    assert unit.end - unit.payload_end == 11


def test_what_is_wanted_is_known_as_soon_as_the_header_is() -> None:
    for size in (6, 100, len(KEXINIT) - 1):
        done = cut(IDENT + KEXINIT[:size])
        assert (done.state, done.wanted) == (State.PACKETS, len(IDENT) + len(KEXINIT))
    assert cut(IDENT + KEXINIT[:5]).wanted == 0
    assert cut(IDENT + KEXINIT).wanted == 0


# --- lines -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", [b"", b"SSH-2.0-"])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_that_is_too_long(head: bytes, end: bytes) -> None:
    done = cut(head + b"x" * (9000 - len(head)) + end)
    assert (done.units, done.state) == ((), State.STOPPED)
    assert "longer than 8,192" in done.reason


def test_a_line_without_its_end_is_no_unit() -> None:
    done = cut(b"SSH-2.0-x")
    assert (done.units, done.state, done.problem) == ((), State.LINES, None)


def test_as_many_lines_before_it_as_openssh_takes() -> None:
    done = cut(b"line\r\n" * 1024 + IDENT + KEXINIT)
    assert [unit.kind for unit in done.units[1023:]] == ["text", "identification", "packet"]
    done = cut(b"line\r\n" * 1025 + IDENT)
    assert (len(done.units), done.state) == (1025, State.STOPPED)
    assert "1,024 lines" in done.reason


# --- what is no packet -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, 4, 262145, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_length_that_cannot_be(length: int) -> None:
    done = cut(IDENT + length.to_bytes(4, "big") + b"\x04" + bytes(27))
    assert (done.shape, done.state) == (shape(("identification", IDENT)), State.STOPPED)
    assert f"{length:,}" in done.reason


@pytest.mark.parametrize("length, padding", [(5, 4), (12, 11), (12, 12), (12, 255), (200, 199)])
def test_padding_that_leaves_no_payload(length: int, padding: int) -> None:
    done = cut(IDENT + length.to_bytes(4, "big") + bytes((padding,)) + bytes(length - 1))
    assert (done.shape, done.state) == (shape(("identification", IDENT)), State.STOPPED)
    assert f"padding_length {padding}" in done.reason


@pytest.mark.parametrize(
    "text, number",  # the numbers of "Bad packet length", as OpenSSH prints them
    [
        (b"Invalid SSH identification string.\r\n", 1231976033),
        (b"Protocol mismatch.\n", 1349676916),
        (b"Exceeded MaxStartups\r\n", 1165517669),
        (b"HTTP/1.1 400 Bad Request\r\n", 1213486160),
        (b"SSH-2.0-again\r\n", 1397966893),
        (b"220 mail ESMTP\r\n", 842149920),
    ],
)
def test_text_instead_of_a_packet_is_a_line(text: bytes, number: int) -> None:
    for behind in (b"", b"Connection: close\r\n", b"\xff" * 10):
        done = cut(IDENT + text + behind)
        assert done.shape == shape(("identification", IDENT), ("text", text))
        assert done.state is State.STOPPED
        assert f"{number:,}" in done.reason
        assert "text" in done.reason
        assert done.at == len(IDENT)


@pytest.mark.parametrize("text", [b"Time", b"Timed out without a line end"])
def test_text_without_a_line_end_is_a_line_in_the_end(text: bytes) -> None:
    done = cut(IDENT + text)
    assert done.shape == shape(("identification", IDENT), ("text", text))
    assert done.state is State.STOPPED


def test_binary_instead_of_a_packet_is_no_line() -> None:
    done = cut(IDENT + bytes.fromhex("16030100") + b"abcd\n")
    assert (len(done.units), done.state) == (1, State.STOPPED)
    assert "text" not in done.reason


def test_fewer_than_four_octets_are_not_judged() -> None:
    done = cut(IDENT + b"Bye")
    assert (len(done.units), done.state, done.problem) == (1, State.PACKETS, None)


# --- holes -----------------------------------------------------------------------------------------------------------

BODY = len(IDENT) + len(KEXINIT)


@pytest.mark.parametrize("hole", [(100, 120), (BODY - 20, BODY - 10), (len(IDENT) + 6, len(IDENT) + 7)])
def test_a_hole_in_the_body_leaves_the_frame_of_the_packet(hole: tuple[int, int]) -> None:
    octets = bytearray(IDENT + KEXINIT + ECDH)
    octets[slice(*hole)] = bytes(hole[1] - hole[0])
    done = cut(bytes(octets), (hole,))
    assert done.shape == shape(("identification", IDENT), ("packet", KEXINIT), ("packet", ECDH))
    assert [unit.complete for unit in done.units] == [True, False, True]


def test_a_hole_in_the_padding_takes_nothing_away() -> None:
    octets = IDENT + KEXINIT + NEWKEYS
    done = cut(octets, ((BODY - 3, BODY),))
    assert [unit.complete for unit in done.units] == [True, True, True]


def test_a_hole_over_the_end_of_a_packet_hides_the_next_one() -> None:
    octets = bytearray(IDENT + KEXINIT + ECDH + NEWKEYS)
    octets[BODY - 10 : BODY + 10] = bytes(20)
    done = cut(bytes(octets), ((BODY - 10, BODY + 10),))
    assert done.shape == shape(("identification", IDENT), ("packet", KEXINIT))
    assert (done.units[1].complete, done.state) == (False, State.STOPPED)
    assert "missing" in done.reason


@pytest.mark.parametrize("first", range(6))
def test_a_hole_in_the_header_stops(first: int) -> None:
    octets = bytearray(IDENT + KEXINIT)
    octets[len(IDENT) + first] = 0
    done = cut(bytes(octets), ((len(IDENT) + first, len(IDENT) + first + 1),))
    assert (len(done.units), done.state) == (1, State.STOPPED)
    assert "missing" in done.reason


def test_a_hole_in_a_line_stops() -> None:
    for hole in ((0, 3), (10, 12)):
        octets = bytearray(IDENT)
        octets[slice(*hole)] = bytes(hole[1] - hole[0])
        done = cut(bytes(octets) + KEXINIT, (hole,))
        assert (done.units, done.state) == ((), State.STOPPED)
        assert "missing" in done.reason


def test_a_hole_behind_newkeys_does_not_matter() -> None:
    octets = IDENT + NEWKEYS
    done = cut(octets + bytes(100) + SECRET, ((len(octets), len(octets) + 100),))
    assert (done.state, done.problem) == (State.ENCRYPTED, None)


# --- a capture that began in the middle ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "units, state",
    [
        ([("identification", IDENT), ("packet", KEXINIT)], State.PACKETS),
        ([("packet", KEXINIT), ("packet", ECDH)], State.PACKETS),
        ([("packet", NEWKEYS)], State.ENCRYPTED),
        ([("packet", ssh.packet(ssh.disconnect(2, "bye")))], State.PACKETS),
        ([("packet", ECDH)], State.PACKETS),
        ([("packet", ssh.packet(ssh.ignore(b"")))], State.PACKETS),
        ([("packet", ssh.packet(ssh.unimplemented(0)))], State.PACKETS),
        ([("packet", ssh.packet(ssh.debug("")))], State.PACKETS),
        ([("packet", ssh.packet(b"\x31" + bytes(40)))], State.PACKETS),
        ([("text", b"Welcome to this machine\r\n"), ("identification", IDENT)], State.PACKETS),
        ([("text", b"Hi\n"), ("identification", IDENT)], State.PACKETS),
    ],
)
def test_a_beginning_that_stands_at_a_unit(units: list[tuple[str, bytes]], state: State) -> None:
    done = cut(b"".join(octets for _, octets in units), anchored=False)
    assert (done.shape, done.state, done.problem) == (shape(*units), state, None)


@pytest.mark.parametrize(
    "octets",
    [
        SECRET * 4,
        KEXINIT[7:],
        bytes(64),
        b"SSH",
        b"\x00\x00\x00",
        b"A line without an end",
        ECDH[:15],
        ssh.packet(b"\x32" + bytes(40)),  # a number that no clear message has
        ssh.packet(ssh.ignore(bytes(40)), padding=3),  # less padding than there must be
        ssh.packet(ssh.ignore(bytes(40)), padding=9),  # no whole blocks
        ssh.packet(ssh.ignore(bytes(35_000))),  # longer than a packet must be accepted
    ],
)
def test_a_beginning_that_cannot_be_told(octets: bytes) -> None:
    done = cut(octets, anchored=False)
    assert (done.units, done.state) == ((), State.STOPPED)
    assert done.problem is not None
    assert done.problem.field == "start"


def test_random_octets_are_rarely_taken_for_a_beginning() -> None:
    random_octets = random.Random(4253).randbytes
    taken = 0
    for _ in range(5000):
        cutter = Cutter(anchored=False)
        cutter.advance(random_octets(64), final=True)
        taken += bool(cutter.units)
    # A short "line" of text is what gets through: 98 of 256 octets are text, one is a line end.
    assert taken < 50


# --- whatever comes --------------------------------------------------------------------------------------------------

pieces = st.sampled_from(
    [IDENT, KEXINIT, ECDH, NEWKEYS, b"text\r\n", b"SSH-", b"\n", bytes(8), SECRET, ssh.packet(b"\x02"), b"\0\0\0\x0c"]
)


@given(st.lists(pieces | st.binary(max_size=40), max_size=8).map(b"".join), st.booleans(), st.data())
def test_never_raises_and_units_are_in_order(octets: bytes, anchored: bool, data: st.DataObject) -> None:
    edges = sorted(data.draw(st.sets(st.integers(0, len(octets)), max_size=4)))
    holes = tuple(zip(edges[::2], edges[1::2], strict=False))
    holed = bytearray(octets)
    for start, end in holes:
        holed[start:end] = bytes(end - start)
    done = cut(bytes(holed), holes, anchored=anchored)
    at = 0
    for unit in done.units:
        assert at == unit.start < unit.end <= len(octets)
        assert unit.start <= unit.payload_start < unit.payload_end <= unit.end
        at = unit.end
    assert (done.problem is not None) == (done.state is State.STOPPED)


class Watched(bytearray):
    """Counts the octets that are looked at."""

    looked = 0

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        self.looked += 1 if isinstance(found, int) else len(found)
        return found

    def startswith(self, prefix: Any, start: Any = 0, end: Any = None) -> bool:
        self.looked += len(prefix)
        return super().startswith(prefix, start, end)

    def find(self, sub: Any, start: Any = 0, end: SupportsIndex | None = None) -> int:
        found = super().find(sub, start, end)
        self.looked += (len(self) if found < 0 else found) - int(start)
        return found


@pytest.mark.parametrize("anchored", [True, False])
@pytest.mark.parametrize(
    "unit",
    [b"x", b"x\n", ssh.packet(b"\x02"), b"\x00\x00\x00\x0c", b"\x00\x03\xff\xff\x04\x02", KEXINIT, SECRET],
    ids=["no line end", "lines", "packets", "lengths", "long packet", "proposals", "encrypted"],
)
@pytest.mark.parametrize("head", [b"", IDENT])
def test_work_grows_with_the_octets_and_no_faster(head: bytes, unit: bytes, anchored: bool) -> None:
    def work(size: int) -> int:
        octets = head + unit * (size // len(unit))
        cutter, grown = Cutter(anchored=anchored), Watched()
        for octet in octets:
            grown.append(octet)
            cutter.advance(grown)
        cutter.advance(grown, final=True)
        return grown.looked

    # At most 16 octets are looked at again whenever one arrives, and what a line may have at most at the end.
    assert work(40_000) < 40 * 40_000 + 2 * limits.MAX_IDENTIFICATION_LINE
