"""A slice says the same as the capture it was cut from, holds nothing that is encrypted, and every program reads it."""

import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import sshpcap
from sshpcap.capture import open_capture
from sshpcap.cli.slice import write
from sshpcap.frames import Segment
from sshpcap.model import Session
from sshpcap.net.decode import Decoder
from tests.golden import ROOT, run
from tests.support.captures import Recorded, captures_at_hand, name_of, pcap, sampled
from tests.support.hostile import hostile_flows
from tests.support.logins import Login
from tests.support.sessions import write_pcap
from tests.support.sshbytes import newkeys, packet
from tests.support.wireflow import encode

CAPTURES = [*captures_at_hand(), *sorted((ROOT / "tests" / "cases").glob("*/capture.*"))]
OURS = [path for path in CAPTURES if path.is_relative_to(ROOT)]
BY_TSHARK = [*OURS, *[path for path in CAPTURES if path not in OURS][::24]]
_NUMBERS = re.compile(r"\b(frames? )(\d+(?:(?:, | and | to )\d+)*)")
_SCRATCH_NAME = "slice.pcapng"


def _name(path: Path) -> str:
    return name_of(path) if path in captures_at_hand() else f"case/{path.parent.name}"


def _sliced(path: Path, folder: Path) -> Path:
    target = folder / _SCRATCH_NAME
    out = io.BytesIO()
    write(sshpcap.analyze(path), (str(path),), frozenset(), out)
    target.write_bytes(out.getvalue())
    return target


def _kept(path: Path, target: Path) -> dict[int, int]:
    """Frame numbers of the slice → those of the original, by the frames' times and octets."""
    original: list[tuple[int, int, bytes]] = []
    with open_capture(str(path)) as source:
        for block in source.blocks():
            rows = range(len(block.number))
            original += [(int(block.number[row]), int(block.time[row]), bytes(block.frame(row))) for row in rows]
    found: dict[int, int] = {}
    used: set[int] = set()
    with open_capture(str(target)) as source:
        for block in source.blocks():
            for row in range(len(block.number)):
                time, octets = int(block.time[row]), bytes(block.frame(row))
                for number, at, whole in original:
                    if at == time and whole.startswith(octets) and number not in used:
                        found[int(block.number[row])] = number
                        used.add(number)
                        break
    return found


def _said(session: Session, numbers: dict[int, int] | None = None) -> tuple[object, ...]:
    """What is concluded of a connection, with the frame numbers of the original."""

    def renumber(text: str) -> str:
        if numbers is None:
            return text
        return _NUMBERS.sub(lambda m: m[1] + re.sub(r"\d+", lambda n: str(numbers.get(int(n[0]), n[0])), m[2]), text)

    close = session.close
    frame = close.frame if numbers is None or close.frame is None else numbers.get(close.frame)
    return (
        session.index, session.stage, session.outcome, session.verdict.cause, session.verdict.confidence,
        renumber(session.verdict.summary), close.how, close.by, close.confidence, frame,
        tuple((finding.id, finding.confidence, finding.party) for finding in session.findings),
        session.host_key.sha256 if session.host_key else None, session.negotiation,
    )  # fmt: skip


@pytest.mark.parametrize("path", sampled(CAPTURES, every=12, ours=6), ids=_name)
def test_the_same_verdicts(path: Path, tmp_path: Path) -> None:
    whole = sshpcap.analyze(path)
    target = _sliced(path, tmp_path)
    numbers = _kept(path, target)
    again = sshpcap.analyze(target)
    assert [_said(session, numbers) for session in again.sessions] == [_said(session) for session in whole.sessions]


@pytest.mark.parametrize("path", sampled(CAPTURES, every=12, ours=6), ids=_name)
def test_nothing_encrypted_is_kept(path: Path, tmp_path: Path) -> None:
    """Behind a side's NEWKEYS no octet of payload is in the file; what is expected comes from the whole capture."""
    whole = sshpcap.analyze(path)
    ends: dict[tuple[str, int], tuple[int, bool]] = {}
    for session in whole.sessions:
        for message in session.messages:
            if message.number == 21:
                party = session.client if message.sender == "client" else session.server
                ends.setdefault((party.address, party.port), (message.bytes[1], session.coverage.syn_seen))
    origin: dict[object, int] = {}
    decoder = Decoder()
    with open_capture(str(_sliced(path, tmp_path))) as source:
        for block in source.blocks():
            for row in range(len(block.number)):
                frame = block.frame(row)
                _, found = decoder.decode(1, int(block.time[row]), frame, int(block.link_type[row]),
                                          int(block.original[row]))  # fmt: skip
                if not isinstance(found, Segment):
                    continue
                address = ".".join(map(str, found.source.address)) if len(found.source.address) == 4 else ""
                end, opened = ends.get((address, found.source.port), (None, False))
                if found.flags & 2:
                    origin[found.source] = found.seq + 1
                if end is None or not opened or found.source not in origin or len(whole.sessions) > 1:
                    continue
                start = (found.seq - origin[found.source]) & 0xFFFFFFFF
                assert not found.payload or start + len(found.payload) <= end


def _tshark(target: Path, *fields: str) -> tuple[list[list[str]], str]:
    command = ["tshark", "-n", "-r", str(target), "-T", "fields", *(part for field in fields for part in ("-e", field))]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    complaints = [line for line in result.stderr.splitlines() if "Running as user" not in line and line.strip()]
    return [line.split("\t") for line in result.stdout.splitlines()], "\n".join(complaints)


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("path", sampled(BY_TSHARK, ours=6), ids=_name)
def test_tshark_reads_it_and_shows_the_comments(path: Path, tmp_path: Path) -> None:
    report = sshpcap.analyze(path)
    target = _sliced(path, tmp_path)
    rows, complaints = _tshark(target, "frame.number", "frame.comment")
    assert not complaints
    comments = "\n".join(row[1] for row in rows if len(row) > 1)
    for session in report.sessions:
        for entry in session.timeline:
            if entry.decisive:
                assert f"[connection {session.index}, frame {entry.frame}] DECISIVE: " in comments
    shown = subprocess.run(["capinfos", "-k", str(target)], capture_output=True, text=True, check=True).stdout
    for session in report.sessions[:2]:
        assert session.verdict.summary[:60] in shown


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("name", dict(hostile_flows()))
def test_comments_of_a_hostile_peer_are_text(name: str, tmp_path: Path) -> None:
    capture = write_pcap(tmp_path / "capture.pcap", dict(hostile_flows())[name])
    target = _sliced(capture, tmp_path)
    rows, complaints = _tshark(target, "frame.number", "frame.comment")
    assert not complaints
    assert all(character.isprintable() for row in rows for cell in row for character in cell)


@pytest.mark.parametrize("missing", ["client", "server"])
def test_nothing_encrypted_is_kept_of_a_side_whose_newkeys_was_lost(missing: str, tmp_path: Path) -> None:
    """The other side's tells that keys are in use."""
    login = Login()
    login.begins()
    flow = login.flow
    side = getattr(flow, missing)
    whole = [
        one for one in flow.segments if not (one.source == side.endpoint and one.payload.endswith(packet(newkeys())))
    ]
    assert len(whole) == len(flow.segments) - 1
    side.sends(b"SECRET BEHIND NEWKEYS " * 20)
    frames = [encode(one) for one in [*whole, flow.segments[-1]]]
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(Recorded(one.octets, one.time, one.original) for one in frames))
    assert b"SECRET" in path.read_bytes()
    assert run(["slice", "-o", str(tmp_path / "out"), str(path)])[1] == 0
    assert b"SECRET" not in (tmp_path / "out").read_bytes()


def test_a_connection_that_is_not_there_is_no_empty_slice(tmp_path: Path) -> None:
    sample = str(ROOT / "samples" / "ok-openssh" / "capture.pcap")
    printed, code = run(["slice", "-c", "99", "-o", str(tmp_path / "out"), sample])
    assert (code, "there is no connection 99" in printed) == (2, True)
    assert not (tmp_path / "out").exists()


def test_the_command(tmp_path: Path) -> None:
    sample = str(ROOT / "samples" / "max-startups" / "capture.pcap")
    target = tmp_path / "out.pcapng"
    printed, code = run(["slice", sample, "-o", str(target), "-c", "2"])
    assert code == 0
    assert re.fullmatch(r".*out\.pcapng: \d+ frames\n", printed)
    assert len(sshpcap.analyze(target).sessions) == 1
    assert run(["slice", "-", "-o", str(target)])[1] == 2
    assert run(["slice", sample, "-o", str(tmp_path / "no" / "where")])[1] == 2


def test_a_long_transfer_becomes_short(tmp_path: Path) -> None:
    """Frames of the encrypted part are headers alone, and not more than a bound."""
    from sshpcap import limits
    from tests.support.captures import Recorded, pcap
    from tests.support.sessions import proposed
    from tests.support.sshbytes import newkeys, packet
    from tests.support.wireflow import encode

    flow = proposed()
    flow.client.sends(packet(newkeys()))
    flow.server.sends(packet(newkeys()))
    for _ in range(2 * limits.SLICED_FRAMES):
        flow.server.sends(b"s" * 1000)
        flow.client.acks()
    flow.client.fin()
    path = tmp_path / "long.pcap"
    made = [encode(segment) for segment in flow.segments]
    path.write_bytes(pcap(Recorded(one.octets, one.time, one.original) for one in made))
    target = _sliced(path, tmp_path)
    assert target.stat().st_size < 60_000
    assert b"s" * 20 not in target.read_bytes()
    assert _said(sshpcap.analyze(target).sessions[0], _kept(path, target)) == _said(sshpcap.analyze(path).sessions[0])


def test_the_end_of_capturing_is_kept(tmp_path: Path) -> None:
    """What other traffic proves (that nothing more came for long) is still known without it."""
    from tests.support.captures import Recorded, pcap
    from tests.support.sessions import greeted
    from tests.support.wireflow import Flow, encode

    later = Flow(ports=(40000, 443))
    later.wait(60)
    later.opens()
    made = [encode(segment) for segment in (*greeted().segments, *later.segments)]
    path = tmp_path / "silent.pcap"
    path.write_bytes(pcap(Recorded(one.octets, one.time, one.original) for one in made))
    (before,) = sshpcap.analyze(path).sessions
    (after,) = sshpcap.analyze(_sliced(path, tmp_path)).sessions
    assert before.close.how == after.close.how == "silence"
    assert before.verdict == after.verdict


def test_what_is_not_ssh_is_bounded_too(tmp_path: Path) -> None:
    """A transfer on port 22 that is no SSH at all is not copied into the slice."""
    from sshpcap import limits
    from tests.support.wireflow import Flow

    flow = Flow()
    flow.opens()
    flow.client.sends(b"GET / HTTP/1.1\r\n\r\n")
    for _ in range(2 * limits.HANDSHAKE_BYTES // 16384):
        flow.server.sends(b"x" * 16384)
    path = write_pcap(tmp_path / "web.pcap", flow)
    target = _sliced(path, tmp_path)
    assert target.stat().st_size < limits.HANDSHAKE_BYTES + 20_000
    assert _said(sshpcap.analyze(target).sessions[0]) == _said(sshpcap.analyze(path).sessions[0])
