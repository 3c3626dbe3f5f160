"""Loads what a live capture will need later, while our own files are sure to be readable."""

import importlib
from typing import Final

# What is loaded only when it is needed, here and in the libraries.
_LATER: Final = (
    "sshpcap.live.keeper",
    "sshpcap.live.metrics",
    "sshpcap.live.outputs",
    "sshpcap.live.screen",
    "sshpcap.net.decode",
    "sshpcap.report.terminal",
    "sshpcap.report.quality",
    "encodings.idna",
    "encodings.unicode_escape",
    "unicodedata",
    "zoneinfo",
)


def preload() -> None:
    """Load it, and draw something, because rich loads its tables when it draws."""
    for name in _LATER:
        importlib.import_module(name)
    from rich.console import Console
    from rich.table import Table

    console = Console(width=40, force_terminal=True)
    table = Table("–")
    table.add_row("→ 漢")
    with console.capture():
        console.print(table)
