"""Counters for Prometheus over HTTP: one thread, one request at a time, two seconds each, and nothing but GET /metrics.

Python's own server suffices for that and is bounded this way; the client library of Prometheus starts a thread for
whoever connects.
"""

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Final

from sshpcap.live.statistics import Statistics, prometheus
from sshpcap.live.watch import Change

_SECONDS: Final = 2.0
_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Endpoint:
    """An output that answers with the latest state. Raises OSError where it cannot listen."""

    def __init__(self, host: str, port: int) -> None:
        state = self._state = _State()

        class Handler(_Handler):
            latest = state

        self._server = _Server((host, port), Handler, bind_and_activate=False)
        self._server.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._server.socket.close()
        self._server.socket = socket.socket(self._server.address_family, socket.SOCK_STREAM)
        try:
            self._server.server_bind()
            self._server.server_activate()
        except OSError:
            self._server.server_close()
            raise
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True, name="metrics")
        self._thread.start()

    def change(self, change: Change) -> None:
        """Counted in the statistics."""

    def statistics(self, state: Statistics) -> None:
        """What is answered from now on."""
        self._state.text = prometheus(state).encode()

    def reopen(self) -> None:
        """No file is open."""

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _State:
    text = b""


class _Server(HTTPServer):
    request_queue_size = 4

    def server_bind(self) -> None:
        # Not HTTPServer's, which asks the name service who we are.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "sshpcap", int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that misbehaves is none of our trouble."""


class _Handler(BaseHTTPRequestHandler):
    latest: _State
    timeout = _SECONDS
    server_version, sys_version = "sshpcap", ""

    def setup(self) -> None:
        super().setup()
        # `timeout` is for one read; a client that sends an octet a second would hold the only thread for ever.
        self._deadline = threading.Timer(_SECONDS, self._cut_off)
        self._deadline.daemon = True
        self._deadline.start()

    def finish(self) -> None:
        self._deadline.cancel()
        super().finish()

    def _cut_off(self) -> None:
        with contextlib.suppress(OSError):  # it may have gone by itself
            self.connection.shutdown(socket.SHUT_RDWR)

    def do_GET(self) -> None:
        """The counters, or 404."""
        found = self.path == "/metrics"
        body = self.latest.text if found else b"see /metrics\n"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", _TYPE if found else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """No log of requests."""
