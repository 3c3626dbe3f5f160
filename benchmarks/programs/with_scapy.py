"""With scapy: `python -m benchmarks.programs.with_scapy CAPTURE FRAMES`: the same as `with_dpkt`."""

import sys
from typing import Any

from scapy.layers.inet import IP, TCP
from scapy.utils import PcapReader


def main(path: str, most: int) -> None:
    """Print every connection's identification strings and lists of key exchange methods."""
    streams: dict[Any, bytearray] = {}
    with PcapReader(path) as reader:
        for number, packet in enumerate(reader):
            if number >= most:
                break
            if TCP not in packet or IP not in packet:
                continue
            segment = packet[TCP]
            payload = bytes(segment.payload)
            if 22 not in (segment.sport, segment.dport) or not payload:
                continue
            stream = streams.setdefault((packet[IP].src, segment.sport, packet[IP].dst, segment.dport), bytearray())
            if len(stream) < 8192:
                stream += payload
    for (source, sport, destination, dport), stream in streams.items():
        line, _, rest = bytes(stream).partition(b"\n")
        methods = b""
        if len(rest) > 26 and rest[5] == 20:
            methods = rest[26 : 26 + int.from_bytes(rest[22:26], "big")]
        print(source, sport, destination, dport, line.strip(), methods)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
