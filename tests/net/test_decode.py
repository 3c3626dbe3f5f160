"""The slow path: IP options, extension headers, fragments, ICMP; and frames that are meant to hurt."""

import time
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap.frames import Endpoint, IcmpError, Segment
from sshpcap.net.decode import Decoded, Decoder, decode
from tests.support import frames
from tests.support.frames import CLIENT4, CLIENT6, ICMP, ICMP6, SERVER4, SERVER6, icmp, ipv4, ipv6, tcp, udp

ROUTER4, ROUTER6 = "198.51.100.1", "2001:db8:2::1"


def decoded(packet: bytes, link: str = "ethernet") -> Decoded:
    return decode(7, 123, memoryview(frames.LINKS[link].wrap(packet)), frames.LINKS[link].number)


def segment_in(packet: bytes, link: str = "ethernet") -> Segment:
    protocol, found = decoded(packet, link)
    assert protocol == "tcp"
    assert isinstance(found, Segment)
    return found


# --- IPv4 ------------------------------------------------------------------------------------------------------------


def test_ipv4_options() -> None:
    """RFC 791 §3.1: up to 40 octets of options stand between the header and TCP."""
    plain = segment_in(ipv4(tcp(b"abc")))
    for words in range(11):
        assert segment_in(ipv4(tcp(b"abc"), options=b"\x01" * (4 * words))) == plain


def test_total_length_0_is_offloaded_segmentation() -> None:
    """The kernel hands over more than 64 KiB at once, which the field cannot tell: the packet reaches to the end."""
    payload = bytes(70_000)
    found = segment_in(ipv4(tcp(payload), total=0), "raw-101")
    assert (len(found.payload), found.length) == (70_000, 70_000)


@pytest.mark.parametrize("total", [1, 19, 20, 39])
def test_total_length_too_short_for_its_headers(total: int) -> None:
    assert decoded(ipv4(tcp(b"abc"), total=total))[1] is None


def test_total_length_is_the_end_of_the_packet() -> None:
    assert segment_in(ipv4(tcp(b"abcdef"), total=43)).payload == b"abc"
    found = segment_in(ipv4(tcp(b"abc"), total=1500), "raw-101")
    assert (found.payload, found.length) == (b"abc", 1460)


def test_a_length_longer_than_the_frame() -> None:
    """What the frame had on the link is the bound, where it is known."""
    for packet in (ipv4(tcp(b"abc"), total=1500), ipv6(tcp(b"abc"), length=1500)):
        for captured in (len(packet), len(packet) - 2):
            protocol, found = decode(1, 0, memoryview(packet[:captured]), 101, len(packet))
            assert isinstance(found, Segment)
            assert (protocol, found.length) == ("tcp", 3)


@pytest.mark.parametrize("first", [0x00, 0x44, 0x35, 0x55, 0x65, 0xF5])
def test_a_header_that_is_no_ipv4_header(first: int) -> None:
    packet = bytes([first]) + ipv4(tcp(b"abc"))[1:]
    frame = frames.ethernet(packet, kind=b"\x08\x00")
    assert decode(1, 0, memoryview(frame), 1) == ("unreadable", None)


def test_ipv4_header_cut_off() -> None:
    frame = frames.ethernet(ipv4(tcp(b"abc")), pad=False)
    for captured in range(14 + 20):
        assert decode(1, 0, memoryview(frame[:captured]), 1) == ("unreadable", None)
    for captured in range(14 + 20, 14 + 40):
        assert decode(1, 0, memoryview(frame[:captured]), 1) == ("tcp", None)


# --- IPv6 ------------------------------------------------------------------------------------------------------------

CHAINS = {
    "hop-by-hop": [(frames.HOP_BY_HOP, frames.options_header())],
    "long options": [(frames.DESTINATION_OPTIONS, frames.options_header(7))],
    "routing": [(frames.ROUTING, frames.routing_header())],
    "authentication": [(frames.AUTHENTICATION, frames.authentication_header())],
    "atomic fragment": [(frames.FRAGMENT, frames.fragment_header())],
    "all": [
        (frames.HOP_BY_HOP, frames.options_header(1)),
        (frames.DESTINATION_OPTIONS, frames.options_header()),
        (frames.ROUTING, frames.routing_header()),
        (frames.FRAGMENT, frames.fragment_header()),
        (frames.AUTHENTICATION, frames.authentication_header()),
        (frames.DESTINATION_OPTIONS, frames.options_header(2)),
    ],
}


@pytest.mark.parametrize("chain", CHAINS)
def test_ipv6_extension_headers(chain: str) -> None:
    """RFC 8200 §4; RFC 6946 for the atomic fragment, which is whole."""
    plain = segment_in(ipv6(tcp(b"abc", options=bytes(4))))
    assert segment_in(ipv6(tcp(b"abc", options=bytes(4)), extensions=CHAINS[chain])) == plain
    assert decoded(ipv6(udp(b"abc"), frames.UDP, extensions=CHAINS[chain])) == ("udp", None)


def test_payload_length_0_reaches_to_the_end() -> None:
    found = segment_in(ipv6(tcp(bytes(70_000)), length=0), "raw-101")
    assert (len(found.payload), found.length) == (70_000, 70_000)


def test_ipv6_extension_header_cut_off() -> None:
    packet = ipv6(tcp(b"abc"), extensions=CHAINS["all"])
    for captured in range(len(packet) - 23):
        assert decode(1, 0, memoryview(packet[:captured]), 229)[1] is None
    assert decode(1, 0, memoryview(packet[:-3]), 229)[1] is not None


def test_encrypted_and_unknown_next_headers() -> None:
    for body in (b"", bytes(7), bytes(40)):
        for protocol in (50, 59, 135, 253):
            assert decoded(ipv6(body, protocol)) == ("other", None)
    assert decoded(ipv6(bytes(40), 50, extensions=CHAINS["authentication"])) == ("other", None)


# --- fragments -------------------------------------------------------------------------------------------------------


def test_fragments_are_counted() -> None:
    body = tcp(bytes(100))
    for more, offset in ((True, 0), (True, 8), (False, 8)):
        assert decoded(ipv4(body, more=more, offset=offset, dont_fragment=False)) == ("fragment", None)
        chain = [(frames.FRAGMENT, frames.fragment_header(offset, more=more))]
        assert decoded(ipv6(body, extensions=chain)) == ("fragment", None)
        chain = [(frames.HOP_BY_HOP, frames.options_header()), *chain]
        assert decoded(ipv6(body, extensions=chain)) == ("fragment", None)


# --- ICMP ------------------------------------------------------------------------------------------------------------

ASKED4 = ipv4(tcp(b"payload", seq=0xFEDCBA98), options=bytes(4))
ASKED6 = ipv6(tcp(b"payload", seq=0xFEDCBA98))


def expected(version: int, kind: int, code: int, mtu: int = 0) -> IcmpError:
    source, destination, router = (CLIENT4, SERVER4, ROUTER4) if version == 4 else (CLIENT6, SERVER6, ROUTER6)
    return IcmpError(
        frame=7, time=123, reporter=ip_address(router).packed, version=version, type=kind, code=code, mtu=mtu,
        source=Endpoint(ip_address(source).packed, 40000), destination=Endpoint(ip_address(destination).packed, 22),
        seq=0xFEDCBA98, ttl=60,
    )  # fmt: skip


def from_router(version: int, body: bytes) -> bytes:
    if version == 4:
        return ipv4(body, ICMP, source=ROUTER4, destination=CLIENT4, ttl=60)
    return ipv6(body, ICMP6, source=ROUTER6, destination=CLIENT6, hop_limit=60)


@pytest.mark.parametrize(
    "kind, code, rest, mtu",
    [(3, 0, 0, 0), (3, 1, 0, 0), (3, 3, 0, 0), (3, 13, 0xFFFF, 0), (3, 4, 1400, 1400), (3, 4, 0, 0), (11, 0, 0, 0),
     (12, 0, 0, 0), (4, 0, 0, 0), (5, 1, 0xC0000201, 0)],
)  # fmt: skip
def test_icmp_errors(kind: int, code: int, rest: int, mtu: int) -> None:
    """RFC 792: the header of the packet and eight octets behind it. RFC 1191 §4: the next-hop MTU."""
    for size in (24 + 8, 24 + 20, len(ASKED4)):
        assert decoded(from_router(4, icmp(kind, code, ASKED4[:size], rest=rest))) == (
            "icmp",
            expected(4, kind, code, mtu),
        )


@pytest.mark.parametrize(
    "kind, code, rest, mtu",
    [(1, 0, 0, 0), (1, 4, 0, 0), (2, 0, 1280, 1280), (2, 0, 2**32 - 1, 2**32 - 1), (3, 0, 0, 0), (4, 1, 6, 0)],
)  # fmt: skip
def test_icmp6_errors(kind: int, code: int, rest: int, mtu: int) -> None:
    """RFC 4443 §3: as much of the packet as fits."""
    for size in (40 + 8, 40 + 20, len(ASKED6)):
        assert decoded(from_router(6, icmp(kind, code, ASKED6[:size], rest=rest))) == (
            "icmp",
            expected(6, kind, code, mtu),
        )


@pytest.mark.parametrize(
    "version, body",
    [
        pytest.param(4, icmp(8, 0, bytes(56)), id="echo request"),
        pytest.param(4, icmp(0, 0, ASKED4), id="echo reply"),
        pytest.param(6, icmp(128, 0, bytes(56)), id="echo request, IPv6"),
        pytest.param(6, icmp(135, 0, bytes(16)), id="neighbour solicitation"),
        pytest.param(4, icmp(3, 3, ipv4(udp(bytes(20)), frames.UDP)), id="quotes UDP"),
        pytest.param(6, icmp(1, 4, ipv6(udp(bytes(20)), frames.UDP)), id="quotes UDP, IPv6"),
        pytest.param(4, icmp(3, 1, ASKED4[:27]), id="quote one octet too short"),
        pytest.param(6, icmp(1, 4, ASKED6[:43]), id="quote one octet too short, IPv6"),
        pytest.param(4, icmp(3, 1, b""), id="quotes nothing"),
        pytest.param(4, b"\x03\x01\x00", id="shorter than its header"),
        pytest.param(4, icmp(3, 1, ipv4(tcp(bytes(20)), offset=3)), id="quotes a later fragment"),
        pytest.param(4, icmp(3, 1, ipv4(tcp(bytes(20)), offset=256)), id="quotes a much later fragment"),
        pytest.param(4, icmp(3, 1, b"\x40" + ASKED4[1:]), id="quotes a header of no length"),
        pytest.param(4, icmp(3, 1, b"\x44" + ASKED4[1:]), id="quotes a header of 16 octets"),
        pytest.param(4, icmp(3, 1, ipv6(tcp(b"", sport=6))), id="quotes IPv6 in ICMP"),
        pytest.param(6, icmp(1, 4, b"\x45" + ASKED6[1:]), id="quotes IPv4 in ICMPv6"),
    ],
)
def test_icmp_that_tells_nothing_of_a_segment(version: int, body: bytes) -> None:
    assert decoded(from_router(version, body)) == ("icmp", None)


@pytest.mark.parametrize("left", [4, 7])
def test_ports_alone_tell_whose_error_it_is(left: int) -> None:
    """With a snaplen of 68 octets, long tcpdump's own, half of the sequence number is cut off."""
    for version, body in ((4, icmp(3, 1, ASKED4[: 24 + left])), (6, icmp(1, 4, ASKED6[: 40 + left]))):
        kind, code = (3, 1) if version == 4 else (1, 4)
        assert decoded(from_router(version, body)) == ("icmp", expected(version, kind, code)._replace(seq=None))


@pytest.mark.parametrize("size, cut", [(24 + 3, True), (24 + 4, False), (9, True), (0, False)])
def test_errors_that_were_cut_too_short_are_counted(size: int, cut: bool) -> None:
    whole = from_router(4, icmp(3, 1, ASKED4))
    left = 20 + 8 + size
    decoder = Decoder()
    decoder.decode(7, 123, memoryview(frames.ethernet(whole)[: 14 + left]), 1, 14 + len(whole))
    assert (decoder.nameless_errors, decoder.first_nameless) == ((1, 7) if cut else (0, None))


def test_quotes_the_first_fragment() -> None:
    quoted = ipv4(tcp(b"payload", seq=0xFEDCBA98), more=True, dont_fragment=False)
    assert decoded(from_router(4, icmp(11, 1, quoted[:28]))) == ("icmp", expected(4, 11, 1))


# --- everything else -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tags", ["", "8100 0001", "88a8 0001 8100 0002"])
def test_what_is_not_ip(tags: str) -> None:
    def protocol(kind: str) -> str:
        return decode(1, 0, memoryview(frames.ethernet(bytes(46), tags=tags, kind=bytes.fromhex(kind))), 1)[0]

    assert protocol("0806") == "arp"
    assert protocol("88cc") == "other"  # LLDP
    assert protocol("88e5") == "other"  # MACsec
    assert protocol("0026") == "other"  # IEEE 802.3 length


def test_udp_and_others() -> None:
    assert decoded(ipv4(udp(b"x"), frames.UDP, options=bytes(4))) == ("udp", None)
    assert decoded(ipv4(bytes(20), 89, options=bytes(4))) == ("other", None)


def test_unknown_link_types() -> None:
    for link_type in (-1, 2, 105, 127, 147, 65535):
        assert decode(1, 0, memoryview(frames.ethernet(ipv4(tcp(b"x")))), link_type) == ("unreadable", None)


def test_too_many_tags() -> None:
    frame = frames.ethernet(ipv4(tcp(b"x")), tags="8100 0001" * 60)
    assert decode(1, 0, memoryview(frame), 1)[1] is None


def test_nested_headers_end() -> None:
    """A frame can hold thousands of headers, each inside the other: no recursion, no more than linear time."""
    quotes = b""
    for _ in range(2000):
        quotes = ipv4(icmp(3, 1, quotes), ICMP, total=0)
    in_ip4 = ipv4(b"", 0)
    for _ in range(3000):
        in_ip4 = ipv4(in_ip4, 0, options=bytes(4), total=0)
    in_ip6 = ipv6(b"", 41)
    for _ in range(1500):
        in_ip6 = ipv6(in_ip6, 41, length=0)
    started = time.perf_counter()
    for packet in (quotes, in_ip4, in_ip6, ipv4(quotes, 94, total=0), ipv6(quotes, ICMP6, length=0)):
        assert decoded(packet)[1] is None
    assert time.perf_counter() - started < 1


def test_a_long_chain_of_extension_headers_costs_no_square() -> None:
    packet = ipv6(tcp(b"x"), extensions=[(frames.DESTINATION_OPTIONS, frames.options_header())] * 30_000, length=0)
    started = time.perf_counter()
    for _ in range(20):
        decoded(packet)
    assert time.perf_counter() - started < 1


@given(
    st.integers(0, 255), st.sampled_from([b"\x46", b"\x4f", b"\x45"]), st.binary(min_size=8, max_size=8),
    st.binary(max_size=200),
)  # fmt: skip
def test_any_protocol_above_ipv4(protocol: int, first: bytes, head: bytes, body: bytes) -> None:
    decode(1, 0, memoryview(first + head + bytes([protocol]) + body), 228)


@given(st.integers(0, 255), st.binary(max_size=200))
def test_any_protocol_above_ipv6(protocol: int, body: bytes) -> None:
    decode(1, 0, memoryview(ipv6(body, protocol)), 229)
