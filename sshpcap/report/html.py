"""The report as one HTML file: no external resource, a strict Content-Security-Policy, an SVG ladder per connection.

Everything is escaped by Jinja2; the only markup that is put in as it is are our own style and script, whose hashes
stand in the policy, so that nothing else can run. Must not know: what is said (that is `view`), where a ladder's
shapes stand (that is `drawing`).
"""

import base64
import hashlib
from collections import Counter
from importlib import resources
from typing import NamedTuple

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from sshpcap.model import Report
from sshpcap.report.drawing import Drawing, draw
from sshpcap.report.ladder import UNICODE, legend
from sshpcap.report.view import Detail, Options, View, safe, view
from sshpcap.version import VERSION


class _Story(NamedTuple):
    detail: Detail
    drawings: tuple[Drawing, ...]
    legend: str


def render(report: Report, options: Options) -> str:
    """The whole report as one file."""
    shown = view(report, options)
    style, script = _file("report.css"), _file("report.js")
    return _environment().get_template("report.html").render(
        shown=shown,
        stories=[_story(detail, shown) for detail in shown.details],
        told={str(detail.number) for detail in shown.details},
        outcomes=sorted(Counter(row.outcome for row in shown.rows).items()),
        title=f"SSH connections: {safe(', '.join(capture.path for capture in report.captures))}",
        policy=_policy(style, script),
        style=Markup(style),  # our own, and hashed
        script=Markup(script),
        version=VERSION,
    )  # fmt: skip


def _story(detail: Detail, shown: View) -> _Story:
    meaning = legend([step._replace(decisive=False) for step in detail.steps], UNICODE)
    return _Story(detail, draw(detail.steps, detail.ends, shown.clock.column), meaning)


def _environment() -> Environment:
    environment = Environment(loader=FunctionLoader(_file), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, keep_trailing_newline=True)  # fmt: skip
    environment.filters["safe_text"] = safe
    return environment


def _file(name: str) -> str:
    return resources.files("sshpcap.report").joinpath("templates", name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none';"
        " form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
