"""What a peer sends where an identification string or a packet should be: refusals of SSH servers, what they say when
they cannot start, other protocols.

Rows of texts as programs really print them; the match is on printable text (`wire.printable`), so octets that are not
text stand as \\xNN. To add one: a row in the table it belongs to.
"""

import re
from typing import Final, Literal, NamedTuple

_CONSENT: Final = re.compile(r"HTTP/1\.[01] 2\d\d\b")


class Refusal(NamedTuple):
    """A plain-text explanation of an SSH server."""

    pattern: str
    said_by: str
    meaning: str


class StartError(NamedTuple):
    """Why an SSH server did not start for a connection, by its own words or those of the program that starts it."""

    pattern: str
    what: Literal["configuration", "host keys", "directory", "account", "program"]
    """What is wrong."""


class Protocol(NamedTuple):
    """Another protocol, by its first octets."""

    pattern: str
    name: str


NO_SESSION_LEFT: Final = "the device has as many sessions as it allows"

REFUSALS: Final = tuple(
    Refusal(pattern, said_by, meaning)
    for pattern, said_by, meaning in (
        (
            r"Exceeded MaxStartups",
            "OpenSSH 8.2 to 9.7",
            "the server has too many connections that have not authenticated yet (MaxStartups)",
        ),
        (
            r"Not allowed at this time",
            "OpenSSH 9.8 and later",
            (
                "the server refuses this client for now: MaxStartups, PerSourceMaxStartups or a penalty for earlier"
                " failures (PerSourcePenalties); the text does not tell which"
            ),
        ),
        (
            r"Timed out waiting for SSH identification string",
            "OpenSSH",
            "the server waited for the client's identification string until its limit",
        ),
        (r"Too many (open )?connections", "SSH servers of appliances", "the server has too many connections"),
        *(
            (pattern, said_by, NO_SESSION_LEFT)
            for pattern, said_by in (
                (r"Sorry, the maximum number of sessions are active", "ProCurve and AOS-S"),
                (r"(Error: )?The number of online users has reached the upper limit", "Huawei VRP"),
                (r"All user interfaces are used", "Huawei VRP and Comware"),
            )
        ),
        (r"(You are|Access) (not |)(allowed|denied|forbidden)", "access lists", "an access list refuses this client"),
        (r"refused connect", "TCP wrappers", "an access list refuses this client"),
    )
)

COMPLAINTS: Final = tuple(
    Refusal(pattern, said_by, meaning)
    for pattern, said_by, meaning in (
        (
            r"Invalid SSH identification string\.",
            "OpenSSH 8.0 and later",
            "the server read a line from its client that is no identification string",
        ),
        (
            r"Protocol mismatch\.",
            "OpenSSH up to 7.9, ProFTPD mod_sftp, Erlang",
            "the server read a line from its client that is no identification string",
        ),
        (
            r"Protocol major versions differ",
            "OpenSSH",
            "the client announced a protocol version that the server does not speak",
        ),
    )
)
"""What servers say about the other side's first line."""

_SERVER: Final = r"(sshd|sshd-session|dropbear)"
START_ERRORS: Final = tuple(
    StartError(*row)
    for row in (
        (r"(.*: )?(line \d+: )?Bad configuration option: ", "configuration"),
        (r".*: terminating, \d+ bad configuration options?", "configuration"),
        (r"sshd: no hostkeys available -- exiting", "host keys"),
        (r"(Unable to|Could not) load host key: ", "host keys"),
        (r"Missing privilege separation directory: ", "directory"),
        (r"\S+ must be owned by root and not group or world-writable", "directory"),
        (r"Privilege separation user \S+ does not exist", "account"),
        (rf"(.*[ /])?{_SERVER}: (command )?not found", "program"),
        (rf"(.*[ /])?{_SERVER}: (No such file or directory|Permission denied)", "program"),
        (rf"(.*[ /])?{_SERVER}: error while loading shared libraries: ", "program"),
    )
)
"""OpenSSH's own words (sshd.c, servconf.c), which its client gets where stderr is the connection, as under inetd (`sshd
-i -e`), and a shell's or the loader's about the program."""

PROTOCOLS: Final = tuple(
    Protocol(pattern, name)
    for pattern, name in (
        (r"[A-Z]+ \S+ SIP/\d|SIP/\d", "SIP"),
        (r"[A-Z]+ \S+ RTSP/\d|RTSP/\d", "RTSP"),
        (r"HTTP/\d", "HTTP"),
        (r"(GET|POST|HEAD|PUT|OPTIONS|DELETE|PATCH|TRACE) \S", "HTTP"),
        (r"CONNECT \S", "HTTP CONNECT"),
        (r"<(!DOCTYPE|html|HTML)", "HTTP"),
        (r"PRI \* HTTP/2", "HTTP/2"),
        (r"\\x16\\x03[^ ]", "TLS"),
        (r"\\x15\\x03[^ ]", "TLS"),
        (r"\\x03\\x00\\x00", "RDP"),
        (r"PROXY (TCP|UNKNOWN)", "PROXY protocol v1"),
        (r"\\x0d\\x0a\\x0d\\x0a\\x00\\x0d\\x0aQUIT\\x0a", "PROXY protocol v2"),
        (r"220[ -].*(SMTP|ESMTP|Postfix|Exim|sendmail)", "SMTP"),
        (r"220[ -].*FTP", "FTP"),
        (r"220[ -]", "SMTP or FTP"),
        (r"\+OK", "POP3"),
        (r"\* OK", "IMAP"),
        (r"\\x05\\x01\\x00|\\x05\\x02", "SOCKS5"),
        (r"\\xff\\xf[b-e]", "telnet"),
        (r"RFB \d", "VNC"),
    )
)


def refusal(text: str) -> Refusal | None:
    """The refusal that a line of a server is, or None."""
    return next((row for row in REFUSALS if re.match(row.pattern, text)), None)


def complaint(text: str) -> Refusal | None:
    """The complaint about the client's first line that a line of a server is, or None."""
    return next((row for row in COMPLAINTS if re.match(row.pattern, text)), None)


def start_error(lines: tuple[str, ...]) -> tuple[str, StartError] | None:
    """The line that says why the server did not start, or None: the last, which ended it."""
    for line in reversed(lines):
        for row in START_ERRORS:
            if re.match(row.pattern, line):
                return line, row
    return None


def first_text(lines: tuple[str, ...]) -> str:
    """The first line that is not blank: some devices begin with an empty one."""
    return next((line for line in lines if line.strip()), lines[0])


def behind_proxy(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The lines behind an HTTP proxy's consent to CONNECT (RFC 9110 §9.3.6): a 2xx answer up to its empty line."""
    if not lines or not _CONSENT.match(lines[0]):
        return lines
    return lines[lines.index("") + 1 :] if "" in lines else ()


def protocol(text: str) -> str | None:
    """Name of the other protocol that begins like this, or None."""
    return next((row.name for row in PROTOCOLS if re.match(row.pattern, text)), None)
