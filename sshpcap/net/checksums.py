"""What the checksums of a segment say (RFC 1071; RFC 791 §3.1; RFC 9293 §3.1; RFC 8200 §8.1).

A segment is never dropped for them: on the host that sends, the network card fills them in behind the capture point
(offload). What the operating system leaves in the field until then is known, and told apart from damage. Must not know:
frames, connections.
"""

from typing import Final

from sshpcap.frames import CHECKSUM_LEFT_OUT, CHECKSUM_RIGHT, CHECKSUM_WRONG

_TCP: Final = 6
_FIELD_AT: Final = 16
_ONES: Final = 0xFFFF
"""A sum of 16-bit words with end-around carry is the number that the octets make, modulo this: 2**16 leaves 1."""


def of_segment(octets: bytes | memoryview, addresses: int) -> int:
    """Judge a TCP checksum. `octets`: both addresses (`addresses` octets long), then the whole segment."""
    length = len(octets) - addresses
    total = int.from_bytes(octets, "big") << 8 * (length & 1)
    if (total + _TCP + length) % _ONES == 0:
        return CHECKSUM_RIGHT
    field = int.from_bytes(octets[addresses + _FIELD_AT : addresses + _FIELD_AT + 2], "big")
    pseudo = int.from_bytes(octets[:addresses], "big") + _TCP
    # Nothing, or the sum of the pseudo header, with the length (Linux) or without it (large sends of Windows).
    if field == 0 or field % _ONES in ((pseudo + length) % _ONES, pseudo % _ONES):
        return CHECKSUM_LEFT_OUT
    return CHECKSUM_WRONG


def of_header(octets: bytes | memoryview) -> int:
    """Judge the checksum of a whole IPv4 header."""
    if int.from_bytes(octets, "big") % _ONES == 0:
        return CHECKSUM_RIGHT
    return CHECKSUM_LEFT_OUT if octets[10] == octets[11] == 0 else CHECKSUM_WRONG
