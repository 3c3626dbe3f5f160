"""Results → text. To add a format: one module that draws `view`, and one row in `FORMATS`."""

from collections.abc import Callable
from typing import Final

from sshpcap.model import Report
from sshpcap.report import markdown, plain
from sshpcap.report.machine import json_document, ndjson
from sshpcap.report.view import Options


def _html(report: Report, options: Options) -> str:
    """Loaded when it is asked for: it brings jinja2 along."""
    from sshpcap.report.html import render

    return render(report, options)


FORMATS: Final[dict[str, Callable[[Report, Options], str]]] = {
    "json": json_document,
    "ndjson": ndjson,
    "markdown": markdown.render,
    "plain": plain.render,
    "html": _html,
}
"""Formats for programs and files. "text" is drawn by `terminal`, which is loaded when it is needed: it brings rich
along."""
