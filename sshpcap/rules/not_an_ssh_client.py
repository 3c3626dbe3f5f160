"""Not an SSH client.

What it means
    What connected to the SSH server speaks another protocol: a browser, a TLS client, a scanner, or a proxy that puts
    its own header in front. The server is not at fault.

How it is known
    The client's first octets do not begin with "SSH-". OpenSSH answers with "Invalid SSH identification string." (up
    to 7.9: "Protocol mismatch.") and closes.

When it may be wrong
    That the client's first octets are no identification string is certain; RFC 4253 §4.2 allows a client no lines
    before it. The name of the other protocol is a recognition of its first octets.

What to do
    Find the program at the client's address. If it is your own load balancer with a PROXY header: switch `send-proxy`
    off for the SSH backend.

References
    RFC 4253 §4.2; the PROXY protocol (HAProxy), sections 2.1 and 2.2
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, client_place, how_it_ended, with_close
from sshpcap.ssh import plain_text

ID = "not-an-ssh-client"
TITLE = "Not an SSH client"
_SHOWN = 80


def check(session: Session) -> Iterator[Finding]:
    """Fire on a client that sent something else than an identification string, or before it."""
    client = session.client
    if session.coverage.midstream or session.stage in ("kex", "newkeys", "encrypted"):
        return
    if client.preamble is None and not client.pre_identification:
        return
    if client.kexinit is not None and session.server.kexinit is not None:
        return  # the server understood it
    text = client.pre_identification[0] if client.pre_identification else client.preamble or ""
    if text.startswith("SSH-") or (session.server.identification is None and session.server.pre_identification):
        return
    begun = client.first_octets or text
    protocol = plain_text.protocol(begun)
    said = next((m for m in session.messages if m.sender == "client"), None)
    frame = (
        said.frame if said else (client.unreadable.frame if client.unreadable else session.tcp.client.last_data_frame)
    )
    named = f"speaks {protocol}, not SSH" if protocol else "does not speak SSH"
    if client.identification is not None:
        named = f"sent {protocol or 'something else'} before its identification string, which a server does not expect"
    shown = begun.partition("\\x0d\\x0a")[0] or begun
    shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
    answer = next(
        (m for m in session.messages if m.sender == "server" and plain_text.complaint(str(m.fields.get("text", "")))),
        None,
    )
    replied = f' The server answered "{answer.fields["text"]}" (frame {answer.frame}).' if answer else ""
    yield Finding(
        id=ID,
        severity="error",
        confidence="high" if protocol or answer else "medium",
        party="client",
        title=TITLE,
        summary=(
            f'The client {client.address} {named}: its first octets are "{shown}" (frame {frame}).{replied} '
            f"In the end {how_it_ended(session)}."
        ),
        evidence=with_close(
            session,
            Evidence(frame=frame, what=f'"{shown}"') if frame is not None else None,
            Evidence(frame=answer.frame, what="the server's complaint", bytes=answer.bytes) if answer else None,
        ),
        expected_messages=_messages(session, shown),
        causes=(
            "a web browser, a health check or a scanner that tries this port",
            "a load balancer that sends a PROXY header to a server that does not expect it",
            "a client configured with the wrong port",
        ),
        remedies=(
            Remedy(side="client", action="find the program that connects from this address, and correct its port"),
            Remedy(
                side="network", action="switch the PROXY header off for the SSH backend (HAProxy: remove send-proxy)"
            ),
        ),
    )


def _messages(session: Session, shown: str) -> dict[str, str]:
    server = session.server.identification
    if server is None or server.implementation not in ("OpenSSH", "OpenSSH for Windows"):
        return {}
    why = (
        "banner line contains invalid characters"
        if "\\x" in shown
        else f'client sent invalid protocol identifier "{shown}"'
    )
    place = client_place(session)
    return {
        "sshd_log": f"kex_exchange_identification: {why} / banner exchange: Connection from {place}: invalid format"
    }


RULE = Rule(ID, TITLE, "error", check)
