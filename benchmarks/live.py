"""Live capture side by side: tcpdump that only counts, `sshpcap live`, scapy's socket, and tshark, on one veth pair.

    python -m benchmarks.live [RATE ...] [--seconds SECONDS]     (Linux, root; tcpdump, tshark) prints a table

The traffic is one SSH connection that transfers, RATE segments of 1400 octets a second, and five handshakes a second
beside it. Every program runs alone, for the same traffic; tshark also at a tenth of the rate. CPU is that of the
program and its children (getrusage) in its whole life, and without its start (what it had used a second after it said
that it listens); "lost by own count" is what the kernel told it.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.traffic import Bulk, Sender, frames_of, of_client
from tests.live.veth import Veth

_SECONDS: Final = 15
_HANDSHAKES: Final = 5
_RATES: Final = (10_000, 50_000, 100_000)
_SETTLE: Final = 3.0

_TSHARK: Final = ("tshark", "-n", "-i", "eth0", "-f", "tcp port 22", "-Y", "ssh", "-T", "fields",
                  "-e", "tcp.stream", "-e", "ssh.protocol", "-e", "ssh.message_code")  # fmt: skip


class Run(NamedTuple):
    """What a program did."""

    program: str
    rate: int
    sent: int
    reached: float
    """Frames a second that were really sent."""
    seen: int | None
    dropped: str
    handshakes: str
    cpu: float
    start: float
    """Of it, until it listened."""


def generate(rate: int, seconds: float) -> None:
    """Send for some seconds; print how many frames, and how many handshakes."""
    sender = Sender("eth0")
    good = frames_of("ok-openssh")
    long_lived = of_client(good[:-4], 1, network=14)
    sender.send(long_lived)
    stream, handshakes = Bulk(long_lived), 0
    began = time.perf_counter()
    bulk = 0
    while (passed := time.perf_counter() - began) < seconds:
        if handshakes < passed * _HANDSHAKES:
            sender.send(of_client(good, handshakes))
            handshakes += 1
        due = int(passed * rate) - bulk
        sender.bulk(stream, due)
        bulk += due
        time.sleep(0.001)
    print(json.dumps([sender.sent, handshakes, sender.sent / (time.perf_counter() - began)]))


def measure(link: Veth, program: str, argv: list[str], rate: int, directory: Path, seconds: float) -> Run:
    """Run one program while traffic is sent."""
    out, errors = directory / "out", directory / "errors"
    with out.open("wb") as sink, errors.open("wb") as said:
        process = subprocess.Popen(link.argv("near", *argv), stdout=sink, stderr=said)
        deadline = time.monotonic() + 20
        while b"istening on" not in errors.read_bytes() and b"apturing on" not in errors.read_bytes():
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError(f"{program} does not begin: {errors.read_text()}")
            time.sleep(0.1)
        time.sleep(1)
        start = _cpu_of(process.pid)
        words = ("-m", "benchmarks.live", "--send", str(rate), str(seconds))
        sending = link.python("far", *words, stdout=subprocess.PIPE)
        sent, handshakes, reached = json.loads(sending.communicate()[0])
        time.sleep(_SETTLE)
        process.send_signal(signal.SIGINT)
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    seen, dropped, told = _counted(program, out, errors.read_text(errors="replace"))
    cpu = usage.ru_utime + usage.ru_stime
    shown = f"{told}/{handshakes}" if told is not None else ""
    return Run(program, rate, sent, reached, seen, dropped, shown, cpu, start)


def _cpu_of(pid: int) -> float:
    """CPU seconds of a process and its children that run."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it may have ended meanwhile
            number, _, rest = path.read_text().partition(" (")
            fields = rest.rpartition(") ")[2].split()
            if int(number) == pid or int(fields[1]) == pid:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _counted(program: str, out: Path, said: str) -> tuple[int | None, str, int | None]:
    """Frames seen, lost by the program's own count, and handshakes that were told."""
    if program.startswith("sshpcap"):
        events = [json.loads(line) for line in out.open("rb")]
        state = [event["statistics"] for event in events if event["event"] == "statistics"][-1]
        whole = [event for event in events if event["event"] == "session_closed" and event["reason"] == "closed"]
        good = [event for event in whole if event["session"]["outcome"] == "encrypted"]
        return state["frames"], str(state["drops"]) if "scapy" not in program else "?", len(good)
    seen = re.search(r"(\d+) packets? captured", said)
    dropped = re.search(r"(\d+) packets? dropped", said)
    if program.startswith("tshark"):
        streams = {line.split(b"\t")[0] for line in out.open("rb") if line.split(b"\t")[1:2] not in ([b""], [])}
        return int(seen[1]) if seen else None, dropped[1] if dropped else "0", max(0, len(streams) - 1)
    return int(seen[1]) if seen else None, dropped[1] if dropped else "0", None


def compare(rates: list[int], seconds: float) -> None:
    """All programs at all rates."""
    sshpcap = [sys.executable, "-m", "sshpcap", "live", "-i", "eth0"]
    programs = {
        "tcpdump -w /dev/null": ["tcpdump", "-n", "-i", "eth0", "-w", "/dev/null", "tcp port 22"],
        "sshpcap live": sshpcap,
        "sshpcap live --scapy": [*sshpcap, "--scapy"],
        "tshark -i": list(_TSHARK),
    }
    print(
        "program               rate     sent       seen       lost (own count)  handshakes  CPU s  less start  µs/frame"
    )
    with Veth() as link, tempfile.TemporaryDirectory() as directory:
        link.run("near", "ip", "link", "set", "eth0", "mtu", "1600")
        link.run("far", "ip", "link", "set", "eth0", "mtu", "1600")
        for rate in rates:
            for program, argv in programs.items():
                for one in (rate // 10, rate) if program.startswith("tshark") else (rate,):
                    _print(measure(link, program, argv, one, Path(directory), seconds))


def _print(run: Run) -> None:
    share = run.cpu / run.seen * 1e6 if run.seen else 0
    print(
        f"{run.program:<20} {run.rate:7,} {run.sent:10,} {run.seen or 0:10,} {run.dropped:>17} {run.handshakes:>11}"
        f" {run.cpu:6.2f} {run.cpu - run.start:11.2f} {share:11.2f}   (sent at {run.reached:,.0f}/s)",
        flush=True,
    )


def main() -> None:
    """Compare, or only send."""
    if sys.argv[1:2] == ["--send"]:
        generate(int(sys.argv[2]), float(sys.argv[3]))
        return
    *rates, seconds = sys.argv[1:] if "--seconds" in sys.argv else [*sys.argv[1:], str(_SECONDS)]
    compare([int(rate) for rate in rates if rate != "--seconds"] or list(_RATES), float(seconds))


if __name__ == "__main__":
    main()
