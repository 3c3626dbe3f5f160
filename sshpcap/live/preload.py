"""Loads what a live capture will need later, while our own files are sure to be readable."""

import importlib
from typing import Final

# What is loaded only when it is needed, here and in the libraries: by everything, by the recorder, by the endpoint of
# counters, by the view.
_LATER: Final = (
    "sshpcap.live.outputs",
    "sshpcap.net.decode",
    "sshpcap.report.quality",
    "encodings.idna",
    "encodings.unicode_escape",
    "unicodedata",
)
_KEPT: Final = ("sshpcap.live.keeper", "zoneinfo")
_SERVED: Final = ("sshpcap.live.metrics",)
_DRAWN: Final = ("sshpcap.live.screen", "sshpcap.report.terminal")


def preload(*, kept: bool, served: bool, drawn: bool) -> None:
    """Load it, but nothing that will not be needed: most of the time of a start goes into loading."""
    for name in (*_LATER, *(_KEPT if kept else ()), *(_SERVED if served else ()), *(_DRAWN if drawn else ())):
        importlib.import_module(name)
    if drawn:
        _draw()


def _draw() -> None:
    """Draw something, because rich loads its tables when it draws."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=40, force_terminal=True)
    table = Table("–")
    table.add_row("→ 漢")
    with console.capture():
        console.print(table)
