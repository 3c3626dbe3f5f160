"""A TCP header → `Segment`: the one place where its octets are read one by one (RFC 9293 §3.1)."""

import struct
from typing import Final

from sshpcap.frames import Endpoint, Segment

HEADER_BYTES: Final = 20
_TCP: Final = 6
_HEADER: Final = struct.Struct(">HHIIBBHHH")


def unsummed(addresses: bytes, length: int, checksum: int) -> bool:
    """Whether a checksum covers the pseudo header only, as a host leaves it to its network card (RFC 9293 §3.1).

    `addresses` are both as they stand in the IP header, `length` is that of the segment. One checksum in 65,536 is so
    by chance.
    """
    # The ones' complement sum of 16-bit words is the number itself modulo 65535.
    return checksum != 0 and checksum % 0xFFFF == (int.from_bytes(addresses, "big") + _TCP + length) % 0xFFFF


def read_segment(
    frame: int, time: int, source: bytes, destination: bytes, ttl: int, ip_id: int, octets: bytes, length: int
) -> Segment | None:
    """Read a segment from its captured `octets`; `length` is what the IP header says it has.

    None where the captured part is shorter than the fixed header, or the header contradicts itself.
    """
    if len(octets) < HEADER_BYTES:
        return None
    source_port, destination_port, seq, ack, offset, flags, window, checksum, _ = _HEADER.unpack_from(octets)
    header = (offset >> 4) * 4
    if header < HEADER_BYTES or header > length:
        return None
    return Segment(
        frame=frame,
        time=time,
        source=Endpoint(source, source_port),
        destination=Endpoint(destination, destination_port),
        seq=seq,
        ack=ack,
        flags=flags,
        window=window,
        ttl=ttl,
        ip_id=ip_id,
        options=octets[HEADER_BYTES:header],
        payload=octets[header:length],
        length=length - header,
        unsummed=unsummed(source + destination, length, checksum),
    )
