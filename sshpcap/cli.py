"""The command line: source → analyzer → report. The only place that prints, exits, or knows a terminal.

Exit codes: 0 analysed · 1 a finding at or above --fail-on · 2 bad usage or unreadable input · 70 internal error.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import IO, Any, Final

import click

from sshpcap.version import VERSION

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


@cli.command(context_settings=_CONTEXT)
@click.argument("capture")
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(("text", "json", "ndjson")),
    default="text",
    show_default=True,
    help="text for people, one JSON document, or one session a line.",
)
@click.option("-o", "--output", metavar="FILE", help="Write the report to FILE instead of standard output.")
@click.option(
    "-p",
    "--port",
    "ports",
    multiple=True,
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="Also expect SSH on this port (besides 22); repeatable.",
)
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
@click.option("--no-color", is_flag=True, help="No colours (NO_COLOR in the environment does the same).")
def analyze(
    capture: str,
    form: str,
    output: str | None,
    ports: tuple[int, ...],
    connections: tuple[int, ...],
    hosts: tuple[str, ...],
    failures: bool,
    fail_on: str | None,
    no_color: bool,
) -> None:
    """Explain every SSH connection in CAPTURE (pcap or pcapng, plain or compressed; "-" reads standard input)."""
    from sshpcap.analyzer import SSH_PORT, Analyzer
    from sshpcap.capture import open_capture
    from sshpcap.model import SEVERITIES
    from sshpcap.report import FORMATS
    from sshpcap.report.view import Options

    options = Options(connections=frozenset(connections), failures=failures, hosts=frozenset(map(_address, hosts)))
    analyzer = Analyzer((SSH_PORT, *ports), tolerant=True)
    with open_capture(capture) as source:
        with _progress(source.size, "reading") as advance:
            for block in source.blocks():
                analyzer.feed(block)
                advance(source.position)
        report = analyzer.finish((source.describe(),))
    missing = sorted(set(connections) - {session.index for session in report.sessions})
    if missing:
        raise click.UsageError(f"there is no connection {missing[0]}; the capture has {len(report.sessions)}")
    with _output(output, form) as out:
        if form == "text":
            from sshpcap.report import terminal

            color = output is None and out.isatty() and not no_color and not os.environ.get("NO_COLOR")
            encoding = getattr(out, "encoding", None) or "utf-8"
            out.write(terminal.render(report, options, width=_width(out), color=color, encoding=encoding))
        else:
            out.write(FORMATS[form](report, options))
    internal = [notice for notice in report.notices if notice.code == "internal-error"]
    if internal:
        click.echo(f"sshpcap: {internal[0].text}; please report this", err=True)
        sys.exit(EXIT_INTERNAL)
    if fail_on is not None:
        least = SEVERITIES.index(_severity(fail_on))
        if any(SEVERITIES.index(f.severity) >= least for session in report.sessions for f in session.findings):
            sys.exit(EXIT_FINDING)


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


def _severity(name: str) -> Any:
    return name


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
