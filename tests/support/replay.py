"""Recorded connections as material: their frames and segments, and what a network or a capture may do to them.

Every `Change` takes the segments of a connection and a source of chance, and gives the segments of another capture of
the same conversation.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random

import dpkt

from sshpcap.analyzer import Analyzer
from sshpcap.capture.sources import open_capture
from sshpcap.frames import ACK, FIN, PSH, RST, SYN, Endpoint, Segment
from sshpcap.model import Report
from tests.support.wireflow import Frame, block_of, encode


def _is_ethernet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(24)[20:] in (b"\x01\x00\x00\x00", b"\x00\x00\x00\x01")


SAMPLES = sorted(filter(_is_ethernet, (Path(__file__).parents[2] / "samples").glob("*/capture.pcap")))

Way = tuple[Endpoint, Endpoint]
Change = Callable[[Sequence[Segment], Random], list[Segment]]

_CONTROL = SYN | FIN | RST
_MODULUS = 1 << 32


@cache
def frames_of(path: Path) -> tuple[Frame, ...]:
    """The frames of a capture of Ethernet."""
    frames: list[Frame] = []
    with open_capture(str(path)) as source:
        for block in source.blocks():
            rows = zip(block.number.tolist(), block.time.tolist(), block.original.tolist(), strict=True)
            frames += [
                Frame(number, time, bytes(block.frame(row)), original)
                for row, (number, time, original) in enumerate(rows)
            ]
    return tuple(frames)


def segment_of(frame: Frame) -> Segment | None:
    """The segment in a frame, read with dpkt; None for what is no TCP."""
    ip = dpkt.ethernet.Ethernet(frame.octets).data
    tcp = ip.data
    if not isinstance(tcp, dpkt.tcp.TCP):
        return None
    is_ipv4 = isinstance(ip, dpkt.ip.IP)
    return Segment(
        frame=frame.number, time=frame.time, source=Endpoint(ip.src, tcp.sport),
        destination=Endpoint(ip.dst, tcp.dport), seq=tcp.seq, ack=tcp.ack, flags=tcp.flags, window=tcp.win,
        ttl=ip.ttl if is_ipv4 else ip.hlim, ip_id=ip.id if is_ipv4 else -1, options=bytes(tcp.opts),
        payload=bytes(tcp.data), length=len(tcp.data),
    )  # fmt: skip


@cache
def segments_of(path: Path) -> tuple[Segment, ...]:
    """The segments of a capture."""
    return tuple(filter(None, map(segment_of, frames_of(path))))


def reuses_endpoints(path: Path) -> bool:
    """Whether two connections of a capture have the same endpoints: SYNs with different numbers."""
    opening = {s[2:5] for s in segments_of(path) if s.flags & (SYN | ACK) == SYN}
    return len(opening) > len({syn[:2] for syn in opening})


def report_of(frames: Iterable[Frame], *, snaplen: int = 1 << 18, triage: bool = True) -> Report:
    """What the analyzer makes of frames."""
    analyzer = Analyzer(triage=triage)
    analyzer.feed(block_of(frames, snaplen=snaplen))
    return analyzer.finish()


def report_of_segments(segments: Sequence[Segment]) -> Report:
    """What the analyzer makes of segments in this order."""
    return report_of(encode(segment._replace(frame=number)) for number, segment in enumerate(segments, start=1))


# --- what may happen to them -----------------------------------------------------------------------------------------


def split(segments: Sequence[Segment], random: Random) -> list[Segment]:
    """Every payload in pieces, often of one octet."""
    pieces: list[Segment] = []
    for segment in segments:
        if segment.length < 2 or segment.flags & (SYN | RST):
            pieces.append(segment)
            continue
        count = random.choice((0, 1, 3, 10))
        cuts = sorted({0, segment.length, *(random.randrange(segment.length) for _ in range(count))})
        for start, end in pairwise(cuts):
            last = end == segment.length
            pieces.append(
                segment._replace(
                    seq=(segment.seq + start) % _MODULUS,
                    payload=segment.payload[start:end],
                    length=end - start,
                    flags=segment.flags if last else segment.flags & ~(FIN | PSH),
                )
            )
    return pieces


def merge(segments: Sequence[Segment], _: Random) -> list[Segment]:
    """Payloads that follow each other without a word of the other side become one."""
    merged: list[Segment] = []
    for segment in segments:
        before = merged[-1] if merged else None
        if (
            before is not None
            and before.source == segment.source
            and before.length and segment.length and before.length + segment.length < 60_000
            and not (before.flags | segment.flags) & _CONTROL
            and (before.seq + before.length) % _MODULUS == segment.seq
        ):  # fmt: skip
            payload = before.payload + segment.payload
            merged[-1] = segment._replace(seq=before.seq, payload=payload, length=len(payload))
        else:
            merged.append(segment)
    return merged


def overlap(segments: Sequence[Segment], random: Random) -> list[Segment]:
    """Payloads that begin with octets that their sender has sent before."""
    sent: dict[tuple[Way, int], int] = {}
    grown = []
    for segment in segments:
        way, payload, seq = (segment.source, segment.destination), segment.payload, segment.seq
        for at, octet in enumerate(payload):
            sent[way, (seq + at) % _MODULUS] = octet
        if payload and not segment.flags & _CONTROL:
            for _ in range(random.randrange(200)):
                octet = sent.get((way, (seq - 1) % _MODULUS), -1)
                if octet < 0:
                    break
                payload, seq = bytes((octet,)) + payload, (seq - 1) % _MODULUS
        grown.append(segment._replace(seq=seq, payload=payload, length=len(payload)))
    return grown


def repeat(segments: Sequence[Segment], random: Random) -> list[Segment]:
    """Some frames twice, at once or a little later, but not behind what opens or closes the connection.

    Never all of them: where all but a RST come twice, that is what a capture on a router looks like.
    """
    repeated: list[Segment] = []
    late: list[tuple[int, Segment]] = []
    for place, segment in enumerate(segments):
        if segment.flags & _CONTROL:
            repeated += [one for _, one in late]
            late = []
        repeated.append(segment)
        if random.random() < 0.3 and place % 3:
            late.append((place + random.randrange(4), segment))
        repeated += [one for when, one in late if when <= place]
        late = [(when, one) for when, one in late if when > place]
    return repeated + [one for _, one in late]


def reorder(segments: Sequence[Segment], random: Random) -> list[Segment]:
    """Data of one side arrive a few places early or late; what opens and closes the connection stays."""
    shuffled = list(segments)
    for way in dict.fromkeys((segment.source, segment.destination) for segment in segments):
        data = [s.length and (s.source, s.destination) == way and not s.flags & _CONTROL for s in segments]
        places = [place for place, moves in enumerate(data) if moves]
        moved = sorted(places, key=lambda place: (places.index(place) + random.randrange(4), place))
        for place, new in zip(places, moved, strict=True):
            shuffled[place] = segments[new]._replace(time=segments[place].time)
    return shuffled


def renumber(segments: Sequence[Segment], random: Random) -> list[Segment]:
    """Other initial sequence numbers, often such that they wrap within the handshake."""
    first: dict[Way, int] = {}
    for segment in segments:
        first.setdefault((segment.source, segment.destination), segment.seq)
    shift = {
        way: (_MODULUS - seq - random.randrange(3000)) if random.random() < 0.7 else random.randrange(_MODULUS)
        for way, seq in first.items()
    }
    return [
        segment._replace(
            seq=(segment.seq + shift[segment.source, segment.destination]) % _MODULUS,
            ack=(segment.ack + shift.get((segment.destination, segment.source), 0))
            % _MODULUS
            * bool(segment.flags & ACK),
        )
        for segment in segments
    ]


# In the order in which several of them can be made.
CHANGES: dict[str, Change] = {
    "renumber": renumber,
    "merge": merge,
    "split": split,
    "overlap": overlap,
    "repeat": repeat,
    "reorder": reorder,
}
