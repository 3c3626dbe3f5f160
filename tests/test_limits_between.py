"""What is remembered from one connection to the next, and of one, stays below its limit."""

import struct
from pathlib import Path

import msgspec
import pytest

from sshpcap import limits
from sshpcap.analyzer import Analyzer
from sshpcap.capture import open_capture
from sshpcap.connection import Connection
from sshpcap.frames import SYN, Endpoint, Segment
from sshpcap.live.watch import Watch
from sshpcap.model import HostKey, Session
from sshpcap.net.neighbours import Neighbours
from sshpcap.ssh.known_hosts import ShownKeys
from sshpcap.teller import Teller
from tests.golden import ROOT
from tests.support.captures import INTERFACE_STATISTICS, Pcapng
from tests.support.replay import frames_of
from tests.support.sessions import greeted, report_of, session_of
from tests.support.wireflow import Flow


def _segment(number: int, *, ttl: int = 64, flags: int = SYN, back: bool = False) -> Segment:
    client, server = Endpoint(struct.pack(">I", 0x0A000000 + number), 40000), Endpoint(bytes((192, 0, 2, 1)), 22)
    ends = (server, client) if back else (client, server)
    return Segment(
        frame=number + 1, time=number, source=ends[0], destination=ends[1], seq=1, ack=0, flags=flags, window=1000,
        ttl=ttl, ip_id=0, options=b"", payload=b"", length=0,
    )  # fmt: skip


def _met(number: int, ttl: int = 64) -> Connection:
    connection = Connection(_segment(number, ttl=ttl), candidate=False)
    connection.recorder.add(_segment(number, ttl=ttl))
    connection.recorder.add(_segment(number, flags=SYN | 16, back=True))
    return connection


def test_addresses_whose_ttls_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_ADDRESSES", 10)
    teller = Teller(frozenset((22,)), None, {}, tolerant=False)
    teller.get_to_know(_met(number) for number in range(100))
    assert len(teller._ttls) == 10
    last = _met(99).recorder.endpoints
    assert all(endpoint.address in teller._ttls for endpoint in last)


def test_ttls_of_one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_TTLS", 4)
    teller = Teller(frozenset((22,)), None, {}, tolerant=False)
    teller.get_to_know(_met(7, ttl) for ttl in range(1, 200))
    assert max(map(len, teller._ttls.values())) <= 4


def _shows(session: Session, server: str, key: str) -> Session:
    assert session.host_key is not None
    return msgspec.structs.replace(
        session,
        server=msgspec.structs.replace(session.server, address=server),
        host_key=msgspec.structs.replace(session.host_key, sha256=key),
    )


def test_servers_and_keys_that_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_SERVERS", 5)
    monkeypatch.setattr(limits, "MAX_KEYS_OF_A_SERVER", 3)
    session = session_of(greeted())
    key = HostKey(type="ssh-ed25519", bits=256, sha256="", md5="", blob=b"", frame=1, signature_algorithm=None)
    session = msgspec.structs.replace(session, host_key=key)
    shown = ShownKeys()
    for number in range(50):
        shown.before(_shows(session, f"192.0.2.{number}", "SHA256:one"))
        shown.before(_shows(session, "192.0.2.0", f"SHA256:{number}"))
    assert len(shown._servers) <= 5
    assert max(map(len, shown._servers.values())) <= 3


def test_hosts_that_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_NEIGHBOURS", 20)
    neighbours = Neighbours()
    for number in range(500):
        target = struct.pack(">I", number + 1)
        asked = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + bytes(6) + bytes((10, 0, 0, 1)) + bytes(6) + target
        neighbours.arp(number, asked)
        neighbours.arp(number, asked[:6] + b"\0\2" + bytes(6) + target + bytes(6) + bytes((10, 0, 0, 1)))
    assert len(neighbours._asked) <= 20
    assert len(neighbours._there) <= 20


def test_syns_that_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_UNANSWERED", 5)
    flows = []
    for number in range(30):
        flow = Flow(ports=(41000 + number, 22))
        flow.client.syn()
        flows.append(flow)
    report = report_of(*flows)
    assert len(report.sessions) == 5
    assert [notice.count for notice in report.notices if notice.code == "unanswered-syns"] == [25]


def test_the_last_segments_with_data() -> None:
    analyzer = Analyzer()
    flow = greeted()
    for _ in range(100):
        flow.client.sends(b"x")
    analyzer.feed(flow.block())
    (connection,) = analyzer._connections.values()
    assert max(len(side.tail) for side in connection.recorder.directions) <= limits.LAST_DATA


def test_an_end_that_cannot_be_is_not_believed(tmp_path: Path) -> None:
    """isb_endtime far behind the last frame is a writer's mistake in the unit."""
    frames = frames_of(ROOT / "samples" / "ok-openssh" / "capture.pcap")
    for late, believed in ((limits.MAX_QUIET_END_NS - 1, True), (limits.MAX_QUIET_END_NS, False)):
        file = Pcapng().section().interface(tsresol=9)
        for frame in frames:
            file.enhanced(frame.octets, frame.time)
        end = frames[-1].time + late
        options = struct.pack("<HHII", 3, 8, end >> 32, end & 0xFFFFFFFF) + bytes(4)
        file.block(INTERFACE_STATISTICS, struct.pack("<III", 0, 0, 0) + options)
        path = tmp_path / "capture.pcapng"
        path.write_bytes(bytes(file))
        with open_capture(str(path)) as source:
            list(source.blocks())
            last = source.describe().last_time
        assert last is not None
        assert (last.ns == end) is believed


def test_frames_kept_of_a_handshake() -> None:
    watch = Watch((22,), keep_frames=True, tolerant=False)
    flow = greeted()
    for _ in range(limits.KEPT_FRAMES + 100):
        flow.client.acks()
    watch.feed(flow.block())
    (watched,) = watch._watched.values()
    assert watched.frames is not None
    assert len(watched.frames) <= limits.KEPT_FRAMES
