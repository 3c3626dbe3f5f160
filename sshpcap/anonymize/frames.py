"""Frames under pseudonym: addresses and texts replaced where they stand, checksums carried along (RFC 1624).

A checksum that was right is right again, one that was wrong stays wrong. Frames of which the layers around the packet
are not simply Ethernet or Linux cooked (tunnels, wireless, PPP), and fragmented packets, are reduced to the innermost
IP packet. Must not know: files, results beyond the session that a frame belongs to.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from sshpcap.anonymize import preambles
from sshpcap.anonymize.key_blobs import replaced
from sshpcap.anonymize.pseudonyms import Pseudonyms, masked
from sshpcap.anonymize.results import new_identification
from sshpcap.anonymize.rewrite import Writing, packet_of
from sshpcap.excerpt.again import Found, endpoint
from sshpcap.excerpt.choice import Choice, Excerpted
from sshpcap.excerpt.streams import Streams
from sshpcap.frames import Endpoint, Segment
from sshpcap.model import Session
from sshpcap.net.layers import Layer, layers
from sshpcap.ssh import ssh1

RAW_IP: Final = 101
_SIMPLE: Final = frozenset((0, 1, 12, 14, 101, 108, 113, 228, 229, 276))
_OUR_LISTS: Final = frozenset((20, 21, *range(30, 50)))
_OF_SSH1: Final = frozenset((ssh1.PUBLIC_KEY, ssh1.SESSION_KEY))
"""Numbers from end to end: what looks like a name in them is chance."""


class _Texts:
    """The clear streams of one connection, and what stands for them."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.streams = Streams()
        self.old: dict[Endpoint, bytearray] = {}
        self.new: dict[Endpoint, bytes] = {}

    def add(self, segment: Segment, start: int, payload: bytes) -> None:
        if start < 0 or start > _FARTHEST:
            return
        stream = self.old.setdefault(segment.source, bytearray())
        if len(stream) < start + len(payload):
            stream.extend(bytes(start + len(payload) - len(stream)))
        stream[start : start + len(payload)] = payload

    def replace(self, names: Pseudonyms) -> None:
        for side, stream in self.old.items():
            who = "client" if side == endpoint(self.session.client) else "server"
            self.new[side] = _replaced(bytes(stream), self.session, who, names)


_FARTHEST: Final = 1 << 20
"""Offset behind which no clear text is expected (limits.HANDSHAKE_BYTES is a quarter of it)."""


def share(kept: Iterable[tuple[Found, Choice]], names: Pseudonyms) -> Iterator[Excerpted]:
    """The frames of a slice under pseudonym."""
    rows = [(found, choice, _place(found)) for found, choice in kept]
    texts: dict[int, _Texts] = {}
    starts: list[int] = []
    for found, choice, place in rows:
        mine = texts.setdefault(found.session.index, _Texts(found.session))
        start = 0
        if isinstance(found.carries, Segment):
            start = mine.streams.offset(found.carries)
            mine.add(found.carries, start, _payload(found, choice, place))
        starts.append(start)
    for mine in texts.values():
        mine.replace(names)
    for (found, choice, place), start in zip(rows, starts, strict=True):
        shared = _share(found, choice, place, texts[found.session.index], start, names)
        if shared is not None:
            yield shared


def _place(found: Found) -> tuple[Layer, ...]:
    return layers(found.octets, found.link_type)


def _payload(found: Found, choice: Choice, place: tuple[Layer, ...]) -> bytes:
    """The payload of a segment, as far as it is kept."""
    segment = found.carries
    if not isinstance(segment, Segment) or not segment.length:
        return b""
    return segment.payload[: max(0, choice.captured - place[-1].body)] if _in_one(segment, place) else segment.payload


def _in_one(segment: Segment, place: tuple[Layer, ...]) -> bool:
    """The whole segment is in this frame, not in the fragments before it."""
    return bool(place) and place[-1].kind == "tcp" and place[-1].end - place[-1].body >= segment.length


def _share(
    found: Found, choice: Choice, place: tuple[Layer, ...], texts: _Texts, start: int, names: Pseudonyms
) -> Excerpted | None:
    carries = found.carries
    networks = [layer for layer in place if layer.kind in ("ipv4", "ipv6")]
    if carries is None or not networks:
        return None  # a part of a fragmented packet: the frame that completes it carries the whole
    payload: bytes | None = None
    if isinstance(carries, Segment):
        kept = _payload(found, choice, place)
        payload = texts.new.get(carries.source, b"")[start : start + len(kept)] if 0 <= start <= _FARTHEST else b""
        payload += bytes(len(kept) - len(payload))
        if not _in_one(carries, place):
            whole = packet_of(carries, payload, names)
            return Excerpted(whole, len(whole) + carries.length - len(payload), RAW_IP, found.time, 0, choice.comments)
    link_type, octets, original = found.link_type, found.octets[: choice.captured], found.original
    if link_type not in _SIMPLE or len(networks) != 1 or place[0].kind == "udp":
        cut, end = networks[-1].start, networks[-1].end
        octets, original, link_type = octets[cut:end], min(original, end) - cut, RAW_IP
        place = tuple(layer._replace(start=layer.start - cut, body=layer.body - cut, end=layer.end - cut)
                      for layer in place if layer.start >= cut)  # fmt: skip
    writing = Writing(octets, place, names)
    writing.rewrite(payload)
    return Excerpted(bytes(writing.octets), original, link_type, found.time, found.interface, choice.comments)


def _replaced(stream: bytes, session: Session, who: str, names: Pseudonyms) -> bytes:
    """The clear part of one direction with texts and keys under pseudonym; not an octet longer."""
    out = bytearray(stream)
    party = session.client if who == "client" else session.server
    fixed = [m for m in session.messages if m.sender == who and (m.number in _OUR_LISTS or m.name in _OF_SSH1)]
    spoken = [m for m in session.messages if m.sender == who and m.kind == "identification"]
    fixed += [m for m in session.messages if m.sender == who and m.kind == "preamble"]
    at = 0
    for message in sorted((*fixed, *spoken), key=lambda one: one.bytes[0]):
        first, last = message.bytes[0] - 1, message.bytes[1]
        out[at:first] = masked(bytes(out[at:first]))
        at = max(at, last)
    out[at:] = masked(bytes(out[at:]))
    for message in spoken:
        raw = party.identification.raw if party.identification else b""
        first = message.bytes[0] - 1
        if raw and bytes(stream[first : first + len(raw)]) == raw:
            out[first : first + len(raw)] = new_identification(raw, names)
    for message in fixed:
        if message.kind == "preamble":
            first, last = message.bytes[0] - 1, message.bytes[1]
            out[first:last] = preambles.replaced(bytes(stream[first:last]), party.preamble, names)
    if session.host_key is not None and who == "server":
        blob = session.host_key.blob
        where = stream.find(blob)
        if where >= 0:
            out[where : where + len(blob)] = replaced(blob, names)
    return bytes(out[: len(stream)])
