"""Golden cases: a folder with a capture and `run.console`, a transcript of `$ sshpcap …` commands and what they
print.

`python -m tests.golden --update [CASE…]` rewrites the transcripts and the report.json beside them; the difference is
then read like prose before it is committed. Cases are the recorded samples (samples/) and the made ones
(tests/cases/); every sample has a report.json, of the made cases those that had one.
"""

import contextlib
import io
import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from sshpcap import cli

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = (ROOT / "samples", ROOT / "tests" / "cases")


def cases() -> list[Path]:
    """All golden folders."""
    return sorted(path.parent for folder in FOLDERS for path in folder.glob("*/README.md"))


def capture_of(case: Path) -> Path:
    """The capture of a case."""
    return next(path for path in sorted(case.iterdir()) if path.name.startswith("capture."))


def run(arguments: list[str], columns: int = 100) -> tuple[str, int]:
    """What the command prints (standard output, then standard error) and its exit code, in this process."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    environment = {"COLUMNS": str(columns), "NO_COLOR": "1", "TZ": "UTC"}
    with (
        mock.patch.dict(os.environ, environment),
        mock.patch.object(sys, "argv", ["sshpcap", *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
    return out.getvalue() + err.getvalue(), code


def transcript(commands: list[str], folder: Path) -> str:
    """The commands with what they print, run inside a folder."""
    parts = []
    with contextlib.chdir(folder):
        for command in commands:
            match = re.fullmatch(r"(?:COLUMNS=(\d+) )?sshpcap (.*)", command)
            assert match is not None, f"not a command of a transcript: {command}"
            printed, code = run(shlex.split(match[2]), int(match[1] or 100))
            exit_line = f"[exit {code}]\n" if code else ""
            parts.append(f"$ {command}\n{printed}{exit_line}")
    return "\n".join(parts)


def commands(case: Path) -> list[str]:
    """The commands of a case's transcript; for a new case the usual ones."""
    file = case / "run.console"
    if file.exists():
        return [line[2:] for line in file.read_text().splitlines() if line.startswith("$ sshpcap") or
                re.match(r"\$ COLUMNS=\d+ sshpcap", line)]  # fmt: skip
    name = capture_of(case).name
    told = json.loads(report(case))["sessions"]
    fine = all(session["outcome"] == "encrypted" for session in told)
    words = ["sshpcap", *options(case), *(["--connection", "1"] if fine and told else []), name]
    return [shlex.join(words)]


def options(case: Path) -> list[str]:
    """What a case's analysis needs beside the capture: the client's file of known host keys, where it is kept."""
    return ["--known-hosts", "known_hosts"] if (case / "known_hosts").exists() else []


def report(case: Path) -> str:
    """The JSON report of a case, indented for reading."""
    with contextlib.chdir(case):
        printed, _ = run(["--format", "json", *options(case), capture_of(case).name])
    return json.dumps(json.loads(printed), indent=1, ensure_ascii=False) + "\n"


FORMATS = {
    "terminal-80.txt": (80, ()),
    "terminal-160.txt": (160, ()),
    "plain-76.txt": (76, ("--format", "plain")),
    "plain-120.txt": (120, ("--format", "plain")),
    "markdown-100.md": (100, ("--format", "markdown")),
    "markdown-140.md": (140, ("--format", "markdown", "--time", "utc")),
}
"""Every format for people at two widths, in `formats/` of each case."""


def has_html(case: Path) -> bool:
    """Cases with a golden of the HTML report: all that real programs made, and a hostile peer's."""
    return case.parent.name == "samples" or case.name == "hostile-text"


def formats(case: Path) -> Iterator[tuple[str, str]]:
    """What a case looks like in every format: file name and text. HTML without our style and script."""
    own = shlex.split(next(c for c in commands(case) if "json" not in c).split("sshpcap ", 1)[1])
    with contextlib.chdir(case):
        for name, (columns, options) in FORMATS.items():
            yield name, run([*options, *own], columns)[0]
        if has_html(case):
            text = run(["--format", "html", *own])[0]
            text = re.sub(r"(<style>|<script>).*?(</style>|</script>)", r"\1\2", text, flags=re.DOTALL)
            yield "report.html", re.sub(r"sha256-[\w+/=]*|(?<=sshpcap )\d[\d.]*", "…", text)


def _update(names: list[str]) -> Iterator[str]:
    for case in cases():
        if names and case.name not in names:
            continue
        (case / "run.console").write_text(transcript(commands(case), case))
        if case.parent.name == "samples" or (case / "report.json").exists():
            (case / "report.json").write_text(report(case))
        if capture_of(case).suffix != ".bad":
            (case / "formats").mkdir(exist_ok=True)
            for name, text in formats(case):
                (case / "formats" / name).write_text(text)
        yield case.name


if __name__ == "__main__":
    if sys.argv[1:2] != ["--update"]:
        sys.exit("usage: python -m tests.golden --update [CASE…]")
    print("\n".join(_update(sys.argv[2:])))
