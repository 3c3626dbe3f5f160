"""What the commands share: their common options, reading captures, writing a report, and how to exit."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import IO, TYPE_CHECKING, Any, Final

import click
import msgspec

if TYPE_CHECKING:
    from sshpcap.anonymize import Results
    from sshpcap.model import Report, Session, TimelineEntry
    from sshpcap.report.view import Options
    from sshpcap.ssh.known_hosts import KnownHosts

EXIT_FINDING: Final = 1
EXIT_UNREADABLE: Final = 2
EXIT_INTERNAL: Final = 70

CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_EMAIL_COLUMNS: Final = 76
_SHORTEST_KEY: Final = 16
_PROGRESS_BYTES: Final = 64 << 20

CAPTURES: Final = click.argument("captures", nargs=-1, required=True, metavar="CAPTURE…")
PORTS: Final = click.option(
    "-p", "--port", "ports", multiple=True, type=click.IntRange(1, 65535), metavar="PORT",
    help="Also expect SSH on this port (besides 22); repeatable.",
)  # fmt: skip
OUTPUT: Final = click.option(
    "-o", "--output", metavar="FILE", help="Write the report to FILE instead of standard output."
)
JOBS: Final = click.option(
    "-j", "--jobs", type=click.IntRange(1), default=1, show_default=True, metavar="N",
    help="Use up to N processes where there are many connections (Linux); the report is the same.",
)  # fmt: skip
TIME: Final = click.option(
    "--time", type=click.Choice(("relative", "utc", "local")), default="relative", show_default=True,
    help="Show times as seconds since the connection began, in UTC, or in local time (TZ); durations are always there.",
)  # fmt: skip
NO_COLOR: Final = click.option(
    "--no-color", is_flag=True, help="No colours (NO_COLOR in the environment does the same)."
)


def anonymous(command: Any) -> Any:
    """The options for output that may be shared, the same for every command that has them."""
    options = (
        click.option("--anonymize", is_flag=True, help="Replace addresses, banner comments, host names and MACs by "
                     "pseudonyms."),
        click.option("--anonymize-ports", is_flag=True, help="The same, and ports above 1023."),
        click.option("--anonymize-keys", is_flag=True, help="The same, and host keys."),
        click.option("--key-file", metavar="FILE", help="The key of the pseudonyms, made where there is none: the same "
                     "key gives the same ones. Without it the key is thrown away."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def pseudonyms(anonymize: bool, ports: bool, keys: bool, key_file: str | None) -> "Results | None":
    """What makes results anonymous, where that is asked for. The key file is made for its owner alone."""
    if not (anonymize or ports or keys):
        if key_file is not None:
            raise click.UsageError("--key-file needs --anonymize")
        return None
    from sshpcap.anonymize import Pseudonyms, Results, new_key

    key = new_key()
    if key_file is not None:
        try:
            try:
                with open(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                    file.write(key.hex() + "\n")
            except FileExistsError:
                with open(key_file) as file:
                    key = bytes.fromhex(file.read(4096))
        except OSError as error:
            raise click.FileError(key_file, hint=error.strerror or str(error)) from None
        except ValueError:
            raise click.FileError(key_file, hint="this is no key") from None
        if len(key) < _SHORTEST_KEY:
            raise click.FileError(key_file, hint="this is no key")
    return Results(Pseudonyms(key, ports=ports, keys=keys))


def read(
    captures: tuple[str, ...],
    ports: tuple[int, ...],
    ended: "Callable[[Session], None] | None",
    known_hosts: "KnownHosts | None" = None,
    jobs: int = 1,
) -> "Report":
    """Analyse the captures with `jobs` processes at most.

    `ended` is called for every connection that is over while the capture goes on. Two captures of one connection whose
    times do not fit together are read once more, each by itself (`apart`).
    """
    from sshpcap.analyzer import SSH_PORT, Analyzer
    from sshpcap.capture import Captures
    from sshpcap.cli import apart

    analyzer = Analyzer((SSH_PORT, *ports), tolerant=True, known_hosts=known_hosts, jobs=jobs)
    given: list[Session] = []
    with Captures(captures) as source:
        with progress(source.size, "reading") as advance:
            for block in source.blocks():
                analyzer.feed(block)
                advance(source.position)
                if ended is not None:
                    for session in analyzer.take_ended(idle=not len(block.number)):
                        given.append(session)
                        ended(session)
        report = analyzer.finish(source.describe(), release=True)
    if apart.wanted(report, source.files):
        with Captures(captures, apart=True) as source, progress(source.size, "reading apart") as advance:
            report = apart.read(source, (SSH_PORT, *ports), known_hosts, jobs, advance) or report
    sessions = tuple(sorted((*given, *report.sessions), key=lambda session: session.index))
    return msgspec.structs.replace(report, sessions=sessions, notices=(*source.notices, *report.notices))


def every_frame(
    captures: tuple[str, ...], report: "Report", options: "Options"
) -> "dict[int, tuple[TimelineEntry, ...]]":
    """Rows for every frame of the connections that are told in full; reads the captures again."""
    from sshpcap import limits
    from sshpcap.capture import Captures
    from sshpcap.excerpt import find
    from sshpcap.excerpt.rows import minor_rows
    from sshpcap.report.view import told_in_full

    sessions = told_in_full(report, options)[: limits.SHOWN_DETAILS]
    with Captures(captures, apart=report.apart) as source:
        return minor_rows(find(source.blocks(), sessions))


def only_there(connections: tuple[int, ...], report: "Report") -> None:
    """Raises click.UsageError for the number of a connection that the capture does not have."""
    missing = sorted(set(connections) - {session.index for session in report.sessions})
    if missing:
        raise click.UsageError(f"there is no connection {missing[0]}; the capture has {len(report.sessions)}")


def warn(report: "Report") -> None:
    """What is wrong with the captures, where the output has no place for it: a line each on standard error."""
    from sshpcap.report.heading import notice_line, notices
    from sshpcap.report.view import safe

    for notice in notices(report):
        click.echo(f"sshpcap: {safe(notice_line(notice))}", err=True)


def finish(report: "Report", fail_on: str | None, told: "Sequence[Session] | None" = None) -> None:
    """Exit as the report demands; `told`: the connections that the options leave."""
    from sshpcap.model import SEVERITIES

    internal = [notice for notice in report.notices if notice.code == "internal-error"]
    if internal:
        click.echo(f"sshpcap: {internal[0].text}; please report this", err=True)
        sys.exit(EXIT_INTERNAL)
    at_least = [
        name for name in SEVERITIES if fail_on is not None and SEVERITIES.index(name) >= SEVERITIES.index(fail_on)
    ]
    sessions = report.sessions if told is None else told
    if any(finding.severity in at_least for session in sessions for finding in session.findings):
        sys.exit(EXIT_FINDING)


def wants_color(out: IO[str], no_color: bool) -> bool:
    """Whether colours may be used: on a terminal, unless somebody said no."""
    return out.isatty() and not no_color and not os.environ.get("NO_COLOR")


def encoding(out: IO[str]) -> str:
    """What the output can carry."""
    return getattr(out, "encoding", None) or "utf-8"


def width(out: IO[str]) -> int | None:
    """Columns: those of the terminal, or COLUMNS, or 100 for a pipe or a file."""
    if os.environ.get("COLUMNS", "").isdecimal():
        return max(40, int(os.environ["COLUMNS"]))
    return None if out.isatty() else 100


def wide(out: IO[str], form: str) -> int:
    """Columns of a format that is made of lines: those that were asked for, or what e-mail shows without wrapping."""
    return width(out) or 100 if os.environ.get("COLUMNS", "").isdecimal() or form == "text" else _EMAIL_COLUMNS


@contextmanager
def output_to(path: str | None, form: str, captures: Sequence[str], others: Sequence[str] = ()) -> Iterator[IO[str]]:
    """Standard output, or a file that is only there when it is whole and is none of those that are read."""
    if path is None:
        if sys.stdout is None:
            raise click.FileError("standard output", hint="it is closed")
        if form != "text" and isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # JSON is UTF-8 wherever it goes
        try:
            yield sys.stdout
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader (a pager, head) has seen enough.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    _refuse_input(path, captures, others)
    with _whole(path, "w") as file:
        yield file


@contextmanager
def binary_to(path: str, captures: Sequence[str], others: Sequence[str] = ()) -> Iterator[IO[bytes]]:
    """A file of octets that is only there when it is whole and is none of those that are read."""
    _refuse_input(path, captures, others)
    with _whole(path, "wb") as file:
        yield file


def _refuse_input(output: str, captures: Sequence[str], others: Sequence[str]) -> None:
    """Evidence is never written over. Raises click.UsageError for an output that is a capture or another input."""
    if not os.path.isfile(output):
        return
    from sshpcap.capture.merge import expand
    from sshpcap.capture.sources import STANDARD_INPUT

    there = os.stat(output)
    for path in (*expand(captures)[0], *others):
        try:
            read = os.fstat(sys.stdin.fileno()) if path == STANDARD_INPUT else os.stat(path)
        except (OSError, ValueError):
            continue  # whoever reads it says so
        if os.path.samestat(read, there):
            raise click.UsageError(f"{output} is read here and would be written over: name another file")


@contextmanager
def _whole(path: str, mode: str) -> Iterator[IO[Any]]:
    """A draft that takes the file's place at the end. Devices and pipes are written to as they are."""
    target = os.path.realpath(path)
    plain = not os.path.exists(target) or os.path.isfile(target)
    # Made here and now: a file of that name that is somebody's, or a link, is never followed.
    draft, mode = (f"{target}.{os.getpid()}.part", mode.replace("w", "x")) if plain else (target, mode)
    made = False
    try:
        with open(draft, mode, encoding=None if "b" in mode else "utf-8") as file:
            made = plain
            yield file
        if plain:
            os.replace(draft, target)
    except OSError as error:
        raise click.FileError(path, hint=error.strerror or str(error)) from None
    finally:
        if made and os.path.exists(draft):
            os.remove(draft)


def refuse_pipe(captures: tuple[str, ...]) -> None:
    """For what reads the captures twice. Raises click.UsageError for standard input and pipes."""
    for path in captures:
        if path == "-" or (os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)):
            raise click.UsageError("this reads the capture twice: save it to a file first")


@contextmanager
def progress(size: int, what: str) -> Iterator[Any]:
    """A progress bar on a terminal for a large file, else nothing."""
    if size < _PROGRESS_BYTES or not sys.stderr.isatty():
        yield lambda position: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    # Drawn anew a hundred times, not by a thread: that may still run when processes are to be forked.
    with Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as progress:
        task, shown = progress.add_task(what, total=size), 0

        def advance(position: int) -> None:
            nonlocal shown
            if position * 100 // size > shown:
                shown = position * 100 // size
                progress.update(task, completed=position, refresh=True)

        yield advance
