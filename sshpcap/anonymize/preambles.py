"""What a proxy put in front of an identification string, under pseudonym: the addresses and names in it.

The forms are those of `ssh/preamble.py`; lengths stay, so that the preamble is still one.
"""

from sshpcap.anonymize.pseudonyms import Pseudonyms, masked


def replaced(octets: bytes, name: str | None, names: Pseudonyms) -> bytes:
    """The octets of a preamble; `name` is what it is called (`ssh.preamble.PREAMBLES`)."""
    out = bytearray(octets)
    if name == "PROXY protocol v2" and len(out) >= 16:
        size = {1: 4, 2: 16}.get(out[13] >> 4, 0)
        _addresses(out, 16, size, names)
        _addresses(out, 16 + size, size, names)
        _values(out, 16 + (2 * size + 4 if size else 0))
        return bytes(out)
    if name == "SOCKS4" and len(out) >= 8:
        if out[4:7] != bytes(3):
            _addresses(out, 4, 4, names)
        _names(out, 8)
        return bytes(out)
    if name == "SOCKS5":
        return _socks5(out, names)
    return masked(octets)


def _socks5(out: bytearray, names: Pseudonyms) -> bytes:
    """RFC 1928 §4: the request or reply ends the preamble; what stands before it may be a login (RFC 1929)."""
    for size, kind in ((4, 1), (16, 4)):
        at = len(out) - 2 - size
        if at >= 4 and out[at - 4] == 5 and out[at - 1] == kind:
            _addresses(out, at, size, names)
            _names(out, 2, at - 4)
            return bytes(out)
    _names(out, 2)
    return bytes(out)


def _values(out: bytearray, at: int) -> None:
    """What may stand behind the addresses: type, length, value (PROXY protocol §2.2.7: names of hosts, certificates);
    paths of Unix sockets and what is no such value, too."""
    while at + 3 <= len(out):
        end = at + 3 + int.from_bytes(out[at + 1 : at + 3], "big")
        if end > len(out):
            break
        out[at + 3 : end] = bytes(end - at - 3)
        at = end
    out[at:] = bytes(len(out) - at)


def _addresses(out: bytearray, at: int, size: int, names: Pseudonyms) -> None:
    if size and len(out) >= at + size:
        out[at : at + size] = names.address(bytes(out[at : at + size]))


def _names(out: bytearray, start: int, end: int | None = None) -> None:
    """Letters and digits become "h": names of users and hosts, passwords."""
    for at in range(start, len(out) if end is None else end):
        if chr(out[at]).isascii() and chr(out[at]).isalnum():
            out[at] = ord("h")
