"""The login succeeded, and the session ended before it was used.

What it means
    The login looks successful, but nothing came of it. Either the server closed at once without a word (the program
    that serves the user failed: ownership of the ChrootDirectory, a limit, a crash), or OpenSSH's client left after it
    had asked for one channel and got an answer: the server refused the channel (MaxSessions 0, AllowTcpForwarding no
    on a jump host, a target that the jump host cannot reach).

How it is known
    From sizes and times: a packet as short as SSH_MSG_USERAUTH_SUCCESS, and within two seconds the server's close with
    no data behind the client's, or the client's close where every use of a channel takes more turns.

When it may be wrong
    It is inference: medium confidence at most. A command that fails at once, a shell that is `nologin` and a
    ForceCommand that ends look exactly like a short command that did its work, so they are never reported. A user who
    breaks off in this second looks like a refused channel. So does a connection that opens no channel (`ssh -N`):
    where the client left later than half a second or ten round trips after the login it is low.

What to do
    Read what the client printed and the server's log; the login itself is fine.

References
    RFC 4254 §5.1; sshd_config(5), ChrootDirectory, MaxSessions, AllowTcpForwarding; ssh(1), -J
"""

from collections.abc import Iterator

from sshpcap.model import AfterLogin, Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, duration, how_it_ended, with_close
from sshpcap.rules.printed import fill, together

ID = "session-ended-at-once"
TITLE = "The login succeeded, and the session ended before it was used"
_BY_SERVER = {
    "openssh_client": "client_loop: send disconnect: Broken pipe",
    "sshd_log_of_a_chroot": 'bad ownership or modes for chroot directory "{directory}"',
    "sshd_log_of_a_chroot_above": 'bad ownership or modes for chroot directory component "{directory}"',
}
_BY_CLIENT = {
    "openssh_client": "channel 0: open failed: connect failed: open failed",
    "openssh_client_with_stdio_forwarding": (
        "channel 0: open failed: administratively prohibited: open failed / stdio forwarding failed"
    ),
    "openssh_client_account": "This account is currently not available.",
    "openssh_client_account_for_sftp": "This service allows sftp connections only.",
    "openssh_client_behind_a_jump_host": (
        "channel 0: open failed: connect failed: Connection refused / Connection closed by UNKNOWN port 65535"
    ),
    "sshd_log": "Received disconnect from {client} port {client_port}:11: disconnected by user",
}

_SOON_NS = 2_000_000_000
_OPENS_A_CHANNEL = ("OpenSSH", "PuTTY", "Dropbear")
"""Programs that go on with SSH_MSG_CHANNEL_OPEN. What a library sends may be SSH_MSG_DISCONNECT, which looks the same
and which the server answers with its FIN."""
_REFUSED_NS = 500_000_000
"""A channel is refused, and the client gone, within some round trips."""
_REFUSED_TURNS = 2
"""OpenSSH's client asks for a channel; if that is refused it can only disconnect."""


def check(session: Session) -> Iterator[Finding]:
    """Fire when either side closes before a channel can have been used."""
    login, close = session.authentication, session.close
    if login is None or login.result != "succeeded" or login.after is None or login.accepted_frame is None:
        return
    after = login.after
    if close.how not in ("fin", "rst") or close.confidence == "low" or after.lasted.ns >= _SOON_NS:
        return
    identification = session.client.identification
    program = None if identification is None else identification.implementation
    if close.by == "server" and program in _OPENS_A_CHANNEL and after.client_turns and not after.server_turns:
        yield _by_server(session, login.accepted_frame, after)
    elif (
        close.by == "client"
        and program == "OpenSSH"
        and after.server_turns == 1
        and 0 < after.client_turns <= _REFUSED_TURNS
    ):
        yield _by_client(session, login.accepted_frame, after)


def _accepted(frame: int) -> Evidence:
    return Evidence(frame=frame, what="a packet as short as SSH_MSG_USERAUTH_SUCCESS")


def _by_server(session: Session, accepted: int, after: AfterLogin) -> Finding:
    return Finding(
        id=ID,
        severity="error",
        confidence="medium",
        party="server",
        title=TITLE,
        summary=(
            f"The handshake completed and the login looks successful (frame {accepted}; inferred from sizes); the"
            f" client went on, and without any answer {how_it_ended(session)}, {duration(after.lasted.ns)} after the"
            " login. The part of the server that serves the user failed."
        ),
        evidence=with_close(session, _accepted(accepted)),
        expected_messages=fill(_BY_SERVER, session),
        causes=(
            "the ChrootDirectory, or a directory above it, does not belong to root or is writable by others",
            "the account, a limit or a PAM session module ends the user's process",
            "the server's program crashed",
        ),
        remedies=(
            Remedy(
                side="server", action="read sshd's log at this second", command="journalctl -u ssh --since '-10 min'"
            ),
            Remedy(
                side="server",
                action="give every directory of the ChrootDirectory to root",
                command="chown root:root DIRECTORY; chmod 755 DIRECTORY",
                risk="users can no longer write there; give them a directory below it",
            ),
        ),
    )


_NONE_USED = "a connection without a channel of its own (ssh -N, a tunnel), which its user ended"


def _by_client(session: Session, accepted: int, after: AfterLogin) -> Finding:
    trip = session.tcp.rtt.ns if session.tcp.rtt is not None else 0
    at_once = after.lasted.ns < max(_REFUSED_NS, 10 * trip)
    return Finding(
        id=ID,
        severity="warning",
        confidence="medium" if at_once else "low",
        party="server" if at_once else "unknown",
        title=TITLE,
        summary=(
            f"The handshake completed and the login looks successful (frame {accepted}; inferred from sizes); the"
            f" client spoke {after.client_turns} time{'s' if after.client_turns > 1 else ''} and left"
            f" {duration(after.lasted.ns)} after the login: too little to have used a channel, so"
            f" {'the server probably refused it' if at_once else 'it was refused, or none was used (ssh -N)'}. In the"
            f" end {how_it_ended(session)}."
        ),
        evidence=with_close(session, _accepted(accepted)),
        expected_messages=fill(_BY_CLIENT, session),
        causes=(
            *(() if at_once else (_NONE_USED,)),
            "the server allows no more sessions in a connection (MaxSessions)",
            "this is the connection to a jump host, and it may not forward (AllowTcpForwarding no, PermitOpen) or"
            " cannot reach the target",
            "the user broke off",
        ),
        remedies=(
            Remedy(side="client", action="see which channel was refused and why", command="ssh -v USER@HOST"),
            Remedy(side="server", action="allow sessions. sshd_config:", command="MaxSessions 10"),
            Remedy(
                side="server",
                action="a jump host must forward. sshd_config:",
                command="AllowTcpForwarding yes",
                risk="users can open connections from this host to any other; limit them with PermitOpen",
            ),
        ),
    )


RULE = Rule(ID, TITLE, "error", check, messages=together(_BY_SERVER, channel_refused=_BY_CLIENT))
