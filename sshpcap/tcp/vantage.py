"""Where a capture was taken, from what only one place can show: fresh TTLs, unfinished checksums, giants, round trips.

A pure function of a recording. It matters because a frame proves that it came by here, and no more: what the near host
sent was sent, whether it arrived is another question. Must not know: SSH, files, results.
"""

from typing import Final, Literal, NamedTuple

from sshpcap.frames import ACK, CHECKSUM_LEFT_OUT, RST, SYN
from sshpcap.model import Confidence
from sshpcap.tcp.recorder import Recorder

Place = Literal[0, 1, "between", "unknown"]

FRESH: Final = frozenset((64, 128, 255))
"""TTLs with which common systems send: no router has taken one off yet."""
_NOT_CHANCE: Final = 2
_DEFAULT_MSS: Final = 1460
_LOCAL_SHARE: Final = 0.05
"""The share of the round trip that is left for the side next to the capture point."""
_TELLING_NS: Final = 5_000_000
"""A shorter round trip is too short to be split: hosts take part of a millisecond for an answer."""


class Point(NamedTuple):
    """Where, how sure, and why."""

    place: Place
    confidence: Confidence
    reasoning: tuple[str, ...]


def vantage(recorder: Recorder, names: tuple[str, str]) -> Point:
    """The capture point of a connection, seen from its directions."""
    ttls = _by_ttl(recorder, names)
    trips = _by_round_trip(recorder, names)
    giants = _giants(recorder, names)
    sums = _by_checksums(recorder, names)
    signs = [sign for sign in (sums, ttls, trips) if sign is not None]
    reasoning = tuple(sentence for _, sentence in signs) + giants
    places = {place for place, _ in signs}
    if len(places) > 1:
        return Point("unknown", "low", (*reasoning, "These contradict each other."))
    if not places:
        return Point("unknown", "low", reasoning or ("Nothing in the frames tells where they were captured.",))
    (place,) = places
    sure = sums is not None or len(signs) == 2 or (bool(giants) and place != "between")
    return Point(place, "high" if sure else "medium", reasoning)


def _by_checksums(recorder: Recorder, names: tuple[str, str]) -> tuple[Place, str] | None:
    """A checksum that the network card was to finish is seen only in the machine that sends it."""
    counts = [side.checksums[CHECKSUM_LEFT_OUT] for side in recorder.directions]
    for direction in (0, 1):
        # Both sides, where both are on one machine (containers, loopback); a single one may be chance.
        if counts[direction] >= _NOT_CHANCE and not counts[1 - direction]:
            return _index(direction), (
                f"{counts[direction]} frames of the {names[direction]} have a checksum that its network card was still"
                f" to finish: they were captured in the machine of the {names[direction]}."
            )
    return None


def _by_ttl(recorder: Recorder, names: tuple[str, str]) -> tuple[Place, str] | None:
    seen = [side.ttls for side in recorder.directions]
    if not all(seen):
        # One side alone: a fresh TTL says that its host is near, and nothing of the other one.
        for direction, ttls in enumerate(seen):
            if len(ttls) == 1 and (ttl := next(iter(ttls))) in FRESH:
                return _index(direction), f"The {names[direction]}'s frames have TTL {ttl}: no router was passed."
        return None
    if any(len(ttls) > 1 for ttls in seen):
        return None
    (first,), (second,) = seen
    if (first in FRESH) == (second in FRESH):
        if first in FRESH:
            return None
        return "between", f"TTL {first} and {second}: the frames of both sides had passed routers."
    near = 0 if first in FRESH else 1
    fresh, worn = (first, second) if near == 0 else (second, first)
    return _index(near), (
        f"The {names[near]}'s frames have TTL {fresh}, as they are sent, the {names[1 - near]}'s {worn}: the capture"
        f" point is in the network of the {names[near]}."
    )


def _by_round_trip(recorder: Recorder, names: tuple[str, str]) -> tuple[Place, str] | None:
    """SYN → SYN-ACK → ACK: the time until the answer of a side is the way to it and back."""
    opening = [event for event in recorder.events if event.flags & SYN]
    if len(opening) != 2 or opening[0].flags & ACK or not opening[1].flags & ACK:
        return None
    asked, answered = opening
    last = next(
        (
            event
            for event in recorder.events
            if event.frame > answered.frame and event.direction == asked.direction and not event.flags & RST
        ),
        None,
    )
    if last is None or recorder.clock_steps:
        return None
    there, here = answered.time - asked.time, last.time - answered.time
    whole = there + here
    if whole < _TELLING_NS or min(there, here) < 0:
        return None
    times = f"{_ms(there)} passed from SYN to SYN-ACK, {_ms(here)} from there to the ACK"
    if here <= whole * _LOCAL_SHARE:
        return _index(asked.direction), f"{times}: the {names[asked.direction]} is next to the capture point."
    if there <= whole * _LOCAL_SHARE:
        return _index(answered.direction), f"{times}: the {names[answered.direction]} is next to the capture point."
    return "between", f"{times}: neither side is next to the capture point."


def _giants(recorder: Recorder, names: tuple[str, str]) -> tuple[str, ...]:
    """Segments longer than the other side takes: seen only inside a host, before or behind its network card."""
    said = []
    for direction, side in enumerate(recorder.directions):
        limit = recorder.directions[1 - direction].mss or _DEFAULT_MSS
        if side.largest > max(limit, _DEFAULT_MSS):
            said.append(
                f"The {names[direction]} has segments of {side.largest:,} octets, more than a wire carries: the capture"
                " was taken inside a host (or a router) that leaves segmentation to its network card."
            )
    return tuple(said)


def _index(direction: int) -> Place:
    return 0 if direction == 0 else 1


def _ms(ns: int) -> str:
    """Three digits that count, never as a power of ten."""
    return f"{float(f'{ns / 1e6:.3g}'):g} ms"
