"""Soak: `sshpcap live` for many minutes under handshakes, floods, half-open handshakes, drips and bulk at once.

    python -m benchmarks.soak MINUTES     (Linux, root) prints a table, one row a minute, and what was told

A namespace sends what `benchmarks.traffic` makes, another one listens; their link is a veth. Every minute brings 1200
handshakes that succeed, 300 that fail for want of a common key exchange method, 50,000 SYNs of as many sources within
ten seconds, 500 handshakes that stop behind the client's identification string; and all the time 50 peers send an octet
a second, and one connection 1000 segments of 1400 octets a second.
"""

import json
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from benchmarks.traffic import Bulk, Sender, frames_of, half_open, of_client
from tests.live.veth import Veth

_GOOD, _BAD, _FLOOD, _HALF = 20, 5, 5000, 25
"""A second: handshakes that succeed and fail; SYNs while it floods; half-open handshakes while they come."""
_DRIPS: Final = 50
_BULK: Final = 1000
_SEQ: Final = 38


def generate(minutes: float) -> None:
    """Send, a second at a time."""
    sender = Sender("eth0")
    good, bad = frames_of("ok-openssh"), frames_of("no-common-kex-openssh")
    begun = half_open(good)
    syn = good[0]
    long_lived = of_client(good[:-4], 1, network=14)
    sender.send(long_lived)
    stream = Bulk(long_lived)
    drips = [of_client(begun, number, network=13) for number in range(_DRIPS)]
    sent = {"good": 0, "bad": 0, "flood": 0, "half_open": 0}
    began = time.monotonic()
    for second in range(int(minutes * 60)):
        for part in range(10):
            for _ in range(_GOOD // 10):
                sender.send(of_client(good, sent["good"], network=10))
                sent["good"] += 1
            if part % 2:
                sender.send(of_client(bad, sent["bad"], network=11))
                sent["bad"] += 1
            if second % 60 in range(10, 20):
                for _ in range(_FLOOD // 10):
                    sender.send(of_client([syn], sent["flood"], network=12))
                    sent["flood"] += 1
            sender.bulk(stream, _BULK // 10)
            time.sleep(max(0.0, began + second + part / 10 - time.monotonic()))
        if second % 60 in range(30, 50):
            for _ in range(_HALF):
                sender.send(of_client(begun, sent["half_open"], network=15))
                sent["half_open"] += 1
        for drip in drips:
            sender.send(drip if second == 0 else [_one_octet(drip, second)])
    print(json.dumps(sent), flush=True)


def _one_octet(drip: list[bytes], second: int) -> bytes:
    """The next octet of a peer that takes its time over its identification line."""
    frame = bytearray(drip[-1])
    start = 34 + (frame[46] >> 4) * 4
    (seq,) = struct.unpack_from(">I", frame, _SEQ)
    struct.pack_into(">I", frame, _SEQ, (seq + len(drip[-1]) - start + second - 1) & 0xFFFFFFFF)
    struct.pack_into(">H", frame, 16, start + 1 - 14)
    return bytes(frame[:start]) + b"x"


def soak(minutes: float) -> None:
    """Run both sides and print the figures."""
    with Veth() as link, tempfile.TemporaryDirectory() as directory:
        out, kept = Path(directory) / "events", Path(directory) / "kept"
        kept.mkdir()
        kept.chmod(0o777)
        Path(directory).chmod(0o755)
        options = ("--write", str(kept), "--write-files", "500", "--interval", "60")
        with out.open("wb") as sink, link.live("near", *options, stdout=sink) as live:
            words = ("-m", "benchmarks.soak", "--send", str(minutes))
            sending = link.python("far", *words, stdout=subprocess.PIPE)
            said, _ = sending.communicate()
            print("sent", said.decode().strip(), flush=True)
            time.sleep(8)
            live.send_signal(signal.SIGINT)
            live.wait(600)
        _print(out, kept)


def _print(out: Path, kept: Path) -> None:
    told: dict[str, int] = {}
    print("minute  frames      lost  held connections  MiB  CPU s  told      let go")
    for line in out.open("rb"):
        event: dict[str, Any] = json.loads(line)
        if event["event"] == "session_closed":
            session = event["session"]
            network = session["client"]["address"].split(".")[0]
            if session["server"]["address"].split(".")[0] in ("10", "11", "12", "13", "14", "15"):
                network = session["server"]["address"].split(".")[0]
            what = f"{_NETWORKS.get(network, network)}: {session['outcome']} ({event['reason']})"
            told[what] = told.get(what, 0) + 1
        elif event["event"] == "statistics":
            state = event["statistics"]
            held, done = sum(state["connections"].values()), sum(state["outcomes"].values())
            print(
                f"{state['uptime_seconds'] / 60:6.1f}  {state['frames']:10,}  {state['drops']:4}  {held:16,}  "
                f"{state['memory_bytes'] / (1 << 20):3.0f}  {state['cpu_seconds']:5.0f}  {done:8,}  {state['let_go']}"
            )
    print("told", dict(sorted(told.items())))
    print("files kept", len(list(kept.glob("*.pcapng"))), "drafts", len(list(kept.glob(".*"))))


_NETWORKS: Final = {"10": "good", "11": "bad", "12": "flood", "13": "drip", "14": "bulk", "15": "half-open"}


def main() -> None:
    """Listen and send, or only send."""
    if sys.argv[1] == "--send":
        generate(float(sys.argv[2]))
    else:
        soak(float(sys.argv[1]))


if __name__ == "__main__":
    main()
