"""echo.py PORT SECONDS: sends back every octet that it gets (RFC 862); closes when nothing came for so long."""

import socket
import sys

_PIECE = 65536

with socket.create_server(("", int(sys.argv[1]))) as listener:
    connection, _ = listener.accept()
    connection.settimeout(float(sys.argv[2]))
    try:
        while piece := connection.recv(_PIECE):
            connection.sendall(piece)
    except TimeoutError:
        pass
    connection.close()
