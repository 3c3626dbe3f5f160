"""Link types: where the network layer begins. Layouts typed from tcpdump.org/linktypes.html and IEEE 802.1Q."""

import pytest

from sshpcap.net.encapsulation import ETHERTYPE_IPV4, ETHERTYPE_IPV6
from sshpcap.net.link import LINK_TYPES, link_name

NETWORK = b"network layer......."


@pytest.mark.parametrize(
    "link_type, head, ethertype",
    [
        pytest.param(1, "020000000001 020000000002 0800", 0x0800, id="Ethernet"),
        pytest.param(1, "020000000001 020000000002 8100 2064 86dd", 0x86DD, id="802.1Q"),
        pytest.param(1, "020000000001 020000000002 88a8 0001 8100 0002 0806", 0x0806, id="802.1ad"),
        pytest.param(1, "020000000001 020000000002 9100 0001 9200 0002 8100 0003 0800", 0x0800, id="three tags"),
        pytest.param(113, "0004 0001 0006 020000000001 0000 0800", 0x0800, id="cooked, outgoing"),
        pytest.param(113, "0000 0304 0000 0000000000000000 86dd", 0x86DD, id="cooked, loopback"),
        pytest.param(113, "0000 0001 0006 020000000001 0000 8100 0007 0800", 0x0800, id="cooked, tagged"),
        pytest.param(276, "86dd 0000 00000002 0001 04 06 020000000001 0000", 0x86DD, id="cooked v2"),
        pytest.param(276, "8100 0000 00000002 0001 04 06 020000000001 0000 0007 0800", 0x0800, id="cooked v2, tagged"),
        pytest.param(0, "02000000", 0x0800, id="null, little-endian"),
        pytest.param(0, "00000002", 0x0800, id="null, big-endian"),
        pytest.param(0, "18000000", 0x86DD, id="null, NetBSD"),
        pytest.param(0, "0000001c", 0x86DD, id="null, FreeBSD"),
        pytest.param(0, "1e000000", 0x86DD, id="null, Darwin"),
        pytest.param(108, "00000018", 0x86DD, id="loop, OpenBSD"),
    ],
)
def test_headers(link_type: int, head: str, ethertype: int) -> None:
    octets = bytes.fromhex(head)
    assert LINK_TYPES[link_type].unwrap(memoryview(octets + NETWORK)) == (ethertype, len(octets))
    for captured in range(len(octets)):
        assert LINK_TYPES[link_type].unwrap(memoryview(octets[:captured])) is None


@pytest.mark.parametrize("link_type", [12, 14, 101])
def test_raw_ip(link_type: int) -> None:
    unwrap = LINK_TYPES[link_type].unwrap
    assert unwrap(memoryview(b"\x45 the rest")) == (ETHERTYPE_IPV4, 0)
    assert unwrap(memoryview(b"\x60 the rest")) == (ETHERTYPE_IPV6, 0)
    assert unwrap(memoryview(b"\x50 the rest")) is None
    assert unwrap(memoryview(b"")) is None


def test_raw_of_one_version() -> None:
    assert LINK_TYPES[228].unwrap(memoryview(b"?")) == (ETHERTYPE_IPV4, 0)
    assert LINK_TYPES[229].unwrap(memoryview(b"?")) == (ETHERTYPE_IPV6, 0)


@pytest.mark.parametrize("family", ["03000000", "00000003", "02000001", "00020000", "ff000000"])
def test_other_families(family: str) -> None:
    assert LINK_TYPES[0].unwrap(memoryview(bytes.fromhex(family) + NETWORK)) is None


def test_names() -> None:
    assert link_name(1) == "Ethernet"
    assert all(link_name(number) for number in range(300))
    assert link_name(1 << 16 | 26) == "IP over InfiniBand (snoop datalink type 26)"
    assert link_name(1 << 16 | 99) == "snoop datalink type 99"
