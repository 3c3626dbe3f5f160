"""`sshpcap slice`: the frames that matter, with comments, as a pcapng file."""

import os
from typing import IO, TYPE_CHECKING

import click

from sshpcap.cli.common import CAPTURES, CONTEXT, PORTS, binary_to, finish, read, refuse_pipe

if TYPE_CHECKING:
    from sshpcap.model import Report


@click.command(context_settings=CONTEXT)
@CAPTURES
@click.option("-o", "--output", required=True, metavar="FILE", help="The pcapng file to write.")
@PORTS
@click.option(
    "-c",
    "--connection",
    "connections",
    multiple=True,
    type=click.IntRange(1),
    metavar="N",
    help="Only connection N; repeatable.",
)
def slice(captures: tuple[str, ...], output: str, ports: tuple[int, ...], connections: tuple[int, ...]) -> None:
    """Write the frames that matter to a pcapng file: handshake, close and ICMP, with what they mean as comments.

    Nothing that is encrypted is kept: of frames behind NEWKEYS only the headers. Frame numbers in the comments are
    those of the original capture.
    """
    refuse_pipe(captures)
    report = read(captures, ports, None)
    with binary_to(output) as out:
        count = write(report, captures, frozenset(connections), out)
    click.echo(f"{output}: {count:,} frames", err=True)
    finish(report, None)


def write(report: "Report", captures: tuple[str, ...], connections: frozenset[int], out: IO[bytes]) -> int:
    """Write the slice; how many frames it has."""
    from sshpcap.capture import Captures
    from sshpcap.capture.writer import PcapngWriter
    from sshpcap.excerpt import choose, find
    from sshpcap.excerpt.words import section_comment
    from sshpcap.version import VERSION

    sessions = [s for s in report.sessions if not connections or s.index in connections]
    names = ", ".join(os.path.basename(capture.path) for capture in report.captures)
    interfaces: dict[tuple[int, int], int] = {}
    with Captures(captures) as source:
        kept = list(choose(find(source.blocks(), sessions)))
    for one, _ in kept:
        interfaces.setdefault((one.interface, one.link_type), len(interfaces))
    writer = PcapngWriter(
        out,
        comment=section_comment(names, sessions),
        program=f"sshpcap {VERSION}",
        link_types=tuple(link_type for _, link_type in interfaces) or (1,),
    )
    for one, choice in kept:
        writer.frame(
            one.octets[: choice.captured],
            one.time,
            original=one.original,
            interface=interfaces[one.interface, one.link_type],
            comments=choice.comments,
        )
    ends = [capture.last_time.ns for capture in report.captures if capture.last_time is not None]
    drops = [capture.interface_drops for capture in report.captures if capture.interface_drops is not None]
    writer.statistics(end_time=max(ends, default=None), drops=sum(drops) if drops else None)
    return len(kept)
