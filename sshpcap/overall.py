"""What is said of all connections together: what could not be read, who was looked for in vain, limits that were hit.

Must not know: how connections are found.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from sshpcap import limits
from sshpcap.interpret.words import address_text
from sshpcap.model import Notice
from sshpcap.net.link import link_name

if TYPE_CHECKING:
    from sshpcap.net.decode import Decoder
    from sshpcap.net.neighbours import Neighbours

INTERNAL_ERROR: Final = "internal-error"


def link_notices(unknown: dict[int, tuple[int, int]]) -> Iterator[Notice]:
    """Link types that cannot be read: number → first frame, frames."""
    for link_type, (first, count) in sorted(unknown.items()):
        yield Notice(
            code="unknown-link-type",
            frame=first,
            count=count,
            text=f"frames of {link_name(link_type)} cannot be read; connections in them are not shown",
        )


def fragment_notices(decoder: "Decoder") -> Iterator[Notice]:
    """IP fragments that did not become whole, or contradict each other."""
    fragments = decoder.fragments
    if fragments.incomplete:
        yield Notice(
            code="ip-fragments",
            count=fragments.incomplete,
            text="a fragmented IP packet did not become whole; what it carried counts as missing",
        )
    if fragments.overlaps:
        yield Notice(
            code="overlapping-fragments",
            count=fragments.overlaps,
            text="IP fragments overlap; the first copy of an octet is shown, a host may read the other",
        )


def cut_notices(decoder: "Decoder") -> Iterator[Notice]:
    """ICMP errors of which the capture does not hold enough to know whom they tell."""
    if decoder.nameless_errors:
        yield Notice(
            code="icmp-cut",
            frame=decoder.first_nameless,
            count=decoder.nameless_errors,
            text="an ICMP error was cut short before the ports of the segment that it is about: a connection that seems"
            " to have no answer may have been rejected with it; capture whole frames (tcpdump -s 0)",
        )


def neighbour_notices(neighbours: "Neighbours", known: set[bytes]) -> Iterator[Notice]:
    """Hosts on the own network that nobody could find: a connection to them shows no SYN. `known` have connections."""
    missing = [one for one in neighbours.unanswered() if one.target not in known]
    for one in missing[: limits.SHOWN_NEIGHBOURS]:
        how = "ARP" if len(one.target) == 4 else "neighbour discovery"
        target = address_text(one.target)
        yield Notice(
            code="neighbour-not-found",
            frame=one.frame,
            count=one.times,
            text=(
                f"{address_text(one.asker)} looked {one.times} times for {target} ({how}) and nobody answered: that"
                " host is off, or not on this network. A connection to it leaves no SYN; ssh prints"
                f' "connect to host {target} port 22: No route to host" after about 3 s'
            ),
        )
    if len(missing) > limits.SHOWN_NEIGHBOURS:
        yield Notice(
            code="neighbours-not-found",
            count=len(missing),
            text="hosts were looked for on this network (ARP or neighbour discovery) and not found; those asked"
            " for most are named above",
        )


def limit_notices(
    *, most: int, evicted: int, unanswered: int, first_unanswered: int | None, unrecorded: int, forgotten: int
) -> Iterator[Notice]:
    """What limits on the number of connections did; `most` were held."""
    if evicted:
        yield Notice(
            code="connections-evicted",
            count=evicted,
            text=(f"more than {most:,} connections at once: the ones quiet for longest were ended early"),
        )
    if unanswered:
        yield Notice(
            code="unanswered-syns",
            count=unanswered,
            frame=first_unanswered,
            text=(
                f"more than {limits.MAX_UNANSWERED:,} connections are one SYN that nobody answered; the first ones "
                "are told, the others counted"
            ),
        )
    if unrecorded:
        yield Notice(
            code="connections-not-recorded",
            count=unrecorded,
            text=(
                f"the recordings take {limits.RECORDED_BYTES >> 20:,} MiB: connections that began later are not"
                " shown; split the capture, or leave out what is not needed (tcpdump -r, a filter)"
            ),
        )
    if forgotten:
        yield Notice(
            code="candidates-forgotten",
            count=forgotten,
            text=(
                f"more than {limits.MAX_CANDIDATES:,} connections on other ports were open without a first "
                "octet; the ones quiet for longest are not watched for SSH"
            ),
        )
