"""A box on the router that cuts SSH connections: INTERFACE, the one to the client.

When it sees a large segment from port 22, it sends the client a RST in the server's name, with a TTL and an IP
identification of its own. It prints what it did.
"""

import socket
import struct
import sys


def checksum(octets: bytes) -> int:
    """RFC 1071."""
    total: int = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


watching = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
watching.bind((sys.argv[1], 0))
sending = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
print("watching", flush=True)
while True:
    frame = watching.recv(65535)
    if frame[12:14] != b"\x08\x00" or frame[23] != 6:
        continue
    ip = frame[14 : 14 + (frame[14] & 15) * 4]
    tcp = frame[14 + len(ip) :]
    source, destination, seq = struct.unpack_from(">HHI", tcp)
    length = int.from_bytes(ip[2:4], "big") - len(ip) - (tcp[12] >> 4) * 4
    if source != 22 or length < 500:
        continue
    head = struct.pack(">HHIIBBHHH", source, destination, (seq + length) % (1 << 32), 0, 0x50, 0x04, 0, 0, 0)
    pseudo = ip[12:20] + struct.pack(">BBH", 0, 6, len(head))
    head = head[:16] + struct.pack(">H", checksum(pseudo + head)) + head[18:]
    packet = struct.pack(">BBHHHBBH", 0x45, 0, 40, 0x4242, 0, 128, 6, 0) + ip[12:20] + head
    sending.sendto(packet, (socket.inet_ntoa(ip[16:20]), 0))
    print("sent a RST to the client", flush=True)
    break
