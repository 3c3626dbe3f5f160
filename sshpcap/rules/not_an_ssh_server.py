"""Not an SSH server.

What it means
    What answers on this port speaks another protocol than SSH, or a text that is no identification string.

How it is known
    The server's first octets do not begin with "SSH-", and no identification string follows them.

When it may be wrong
    That no identification string came is certain. The name of the other protocol is a recognition of its first
    octets. RFC 4253 §4.2 allows a server text lines before its identification string: a capture that ends early, or a
    server that was cut off while it still sent them, may hide that one would have come.

What to do
    Connect to the right port, or to the right host behind a proxy or NAT. SSH inside TLS or through an HTTP proxy
    needs a ProxyCommand.

References
    RFC 4253 §4.2; ssh_config(5), ProxyCommand
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, how_it_ended, server_place, with_close
from sshpcap.ssh import plain_text

ID = "not-an-ssh-server"
TITLE = "Not an SSH server"
_SHOWN = 80


def check(session: Session) -> Iterator[Finding]:
    """Fire on a server that sent something, and no identification string."""
    server = session.server
    if server.identification is not None or not server.pre_identification or session.coverage.midstream:
        return
    text = server.pre_identification[0]
    if text.startswith("SSH-") or plain_text.refusal(text) or plain_text.complaint(text):
        return
    protocol = plain_text.protocol(text)
    if protocol is None and session.close.how == "capture_end":
        return  # lines before the identification string are allowed, and it may have come later
    said = next((m for m in session.messages if m.sender == "server"), None)
    frame = (
        said.frame if said else (server.unreadable.frame if server.unreadable else session.tcp.server.last_data_frame)
    )
    named = f"speaks {protocol}, not SSH" if protocol else "does not speak SSH"
    place = server_place(session)
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    many = len(server.pre_identification)
    lines = f" ({many} lines)" if many > 1 else ""
    yield Finding(
        id=ID,
        severity="error",
        confidence="high" if protocol else "medium",
        party="server",
        title=TITLE,
        summary=(
            f'What answers on {place} {named}: it sent "{shown}"{lines} in frame {frame} and no identification string; '
            f"{how_it_ended(session)}."
        ),
        evidence=with_close(session, Evidence(frame=frame, what=f'"{shown}"') if frame is not None else None),
        expected_messages={
            "openssh_client": (
                f"kex_exchange_identification: Connection closed by remote host / Connection closed by {place}"
            ),
            "openssh_client_binary": f"banner exchange: Connection to {place}: invalid format",
            "putty": "Remote side unexpectedly closed network connection",
            "paramiko": "Error reading SSH protocol banner",
        },
        causes=_TARPIT if protocol is None and many > _TARPIT_LINES else _CAUSES,
        remedies=(
            Remedy(side="client", action="use the port of the SSH server", command="ssh -p PORT HOST"),
            Remedy(
                side="client",
                action="SSH inside TLS: unwrap it",
                command="ssh -o ProxyCommand='openssl s_client -quiet -connect %h:443 -servername %h' HOST",
            ),
            Remedy(side="server", action="see what listens on the port", command="ss -ltnp"),
        ),
    )


_TARPIT_LINES = 3
_CAUSES = (
    "the port belongs to another service",
    "a port forwarding, NAT or load balancer leads to another service",
    "a TLS wrapper, an HTTP proxy or a captive portal answers in the server's place",
)
_TARPIT = ("a tarpit (endlessh) holds scanners up with endless lines; the real sshd listens on another port", *_CAUSES)

RULE = Rule(ID, TITLE, "error", check)
