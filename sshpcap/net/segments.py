"""A TCP header → `Segment`: the one place where its octets are read one by one (RFC 9293 §3.1)."""

import struct
from typing import Final

from sshpcap.frames import CHECKSUM_UNKNOWN, Endpoint, Segment

HEADER_BYTES: Final = 20
_HEADER: Final = struct.Struct(">HHIIBBHHH")


def read_segment(
    frame: int,
    time: int,
    source: bytes,
    destination: bytes,
    ttl: int,
    ip_id: int,
    octets: bytes,
    length: int,
    checksum: int = CHECKSUM_UNKNOWN,
) -> Segment | None:
    """Read a segment from its captured `octets`; `length` is what the IP header says it has, `checksum` a verdict.

    None where the captured part is shorter than the fixed header, or the header contradicts itself.
    """
    if len(octets) < HEADER_BYTES:
        return None
    source_port, destination_port, seq, ack, offset, flags, window, _, _ = _HEADER.unpack_from(octets)
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
        checksum=checksum,
    )
