"""What numbers in messages mean, and texts that are printed before any packet is sent.

Sources: RFC 4250 §4.2.2 (disconnect codes), errno.h of Linux, winsock2.h, libssh2.h; packet lengths are four octets
of the stream read as a number (RFC 4253 §6). Must not know: sessions.
"""

import re
from collections.abc import Iterator
from typing import Final

from sshpcap.ssh.numbers import disconnect_name

_ERRNO: Final = {
    32: "Broken pipe",
    101: "Network is unreachable",
    103: "Software caused connection abort",
    104: "Connection reset by peer",
    110: "Connection timed out",
    111: "Connection refused",
    113: "No route to host",
}
_WINSOCK: Final = {
    10051: "Network is unreachable",
    10053: "Software caused connection abort",
    10054: "Connection reset by peer",
    10060: "Connection timed out",
    10061: "Connection refused",
    10065: "No route to host",
}
_LIBSSH2: Final = {
    -2: "Failed getting banner",
    -4: "Invalid MAC received",
    -5: "Unable to exchange encryption keys",
    -8: "Unable to exchange encryption keys",
    -13: "Failed getting banner",
    -18: "Authentication failed",
    -43: "Failed getting banner",
}
_NAMED: Final = {
    "EPIPE": "Broken pipe",
    "ENETUNREACH": "Network is unreachable",
    "ECONNABORTED": "Software caused connection abort",
    "ECONNRESET": "Connection reset by peer",
    "ETIMEDOUT": "Connection timed out",
    "ECONNREFUSED": "Connection refused",
    "EHOSTUNREACH": "No route to host",
}
"""Names of the same errors in errno.h; in winsock2.h they have WSA in front."""
_LONGEST_LINE: Final = 1000
_MOST_LINES: Final = 200
_STARTS: Final = {
    "Inva": 'probably the text "Invalid SSH identification string." of sshd, read where a packet was expected',
    "Prot": 'probably the text "Protocol mismatch." or "Protocol major versions differ.", read as a packet',
    "Exce": 'probably the text "Exceeded MaxStartups", read as a packet',
    "Not ": 'probably the text "Not allowed at this time", read as a packet',
    "HTTP": "an HTTP answer: a web server or proxy speaks on this connection",
    "SSH-": "a second identification string where a packet was expected",
    "PROX": "a PROXY protocol header where a packet was expected",
    "220 ": "a greeting of an SMTP or FTP server",
}
_NOT_ON_THE_WIRE: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), meaning)
    for pattern, meaning in (
        (
            r"could not resolve hostname|Host does not exist|Name or service not known|getaddrinfo failed",
            "The name of the server could not be resolved: no SSH packet was sent. Look at DNS (UDP and TCP port 53).",
        ),
        (
            r"Bad (configuration option|owner or permissions)|unknown option|command-line.* line \d+",
            "The client did not accept its own configuration: no packet was sent.",
        ),
        (
            r"Permissions \d+ for .* are too open|Load key .*:|invalid format.*private key",
            (
                "The client could not use a private key of its own. The connection goes on without that key; what the"
                " server then says follows in later messages."
            ),
        ),
        (
            r"command not found|is not recognized as an internal or external command",
            "The program was not found: no packet was sent.",
        ),
        (
            r"Address already in use|Cannot assign requested address|Permission denied.*bind",
            "A local address or port could not be used: a forwarding or a listener, not the connection to the server.",
        ),
    )
)


def notes(text: str) -> tuple[str, ...]:
    """What the numbers in a text mean, and whether it is printed without any packet."""
    text = "\n".join(last_lines(text))
    return tuple(dict.fromkeys((*_lengths(text), *_disconnects(text), *_codes(text), *_before_packets(text))))


def last_lines(text: str) -> list[str]:
    """The last lines of a text, each cut: it may be long or hostile, and errors stand at its end."""
    lines = text[-_MOST_LINES * _LONGEST_LINE :].splitlines()
    return [line[:_LONGEST_LINE] for line in lines[-_MOST_LINES:]]


def plain_words(text: str) -> tuple[str, ...]:
    """The words that stand for error numbers in a text."""
    return tuple(dict.fromkeys(words for _, words in _numbered(text)))


def length_as_octets(number: int) -> str | None:
    """What a "packet length" was before it was read as a number; None if four octets cannot say."""
    if not -(1 << 31) <= number < 1 << 32:
        return None
    octets = (number & 0xFFFFFFFF).to_bytes(4, "big")
    if all(32 <= octet < 127 for octet in octets):
        shown = octets.decode("ascii")
        what = _STARTS.get(shown, "text where a packet was expected")
        return f'{number} are the four characters "{shown}": {what}'
    if octets[0] in (0x14, 0x15, 0x16, 0x17) and octets[1] == 3:
        return f"{number} is the beginning of a TLS record ({octets.hex(' ')}): the other side speaks TLS"
    if number & 0xFFFFFFFF <= 1 << 18:
        return None
    return (
        f"{number} is {octets.hex(' ')}: no text; octets that were damaged, inserted, lost or decrypted with another"
        " key are read as a length like this"
    )


def _lengths(text: str) -> Iterator[str]:
    asked = r"(?:bad packet (?:length|size)|packet too large|packet length)[^\d-]{0,3}(-?\d+)"
    for found in re.finditer(asked, text, re.IGNORECASE):
        meaning = length_as_octets(int(found.group(1)))
        if meaning is not None:
            yield meaning


def _disconnects(text: str) -> Iterator[str]:
    asked = r"(?:received disconnect from \S+(?: port \d+)?: ?|disconnect message type |ssh: disconnect, reason )(\d+)"
    for found in re.finditer(asked, text, re.IGNORECASE):
        code = int(found.group(1))
        yield (
            f"{code} is the reason of an SSH_MSG_DISCONNECT: {disconnect_name(code)} (RFC 4250 §4.2.2); before the"
            " encryption the capture shows it with its text"
        )


def _numbered(text: str) -> Iterator[tuple[str, str]]:
    tables = (
        (r"\[?(?:errno|error code:?|winerror) ?(\d{2,5})\]?", {**_ERRNO, **_WINSOCK}),
        (r"\b(1005\d|1006\d)\b", _WINSOCK),
        (r"(?:libssh2|session).{0,40}?(-\d{1,2})\b", _LIBSSH2),
    )
    for asked, table in tables:
        for found in re.finditer(asked, text, re.IGNORECASE):
            number = int(found.group(1))
            if number in table:
                yield found.group(1), table[number]
    for found in re.finditer(rf"\b(?:WSA)?({'|'.join(_NAMED)})\b", text):
        yield found.group(0), _NAMED[found.group(1)]


def _codes(text: str) -> Iterator[str]:
    for number, words in _numbered(text):
        yield f"{number} means: {words}"


def _before_packets(text: str) -> Iterator[str]:
    for asked, meaning in _NOT_ON_THE_WIRE:
        if asked.search(text):
            yield meaning
