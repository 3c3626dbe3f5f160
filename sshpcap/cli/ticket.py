"""`sshpcap ticket`: everything that a ticket needs, in a directory or a zip archive."""

import hashlib
import io
import os
import shlex
import zipfile
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import click
import msgspec

from sshpcap.cli.common import (
    CAPTURES,
    CONTEXT,
    PORTS,
    TIME,
    anonymous,
    every_frame,
    finish,
    only_there,
    pseudonyms,
    read,
    refuse_pipe,
)

if TYPE_CHECKING:
    from sshpcap.anonymize import Results
    from sshpcap.model import Report
    from sshpcap.report.clock import TimeMode
    from sshpcap.report.view import Options

_WIDTH: Final = 100
_NO_DATE: Final = (1980, 1, 1, 0, 0, 0)  # the same bundle has the same octets


@click.command(context_settings=CONTEXT)
@CAPTURES
@click.option("-o", "--output", required=True, metavar="DIR|FILE.zip", help="A new directory, or a zip archive.")
@PORTS
@click.option("-c", "--connection", "connections", multiple=True, type=click.IntRange(1), metavar="N",
              help="Only connection N; repeatable.")  # fmt: skip
@TIME
@anonymous
def ticket(
    captures: tuple[str, ...],
    output: str,
    ports: tuple[int, ...],
    connections: tuple[int, ...],
    time: "TimeMode",
    anonymize: bool,
    anonymize_ports: bool,
    anonymize_keys: bool,
    key_file: str | None,
) -> None:
    """Make a bundle for a ticket: reports, timelines, the frames that matter, and what is still missing.

    It holds report.html, report.md, timeline.txt (every frame), report.json, handshake.pcapng (no payload behind
    NEWKEYS) and checklist.md.
    """
    from sshpcap.report.view import Options

    refuse_pipe(captures)
    if os.path.lexists(output) and not (os.path.isdir(output) and not os.listdir(output)):
        raise click.UsageError(f"{output} is there already")
    hidden = pseudonyms(anonymize, anonymize_ports, anonymize_keys, key_file)
    report = read(captures, ports, None)
    only_there(connections, report)
    options = Options(connections=frozenset(connections), time=time, width=_WIDTH)
    files = contents(report, captures, options, output, hidden)
    try:
        _write(files, output)
    except OSError as error:
        raise click.FileError(output, hint=error.strerror or str(error)) from None
    click.echo(f"{output}: {', '.join(files)}", err=True)
    finish(report, None)


def contents(
    report: "Report", captures: tuple[str, ...], options: "Options", output: str, hidden: "Results | None" = None
) -> dict[str, bytes]:
    """The files of a bundle by name. Paths are left out of it: only the names of the files are shown."""
    from sshpcap.cli.slice import write
    from sshpcap.report import FORMATS, plain
    from sshpcap.report.checklist import checklist
    from sshpcap.report.markdown import bundle_page

    named = tuple(msgspec.structs.replace(capture, path=os.path.basename(capture.path)) for capture in report.captures)
    shown = msgspec.structs.replace(report, captures=named)
    slice_file = io.BytesIO()
    write(shown, captures, options.connections, slice_file, hidden)
    every = options._replace(minor=every_frame(captures, report, options))
    names = {path: os.path.basename(path.rstrip("/")) for path in (*captures, *_files(captures))}
    words: list[str] = []
    if hidden is not None:
        shown = hidden.report(shown)
        names = {path: hidden.file(name) for path, name in names.items()}
        more = ["--anonymize-ports"] * hidden.names.ports + ["--anonymize-keys"] * hidden.names.keys
        words = ["--anonymize", *more]
    words += [part for number in sorted(options.connections) for part in ("--connection", str(number))]
    target = os.path.basename(output.rstrip("/")) if hidden is None else "OUTPUT"
    page = bundle_page(
        checklist(shown, options),
        command=shlex.join(["sshpcap", "ticket", *(names[path] for path in captures), "-o", target, *words]),
        originals=[(names[path], *_checksum(path)) for path in _files(captures)],
    )
    return {
        "report.html": FORMATS["html"](shown, options._replace(every=True)).encode(),
        "report.md": FORMATS["markdown"](shown, options).encode(),
        "timeline.txt": plain.timeline(shown, every).encode(),
        "report.json": FORMATS["json"](shown, options).encode(),
        "handshake.pcapng": slice_file.getvalue(),
        "checklist.md": page.encode(),
    }


def _files(captures: tuple[str, ...]) -> list[str]:
    from sshpcap.capture.merge import expand

    return expand(captures)[0]


def _checksum(path: str) -> tuple[int, str]:
    with open(path, "rb") as file:
        return os.path.getsize(path), hashlib.file_digest(file, "sha256").hexdigest()


def _write(files: dict[str, bytes], output: str) -> None:
    """All of it, or nothing: half a ticket is taken for a whole one. Raises OSError."""
    made: list[str] = []
    try:
        if output.lower().endswith(".zip"):
            with open(output, "xb") as file:
                made.append(output)
                with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                    for name, octets in files.items():
                        archive.writestr(zipfile.ZipInfo(name, _NO_DATE), octets, zipfile.ZIP_DEFLATED)
            return
        if not os.path.isdir(output):
            os.makedirs(output)
            made.append(output)
        for name, octets in files.items():
            path = os.path.join(output, name)
            with open(path, "xb") as file:
                made.append(path)
                file.write(octets)
    except OSError:
        for path in reversed(made):
            with suppress(OSError):
                os.rmdir(path) if os.path.isdir(path) else os.unlink(path)
        raise
