"""Explains SSH connections in packet captures, without keys or passwords: `analyze(path)` → `Report`.

The README has an example, which a test runs. Names are loaded when they are asked for: the commands of `cli` need few
of them, and NumPy is to be loaded after the command line has set it up.
"""

from collections.abc import Iterable
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from sshpcap.version import VERSION

if TYPE_CHECKING:
    from sshpcap.analyzer import Analyzer
    from sshpcap.capture import CaptureError
    from sshpcap.model import Finding, Report, Session

__all__ = ["Analyzer", "CaptureError", "Finding", "Report", "Session", "__version__", "analyze"]


__version__ = VERSION

_SSH_PORT = 22
_HOMES = {
    "Analyzer": "sshpcap.analyzer",
    "CaptureError": "sshpcap.capture",
    "Finding": "sshpcap.model",
    "Report": "sshpcap.model",
    "Session": "sshpcap.model",
}


def __getattr__(name: str) -> Any:
    """Load a public name (PEP 562)."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def analyze(path: str | PathLike[str], *, ports: Iterable[int] = (_SSH_PORT,), jobs: int = 1) -> "Report":
    """Read a capture file ("-" for standard input) and explain every SSH connection in it.

    `ports` are the TCP ports on which every connection is reported, SSH or not; connections on other ports are
    reported when they begin with an identification string. `jobs` is the most processes that are used where there are
    many connections (on Linux, as long as this program has no other threads); the report is the same. Raises
    CaptureError when the file cannot be read at all.
    """
    from sshpcap.analyzer import Analyzer
    from sshpcap.capture import open_capture

    with open_capture(fspath(path)) as source:
        analyzer = Analyzer(ports, jobs=jobs)
        for block in source.blocks():
            analyzer.feed(block)
        return analyzer.finish((source.describe(),), release=True)
