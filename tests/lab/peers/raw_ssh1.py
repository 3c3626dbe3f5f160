"""A client of SSH-1 that answers the server's keys at ADDRESS PORT with another cookie than the server's."""

import socket
import sys
import zlib


def packet(payload: bytes) -> bytes:
    length = len(payload) + 4
    body = bytes(8 - length % 8) + payload
    return length.to_bytes(4, "big") + body + (zlib.crc32(body, 0xFFFFFFFF) ^ 0xFFFFFFFF).to_bytes(4, "big")


with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=20) as peer:
    peer.sendall(b"SSH-1.5-lab\n")
    heard = b""
    while len(heard) < 200:  # the identification string, and keys of 768 bits or more
        heard += peer.recv(4096)
    peer.sendall(packet(b"\x03\x03" + bytes(8) + (1023).to_bytes(2, "big") + b"\x7f" * 128 + bytes(4)))
    peer.settimeout(10)
    while data := peer.recv(4096):
        print("received", ascii(data), flush=True)
