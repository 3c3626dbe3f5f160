"""A paramiko server on PORT with the host key KEY that offers one key exchange METHOD; it serves one connection.

late       its proposal comes a while after its identification string
together   both come in one segment
stuck      it does not answer the client's part of the key exchange
late FILE  its groups for the group exchange are those of a moduli(5) file
"""

import logging
import socket
import sys
import time

import paramiko

port, key, method, when, *moduli = sys.argv[1:]
logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
with socket.create_server(("", int(port))) as listener:
    if moduli:
        paramiko.Transport.load_server_moduli(moduli[0])
    peer, _ = listener.accept()
    transport = paramiko.Transport(peer)
    transport.add_server_key(paramiko.Ed25519Key.from_private_key_file(key))
    transport.get_security_options().kex = (method,)
    propose = transport._send_kex_init

    def propose_as_told() -> None:
        time.sleep(0.2 if when == "late" else 0)
        propose()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)

    begin = transport._parse_kex_init

    def begin_as_told(message: paramiko.Message) -> None:
        begin(message)
        if when == "stuck":
            transport.kex_engine.parse_next = lambda *_: time.sleep(20)

    transport._parse_kex_init = begin_as_told
    transport._send_kex_init = propose_as_told
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, int(when == "together"))
    try:
        transport.start_server(server=paramiko.ServerInterface())
    except (paramiko.SSHException, OSError, EOFError) as error:
        print(f"{type(error).__qualname__}: {error}", flush=True)
    finally:
        transport.close()
    listener.settimeout(60)
    listener.accept()
