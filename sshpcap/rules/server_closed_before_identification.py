"""Server closed before identification.

What it means
    The server's TCP accepted the connection, but its program closed it without an identification string: without a
    single octet, or with nothing but its own complaint that it cannot start. The client's software had no part in it.
    PuTTY up to 0.70 calls this "Server unexpectedly closed network connection", OpenSSH "Connection closed by … port
    22".

    It is often said that such a server disconnects "during the host key phase" because its host keys are missing. A
    capture shows otherwise: a server without host keys never comes that far. sshd without keys does not start
    (connection refused); one whose keys vanish while it runs closes here, before its identification string (OpenSSH
    up to 9.7; later ones go on until the next restart). The host key is sent only after both sides' identification
    strings and proposals, and then it is nearly always the client that closes (host-key-not-accepted).

How it is known
    SYN-ACK from the server, no payload from it, then FIN or RST from it. FIN and RST are the same event here: RST
    appears when the client's identification string had already arrived unread. Or: the texts that came in place of the
    identification string are those of sshd, or of a shell about it, when it does not start. Its client gets them where
    the server's stderr is the connection, as under inetd (`sshd -i -e`).

When it may be wrong
    That the server closed is certain as far as the address goes; a middlebox can close in its name. Why is not in the
    capture, unless it was said: at least a dozen causes look alike. The delay and its repetition narrow them down; the
    server's log decides. The causes are ranked by the delay from the SYN-ACK to the close.

What to do
    Look at the server's log at this second, and at other connections of the capture: does every connection end so, or
    some? Within 2 ms: the listener itself (MaxStartups of OpenSSH up to 8.1, xinetd, Dropbear's limit per address, a
    proxy without a backend, sshd replaced by an upgrade without a restart). 5 to 300 ms: sshd's child dies (host
    keys missing or unreadable, /run/sshd missing, sshd-session or sshd-auth missing) or an access list refuses. About
    3 s: a proxy's retries (HAProxy). 5, 10 or 15 s: name resolution. 120 s: LoginGraceTime; 300 s: Dropbear.

    For a ticket, gather: this capture (whole frames, from the SYN on), the exact text and time that the client shows,
    `ssh -vvv` of one attempt, the server's log at that time, `ls -l /etc/ssh/ssh_host_*`, `sshd -t`, and whether it
    happens always, to all clients, since when.

References
    RFC 4253 §4.2; sshd(8), FILES; hosts_access(5); ssh-keygen(1), -A
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import (
    Rule,
    duration,
    how_it_ended,
    lost_to_the_capture,
    server_said_nothing,
    with_close,
)
from sshpcap.rules.company import Company
from sshpcap.rules.printed import BEFORE_GREETING, before_greeting
from sshpcap.ssh import plain_text

ID = "server-closed-before-identification"
TITLE = "Server closed before identification"

_LISTENER = (
    "the listener itself refuses: a limit (MaxStartups of OpenSSH up to 8.1, xinetd, Dropbear's limit per address), a"
    " proxy without a backend, or sshd replaced by an upgrade without a restart"
)
_CHILD = (
    "sshd's child dies right after the start: host keys missing or unreadable, /run/sshd missing, sshd-session or"
    " sshd-auth missing, no processes or descriptors left"
)
_ACCESS = "TCP wrappers (/etc/hosts.deny) or xinetd refuse this address"
_TLS = "a TLS wrapper (stunnel) on this port does not like a client without TLS"
_PROXY = "a proxy gives up its retries to reach the backend (HAProxy: 3 retries, a second each)"
_TIMEOUT = "a proxy's connection to its backend times out"
_RESOLVER = "name resolution in an access list times out (5 s for every silent name server)"
_GRACE = "a time limit of the server: LoginGraceTime of sshd (120 s by default), 300 s in Dropbear"

_BY_DELAY = (
    (0.003, (_LISTENER, _CHILD, _ACCESS, _TLS)),
    (1.0, (_CHILD, _ACCESS, _TLS, _LISTENER)),
    (2.5, (_TIMEOUT, _CHILD, _ACCESS)),
    (4.0, (_PROXY, _TIMEOUT)),
    (4.8, (_TIMEOUT, _PROXY)),
    (5.6, (_RESOLVER, _TIMEOUT)),
    (9.8, (_TIMEOUT, _RESOLVER)),
    (10.8, (_RESOLVER, _TIMEOUT)),
    (14.8, (_TIMEOUT, _RESOLVER)),
    (16.0, (_RESOLVER, _TIMEOUT)),
    (119.0, (_TIMEOUT, _GRACE, _RESOLVER)),
)
"""Longest delay from SYN-ACK to close in seconds, and what fits it, most likely first."""
_LONG = (_GRACE, _TIMEOUT)


def check(session: Session) -> Iterator[Finding]:
    """Fire when the server closed and had sent nothing at all, or only why it cannot start."""
    yield from _not_started(session)
    yield from _judge(session, None)


def among(session: Session, company: Company) -> Iterator[Finding]:
    """The same, with what the other connections to this server tell: always, or only sometimes?"""
    if company.opened > 1:
        yield from _judge(session, company)


def _judge(session: Session, company: Company | None) -> Iterator[Finding]:
    close = session.close
    if close.by != "server" or close.how not in ("fin", "rst") or session.outcome in ("refused", "encrypted"):
        return
    if not server_said_nothing(session) or session.coverage.midstream or close.time is None:
        return
    opened = next((entry for entry in session.timeline if entry.kind == "syn-ack"), None)
    delay = close.time.ns - opened.time.ns if opened else None
    waited = (
        f", {duration(delay)} after it had accepted the connection (frame {opened.frame})" if delay and opened else ""
    )
    yield Finding(
        id=ID,
        severity="error",
        confidence="medium" if lost_to_the_capture(session) else "high",
        party="server",
        title=TITLE,
        summary=(
            f"The server accepted the connection but sent nothing at all, and {how_it_ended(session)}{waited}. "
            f"Why is not in the capture; the server's log at this moment has it.{_others(company)}"
        ),
        evidence=with_close(
            session, Evidence(frame=opened.frame, what="SYN-ACK: accepted") if opened and opened.frame else None
        ),
        expected_messages={**before_greeting(session), **_LOG},
        causes=_causes(delay, company),
        remedies=_REMEDIES,
    )


def _not_started(session: Session) -> Iterator[Finding]:
    """The server, or what starts it, said why it does not run."""
    lines = session.server.pre_identification
    found = plain_text.start_error(lines)
    if found is None or session.server.identification is not None or session.close.how not in ("fin", "rst"):
        return
    text, error = found
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    said = next((m for m in session.messages if m.sender == "server" and m.fields.get("text") == text), None)
    frame = said.frame if said else session.tcp.server.last_data_frame
    more = f" ({len(lines):,} lines)" if len(lines) > 1 else ""
    where = f" in frame {frame}" if frame is not None else ""
    cause, remedies = _NOT_STARTED[error.what]
    yield Finding(
        id=ID,
        severity="error",
        confidence="high",
        party="server",
        title=TITLE,
        summary=(
            f"The SSH server did not start for this connection: instead of an identification string came"
            f' "{shown}"{more}{where}, and {how_it_ended(session)}.'
        ),
        evidence=with_close(session, Evidence(frame=frame, what=f'"{shown}"') if frame is not None else None),
        expected_messages=before_greeting(session),
        causes=(cause,),
        remedies=remedies,
    )


_SHOWN = 200


def _others(company: Company | None) -> str:
    """How often it happens, as a sentence that begins with a space."""
    if company is None:
        return ""
    if company.greeted:
        return (
            f" Of {company.opened:,} connections to this server in the capture {company.greeted:,} got its"
            f" identification string (the first is connection {company.greeted_index}): it does not happen always."
        )
    return f" None of {company.opened:,} connections to this server in the capture got its identification string."


def _causes(delay: int | None, company: Company | None) -> tuple[str, ...]:
    """What fits first, then the rest: repetition tells more than the delay."""
    every = (_LISTENER, _CHILD, _ACCESS, _PROXY, _RESOLVER, _TLS, _TIMEOUT, _GRACE)
    fitting: tuple[str, ...] = every
    if delay is not None:
        fitting = next((causes for limit, causes in _BY_DELAY if delay < limit * 1e9), _LONG)
    if company is not None and company.greeted and delay is not None and delay < _AT_ONCE_NS:
        limit = _DROPBEAR if "Dropbear" in company.programs else _LIMIT
        fitting = (limit, _SOME, *(cause for cause in fitting if cause not in (_TLS, _LISTENER)))
    return (*fitting, *(cause for cause in every if cause not in fitting))


_AT_ONCE_NS = 1_000_000_000
_LIMIT = "a limit of connections that is reached now and then (MaxStartups of OpenSSH up to 8.1, xinetd instances)"
_DROPBEAR = "Dropbear's limit of connections that have not logged in: 5 from one address, 30 in all"
_SOME = "one of several servers behind a load balancer is broken, or it has none left at times"


_LOG = {
    "sshd_log_no_keys": "Unable to load host key: /etc/ssh/ssh_host_… / sshd: no hostkeys available -- exiting.",
    "sshd_log_no_directory": "Missing privilege separation directory: /run/sshd",
    "sshd_log_upgraded": "-R not supported here",
    "sshd_log_tcp_wrappers": "refused connect from …",
    "xinetd_log": "FAIL: ssh address from=…",
    "stunnel_log": "SSL_accept: … wrong version number",
}

_MAKE_KEYS = Remedy(
    side="server",
    action="host keys missing: restore them from a backup, or make new ones, and restart sshd",
    command="ssh-keygen -A && systemctl restart ssh",
    risk="new host keys make every client warn of a changed key",
)
_MAKE_DIRECTORY = Remedy(
    side="server",
    action="/run/sshd missing (also after a cleanup of /run)",
    command="mkdir -p /run/sshd && chmod 0755 /run/sshd",
)
_TEST_KEYS = Remedy(
    side="server",
    action="is sshd's configuration whole, and are the host keys there, readable by root alone?",
    command="sshd -t; ls -l /etc/ssh/ssh_host_*_key",
)
_NOT_STARTED = {
    "configuration": (
        "sshd's configuration has an option that this sshd does not know (a mistyped name, or another version's)",
        (Remedy(side="server", action="correct or remove the option that the text names"), _TEST_KEYS),
    ),
    "host keys": ("sshd has no host key that it can load: missing, or not readable for it", (_TEST_KEYS, _MAKE_KEYS)),
    "directory": ("the directory for sshd's unprivileged process is missing, or not root's alone", (_MAKE_DIRECTORY,)),
    "account": (
        "the account of sshd's unprivileged process is missing",
        (Remedy(side="server", action="make the account that the text names (installing the package anew does)"),),
    ),
    "program": (
        "what starts the server for each connection (inetd, xinetd, a wrapper) does not find a program that runs",
        (
            Remedy(
                side="server",
                action="is the program there, and is its path in the configuration of inetd or the wrapper right?",
            ),
        ),
    ),
}
"""By what is wrong (`plain_text.START_ERRORS`): the cause, and what to do."""

_REMEDIES = (
    Remedy(
        side="server",
        action="read the log at the time of the close (the unit is sshd on Red Hat and SUSE)",
        command="journalctl -u ssh --since '-10 min'",
    ),
    _TEST_KEYS,
    _MAKE_KEYS,
    _MAKE_DIRECTORY,
    Remedy(
        side="server",
        action="after an upgrade of OpenSSH without a restart (from 9.7 or older to 9.8 or newer): restart it",
        command="systemctl restart ssh",
        risk="from the console: if sshd does not start again, nobody gets in",
    ),
    Remedy(
        side="server",
        action="are there access lists that refuse this client?",
        command="cat /etc/hosts.deny /etc/hosts.allow; ls /etc/xinetd.d",
    ),
    Remedy(
        side="network",
        action="is a proxy or load balancer in front? Does its backend answer with an identification string?",
        command="nc -w 5 BACKEND 22 < /dev/null",
    ),
    Remedy(
        side="client",
        action="for a ticket: the exact text, and one attempt with all messages",
        command="ssh -vvv HOST 2>&1 | tee ssh.log",
        risk="the log names user, host and key files",
    ),
)

RULE = Rule(ID, TITLE, "error", check, messages={**BEFORE_GREETING, **_LOG}, among=among)
