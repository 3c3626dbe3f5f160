"""A listener that is no SSH server: on PORT, it accepts one connection, and then

close      closes it at once
silent     says nothing, and reads nothing
say TEXT   sends TEXT (with \\r, \\n and \\xNN), reads what comes, and closes when the client has closed
end TEXT   sends TEXT, reads what comes for half a second, and closes
"""

import contextlib
import socket
import sys

port, then, *words = sys.argv[1:]
with socket.create_server(("", int(port))) as listener:
    peer, _ = listener.accept()
    with peer:
        if then == "silent":
            # Not even reading: the kernel acknowledges, the program says nothing.
            listener.settimeout(60)
            listener.accept()
        elif then in ("say", "end"):
            peer.sendall(words[0].encode().decode("unicode_escape").encode("latin-1"))
            peer.settimeout(60 if then == "say" else 0.5)
            with contextlib.suppress(TimeoutError, ConnectionResetError):
                while peer.recv(4096):
                    pass
