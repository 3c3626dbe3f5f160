"""Runs sshpcap and the others over the same captures in turn, and prints what each cost.

`python -m benchmarks.run FOLDER`

A benchmark, not a test: it prints figures and compares them with the budgets, and judges nobody. Every program is a
process of its own; CPU time and peak memory are what the operating system accounts to it (`wait4`). The rounds are
interleaved, and of every program the round with the least CPU time counts, and the least wall time: another load on the
machine only adds. With `--jobs N` sshpcap runs a second time with so many processes.
"""

import argparse
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.make import make
from benchmarks.recorded import SAMPLES
from benchmarks.shapes import SHAPES

_FIELDS: Final = ("frame.number", "ip.src", "tcp.srcport", "ip.dst", "tcp.dstport", "ssh.protocol")
_EVERY_FRAME: Final = 1 << 40

BUDGETS: Final[dict[tuple[str, str], float]] = {
    ("bulk", "tshark"): 1 / 25, ("mixed", "tshark"): 1 / 25, ("bulk", "tcpdump"): 1.5, ("mixed", "tcpdump"): 1.5,
    ("handshakes", "tshark"): 1 / 5, ("failures", "tshark"): 1 / 5, ("flood", "tshark"): 1 / 5,
    ("ten frames", "tshark"): 1.2,
}  # fmt: skip
"""User+system CPU seconds of sshpcap, at most this many times another program's."""

MEMORY_BUDGETS: Final = {"bulk": 150, "mixed": 150, "handshakes": 400, "flood": 400}
"""Peak memory of sshpcap in MiB."""

SCALING_BUDGET: Final = 2.1
"""Twice the frames cost at most this many times the CPU time."""


class Cost(NamedTuple):
    """What one run of one program cost."""

    cpu: float
    """User and system CPU seconds, of its children too."""
    wall: float
    memory: float
    """Peak resident memory in MiB: of its largest process, where it has several."""
    frames: int
    """Frames that it was given: the slow ones get the first of them only."""


class Program(NamedTuple):
    """A program and how to run it."""

    name: str
    command: tuple[str, ...]
    """`{file}` and `{most}` stand for the capture and the most frames to read."""
    most: int = _EVERY_FRAME
    once: bool = False
    """Run in the first round only."""


def programs(most: int, jobs: int = 1) -> list[Program]:
    """What is installed here; who is not is left out of the table. `most`: frames given to the slow ones; `jobs`:
    processes of sshpcap in a row of its own."""
    python = sys.executable
    fields = [word for field in _FIELDS for word in ("-e", field)]
    every = [
        Program("sshpcap", (python, "-m", "sshpcap", "-f", "json", "{file}")),
        *[Program(_several(jobs), (python, "-m", "sshpcap", "-f", "json", "--jobs", str(jobs), "{file}"))][: jobs > 1],
        Program("tshark", ("tshark", "-n", "-r", "{file}", "-Y", "ssh.protocol", "-T", "fields", *fields)),
        Program("tcpdump", ("tcpdump", "-r", "{file}", "-w", "/dev/null", "tcp port 22")),
    ]
    every = [program for program in every if shutil.which(program.command[0])]
    for name, frames in (("dpkt", _EVERY_FRAME), ("scapy", most), ("pyshark", most)):
        if importlib.util.find_spec(name) is not None:
            command = (python, "-m", f"benchmarks.programs.with_{name}", "{file}", "{most}")
            every.append(Program(name, command, frames, once=True))
    return every


def _several(jobs: int) -> str:
    return f"sshpcap -j {jobs}"


def measure(program: Program, file: Path, frames: int) -> Cost:
    """Run one program over one capture; its output is thrown away."""
    values = {"file": str(file), "most": str(program.most)}
    command = [word.format(**values) for word in program.command]
    begin = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=SAMPLES.parent, env=_environment(file.parent)
    )
    assert process.stderr is not None
    complaint = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}: {complaint.decode()[-300:]}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, min(frames, program.most))


def _environment(folder: Path) -> dict[str, str]:
    """Python's programs have their modules compiled, as installed ones have, wherever this checkout came from."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}


def compare(every: list[Program], file: Path, frames: int, rounds: int) -> dict[str, Cost]:
    """Every program in turn, `rounds` times; of each the run with the least CPU time, and the least wall time."""
    costs: dict[str, list[Cost]] = {program.name: [] for program in every}
    for number in range(rounds):
        for program in every:
            if number == 0 or not program.once:
                costs[program.name].append(measure(program, file, frames))
    return {name: min(runs)._replace(wall=min(run.wall for run in runs)) for name, runs in costs.items()}


def frames_in(file: Path) -> int:
    """Frames of a capture, counted by dpkt."""
    import dpkt

    with file.open("rb") as opened:
        return sum(1 for _ in dpkt.pcap.UniversalReader(opened))


def table(shape: str, costs: dict[str, Cost], connections: int) -> None:
    """One capture's figures; ratios are of CPU time for a frame, the other program's to ours."""
    ours = costs["sshpcap"]
    for name, cost in costs.items():
        ratio = ours.cpu / ours.frames / (cost.cpu / cost.frames)
        budget = BUDGETS.get((shape, name))
        verdict = "" if budget is None else f"{'held' if ratio <= budget else 'MISSED'}: at most {_ratio(budget)}"
        if name == "sshpcap" and shape in MEMORY_BUDGETS:
            most = MEMORY_BUDGETS[shape]
            verdict = f"{'held' if cost.memory <= most else 'MISSED'}: at most {most} MiB"
        shown = f"{cost.frames:>9,}" + ("*" if cost.frames < ours.frames else " ")
        print(
            f"| {shape:<17} | {name:<12} | {shown} | {cost.cpu:8.2f} | {cost.wall:8.2f} | {cost.memory:7.0f} "
            f"| {cost.frames / cost.cpu:10,.0f} | {connections * cost.frames / ours.frames / cost.cpu:9,.0f} "
            f"| {_ratio(ratio):>7} | {verdict} |",
            flush=True,
        )


def _ratio(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.5 else f"1/{1 / ratio:.1f}"


_HEAD: Final = (
    "| capture | program | frames | CPU s | wall s | MiB | frames/s | connections/s | sshpcap : it | budget |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)
_CONNECTIONS: Final = {"bulk": 4, "handshakes": 10_000, "failures": 10_000, "mixed": 200, "flood": 500_050}


def _scaling(folder: Path, shapes: list[str], rounds: int) -> None:
    """Half of each capture and the whole of it."""
    print("\n| capture | half: CPU s | whole: CPU s | times | half: MiB | whole: MiB | budget |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    ours = programs(0)[:1]
    for shape in shapes:
        half, whole = make(folder, shape, 0.5)["pcap"], make(folder, shape)["pcap"]
        runs = [(measure(ours[0], half, 0), measure(ours[0], whole, 0)) for _ in range(rounds)]
        small, large = min(run[0] for run in runs), min(run[1] for run in runs)
        times = large.cpu / small.cpu
        print(
            f"| {shape} | {small.cpu:.2f} | {large.cpu:.2f} | {times:.2f} | {small.memory:.0f} | {large.memory:.0f} "
            f"| {'held' if times <= SCALING_BUDGET else 'MISSED'}: at most {SCALING_BUDGET} |",
            flush=True,
        )


def _ten_frames(folder: Path, rounds: int) -> None:
    """What starting costs: the first ten frames of a recorded connection."""
    file = folder / "ten.pcap"
    octets = (SAMPLES / "ok-openssh" / "capture.pcap").read_bytes()
    at = 24
    for _ in range(10):
        at += 16 + int.from_bytes(octets[at + 8 : at + 12], "little")
    file.write_bytes(octets[:at])
    chosen = [program for program in programs(0) if program.name in ("sshpcap", "tshark", "tcpdump")]
    measure(chosen[0], file, 10)  # compiles the modules
    table("ten frames", compare(chosen, file, 10, 5 * rounds), 1)


def _machine() -> str:
    name = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                 if line.startswith("model name")), platform.machine())  # fmt: skip
    return (
        f"{name}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def main() -> None:
    """Make the captures that are not there yet, run everything, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="for the captures; outside of the repository; 5 GB")
    parser.add_argument("shapes", nargs="*", help=f"of {', '.join(SHAPES)}, ten (default: all)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--most", type=int, default=20_000, help="frames given to scapy and pyshark (default: 20000)")
    parser.add_argument("--only", nargs="*", default=[], metavar="PROGRAM", help="these programs only")
    parser.add_argument("--forms", nargs="*", default=["pcap", "pcapng", "gz"], help="pcap, pcapng, gz")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="also run sshpcap with N processes")
    parser.add_argument("--no-scaling", action="store_true")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    shapes = [shape for shape in given.shapes if shape != "ten"] or ([] if given.shapes else list(SHAPES))
    named = ("sshpcap", _several(given.jobs), *given.only)
    chosen = [p for p in programs(given.most, given.jobs) if not given.only or p.name in named]
    print(f"{_machine()}; the least of {given.rounds} rounds\n\n{_HEAD}")
    if not given.shapes or "ten" in given.shapes:
        _ten_frames(given.folder, given.rounds)
    for shape in shapes:
        files = make(given.folder, shape)
        frames = frames_in(files["pcap"])
        for form, file in files.items():
            if form in given.forms:
                # The other forms are there to compare those who read every frame quickly.
                some = chosen if form == "pcap" else [p for p in chosen if not p.once]
                if form == "gz":  # libpcap reads no compressed files
                    some = [p for p in some if p.name != "tcpdump"]
                label = shape if form == "pcap" else f"{shape} ({form})"
                table(label, compare(some, file, frames, given.rounds if form == "pcap" else 1),
                      _CONNECTIONS[shape])  # fmt: skip
    if not given.no_scaling:
        _scaling(given.folder, shapes, max(1, given.rounds - 1))


if __name__ == "__main__":
    main()
