"""What the portable source asks libpcap for; its frames are tested on a real interface in tests/live."""

import shutil
import subprocess
from pathlib import Path

import pytest

from sshpcap.capture.live_scapy import expression_for
from tests.capture.test_bpf import UNWANTED, WANTED
from tests.support.blocks import read_file
from tests.support.captures import Recorded, pcap


@pytest.mark.skipif(not shutil.which("tcpdump"), reason="no tcpdump")
def test_the_expression_lets_through_what_the_rings_filter_does(tmp_path: Path) -> None:
    """But for extension headers, later fragments and a second tag, of which pcap-filter knows less."""
    less = ("fragment", "two tags", "extension")
    wanted = {name: frame for name, frame in WANTED.items() if not any(word in name for word in less)}
    unwanted = {name: frame for name, frame in UNWANTED.items() if "fragment" not in name}
    every = {**wanted, **unwanted}
    path, chosen = tmp_path / "every.pcap", tmp_path / "chosen.pcap"
    path.write_bytes(pcap([Recorded(frame, number) for number, frame in enumerate(every.values())]))
    subprocess.run(
        ["tcpdump", "-r", path, "-w", chosen, expression_for((22, 22))],
        check=True, stderr=subprocess.DEVNULL, timeout=20,
    )  # fmt: skip
    through = {row.octets for row in read_file(chosen)[0]}
    assert {name for name, frame in every.items() if frame in through} == set(wanted)
