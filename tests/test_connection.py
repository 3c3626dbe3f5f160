"""When a connection on another port is known to be SSH."""

from collections.abc import Iterable
from pathlib import Path
from random import Random

import pytest

from sshpcap.analyzer import Analyzer
from sshpcap.frames import Segment
from sshpcap.model import Report
from tests.support.captures import SAMPLES as FOLDER
from tests.support.replay import CHANGES, SAMPLES, segments_of
from tests.support.wireflow import Flow, block_of, encode

ODD = 40222
samples = pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.parent.name)


def elsewhere(segments: Iterable[Segment]) -> list[Segment]:
    """The same with another port than 22, numbered from 1."""

    def moved(port: int) -> int:
        return ODD if port == 22 else port

    return [
        segment._replace(
            frame=number,
            source=segment.source._replace(port=moved(segment.source.port)),
            destination=segment.destination._replace(port=moved(segment.destination.port)),
        )
        for number, segment in enumerate(segments, start=1)
    ]


def report_of(segments: Iterable[Segment], ports: tuple[int, ...] = (22,)) -> Report:
    analyzer = Analyzer(ports)
    analyzer.feed(block_of(map(encode, segments)))
    return analyzer.finish()


@samples
def test_a_capture_that_begins_anywhere(path: Path) -> None:
    """What can be read when the port is named is found when it is not; what cannot be read is not taken for SSH."""
    segments = segments_of(path)
    for first in range(1, len(segments)):
        part = elsewhere(segments[first:])
        named = {(s.client.port, s.server.port): s for s in report_of(part, (ODD,)).sessions}
        found = {(s.client.port, s.server.port): s for s in report_of(part).sessions}
        for session in named.values():
            ports = session.client.port, session.server.port
            other = found.get(ports) or found.get(ports[::-1])
            if session.stage not in ("tcp", "encrypted"):
                assert other is not None, first
            if other is not None:
                assert other.stage == session.stage
                if "guess" not in other.roles_from:
                    assert (other.client.port, other.server.port) == ports
        assert len(found) <= len(named)


def test_from_the_key_exchange_on_the_roles_are_those_of_the_protocol() -> None:
    """A server on a higher port than its client's, seen from its proposals on."""
    path = FOLDER / "ok-openssh" / "capture.pcap"
    segments = elsewhere(segments_of(path))
    begin = next(at for at, segment in enumerate(segments) if segment.payload[5:6] == b"\x14")
    (session,) = report_of(segments[begin:]).sessions
    assert (session.server.port, session.coverage.midstream) == (ODD, True)
    assert session.client.port < ODD
    assert "guess" not in session.roles_from
    assert session.negotiation is not None


@pytest.mark.parametrize("change", ["split", "reorder", "repeat"])
def test_over_any_segments(change: str) -> None:
    path = FOLDER / "no-common-kex-openssh" / "capture.pcap"
    segments = elsewhere(segments_of(path))
    begin = next(at for at, segment in enumerate(segments) if segment.payload[5:6] == b"\x14")
    for seed in range(5):
        changed = CHANGES[change](segments[begin:], Random(seed))
        (session,) = report_of(elsewhere(changed)).sessions
        assert session.negotiation is not None


def test_with_the_beginning_in_the_capture_only_an_identification_counts() -> None:
    """Behind a SYN comes an identification string, or it is no SSH."""
    flow = Flow(ports=(40022, ODD))
    flow.opens()
    flow.client.sends(bytes.fromhex("0000000c0a15") + bytes(10))
    flow.server.sends(b"something else")
    assert report_of(flow.segments).sessions == ()
