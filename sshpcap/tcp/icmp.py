"""What ICMP errors say: their names, and which of them mean that a packet did not arrive."""

from typing import Final

from sshpcap.frames import IcmpError

_UNREACHABLE: Final = {
    0: "network unreachable",
    1: "host unreachable",
    2: "protocol unreachable",
    3: "port unreachable",
    4: "fragmentation needed",
    5: "source route failed",
    9: "network administratively prohibited",
    10: "host administratively prohibited",
    13: "communication administratively prohibited",
}
_UNREACHABLE6: Final = {
    0: "no route to destination",
    1: "communication administratively prohibited",
    3: "address unreachable",
    4: "port unreachable",
    5: "source address failed policy",
    6: "reject route to destination",
}


def refuses(error: IcmpError) -> bool:
    """Whether an error says that a packet did not arrive; a redirect, for one, does not (RFC 792, RFC 4443)."""
    if error.version == 4:
        return error.type == 11 or (error.type == 3 and error.code != 4)
    return error.type in (1, 3)


def icmp_name(error: IcmpError) -> str:
    """The error in words, with its type and code (RFC 792, RFC 1812 §5.2.7, RFC 4443)."""
    if error.version == 4 and error.type == 3:
        words = _UNREACHABLE.get(error.code, "destination unreachable")
    elif error.version == 6 and error.type == 1:
        words = _UNREACHABLE6.get(error.code, "destination unreachable")
    elif (error.version, error.type) == (6, 2):
        words = "packet too big"
    elif (error.version, error.type) in ((4, 11), (6, 3)):
        words = "time exceeded"
    elif (error.version, error.type) == (4, 5):
        words = "redirect"
    else:
        words = "error"
    return f"{words} (type {error.type} code {error.code})"
