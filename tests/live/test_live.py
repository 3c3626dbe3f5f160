"""`sshpcap live` on a real interface, in namespaces of the test's own: needs root."""

import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import sshpcap
from sshpcap.analyzer import Analyzer
from sshpcap.capture import open_capture
from sshpcap.report.machine import to_json
from tests.golden import ROOT
from tests.lab.network import wait_until
from tests.live.veth import Veth, missing
from tests.support.blocks import rows_of
from tests.support.captures import SAMPLES, Recorded, pcap
from tests.support.frames import ethernet, ipv4, tcp

_REASON = missing()

pytestmark = [pytest.mark.lab, pytest.mark.skipif(_REASON is not None, reason=f"no namespaces here: {_REASON}")]

FAILS = SAMPLES / "no-common-kex-openssh" / "capture.pcap"
GOES_WELL = SAMPLES / "ok-openssh" / "capture.pcap"
# One of every outcome that a capture of a few frames can have.
EVERY = (
    *("no-common-kex-openssh", "ok-openssh", "max-startups", "http-server", "protocol-version-mismatch"),
    *(
        "accept-and-close",
        "port-closed",
        "icmp-rejected",
        "host-key-changed-openssh",
        "ok-dbclient",
        "http-client-to-sshd",
    ),
)
LINGER = 5.6
RATE = 2000
SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND


@pytest.fixture(scope="module")
def link() -> Iterator[Veth]:
    with Veth() as veth:
        yield veth


@pytest.fixture
def out() -> Iterator[Path]:
    """A directory where anybody may write, not below pytest's own, which nobody else may enter."""
    path = Path(tempfile.mkdtemp(prefix="spl-"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


def events(path: Path, kind: str = "session_closed") -> list[dict[str, Any]]:
    return [event for event in map(json.loads, path.read_text().splitlines()) if event["event"] == kind]


def statistics(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = events(path, "statistics")[-1]["statistics"]
    return found


def outline(session: Any) -> dict[str, Any]:
    """What a session says without its frame numbers and times, which are those of the replay."""
    shown: dict[str, Any] = json.loads(session) if isinstance(session, bytes) else session
    client, server, close = shown["client"], shown["server"], shown["close"]
    return {
        "ends": [client["address"], client["port"], server["address"], server["port"]],
        "stage": shown["stage"],
        "outcome": shown["outcome"],
        "cause": shown["verdict"]["cause"],
        "close": [close["how"], close["by"], close["stage"], close["confidence"]],
        "messages": [
            [m["sender"], m["name"], m["length"], m["complete"], m["acknowledged"]] for m in shown["messages"]
        ],
        "identifications": [party["identification"] and party["identification"]["text"] for party in (client, server)],
        "host_key": shown["host_key"] and shown["host_key"]["sha256"],
        "coverage": {**shown["coverage"], "duplicates": 0},
        "findings": [finding["id"] for finding in shown["findings"]],
    }


def of_file(path: Path) -> list[dict[str, Any]]:
    return [outline(to_json(session)) for session in sshpcap.analyze(path).sessions]


def of_the_same_frames(out: Path) -> list[dict[str, Any]]:
    """What the file path says of all of `EVERY`, one after another at the replay's rate, told as connections end."""
    frames = [octets for name in EVERY for octets in frames_of(SAMPLES / name / "capture.pcap")]
    spaced = [Recorded(octets, NOW + at * SECOND // RATE) for at, octets in enumerate(frames)]
    (out / "all.pcap").write_bytes(pcap(spaced))
    analyzer = Analyzer((22,))
    with open_capture(str(out / "all.pcap")) as source:
        for block in source.blocks():
            analyzer.feed(block)
        sessions = [*analyzer.take_ended(idle=True), *analyzer.finish().sessions]
    return sorted_by_ends(outline(to_json(session)) for session in sessions)


def replayed(link: Veth, out: Path, *options: str) -> list[dict[str, Any]]:
    """Send all of `EVERY`, and return the outlines of what is told of them."""
    log = out / "events"
    with log.open("wb") as sink, link.live("near", *options, stdout=sink) as live:
        for name in EVERY:
            link.send("far", SAMPLES / name / "capture.pcap", RATE)
        time.sleep(LINGER)
        live.send_signal(signal.SIGINT)
        assert live.wait(20) == 0
    return sorted_by_ends(outline(event["session"]) for event in events(log))


def sorted_by_ends(outlines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(outlines, key=lambda one: one["ends"])


@pytest.mark.parametrize("options", [(), ("-i", "lo"), ("--filter", "tcp or icmp")], ids=["ring", "two", "expression"])
def test_a_replay_is_told_as_the_file(link: Veth, out: Path, options: tuple[str, ...]) -> None:
    assert replayed(link, out, *options) == of_the_same_frames(out)


def test_scapys_socket_tells_the_same(link: Veth, out: Path) -> None:
    assert replayed(link, out, "--scapy") == of_the_same_frames(out)


def test_any_is_all_interfaces(link: Veth, out: Path) -> None:
    log = out / "events"
    words = ("-m", "sshpcap", "live", "-i", "any", "-p", "2222")
    with log.open("wb") as sink:
        process = link.python("near", *words, stdout=sink, stderr=subprocess.PIPE)
        assert process.stderr is not None
        assert b"listening on any" in process.stderr.readline()
        link.send("far", FAILS, 2000)
        link.run("near", sys.executable, "-c", _CALLS_IN_VAIN)
        time.sleep(LINGER)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        process.stderr.close()
    found = [outline(event["session"]) for event in events(log)]
    assert [(one["ends"][3], one["cause"]) for one in found] == [
        (22, "no-common-kex-algorithm"), (2222, "connection-refused"),
    ]  # fmt: skip
    assert found[0] == of_file(FAILS)[0]
    # Every frame of the loopback counts once, though it goes out and comes in.
    assert found[1]["coverage"]["duplicates"] == 0
    assert statistics(log)["frames"] == len(frames_of(FAILS)) + 2


_CALLS_IN_VAIN = """
import socket
try: socket.create_connection(("127.0.0.1", 2222), 5)
except ConnectionRefusedError: pass
"""


def frames_of(path: Path) -> list[bytes]:
    with open_capture(str(path)) as source:
        return [row.octets for block in source.blocks() for row in rows_of(block)]


_LOOKS = """
import sys
from sshpcap.capture.live_ring import LiveRing
names, expression, count = sys.argv[1].split(","), sys.argv[2] or None, int(sys.argv[3])
with LiveRing(names, ports=(22,), expression=expression) as ring:
    print("listening", flush=True)
    left = count
    for block in ring.blocks():
        for row in range(len(block.number)):
            columns = (block.number, block.link_type, block.interface, block.captured, block.original)
            print(*(int(column[row]) for column in columns), bytes(block.frame(row)).hex(), flush=True)
            left -= 1
        if left <= 0:
            break
    del block
"""


@pytest.mark.parametrize("name", ["eth0", "any"])
def test_frames_come_as_they_were_sent(link: Veth, out: Path, name: str) -> None:
    """With the VLAN tags that the kernel takes out of them, where the link layer is shown."""
    plain = ipv4(tcp(b"x" * 100))
    tags = ("", "8100 0007", "88a8 0009 8100 0007", "8100 e000")
    frames = [ethernet(plain, tags=tag) for tag in tags]
    (out / "some.pcap").write_bytes(pcap([Recorded(one, number) for number, one in enumerate(frames)]))
    watching = link.python("near", "-c", _LOOKS, name, "", str(len(frames)), stdout=subprocess.PIPE)
    assert watching.stdout is not None
    assert watching.stdout.readline() == b"listening\n"
    link.send("far", out / "some.pcap", 1000)
    rows = [line.split() for line in watching.communicate(timeout=20)[0].decode().splitlines()]
    assert [row[0] for row in rows] == ["1", "2", "3", "4"]
    assert all(row[3] == row[4] for row in rows)
    if name == "eth0":
        assert {row[1] for row in rows} == {"1"}
        assert [bytes.fromhex(row[5]) for row in rows] == frames
    else:
        assert {row[1] for row in rows} == {"276"}
        # The outermost tag is gone; the header tells of what is behind it.
        heads = [bytes.fromhex(row[5])[:20] for row in rows]
        assert [head[:2].hex() for head in heads] == ["0800", "0800", "8100", "0800"]
        assert {head[8:10].hex() for head in heads} == {"0001"}
        assert all(bytes.fromhex(row[5]).endswith(plain) for row in rows)


def test_an_expression_knows_of_tags(link: Veth, out: Path) -> None:
    frames = [ethernet(ipv4(tcp(bytes([at]))), tags=tag) for at, tag in enumerate(("", "8100 0007", "8100 0008"))]
    (out / "some.pcap").write_bytes(pcap([Recorded(one, number) for number, one in enumerate(frames)]))
    watching = link.python("near", "-c", _LOOKS, "eth0", "vlan 7 and tcp", "1", stdout=subprocess.PIPE)
    assert watching.stdout is not None
    watching.stdout.readline()
    link.send("far", out / "some.pcap", 1000)
    (row,) = watching.communicate(timeout=20)[0].decode().splitlines()
    assert bytes.fromhex(row.split()[5]) == frames[1]


def test_what_the_kernel_lost_is_told(link: Veth, out: Path) -> None:
    log = out / "events"
    flood = pcap([Recorded(ethernet(ipv4(tcp(bytes(1400), seq=at)), pad=False), at) for at in range(20_000)])
    (out / "flood.pcap").write_bytes(flood)
    with log.open("wb") as sink, link.live("near", "--ring-mib", "4", stdout=sink) as live:
        live.send_signal(signal.SIGSTOP)  # busy with something else
        link.send("far", out / "flood.pcap")
        live.send_signal(signal.SIGCONT)
        time.sleep(1)
        live.send_signal(signal.SIGINT)
        live.wait(20)
    state = statistics(log)
    assert state["drops"] > 10_000
    assert state["frames"] + state["drops"] == 20_000
    (only,) = events(log)
    assert only["session"]["coverage"]["midstream"]


def test_an_interface_that_goes_down_and_comes_back(link: Veth, out: Path) -> None:
    log = out / "events"
    with log.open("wb") as sink, link.live("near", stdout=sink) as live:
        link.run("near", "ip", "link", "set", "eth0", "down")
        time.sleep(1)
        link.run("near", "ip", "link", "set", "eth0", "up")
        time.sleep(0.5)
        link.send("far", FAILS, 2000)
        time.sleep(LINGER)
        assert live.poll() is None
    assert [event["session"]["outcome"] for event in events(log)] == ["failed"]


@pytest.fixture
def passing(link: Veth) -> Iterator[str]:
    """An interface that a test may delete."""
    link.run("near", "ip", "link", "add", "passing", "type", "veth", "peer", "name", "passed")
    for end in ("passing", "passed"):
        link.run("near", "ip", "link", "set", end, "up")
    yield "passing"
    if "passing" in link.run("near", "ip", "-o", "link"):
        link.run("near", "ip", "link", "delete", "passing")


def test_an_interface_that_is_gone_ends_it(link: Veth, out: Path, passing: str) -> None:
    """What was open is told, and the exit code says that it did not end by itself."""
    log, begun = out / "events", out / "begun.pcap"
    begun.write_bytes(pcap([Recorded(frame, at) for at, frame in enumerate(frames_of(FAILS)[:6])]))
    with log.open("wb") as sink, link.live("near", interface=passing, stdout=sink) as live:
        link.run("near", sys.executable, "-m", "tests.live.veth", passing, str(begun), "2000")
        time.sleep(1)
        link.run("near", "ip", "link", "delete", passing)
        assert live.wait(10) == 2
        assert live.stderr is not None
        assert b"passing: the interface is gone" in live.stderr.read()
    assert [(event["event"], event["reason"]) for event in events(log)][-1] == ("session_closed", "end")


def test_of_several_interfaces_one_that_is_gone_is_told(link: Veth, out: Path, passing: str) -> None:
    more = ("-i", passing, "--interval", "0.25")
    with (out / "events").open("wb") as sink, link.live("near", *more, stdout=sink) as live:
        link.run("near", "ip", "link", "delete", passing)
        time.sleep(3)
        assert live.poll() is None
        live.send_signal(signal.SIGINT)
        live.wait(10)
        assert live.stderr is not None
        assert b"the interface passing is gone" in live.stderr.read()


# --- rights ----------------------------------------------------------------------------------------------------------


def test_without_the_right_one_line_says_what_to_do(link: Veth) -> None:
    words = ("setpriv", "--bounding-set=-net_raw", sys.executable, "-m", "sshpcap")
    for more in ((), ("--scapy",), ("--filter", "tcp")):
        argv = link.argv("near", *words, "live", "-i", "eth0", *more)
        done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, timeout=60)
        assert done.returncode == 2, done
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert all(word in line for word in ("sudo", "setcap", "tcpdump", "sshpcap live -")), line


def test_the_process_can_do_nothing_any_more(link: Veth, out: Path) -> None:
    """Asked of the kernel, thread by thread, while metrics and recorder run."""
    options = ("--metrics", "127.0.0.1:0", "--write", str(out / "kept"))
    with link.live("near", *options, stdout=subprocess.DEVNULL) as live:
        pid = live.pid
        wait_until(lambda: len(os.listdir(f"/proc/{pid}/task")) > 1, "the thread of the metrics runs")
        for thread in os.listdir(f"/proc/{pid}/task"):
            lines = Path(f"/proc/{pid}/task/{thread}/status").read_text().splitlines()
            state = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
            assert state["Uid"].split() == ["65534"] * 4
            assert state["Gid"].split() == ["65534"] * 4
            assert state["Groups"].strip() == ""
            assert state["NoNewPrivs"] == "1"
            for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                assert int(state[name], 16) == 0, name


@pytest.mark.parametrize(
    "more", [(), ("--write", "kept", "--metrics", "127.0.0.1:0", "--syslog")], ids=["plain", "all"]
)
def test_nothing_is_loaded_once_the_rights_are_gone(link: Veth, out: Path, more: tuple[str, ...]) -> None:
    """Who runs it then may not read our own files: Python itself tells what it loads, and when."""
    if "--syslog" in more and not Path("/dev/log").exists():
        more = more[:-1]
    options = [str(out / word) if word == "kept" else word for word in more]
    words = ("-X", "importtime", "-m", "sshpcap", "live", "-i", "eth0", *options)
    said = out / "said"
    with said.open("wb") as errors:
        live = link.python("near", *words, stdout=subprocess.DEVNULL, stderr=errors)
    try:
        wait_until(lambda: b"listening on" in said.read_bytes(), "it listens", 30)
        for name in EVERY:
            link.send("far", SAMPLES / name / "capture.pcap", 2000)
        time.sleep(LINGER)
        live.send_signal(signal.SIGINT)
        assert live.wait(20) == 0
    finally:
        live.kill()
        live.wait()
    before, _, after = said.read_text().partition("sshpcap: listening on")
    assert "sshpcap.analyzer" in before
    assert [line for line in after.splitlines() if line.startswith("import time")] == []


_TRIES = """
import ctypes, os, socket, subprocess, sys
from sshpcap.live import privilege
print(privilege.drop("nobody"))
def fails(what, deed):
    try: deed()
    except (OSError, subprocess.CalledProcessError) as error: print("cannot", what)
    else: print("CAN", what)
def chroot_by_hand():
    if ctypes.CDLL(None, use_errno=True).chroot(b"/") != 0: raise OSError
fails("open a raw socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3))
fails("open an IP socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
fails("become root", lambda: os.setuid(0))
fails("become root as saved user", lambda: os.setresuid(0, 0, 0))
fails("change groups", lambda: os.setgroups([0]))
fails("read the shadow file", lambda: open("/etc/shadow").read())
fails("write the password file", lambda: open("/etc/passwd", "a"))
fails("change the root", chroot_by_hand)
fails("signal process 1", lambda: os.kill(1, 0))
fails("bind port 80", lambda: socket.socket().bind(("127.0.0.1", 80)))
shown = subprocess.run([sys.argv[1], "-u"], capture_output=True, text=True).stdout.strip()
print("a program that belongs to root and has the set-uid bit runs as", shown)
"""


def test_what_was_given_up_cannot_be_had_again(tmp_path: Path) -> None:
    setuid = Path("/tmp") / f"spl-id-{os.getpid()}"
    setuid.write_bytes(Path("/usr/bin/id").read_bytes())
    try:
        setuid.chmod(0o4755)
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "-c", _TRIES, str(setuid)], capture_output=True, text=True, cwd=ROOT, env=environment
        )
    finally:
        setuid.unlink()
    said = done.stdout.splitlines()
    assert said[0] == "nobody (uid 65534, gid 65534), without capabilities", done.stderr
    assert len(said) == 12, done.stderr
    assert all(line.startswith("cannot ") for line in said[1:11]), said
    assert said[11].endswith("runs as 65534")


def test_rights_of_a_service_manager_are_given_up_too() -> None:
    """CAP_NET_RAW as an ambient capability of an ordinary user: what a systemd unit gives."""
    words = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    caps = ("--inh-caps=+net_raw", "--ambient-caps=+net_raw", "--bounding-set=-all,+net_raw")
    code = _TRIES.replace('print(privilege.drop("nobody"))', _HAS_IT)
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [*words, *caps, sys.executable, "-c", code, "/usr/bin/id"], capture_output=True, text=True, cwd=ROOT,
        env=environment,
    )  # fmt: skip
    said = done.stdout.splitlines()
    assert said[0] == "had it", done.stderr
    assert "without capabilities" in said[1]
    assert said[2:4] == ["cannot open a raw socket", "cannot open an IP socket"]


_HAS_IT = """
socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3).close()
print("had it")
print(privilege.drop("nobody"))
"""


@pytest.mark.parametrize("user", ["root", "0", "no-such-user"])
def test_users_that_it_will_not_run_as(link: Veth, user: str) -> None:
    argv = link.argv("near", sys.executable, "-m", "sshpcap", "live", "-i", "eth0", "--user", user)
    done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)


# --- files -----------------------------------------------------------------------------------------------------------


def test_whatever_the_moment_of_a_kill_files_are_whole(link: Veth, out: Path) -> None:
    """Failing handshakes as fast as they come, and a kill in the middle, many times over."""
    kept, log = out / "kept", out / "events"
    kept.mkdir()
    kept.chmod(0o777)
    many = frames_of(FAILS) * 400
    for at in range(len(many)):
        # Another client port for each handshake.
        number, frame = at // (len(many) // 400), bytearray(many[at])
        client_at = 34 if frame[36:38] == b"\x00\x16" else 36
        struct.pack_into(">H", frame, client_at, 20_000 + number)
        many[at] = bytes(frame)
    (out / "many.pcap").write_bytes(pcap([Recorded(frame, at) for at, frame in enumerate(many)]))
    whole = 0
    for kills, moment in enumerate((0.0, 0.02, 0.05, 0.1, 0.2, 0.4), start=1):
        # With little room, connections are told as soon as they are closed.
        limits = ("--max-connections", "20", "--write-files", "150")
        with link.live("near", "--write", str(kept), "--output", str(log), *limits) as live:
            before = set(kept.iterdir())
            sending = link.python("far", "-m", "tests.live.veth", "eth0", str(out / "many.pcap"), "4000")
            wait_until(lambda known=before: set(kept.iterdir()) - known, "files are written", 30)  # type: ignore[misc]
            time.sleep(moment)
            live.kill()
            live.wait(5)
            sending.wait(30)
        for path in kept.glob("*.pcapng"):
            report = sshpcap.analyze(path)
            assert [session.verdict.cause for session in report.sessions] == ["no-common-kex-algorithm"], path
            assert report.captures[0].notices == ()
            whole += 1
        assert len(list(kept.glob("*.pcapng"))) <= 150
        assert len(list(kept.glob(".*"))) <= 1, "no more than the draft that was being written"
        # A kill may tear the line that was being written, and no other.
        torn = [line for line in log.read_bytes().split(b"\n") if line and not _is_event(line)]
        assert len(torn) <= kills, torn
    assert whole > 20
    with link.live("near", "--write", str(kept)):
        assert not list(kept.glob(".*"))


def _is_event(line: bytes) -> bool:
    try:
        return "event" in json.loads(line)
    except ValueError:
        return False


def test_the_output_is_opened_again_when_asked(link: Veth, out: Path) -> None:
    log = out / "events"
    with link.live("near", "--output", str(log), "--interval", "0.25") as live:
        wait_until(lambda: bool(log.stat().st_size), "there are statistics")
        log.rename(out / "events.1")
        live.send_signal(signal.SIGHUP)
        wait_until(log.exists, "the file is there again")
        wait_until(lambda: bool(log.stat().st_size), "there are statistics in it")
    for name in ("events", "events.1"):
        assert {json.loads(line)["event"] for line in (out / name).read_text().splitlines()} == {"statistics"}


def test_a_directory_or_file_that_is_not_for_that_user(link: Veth, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for option in (("--write", str(closed)), ("--output", str(closed / "events"))):
        argv = link.argv("near", sys.executable, "-m", "sshpcap", "live", "-i", "eth0", *option)
        done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, timeout=60)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done
        assert "permission denied" in done.stderr


def test_a_reader_that_has_seen_enough(link: Veth) -> None:
    argv = link.argv("near", "sh", "-c", f"{sys.executable} -m sshpcap live -i eth0 --interval 0.25 | head -n 2")
    done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert len(done.stdout.splitlines()) == 2
    assert "Traceback" not in done.stderr


# --- a terminal ------------------------------------------------------------------------------------------------------


def test_the_view_on_a_terminal_and_the_report_at_the_end(link: Veth) -> None:
    master, slave = pty.openpty()
    termios_size = struct.pack("HHHH", 40, 120, 0, 0)
    import fcntl
    import termios

    fcntl.ioctl(slave, termios.TIOCSWINSZ, termios_size)
    before = termios.tcgetattr(slave)
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS")}
    live = link.python(
        "near", "-m", "sshpcap", "live", "-i", "eth0", stdin=slave, stdout=slave, stderr=slave,
        env=environment | {"TERM": "xterm", "LANG": "C.UTF-8"},
    )  # fmt: skip
    shown = _until(master, b"no connection has ended yet")
    assert b"runs as nobody" in shown
    link.send("far", FAILS, 2000)
    link.send("far", GOES_WELL, 2000)
    shown = _until(master, b"1 failed, 1 encrypted")
    assert b"No common key exchange method" in shown
    os.write(master, b"f")
    assert b"failures only" in _until(master, b"f: all")
    live.send_signal(signal.SIGINT)
    shown = _until(master, b"Who closed it")
    assert live.wait(20) == 0
    assert b"Client and server share no key exchange method" in shown
    assert termios.tcgetattr(slave) == before
    os.close(slave)
    os.close(master)


def _until(terminal: int, wanted: bytes, seconds: float = 20.0) -> bytes:
    shown, deadline = b"", time.monotonic() + seconds
    while wanted not in shown:
        left = deadline - time.monotonic()
        if not select.select([terminal], [], [], max(0.0, left))[0]:
            raise TimeoutError(f"no {wanted!r} in {shown[-3000:]!r}")
        shown += os.read(terminal, 65536)
    return shown


def test_interfaces_are_listed(link: Veth) -> None:
    lines = link.run("near", sys.executable, "-m", "sshpcap", "interfaces").splitlines()
    assert [line.split() for line in lines] == [
        ["lo", "up", "Ethernet"], ["eth0", "up", "Ethernet"], ["any", "all", "of", "them"],
    ]  # fmt: skip
    done = subprocess.run(
        link.argv("near", sys.executable, "-m", "sshpcap", "live", "-i", "eth7"),
        capture_output=True, text=True, cwd=ROOT, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (2, "sshpcap: eth7: no such interface; there are lo, eth0\n")
