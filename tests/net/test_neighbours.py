"""Questions by ARP and neighbour discovery that nobody answers."""

import random
import struct
from pathlib import Path

import numpy as np
import pytest

import sshpcap
from sshpcap.net.neighbours import ARP_BYTES, Neighbours
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


def test_a_block_of_messages_tells_what_they_tell_one_by_one() -> None:
    """Among them: answers, who asks for itself, another protocol, another size of addresses, more than can be held."""
    rng = random.Random(7)
    messages = []
    for _ in range(6000):
        asker, target = bytes((192, 0, 2, rng.randrange(3))), bytes((10, 0, rng.randrange(9), rng.randrange(256)))
        asked = bytearray(arp(rng.choice((1, 1, 1, 1, 2, 3)), asker, rng.choice((target, target, asker))))
        asked[8:14] = rng.randbytes(6)
        if rng.random() < 0.05:
            asked[rng.choice((2, 4, 5))] ^= 1
        messages.append(bytes(asked))
    alone, together = Neighbours(), Neighbours()
    for frame, octets in enumerate(messages, 1):
        alone.arp(frame, octets)
    for first in range(0, len(messages), 1000):
        some = messages[first : first + 1000]
        buffer = np.frombuffer(b"?" + b"".join(octets + b"?" for octets in some), dtype=np.uint8)
        at = 1 + np.arange(len(some), dtype=np.int64) * (ARP_BYTES + 1)
        together.arp_rows(np.arange(first + 1, first + 1 + len(some), dtype=np.int64), buffer, at)
    assert len(alone.unanswered()) > 30
    assert together.unanswered() == alone.unanswered()
