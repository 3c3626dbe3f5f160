"""dpkt and tshark as independent readers of segments: in every capture at hand, and under every link type."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import dpkt
import numpy as np
import pytest

from sshpcap.capture import open_capture
from sshpcap.frames import Segment
from sshpcap.net.columns import read_columns, segments
from tests.support import frames
from tests.support.blocks import packets_of, read_file
from tests.support.captures import SAMPLES, Pcapng, captures_at_hand, name_of
from tests.support.decoding import decode_row

TSHARK, MERGECAP = shutil.which("tshark"), shutil.which("mergecap")


def segments_of(path: Path) -> dict[int, Segment]:
    """Every segment by its frame, as the analyzer gets them: from the columns, else from the slow path."""
    found: dict[int, Segment] = {}
    with open_capture(str(path)) as source:
        for block in source.blocks():
            shapes = read_columns(block)
            places = np.arange(len(shapes.columns.row))
            every = [segment for _, segment in segments(block, shapes.columns, places)]
            for row in shapes.rest.tolist():
                _, slow = decode_row(block, row)
                if isinstance(slow, Segment):
                    every.append(slow)
            found.update((one.frame, one) for one in every)
    return found


# --- dpkt ------------------------------------------------------------------------------------------------------------


def _by_dpkt(octets: bytes) -> Any:
    try:
        packet = dpkt.ethernet.Ethernet(octets).data
    except dpkt.Error:
        return None
    return packet if isinstance(getattr(packet, "data", None), dpkt.tcp.TCP) else None


@pytest.mark.parametrize("path", captures_at_hand(), ids=name_of)
def test_dpkt(path: Path) -> None:
    mine = segments_of(path)
    for row in read_file(path)[0]:
        packet = _by_dpkt(row.octets)
        assert (row.number in mine) == (packet is not None), row.number
        if packet is None:
            continue
        found, tcp = mine[row.number], packet.data
        assert (found.source.address, found.destination.address) == (packet.src, packet.dst)
        assert (found.source.port, found.destination.port) == (tcp.sport, tcp.dport)
        assert (found.seq, found.ack, found.flags, found.window) == (tcp.seq, tcp.ack, tcp.flags & 0xFF, tcp.win)
        assert found.options == tcp.opts
        assert found.payload == tcp.data
        if packet.v == 4:
            assert (found.ttl, found.ip_id) == (packet.ttl, packet.id)
            assert found.length == packet.len - packet.hl * 4 - tcp.off * 4
        else:
            assert (found.ttl, found.ip_id) == (packet.hlim, -1)
            assert found.length == packet.plen - tcp.off * 4


# --- tshark ----------------------------------------------------------------------------------------------------------

FIELDS = (
    "frame.number", "frame.protocols", "ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "tcp.srcport", "tcp.dstport",
    "tcp.seq_raw", "tcp.ack_raw", "tcp.flags", "tcp.window_size_value", "tcp.len", "ip.ttl", "ipv6.hlim", "ip.id",
    "tcp.payload", "tcp.options",
)  # fmt: skip


def _by_tshark(path: Path) -> list[dict[str, str]]:
    assert TSHARK
    command = [
        TSHARK,
        "-n",
        "-r",
        str(path),
        "-T",
        "fields",
        "-E",
        "occurrence=l",
        *(word for field in FIELDS for word in ("-e", field)),
    ]
    # Single segments, not what a reassembled message is made of; IPv6 packets of offloaded segmentation as IPv4's.
    command += ["-o", "tcp.desegment_tcp_streams:false", "-o", "ipv6.tso_support:true"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [dict(zip(FIELDS, line.split("\t"), strict=True)) for line in done.stdout.splitlines()]


def _address(octets: bytes) -> str:
    from ipaddress import ip_address

    return str(ip_address(octets))


def _as_tshark(found: Segment) -> dict[str, str]:
    version = 4 if len(found.source.address) == 4 else 6
    source, destination = _address(found.source.address), _address(found.destination.address)
    return {
        "ip.src": source if version == 4 else "",
        "ipv6.src": source if version == 6 else "",
        "ip.dst": destination if version == 4 else "",
        "ipv6.dst": destination if version == 6 else "",
        "tcp.srcport": str(found.source.port),
        "tcp.dstport": str(found.destination.port),
        "tcp.seq_raw": str(found.seq),
        "tcp.ack_raw": str(found.ack),
        "tcp.flags": f"0x{found.flags:04x}",
        "tcp.window_size_value": str(found.window),
        "tcp.len": str(found.length),
        "ip.ttl": str(found.ttl) if version == 4 else "",
        "ipv6.hlim": str(found.ttl) if version == 6 else "",
        "ip.id": f"0x{found.ip_id:04x}" if version == 4 else "",
        "tcp.payload": found.payload.hex(),
        "tcp.options": found.options.hex(),
    }


def compare(path: Path) -> int:
    """Hold our segments against tshark's; gives how many there are."""
    mine, theirs = segments_of(path), _by_tshark(path)
    for row in theirs:
        number = int(row.pop("frame.number"))
        layers = row.pop("frame.protocols").split(":")
        is_segment = "tcp" in layers and not {"icmp", "icmpv6"} & set(layers)
        assert (number in mine) == is_segment, (number, layers)
        if is_segment:
            # A tunnel's outer packet may be of the other version; ours is the innermost one.
            foreign = "ip" if ":" in row["ipv6.src"] and len(mine[number].source.address) == 16 else "ipv6"
            row = {name: "" if name.split(".")[0] == foreign else value for name, value in row.items()}
            assert _as_tshark(mine[number]) == row, number
    return len(mine)


@pytest.mark.skipif(TSHARK is None or MERGECAP is None, reason="tshark and mergecap are not installed")
def test_tshark_on_all_captures(tmp_path: Path) -> None:
    assert MERGECAP
    path = tmp_path / "all.pcapng"
    whole = [str(capture) for capture in captures_at_hand() if capture.parent.name != "file-cut-mid-record"]
    subprocess.run([MERGECAP, "-a", "-w", str(path), *whole], check=True, capture_output=True)
    assert compare(path) > 500


@pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")
def test_tshark_on_every_link_type(tmp_path: Path) -> None:
    """Also packets with options and extension headers, frames that are cut, and lengths that say too little."""
    packets = [
        *packets_of(SAMPLES / "ok-openssh" / "capture.pcap")[:12],
        *packets_of(SAMPLES / "ok-openssh-ipv6" / "capture.pcap")[:12],
        frames.ipv4(frames.tcp(b"options", options=b"\x01" * 40), options=b"\x01" * 40),
        frames.ipv4(frames.tcp(b"short"), total=43),
        frames.ipv4(frames.udp(b"datagram", sport=40001), frames.UDP),
        frames.ipv6(frames.tcp(b"chain"), extensions=[
            (frames.HOP_BY_HOP, frames.options_header()),
            (frames.ROUTING, frames.routing_header()),
            (frames.FRAGMENT, frames.fragment_header()),
            (frames.DESTINATION_OPTIONS, frames.options_header(1)),
        ]),
        frames.ipv6(frames.tcp(b"authentic"), extensions=[(frames.AUTHENTICATION, frames.authentication_header())]),
    ]  # fmt: skip
    file = Pcapng().section()
    # Wireshark knows the numbers of the BSDs in null frames; we also take those of other systems' own headers.
    # tshark 4.0 shows link type 219 (MPLS) as data, and an 802.3 length above 1500, which these packets need; it looks
    # into GTP-U only where the packet inside is whole.
    foreign = ("null-Linux", "null-Windows")
    unread = ("mpls", "llc-snap", "gtp-u", "gtp-u-sequence")
    known = {name: link for name, link in frames.LINKS.items() if not name.startswith(foreign) and name not in unread}
    for number, (name, link) in enumerate(known.items()):
        file.interface(link.number, tsresol=9)
        for frame in frames.relabel(packets, name):
            file.enhanced(frame, 1, interface=number)
            if name != "nflog":  # tshark does not look into an attribute that is cut
                file.enhanced(frame[:-3], 2, interface=number, original=len(frame))
    path = tmp_path / "links.pcapng"
    path.write_bytes(bytes(file))
    assert compare(path) > 1000


@pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")
@pytest.mark.parametrize(
    "packet, captured",
    [
        pytest.param(frames.ipv4(frames.tcp(b"offloaded"), total=0), 49, id="total length 0"),
        pytest.param(frames.ipv6(frames.tcp(b"offloaded"), length=0), 69, id="payload length 0"),
        pytest.param(frames.ipv4(frames.tcp(b"offloaded"), total=0), 45, id="total length 0, cut"),
        pytest.param(frames.ipv4(frames.tcp(b"x" * 30), total=1000), 70, id="total length too long"),
        pytest.param(frames.ipv4(frames.tcp(b"x" * 30), total=1000), 60, id="total length too long, cut"),
        pytest.param(frames.ipv6(frames.tcp(b"x" * 30), length=1000), 80, id="payload length too long, cut"),
    ],
)
def test_tshark_on_lengths_that_only_the_frame_knows(tmp_path: Path, packet: bytes, captured: int) -> None:
    """A segment cannot have more octets than its frame had on the link."""
    path = tmp_path / "lengths.pcapng"
    file = Pcapng().section().interface(101).enhanced(packet[:captured], 1, original=len(packet))
    path.write_bytes(bytes(file))
    assert compare(path) == 1
