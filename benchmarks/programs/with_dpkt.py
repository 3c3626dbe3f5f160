"""With dpkt: `python -m benchmarks.programs.with_dpkt CAPTURE FRAMES`: identification and KEXINIT of every stream.

In-order octets as they come; no retransmissions, no reordering, no TCP state: what such programs do.
"""

import sys
from typing import Any

import dpkt


def main(path: str, most: int) -> None:
    """Print every connection's identification strings and lists of key exchange methods."""
    streams: dict[Any, bytearray] = {}
    with open(path, "rb") as file:
        reader = dpkt.pcap.UniversalReader(file)
        for number, (_, octets) in enumerate(reader):
            if number >= most:
                break
            packet = dpkt.ethernet.Ethernet(octets).data
            if not isinstance(packet, dpkt.ip.IP | dpkt.ip6.IP6) or not isinstance(packet.data, dpkt.tcp.TCP):
                continue
            segment = packet.data
            if 22 not in (segment.sport, segment.dport) or not segment.data:
                continue
            stream = streams.setdefault((packet.src, segment.sport, packet.dst, segment.dport), bytearray())
            if len(stream) < 8192:
                stream += segment.data
    for (_, sport, _, dport), stream in streams.items():
        line, _, rest = bytes(stream).partition(b"\n")
        methods = b""
        if len(rest) > 26 and rest[5] == 20:
            methods = rest[26 : 26 + int.from_bytes(rest[22:26], "big")]
        print(sport, dport, line.strip(), methods)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
