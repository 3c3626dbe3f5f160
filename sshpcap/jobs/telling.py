"""Connections that are told by several processes: who tells which, and how sessions come back in their order.

Everything is recorded before anything is told, so a fork gives each process all recordings without a copy. Each child
tells a run of connections; this process tells the first run itself and takes the others in behind it, in the order of
the connections. What one connection tells of the next is settled here alone (`Teller.settle`), so a child may know too
little: then its session is judged or told again. Of a child that dies, and wherever processes cannot be forked, the
connections are told here. Must not know: what a session says.
"""

import gc
import os
import pickle
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, NoReturn

from sshpcap import limits
from sshpcap.connection import Connection
from sshpcap.model import Session
from sshpcap.teller import Teller, Told

_TOGETHER: Final = 64
"""Connections that come back at a time: what their sessions share (names, proposals) is sent once."""
_LENGTH_BYTES: Final = 8


def tell(teller: Teller, connections: list[Connection], observed_until: int, jobs: int) -> Iterator[Session | None]:
    """What `teller` says of each connection, by their number; they stand in reverse, and go as they are told.

    `jobs` is the most processes, this one among them; the sessions are the same for any number.
    """
    shares = _shares(connections, _useful(len(connections), jobs))
    children: list[_Child] = []
    try:
        behind = shares[0]
        for share in shares[1:]:
            places = range(len(connections) - 1 - behind, len(connections) - 1 - behind - share, -1)
            behind += share
            children.append(_Child())  # before it begins: an interruption in between would leave it alone
            children[-1].begin(teller, [connections[place] for place in places], observed_until)
        for _ in range(shares[0]):
            yield teller.tell(connections.pop(), observed_until)
        for child, share in zip(children, shares[1:], strict=True):
            left = share
            for told in child.told():
                for one in told[:left]:
                    connection = connections.pop()
                    left -= 1
                    yield teller.settle(connection, one, observed_until)
            child.end()
            for _ in range(left):
                yield teller.tell(connections.pop(), observed_until)
    finally:
        for child in children:
            child.end()


def _useful(count: int, jobs: int) -> int:
    """Processes that are worth it for so many connections, where any can be forked.

    Elsewhere than on Linux a fork without exec is not safe (frameworks of macOS), and beside other threads of this
    program, which may hold locks, it never is.
    """
    if jobs < 2 or not sys.platform.startswith("linux") or threading.active_count() > 1:
        return 1
    return max(1, min(jobs, limits.MAX_JOBS, count // limits.TOLD_BY_A_JOB))


def _shares(connections: list[Connection], parts: int) -> list[int]:
    """How many connections each part has: runs of about the same work, which goes by the segments recorded."""
    work = [_EACH + len(connection.recorder.events) for connection in reversed(connections)]
    shares, done, whole = [0], 0, sum(work)
    for one in work:
        if done * parts >= whole * len(shares) and len(shares) < parts:
            shares.append(0)
        shares[-1] += 1
        done += one
    return shares


_EACH: Final = 16
"""What a connection takes whatever it has, in segments, about."""


class _Child:
    """A process that tells some connections.

    Its sessions are in memory that both have, with the lengths of the pieces in a pipe: so it never waits for this
    process, and its end is the end of the pipe.
    """

    def __init__(self) -> None:
        self._process = self._memory = self._lengths = -1

    def begin(self, teller: Teller, connections: list[Connection], observed_until: int) -> None:
        """Begin to tell them. Where the system has no process to give, nothing is told."""
        try:
            self._memory = os.memfd_create("sshpcap", os.MFD_CLOEXEC)
            self._lengths, lengths = os.pipe()
        except OSError:
            self.end()
            return
        # No handler of this process may run in the child, which would go on here and do this process's work.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            with warnings.catch_warnings():
                # Python warns of threads of others (NumPy's linear algebra has some); those are made for forks.
                warnings.simplefilter("ignore", DeprecationWarning)
                self._process = os.fork()
            if not self._process:
                _work(teller, connections, observed_until, self._memory, lengths, mask)
        except OSError:
            self.end()
        finally:
            os.close(lengths)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def told(self) -> Iterator[list[Told]]:
        """What it says of its connections, piece by piece; ends early if it does."""
        at = 0
        while self._lengths >= 0 and len(octets := os.read(self._lengths, _LENGTH_BYTES)) == _LENGTH_BYTES:
            length = int.from_bytes(octets)
            told: list[Told] = pickle.loads(os.pread(self._memory, length, at))
            at += length
            yield told

    def end(self) -> None:
        """End it, whether it is ready or not, and leave nothing of it behind."""
        # Where SIGCHLD is ignored, nothing is left of it when it has ended, at any moment.
        with suppress(ChildProcessError, ProcessLookupError):
            if self._process > 0 and not os.waitpid(self._process, os.WNOHANG)[0]:
                os.kill(self._process, signal.SIGKILL)
                os.waitpid(self._process, 0)
        for descriptor in (self._memory, self._lengths):
            if descriptor >= 0:
                os.close(descriptor)
        self._process = self._memory = self._lengths = -1


def _work(
    teller: Teller, connections: list[Connection], until: int, memory: int, lengths: int, mask: set[Any]
) -> NoReturn:
    """The life of a child. Whatever happens in it, it ends here, without what Python does at its end: buffers that are
    not written yet are its parent's."""
    try:
        for number in signal.valid_signals():
            if callable(signal.getsignal(number)):
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        gc.freeze()  # looking for cycles would copy what is only read
        connections.reverse()
        at = 0
        while connections:
            some = [connections.pop() for _ in range(min(_TOGETHER, len(connections)))]
            octets = pickle.dumps([teller.tell_elsewhere(one, until) for one in some], pickle.HIGHEST_PROTOCOL)
            done = 0
            while done < len(octets):
                done += os.pwrite(memory, memoryview(octets)[done:], at + done)
            at += len(octets)
            os.write(lengths, len(octets).to_bytes(_LENGTH_BYTES))
    finally:
        os._exit(0)
