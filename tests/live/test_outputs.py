"""Events, statistics for Prometheus, syslog: what comes out, and that nobody outside can hold it up."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sshpcap import limits
from sshpcap.capture import open_capture
from sshpcap.capture.merge import Captures
from sshpcap.live import events
from sshpcap.live.loop import History, Loop, Signals
from sshpcap.live.metrics import Endpoint
from sshpcap.live.outputs import Events, Several, Syslog
from sshpcap.live.statistics import Counts, Statistics, prometheus
from sshpcap.live.watch import Change, Watch
from sshpcap.model import Session
from tests.golden import ROOT
from tests.support.captures import SAMPLES


def changes(*names: str) -> list[Change]:
    found: list[Change] = []
    for name in names:
        watch = Watch((22,), keep_frames=True, tolerant=False)
        with open_capture(str(SAMPLES / name / "capture.pcap")) as source:
            for block in source.blocks():
                watch.feed(block)
        found += [*watch.tick(0), *watch.remaining()]
    return found


def state(*names: str) -> Statistics:
    counts = Counts()
    with Captures([str(SAMPLES / "ok-openssh" / "capture.pcap")]) as source:
        for change in changes(*names):
            counts.add(change.session)
        return counts.now(source, Watch((22,)))


def test_events_fit_their_schema(tmp_path: Path) -> None:
    path = tmp_path / "events"
    out = Events(str(path))
    for change in changes("ok-openssh", "no-common-kex-openssh", "port-closed"):
        out.change(change)
        out.change(change._replace(over=None))
    out.statistics(state("ok-openssh"))
    out.close()
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    validator = jsonschema.Draft202012Validator(events.json_schema())
    for line in lines:
        validator.validate(line)
        assert line["schema_version"] == 1
    assert [line["event"] for line in lines[-3:]] == ["session_closed", "session_updated", "statistics"]


def test_failures_alone(tmp_path: Path) -> None:
    path = tmp_path / "events"
    out = Events(str(path), failures=True)
    for change in changes("ok-openssh", "no-common-kex-openssh"):
        out.change(change)
    out.close()
    assert [json.loads(line)["session"]["outcome"] for line in path.read_bytes().splitlines()] == ["failed"]


def test_behind_a_torn_line_a_new_one_begins(tmp_path: Path) -> None:
    path = tmp_path / "events"
    whole = b'{"event":"statistics"}\n'
    for before, torn in ((whole + b'{"event":"sessi', True), (whole, False), (b"", False)):
        path.write_bytes(before)
        out = Events(str(path))
        out.statistics(state())
        out.close()
        lines = path.read_bytes().splitlines()
        assert path.read_bytes().startswith(before + b"\n" * torn)
        assert json.loads(lines[-1])["event"] == "statistics"
        assert len(lines) == before.count(b"\n") + torn + 1


def test_a_pipe_that_nobody_reads_is_not_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="nobody reads this pipe"):
        Events(str(pipe))
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    out = Events(str(pipe))
    out.statistics(state())
    assert json.loads(os.read(reader, 1 << 16))["event"] == "statistics"
    os.close(reader)
    out.reopen()
    assert "nobody reads this pipe" in capsys.readouterr().err
    out.close()


def test_a_file_that_cannot_be_opened_again_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    out = Events(str(tmp_path / "in" / "events"))
    (tmp_path / "in").rename(tmp_path / "away")
    out.reopen()
    out.statistics(state())
    out.close()
    assert (tmp_path / "away" / "events").read_bytes().count(b"\n") == 1
    assert "cannot be opened again" in capsys.readouterr().err


# --- Prometheus ------------------------------------------------------------------------------------------------------


def test_what_prometheus_reads() -> None:
    """Its own parser is the oracle."""
    parser = pytest.importorskip("prometheus_client.parser")
    text = prometheus(state("ok-openssh", "no-common-kex-openssh", "no-common-kex-paramiko"))
    samples = {}
    for family in parser.text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            samples[sample.name, tuple(sample.labels.values())] = sample.value
    assert samples["sshpcap_sessions_total", ("failed",)] == 2
    assert samples["sshpcap_sessions_total", ("encrypted",)] == 1
    assert samples["sshpcap_findings_total", ("no-common-kex-algorithm",)] == 2
    assert samples["sshpcap_servers_total", ("OpenSSH",)] == 3
    assert samples["sshpcap_drops_total", ()] == 0
    assert samples["sshpcap_memory_bytes", ()] > 1 << 20
    assert {name for name, _ in samples} >= {"sshpcap_connections", "sshpcap_held_bytes", "sshpcap_cpu_seconds_total"}


def test_a_peer_cannot_make_labels() -> None:
    """What does not name itself as a known program counts as "other"."""
    assert set(state("http-server").servers) == {"other"}


def get(port: int, path: str = "/metrics") -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_the_endpoint_answers_with_the_latest_state() -> None:
    endpoint = Endpoint("127.0.0.1", 0)
    try:
        assert get(endpoint.port) == (200, b"")
        endpoint.statistics(state("ok-openssh"))
        status, body = get(endpoint.port)
        assert (status, b'sshpcap_sessions_total{outcome="encrypted"} 1\n' in body) == (200, True)
        assert get(endpoint.port, "/../../etc/passwd")[0] == 404
    finally:
        endpoint.close()


def test_it_listens_on_loopback_alone() -> None:
    endpoint = Endpoint("127.0.0.1", 0)
    try:
        port = f"{endpoint.port:04X}"
        rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
        assert [row.split()[1] for row in rows if row.split()[1].endswith(f":{port}")][:1] == [f"0100007F:{port}"]
    finally:
        endpoint.close()


@pytest.mark.parametrize("octets", [b"", b"GET /metr", b"\x00" * 70_000, b"POST /metrics HTTP/1.1\r\n\r\n"])
def test_a_client_that_misbehaves_holds_nobody_up_for_long(octets: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    endpoint = Endpoint("127.0.0.1", 0)
    try:
        with socket.create_connection(("127.0.0.1", endpoint.port)) as bad:
            bad.sendall(octets)
            began = time.monotonic()
            assert get(endpoint.port)[0] == 200
            assert time.monotonic() - began < 5
    finally:
        endpoint.close()
    assert capfd.readouterr().err == ""


def drip(to: socket.socket, *, until: float) -> None:
    while time.monotonic() < until:
        to.sendall(b"x")
        time.sleep(0.2)


def test_a_client_that_sends_an_octet_now_and_then_is_cut_off() -> None:
    endpoint = Endpoint("127.0.0.1", 0)
    try:
        with socket.create_connection(("127.0.0.1", endpoint.port)) as slow:
            began = time.monotonic()
            with pytest.raises(OSError):
                drip(slow, until=began + 10)
            assert time.monotonic() - began < 6
    finally:
        endpoint.close()


# --- syslog ----------------------------------------------------------------------------------------------------------


def test_failed_connections_are_logged(tmp_path: Path) -> None:
    """In the form of RFC 3164, with the priority of a daemon's warning (3 * 8 + 4)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(tmp_path / "log"))
        out = Syslog(str(tmp_path / "log"))
        for change in changes("ok-openssh", "no-common-kex-openssh"):
            out.change(change)
        line = log.recv(65536).decode()
        log.setblocking(False)
        with pytest.raises(BlockingIOError):
            log.recv(1)
        out.close()
    assert line.startswith("<28>sshpcap[")
    assert "192.0.2.10:46972 > 203.0.113.7:22 failed at kexinit: no-common-kex-algorithm: Client and server" in line
    assert line.isprintable()


def test_a_login_that_failed_is_a_failure_too(tmp_path: Path) -> None:
    """What `sshpcap --failures` tells of the same frames."""
    path = tmp_path / "events"
    out = Events(str(path), failures=True)
    for change in changes("wrong-password", "ok-openssh"):
        out.change(change)
    out.close()
    (only,) = [json.loads(line)["session"] for line in path.read_bytes().splitlines()]
    assert (only["outcome"], only["verdict"]["cause"]) == ("encrypted", "authentication-failed")


def test_a_log_that_has_gone_costs_its_lines(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(tmp_path / "log"))
        out = Syslog(str(tmp_path / "log"))
    (tmp_path / "log").unlink()
    for change in changes("no-common-kex-openssh"):
        out.change(change)
    out.close()


# --- the report at the end -------------------------------------------------------------------------------------------


def test_the_history_keeps_failures_rather_than_successes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LIVE_REPORT_SESSIONS", 10)
    good, bad = (change.session for change in changes("ok-openssh", "no-common-kex-openssh"))
    history = History()
    for number in range(100):
        history.add(good)
        if number % 20 == 0:
            history.add(bad)
    kept = history.sessions()
    assert sum(session.outcome == "failed" for session in kept) == 5
    assert len(kept) <= 10
    assert len(kept) + history.left_out == 105


class Collected:
    """An output that only remembers."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.states: list[Statistics] = []

    def change(self, change: Change) -> None:
        self.sessions += [change.session] if change.over else []

    def statistics(self, state: Statistics) -> None:
        self.states.append(state)

    def reopen(self) -> None: ...

    def close(self) -> None: ...


def test_a_pipe_that_ends_is_told_to_its_end() -> None:
    collected: Any = Collected()
    watch = Watch((22,), tolerant=False)
    with Captures([str(SAMPLES / "no-common-kex-openssh" / "capture.pcap")]) as source:
        loop = Loop(source, watch, Several([collected]), interval=10, history=True)
        with Signals() as signals:
            loop.run(signals)
        report = loop.report()
    assert [session.verdict.cause for session in collected.sessions] == ["no-common-kex-algorithm"]
    assert report.sessions == tuple(collected.sessions)
    assert [one.frames for one in collected.states] == [0, 14], "it says that it listens"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="rights are Linux's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_read_that_it_listens_can_stop_it(number: signal.Signals) -> None:
    """A service manager that stops it at once gets exit code 0, not that of a broken start."""
    command = [sys.executable, "-m", "sshpcap", "live", "-"]
    for _ in range(3):
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
                              bufsize=0) as process:  # fmt: skip
            assert process.stdin
            assert process.stderr
            process.stdin.write((SAMPLES / "no-common-kex-openssh" / "capture.pcap").read_bytes())
            assert b"listening" in process.stderr.readline()
            process.send_signal(number)
            assert process.wait(30) == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="rights are Linux's")
def test_the_command_on_a_pipe(tmp_path: Path) -> None:
    """Whoever runs it, it ends with the pipe, and says what it ran as."""
    with (SAMPLES / "no-common-kex-openssh" / "capture.pcap").open("rb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "sshpcap", "live", "-"], stdin=pipe, capture_output=True, cwd=ROOT, timeout=60
        )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert told == ["statistics", "session_closed", "statistics"]
    assert b"sshpcap: listening on standard input for TCP port 22; runs as " in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["-", "-i", "lo"],
        ["-", "--metrics", "x"],
        ["-", "--interval", "0"],
        ["-", "--interval", "nan"],
        ["-", "--duration", "nan"],
        ["-", "--filter", "host 192.0.2.1"],
        ["-", "--promiscuous"],
        ["-", "--ring-mib", "8"],
        ["-", "--scapy"],
        ["-", "-o", ""],
        ["-i", "any", "-i", "no-such-one"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_asked_for(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sshpcap", "live", *words], stdin=subprocess.DEVNULL, capture_output=True, cwd=ROOT,
        timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)
