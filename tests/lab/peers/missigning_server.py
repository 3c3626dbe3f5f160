"""A paramiko server on PORT with the RSA host key KEY that signs with SHA-256 whatever was agreed on."""

import logging
import socket
import sys
from typing import Any

import paramiko

port, file = sys.argv[1:]
logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")


class Missigning(paramiko.RSAKey):  # type: ignore[misc]
    """A key with one way to sign."""

    def sign_ssh_data(self, data: bytes, algorithm: str | None = None) -> Any:
        return super().sign_ssh_data(data, "rsa-sha2-256")


with socket.create_server(("", int(port))) as listener:
    peer, _ = listener.accept()
    transport = paramiko.Transport(peer)
    transport.add_server_key(Missigning.from_private_key_file(file))
    try:
        transport.start_server(server=paramiko.ServerInterface())
    except (paramiko.SSHException, OSError, EOFError) as error:
        print(f"{type(error).__qualname__}: {error}", flush=True)
    finally:
        transport.close()
    listener.settimeout(60)
    listener.accept()
