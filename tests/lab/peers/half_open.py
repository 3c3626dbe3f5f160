"""A scanner that asks and does not come in: sends one SYN to ADDRESS PORT past its own kernel.

The kernel, which knows nothing of it, answers the SYN-ACK with RST.
"""

import socket
import struct
import sys
import time

address, port = sys.argv[1], int(sys.argv[2])
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
    probe.connect((address, port))
    own = probe.getsockname()[0]
head = struct.pack(">HHIIBBHHH", 40022, port, 0x01020304, 0, 0x50, 0x02, 1024, 0, 0)
pseudo = socket.inet_aton(own) + socket.inet_aton(address) + struct.pack(">BBH", 0, 6, len(head)) + head
total = sum(struct.unpack(f">{len(pseudo) // 2}H", pseudo))
total = (total & 0xFFFF) + (total >> 16)
total = (total & 0xFFFF) + (total >> 16)
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
    raw.sendto(head[:16] + struct.pack(">H", ~total & 0xFFFF) + head[18:], (address, 0))
time.sleep(0.5)
print("sent one SYN")
