"""A server on PORT that speaks SSH-1.5 until the client has sent the session key; then it only reads.

Its keys are real RSA keys, made with openssl; its message is that of draft-ylonen-ssh-protocol-00, with its CRC-32.
"""

import contextlib
import os
import socket
import subprocess
import sys
import zlib

PUBLIC_EXPONENT = 65537
PUBLIC_KEY = 2  # SSH_SMSG_PUBLIC_KEY
CIPHERS = 1 << 3 | 1 << 6  # 3DES, Blowfish
AUTHENTICATIONS = 1 << 2 | 1 << 3  # RSA, password


def modulus(bits: int) -> int:
    """The modulus of a fresh RSA key."""
    key = subprocess.run(["openssl", "genrsa", str(bits)], check=True, capture_output=True, timeout=60).stdout
    told = subprocess.run(
        ["openssl", "rsa", "-noout", "-modulus"], input=key, check=True, capture_output=True, timeout=60
    )
    return int(told.stdout.decode().strip().partition("=")[2], 16)


def integer(number: int) -> bytes:
    """A multiple-precision integer: its bits, then its octets."""
    return number.bit_length().to_bytes(2, "big") + number.to_bytes((number.bit_length() + 7) // 8, "big")


def key(bits: int) -> bytes:
    return bits.to_bytes(4, "big") + integer(PUBLIC_EXPONENT) + integer(modulus(bits))


def crc(octets: bytes) -> int:
    """The CRC-32 of SSH-1: as zlib's, but it begins with zero and is not inverted."""
    return zlib.crc32(octets, 0xFFFFFFFF) ^ 0xFFFFFFFF


def packet(payload: bytes) -> bytes:
    length = len(payload) + 4
    padded = bytes(8 - length % 8) + payload
    return length.to_bytes(4, "big") + padded + crc(padded).to_bytes(4, "big")


port = int(sys.argv[1])
message = bytes([PUBLIC_KEY]) + os.urandom(8) + key(768) + key(1024)
message += (2).to_bytes(4, "big") + CIPHERS.to_bytes(4, "big") + AUTHENTICATIONS.to_bytes(4, "big")
with socket.create_server(("", port)) as listener:
    peer, _ = listener.accept()
    with peer:
        peer.sendall(b"SSH-1.5-lab\n")
        peer.settimeout(10)
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            print("the client says", ascii(peer.recv(256)), flush=True)
            peer.sendall(packet(message))
            while octets := peer.recv(4096):
                print("the client sends", len(octets), "octets", flush=True)
