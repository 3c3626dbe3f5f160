"""A pair of namespaces with a veth between them and nothing else on it; and a sender of recorded frames.

python -m tests.live.veth INTERFACE CAPTURE [RATE]     sends a capture's frames, RATE a second, or as fast as it can
"""

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sshpcap.capture import open_capture
from tests.golden import ROOT
from tests.support.blocks import rows_of

_numbers = itertools.count(1)
_FAST: Final = 1e9


def missing() -> str | None:
    """Why there can be no such network here, or None."""
    if not sys.platform.startswith("linux"):
        return "no Linux"
    return None if os.geteuid() == 0 else "not root"


class Veth:
    """Two namespaces, "near" and "far", with the ends of one link in them, both called eth0."""

    def __init__(self) -> None:
        self._prefix = f"spl-{os.getpid()}-{next(_numbers)}"

    def __enter__(self) -> "Veth":
        try:
            for side in ("near", "far"):
                _ip("netns", "add", self.name(side))
                # Nobody speaks on the link unasked.
                self.run(side, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
                self.run(side, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
                _ip("-n", self.name(side), "link", "set", "lo", "up")
            ends = ("eth0", "netns", self.name("near"), "type", "veth", "peer", "name", "eth0", "netns")
            _ip("link", "add", *ends, self.name("far"))
            for side, last in (("near", 1), ("far", 2)):
                _ip("-n", self.name(side), "address", "add", f"192.0.2.{last}/24", "dev", "eth0")
                _ip("-n", self.name(side), "link", "set", "eth0", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for side in ("near", "far"):
            listed = subprocess.run(["ip", "netns", "pids", self.name(side)], capture_output=True, text=True)
            for pid in listed.stdout.split():
                os.kill(int(pid), signal.SIGKILL)
            subprocess.run(["ip", "netns", "delete", self.name(side)], capture_output=True)

    def name(self, side: str) -> str:
        return f"{self._prefix}-{side}"

    def argv(self, side: str, *words: str) -> list[str]:
        return ["ip", "netns", "exec", self.name(side), *words]

    def run(self, side: str, *words: str) -> str:
        """Run a command in a namespace to its end; it must succeed."""
        done = subprocess.run(self.argv(side, *words), capture_output=True, text=True, timeout=60, cwd=ROOT)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def python(self, side: str, *words: str, **options: Any) -> "subprocess.Popen[bytes]":
        """Start Python in a namespace; the process is that Python."""
        return subprocess.Popen(self.argv(side, sys.executable, *words), cwd=ROOT, **options)

    def send(self, side: str, capture: Path, rate: float = _FAST) -> None:
        """Send the frames of a capture out of the link's end."""
        self.run(side, sys.executable, "-m", "tests.live.veth", "eth0", str(capture), str(rate))

    @contextmanager
    def live(
        self, side: str, *options: str, interface: str = "eth0", **surroundings: Any
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """`sshpcap live` on the link's end, listening; it is stopped at the end if it still runs."""
        words = ("-m", "sshpcap", "live", "-i", interface, *options)
        process = self.python(side, *words, stderr=subprocess.PIPE, **surroundings)
        try:
            assert process.stderr is not None
            said = process.stderr.readline().decode()
            assert "listening on" in said, said + process.stderr.read().decode()
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
            if process.stderr is not None:
                process.stderr.close()


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=20)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")


def send(interface: str, frames: Sequence[bytes], rate: float = _FAST) -> None:
    """Send frames as they are."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((interface, 0))
        begun = time.monotonic()
        for sent, frame in enumerate(frames):
            ahead = sent / rate - (time.monotonic() - begun)
            if ahead > 0.002:
                time.sleep(ahead)
            out.send(frame)


def main() -> None:
    """Send a capture."""
    interface, path, *rate = sys.argv[1:]
    with open_capture(path) as source:
        frames = [row.octets for block in source.blocks() for row in rows_of(block)]
    send(interface, frames, float(rate[0]) if rate else _FAST)


if __name__ == "__main__":
    main()
