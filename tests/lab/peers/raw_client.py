"""A client that is no SSH client: connects to ADDRESS PORT, sends TEXT (may be empty), and then

close   closes at once
half    closes its own direction at once, and reads as with `read`
hold N  waits N seconds, reading nothing, and closes
read    prints what comes until the server closes, and when that was
"""

import socket
import sys
import time

address, port, text, then = sys.argv[1:5]
with socket.create_connection((address, int(port)), timeout=20) as peer:
    connected = time.monotonic()
    peer.sendall(text.encode().decode("unicode_escape").encode("latin-1"))
    if then == "hold":
        time.sleep(float(sys.argv[5]))
    elif then in ("read", "half"):
        if then == "half":
            peer.shutdown(socket.SHUT_WR)
        peer.settimeout(200)
        try:
            while data := peer.recv(4096):
                print("received", ascii(data) if len(data) < 100 else f"{len(data)} bytes", flush=True)
            print(f"the server closed after {time.monotonic() - connected:.0f} s")
        except ConnectionResetError:
            print(f"the server reset the connection after {time.monotonic() - connected:.0f} s")
