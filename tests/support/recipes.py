"""Recorded samples as worse or stranger captures of the same conversation; for the made cases.

A recipe gives the octets of a capture file, or several files by name. Everything is made without chance and without a
clock: the files are the same whenever they are made.
"""

import bz2
import gzip
import lzma
import struct
from collections.abc import Callable, Iterable
from importlib import import_module
from itertools import pairwise
from typing import Final

import zstandard

from sshpcap.frames import ACK, PSH, Endpoint, Segment
from tests.support import frames
from tests.support.blocks import read_file
from tests.support.captures import (
    CUSTOM,
    DECRYPTION_SECRETS,
    NAME_RESOLUTION,
    OPTION_COMMENT,
    SAMPLES,
    Order,
    Pcapng,
    Recorded,
    pcap,
    pcapng,
    snoop,
)
from tests.support.replay import segments_of
from tests.support.wireflow import Flow, encode, endpoint

Files = dict[str, bytes]

SECOND: Final = 1_000_000_000
CLIENT: Final = bytes((192, 0, 2, 10))
SERVER: Final = bytes((203, 0, 113, 7))
CLIENT6, SERVER6 = "2001:db8::10", "2001:db8:1::7"

_lz4 = import_module("lz4.frame")  # the package brings no types
COMPRESSIONS: Final[dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]]] = {
    "gz": (lambda octets: gzip.compress(octets, mtime=0), gzip.decompress),
    "bz2": (bz2.compress, bz2.decompress),
    "xz": (lzma.compress, lzma.decompress),
    "zst": (zstandard.ZstdCompressor().compress, zstandard.ZstdDecompressor().decompress),
    "lz4": (_lz4.compress, _lz4.decompress),
}


def sample(name: str) -> list[Recorded]:
    """The frames of a sample: Ethernet."""
    rows, _ = read_file(SAMPLES / name / "capture.pcap")
    return [Recorded(row.octets, row.time, row.original) for row in rows]


def segments(name: str) -> list[Segment]:
    """Its segments."""
    return list(segments_of(SAMPLES / name / "capture.pcap"))


def recorded(every: Iterable[Segment]) -> list[Recorded]:
    """Segments as frames of Ethernet."""
    return [Recorded(frame.octets, frame.time, frame.original) for frame in map(encode, every)]


def of_flow(flow: Flow) -> bytes:
    """A scripted connection as a capture."""
    return pcap(recorded(flow.segments))


def ip_of(frame: bytes) -> bytes:
    """The IPv4 packet of a frame, without padding."""
    packet = frame[14:]
    return packet[: int.from_bytes(packet[2:4], "big")]


def from_client(one: Recorded) -> bool:
    """Whether the client's address sent it."""
    return one.octets[26:30] == CLIENT


# --- the same, otherwise written -------------------------------------------------------------------------------------


def wrapped(name: str, link: str) -> bytes:
    """Under a link type, or in a tunnel."""
    number, wrap = frames.LINKS[link].number, frames.LINKS[link].wrap
    return pcap([Recorded(wrap(ip_of(one.octets)), one.time) for one in sample(name)], link_type=number)


def links(name: str, chosen: Iterable[str]) -> Files:
    """Under several link types; "capture.pcap" is plain Ethernet."""
    return {"capture.pcap": pcap(sample(name))} | {f"{link}.pcap": wrapped(name, link) for link in chosen}


def links_of_ipv6(name: str, chosen: Iterable[str]) -> Files:
    """The same as if both hosts had IPv6 addresses."""
    moved = {CLIENT: endpoint(CLIENT6, 0).address, SERVER: endpoint(SERVER6, 0).address}

    def there(one: Endpoint) -> Endpoint:
        return one._replace(address=moved[one.address])

    every = [
        one._replace(source=there(one.source), destination=there(one.destination), ip_id=-1) for one in segments(name)
    ]
    plain = recorded(every)
    files = {"capture.pcap": pcap(plain)}
    for link in chosen:
        number, wrap = frames.LINKS[link].number, frames.LINKS[link].wrap
        made = [Recorded(wrap(one.octets[14:]), one.time) for one in plain]
        files[f"{link}.pcap"] = pcap(made, link_type=number)
    return files


def containers(name: str) -> Files:
    """In every container, and compressed in every way."""
    every = sample(name)
    files = {"capture.pcap": pcap(every)}
    orders: dict[str, Order] = {"little": "<", "big": ">"}
    for word, order in orders.items():
        for variant in ("microseconds", "nanoseconds", "modified"):
            files[f"pcap-{variant}-{word}.pcap"] = pcap(every, order=order, variant=variant)
        files[f"pcapng-{word}.pcapng"] = pcapng(every, order=order)
    for tsresol, ticks in ((6, 10**6), (10, 10**10)):
        file = Pcapng().section().interface(1, 262144, tsresol=tsresol, tsoffset=1_600_000_000)
        for one in every:
            since = one.time - 1_600_000_000 * SECOND
            file.enhanced(one.octets, since * ticks // SECOND, original=one.length)
        files[f"pcapng-tsresol-{tsresol}-offset.pcapng"] = bytes(file)
    files["snoop.cap"] = snoop(every)
    for place, (suffix, (compress, _)) in enumerate(COMPRESSIONS.items()):
        plain = ("pcap-microseconds-little.pcap", "pcapng-big.pcapng", "snoop.cap")[place % 3]
        files[f"{plain}.{suffix}"] = compress(files[plain])
    del files["pcap-microseconds-little.pcap"]  # that is capture.pcap
    return files


def every_block(name: str) -> bytes:
    """What dumpcap, Wireshark and firewalls write around the frames: two sections of both byte orders."""
    every = sample(name)
    comment = [(OPTION_COMMENT, b"ticket 4711: \x1b[31mnot a colour")]
    file = Pcapng("<").section(options=[*comment, (2, b"x86_64"), (3, b"Linux 6.1"), (4, b"Dumpcap")])
    file.block(NAME_RESOLUTION, struct.pack("<HH", 1, 15) + SERVER + b"ssh.example" + bytes(1) + bytes(4))
    file.interface(1, 262144, tsresol=9, options=[*comment, (2, b"eth0"), (3, b"uplink"), (11, b"\0tcp port 22")])
    file.block(DECRYPTION_SECRETS, b"KLST" + struct.pack("<I", 8) + b"secrets.")
    for one in every[:5]:
        file.enhanced(one.octets, one.time, original=one.length, options=comment)
    file.block(CUSTOM, struct.pack("<I", 32473) + b"a vendor's own")
    file.obsolete(every[5].octets, every[5].time, drops=1)
    file.statistics(0, ifdrop=3, osdrop=1)
    file.section(">").interface(101, 0, tsresol=6, options=[(2, b"tun0")]).interface(1, 0, options=[(2, b"eth1")])
    file.simple(ip_of(every[6].octets))
    for one in every[7:]:
        file.enhanced(one.octets, one.time // 1000, interface=1, original=one.length)
    return bytes(file.statistics(1, ifdrop=0).block(0x80001234, b"an unregistered block"))


def two_interfaces(name: str) -> bytes:
    """Both directions on an interface each, Ethernet and raw IP, with other clocks' resolutions; then compressed."""
    file = Pcapng().section().interface(1, tsresol=9).interface(101, tsresol=6)
    for one in sample(name):
        if from_client(one):
            file.enhanced(one.octets, one.time, interface=0)
        else:
            file.enhanced(ip_of(one.octets), one.time // 1000, interface=1)
    return gzip.compress(bytes(file), mtime=0)


def rotated(name: str, count: int) -> Files:
    """As `tcpdump -C` or `-G` writes it: a file ends anywhere, and the next one goes on."""
    every = sample(name)
    size = -(-len(every) // count)
    return {f"capture.pcap{place}": pcap(every[place * size : (place + 1) * size]) for place in range(count)}


# --- what IP does ----------------------------------------------------------------------------------------------------


def _fragment(one: Recorded, start: int, size: int, *, more: bool) -> Recorded:
    ip = ip_of(one.octets)
    head, piece = ip[:20], ip[20 + start : 20 + start + size]
    fields = head[:2] + struct.pack(">H", 20 + len(piece)) + head[4:6] + struct.pack(">H", more << 13 | start // 8)
    fields += head[8:10]
    sound = frames.checksum(fields + head[12:]).to_bytes(2, "big")
    return Recorded(one.octets[:14] + fields + sound + head[12:] + piece, one.time)


def fragmented(name: str) -> bytes:
    """Every packet of more than 576 octets as IP fragments (RFC 791 §3.2)."""
    made = []
    for one in sample(name):
        body = len(ip_of(one.octets)) - 20
        if body <= 556:
            made.append(one)
        else:
            made += [_fragment(one, start, 552, more=start + 552 < body) for start in range(0, body, 552)]
    return pcap(made)


def overlapping(name: str) -> bytes:
    """The same, but the second fragment begins 64 octets before the end of the first, with other octets there."""
    made = []
    for one in sample(name):
        body = len(ip_of(one.octets)) - 20
        if body <= 556:
            made.append(one)
            continue
        first, second = _fragment(one, 0, 552, more=True), _fragment(one, 488, body - 488, more=False)
        changed = second.octets[:34] + b"?" * 64 + second.octets[98:]
        made += [first, second._replace(octets=changed)]
    return pcap(made)


def fragmented6(name: str) -> bytes:
    """Over IPv6, with fragment headers (RFC 8200 §4.5); the last fragment of each packet comes first."""
    made = []
    for number, one in enumerate(segments(name)):
        encoded = encode(one)
        head, body = encoded.octets[:54], encoded.octets[54:]
        if len(body) <= 600:
            made.append(Recorded(encoded.octets, one.time))
            continue
        for start in (600, 0):
            piece = body[start : start + 600] if start == 0 else body[start:]
            fragment = struct.pack(">BBHI", 6, 0, start | (start == 0), number)
            ip = head[14:18] + struct.pack(">HB", 8 + len(piece), 44) + head[21:]
            made.append(Recorded(head[:14] + ip + fragment + piece, one.time))
    return pcap(made)


def offloaded(name: str) -> bytes:
    """Captured on the client's host: its checksums are not filled in, and large segments have total length 0."""
    made = []
    for one in sample(name):
        octets = bytearray(one.octets)
        if from_client(one):
            length = int.from_bytes(octets[16:18], "big") - 20
            pseudo = bytes(octets[26:34]) + struct.pack(">HH", 6, length)
            octets[50:52] = (frames.checksum(pseudo) ^ 0xFFFF).to_bytes(2, "big")
            if length > 500:
                octets[16:18] = bytes(2)
        made.append(one._replace(octets=bytes(octets)))
    return pcap(made)


def damaged(name: str, number: int, at: int) -> bytes:
    """A bit of one frame turned on the way: its receiver drops it, and it is sent again 200 ms later."""
    made = sample(name)
    octets = bytearray(made[number - 1].octets)
    octets[at] ^= 0x04
    again = bytearray(made[number - 1].octets)
    again[18:20] = b"\xff\xfe"  # another identification
    again[24:26] = bytes(2)
    again[24:26] = frames.checksum(bytes(again[14:34])).to_bytes(2, "big")
    late = [one._replace(time=one.time + SECOND // 5) for one in made[number:]]
    sent_again = Recorded(bytes(again), made[number - 1].time + SECOND // 5)
    return pcap([*made[: number - 1], made[number - 1]._replace(octets=bytes(octets)), sent_again, *late])


# --- what a capture does ---------------------------------------------------------------------------------------------


def twice(name: str) -> bytes:
    """Every frame twice, a little later."""
    return pcap([copy for one in sample(name) for copy in (one, one._replace(time=one.time + 4_000))])


def snaplen(name: str, size: int) -> bytes:
    """Frames cut short."""
    return pcap([Recorded(one.octets[:size], one.time, one.length) for one in sample(name)], snaplen=size)


def one_side(name: str, *, client: bool) -> bytes:
    """The frames of one side only."""
    return pcap([one for one in sample(name) if from_client(one) == client])


def half_duplex(name: str, *, client: bool, first: int = 1, last: int = 1 << 30) -> bytes:
    """Without the frames that one side sent before frame `first`, or behind frame `last`."""
    every = enumerate(sample(name), start=1)
    return pcap([one for number, one in every if first <= number <= last or from_client(one) != client])


def without(name: str, *numbers: int) -> bytes:
    """Without some frames."""
    return pcap([one for number, one in enumerate(sample(name), start=1) if number not in numbers])


def from_frame(name: str, first: int) -> bytes:
    """From a frame on."""
    return pcap(sample(name)[first - 1 :])


def clock_step(name: str, first: int, by: int) -> bytes:
    """The clock is set back by so many nanoseconds before a frame."""
    every = sample(name)
    return pcap([*every[: first - 1], *(one._replace(time=one.time - by) for one in every[first - 1 :])])


def reordered(name: str) -> bytes:
    """Every payload in three segments, of which the second comes last; they keep the times of their places."""
    made: list[Segment] = []
    for one in segments(name):
        third = one.length // 3
        if one.length < 30:
            made.append(one)
            continue
        cuts = (0, third, 2 * third, one.length)
        parts = [
            one._replace(
                seq=(one.seq + start) % (1 << 32), payload=one.payload[start:end], length=end - start,
                flags=ACK | PSH, ip_id=(one.ip_id + place) % (1 << 16), time=one.time,
            )
            for place, (start, end) in enumerate(pairwise(cuts))
        ]  # fmt: skip
        made += [part._replace(time=one.time + at * 1000) for at, part in enumerate((parts[0], parts[2], parts[1]))]
    return pcap(recorded(made))


def on_port(name: str, port: int, *, first: int = 1) -> bytes:
    """With another port than 22, from a frame on."""
    made = [
        one._replace(
            source=one.source._replace(port=port if one.source.port == 22 else one.source.port),
            destination=one.destination._replace(port=port if one.destination.port == 22 else one.destination.port),
        )
        for one in segments(name)
    ]
    return pcap(recorded(made[first - 1 :]))


def behind_preamble(name: str, client: bytes, server: bytes, port: int) -> bytes:
    """What a proxy's client sends and what the proxy answers, in front of a sample, on the port of the proxy."""
    every = segments(name)
    moved = {True: len(client), False: len(server)}
    made: list[Segment] = []
    shift = 0
    for place, one in enumerate(every):
        mine = one.source == every[0].source
        ahead = place > 2
        made.append(
            one._replace(
                time=one.time + shift,
                seq=(one.seq + moved[mine] * ahead) % (1 << 32),
                ack=(one.ack + moved[not mine] * ahead) % (1 << 32),
            )
        )
        if place == 2:
            shift = SECOND // 500
            asks = one._replace(
                flags=ACK | PSH, payload=client, length=len(client), ip_id=0xFFF0, time=one.time + SECOND // 2000
            )
            made.append(asks)
            if server:
                answers = every[1]._replace(
                    flags=ACK | PSH, seq=(every[1].seq + 1) % (1 << 32), ack=(one.seq + len(client)) % (1 << 32),
                    options=one.options, payload=server, length=len(server), ip_id=0xFFF1,
                    time=one.time + SECOND // 1000,
                )  # fmt: skip
                made.append(answers)
    ported = [
        one._replace(
            source=one.source._replace(port=port if one.source.port == 22 else one.source.port),
            destination=one.destination._replace(port=port if one.destination.port == 22 else one.destination.port),
        )
        for one in made
    ]
    return pcap(recorded(ported))
