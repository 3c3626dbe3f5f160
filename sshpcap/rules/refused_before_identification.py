"""Refused before identification.

What it means
    The server accepted the TCP connection, said in plain text that it will not serve this client now, and closed. No
    client shows this text at default verbosity (`ssh -v` shows it as a "banner line"); the capture has it.

How it is known
    The server's first line with text is one that SSH servers, TCP wrappers or appliances print for a refusal, and no
    identification string follows. The texts of OpenSSH's limits have findings of their own: max-startups,
    not-allowed-at-this-time.

When it may be wrong
    The text is certain. What it means is as clear as the text; which program of the server's side wrote it is not in
    the capture.

What to do
    Do what the text says. For access lists look at /etc/hosts.allow and /etc/hosts.deny, at the configuration of
    xinetd or of the appliance, and at the limits of sessions of the device.

References
    RFC 4253 §4.2; hosts_access(5), hosts_options(5) (`twist`)
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules import max_startups, not_allowed_at_this_time
from sshpcap.rules.base import Rule
from sshpcap.rules.printed import BEFORE_GREETING
from sshpcap.rules.refusal import refusal_finding, refused_with
from sshpcap.ssh import plain_text

ID = "refused-before-identification"
TITLE = "Refused before identification"
_LOG = "refused connect from {client}"


def check(session: Session) -> Iterator[Finding]:
    """Fire on a known refusal where the server's identification string should be."""
    refused = refused_with(session)
    if refused is None or refused[0].startswith((max_startups.TEXT, not_allowed_at_this_time.TEXT)):
        return
    full = refused[1].meaning == plain_text.NO_SESSION_LEFT
    yield refusal_finding(
        session,
        id=ID,
        title=TITLE,
        meaning=refused[1].meaning,
        log=None if full else _LOG,
        causes=_FULL if full else _REFUSED,
        remedies=_FREE_SESSIONS if full else _READ_LISTS,
    )


_REFUSED = (
    "an access list refuses this address (TCP wrappers, xinetd, an appliance)",
    "the server has as many sessions as it allows",
)
_READ_LISTS = (
    Remedy(
        side="server",
        action="is this address allowed? For TCP wrappers, /etc/hosts.allow comes before /etc/hosts.deny:",
        command="sshd: 192.0.2.",
        risk="opens the server to that whole network",
    ),
    Remedy(
        side="server",
        action="read why in the log of the server or of xinetd",
        command="journalctl --since '-10 min' | grep -iE 'refused connect|xinetd|sshd'",
    ),
    Remedy(side="server", action="on a device with a limit of sessions: end those that are left over"),
)
_FULL = (
    "sessions are left over: connections that broke off without a close, programs that do not log out",
    "scripts or a monitoring system log in too often, or too many at the same time",
)
_FREE_SESSIONS = (
    Remedy(
        side="server",
        action=(
            "on the device's console: list the sessions (`show users`, `display users`, or what it has for that), and"
            " end those that are left over"
        ),
    ),
    Remedy(side="server", action="let the device end idle sessions itself, and allow more of them if it can"),
    Remedy(side="client", action="log in less often, or one after the other: keep one session for many commands"),
)


RULE = Rule(ID, TITLE, "error", check, messages={**BEFORE_GREETING, "sshd_log": _LOG})
