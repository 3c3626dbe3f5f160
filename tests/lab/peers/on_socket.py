"""What inetd does: listens on PORT and gives each connection to PROGRAM (with its words) as standard input and output.

For servers that do not listen by themselves: tinysshd, PuTTY's test server uppity.
"""

import os
import signal
import socket
import sys

port, *argv = sys.argv[1:]
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
with socket.create_server(("", int(port))) as listener:
    while True:
        peer, _ = listener.accept()
        if os.fork() == 0:
            os.dup2(peer.fileno(), 0)
            os.dup2(peer.fileno(), 1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.execvp(argv[0], argv)
        peer.close()
