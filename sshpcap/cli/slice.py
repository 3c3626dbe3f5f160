"""`sshpcap slice`: the frames that matter, with comments, as a pcapng file."""

import os
from typing import IO, TYPE_CHECKING

import click

from sshpcap.cli.common import (
    CAPTURES,
    CONTEXT,
    PORTS,
    anonymous,
    binary_to,
    finish,
    only_there,
    pseudonyms,
    read,
    refuse_pipe,
    warn,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sshpcap.anonymize import Results
    from sshpcap.excerpt import Excerpted
    from sshpcap.frames import FrameBlock
    from sshpcap.model import Report, Session


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
@anonymous
def slice(
    captures: tuple[str, ...],
    output: str,
    ports: tuple[int, ...],
    connections: tuple[int, ...],
    anonymize: bool,
    anonymize_ports: bool,
    anonymize_keys: bool,
    key_file: str | None,
) -> None:
    """Write the frames that matter to a pcapng file: handshake, close and ICMP, with what they mean as comments.

    Of frames behind a side's NEWKEYS only the headers are kept. Frame numbers in the comments are those of the original
    capture.
    """
    refuse_pipe(captures)
    hidden = pseudonyms(anonymize, anonymize_ports, anonymize_keys, key_file)
    report = read(captures, ports, None)
    only_there(connections, report)
    with binary_to(output, captures, (key_file,) if key_file else ()) as out:
        count = write(report, captures, frozenset(connections), out, hidden)
    warn(report if hidden is None else hidden.report(report))
    click.echo(f"{output}: {count:,} frames", err=True)
    finish(report, None)


def write(
    report: "Report",
    captures: tuple[str, ...],
    connections: frozenset[int],
    out: IO[bytes],
    hidden: "Results | None" = None,
) -> int:
    """Write the slice, under pseudonym where `hidden` is given; how many frames it has."""
    from sshpcap.capture import Captures
    from sshpcap.capture.writer import PcapngWriter
    from sshpcap.excerpt.words import section_comment
    from sshpcap.version import VERSION

    sessions = [s for s in report.sessions if not connections or s.index in connections]
    with Captures(captures, apart=report.apart) as source:
        rows = list(_frames(source.blocks(), sessions, hidden))
    shown = report if hidden is None else hidden.report(report)
    told = sessions if hidden is None else [hidden.session(session) for session in sessions]
    interfaces: dict[tuple[int, int], int] = {}
    for row in rows:
        interfaces.setdefault((row.interface, row.link_type), len(interfaces))
    writer = PcapngWriter(
        out,
        comment=section_comment(", ".join(os.path.basename(capture.path) for capture in shown.captures), told),
        program=f"sshpcap {VERSION}",
        link_types=tuple(link_type for _, link_type in interfaces) or (1,),
    )
    for row in rows:
        place = interfaces[row.interface, row.link_type]
        writer.frame(row.octets, row.time, original=row.original, interface=place, comments=row.comments)
    ends = [capture.last_time.ns for capture in report.captures if capture.last_time is not None]
    drops = [capture.interface_drops for capture in report.captures if capture.interface_drops is not None]
    writer.statistics(end_time=max(ends, default=None), drops=sum(drops) if drops else None)
    return len(rows)


def _frames(
    blocks: "Iterable[FrameBlock]", sessions: "list[Session]", hidden: "Results | None"
) -> "Iterator[Excerpted]":
    from sshpcap.excerpt import Excerpted, choose, comments_of, find

    kept = choose(find(blocks, sessions))
    if hidden is None:
        for one, choice in kept:
            octets = one.octets[: choice.captured]
            yield Excerpted(octets, one.original, one.link_type, one.time, one.interface, choice.comments)
        return
    from sshpcap.anonymize import share

    comments = {session.index: comments_of(hidden.session(session)) for session in sessions}
    yield from share(
        (
            (one, choice._replace(comments=tuple(comments[one.session.index].get(one.frame, ()))))
            for one, choice in kept
        ),
        hidden.names,
    )
