"""Cuts one direction of a connection into units: lines, then binary packets, until its NEWKEYS (RFC 4253 §4.2, §6).

What a proxy put in front of the identification string is a unit of its own (`preamble.py`).

A `Cutter` is a cursor over a growing byte string. It decides where units begin and end and nothing else; what they mean
is `messages.py`. It never looks ahead of what it has, and each octet is looked at a bounded number of times.
"""

from bisect import bisect_right
from enum import Enum
from typing import Final, Literal, NamedTuple

from sshpcap import limits
from sshpcap.ssh import numbers, preamble
from sshpcap.ssh.wire import Malformed

Kind = Literal["preamble", "text", "identification", "packet"]

_SMALLEST_PACKET: Final = 5
_LINE_FEED: Final = 10
_TEXT: Final = bytes((*range(32, 127), 9, 10, 13))


class State(Enum):
    """Where the cursor stands."""

    LINES = "lines"
    """Before the identification string."""
    PACKETS = "packets"
    """Behind it, in clear binary packets."""
    ENCRYPTED = "encrypted"
    """Behind NEWKEYS: nothing more to cut."""
    SSH1 = "ssh1"
    """Behind an SSH-1 identification string: its packets have another form."""
    STOPPED = "stopped"
    """What follows cannot be cut; `problem` says why."""


FINAL: Final = frozenset((State.ENCRYPTED, State.SSH1, State.STOPPED))


class Unit(NamedTuple):
    """One line (line end included) or one packet, as a range of the stream."""

    kind: Kind
    start: int
    end: int
    payload_start: int
    payload_end: int
    complete: bool
    """False where octets of it were not captured."""


class Cutter:
    """Call `advance` whenever the byte string has grown; units collect in `units`."""

    def __init__(self, *, anchored: bool) -> None:
        self._anchored = anchored
        """The byte string is known to begin where the stream does."""
        self.at = 0
        self.units: list[Unit] = []
        self.state = State.LINES
        self.problem: Malformed | None = None
        self.wanted = 0
        """End of the unit the cursor stands in, where its length is known and it is not all there."""
        self._searched = 0
        self._plain = False
        """No preamble of a proxy stands, or still can stand, at the beginning."""

    def advance(
        self, octets: bytes | bytearray, holes: tuple[tuple[int, int], ...] = (), *, final: bool = False
    ) -> None:
        """Cut as far as possible; `final` means that nothing will follow."""
        while self.state not in FINAL:
            if len(self.units) >= limits.MAX_MESSAGES:
                self._stop("units", f"more than {limits.MAX_MESSAGES} lines and messages")
                return
            if not self._anchored and not self._find_beginning(octets, final=final):
                return
            step = self._line if self.state is State.LINES else self._packet
            if not step(octets, holes, final=final):
                return

    def _find_beginning(self, octets: bytes | bytearray, *, final: bool) -> bool:
        """The capture began in the middle: does what is there stand at the beginning of a unit?"""
        if len(octets) < 16 and not octets.startswith(b"SSH-") and not final:
            return False
        self._anchored = True
        if octets.startswith(b"SSH-") or preamble.find(octets):
            return True
        if _plausible_packet(octets):
            self.state = State.PACKETS
            return True
        end = self._line_end(octets)
        if not end and not final and _is_text(octets[:16]):
            self._anchored = False
            return False
        if end > 1 and octets[end - 1] == _LINE_FEED and _is_text(octets[:end]):
            return True
        self._stop("start", "the capture began in the middle of the connection")
        return False

    def _line(self, octets: bytes | bytearray, holes: tuple[tuple[int, int], ...], *, final: bool) -> bool:
        if not self._plain and not self._skip_preamble(octets, final=final):
            return False
        end = self._line_end(octets)
        if not end:
            return False
        hole = _hole_in(holes, self.at, end)
        if hole:
            return self._stop("line", "octets of it are missing in the capture")
        if octets[end - 1] != _LINE_FEED:
            return self._stop("line", f"longer than {limits.MAX_IDENTIFICATION_LINE:,} octets")
        is_identification = octets.startswith(b"SSH-", self.at)
        start, self.at = self.at, end
        self.units.append(Unit("identification" if is_identification else "text", start, end, start, end, True))
        if is_identification:
            old = octets.startswith(b"SSH-1.", start) and not octets.startswith(b"SSH-1.99-", start)
            self.state = State.SSH1 if old else State.PACKETS
        elif len(self.units) > limits.MAX_PRE_IDENTIFICATION_LINES:
            return self._stop("line", f"more than {limits.MAX_PRE_IDENTIFICATION_LINES:,} lines")
        return True

    def _skip_preamble(self, octets: bytes | bytearray, *, final: bool) -> bool:
        """Step over what a proxy put in front; False while it is not all there."""
        found = preamble.find(octets)
        if found is not None:
            self.units.append(Unit("preamble", 0, found.end, 0, found.end, True))
            self.at = self._searched = found.end
        elif not final and not octets.startswith(b"SSH-") and preamble.possible(octets):
            return False
        self._plain = True
        return True

    def _packet(self, octets: bytes | bytearray, holes: tuple[tuple[int, int], ...], *, final: bool) -> bool:
        at = self.at
        if len(octets) < max(self.wanted, at + 6):
            return self._tail(octets, holes) if final else False
        if _hole_in(holes, at, at + 6):
            return self._stop("packet_length", "octets of it are missing in the capture")
        length = int.from_bytes(octets[at : at + 4], "big")
        padding = octets[at + 4]
        if not _SMALLEST_PACKET <= length <= limits.MAX_PACKET_LENGTH:
            return self._not_a_packet(octets, f"packet_length {length:,} cannot be", final=final)
        if padding + 1 >= length:
            reason = f"padding_length {padding} does not fit packet_length {length:,}"
            return self._not_a_packet(octets, reason, final=final)
        end = at + 4 + length
        if len(octets) < end:
            self.wanted = end
            return self._tail(octets, holes) if final else False
        complete = _hole_in(holes, at, end - padding) is None
        self.units.append(Unit("packet", at, end, at + 5, end - padding, complete))
        self.at, self.wanted = end, 0
        if octets[at + 5] == numbers.NEWKEYS:
            self.state = State.ENCRYPTED
        return True

    def _tail(self, octets: bytes | bytearray, holes: tuple[tuple[int, int], ...]) -> bool:
        """Nothing will follow: is what is left text, because a line cannot be a packet?"""
        rest = bytes(octets[self.at :])
        if rest and len(rest) >= 4 and not _hole_in(holes, self.at, len(octets)):
            length = int.from_bytes(rest[:4], "big")
            if not _SMALLEST_PACKET <= length <= limits.MAX_PACKET_LENGTH:
                return self._not_a_packet(octets, f"packet_length {length:,} cannot be", final=True)
        return False

    def _not_a_packet(self, octets: bytes | bytearray, reason: str, *, final: bool) -> bool:
        """Text where a packet should be is worth reading: servers explain themselves that way."""
        end = self._line_end(octets)
        if not end and not final and _is_text(octets[self.at : self.at + 16]):
            return False
        text = octets[self.at : end or len(octets)]
        if len(text) >= 4 and _is_text(text):
            self.units.append(Unit("text", self.at, self.at + len(text), self.at, self.at + len(text), True))
            reason += ": it is text"
        return self._stop("packet_length", reason)

    def _line_end(self, octets: bytes | bytearray) -> int:
        """Where the line at the cursor ends, or gets too long to be one; 0 while that is open."""
        limit = self.at + limits.MAX_IDENTIFICATION_LINE
        end = octets.find(b"\n", max(self.at, self._searched), limit) + 1
        if not end:
            self._searched = len(octets)
        return end or (limit if len(octets) >= limit else 0)

    def _stop(self, field: str, reason: str) -> bool:
        self.state = State.STOPPED
        self.problem = Malformed(field, self.at, reason)
        return False


def _hole_in(holes: tuple[tuple[int, int], ...], start: int, end: int) -> tuple[int, int] | None:
    """The first hole that touches a range; holes are in order and apart."""
    if not holes:
        return None
    behind = bisect_right(holes, start, key=lambda hole: hole[1])
    return holes[behind] if behind < len(holes) and holes[behind][0] < end else None


def _is_text(octets: bytes | bytearray) -> bool:
    return not octets.translate(None, _TEXT)


def _plausible_packet(octets: bytes | bytearray) -> bool:
    """Does this look like a clear packet? Random octets do once in some ten million times: the length is one of 4374
    out of 2**32, the number one of 26 out of 256."""
    if len(octets) < 16:
        return False
    length, padding, number = int.from_bytes(octets[:4], "big"), octets[4], octets[5]
    known = number in (1, 2, 3, 4, numbers.KEXINIT, numbers.NEWKEYS) or numbers.KEX_FIRST <= number <= numbers.KEX_LAST
    return 12 <= length <= 35000 and (length + 4) % 8 == 0 and 4 <= padding < length - 1 and known
