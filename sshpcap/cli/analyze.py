"""`sshpcap analyze`, and `sshpcap CAPTURE`: the report."""

import os
import stat
import sys
from io import TextIOWrapper
from typing import IO, TYPE_CHECKING

import click
import msgspec

from sshpcap.cli.common import (
    CAPTURES,
    CONTEXT,
    JOBS,
    NO_COLOR,
    OUTPUT,
    PORTS,
    TIME,
    anonymous,
    encoding,
    every_frame,
    finish,
    only_there,
    output_to,
    pseudonyms,
    read,
    refuse_pipe,
    wants_color,
    warn,
    wide,
    width,
)
from sshpcap.cli.known import address, read_known

if TYPE_CHECKING:
    from sshpcap.anonymize import Results
    from sshpcap.model import Report, Session, TimelineEntry
    from sshpcap.report.clock import TimeMode
    from sshpcap.report.view import Options


@click.command(context_settings=CONTEXT)
@CAPTURES
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(("text", "json", "ndjson", "markdown", "plain", "html")),
    default="text",
    show_default=True,
    help="text for the terminal; one JSON document, or one session a line; for a ticket Markdown, plain text or HTML.",
)
@OUTPUT
@PORTS
@click.option(
    "-c",
    "--connection",
    "connections",
    multiple=True,
    type=click.IntRange(1),
    metavar="N",
    help="Tell connection N in full, failed or not; repeatable.",
)
@click.option("--host", "hosts", multiple=True, metavar="ADDRESS", help="Only connections of this address; repeatable.")
@TIME
@click.option("--summary", is_flag=True, help="Group the connections by cause instead of telling each.")
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Also show every frame in timelines (reads the capture twice), whole offers, and the host key in every form.",
)
@click.option("--failures", is_flag=True, help="Leave out connections that went well.")
@click.option(
    "--fail-on",
    type=click.Choice(("error", "warning", "info")),
    help="Exit with 1 when there is a finding of this severity or above.",
)
@click.option(
    "--client-said",
    metavar="TEXT",
    help="What the client printed: tells which connections, and which of their findings, fit it.",
)
@click.option(
    "--known-hosts",
    "known_hosts",
    multiple=True,
    metavar="FILE",
    help="Hold host keys against this file: known_hosts, PuTTY's sshhostkeys or an exported .reg; repeatable.",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="ADDRESS=NAME",
    help="Users call this address NAME: the name to look up in known_hosts; repeatable.",
)
@anonymous
@JOBS
@NO_COLOR
def analyze(
    captures: tuple[str, ...],
    form: str,
    output: str | None,
    ports: tuple[int, ...],
    connections: tuple[int, ...],
    hosts: tuple[str, ...],
    time: "TimeMode",
    summary: bool,
    verbose: bool,
    failures: bool,
    fail_on: str | None,
    client_said: str | None,
    known_hosts: tuple[str, ...],
    names: tuple[str, ...],
    anonymize: bool,
    anonymize_ports: bool,
    anonymize_keys: bool,
    key_file: str | None,
    jobs: int,
    no_color: bool,
) -> None:
    """Explain every SSH connection in the captures: pcap, pcapng or snoop, plain or compressed.

    Several captures and directories are read as one, in the order of time. "-" reads standard input; there results
    appear as connections end.
    """  # fmt: skip
    from sshpcap.report.view import Options, select

    if verbose:
        refuse_pipe(captures)
    hidden = pseudonyms(anonymize, anonymize_ports, anonymize_keys, key_file)
    options = Options(connections=frozenset(connections), failures=failures, hosts=frozenset(map(_address, hosts)),
                      time=time, summary=summary, verbose=verbose, every=form == "html")  # fmt: skip
    known = read_known(known_hosts, names)
    with output_to(output, form, captures, (*known_hosts, *((key_file,) if key_file else ()))) as out:
        options = options._replace(width=wide(out, form))
        page = _Page(out, form, options, color=output is None and wants_color(out, no_color), hidden=hidden)
        streams = not summary and _streams(captures, form, connections)
        report = read(captures, ports, page.ended if streams else None, known, jobs)
        only_there(connections, report)
        if client_said is not None:
            from sshpcap.rules.said import rank

            report = msgspec.structs.replace(report, client_said=rank(report, client_said))
        page.whole(report, every_frame(captures, report, options) if verbose else {})
    finish(report, fail_on, select(report.sessions, options))


class _Page:
    """Writes a report in the format that was asked for, at once or as connections end."""

    def __init__(self, out: IO[str], form: str, options: "Options", *, color: bool, hidden: "Results | None") -> None:
        self._out = out
        self._form = form
        self._options = options
        self._color = color
        self._hidden = hidden
        self._told: list[Session] = []

    def ended(self, session: "Session") -> None:
        """Show one connection that has ended while the capture goes on."""
        from sshpcap.report import machine, terminal
        from sshpcap.report.view import select

        self._told.append(session)
        if not select((session,), self._options):
            return
        if self._hidden is not None:
            session = self._hidden.session(session)
        if self._form == "ndjson":
            self._out.write(machine.line(session))
        else:
            self._out.write(
                terminal.render_one(
                    session, self._options, width=width(self._out), color=self._color, encoding=encoding(self._out)
                )
            )
        self._out.flush()

    def whole(self, report: "Report", minor: "dict[int, tuple[TimelineEntry, ...]]") -> None:
        """Show the report, with `minor` rows in its timelines; what was shown before is not told again."""
        from sshpcap.report import FORMATS
        from sshpcap.report.view import select

        self._options = self._options._replace(minor=minor)
        told = frozenset(session.index for session in self._told)
        if self._hidden is not None:
            if self._options.hosts:  # the addresses that were asked for are the true ones
                report = msgspec.structs.replace(report, sessions=select(report.sessions, self._options))
                self._options = self._options._replace(hosts=frozenset())
            report = self._hidden.report(report)
        if self._form == "ndjson":
            warn(report)
        if self._form != "text":
            left = [session for session in report.sessions if session.index not in told]
            chosen = msgspec.structs.replace(report, sessions=tuple(left)) if told else report
            if self._form == "json" and isinstance(self._out, TextIOWrapper):
                from sshpcap.report import machine

                self._out.flush()
                self._out.buffer.writelines(machine.json_pieces(chosen, self._options))
            else:
                self._out.write(FORMATS[self._form](chosen, self._options))
            return
        from sshpcap.report import terminal

        self._out.write(
            terminal.render(report, self._options._replace(told=told), width=width(self._out), color=self._color,
                            encoding=encoding(self._out))
        )  # fmt: skip


def _streams(captures: tuple[str, ...], form: str, connections: tuple[int, ...]) -> bool:
    """Results are shown as connections end: from a pipe, unless one document or certain connections are asked for."""
    if form not in ("text", "ndjson") or connections or len(captures) != 1:
        return False
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode if captures[0] == "-" else os.stat(captures[0]).st_mode
    except (OSError, ValueError):
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _address(host: str) -> str:
    """An address in the form that the report uses. Raises click.BadParameter for what is no address."""
    return address(host, "--host")
