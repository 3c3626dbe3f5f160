"""The unit of contrib/ under a systemd that runs it: its rights, its files, reload, restart and stop."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.golden import ROOT
from tests.lab.network import wait_until
from tests.live.veth import missing

UNIT = "sshpcap-live@lo"
_HERE = Path(__file__).parent
_GROUPS = next((path for path in map(Path, ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"))
                if (path / "cgroup.procs").exists()), None)  # fmt: skip
_SAME = "import sys; sys.exit(sys.version_info[:2] != ({}, {}))".format(*sys.version_info[:2])


def _hindrance() -> str | None:
    if missing():
        return missing()
    programs = ("unshare", "nsenter", "chroot", "ip", "systemctl")
    if not all(map(shutil.which, programs)) or not Path("/lib/systemd/systemd").exists():
        return "no systemd"
    if _GROUPS is None:
        return "no cgroup2"
    if not Path("/usr/bin/python3").exists() or subprocess.run(["/usr/bin/python3", "-c", _SAME]).returncode:
        return "the system's Python is another one"
    return None


_REASON = _hindrance()
pytestmark = [pytest.mark.lab, pytest.mark.skipif(_REASON is not None, reason=f"no systemd can be run: {_REASON}")]


class Booted:
    """A systemd in namespaces of its own."""

    def __init__(self, pid: int) -> None:
        self._enter = ("nsenter", "-t", str(pid), "-m", "-p", "-n", "-u", "-i", "-C", "-r", "-w")

    def run(self, *words: str) -> str:
        done = subprocess.run([*self._enter, *words], capture_output=True, text=True, timeout=60)
        return done.stdout.strip()

    def shows(self, name: str) -> str:
        return self.run("systemctl", "show", "--property", name, "--value", UNIT)

    def has_begun(self, times: int) -> bool:
        said = self.run("journalctl", "--unit", UNIT, "--output", "cat", "--no-pager")
        return said.count("sshpcap: listening on lo") == times

    def is_refused(self) -> None:
        """Somebody asks port 22, where nobody listens."""
        self.run("/usr/bin/python3", "-c", "import socket; socket.socket().connect_ex(('127.0.0.1', 22))")
        wait_until(lambda: self.events("session_closed") != [], "it is told", 30)

    def events(self, kind: str, name: str = "lo.ndjson") -> list[object]:
        lines = self.run("cat", f"/var/log/sshpcap/{name}").splitlines()
        return [event for event in map(json.loads, lines) if event["event"] == kind]


@pytest.fixture
def booted() -> Iterator[Booted]:
    assert _GROUPS is not None
    directory, group = tempfile.mkdtemp(prefix="spl-"), _GROUPS / f"spl-{os.getpid()}"
    group.mkdir()
    inner = ("unshare", "--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc", "--net", "--cgroup",
             "--propagation", "private", "--mount-proc")  # fmt: skip
    boot = ("sh", str(_HERE / "booted.sh"), directory, str(ROOT), sysconfig.get_path("purelib"))
    join = f'echo $$ > "{group}/cgroup.procs"; exec "$@"'
    log = Path(directory).with_suffix(".log")
    with log.open("wb") as sink:
        outer = subprocess.Popen(["sh", "-c", join, "sh", *inner, *boot], stdout=sink, stderr=sink)
    try:
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
        wait_until(lambda: outer.poll() is not None or children.read_text() != "", "it begins")
        time.sleep(1)
        if outer.poll() is not None:
            pytest.skip(f"systemd cannot be booted here: {log.read_text(errors='replace')[-300:]}")
        yield Booted(int(children.read_text().split()[0]))
    finally:
        outer.kill()  # and with it, its child and all of that namespace
        outer.wait(20)
        log.unlink()
        for _ in range(50):
            for path in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
                _remove(path)
            if _remove(group):
                break
            time.sleep(0.1)
        os.rmdir(directory)


def _remove(path: Path) -> bool:
    try:
        path.rmdir()
    except OSError:
        return False
    return True


def test_the_unit_runs(booted: Booted) -> None:
    wait_until(lambda: booted.has_begun(1), "the service runs", 30)
    status = booted.run("cat", f"/proc/{booted.shows('MainPID')}/status")
    state = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert set(state["Uid"].split()) == {state["Uid"].split()[0]} != {"0"}
    assert all(int(state[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"))
    assert (state["NoNewPrivs"], state["Seccomp"]) == ("1", "2")

    booted.is_refused()
    assert len(booted.events("session_closed")) == 1
    assert booted.run("ls", "/var/lib/sshpcap/lo/").endswith("-1-connection-refused.pcapng")

    booted.run("mv", "/var/log/sshpcap/lo.ndjson", "/var/log/sshpcap/lo.ndjson.1")
    booted.run("systemctl", "reload", UNIT)
    booted.is_refused()
    assert len(booted.events("session_closed")) == len(booted.events("session_closed", "lo.ndjson.1")) == 1

    before = booted.shows("MainPID")
    booted.run("kill", "-KILL", before)
    wait_until(lambda: booted.has_begun(2), "it runs again", 30)
    assert booted.shows("MainPID") not in (before, "0")
    booted.run("systemctl", "stop", UNIT)
    assert (booted.shows("Result"), booted.shows("ExecMainStatus")) == ("success", "0")
