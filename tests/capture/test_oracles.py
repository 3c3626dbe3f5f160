"""dpkt, scapy and tshark as independent readers: of every capture at hand, and of files that were made to be hard.

Where a library is known to be wrong it stands in `FAULTS`, with what it does; then the other readers and the
specification decide.
"""

import io
import shutil
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import dpkt
import pytest
from scapy.utils import RawPcapNgReader, RawPcapReader

from tests.support.blocks import Row, read_file, read_octets
from tests.support.captures import (
    NAME_RESOLUTION,
    OPTION_COMMENT,
    ORDERS,
    PCAP_VARIANTS,
    UNREGISTERED,
    Pcapng,
    Recorded,
    captures_at_hand,
    name_of,
    pcap,
)
from tests.support.frames import ethernet, ipv4, tcp

TSHARK = shutil.which("tshark")

SECOND = 1_700_000_000
FRAME = ethernet(ipv4(tcp(b"SSH-2.0-x\r\n")))
CUT = FRAME[:60]
PACKET = ipv4(tcp(b"SSH-2.0-y\r\n"))
FRAMES = [
    Recorded(FRAME, SECOND * 10**9 + 123_456_000),
    Recorded(CUT, SECOND * 10**9 + 999_999_000, 1514),
    Recorded(FRAME[:-1], SECOND * 10**9 + 5_000),
]


class Seen(NamedTuple):
    """A frame as a library shows it; None where it does not offer a field."""

    octets: bytes
    time: int | None
    original: int | None = None
    link_type: int | None = None


def by_dpkt(octets: bytes) -> list[Seen]:
    """Its times are floats (Decimals in nanosecond pcap files): microseconds are what can be asked of them."""
    reader = dpkt.pcap.UniversalReader(io.BytesIO(octets))
    # pcap.Reader maps DLT_RAW and a few more by itself; the number in the header is what counts.
    return [Seen(bytes(frame), _nanoseconds(time)) for time, frame in reader]


def _nanoseconds(time: float | Decimal) -> int:
    return int(time * 10**9) if isinstance(time, Decimal) else round(time * 10**6) * 1000


def by_scapy(octets: bytes) -> list[Seen]:
    is_pcapng = octets.startswith(b"\x0a\x0d\x0d\x0a")
    with cast(Any, RawPcapNgReader if is_pcapng else RawPcapReader)(io.BytesIO(octets)) as reader:
        if is_pcapng:
            return [Seen(frame, _ticks(meta), meta.wirelen, meta.linktype) for frame, meta in reader]
        tick = 1 if reader.nano else 1000
        return [
            Seen(frame, meta.sec * 10**9 + meta.usec * tick, meta.wirelen, reader.linktype) for frame, meta in reader
        ]


def _ticks(meta: Any) -> int | None:
    return None if meta.tshigh is None else int((meta.tshigh << 32 | meta.tslow) * 10**9 // meta.tsresol)


LIBRARIES: Final[dict[str, Callable[[bytes], list[Seen]]]] = {"dpkt": by_dpkt, "scapy": by_scapy}


def differences(rows: list[Row], seen: list[Seen]) -> list[str]:
    """Where a library and we disagree."""
    if len(rows) != len(seen):
        return [f"{len(rows)} frames, not {len(seen)}"]
    wrong = []
    for row, other in zip(rows, seen, strict=True):
        for what, mine, theirs in (
            ("octets", row.octets, other.octets),
            ("time", row.time, other.time),
            ("original length", row.original, other.original),
            ("link type", row.link_type, other.link_type),
        ):
            if theirs is not None and mine != theirs:
                wrong.append(f"frame {row.number}: {what} {mine!r}, not {theirs!r}")
    return wrong


# --- every capture at hand -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("path", captures_at_hand(), ids=name_of)
def test_captures_at_hand(path: Path, library: str) -> None:
    rows, capture = read_file(path)
    octets = path.read_bytes()
    if "cut-off" in [notice.code for notice in capture.notices]:
        # Libraries differ in what they make of a torn record; the whole ones are what counts.
        seen = _whole_records(octets, library)
    else:
        seen = LIBRARIES[library](octets)
    assert differences(rows, seen) == []
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))


def _whole_records(octets: bytes, library: str) -> list[Seen]:
    end = 24
    while end + 16 <= len(octets):
        size = 16 + int.from_bytes(octets[end + 8 : end + 12], "little")
        if end + size > len(octets):
            break
        end += size
    return LIBRARIES[library](octets[:end])


# --- files made to be hard -------------------------------------------------------------------------------------------

FILES: Final = {
    **{
        f"pcap-{variant}-{'little' if order == '<' else 'big'}": pcap(FRAMES, order=order, variant=variant)
        for variant in PCAP_VARIANTS
        for order in ORDERS
    },
    **{
        f"pcapng-{'little' if order == '<' else 'big'}": bytes(
            Pcapng(order).section(options=[(OPTION_COMMENT, b"comment")]).interface(1, 262144)
            .enhanced(FRAME, SECOND * 10**6 + 1).block(UNREGISTERED, b"unknown")
            .enhanced(CUT, SECOND * 10**6, original=1514)
            .block(NAME_RESOLUTION, bytes(4)).statistics(0, ifdrop=3).enhanced(FRAME, SECOND * 10**6 + 2)
        )
        for order in ORDERS
    },
    "nanoseconds": bytes(
        Pcapng().section().interface(tsresol=9).enhanced(FRAME, SECOND * 10**9 + 123_456_789)
    ),
    "binary-resolution": bytes(
        Pcapng().section().interface(tsresol=0x80 | 20).enhanced(FRAME, (SECOND << 20) + (1 << 19))
    ),
    "two-interfaces": bytes(
        Pcapng().section().interface(1, tsresol=6).interface(101, tsresol=9)
        .enhanced(FRAME, SECOND * 10**6, interface=0).enhanced(PACKET, SECOND * 10**9 + 7000, interface=1)
        .enhanced(FRAME, SECOND * 10**6 + 9, interface=0)
    ),
    "two-sections": bytes(
        Pcapng().section().interface(1).enhanced(FRAME, SECOND * 10**6)
        .section().interface(101).enhanced(PACKET, SECOND * 10**6 + 1)
    ),
    "two-sections-two-orders": bytes(
        Pcapng("<").section().interface(1).enhanced(FRAME, SECOND * 10**6)
        .section(">").interface(1).enhanced(FRAME, SECOND * 10**6 + 1)
    ),
    "simple-packets": bytes(Pcapng().section().interface(1, 65535).simple(FRAME).simple(FRAME)),
    "simple-packets-without-snaplen": bytes(Pcapng().section().interface(1, 0).simple(FRAME)),
    "simple-packets-cut": bytes(Pcapng().section().interface(1, 60).simple(CUT, 1514)),
    "obsolete-packets": bytes(
        Pcapng().section().interface(1, 65535)
        .obsolete(FRAME, SECOND * 10**6 + 5).obsolete(CUT, SECOND * 10**6, original=99)
    ),
    "time-offset": bytes(
        Pcapng().section().interface(tsoffset=SECOND).enhanced(FRAME, 7_000_001).enhanced(FRAME, 8_000_000)
    ),
}  # fmt: skip

FAULTS: Final = {
    ("dpkt", "nanoseconds"): "times are floats: the last digits are lost",
    ("dpkt", "two-interfaces"): "every time is read in the first interface's resolution",
    ("dpkt", "two-sections-two-orders"): "the file ends for it where the byte order changes",
    ("dpkt", "simple-packets"): "Simple Packet Blocks are dropped",
    ("dpkt", "simple-packets-without-snaplen"): "Simple Packet Blocks are dropped",
    ("dpkt", "simple-packets-cut"): "Simple Packet Blocks are dropped",
    ("scapy", "pcap-modified-little"): "the magic number is unknown",
    ("scapy", "pcap-modified-big"): "the magic number is unknown",
    ("scapy", "two-sections"): "the second section has the first one's link type",
    ("scapy", "simple-packets-without-snaplen"): "snaplen 0 is taken for a limit of no octets",
    ("scapy", "time-offset"): "if_tsoffset is ignored",
}
"""What the libraries get wrong, as measured with dpkt 1.9.8 and scapy 2.8.0. A later version may get it right."""


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", FILES)
def test_hard_files(name: str, library: str, request: pytest.FixtureRequest) -> None:
    if (library, name) in FAULTS:
        request.applymarker(pytest.mark.xfail(reason=FAULTS[library, name], strict=False))
    assert differences(read_octets(FILES[name]).rows, LIBRARIES[library](FILES[name])) == []


def _tshark(path: Path) -> list[list[str]]:
    fields = (
        "frame.number",
        "frame.time_epoch",
        "frame.cap_len",
        "frame.len",
        "frame.interface_id",
        "frame.encap_type",
    )
    assert TSHARK
    command = [TSHARK, "-n", "-r", str(path), "-T", "fields", *(word for field in fields for word in ("-e", field))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


# Wireshark numbers encapsulations in its own way (wiretap/wtap.h).
_ENCAPSULATIONS: Final = {1: "1", 101: "7"}


@pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")
@pytest.mark.parametrize("name", [name for name in FILES if not name.startswith("pcap-micro")])
def test_hard_files_by_tshark(name: str, tmp_path: Path) -> None:
    path = tmp_path / "hard"
    path.write_bytes(FILES[name])
    rows, _ = read_file(path)
    # It counts interfaces anew in every section; we go on, so that a number means one interface.
    numbered = FILES[name].startswith(b"\x0a\x0d\x0d\x0a") and "sections" not in name
    simple = name.startswith("simple")
    assert [
        [
            str(row.number),
            "" if simple else f"{row.time // 10**9}.{row.time % 10**9:09d}",
            str(len(row.octets)),
            str(row.original),
            str(row.interface) if numbered else "",
            _ENCAPSULATIONS[row.link_type],
        ]
        for row in rows
    ] == [
        [line[0], "" if simple else line[1], line[2], line[3], line[4] if numbered else "", line[5]]
        for line in _tshark(path)
    ]
