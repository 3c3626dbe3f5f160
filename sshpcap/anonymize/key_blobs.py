"""Host keys under pseudonym: a blob of the same type and lengths, with other numbers in it (RFC 4253 §6.6,
PROTOCOL.certkeys). What the certificate in it names is always replaced, the key only where that is wanted.
"""

from typing import Final

from sshpcap.anonymize.pseudonyms import Pseudonyms

_SHORTEST_SECRET: Final = 20
"""Strings of a key that are shorter say what kind of key it is: type, curve, exponent, application."""
_CERTIFIED: Final = b"-cert-v01@openssh.com"
_KEY_FIELDS: Final = {b"ssh-rsa": 2, b"ssh-dss": 4, b"ecdsa": 2, b"ssh-ed25519": 1, b"ssh-ed448": 1,
                      b"sk-ssh-ed25519": 2, b"sk-ecdsa": 3}  # fmt: skip


def replaced(blob: bytes, names: Pseudonyms) -> bytes:
    """The blob under pseudonym; what cannot be walked through stays as far as it was not reached."""
    out = bytearray(blob)
    kind_end = _end(blob, 0)
    if kind_end is None:
        return blob
    kind = blob[4:kind_end]
    if _CERTIFIED not in kind:
        if names.keys:
            _strings(out, kind_end, 16, names)
        return bytes(out)
    fields = next((count for start, count in _KEY_FIELDS.items() if kind.startswith(start)), None)
    at = _strings(out, kind_end, 1 + fields, names) if fields else None
    if at is None:
        return bytes(out)
    at += 12  # serial, type
    for _ in range(2):  # key id, principals
        end = _end(blob, at)
        if end is None:
            return bytes(out)
        _letters(out, at + 4, end, names)
        at = end
    at += 16  # validity
    for _ in range(3):  # critical options, extensions, reserved
        at = _end(blob, at) or len(blob)
    authority_end = _end(blob, at)
    if authority_end is not None and names.keys:
        out[at + 4 : authority_end] = replaced(blob[at + 4 : authority_end], names)
        _strings(out, authority_end + 4, 2, names)  # the authority's signature: its algorithm, and a number
    return bytes(out)


def _end(octets: bytes | bytearray, at: int) -> int | None:
    """Behind the string at an offset; None where it is cut off."""
    if len(octets) < at + 4:
        return None
    end = at + 4 + int.from_bytes(octets[at : at + 4], "big")
    return end if end <= len(octets) else None


def _strings(out: bytearray, at: int, count: int, names: Pseudonyms) -> int | None:
    """Replace the long ones of `count` strings; the offset behind them."""
    for _ in range(count):
        end = _end(out, at)
        if end is None:
            return None
        value = bytes(out[at + 4 : end])
        if names.keys and len(value) >= _SHORTEST_SECRET:
            out[at + 4 : end] = _number(value, names)
        at = end
    return at


def _number(value: bytes, names: Pseudonyms) -> bytes:
    """Another number of the same size: leading zeros, the highest bit, and the mark of a curve's point stay."""
    made = bytearray(names.octets(value))
    first = next((place for place, octet in enumerate(value) if octet), 0)
    made[:first] = value[:first]
    if len(value) % 2 and value[0] == 4:
        made[0] = 4
    else:
        top = 1 << max(0, value[first].bit_length() - 1)
        made[first] = made[first] % top | top
    return bytes(made)


def _letters(out: bytearray, start: int, end: int, names: Pseudonyms) -> None:
    """Replace text, or a list of strings, by letters; lengths stay."""
    inner = start
    places = []
    while inner < end and (behind := _end(out[:end], inner)) is not None and behind > inner + 4:
        places.append((inner + 4, behind))
        inner = behind
    if inner != end or not places:
        places = [(start, end)]
    for first, last in places:
        out[first:last] = names.letters(bytes(out[first:last]))
