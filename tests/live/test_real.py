"""Real programs shake hands while a real transfer runs beside them; every handshake is told, with the right verdict."""

import dataclasses
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.golden import ROOT
from tests.lab import programs as run
from tests.lab.network import stop
from tests.lab.programs import missing
from tests.lab.scene import Program, Scene, scene

_REASON = missing()

pytestmark = [pytest.mark.lab, pytest.mark.skipif(_REASON is not None, reason=f"the lab cannot run here: {_REASON}")]

ROUNDS = 4
LINGER = 5.6


def test_every_handshake_beside_a_transfer_is_told(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="spl-") as directory, scene(tmp_path / "unused.pcap") as stage:
        Path(directory).chmod(0o777)
        log = Path(directory) / "events"
        argv = ["-m", "sshpcap", "live", "-i", "eth0", "--interval", "1", "--output", str(log)]
        live = stage.network.popen("client", [sys.executable, *argv], cwd=ROOT, stderr=subprocess.PIPE)
        try:
            assert live.stderr is not None
            assert b"listening" in live.stderr.readline()
            _shake_hands(stage)
            time.sleep(LINGER)
            live.send_signal(signal.SIGINT)
            assert live.wait(30) == 0
        finally:
            live.kill()
            live.wait()
            assert live.stderr is not None
            live.stderr.close()
        told = [json.loads(line) for line in log.read_text().splitlines()]
    last = [event["session"] for event in told if event["event"] == "session_closed"]
    state = [event["statistics"] for event in told if event["event"] == "statistics"][-1]
    assert state["drops"] == 0
    found = Counter((session["outcome"], session["verdict"]["cause"]) for session in last)
    assert found == {
        ("encrypted", None): 2 * ROUNDS + 1,
        ("failed", "no-common-kex-algorithm"): ROUNDS,
        ("failed", "host-key-not-accepted"): ROUNDS,
    }
    assert state["outcomes"] == {"encrypted": 2 * ROUNDS + 1, "failed": 2 * ROUNDS}
    bulk = max(session["tcp"]["server"]["bytes"] for session in last)
    assert bulk > 20 << 20, "the transfer did not run beside the handshakes"
    assert all(session["coverage"]["gaps"] == 0 for session in last)


def _shake_hands(stage: Scene) -> None:
    """Handshakes that succeed and fail, one after the other, while a transfer goes on."""
    transfer = run.ssh(stage)
    transfer = dataclasses.replace(transfer, argv=(*transfer.argv[:-1], "cat /dev/zero"))
    server = run.sshd(stage)
    with stage._serving(server), _running(stage, transfer):
        dbclient = run.dbclient(stage)
        for _ in range(ROUNDS):
            for client in (
                run.ssh(stage),
                dbclient,
                run.ssh(stage, "KexAlgorithms=diffie-hellman-group1-sha1"),
                run.ssh(stage, "StrictHostKeyChecking=yes", known="former_hosts"),
            ):
                stage._run(client)


@contextmanager
def _running(stage: Scene, program: Program) -> Iterator[None]:
    """A program that goes on until the end of the block; its output goes nowhere."""
    with (stage.home / "transfer.log").open("wb") as sink:
        surroundings = {**stage._surroundings(sink), "stdout": subprocess.DEVNULL}
        process = stage.network.popen("client", program.argv, **surroundings)
    try:
        time.sleep(1)
        assert process.poll() is None, "the transfer has not begun"
        yield
        assert process.poll() is None, "the transfer has ended early"
    finally:
        stop(process)
