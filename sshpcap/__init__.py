"""Explains SSH connections in packet captures, without keys or passwords: `analyze(path)` → `Report`.

The README has an example, which a test runs.
"""

from collections.abc import Iterable
from os import PathLike, fspath

from sshpcap.analyzer import SSH_PORT, Analyzer
from sshpcap.capture import CaptureError, open_capture
from sshpcap.model import Finding, Report, Session
from sshpcap.version import VERSION

__all__ = ["Analyzer", "CaptureError", "Finding", "Report", "Session", "__version__", "analyze"]


__version__ = VERSION


def analyze(path: str | PathLike[str], *, ports: Iterable[int] = (SSH_PORT,)) -> Report:
    """Read a capture file ("-" for standard input) and explain every SSH connection in it.

    `ports` are the TCP ports on which every connection is reported, SSH or not; connections on other ports are
    reported when they begin with an identification string. Raises CaptureError when the file cannot be read at all.
    """
    with open_capture(fspath(path)) as source:
        analyzer = Analyzer(ports)
        for block in source.blocks():
            analyzer.feed(block)
        return analyzer.finish((source.describe(),))
