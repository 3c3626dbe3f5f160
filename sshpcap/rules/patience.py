"""How long servers wait for a login, and what else a close after another time may be.

A time that is no usual limit proves no limit: whoever kills the server's process does it at any second.
"""

from typing import Final, Literal, NamedTuple

from sshpcap.model import Remedy, Session
from sshpcap.rules.base import duration
from sshpcap.rules.printed import Texts
from sshpcap.ssh.abilities import version_of


class Patience(NamedTuple):
    """What the age of a connection that its server closed says of the server's limit."""

    fit: Literal["default", "usual", "none"]
    """Whether it is a known default, a limit that people set, or neither."""
    age: str
    limit: str = ""
    """The known default, in words."""


_DEFAULTS: Final = (
    (119.5, 125.5, "the default LoginGraceTime of sshd, 120 s"),
    (299.0, 302.0, "Dropbear's limit of 300 s"),
    (599.5, 602.0, "the LoginGraceTime of old sshd versions, 600 s"),
)
_SET: Final = (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 600, 900, 1200, 1800, 3600)
_EARLY: Final = 0.1
"""The capture's clock and the server's need not run alike."""
_LATE: Final = 0.5
"""Until the process that counts the time has started."""
_RANDOM_SINCE: Final = (9, 9)
_RANDOM: Final = 4.0
"""OpenSSH adds up to 4 s to its LoginGraceTime since 9.9 (release notes)."""
_NARROW: Final = 6
"""A limit counts only where it is so many times what is added to it: of short ones, each second would fit some."""

KILLED = "the server's process was killed or crashed, or the server was stopped: the time fits no usual limit"
MAYBE_KILLED = "the server's process was killed or crashed, or the server was stopped, by chance at this second"
READ_THE_LOG = Remedy(
    side="server",
    action="read the server's log at this second: it tells a time-out from a process that was ended",
    command="journalctl -u ssh --since '-10 min'",
)


def patience(session: Session) -> Patience:
    """What the age at the close fits; for connections that the server closed."""
    assert session.close.time is not None
    ns = session.close.time.ns - session.start.ns
    seconds, age = ns / 1e9, duration(ns)
    for low, high, words in _DEFAULTS:
        if low <= seconds <= high:
            return Patience("default", age, words)
    late = _LATE + (_RANDOM if _adds_a_random_time(session) else 0)
    usual = any(limit - _EARLY <= seconds <= limit + late for limit in _SET if limit >= _NARROW * late)
    return Patience("usual" if usual else "none", age)


def if_a_limit(texts: Texts) -> dict[str, str]:
    """What servers log at their limit, under names that say that it need not have been one."""
    return {f"{name}_if_a_time_limit" if "_log" in name else name: text for name, text in texts.items()}


def _adds_a_random_time(session: Session) -> bool:
    server = session.server.identification
    if server is None or server.implementation != "OpenSSH":
        return False
    return (version_of(server.version) or (0,)) >= _RANDOM_SINCE
