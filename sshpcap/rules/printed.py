"""Owns what programs print when a connection ends, word for word, as real runs and sources showed it.

Rows of program → text. `{server}`, `{port}`, `{client}`, `{client_port}` and other names in braces stand for what
differs (`{user}`, `{host}` and `{directory}`, which no capture shows, become USER, HOST, DIRECTORY); ` / ` stands
between lines. A key names the program, and where the text changed, the versions it holds for.
A close and a reset before data are one event for the user: which of the two texts appears is a race.
"""

import functools
from collections.abc import Mapping
from typing import Final

from sshpcap.model import Session, Who

Texts = Mapping[str, str]


def together(texts: Texts, **others: Texts) -> dict[str, str]:
    """All texts of a rule that has several sets of them: a key that is there already gets the name of its set."""
    every = dict(texts)
    for name, more in others.items():
        for program, text in more.items():
            if every.get(program) != text:
                every[f"{program}_{name}" if program in every else program] = text
    return every


CLOSED_BEFORE_GREETING: Final[Texts] = {
    "openssh_client": (
        "kex_exchange_identification: Connection closed by remote host / Connection closed by {server} port {port}"
    ),
    "openssh_client_since_9_5": "Connection closed by {server} port {port}",
    "openssh_client_before_8": "ssh_exchange_identification: Connection closed by remote host",
    "putty": "Remote side unexpectedly closed network connection",
    "putty_before_0_71": "Server unexpectedly closed network connection",
    "dropbear": "Remote closed the connection",
    "paramiko": "Error reading SSH protocol banner",
    "asyncssh": "Connection lost",
    "jsch": "connection is closed by foreign host",
    "go": "ssh: handshake failed: EOF",
    "libssh": "Socket error: disconnected",
    "libssh2": "Failed getting banner",
    "node_ssh2": "Connection lost before handshake",
}
"""The server's FIN came before its identification string."""

RESET_BEFORE_GREETING: Final[Texts] = {
    "openssh_client": (
        "kex_exchange_identification: read: Connection reset by peer / Connection reset by {server} port {port}"
    ),
    "openssh_client_early": "Connection reset by UNKNOWN port -1",
    "openssh_client_before_8": "ssh_exchange_identification: read: Connection reset by peer",
    "openssh_client_before_8_early": "write: Connection reset by peer",
    "putty": "Network error: Connection reset by peer",
    "putty_plink": "Connection reset by peer",
    "dropbear": "Remote closed the connection",
    "dropbear_early": "Connect failed: Connection reset by peer",
    "paramiko": "Error reading SSH protocol banner[Errno 104] Connection reset by peer",
    "paramiko_early": "EOFError",
    "asyncssh": "[Errno 104] Connection reset by peer",
}
"""The server's RST came before its identification string."""

CLOSED_LATER: Final[Texts] = {
    "openssh_client": "Connection closed by {server} port {port}",
    "putty": "Remote side unexpectedly closed network connection",
    "putty_before_0_71": "Server unexpectedly closed network connection",
    "dropbear": "Remote closed the connection",
    "paramiko": "EOFError",
    "asyncssh": "Connection lost",
    "go": "ssh: handshake failed: EOF",
}
"""The server's FIN came behind its identification string."""

RESET_LATER: Final[Texts] = {
    "openssh_client": "Connection reset by {server} port {port}",
    "putty": "Network error: Connection reset by peer",
    "putty_plink": "Connection reset by peer",
    "dropbear": "Error reading: Connection reset by peer",
    "paramiko": "[Errno 104] Connection reset by peer",
    "asyncssh": "[Errno 104] Connection reset by peer",
}
"""The server's RST came behind its identification string."""

CLOSED_BY_CLIENT: Final[Texts] = {"sshd_log": "Connection closed by {client} port {client_port} [preauth]"}
RESET_BY_CLIENT: Final[Texts] = {"sshd_log": "Connection reset by {client} port {client_port} [preauth]"}

CONNECT_TIMED_OUT: Final[Texts] = {
    "openssh_client": "ssh: connect to host {server} port {port}: Connection timed out",
    "putty": "Network error: Connection timed out",
    "putty_plink": "FATAL ERROR: Connection timed out",
    "paramiko": "TimeoutError: timed out",
    "jsch": "java.net.ConnectException: Connection timed out / timeout: socket is not established",
    "go": "dial tcp {server}:{port}: i/o timeout",
    "libssh": "Timeout connecting to {server}",
}
"""The TCP connection was never open."""

_NOT_A_GREETING: Final[Texts] = {"paramiko": "Error reading SSH protocol banner"}
"""paramiko does not wait for what is no line of text."""

GREETING_TIMED_OUT: Final[Texts] = {
    "openssh_client_with_connect_timeout": (
        "Connection timed out during banner exchange / Connection to {server} port {port} timed out"
    ),
    "paramiko": "Error reading SSH protocol banner",
    "jsch": "Session.connect: java.net.SocketTimeoutException: Read timed out",
    "node_ssh2": "Timed out while waiting for handshake",
}
"""The connection is open, and no identification string of the server comes. Other programs wait for ever."""

HANGS_LATER: Final[Texts] = {
    "openssh_client_with_server_alive_interval": (
        "Connection to {server} port {port} timed out / Timeout, server {server} not responding."
    ),
    "openssh_client": "Connection reset by {server} port {port}",
    "paramiko": "EOFError",
}
"""Nothing more comes in the key exchange. Other programs wait for ever."""

SESSION_LOST: Final[Texts] = {
    "openssh_client": "client_loop: send disconnect: Broken pipe",
    "openssh_client_before_9": "packet_write_wait: Connection to {server} port {port}: Broken pipe",
    "openssh_client_with_server_alive_interval": "Timeout, server {server} not responding.",
    "putty": "Network error: Software caused connection abort",
}
"""An encrypted connection is dead, and its client finds out when it sends."""

GRACE_LOGGED: Final[Texts] = {
    "sshd_log": "Timeout before authentication for {client} port {client_port}",
    "sshd_log_since_9_8": "Timeout before authentication for connection from {client} to {server}",
}
"""LoginGraceTime ran out; Debian's 9.2p1 logs nothing since its fix of CVE-2024-6387."""

NOT_RESPONDING_LOGGED: Final[Texts] = {
    "sshd_log": "Timeout, client not responding from user {user} {client} port {client_port}",
}
"""ClientAliveInterval and ClientAliveCountMax."""

BEFORE_GREETING: Final[Texts] = together(CLOSED_BEFORE_GREETING, reset=RESET_BEFORE_GREETING)
LATER: Final[Texts] = together(CLOSED_LATER, reset=RESET_LATER, closed=CLOSED_BY_CLIENT, of_client=RESET_BY_CLIENT)

INVALID_FORMAT: Final[Texts] = {
    "openssh_client": "banner exchange: Connection to {server} port {port}: invalid format",
}
"""OpenSSH 8.0 and later did not like what stands where the identification string should be."""

BAD_PACKET_LENGTH: Final[Texts] = {
    "openssh_client": (
        "Bad packet length {number}. / ssh_dispatch_run_fatal: Connection to {server} port {port}: message"
        " authentication code incorrect"
    ),
    "putty": "Incoming packet was garbled on decryption",
    "dropbear": "Integrity error (bad packet size {number_and_4})",
}
"""The server sent something that is no packet."""

BAD_PACKET_LENGTH_LOGGED: Final[Texts] = {
    "sshd_log": (
        "Bad packet length {number}. [preauth] / ssh_dispatch_run_fatal: Connection from {client} port {client_port}:"
        " message authentication code incorrect [preauth]"
    ),
    "dropbear_log": "Exit before auth from <{client}:{client_port}>: Integrity error (bad packet size {number_and_4})",
    "paramiko_server_log": "Invalid packet blocking",
    "lshd_log": "Protocol error: Packet too large",
}
"""The client sent something that is no packet."""


def fill(texts: Texts, session: Session, **more: object) -> dict[str, str]:
    """The texts with the addresses of a session, and with what else differs."""
    known = {
        "user": "USER",
        "host": "HOST",
        "directory": "DIRECTORY",
        "server": session.server.address,
        "port": session.server.port,
        "client": session.client.address,
        "client_port": session.client.port,
        **more,
    }
    return {program: _filled(text, known) for program, text in texts.items()}


def bad_packet_length(session: Session, sender: Who, number: int) -> dict[str, str]:
    """What the reader of such octets prints; Dropbear counts the four octets of the length itself."""
    texts = BAD_PACKET_LENGTH if sender == "server" else BAD_PACKET_LENGTH_LOGGED
    return fill(texts, session, number=number, number_and_4=(number + 4) % (1 << 32))


def before_greeting(session: Session) -> dict[str, str]:
    """What clients print when the server closes or resets before its identification string.

    And when they are tired of waiting for it; not when they leave for something else.
    """
    if session.close.by == "client":
        waited = session.close.time is not None and session.close.time.ns - session.start.ns >= _SHORTEST_LIMIT_NS
        return fill(GREETING_TIMED_OUT if waited else _NOT_A_GREETING, session)
    if session.close.how == "rst":
        return fill(RESET_BEFORE_GREETING, session)
    texts = fill(CLOSED_BEFORE_GREETING, session)
    if _server_reset_too(session):
        resets = fill(RESET_BEFORE_GREETING, session)
        texts |= {f"{program}_or": text for program, text in resets.items() if program in _RACING}
    return texts


def later(session: Session) -> dict[str, str]:
    """What the side that was left prints when the other closes or resets behind the identification strings."""
    reset = session.close.how == "rst"
    if session.close.by == "client":
        return fill(RESET_BY_CLIENT if reset else CLOSED_BY_CLIENT, session)
    texts = fill(RESET_LATER if reset else CLOSED_LATER, session)
    if not reset and _server_reset_too(session):
        resets = fill(RESET_LATER, session)
        texts |= {f"{program}_or": text for program, text in resets.items() if program in _RACING}
    return texts


_SHORTEST_LIMIT_NS: Final = 3_000_000_000
_RACING: Final = ("openssh_client", "putty", "putty_plink", "paramiko", "asyncssh")


def _server_reset_too(session: Session) -> bool:
    """A RST of the server follows its FIN: then the client prints one text or the other."""
    letter = "R" if session.tcp.originator == "server" else "r"
    return letter in session.tcp.history


def _filled(text: str, known: Mapping[str, object]) -> str:
    """Only our own names are replaced: what a peer sent may hold braces, and nothing is evaluated."""
    begin, parts = _parts(text)
    done = [begin]
    for name, rest, part in parts:
        done.append(f"{known[name]}{rest}" if name in known else part)
    return "".join(done)


@functools.lru_cache(1024)
def _parts(text: str) -> tuple[str, list[tuple[str, str, str]]]:
    """A text up to its first brace; then, for every brace, the name in it, what stands behind it, and all of it."""
    begin, *parts = text.split("{")
    cut = ((part, part.partition("}")) for part in parts)
    return begin, [(name if brace else "", rest, "{" + part) for part, (name, brace, rest) in cut]
