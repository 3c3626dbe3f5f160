"""Traffic for the triage: real handshakes that go on as long transfers, port reuse, and connections that are not SSH.

Segments are made first, then frames. Chance comes from a seed, so that a failure can be made again.
"""

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Final

from sshpcap.frames import ACK, FIN, PSH, RST, SYN, Endpoint, FrameBlock, Segment
from sshpcap.tcp.sequence import difference
from tests.support.blocks import block_of
from tests.support.captures import SAMPLES, Recorded
from tests.support.frames import LINKS
from tests.support.replay import segments_of
from tests.support.wireflow import Flow, encode

_MODULUS: Final = 1 << 32
MICROSECOND: Final = 1000

Conversation = list[Segment]


def handshake_of(name: str) -> Conversation:
    """The segments of a sample."""
    return list(segments_of(SAMPLES / name / "capture.pcap"))


class _Side:
    """Where one end of a transfer stands."""

    def __init__(self, sent: Sequence[Segment], source: Endpoint) -> None:
        self.last = [segment for segment in sent if segment.source == source][-1]
        self.next = max(
            ((segment.seq + segment.span) % _MODULUS for segment in sent if segment.source == source),
            key=lambda seq: difference(seq, self.last.seq),
        )
        self.begin = self.next


def prolonged(conversation: Conversation, count: int, seed: int, *, wild: bool = False) -> Conversation:
    """A transfer of `count` segments before the connection's end; `wild`: with all that a network does to one.

    Sequence numbers behind it are moved, times too.
    """
    rng = Random(seed)
    cut = next((at for at, segment in enumerate(conversation) if segment.flags & (FIN | RST)), len(conversation))
    before, after = conversation[:cut], conversation[cut:]
    first = before[0].source
    sides = {endpoint: _Side(before, endpoint) for endpoint in (first, before[0].destination)}
    made: Conversation = []
    time = before[-1].time
    for _ in range(count):
        source = rng.choice(list(sides))
        mine, other = sides[source], sides[next(end for end in sides if end != source)]
        time += rng.randrange(20) * MICROSECOND
        base = mine.last._replace(
            time=time, seq=mine.next, ack=other.next, flags=ACK, payload=b"", length=0,
            window=rng.choice((501, 502, 65535)),
        )  # fmt: skip
        odd = wild and rng.random() < 0.2
        made.append(_something_wild(base, made, rng) if odd else base)
        if not odd and rng.random() < 0.7:
            payload = rng.randbytes(rng.choice((36, 100, 1448)))
            made[-1] = base._replace(flags=ACK | PSH, payload=payload, length=len(payload))
            mine.next = (mine.next + len(payload)) % _MODULUS
        if base.ip_id >= 0:
            # RFC 6864 §4.1: every packet has its own, also one that sends octets again.
            made[-1] = made[-1]._replace(ip_id=len(made) % 65536)
    shift = {end: side.next - side.begin for end, side in sides.items()}
    delay = time - before[-1].time
    moved = [
        segment._replace(
            time=segment.time + delay,
            seq=(segment.seq + shift[segment.source]) % _MODULUS,
            ack=(segment.ack + shift[segment.destination]) % _MODULUS if segment.flags & ACK else 0,
        )
        for segment in after
    ]
    return before + made + moved


def _something_wild(base: Segment, made: Conversation, rng: Random) -> Segment:
    earlier = rng.choice(made) if made else base
    return rng.choice((
        earlier._replace(time=base.time),  # a retransmission
        base._replace(seq=(base.seq - 1) % _MODULUS),  # a keep-alive
        base._replace(seq=(base.seq + 3000) % _MODULUS, payload=bytes(500), length=500),  # one before it was lost
        base._replace(window=0),
        base._replace(ack=earlier.ack if earlier.source == base.source else base.ack),
        base._replace(flags=PSH | ACK, payload=b"", length=1400),  # cut by the snaplen
        base._replace(time=base.time - 50 * MICROSECOND),  # the capture's clock stepped back
        base._replace(flags=0, ack=0),
    ))  # fmt: skip


def moved(
    conversation: Iterable[Segment], *, ports: tuple[int, int] | None = None, later: float = 0, isn: int = 0
) -> Conversation:
    """The same conversation from other ports (client, server), at another time, with other sequence numbers."""
    every = list(conversation)
    client, server = every[0].source, every[0].destination
    new = dict(zip((client, server), ports or (client.port, server.port), strict=True))
    return [
        segment._replace(
            source=segment.source._replace(port=new[segment.source]),
            destination=segment.destination._replace(port=new[segment.destination]),
            time=segment.time + round(later * 1e9),
            seq=(segment.seq + isn) % _MODULUS,
            ack=(segment.ack + isn) % _MODULUS if segment.flags & ACK else 0,
        )
        for segment in every
    ]


def web(port: int, exchanges: int = 20, *, client_port: int = 50000, client: str = "192.0.2.10") -> Conversation:
    """A connection that is not SSH."""
    flow = Flow(client=client, ports=(client_port, port))
    flow.opens()
    for _ in range(exchanges):
        flow.client.sends(b"GET / HTTP/1.1\r\nHost: www.example\r\n\r\n")
        for _ in range(5):
            flow.server.sends(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(1000))
        flow.client.acks()
    flow.client.fin()
    flow.server.fin()
    flow.client.acks()
    return flow.segments


def interleaved(conversations: Sequence[Conversation], seed: int) -> Conversation:
    """All of them in one capture: each in its own order, the times those of the capture."""
    rng = Random(seed)
    order = [at for at, conversation in enumerate(conversations) for _ in conversation]
    rng.shuffle(order)
    waiting = [iter(conversation) for conversation in conversations]
    return [next(waiting[at])._replace(time=1_700_000_000 * 10**9 + turn * 1000) for turn, at in enumerate(order)]


def frames_of(
    conversation: Iterable[Segment | Recorded], link: str | Callable[[Segment], str] = "ethernet-without-padding"
) -> FrameBlock:
    """One block of frames, numbered from 1; each under the link type that is named for it.

    What is a frame already is taken for one of Ethernet.
    """
    frames, numbers = [], []
    for one in conversation:
        if isinstance(one, Recorded):
            frames.append(one)
            numbers.append(1)
            continue
        wrap = LINKS[link if isinstance(link, str) else link(one)]
        encoded = encode(one)
        octets = wrap.wrap(encoded.octets[14:])
        frames.append(Recorded(octets, one.time, len(octets) + encoded.original - len(encoded.octets)))
        numbers.append(wrap.number)
    return block_of(frames, numbers)


def syn_of(segment: Segment, **changes: int) -> Segment:
    """A SYN from the sender of a segment."""
    return segment._replace(flags=SYN, ack=0, payload=b"", length=0)._replace(**changes)  # type: ignore[arg-type]
