"""Memory stays below what `limits.py` says, whatever the input claims or repeats. By counts and by tracemalloc."""

import bz2
import gzip
import lzma
import re
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest
import zstandard

from sshpcap import limits
from sshpcap.analyzer import Analyzer
from sshpcap.capture import CaptureError, open_capture
from sshpcap.frames import Segment
from sshpcap.model import Capture, Report
from sshpcap.net.decode import Decoder
from tests.golden import ROOT
from tests.support.captures import Pcapng, Recorded, pcap, pcap_header, snoop_header
from tests.support.frames import ethernet, fragment_header, ipv4, ipv6
from tests.support.traffic import handshake_of, moved
from tests.support.wireflow import Flow, block_of, encode

MIB = 1 << 20


@contextmanager
def at_most(octets: int) -> Iterator[None]:
    """Nothing in it takes more memory than that at any moment."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < octets, f"{peak:,}"


def read(path: Path) -> Capture:
    """Read a file to its end."""
    with open_capture(str(path)) as source:
        for _ in source.blocks():
            pass
        return source.describe()


def codes(capture: Capture) -> set[str]:
    return {notice.code for notice in capture.notices}


NO_BOUNDS = {
    "RING_LOOK_SECONDS", "RING_GATHER_SECONDS", "RING_GATHER_STEPS", "RING_BLOCK_MS", "LIVE_TICK_SECONDS",
    "LIVE_TELL_SECONDS", "LIVE_TELL_CLOCK_SECONDS", "LIVE_IDLE_NS", "LIVE_GARBAGE",
}  # fmt: skip
"""Times and rates: nothing grows with them."""

DEFAULTS = {
    "RING_BYTES", "RING_BLOCK_BYTES", "RING_FRAMES", "PORTABLE_FRAMES", "LIVE_CONNECTIONS", "LIVE_BYTES",
    "LIVE_TOLD_AT_ONCE", "ORDINARY_BYTES", "LIVE_PASSED_OVER", "RECORD_BYTES", "RECORD_FILES",
}  # fmt: skip
"""Defaults of options and of the ring: tests/live/test_watch.py and test_keeper.py try the bounds with numbers of their
own, tests/live/test_live.py the ring; the soak in benchmarks/ holds all of them together."""


def test_every_limit_is_tried_by_name() -> None:
    """Each name stands in a test; what is only about what is shown has its tests with the reports."""
    names = re.findall(r"^([A-Z_]+): Final", (ROOT / "sshpcap" / "limits.py").read_text(), re.MULTILINE)
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    bounds = [
        name for name in names if not name.startswith("SHOWN_") and name not in NO_BOUNDS and name not in DEFAULTS
    ]
    assert [name for name in bounds if f"limits.{name}" not in tests and f'limits, "{name}"' not in tests] == []
    assert set(names) >= NO_BOUNDS | DEFAULTS


# --- files -----------------------------------------------------------------------------------------------------------

LYING = {
    "pcap": pcap_header() + struct.pack("<IIII", 0, 0, 0xFFFFFFF0, 0xFFFFFFF0),
    "pcap, just too long": pcap_header() + struct.pack("<IIII", 0, 0, limits.MAX_CAPTURED_BYTES + 1, 1),
    "snoop": snoop_header() + struct.pack(">IIIIII", 1, 0xFFFFFF00, 0xFFFFFFF0, 0, 0, 0),
    "pcapng": bytes(Pcapng().section().interface().block(0x1234, b"", length=0xFFFFFFF0)),
    "pcapng, just too long": bytes(
        Pcapng().section().interface().block(6, b"", length=limits.MAX_PCAPNG_BLOCK_BYTES + 4)
    ),
}
# What compresses a file, and what compresses many equal pieces without ever having all of them.
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "lz4": import_module("lz4.frame").compress,
}


@pytest.mark.parametrize("name", LYING)
@pytest.mark.parametrize("compression", COMPRESS)
def test_a_length_that_lies_gives_a_notice_and_no_allocation(tmp_path: Path, name: str, compression: str) -> None:
    path = tmp_path / "capture"
    path.write_bytes(COMPRESS[compression](LYING[name] + bytes(3 * MIB)))
    with at_most(4 * limits.BLOCK_BYTES):  # xz has a dictionary of 8 MiB by default
        capture = read(path)
    assert codes(capture) & {"damaged-record", "damaged-block"}
    assert capture.frames == 0


@pytest.mark.parametrize("compression", [name for name in COMPRESS if name != "plain"])
def test_a_bomb(tmp_path: Path, compression: str) -> None:
    """96 MiB of zeros as records of 256 KiB, and then a record that lies: a small file, and little memory."""
    record = pcap([Recorded(bytes(limits.MAX_CAPTURED_BYTES - 16))])[24:]
    count = 96 * MIB // len(record)
    path = tmp_path / "bomb"
    path.write_bytes(COMPRESS[compression](pcap_header() + record * count + LYING["pcap"][24:]))
    assert path.stat().st_size < 2 * MIB
    with at_most(4 * limits.BLOCK_BYTES):
        capture = read(path)
    assert capture.frames == count
    assert codes(capture) == {"damaged-record"}


def test_a_claim_of_memory_in_xz(tmp_path: Path) -> None:
    """A dictionary of 4 GiB: in the block header the filter's property is 40 (the .xz file format, §5.3.1)."""
    octets = bytearray(lzma.compress(pcap([Recorded(b"x" * 100)])))
    size = (octets[12] + 1) * 4
    at = octets.index(b"\x21\x01", 12) + 2
    octets[at] = 40
    octets[12 + size - 4 : 12 + size] = struct.pack("<I", zlib.crc32(octets[12 : 12 + size - 4]))
    path = tmp_path / "capture"
    path.write_bytes(bytes(octets))
    with pytest.raises(CaptureError, match="the xz data holds nothing"):
        read(path)
    assert limits.MAX_XZ_BYTES < 4 << 30


def test_a_window_that_zstd_itself_does_not_use_by_default(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    longest = limits.MAX_ZSTD_WINDOW_BYTES.bit_length() - 1
    for log, good in ((longest, True), (longest + 1, False)):
        parameters = zstandard.ZstdCompressionParameters(window_log=log, enable_ldm=True)
        one = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        path.write_bytes(one.compress(pcap([Recorded(b"x")])) + one.flush())
        if good:
            assert read(path).frames == 1
        else:
            with pytest.raises(CaptureError, match="holds nothing"):
                read(path)


def test_interfaces_without_end(tmp_path: Path) -> None:
    file = Pcapng().section()
    one = bytes(Pcapng().interface(options=[(2, b"n" * 60_000), (3, b"d" * 4000)]))
    path = tmp_path / "capture"
    path.write_bytes(bytes(file) + one * (limits.MAX_INTERFACES + 500))
    with at_most(8 * MIB + limits.MAX_INTERFACES * 8 * limits.MAX_OPTION_TEXT):
        capture = read(path)
    assert len(capture.interfaces) == limits.MAX_INTERFACES
    assert codes(capture) == {"too-many-interfaces"}


def test_a_first_look_reads_little() -> None:
    assert limits.FIRST_LOOK_BYTES < limits.MERGED_BLOCK_BYTES < limits.BLOCK_BYTES


# --- fragments -------------------------------------------------------------------------------------------------------


def _fragments(version: int, count: int, size: int) -> Iterator[bytes]:
    """First fragments of as many datagrams; none becomes whole."""
    for number in range(count):
        if version == 4:
            yield ethernet(ipv4(bytes(size), ident=number % 65536, source=f"10.0.{number >> 16}.1", more=True))
        else:
            head = bytearray(fragment_header(more=True))
            head[-4:] = number.to_bytes(4, "big")
            yield ethernet(ipv6(bytes(size), extensions=[(44, bytes(head))]))


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("size", [8, 60_000])
def test_fragments_without_end(version: int, size: int) -> None:
    decoder = Decoder()
    with at_most(limits.FRAGMENT_BYTES + 4 * MIB):
        for number, frame in enumerate(_fragments(version, 3 * limits.MAX_DATAGRAMS, size), start=1):
            assert decoder.decode(number, number, memoryview(frame), 1) == ("fragment", None)
    assert decoder.fragments.given_up > limits.MAX_DATAGRAMS
    later = memoryview(next(_fragments(version, 1, 8)))
    decoder.decode(1, limits.FRAGMENT_NS + 1 << 20, later, 1)
    assert decoder.fragments.incomplete == 3 * limits.MAX_DATAGRAMS + 1


def test_a_datagram_longer_than_any() -> None:
    decoder = Decoder()
    beyond = ethernet(ipv4(bytes(16), more=False, offset=limits.MAX_DATAGRAM_BYTES // 8))
    assert decoder.decode(1, 0, memoryview(beyond), 1) == ("fragment", None)
    assert decoder.fragments.incomplete == 0


def test_nested_headers_end() -> None:
    packet = ipv4(b"", protocol=4)
    for _ in range(limits.MAX_LAYERS + 5):
        packet = ipv4(packet, protocol=4)
    assert Decoder().decode(1, 0, memoryview(ethernet(packet)), 1) == ("other", None)


# --- connections -----------------------------------------------------------------------------------------------------


def fed(conversations: Iterator[list[Segment]], analyzer: Analyzer | None = None) -> Analyzer:
    analyzer = analyzer or Analyzer()
    for conversation in conversations:
        analyzer.feed(block_of(map(encode, conversation)))
    return analyzer


def handshakes(count: int) -> Iterator[list[Segment]]:
    conversation = handshake_of("ok-openssh")
    return (moved(conversation, ports=(1024 + number, 22), later=number * 1e-3) for number in range(count))


def asked(count: int, port: int = 22) -> Iterator[list[Segment]]:
    for number in range(count):
        flow = Flow(client=f"10.0.{number >> 12}.1", ports=(1024 + (number & 4095), port))
        flow.client.syn()
        yield flow.segments


def notices(report: Report) -> dict[str, int]:
    return {notice.code: notice.count for notice in report.notices}


def measured(conversations: Callable[[int], Iterator[list[Segment]]]) -> tuple[float, float]:
    """Memory of a recording, as it is and as it is counted."""
    warm = fed(conversations(1))
    assert warm.sessions()
    count = 200
    analyzer = Analyzer()
    blocks = [block_of(map(encode, conversation)) for conversation in conversations(count)]
    tracemalloc.start()
    for block in blocks:
        analyzer.feed(block)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    held = analyzer._held
    return taken / count, held / count


def test_what_recordings_take_is_counted() -> None:
    """limits.CONNECTION_BYTES and limits.SEGMENT_BYTES are not far from the truth."""
    for conversations in (handshakes, asked):
        taken, counted = measured(conversations)
        assert 0.6 * taken < counted < 2 * taken, (taken, counted)
    taken, counted = measured(asked)
    assert counted == limits.CONNECTION_BYTES + limits.SEGMENT_BYTES


def test_connections_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ones are reported, the others counted; the memory for recordings is kept."""
    monkeypatch.setattr(limits, "RECORDED_BYTES", 4 * MIB)
    with at_most(10 * MIB):
        analyzer = fed(handshakes(400))
    report = analyzer.finish()
    shown = len(report.sessions)
    assert 60 < shown < 200
    assert notices(report)["connections-not-recorded"] == 400 - shown
    whole = fed(handshakes(3)).finish()
    assert report.sessions[:3] == whole.sessions
    assert [session.coverage.limit_hit for session in report.sessions[: shown - 1]] == [False] * (shown - 1)


def test_what_was_handed_out_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RECORDED_BYTES", MIB)
    analyzer, count = Analyzer(), 0
    for conversation in handshakes(100):
        fed(iter([conversation]), analyzer)
        count += len(analyzer.take_ended(idle=True))
    assert count == 100
    assert notices(analyzer.finish()) == {}
    assert analyzer._held == 0


def test_memory_of_what_is_not_ssh_is_given_back() -> None:
    def tls(count: int) -> Iterator[list[Segment]]:
        for number in range(count):
            flow = Flow(ports=(1024 + number, 443))
            flow.opens()
            flow.client.sends(bytes.fromhex("1603010005") + b"hello")
            flow.server.sends(bytes.fromhex("1603030005") + b"hello")
            yield flow.segments

    analyzer = fed(tls(50))
    assert analyzer._held == 0
    assert analyzer.finish().sessions == ()


def test_connections_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_CONNECTIONS", 32)
    analyzer = fed(asked(100))
    assert len(analyzer._connections) <= 32
    assert notices(analyzer.finish())["connections-evicted"] > 60


def test_candidates_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_CANDIDATES", 50)
    analyzer = fed(asked(1000, port=8022))
    assert len(analyzer._connections) <= 50
    assert analyzer._held <= 50 * (limits.CONNECTION_BYTES + limits.SEGMENT_BYTES)
    assert notices(analyzer.finish())["candidates-forgotten"] > 900


def test_a_stream_without_end() -> None:
    """A server that talks before its identification string, ten times as much as is kept."""
    flow = Flow()
    flow.opens()
    for _ in range(10 * limits.HANDSHAKE_BYTES // 1000):
        flow.server.sends(b"x" * 998 + b"\r\n")
    analyzer = Analyzer()
    block = flow.block()
    with at_most(8 * MIB):
        analyzer.feed(block)
    (connection,) = analyzer._connections.values()
    assert len(connection.recorder.directions[1].stream.octets) <= limits.HANDSHAKE_BYTES + 1000
    assert len(connection.recorder.events) <= limits.MAX_EVENTS
    (session,) = analyzer.finish().sessions
    assert len(session.messages) <= 2 * limits.MAX_MESSAGES
    assert len(session.messages) <= limits.MAX_PRE_IDENTIFICATION_LINES + 1


def test_a_hole_that_is_never_filled() -> None:
    """Octets behind a hole are kept, but not without end."""
    flow = Flow()
    flow.opens()
    flow.server.skips(10)
    for _ in range(4 * limits.OUT_OF_ORDER_BYTES // 1000):
        flow.server.sends(b"x" * 1000)
    analyzer = fed(iter([flow.segments]))
    (connection,) = analyzer._connections.values()
    stream = connection.recorder.directions[1].stream
    waiting = sum(len(piece.octets) for piece in stream._pending.values())
    assert waiting + len(stream.octets) <= limits.HANDSHAKE_BYTES + limits.OUT_OF_ORDER_BYTES


def test_an_identification_line_and_a_packet_without_end() -> None:
    for octets in (b"SSH-2.0-" + b"x" * limits.MAX_IDENTIFICATION_LINE * 2,
                   b"SSH-2.0-x\r\n" + (limits.MAX_PACKET_LENGTH + 1).to_bytes(4, "big") + bytes(100)):  # fmt: skip
        flow = Flow()
        flow.opens()
        for at in range(0, len(octets), 1000):
            flow.server.sends(octets[at : at + 1000])
        (session,) = fed(iter([flow.segments])).finish().sessions
        assert session.server.unreadable is not None


def test_closed_connections_linger_only_so_long() -> None:
    conversation = handshake_of("ok-openssh")
    analyzer = fed(iter([conversation]))
    assert analyzer.take_ended() == ()
    fed(iter([moved(conversation, ports=(5, 22), later=limits.LINGER_NS / 1e9 + 60)]), analyzer)
    assert len(analyzer.take_ended()) == 1
