"""The command line: source → analyzer → report. The only place that prints, exits, or knows a terminal.

Exit codes: 0 analysed · 1 a finding at or above --fail-on · 2 bad usage or unreadable input · 70 internal error.
"""

import json
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import IO, TYPE_CHECKING, Any, Final

import click
import msgspec

from sshpcap.version import VERSION

if TYPE_CHECKING:
    from sshpcap.model import Report, Session
    from sshpcap.report.view import Options

EXIT_FINDING: Final = 1
EXIT_UNREADABLE: Final = 2
EXIT_INTERNAL: Final = 70

_PROGRESS_BYTES: Final = 64 << 20
_CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class _DefaultToAnalyze(click.Group):
    """`sshpcap CAPTURE` means `sshpcap analyze CAPTURE`: the main job needs no word of its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {"-h", "--help", "--version"}
        if args and args[0] not in self.commands and args[0] not in own:
            args.insert(0, "analyze")
        return super().parse_args(ctx, args)


@click.group(cls=_DefaultToAnalyze, context_settings=_CONTEXT, invoke_without_command=True)
@click.version_option(VERSION, prog_name="sshpcap")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Explain the SSH connections in a packet capture, without keys or passwords.

    `sshpcap CAPTURE` is short for `sshpcap analyze CAPTURE`.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


_CAPTURES: Final = click.argument("captures", nargs=-1, required=True, metavar="CAPTURE…")
_PORTS: Final = click.option(
    "-p", "--port", "ports", multiple=True, type=click.IntRange(1, 65535), metavar="PORT",
    help="Also expect SSH on this port (besides 22); repeatable.",
)  # fmt: skip
_OUTPUT: Final = click.option(
    "-o", "--output", metavar="FILE", help="Write the report to FILE instead of standard output."
)
_NO_COLOR: Final = click.option(
    "--no-color", is_flag=True, help="No colours (NO_COLOR in the environment does the same)."
)


@cli.command(context_settings=_CONTEXT)
@_CAPTURES
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(("text", "json", "ndjson")),
    default="text",
    show_default=True,
    help="text for people, one JSON document, or one session a line.",
)
@_OUTPUT
@_PORTS
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
@click.option("--failures", is_flag=True, help="Leave out connections that went well.")
@click.option(
    "--fail-on",
    type=click.Choice(("error", "warning", "info")),
    help="Exit with 1 when there is a finding of this severity or above.",
)
@_NO_COLOR
def analyze(
    captures: tuple[str, ...],
    form: str,
    output: str | None,
    ports: tuple[int, ...],
    connections: tuple[int, ...],
    hosts: tuple[str, ...],
    failures: bool,
    fail_on: str | None,
    no_color: bool,
) -> None:
    """Explain every SSH connection in the captures: pcap, pcapng or snoop, plain or compressed.

    Several captures and directories are read as one, in the order of time. "-" reads standard input; there results
    appear as connections end.
    """  # fmt: skip
    from sshpcap.report.view import Options

    options = Options(connections=frozenset(connections), failures=failures, hosts=frozenset(map(_address, hosts)))
    with _output(output, form) as out:
        page = _Page(out, form, options, color=output is None and _wants_color(out, no_color))
        report = _read(captures, ports, page.ended if _streams(captures, form, connections) else None)
        missing = sorted(set(connections) - {session.index for session in report.sessions})
        if missing:
            raise click.UsageError(f"there is no connection {missing[0]}; the capture has {len(report.sessions)}")
        page.whole(report)
    _finish(report, fail_on)


@cli.command(context_settings=_CONTEXT)
@_CAPTURES
@_OUTPUT
@_PORTS
@_NO_COLOR
def info(captures: tuple[str, ...], output: str | None, ports: tuple[int, ...], no_color: bool) -> None:
    """Say what the captures are, how good they are, and which conclusions that forbids."""
    from sshpcap.report import terminal

    with _output(output, "text") as out:
        report = _read(captures, ports, None)
        color = output is None and _wants_color(out, no_color)
        out.write(terminal.render_info(report, width=_width(out), color=color, encoding=_encoding(out)))
    _finish(report, None)


class _Page:
    """Writes a report in the format that was asked for, at once or as connections end."""

    def __init__(self, out: IO[str], form: str, options: "Options", *, color: bool) -> None:
        self._out = out
        self._form = form
        self._options = options
        self._color = color
        self._told: list[Session] = []

    def ended(self, session: "Session") -> None:
        """Show one connection that has ended while the capture goes on."""
        from sshpcap.report import machine, terminal
        from sshpcap.report.view import select

        self._told.append(session)
        if not select((session,), self._options):
            return
        if self._form == "ndjson":
            self._out.write(machine.line(session))
        else:
            self._out.write(
                terminal.render_one(session, width=_width(self._out), color=self._color, encoding=_encoding(self._out))
            )
        self._out.flush()

    def whole(self, report: "Report") -> None:
        """Show the report; what was shown before is not told again."""
        from sshpcap.report import FORMATS

        if self._form != "text":
            left = [session for session in report.sessions if session not in self._told]
            chosen = msgspec.structs.replace(report, sessions=tuple(left)) if self._told else report
            self._out.write(FORMATS[self._form](chosen, self._options))
            return
        from sshpcap.report import terminal

        told = frozenset(session.index for session in self._told)
        self._out.write(
            terminal.render(report, self._options._replace(told=told), width=_width(self._out), color=self._color,
                            encoding=_encoding(self._out))
        )  # fmt: skip


def _read(captures: tuple[str, ...], ports: tuple[int, ...], ended: "Callable[[Session], None] | None") -> "Report":
    """Analyse the captures; `ended` is called for every connection that is over while the capture goes on."""
    from sshpcap.analyzer import SSH_PORT, Analyzer
    from sshpcap.capture import Captures

    analyzer = Analyzer((SSH_PORT, *ports), tolerant=True)
    given: list[Session] = []
    with Captures(captures) as source:
        with _progress(source.size, "reading") as advance:
            for block in source.blocks():
                analyzer.feed(block)
                advance(source.position)
                if ended is not None:
                    for session in analyzer.take_ended(idle=not len(block.number)):
                        given.append(session)
                        ended(session)
        report = analyzer.finish(source.describe())
    sessions = tuple(sorted((*given, *report.sessions), key=lambda session: session.index))
    return msgspec.structs.replace(report, sessions=sessions, notices=(*source.notices, *report.notices))


def _streams(captures: tuple[str, ...], form: str, connections: tuple[int, ...]) -> bool:
    """Results are shown as connections end: from a pipe, unless one document or certain connections are asked for."""
    if form == "json" or connections or len(captures) != 1:
        return False
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode if captures[0] == "-" else os.stat(captures[0]).st_mode
    except (OSError, ValueError):
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _finish(report: "Report", fail_on: str | None) -> None:
    """Exit as the report demands."""
    from sshpcap.model import SEVERITIES

    internal = [notice for notice in report.notices if notice.code == "internal-error"]
    if internal:
        click.echo(f"sshpcap: {internal[0].text}; please report this", err=True)
        sys.exit(EXIT_INTERNAL)
    at_least = [
        name for name in SEVERITIES if fail_on is not None and SEVERITIES.index(name) >= SEVERITIES.index(fail_on)
    ]
    if any(finding.severity in at_least for session in report.sessions for finding in session.findings):
        sys.exit(EXIT_FINDING)


def _wants_color(out: IO[str], no_color: bool) -> bool:
    return out.isatty() and not no_color and not os.environ.get("NO_COLOR")


def _encoding(out: IO[str]) -> str:
    return getattr(out, "encoding", None) or "utf-8"


@cli.command(context_settings=_CONTEXT)
@click.argument("finding", required=False)
def explain(finding: str | None) -> None:
    """Explain FINDING: what it means, how it is known, when it may be wrong, what to do. Without FINDING: list all."""
    from sshpcap.rules import PAGES, RULES

    if finding is None:
        wide = max(len(rule.id) for rule in RULES)
        for rule in RULES:
            click.echo(f"{rule.id:<{wide}}  {rule.severity:<7}  {rule.title}")
        return
    page = PAGES.get(finding)
    if page is None:
        raise click.UsageError(f"there is no finding {finding!r}; `sshpcap explain` lists all")
    click.echo(f"{finding}\n{'=' * len(finding)}\n\n{page.strip()}")


@cli.command(context_settings=_CONTEXT)
def schema() -> None:
    """Print the JSON Schema of the report."""
    from sshpcap.report.machine import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


def _address(host: str) -> str:
    """An address in the form that the report uses. Raises click.BadParameter for what is no address."""
    import ipaddress

    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        raise click.BadParameter(
            f"{host!r} is not an IP address (names are not in a capture)", param_hint="--host"
        ) from None


def _width(out: IO[str]) -> int | None:
    """Columns: those of the terminal, or COLUMNS, or 100 for a pipe or a file."""
    if os.environ.get("COLUMNS", "").isdigit():
        return max(40, int(os.environ["COLUMNS"]))
    return None if out.isatty() else 100


@contextmanager
def _output(path: str | None, form: str) -> Iterator[IO[str]]:
    """Standard output, or a file that is only there when it is whole."""
    if path is None:
        if isinstance(sys.stdout, TextIOWrapper):
            # JSON is UTF-8 wherever it goes; text for people falls back to escapes where the terminal cannot show it.
            if form == "text":
                sys.stdout.reconfigure(errors="backslashreplace")
            else:
                sys.stdout.reconfigure(encoding="utf-8")
        try:
            yield sys.stdout
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader (a pager, head) has seen enough.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    draft = f"{path}.part"
    try:
        with open(draft, "w", encoding="utf-8") as file:
            yield file
        os.replace(draft, path)
    except OSError as error:
        raise click.FileError(path, hint=error.strerror or str(error)) from None
    finally:
        if os.path.exists(draft):
            os.remove(draft)


@contextmanager
def _progress(size: int, what: str) -> Iterator[Any]:
    """A progress bar on a terminal for a large file, else nothing."""
    if size < _PROGRESS_BYTES or not sys.stderr.isatty():
        yield lambda position: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=size)
        yield lambda position: progress.update(task, completed=position)


def main() -> None:
    """Entry point of the `sshpcap` command: turns what can go wrong into one line and an exit code."""
    from sshpcap.capture.errors import CaptureError
    from sshpcap.report.view import safe

    try:
        cli(standalone_mode=False)
    except CaptureError as error:
        click.echo(f"sshpcap: {safe(str(error))}", err=True)
        sys.exit(EXIT_UNREADABLE)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        click.echo(f"sshpcap: {safe(error.format_message())}", err=True)
        sys.exit(EXIT_UNREADABLE)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
    except Exception as error:  # the last resort: one line for the user, a way to report it
        if os.environ.get("SSHPCAP_DEBUG"):
            raise
        click.echo(f"sshpcap: internal error: {safe(repr(error))} (SSHPCAP_DEBUG=1 shows where)", err=True)
        sys.exit(EXIT_INTERNAL)
