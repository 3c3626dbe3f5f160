"""The service and the rotation that we hand out: read by systemd and logrotate, and run as far as a test can."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.golden import ROOT
from tests.lab.network import wait_until
from tests.live.veth import Veth, missing

UNIT = ROOT / "contrib" / "sshpcap-live@.service"
ROTATION = ROOT / "contrib" / "sshpcap.logrotate"


@pytest.fixture
def place() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="spl-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def words_of_unit() -> list[str]:
    (line,) = [line for line in UNIT.read_text().splitlines() if line.startswith("ExecStart=")]
    return line.removeprefix("ExecStart=").split()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd")
def test_systemd_understands_the_unit(place: Path) -> None:
    """All of it: an unknown setting is a warning, and none is accepted."""
    unit = place / "sshpcap-live@eth0.service"
    unit.write_text(UNIT.read_text().replace("/usr/local/bin/sshpcap", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60)
    about_it = [line for line in done.stderr.splitlines() if "sshpcap" in line]
    assert about_it == []


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd")
def test_systemd_thinks_it_safe(place: Path) -> None:
    unit = place / "sshpcap-live@eth0.service"
    unit.write_text(UNIT.read_text())
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(unit)], capture_output=True, text=True, timeout=60
    )
    if "Overall exposure" not in done.stdout:
        pytest.skip("this systemd cannot judge a unit that is not loaded")
    (line,) = [line for line in done.stdout.splitlines() if "Overall exposure" in line]
    assert float(line.split(":")[1].split()[0]) < 3.0, done.stdout


@pytest.mark.lab
@pytest.mark.skipif(missing() is not None, reason=str(missing()))
@pytest.mark.skipif(not shutil.which("logrotate"), reason="no logrotate")
def test_the_command_of_the_unit_and_the_rotation_of_its_file(place: Path) -> None:
    """With the rights that the unit gives, and logrotate as it is run every day."""
    logs, state = place / "log", place / "lib"
    for path in (logs, state):
        path.mkdir()
        os.chown(path, 65534, 65534)
    words = [word.replace("%I", "eth0").replace("%i", "eth0") for word in words_of_unit()[1:]]
    words = [word.replace("/var/log/sshpcap", str(logs)).replace("/var/lib/sshpcap", str(state)) for word in words]
    rights = (
        *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"),
        *("--inh-caps=+net_raw", "--ambient-caps=+net_raw", "--bounding-set=-all,+net_raw"),
    )
    with Veth() as link:
        argv = link.argv("near", *rights, sys.executable, "-m", "sshpcap", *words, "--interval", "0.25")
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
        live = subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.PIPE, env=environment)
        assert live.stderr is not None
        said = live.stderr.readline().decode()
        try:
            assert "runs as nobody (uid 65534, gid 65534), without capabilities" in said
            log = logs / "eth0.ndjson"
            wait_until(lambda: log.exists() and log.stat().st_size > 0, "there are statistics")
            text = ROTATION.read_text().replace("/var/log/sshpcap", str(logs))
            text = text.replace(
                "systemctl kill --signal=HUP --kill-whom=main 'sshpcap-live@*.service'", f"kill -HUP {live.pid}"
            )
            (place / "rotation").write_text(text)
            (place / "rotation").chmod(0o644)
            rotate = ["logrotate", "--force", "--state", str(place / "state"), str(place / "rotation")]
            done = subprocess.run(rotate, capture_output=True, text=True, timeout=60)
            assert (done.returncode, done.stderr) == (0, "")
            wait_until(lambda: log.exists() and log.stat().st_size > 0, "the new file has statistics")
        finally:
            live.terminate()
            live.wait(20)
            live.stderr.close()
    for path in (log, logs / "eth0.ndjson.1"):
        assert {json.loads(line)["event"] for line in path.read_text().splitlines()} == {"statistics"}
    assert (state / "eth0").is_dir()
