"""A listener that is no SSH server: on PORT, it accepts one connection and either closes it at once or stays silent."""

import socket
import sys

port, then = sys.argv[1:]
with socket.create_server(("", int(port))) as listener:
    peer, _ = listener.accept()
    with peer:
        if then == "silent":
            # Not even reading: the kernel acknowledges, the program says nothing.
            listener.settimeout(60)
            listener.accept()
