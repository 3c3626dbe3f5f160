"""Results → text. To add a format: one module that draws `view`, and one row in `FORMATS`."""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sshpcap.model import Report
    from sshpcap.report.view import Options


def _by(module: str, name: str = "render") -> "Callable[[Report, Options], str]":
    """A function of a module that is loaded when it is used: HTML brings jinja2 along."""

    def draw(report: "Report", options: "Options") -> str:
        text: str = getattr(import_module(f"sshpcap.report.{module}"), name)(report, options)
        return text

    return draw


FORMATS: "Final[dict[str, Callable[[Report, Options], str]]]" = {
    "json": _by("machine", "json_document"),
    "ndjson": _by("machine", "ndjson"),
    "markdown": _by("markdown"),
    "plain": _by("plain"),
    "html": _by("html"),
}
"""Formats for programs and files. "text" is drawn by `terminal`, which is loaded when it is needed: it brings rich
along."""
