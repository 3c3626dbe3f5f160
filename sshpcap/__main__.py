"""The program: `sshpcap`, and python -m sshpcap."""

import gc
import os
import signal
import sys
from contextlib import suppress

# The garbage collector only looks for cycles, of which there are next to none, among the many objects of a report:
# seldom is enough. NumPy's linear algebra, which nothing here uses, starts a thread for every processor otherwise.
gc.set_threshold(200_000, 20, 100)
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Whoever interrupts it while it is still loading wants no traceback.
_INTERRUPTED = signal.getsignal(signal.SIGINT)
if _INTERRUPTED is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from sshpcap.cli import main  # noqa: E402


def run() -> None:
    """Run the command line, and end without taking every object apart: the system takes the memory back at once."""
    code: str | int | None = None
    try:
        if _INTERRUPTED is signal.default_int_handler:
            signal.signal(signal.SIGINT, _INTERRUPTED)
        main()
    except SystemExit as stop:
        code = stop.code
    except KeyboardInterrupt:
        code = 130
    if isinstance(code, str):
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed, full, or nobody reads it
            stream.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    run()
