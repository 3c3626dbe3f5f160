"""The same frames in every container, resolution, byte order and compression give the same report."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

import sshpcap
from sshpcap.model import Report
from tests.support.captures import ORDERS, PCAP_VARIANTS, SAMPLES, Pcapng, Recorded, pcap, pcapng, snoop
from tests.support.recipes import COMPRESSIONS, sample

NAMES = ("ok-openssh-ipv6", "max-startups", "file-cut-mid-record")
MICROSECOND, SECOND = 1000, 10**9
OFFSET = 1_600_000_000


def _resolved(frames: list[Recorded], tsresol: int | None, ticks: int, offset: int) -> bytes:
    """pcapng with so many ticks a second, from an offset on."""
    file = Pcapng().section().interface(1, 0, tsresol=tsresol, tsoffset=offset or None)
    for frame in frames:
        units, rest = divmod((frame.time - offset * SECOND) * ticks, SECOND)
        assert not rest
        file.enhanced(frame.octets, units, original=frame.length)
    return bytes(file)


def _two_sections(frames: list[Recorded]) -> bytes:
    """The second half in a section of the other byte order and another resolution."""
    middle = len(frames) // 2
    file = Pcapng("<").section().interface(1, 0, tsresol=9)
    for frame in frames[:middle]:
        file.enhanced(frame.octets, frame.time, original=frame.length)
    file.statistics().section(">").interface(113).interface(1)
    for frame in frames[middle:]:
        file.enhanced(frame.octets, frame.time // MICROSECOND, interface=1, original=frame.length)
    return bytes(file)


def containers(frames: list[Recorded]) -> Iterator[tuple[str, bytes]]:
    """Every way to write them."""
    for order, word in zip(ORDERS, ("little", "big"), strict=True):
        for variant in PCAP_VARIANTS:
            yield f"pcap {variant} {word}", pcap(frames, order=order, variant=variant)
        yield f"pcapng {word}", pcapng(frames, order=order)
    yield "pcapng without tsresol", _resolved(frames, None, 10**6, 0)
    for tsresol in (6, 7, 9):
        yield f"pcapng 10^-{tsresol}", _resolved(frames, tsresol, 10**tsresol, 0)
        yield f"pcapng 10^-{tsresol} with an offset", _resolved(frames, tsresol, 10**tsresol, OFFSET)
    yield "pcapng 10^-10 with an offset", _resolved(frames, 10, 10**10, OFFSET)
    yield "pcapng of two sections", _two_sections(frames)
    yield "snoop", snoop(frames)


WAYS = [way for way, _ in containers([])]


def report_of(path: Path) -> Report:
    """Without what names the file."""
    report = sshpcap.analyze(str(path))
    (capture,) = report.captures
    common = replace(
        capture, path="", format="", compression=None, snaplen=None, interface_drops=None, interfaces=(),
        link_types=tuple(sorted(set(capture.link_types) - {113})), notices=(),
    )  # fmt: skip
    return replace(report, captures=(common,))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NAMES)
def test_every_container_gives_the_same_report(name: str, way: str, tmp_path: Path) -> None:
    expected = report_of(SAMPLES / name / "capture.pcap")
    assert expected.sessions
    path = tmp_path / "capture"
    path.write_bytes(dict(containers(sample(name)))[way])
    assert report_of(path) == expected


@pytest.mark.parametrize("suffix", COMPRESSIONS)
@pytest.mark.parametrize("way", WAYS)
def test_every_container_in_every_compression_gives_the_same_report(way: str, suffix: str, tmp_path: Path) -> None:
    name = NAMES[1]
    expected = report_of(SAMPLES / name / "capture.pcap")
    path = tmp_path / "capture"
    compress, _ = COMPRESSIONS[suffix]
    path.write_bytes(compress(dict(containers(sample(name)))[way]))
    assert report_of(path) == expected


def test_binary_resolutions_are_rounded_down(tmp_path: Path) -> None:
    """2^-20 s cannot write a microsecond: the same report but for times, which differ by less than a tick."""
    frames = sample(NAMES[1])
    file = Pcapng().section().interface(1, 0, tsresol=0x80 | 20)
    for frame in frames:
        file.enhanced(frame.octets, frame.time * (1 << 20) // SECOND, original=frame.length)
    path = tmp_path / "capture"
    path.write_bytes(bytes(file))
    expected, found = report_of(SAMPLES / NAMES[1] / "capture.pcap"), report_of(path)
    for one, other in zip(expected.sessions, found.sessions, strict=True):
        assert (one.stage, one.outcome, one.negotiation, one.tcp.history) == (
            other.stage, other.outcome, other.negotiation, other.tcp.history)  # fmt: skip
        for mine, theirs in zip(one.timeline, other.timeline, strict=True):
            assert (mine.kind, mine.frame) == (theirs.kind, theirs.frame)
            assert 0 <= mine.time.ns - theirs.time.ns < SECOND >> 20
