"""The identification string (RFC 4253 §4.2): `SSH-protoversion-softwareversion SP comments CR LF`."""

import re
from typing import Final, Literal, NamedTuple

from sshpcap.ssh.wire import Malformed, printable


class IdentificationLine(NamedTuple):
    """A parsed identification string; text made printable, `raw` without the line end."""

    raw: bytes
    protocol_version: str
    software: str
    comment: str | None
    line_end: Literal["crlf", "lf"]

    @property
    def major(self) -> int | None:
        """Major protocol version: 1.99 counts as 2 (RFC 4253 §5.1); None where it is no number."""
        if self.protocol_version == "1.99":
            return 2
        head = self.protocol_version.partition(".")[0]
        return int(head) if head.isascii() and head.isdigit() and len(head) < 4 else None


def parse_identification(line: bytes) -> IdentificationLine | Malformed:
    """Parse a line that begins with `SSH-`, line end included."""
    raw = line.removesuffix(b"\n")
    line_end: Literal["crlf", "lf"] = "crlf" if raw.endswith(b"\r") else "lf"
    raw = raw.removesuffix(b"\r")
    if not raw.startswith(b"SSH-"):
        return Malformed("identification", 0, "does not begin with SSH-")
    version, dash, rest = raw[4:].partition(b"-")
    if not dash:
        return Malformed("protocol_version", 4, "no second '-' behind the protocol version")
    software, space, comment = rest.partition(b" ")
    return IdentificationLine(
        raw, printable(version), printable(software), printable(comment) if space else None, line_end
    )


_BURIED: Final = re.compile(r"((?:\\xff\\x(?:fb|fc|fd|fe)(?:\\x[0-9a-f]{2}|\\\\|.)|\\x[0-9a-f]{2}| )++)SSH-\d[\d.]*-")
"""Telnet's commands with their option (RFC 854), octets that are no text, blanks; without going back, because a command
is octets, too. Behind signs such as ">" or a quotation mark stands what another kind of program echoes or quotes."""
_OCTET: Final = re.compile(r"\\x[0-9a-f]{2}|.")


def in_front(line: str) -> tuple[str, ...]:
    """The octets, one printable text each, that stand in front of `SSH-` in a line; none where text does."""
    found = _BURIED.match(line)
    return tuple(_OCTET.findall(found[1])) if found else ()
