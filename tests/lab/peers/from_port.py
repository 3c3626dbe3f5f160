"""A connection to ADDRESS PORT from a source port of one's own: OWN WHAT.

leave   sends an identification string, waits a second, and is gone with a RST (as when its host lost power: the
        lab's router swallows that RST)
relay   joins the connection to standard input and output (for ssh's ProxyCommand)
"""

import os
import socket
import struct
import sys
import threading
import time

address, port, own, what = sys.argv[1:]
peer = socket.socket()
peer.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
peer.bind(("", int(own)))
peer.connect((address, int(port)))
if what == "leave":
    peer.sendall(b"SSH-2.0-lab\r\n")
    time.sleep(1)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
else:

    def upwards() -> None:
        while octets := os.read(0, 65536):
            peer.sendall(octets)
        peer.shutdown(socket.SHUT_WR)

    threading.Thread(target=upwards, daemon=True).start()
    while octets := peer.recv(65536):
        while octets:
            octets = octets[os.write(1, octets) :]
