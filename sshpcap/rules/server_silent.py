"""The server accepts the connection and says nothing.

What it means
    The server's TCP accepted the connection and acknowledged the client's identification string, but its program sent
    none. Acknowledgements come from the kernel: they do not prove that a program is alive behind the port.

How it is known
    SYN-ACK and acknowledgements of the server, not an octet of payload from it, and a wait of three seconds or more
    until the client gave up or the capture ended.

When it may be wrong
    That the server's octets did not come by here is certain when the capture is complete; that it sent none follows
    where the server's FIN or RST came later and follows directly on what it had sent before (high confidence).
    Otherwise an answer may have been lost on the way: medium, and a capture at the server tells. Why the program is
    silent is not in the capture.

What to do
    On the server's console: does sshd run, and is it stopped, swapping or waiting (`ps -o pid,stat,wchan,cmd -C
    sshd`, `dmesg | tail`)? Behind a proxy or load balancer: does its backend answer? With TCP wrappers, xinetd or
    sslh: does name resolution work (it waits 5 s for every silent name server)? Clients should limit their
    wait: OpenSSH's default, PuTTY and Dropbear wait for ever, paramiko 15 s.

References
    RFC 4253 §4.2; ssh_config(5), ConnectTimeout
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Message, Remedy, Session
from sshpcap.rules.base import (
    Rule,
    duration,
    first,
    how_it_ended,
    lost_to_the_capture,
    server_closed_in_order,
    server_said_nothing,
    shown,
    with_close,
)
from sshpcap.rules.printed import fill

ID = "server-silent"
TITLE = "The server accepts the connection and says nothing"
_WAIT_NS = 2_900_000_000
_REPEATED = 2
_MESSAGES = {
    "openssh_client": ("Connection timed out during banner exchange / Connection to {server} port {port} timed out"),
    "openssh_client_before_8": "Connection timed out during banner exchange",
    "paramiko": "Error reading SSH protocol banner",
    "jsch": "Session.connect: java.net.SocketTimeoutException: Read timed out",
    "libssh": "Timeout connecting to {server}",
    "node_ssh2": "Timed out while waiting for handshake",
}


def check(session: Session) -> Iterator[Finding]:
    """Fire when the server's identification string did not come although it had the client's."""
    waiting = session.awaited
    if waiting is None or waiting.waited.ns < _WAIT_NS:
        return
    late = None if server_said_nothing(session) else _too_late(session)
    if late is None and not server_said_nothing(session):
        return
    if session.outcome not in ("failed", "stalled") or session.coverage.midstream:
        return
    gave_up = session.close.how in ("fin", "rst")
    if gave_up and session.close.by != "client":
        return  # server-closed-before-identification, or something on the path
    greeting = first(session, "client", "identification")
    if greeting is None or not greeting.acknowledged or session.tcp.client.unacknowledged:
        return  # nothing proves that it had reached the server
    if session.tcp.client.retransmissions >= _REPEATED:
        return  # it may have reached the server late
    patience = f"; {how_it_ended(session)}"
    after = f" Its identification string came when the client had left (frame {late.frame})." if late else ""
    yield Finding(
        id=ID,
        severity="error",
        confidence="high" if server_closed_in_order(session) and not lost_to_the_capture(session) else "medium",
        party="server",
        title=TITLE,
        summary=(
            f"The server accepted the connection and acknowledged the client's identification string (frame"
            f" {greeting.frame}), but sent nothing itself for {duration(waiting.waited.ns)}{patience}. The"
            " acknowledgements come from its kernel; its program is stuck, or what stands in front has no backend."
            f"{after}"
        ),
        evidence=with_close(session, shown(greeting, "the client's identification string, acknowledged")),
        expected_messages=fill(_MESSAGES, session),
        causes=(
            "sshd hangs: stopped, swapping, or the whole machine suspended; its kernel still accepts connections",
            "a proxy, load balancer or port forwarding accepts, and its backend does not answer",
            "name resolution in an access list (TCP wrappers, xinetd, sslh) waits for a silent name server",
            "a tarpit or a honeypot",
            "the server's answer is lost on the way to the capture point",
        ),
        remedies=(
            Remedy(
                side="server",
                action="on its console: is sshd alive, stopped (T) or waiting for the disk (D)? Then restart it",
                command="ps -o pid,stat,wchan,cmd -C sshd; dmesg | tail; systemctl restart ssh",
                risk="sessions that are open survive a restart of the listener on most systems; check KillMode=process",
            ),
            Remedy(
                side="network",
                action=(
                    "let the load balancer check its backend by the identification string. HAProxy, below `option"
                    " tcp-check`:"
                ),
                command="tcp-check expect rstring ^SSH-2\\.0-",
            ),
            Remedy(
                side="server",
                action="does name resolution answer at once?",
                command=f"time getent hosts {session.client.address}",
            ),
            Remedy(
                side="client",
                action="limit the wait. ssh_config:",
                command="ConnectTimeout 10",
                risk="servers that are slow to answer are given up, too",
            ),
            Remedy(side="capture", action="capture on the server at the same time: it tells silence from loss"),
        ),
    )


def _too_late(session: Session) -> Message | None:
    """The server's identification string, if all that it said came behind the client's close."""
    close, side = session.close, session.tcp.server
    said = [message for message in session.messages if message.sender == "server"]
    if close.by != "client" or close.frame is None or not said or said[0].kind != "identification":
        return None
    if side.undelivered or session.coverage.gaps or session.coverage.one_sided or session.coverage.late_side:
        return None
    return said[0] if said[0].frame > close.frame else None


RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES, instead_of=("stalled",))
