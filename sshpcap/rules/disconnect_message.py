"""A readable SSH_MSG_DISCONNECT.

What it means
    One side said that it ends the connection, with a reason code and mostly a text, before encryption began. Some
    clients do not show the text; the capture has it.

How it is known
    The message is in the clear: Wireshark shows the same code and text.

When it may be wrong
    That the message was sent is certain. Whether its text tells the true reason is up to the program that wrote it.

What to do
    Act on the text. Reason 2 PROTOCOL_ERROR from one side is a complaint about the other; 3 KEY_EXCHANGE_FAILED goes
    with a finding "no common …"; 12 TOO_MANY_CONNECTIONS is a limit of the server.

References
    RFC 4253 §11.1; RFC 4250 §4.2.2
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Session
from sshpcap.rules.base import Rule, how_it_ended, server_place, with_close

ID = "disconnect-message"
TITLE = "SSH_MSG_DISCONNECT"
_BY_APPLICATION = 11


def check(session: Session) -> Iterator[Finding]:
    """Fire on a DISCONNECT in the clear."""
    said = session.close.disconnect
    if said is None or session.stage == "encrypted":
        return
    text = f'"{said.description}"' if said.description else "no text"
    yield Finding(
        id=ID,
        severity="error",
        confidence="high",
        party=said.by,
        title=TITLE,
        summary=(
            f"The {said.by} ended the connection with SSH_MSG_DISCONNECT (frame {said.frame}), reason {said.code}"
            f" {said.name}, {text}; {how_it_ended(session)}."
        ),
        evidence=with_close(session, Evidence(frame=said.frame, what=f"SSH_MSG_DISCONNECT {said.code}: {text}")),
        expected_messages=(
            {
                "openssh_client": f"Received disconnect from {server_place(session)}:{said.code}: {said.description}",
                "putty": (
                    "Received unexpected packet when expecting …, type 1 (SSH2_MSG_DISCONNECT) (the text is not shown)"
                ),
            }
            if said.by == "server"
            else {
                "sshd_log": (
                    f"Received disconnect from {session.client.address} port {session.client.port}:{said.code}:"
                    f" {said.description}"
                )
            }
        ),
        causes=("what the text says",),
    )


RULE = Rule(ID, TITLE, "error", check)
