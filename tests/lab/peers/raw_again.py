"""A peer that proposes twice: `client ADDRESS PORT` or `server PORT`. Its second SSH_MSG_KEXINIT comes at once.

The client then goes on with a part of a curve25519-sha256 exchange, and prints the numbers of what it gets.
"""

import contextlib
import socket
import sys


def string(octets: bytes) -> bytes:
    return len(octets).to_bytes(4, "big") + octets


def packet(payload: bytes) -> bytes:
    padding = 8 - (5 + len(payload)) % 8 + 8
    return (1 + len(payload) + padding).to_bytes(4, "big") + bytes([padding]) + payload + bytes(padding)


CIPHERS = (b"aes128-ctr", b"aes256-ctr")
FIRST, SECOND = (
    b"\x14" + bytes([place]) * 16 + b"".join(map(string, (
        b"curve25519-sha256", b"ssh-ed25519", cipher, cipher, b"hmac-sha2-256", b"hmac-sha2-256", b"none", b"none", b"",
        b"",
    ))) + bytes(5)
    for place, cipher in enumerate(CIPHERS)
)  # fmt: skip
INIT = b"\x1e" + string(b"\x09" + bytes(31))


def numbers(octets: bytes) -> list[int]:
    """Numbers of the clear packets behind the identification string."""
    at, found = octets.find(b"\n") + 1, list[int]()
    while at + 6 <= len(octets) and (not found or found[-1] != 21):
        found.append(octets[at + 5])
        at += 4 + int.from_bytes(octets[at : at + 4], "big")
    return found


def talk(peer: socket.socket, *payloads: bytes) -> None:
    peer.sendall(b"SSH-2.0-lab\r\n" + b"".join(map(packet, payloads)))
    peer.settimeout(2)
    heard = b""
    with contextlib.suppress(TimeoutError, ConnectionResetError):
        while data := peer.recv(65536):
            heard += data
        print("closed by the other side")
    print("messages received:", numbers(heard), flush=True)


if sys.argv[1] == "client":
    with socket.create_connection((sys.argv[2], int(sys.argv[3])), timeout=20) as peer:
        talk(peer, FIRST, SECOND, INIT)
else:
    with socket.create_server(("", int(sys.argv[2]))) as listener:
        peer, _ = listener.accept()
        with peer:
            talk(peer, FIRST, SECOND)
        listener.settimeout(60)
        listener.accept()
