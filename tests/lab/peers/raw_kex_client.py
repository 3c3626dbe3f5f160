"""A client that begins a key exchange with the SSH server at ADDRESS PORT and then breaks the protocol. WHAT is

value     its part of a curve25519-sha256 exchange has 31 octets instead of 32
login     it sends SSH_MSG_USERAUTH_REQUEST in the clear
proposal  its proposal ends in the middle of its third name-list
"""

import socket
import sys


def string(octets: bytes) -> bytes:
    return len(octets).to_bytes(4, "big") + octets


def packet(payload: bytes) -> bytes:
    padding = 8 - (5 + len(payload)) % 8 + 8
    return (1 + len(payload) + padding).to_bytes(4, "big") + bytes([padding]) + payload + bytes(padding)


LISTS = (
    b"curve25519-sha256", b"ssh-ed25519", b"aes128-ctr", b"aes128-ctr", b"hmac-sha2-256", b"hmac-sha2-256", b"none",
    b"none", b"", b"",
)  # fmt: skip
PROPOSAL = b"\x14" + bytes(16) + b"".join(map(string, LISTS)) + bytes(5)
LOGIN = b"\x32" + string(b"root") + string(b"ssh-connection") + string(b"none")
THEN = {"value": (PROPOSAL, b"\x1e" + string(b"\x09" * 31)), "login": (PROPOSAL, LOGIN), "proposal": (PROPOSAL[:60],)}

address, port, what = sys.argv[1:]
with socket.create_connection((address, int(port)), timeout=20) as peer:
    peer.sendall(b"SSH-2.0-lab\r\n")
    for payload in THEN[what]:
        peer.sendall(packet(payload))
    try:
        while data := peer.recv(4096):
            print("received", len(data), "octets", flush=True)
        print("the server closed")
    except ConnectionResetError:
        print("the server reset the connection")
