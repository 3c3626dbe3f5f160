"""What a server's program is known for, or cannot do, at the step at which it closed without a word.

For `closed_during_handshake`: causes that come before the general ones, what to do about them, and what is logged.
Nothing here is proven by the capture; a row belongs here when a program was seen to close there for that reason.
"""

from collections.abc import Iterator
from typing import Final

from sshpcap.model import Message, Remedy, Session
from sshpcap.rules.base import lost_to_the_capture
from sshpcap.rules.own_log import is_device, program
from sshpcap.ssh.negotiate import real_methods

_KEX_INIT: Final = 30
_GROUP_EXCHANGE: Final = "diffie-hellman-group-exchange-"
_NO_KEY: Final = (
    "Dropbear has no host key: with -R it makes one at the first connection, and it could not be written (a missing"
    " directory, a file system that is full or read-only) or not be read"
)
_NO_SESSION: Final = (
    "the device has no session left (on Cisco: its lines, VTY, are all in use), and tells so only by closing",
    "an access list of the device does not allow this client (on Cisco: access-class of the lines)",
)
NO_KEY_LOGGED: Final = {
    "dropbear_log_no_host_key": (
        "Exit before auth from <{client}:{client_port}>: Couldn't read or generate hostkey"
        " /etc/dropbear/dropbear_…_host_key"
    ),
}


def causes(session: Session, last: Message | None) -> Iterator[str]:
    """Why this server may have closed here; `last` is the last message that reached it."""
    if lacks_host_key(session, last):
        yield _NO_KEY
    elif _lacks_session(session):
        yield from _NO_SESSION
    size = _group_asked_for(session, last)
    if size is not None:
        yield f"the server has no group of the size that the client asks for ({size}), as old devices do not"


def remedies(session: Session, last: Message | None) -> Iterator[Remedy]:
    """What to do where one of these is the cause."""
    if lacks_host_key(session, last):
        yield Remedy(
            side="server",
            action=(
                "is there a host key in /etc/dropbear, and can Dropbear write there? `df` and `mount` tell of a full or"
                " a read-only file system; `dropbearkey -t ed25519 -f FILE` makes a key"
            ),
        )
    elif _lacks_session(session):
        yield Remedy(
            side="server",
            action=(
                "on the device's console: which lines are in use, and by whom (Cisco: `show line`, `show users`, `show"
                " ssh`)? End what is left over (`clear line NUMBER`), and look at the access lists of the lines"
            ),
        )
    if _group_asked_for(session, last) is not None:
        yield from _without_group_exchange(session)


def lacks_host_key(session: Session, last: Message | None) -> bool:
    """Dropbear closed in the place of its reply, which would have shown its host key."""
    if session.close.by != "server" or last is None or last.number != _KEX_INIT or session.negotiation is None:
        return False
    begun = any(row.kind == "unfinished" and row.sender == "server" for row in session.timeline)
    if begun or session.host_key is not None or lost_to_the_capture(session):
        return False
    return program(session) == "Dropbear" and session.negotiation.agreed


def _lacks_session(session: Session) -> bool:
    """A device greeted, and closed without a proposal."""
    if session.close.by != "server" or session.server.kexinit is not None:
        return False
    return is_device(session) and not lost_to_the_capture(session)


def _group_asked_for(session: Session, last: Message | None) -> str | None:
    """The size of the group that was asked for, where the server closed over that; OpenSSH always has one to give."""
    said = session.server.identification
    if session.close.by != "server" or last is None or last.name != "SSH_MSG_KEX_DH_GEX_REQUEST":
        return None
    if said is not None and said.implementation in ("OpenSSH", "OpenSSH for Windows"):
        return None
    least, best, most = (last.fields.get(name) for name in ("min", "n", "max"))
    if not isinstance(least, int) or not isinstance(best, int) or not isinstance(most, int):
        return None
    return f"{least:,} to {most:,} bits, best {best:,}"


def _without_group_exchange(session: Session) -> Iterator[Remedy]:
    offered = real_methods(session.server.kexinit.kex_algorithms) if session.server.kexinit else ()
    fixed = next((name for name in offered if not name.startswith((_GROUP_EXCHANGE, "gss-"))), None)
    if fixed is not None:
        yield Remedy(
            side="client",
            action=f"use a method without group exchange that the server offers (ssh -o KexAlgorithms={fixed} HOST)",
        )
    yield Remedy(
        side="server",
        action="let the server have groups of this size (Cisco: `ip ssh dh min size 2048`), or update it",
    )
