"""The command line: bad input in one clear line, exit codes, options, and text of peers that must not act anywhere."""

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sshpcap.cli import common
from tests.golden import ROOT, run
from tests.support.captures import Recorded, pcap
from tests.support.sessions import closed, greeted, proposed, write_pcap
from tests.support.sshbytes import disconnect, identification, packet
from tests.support.wireflow import Flow

SAMPLE = ROOT / "samples" / "no-common-kex-openssh" / "capture.pcap"
FINE = ROOT / "samples" / "ok-openssh" / "capture.pcap"


def _one_line(arguments: list[str]) -> str:
    printed, code = run(arguments)
    assert code == 2
    assert printed.startswith("sshpcap: ")
    assert printed.count("\n") == 1
    return printed


@pytest.mark.parametrize(
    ("name", "octets", "says"),
    [
        ("empty.pcap", b"", "the file is empty"),
        ("notes.txt", b"these are my notes\n", "a text file"),
        ("photo.jpg", bytes.fromhex("ffd8ffe000104a464946"), "a JPEG image"),
        ("short.pcap", bytes.fromhex("d4c3b2a1020004"), "header is cut off"),
        ("short.pcapng", bytes.fromhex("0a0d0d0a1c000000"), "header is cut off"),
        ("bad.pcapng", bytes.fromhex("0a0d0d0a1c0000000000000000000000000000000000000000000000"), "byte-order magic"),
        ("odd.bin", bytes.fromhex("0011223344"), "00 11 22 33 44"),
        ("empty.gz", gzip.compress(b"", mtime=0), "the gzip data holds nothing"),
    ],
)
def test_unreadable_input_is_one_clear_line(tmp_path: Path, name: str, octets: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(octets)
    line = _one_line([str(path)])
    assert says in line
    assert name in line


def test_no_such_file_and_directory(tmp_path: Path) -> None:
    assert "no such file" in _one_line([str(tmp_path / "nothing.pcap")])
    assert "a directory without a capture in it" in _one_line([str(tmp_path)])


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "secret.pcap"
    path.write_bytes(b"")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("root may read everything")
    assert "permission denied" in _one_line([str(path)])


def test_a_capture_without_ssh_says_what_is_in_it(tmp_path: Path) -> None:
    flow = Flow(ports=(40000, 80))
    flow.opens()
    flow.client.sends(b"GET / HTTP/1.1\r\n\r\n")
    printed, code = run([str(write_pcap(tmp_path / "web.pcap", flow))])
    assert code == 0
    assert "No SSH" in printed
    words = " ".join(printed.split())
    assert "It holds 4 TCP segments" in words
    assert "1 connection that is not SSH, to port 80" in words


def test_an_unknown_link_type_is_told(tmp_path: Path) -> None:
    path = tmp_path / "usb.pcap"
    path.write_bytes(pcap([Recorded(bytes(64))] * 3, link_type=220))
    printed, code = run([str(path)])
    assert code == 0
    assert "link type 220" in printed
    assert "3 frames that cannot be read" in " ".join(printed.split())


def test_bad_usage() -> None:
    assert "no such option" in _one_line(["--nonsense", str(SAMPLE)]).lower()
    assert "there is no connection 7" in _one_line(["--connection", "7", str(SAMPLE)])
    assert "not an IP address" in _one_line(["--host", "example.org", str(SAMPLE)])
    assert "is neither a finding" in _one_line(["explain", "nonsense"])


def test_help_and_version() -> None:
    printed, code = run(["--help"])
    assert code == 0
    assert "analyze" in printed
    assert run(["--version"])[0].startswith("sshpcap, version ")
    assert run([])[1] == 0


def test_a_device_or_a_link_as_output_stays_what_it_is(tmp_path: Path) -> None:
    pipe, target, link = tmp_path / "pipe", tmp_path / "target", tmp_path / "link"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert run(["-o", str(pipe), str(FINE)])[1] == 0
    assert pipe.is_fifo()
    assert b"ok-openssh" in os.read(reader, 1 << 20)
    os.close(reader)
    target.write_text("before")
    link.symlink_to(target)
    assert run(["-o", str(link), str(FINE)])[1] == 0
    assert link.is_symlink()
    assert "ok-openssh" in target.read_text()
    assert run(["-o", os.devnull, str(FINE)])[1] == 0
    assert not Path(os.devnull).is_file()


def test_of_many_captures_the_first_are_named(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number:02}.pcap").write_bytes(SAMPLE.read_bytes())
    printed = run([str(tmp_path)])[0]
    assert "09.pcap: pcap" in printed
    assert "10.pcap: pcap" not in printed
    assert "and 2 more captures" in printed


def test_fail_on() -> None:
    assert run(["--fail-on", "error", str(SAMPLE)])[1] == common.EXIT_FINDING
    assert run(["--fail-on", "info", str(FINE)])[1] == 0


def test_what_a_shell_may_have_done() -> None:
    closed = subprocess.run(f"{sys.executable} -m sshpcap {SAMPLE} >&-", shell=True, capture_output=True, cwd=ROOT)
    assert (closed.returncode, closed.stderr.count(b"\n")) == (2, 1)
    odd = {**os.environ, "COLUMNS": "²", "LINES": "³"}
    assert subprocess.run([sys.executable, "-m", "sshpcap", str(SAMPLE)], capture_output=True, env=odd, cwd=ROOT
                          ).returncode == 0  # fmt: skip


def test_several_captures_say_how_frames_are_numbered(tmp_path: Path) -> None:
    assert "numbered through all of them" in run([str(SAMPLE), str(FINE)])[0]
    assert "numbered through all of them" not in run([str(SAMPLE)])[0]
    assert run(["slice", "-o", str(tmp_path / "out"), str(SAMPLE), str(FINE)])[1] == 0
    assert b"of several captures" in (tmp_path / "out").read_bytes()


@pytest.mark.parametrize("arguments", [["-f", "ndjson"], ["compat"], ["slice", "-o", "OUT"]], ids=lambda one: one[0])
def test_a_cut_off_file_is_told_where_the_output_has_no_place_for_it(arguments: list[str], tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(SAMPLE.read_bytes()[:-7])
    words = [str(tmp_path / "out") if word == "OUT" else word for word in arguments]
    done = subprocess.run([sys.executable, "-m", "sshpcap", *words, str(cut)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0
    assert "the file ends in the middle of record" in done.stderr
    fine = [sys.executable, "-m", "sshpcap", *words, str(SAMPLE)]
    whole = subprocess.run(fine, capture_output=True, text=True, cwd=ROOT)
    assert "in the middle" not in whole.stderr


def test_fail_on_counts_what_is_told() -> None:
    assert run(["--fail-on", "error", "--host", "198.51.100.1", str(SAMPLE)])[1] == 0
    assert run(["--fail-on", "error", "--connection", "1", str(SAMPLE)])[1] == common.EXIT_FINDING


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp437", "utf-8"])
def test_every_command_can_write_where_not_all_can_be_shown(encoding: str) -> None:
    surroundings = {**os.environ, "PYTHONIOENCODING": encoding}
    for arguments in (["explain", "no-common-kex-algorithm"], ["explain"], [str(SAMPLE)], ["info", str(SAMPLE)],
                      ["compat", str(SAMPLE)], ["--help"], ["-f", "json", str(SAMPLE)]):  # fmt: skip
        done = subprocess.run([sys.executable, "-m", "sshpcap", *arguments], capture_output=True, env=surroundings,
                              cwd=ROOT)  # fmt: skip
        assert (done.returncode, done.stderr) == (0, b""), arguments


def test_a_file_that_is_none_of_known_hosts_is_refused(tmp_path: Path) -> None:
    key = "203.0.113.7 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    known = tmp_path / "known"
    for octets, code in (
        (SAMPLE.read_bytes(), 2),
        (b"root:x:0:0:root:/root:/bin/bash\n", 2),
        (b"", 0),
        (b"# nobody yet\n\n", 0),
        (b"\xef\xbb\xbf" + key.encode() + b"\n", 0),
    ):
        known.write_bytes(octets)
        printed, found = run(["--known-hosts", str(known), str(FINE)])
        assert found == code, octets[:20]
        assert ("known host keys" in printed) == (code == 2)
    report = json.loads(run(["-f", "json", "--known-hosts", str(known), str(FINE)])[0])
    assert report["sessions"][0]["verdict"]["cause"] == "host-key-changed"


def test_failures_leaves_out_what_went_well() -> None:
    printed, code = run(["--failures", str(FINE)])
    assert code == 0
    assert "No connection fits the options; the capture has 1." in printed


def test_host_and_connection_choose() -> None:
    two = ROOT / "samples" / "max-startups" / "capture.pcap"
    printed, _ = run(["--format", "ndjson", "--connection", "2", str(two)])
    (line,) = printed.splitlines()
    assert json.loads(line)["index"] == 2
    assert run(["--format", "ndjson", "--host", "198.51.100.1", str(two)])[0] == ""
    assert len(run(["--format", "ndjson", "--host", "203.0.113.7", str(two)])[0].splitlines()) == 2


def test_other_ports(tmp_path: Path) -> None:
    spoken = write_pcap(tmp_path / "a.pcap", closed(greeted(Flow(ports=(40000, 2222)))))
    assert len(run(["-f", "ndjson", str(spoken)])[0].splitlines()) == 1
    silent = Flow(ports=(40000, 2222))
    silent.opens()
    silent.server.fin()
    path = write_pcap(tmp_path / "b.pcap", silent)
    assert run(["-f", "ndjson", str(path)])[0] == ""
    assert len(run(["-f", "ndjson", "--port", "2222", str(path)])[0].splitlines()) == 1


def test_output_file_is_whole_or_absent(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    assert run(["-f", "json", "-o", str(out), str(SAMPLE)])[1] == 0
    assert json.loads(out.read_text())["schema_version"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
    assert run(["-o", str(tmp_path / "no" / "where"), str(SAMPLE)])[1] == 2
    assert run(["-o", str(out), str(tmp_path / "nothing")])[1] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_what_is_read_is_never_written_over(tmp_path: Path) -> None:
    octets = SAMPLE.read_bytes()
    capture, link, hard = tmp_path / "a.pcap", tmp_path / "link", tmp_path / "hard"
    capture.write_bytes(octets)
    link.symlink_to(capture)
    hard.hardlink_to(capture)
    known = tmp_path / "known_hosts"
    known.write_text("# none\n")
    key = tmp_path / "key"
    key.write_text("00" * 32)
    where = str(capture)
    for arguments, kept in (
        (["slice", "-o", where, where], where),
        (["slice", "-o", str(link), where], str(link)),
        (["slice", "-o", where, str(link)], where),
        (["slice", "-o", str(hard), where], str(hard)),
        (["slice", "-o", where, str(tmp_path)], where),
        (["slice", "-o", where, f"{tmp_path}/./a.pcap"], where),
        (["slice", "--anonymize", "--key-file", str(key), "-o", str(key), where], str(key)),
        (["-o", where, where], where),
        (["-f", "json", "-o", where, str(FINE), where], where),
        (["info", "-o", where, where], where),
        (["compat", "-o", where, where], where),
        (["-o", str(known), "--known-hosts", str(known), where], str(known)),
    ):
        done = subprocess.run([sys.executable, "-m", "sshpcap", *arguments], capture_output=True, text=True, cwd=ROOT)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert f"{kept} is read here and would be written over" in done.stderr, arguments
        assert capture.read_bytes() == octets
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pcap", "hard", "key", "known_hosts", "link"]
    with capture.open("rb") as opened:
        arguments = [sys.executable, "-m", "sshpcap", "-o", where, "-"]
        assert subprocess.run(arguments, stdin=opened, capture_output=True, cwd=ROOT).returncode == 2
    assert capture.read_bytes() == octets


def test_a_draft_takes_no_other_files_place(tmp_path: Path) -> None:
    (tmp_path / "report.txt.part").write_text("mine\n")
    assert run(["-o", str(tmp_path / "report.txt"), str(SAMPLE)])[1] == 0
    assert (tmp_path / "report.txt.part").read_text() == "mine\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.txt", "report.txt.part"]


def test_several_captures_and_directories_are_one(tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    folder.mkdir()
    for name in ("ok-openssh", "no-common-kex-openssh"):
        (folder / f"{name}.pcap").write_bytes((ROOT / "samples" / name / "capture.pcap").read_bytes())
    (folder / "notes.txt").write_text("not a capture\n")
    printed, code = run(["--format", "json", str(folder)])
    assert code == 0
    report = json.loads(printed)
    assert len(report["captures"]) == 2
    assert [session["outcome"] for session in report["sessions"]] == ["encrypted", "failed"]
    assert [notice["code"] for notice in report["notices"]] == ["not-a-capture"]
    both = run(["--format", "json", *(str(path) for path in sorted(folder.glob("*.pcap")))])[0]
    assert json.loads(both)["sessions"] == report["sessions"]


def test_info() -> None:
    printed, code = run(["info", str(ROOT / "samples" / "capture-cut-mid-handshake" / "capture.pcap")])
    assert code == 0
    words = " ".join(printed.split())
    for fact in ("format pcap", "Ethernet (1)", "frames 11", "both directions 1 of 1", "with a close 0 of 1"):
        assert fact in words
    assert "whether they went on, stalled or failed is not known" in words
    assert "does not allow to conclude" not in run(["info", str(FINE)])[0]


@pytest.mark.parametrize("form", ["text", "ndjson"])
def test_results_appear_while_a_pipe_is_open(form: str) -> None:
    """`tcpdump -w - | sshpcap -`: what has ended is shown although the pipe is still open."""
    command = [sys.executable, "-u", "-m", "sshpcap", "--format", form, "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(SAMPLE.read_bytes())
        process.stdin.flush()
        shown = process.stdout.readline()
        assert process.poll() is None
        assert b"no-common-kex-algorithm" in shown or b"No common key exchange" in shown
        process.stdin.close()
        rest = process.stdout.read()
        assert process.wait(timeout=20) == 0
    # Told once: at the end only the table of all connections follows.
    assert (shown + rest).count(b"What to do, server") == (1 if form == "text" else 0)


def test_standard_input_and_a_closed_pipe() -> None:
    command = [sys.executable, "-m", "sshpcap", "--format", "json", "-"]
    with SAMPLE.open("rb") as stdin:
        printed = subprocess.run(command, stdin=stdin, capture_output=True, check=True, cwd=ROOT).stdout
    assert json.loads(printed)["captures"][0]["path"] == "-"
    text = subprocess.run(
        f"'{sys.executable}' -m sshpcap '{SAMPLE}' | head -1", shell=True, capture_output=True, cwd=ROOT, check=True
    )
    assert text.stderr == b""


def test_a_terminal_that_knows_only_ascii_gets_ascii() -> None:
    environment = {"PYTHONIOENCODING": "ascii", "PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "sshpcap", str(SAMPLE)]
    printed = subprocess.run(command, capture_output=True, check=True, cwd=ROOT, env=environment).stdout
    assert printed.isascii()
    assert b"->|" in printed


def test_an_internal_error_is_told_and_the_rest_appears(monkeypatch: pytest.MonkeyPatch) -> None:
    from sshpcap import teller
    from sshpcap.interpret import interpret as true_interpret

    def breaks_on_the_first(recorder: object, *, index: int, **more: object) -> object:
        if index == 1:
            raise ZeroDivisionError("made for this test")
        return true_interpret(recorder, index=index, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(teller, "interpret", breaks_on_the_first)
    printed, code = run([str(ROOT / "samples" / "max-startups" / "capture.pcap")])
    assert code == common.EXIT_INTERNAL
    assert "made for this test" in printed
    assert "Exceeded MaxStartups" in printed


# --- text of peers ---------------------------------------------------------------------------------------------------

ESC = "\x1b[31mred\x1b]0;title\x07\x1b]8;;http://a/\x07link\x1b]8;;\x07"
BIDI = "\u202eevil\u2066"
MARKUP = "[link=http://a/][bold red]x[/]"
HOSTILE = f"{ESC}\r{BIDI}{MARKUP}"


def _hostile_flows() -> list[Flow]:
    octets = HOSTILE.encode()
    banner = greeted(server=b"hello " + octets + b"\n" + identification())
    software = greeted(client=b"SSH-2.0-" + octets + b"\r\n")
    refusal = Flow()
    refusal.opens()
    refusal.server.sends(b"Exceeded MaxStartups " + octets + b"\r\n")
    message = proposed()
    message.server.sends(packet(disconnect(2, HOSTILE, HOSTILE)))
    algorithm = proposed(server={"kex_algorithms": HOSTILE, "server_host_key_algorithms": HOSTILE})
    return [closed(flow) for flow in (banner, software, refusal, message, algorithm)]


@pytest.mark.parametrize("place", range(5), ids=["banner", "software", "refusal", "disconnect", "algorithm"])
@pytest.mark.parametrize("form", ["text", "json", "ndjson"])
def test_text_of_a_peer_cannot_act(tmp_path: Path, place: int, form: str) -> None:
    path = write_pcap(tmp_path / "hostile.pcap", _hostile_flows()[place])
    printed, code = run(["--format", form, "--connection", "1", str(path)])
    assert code == 0
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", printed)
    assert "1b[31mred" in printed.replace("\n", ""), "the text is shown, made harmless"


def test_colours_are_the_only_escapes_on_a_terminal(tmp_path: Path) -> None:
    from sshpcap import analyze
    from sshpcap.report import terminal
    from sshpcap.report.view import Options

    for place, flow in enumerate(_hostile_flows()):
        report = analyze(write_pcap(tmp_path / f"{place}.pcap", flow))
        printed = terminal.render(report, Options(connections=frozenset((1,))), width=120, color=True)
        assert "\x1b[" in printed
        without_ours = re.sub(r"\x1b\[[0-9;]*m", "", printed)
        assert "\x1b" not in without_ours
        assert "\x07" not in without_ours


def test_a_hostile_file_name(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31m\u202e.pcap"
    path.write_bytes(SAMPLE.read_bytes())
    printed, code = run([str(path)])
    assert code == 0
    assert "\x1b" not in printed
    assert "\u202e" not in printed
    undecodable = os.fsencode(tmp_path) + b"/\xff.pcap"
    Path(os.fsdecode(undecodable)).write_bytes(SAMPLE.read_bytes())
    assert run(["--format", "json", os.fsdecode(undecodable)])[1] == 0
    assert run([os.fsdecode(undecodable)])[1] == 0


@pytest.mark.parametrize(
    ("words", "code"), [(["--version"], 0), ([str(SAMPLE), "--fail-on", "info"], 1), (["nothing-here.pcap"], 2)]
)
def test_the_program_ends_at_once_with_its_code_and_all_that_it_printed(words: list[str], code: int) -> None:
    command = [sys.executable, "-m", "sshpcap", *words]
    environment = os.environ | {"COLUMNS": "100", "NO_COLOR": "1", "TZ": "UTC"}
    done = subprocess.run(command, capture_output=True, cwd=ROOT, env=environment)
    assert done.returncode == code
    printed, expected = run(words)
    assert (expected, (done.stdout + done.stderr).decode()) == (code, printed)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "words",
    [["--version"], ["schema"], ["explain", "--help"], ["info", str(SAMPLE)], [str(SAMPLE)]]
    + [[str(SAMPLE), "--format", form] for form in ("json", "ndjson", "plain", "html", "markdown")]
    + [[str(SAMPLE), "-o", "/dev/full"], ["slice", str(SAMPLE), "-o", "/dev/full"]],
)
def test_where_there_is_no_room_for_what_it_prints(words: list[str], unbuffered: str) -> None:
    command = [sys.executable, "-m", "sshpcap", *words]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment)
    assert done.returncode == 2
    assert done.stderr.endswith("No space left on device\n")
    assert done.stderr.count("\n") == 1


INTERRUPTED_WHILE = """
import builtins, os, runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background of a shell ignores it
plain, once = builtins.__import__, ["{name}"]
def hook(name, *rest, **named):
    if name in once:
        once.remove(name)
        os.kill(os.getpid(), signal.SIGINT)
    return plain(name, *rest, **named)
builtins.__import__ = hook
runpy.run_module("sshpcap.__main__", run_name="__main__")
"""


@pytest.mark.parametrize("name", ["click", "sshpcap.capture.errors", "sshpcap.analyzer"])
def test_an_interrupt_is_silent_from_the_start(name: str) -> None:
    """While modules are loaded as well as later; a shell sees 130 in both cases."""
    capture = ROOT / "samples" / "ok-openssh" / "capture.pcap"
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_WHILE.format(name=name), str(capture)],
        capture_output=True, text=True, timeout=60, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode in (130, -2)
    assert (done.stdout, done.stderr.strip()) == ("", "")
