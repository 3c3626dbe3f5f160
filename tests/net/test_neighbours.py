"""Questions by ARP and neighbour discovery that nobody answers."""

import struct
from pathlib import Path

import pytest

import sshpcap
from sshpcap.net.neighbours import Neighbours
from tests.support.captures import MORE_CAPTURES, Recorded, pcap

ASKER, TARGET = bytes((192, 0, 2, 10)), bytes((192, 0, 2, 99))


def arp(operation: int, sender: bytes, target: bytes) -> bytes:
    """RFC 826."""
    return struct.pack(">HHBBH6s4s6s4s", 1, 0x0800, 6, 4, operation, bytes(6), sender, bytes(6), target)


def test_three_questions_without_an_answer() -> None:
    seen = Neighbours()
    for frame in (3, 5, 8):
        seen.arp(frame, arp(1, ASKER, TARGET))
    assert seen.unanswered() == [(ASKER, TARGET, 3, 3)]


def test_an_answer_however_late() -> None:
    seen = Neighbours()
    for frame in (1, 2, 3):
        seen.arp(frame, arp(1, ASKER, TARGET))
    seen.arp(4, arp(2, TARGET, ASKER))
    assert seen.unanswered() == []


@pytest.mark.parametrize("sender", [TARGET, bytes(4)])
def test_who_asks_for_itself_or_probes_asks_nobody(sender: bytes) -> None:
    seen = Neighbours()
    for frame in (1, 2, 3):
        seen.arp(frame, arp(1, sender, TARGET))
    assert seen.unanswered() == []


def test_two_questions_are_not_enough() -> None:
    seen = Neighbours()
    for frame in (1, 2):
        seen.arp(frame, arp(1, ASKER, TARGET))
    assert seen.unanswered() == []


def test_neighbour_discovery() -> None:
    asker, target = bytes(15) + b"\x01", bytes(15) + b"\x02"
    seen = Neighbours()
    for frame in (1, 2, 3):
        seen.icmp6(frame, asker, bytes((135, 0, 0, 0, 0, 0, 0, 0)) + target)
    assert seen.unanswered() == [(asker, target, 1, 3)]
    seen.icmp6(4, target, bytes((136, 0, 0, 0, 0, 0, 0, 0)) + target)
    assert seen.unanswered() == []


def test_garbage() -> None:
    seen = Neighbours()
    whole = arp(1, ASKER, TARGET)
    for size in range(len(whole)):
        seen.arp(1, whole[:size])
    seen.arp(1, whole.replace(b"\x06\x04", b"\x08\x04"))
    seen.icmp6(1, ASKER, bytes((135, 0)))
    assert seen.unanswered() == []


def notices(path: Path) -> list[str]:
    return [notice.code for notice in sshpcap.analyze(path).notices]


def test_the_report_says_so(tmp_path: Path) -> None:
    head = bytes((255,) * 6) + bytes(6) + b"\x08\x06"
    path = tmp_path / "arp.pcap"
    path.write_bytes(pcap(Recorded(head + arp(1, ASKER, TARGET), second * 10**9) for second in range(3)))
    (notice,) = sshpcap.analyze(path).notices
    assert (notice.code, notice.frame, notice.count) == ("neighbour-not-found", 1, 3)
    assert "192.0.2.99" in notice.text


def test_a_labelled_capture() -> None:
    path = MORE_CAPTURES / "tcp_host_down_local_arp_ssh.pcap"
    if not path.exists():
        pytest.skip("the labelled captures are not here")
    assert notices(path) == ["neighbour-not-found"]
