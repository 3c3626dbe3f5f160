"""The kernel itself runs the filters (on a pair of UNIX sockets, which needs no privilege); tcpdump is the oracle."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from sshpcap import limits
from sshpcap.capture import bpf
from sshpcap.net.decode import Decoder
from tests.support.blocks import read_file
from tests.support.captures import Recorded, captures_at_hand, name_of, pcap
from tests.support.frames import (
    FRAGMENT,
    HOP_BY_HOP,
    ICMP,
    ICMP6,
    UDP,
    ethernet,
    fragment_header,
    icmp,
    ipv4,
    ipv6,
    options_header,
    tcp,
    udp,
)

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="classic BPF in the kernel is Linux's")

SSH = bpf.for_ports((22,), 1)


def passed(program: bpf.Program, frames: Iterable[bytes]) -> list[bool]:
    """Which frames the kernel lets through."""
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, receiver:
        bpf.attach(receiver, program)
        receiver.setblocking(False)
        found = []
        for frame in frames:
            try:
                sender.send(frame)
                found.append(bool(receiver.recv(1 << 17)))
            except (BlockingIOError, ConnectionRefusedError, PermissionError):
                found.append(False)
    return found


ERROR4 = icmp(3, 3, ipv4(tcp()))
WANTED = {
    "to the port": ethernet(ipv4(tcp())),
    "from the port": ethernet(ipv4(tcp(sport=22, dport=40000))),
    "IP options": ethernet(ipv4(tcp(), options=bytes(8))),
    "IPv6": ethernet(ipv6(tcp())),
    "IPv6, from the port": ethernet(ipv6(tcp(sport=22, dport=40000))),
    "IPv6 extension header": ethernet(ipv6(tcp(), extensions=[(HOP_BY_HOP, options_header())])),
    "IPv6 fragment": ethernet(ipv6(b"rest", extensions=[(FRAGMENT, fragment_header(185))])),
    "later fragment": ethernet(ipv4(b"rest of a segment", offset=100)),
    "tag": ethernet(ipv4(tcp()), tags="8100 0007"),
    "two tags": ethernet(ipv4(tcp()), tags="88a8 0007 8100 0008"),
    "IPv6 in two tags": ethernet(ipv6(tcp()), tags="88a8 0007 8100 0008"),
    "ICMP error": ethernet(ipv4(ERROR4, protocol=ICMP)),
    "ICMP error in a tag": ethernet(ipv4(ERROR4, protocol=ICMP), tags="8100 0007"),
    "ICMPv6 error": ethernet(ipv6(icmp(1, 4, ipv6(tcp())), protocol=ICMP6)),
}
UNWANTED = {
    "other ports": ethernet(ipv4(tcp(sport=443, dport=50000))),
    "other ports, IPv6": ethernet(ipv6(tcp(sport=443, dport=50000))),
    "the port in UDP": ethernet(ipv4(udp(sport=22, dport=22), protocol=UDP)),
    "the port in UDP, IPv6": ethernet(ipv6(udp(sport=22, dport=22), protocol=UDP)),
    "echo": ethernet(ipv4(icmp(8, 0, b"ping"), protocol=ICMP)),
    "neighbour discovery": ethernet(ipv6(icmp(135, 0, bytes(20)), protocol=ICMP6)),
    "later fragment of UDP": ethernet(ipv4(b"rest", protocol=UDP, offset=100)),
    "ARP": ethernet(b"E" + bytes(27), kind=b"\x08\x06"),
    "three tags": ethernet(ipv4(tcp()), tags="8100 0001 8100 0002 8100 0003"),
    "too short": b"\x00" * 13,
    "cut in the IP header": ethernet(ipv4(tcp()), pad=False)[:30],
    "cut before the ports": ethernet(ipv4(tcp()), pad=False)[:35],
    "nothing but a tag": bytes(12) + b"\x81\x00",
}


@pytest.mark.parametrize("frame", WANTED.values(), ids=WANTED.keys())
def test_lets_through(frame: bytes) -> None:
    assert passed(SSH, [frame]) == [True]


@pytest.mark.parametrize("frame", UNWANTED.values(), ids=UNWANTED.keys())
def test_keeps_back(frame: bytes) -> None:
    assert passed(SSH, [frame]) == [False]


def test_raw_ip() -> None:
    program = bpf.for_ports((22, 2222), 101)
    frames = [ipv4(tcp(dport=2222)), ipv6(tcp(sport=22, dport=9)), ipv4(tcp(dport=80)), ipv6(udp(), protocol=UDP), b""]
    assert passed(program, [*frames[:-1], b"\x00"]) == [True, True, False, False, False]


def test_as_many_ports_as_a_filter_can_have() -> None:
    ports = range(1000, 1000 + limits.MAX_FILTER_PORTS)
    program = bpf.for_ports(ports, bpf.COOKED, interfaces=(1, 2, 3))
    assert all(max(one.if_true, one.if_false) < 256 for one in program)
    program = bpf.for_ports(ports, 1)
    frames = [ethernet(ipv4(tcp(sport=port, dport=9))) for port in (999, ports[0], ports[-1], ports[-1] + 1)]
    frames += [ethernet(ipv6(tcp(sport=9, dport=port))) for port in (999, ports[0], ports[-1], ports[-1] + 1)]
    assert passed(program, frames) == [False, True, True, False] * 2
    with pytest.raises(ValueError):
        bpf.for_ports(range(1, limits.MAX_FILTER_PORTS + 2), 1)


def test_nothing_passes_the_filter_that_passes_nothing() -> None:
    assert passed(bpf.NOTHING, WANTED.values()) == [False] * len(WANTED)


@pytest.mark.parametrize("path", captures_at_hand(), ids=name_of)
def test_lets_through_what_the_analyzer_wants(path: Path) -> None:
    """Whatever is decoded to a segment of the port, or to an ICMP error about one."""
    rows = [row for row in read_file(path)[0] if row.link_type == 1]
    let = passed(SSH, [row.octets for row in rows])
    decoder = Decoder()
    for row, through in zip(rows, let, strict=True):
        _, found = decoder.decode(row.number, row.time, memoryview(row.octets), 1, row.original)
        if found is not None and 22 in (found.source.port, found.destination.port) and not getattr(found, "tunnel", ()):
            assert through, f"frame {row.number}"


@pytest.mark.skipif(not shutil.which("tcpdump"), reason="no tcpdump")
def test_tcpdump_agrees(tmp_path: Path) -> None:
    """On what both can say: tcpdump's expression sees no tags and no later fragments."""
    untagged = [frame for name, frame in (WANTED | UNWANTED).items() if "tag" not in name and "fragment" not in name]
    every = [frame for frame in untagged if frame != WANTED["IPv6 extension header"]]
    path, chosen = tmp_path / "every.pcap", tmp_path / "chosen.pcap"
    path.write_bytes(pcap([Recorded(frame, number) for number, frame in enumerate(every)], variant="nanoseconds"))
    expression = (
        "tcp port 22 or (icmp and (icmp[0] == 3 or icmp[0] == 4 or icmp[0] == 11 or icmp[0] == 12))"
        " or (ip6 and ip6[6] == 58 and ip6[40] >= 1 and ip6[40] <= 4)"
    )
    subprocess.run(
        ["tcpdump", "--nano", "-r", path, "-w", chosen, expression], check=True, stderr=subprocess.DEVNULL, timeout=20
    )
    right = {row.octets for row in read_file(chosen)[0]}
    assert passed(SSH, every) == [frame in right for frame in every]
