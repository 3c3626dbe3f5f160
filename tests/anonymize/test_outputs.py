"""No original value is in any output of any capture; the frames of a slice are still right; the verdicts too."""

import base64
import io
import os
import re
import shutil
import socket
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import sshpcap
from sshpcap.anonymize import Pseudonyms, Results
from sshpcap.capture import open_capture
from sshpcap.cli.slice import write
from sshpcap.frames import IcmpError
from sshpcap.model import Report, Session
from sshpcap.net.decode import Decoder
from sshpcap.report import FORMATS, terminal
from sshpcap.report.view import Options
from tests.golden import ROOT, run
from tests.support.captures import Recorded, captures_at_hand, name_of, pcap, sampled
from tests.support.hostile import hostile_flows
from tests.support.replay import frames_of
from tests.support.sessions import closed, greeted, report_of, write_pcap
from tests.support.sshbytes import identification

CASES = sorted((ROOT / "tests" / "cases").glob("*/capture.*"))
OURS = [path for path in captures_at_hand() if path.is_relative_to(ROOT)] + CASES
OTHERS = [path for path in captures_at_hand() if path not in OURS]
NOT_COMPARED = ("fragmented", "vxlan-in-gre", "wifi", "captured-twice", "every-block")
"""Cases whose frames are reduced to the innermost packet, have the same time twice, or times of several resolutions."""
BY_TSHARK = [*[path for path in OURS if path.parent.name not in NOT_COMPARED], *OTHERS[::24]]
KEY = b"a key for tests, and for nothing else"


def _name(path: Path) -> str:
    return f"case/{path.parent.name}" if path in CASES else name_of(path)


ALL, USUAL = Pseudonyms(KEY, ports=True, keys=True), Pseudonyms(KEY)


def _results() -> Results:
    return Results(ALL)


def _originals(path: Path, report: Report) -> Iterator[bytes]:
    """Every value that tells who or where, read from the capture itself where it can be."""
    decoder = Decoder()
    addresses: set[bytes] = set()
    with open_capture(str(path)) as source:
        for block in source.blocks():
            for row in range(len(block.number)):
                frame, link_type = bytes(block.frame(row)), int(block.link_type[row])
                _, found = decoder.decode(
                    1, int(block.time[row]), memoryview(frame), link_type, int(block.original[row])
                )
                if found is None:
                    continue
                addresses |= {found.source.address, found.destination.address}
                if isinstance(found, IcmpError):
                    addresses.add(found.reporter)
                if link_type == 1:
                    for mac in (frame[:6], frame[6:12]):
                        if not mac[0] & 1 and mac.strip(b"\0"):
                            yield mac
                            yield mac.hex(":").encode()
    for address in addresses - {bytes(4), bytes(16), bytes([127, 0, 0, 1]), bytes(15) + b"\1"}:
        yield address
        yield socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address).encode()
    for session in report.sessions:
        yield session.community_id.encode()
        for party in (session.client, session.server):
            if party.identification is not None:
                comment = party.identification.raw.partition(b" ")[2]
                if len(comment) >= 4:
                    yield comment
                    yield base64.b64encode(party.identification.raw)
        if session.host_key is not None:
            key = session.host_key
            yield from (key.sha256.encode(), key.md5.encode(), key.blob[-32:], base64.b64encode(key.blob))


def _ports(report: Report) -> set[int]:
    return {party.port for s in report.sessions for party in (s.client, s.server) if party.port >= 1024}


def _slice(path: Path, report: Report, results: Results) -> bytes:
    out = io.BytesIO()
    write(report, (str(path),), frozenset(), out, results)
    return out.getvalue()


def _short(octets: bytes) -> bool:
    """Four octets of an address may stand anywhere by chance; where a slice has it as an address is checked apart."""
    return len(octets) < 6


def _search(what: str, output: bytes, originals: set[bytes], binary: bool) -> list[str]:
    lower = output.lower()
    found = [one for one in originals if not (binary and _short(one)) and one.lower() in lower]
    # 192.0.2.1 is not in 192.0.2.10.
    return [f"{what}: {one!r}" for one in found if re.search(rb"(?<![\d.])%s(?![\d])" % re.escape(one), output, re.I)]


@pytest.mark.parametrize("path", sampled([*OURS, *OTHERS], every=12, ours=6), ids=_name)
def test_no_original_value_is_in_any_output(path: Path) -> None:
    report = sshpcap.analyze(path)
    originals, ports, results = set(_originals(path, report)), _ports(report), _results()
    hidden = results.report(report)
    every = Options(connections=frozenset(session.index for session in hidden.sessions))
    found: list[str] = []
    forms = list(FORMATS) if path in OURS else ["json", "plain"]
    outputs = {form: FORMATS[form](hidden, every) for form in forms}
    outputs["text"] = terminal.render(hidden, every, width=400)
    outputs["summary"] = terminal.render(hidden, Options(summary=True), width=400)
    for form, text in outputs.items():
        found += _search(form, text.encode(), originals, binary=False)
        found += [f"{form}: port {port}" for port in ports if re.search(rf"(port |:|tcp\.port == |-p ){port}\b", text)
                  and not re.search(rf"SHA256:\S*{port}|[0-9a-f]:{port}:", text)]  # fmt: skip
        assert path.name not in text or path.name.startswith("capture"), form
    sliced = _slice(path, report, results)
    found += _search("slice", sliced, originals, binary=True)
    assert not found, found[:5]
    assert not _in_headers(sliced) & {one for one in originals if len(one) in (4, 16)}


def _in_headers(octets: bytes) -> set[bytes]:
    """Every address in a header or a quoted header of a slice."""
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"sshpcap-slice-{os.getpid()}.pcapng"
    path.write_bytes(octets)
    found: set[bytes] = set()
    decoder = Decoder()
    try:
        with open_capture(str(path)) as source:
            for block in source.blocks():
                for row in range(len(block.number)):
                    _, one = decoder.decode(1, int(block.time[row]), block.frame(row), int(block.link_type[row]))
                    if one is not None:
                        found |= {one.source.address, one.destination.address}
                        found |= {one.reporter} if isinstance(one, IcmpError) else set()
    finally:
        path.unlink()
    return found


def _conclusion(session: Session) -> tuple[object, ...]:
    return (session.index, session.stage, session.outcome, session.verdict.cause, session.verdict.confidence,
            session.close.how, session.close.by, session.close.confidence,
            tuple(finding.id for finding in session.findings))  # fmt: skip


def test_numbers_that_look_like_a_name_by_chance_stay(tmp_path: Path) -> None:
    """The session key of SSH-1 in this recording has ca 2e 48 6a, a name in Latin-1; its CRC would no longer fit."""
    path = ROOT / "samples" / "ssh1-in-use" / "capture.pcap"
    assert b"\xca.Hj" in path.read_bytes()
    target = tmp_path / "slice.pcapng"
    target.write_bytes(_slice(path, sshpcap.analyze(path), Results(USUAL)))
    assert b"\xca.Hj" in target.read_bytes()
    assert sshpcap.analyze(target).sessions[0].stage == "kex"


@pytest.mark.parametrize("path", sampled([*OURS, *OTHERS], every=12, ours=6), ids=_name)
def test_an_anonymous_slice_says_the_same(path: Path, tmp_path: Path) -> None:
    report = sshpcap.analyze(path)
    target = tmp_path / "slice.pcapng"
    results = Results(USUAL)
    target.write_bytes(_slice(path, report, results))
    again = sshpcap.analyze(target)
    assert [_conclusion(session) for session in again.sessions] == [_conclusion(session) for session in report.sessions]
    hidden = results.report(report)
    for mine, told in zip(again.sessions, hidden.sessions, strict=True):
        # The pseudonyms of the slice are those of the report.
        assert (mine.client.address, mine.server.address) == (told.client.address, told.server.address)
        assert mine.community_id == told.community_id
        assert (mine.host_key and mine.host_key.sha256) == (told.host_key and told.host_key.sha256)
        for here, there in ((mine.client, told.client), (mine.server, told.server)):
            assert (here.identification and here.identification.text) == (
                there.identification and there.identification.text
            )


def _checksums(path: Path) -> dict[str, str]:
    """The state of every checksum by the time of its frame, as tshark judges it (1: good, 0: bad, 2: not checked)."""
    fields = ("ip.checksum.status", "tcp.checksum.status", "icmp.checksum.status", "icmpv6.checksum.status")
    asked = [part for field in ("frame.time_epoch", *fields) for part in ("-e", field)]
    options = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"]
    command = ["tshark", "-n", "-r", str(path), *options, "-T", "fields", *asked]
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # a file that is cut off is an error
    return dict(line.split("\t", 1) for line in result.stdout.splitlines())


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("path", sampled(BY_TSHARK, ours=6), ids=_name)
def test_checksums_that_were_right_are_right(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "slice.pcapng"
    target.write_bytes(_slice(path, sshpcap.analyze(path), _results()))
    before, after = _checksums(path), _checksums(target)
    for time, states in after.items():
        cut = "2" in states.replace("\t", ",").split(",")  # cut frames cannot be checked
        # A kernel's 0xffff is 0 in the arithmetic of checksums, but tshark wants it written as 0x0000, as we do.
        pairs = zip(before[time].split("\t"), states.split("\t"), strict=True)
        assert cut or all(then == now or "1" not in then for then, now in pairs), time


def test_the_icmp_quote_is_rewritten_with_its_checksums() -> None:
    path = ROOT / "samples" / "icmp-rejected" / "capture.pcap"
    octets = _slice(path, sshpcap.analyze(path), _results())
    for frame in frames_of(path):
        if frame.octets[23] == 1:
            for at in (26, 30, 54, 58):
                assert frame.octets[at : at + 4] not in octets


@pytest.mark.parametrize("snaplen", [14, 20, 34, 40, 47, 54, 60, 62, 66, 70, 80, 96, 128])
@pytest.mark.parametrize("name", ["icmp-rejected", "ok-openssh", "ok-openssh-ipv6"])
def test_cut_frames_are_rewritten_too(name: str, snaplen: int, tmp_path: Path) -> None:
    path = tmp_path / "cut.pcap"
    frames = [
        Recorded(f.octets[:snaplen], f.time, f.original) for f in frames_of(ROOT / "samples" / name / "capture.pcap")
    ]
    path.write_bytes(pcap(frames, snaplen=snaplen))
    report = sshpcap.analyze(path)
    octets = _slice(path, report, _results())
    assert not _search("slice", octets, set(_originals(path, report)), binary=True)


@pytest.mark.parametrize("name", dict(hostile_flows()))
def test_hostile_texts_lose_their_hosts(name: str, tmp_path: Path) -> None:
    path = write_pcap(tmp_path / "x.pcap", dict(hostile_flows())[name])
    report = sshpcap.analyze(path)
    hidden = _results().report(report)
    for form in FORMATS:
        FORMATS[form](hidden, Options())
    if name not in ("name-lists", "many long names"):
        assert b"www.evil.example" not in _slice(path, report, _results())


def test_a_comment_that_is_one_of_our_words() -> None:
    """A peer that calls itself "client" does not change what is said of the client."""
    report = report_of(closed(greeted(client=identification("X client"), server=identification("Y failed server"))))
    (session,) = _results().report(report).sessions
    assert {message.sender for message in session.messages} == {"client", "server"}
    assert session.outcome == report.sessions[0].outcome
    assert session.client.identification is not None
    assert session.client.identification.comment != "client"


def test_the_command_line(tmp_path: Path) -> None:
    sample = str(ROOT / "samples" / "no-common-kex-openssh" / "capture.pcap")
    key = tmp_path / "key"
    first, code = run(["--anonymize", "--key-file", str(key), sample])
    assert code == 0
    assert key.stat().st_mode & 0o777 == 0o600
    assert run(["--anonymize", "--key-file", str(key), sample])[0] == first
    # Without a key file the key is thrown away: nobody can do it again.
    assert run(["--anonymize", sample])[0] != run(["--anonymize", sample])[0]
    assert "192.0.2.10" not in first
    # What is asked for by its true address is found.
    assert "No common key exchange" in run(["--anonymize", "--host", "192.0.2.10", sample])[0]
    assert run(["--key-file", str(key), sample])[1] == 2
    key.write_text("no key\n")
    assert run(["--anonymize", "--key-file", str(key), sample])[1] == 2


def test_a_ticket_may_be_shared(tmp_path: Path) -> None:
    path = ROOT / "samples" / "icmp-rejected" / "capture.pcap"
    target = tmp_path / "customer-example.zip"
    assert run(["ticket", "--anonymize", str(path), "-o", str(target)])[1] == 0
    originals = set(_originals(path, sshpcap.analyze(path)))
    with zipfile.ZipFile(target) as archive:
        for name in archive.namelist():
            octets = archive.read(name)
            assert not _search(name, octets, originals, binary=name.endswith(".pcapng"))
            assert b"customer-example" not in octets


def test_results_from_a_pipe_are_anonymous_too() -> None:
    import sys

    path = ROOT / "samples" / "no-common-kex-openssh" / "capture.pcap"
    command = [sys.executable, "-m", "sshpcap", "--anonymize", "--format", "ndjson", "-"]
    result = subprocess.run(command, input=path.read_bytes(), capture_output=True, check=True, cwd=ROOT)
    assert b"192.0.2.10" not in result.stdout
    assert result.stdout.count(b"\n") == 1


def test_a_certificate_keeps_what_its_times_mean() -> None:
    """The pseudonymous key is read anew, and no moment is known there: it had been "valid" whatever it was."""
    report = sshpcap.analyze(ROOT / "samples" / "host-certificate-expired" / "capture.pcap")
    for one in (report, _results().report(report)):
        (key,) = (session.host_key for session in one.sessions)
        assert key is not None
        assert key.certificate is not None
        assert key.certificate.when_shown == "expired"
        assert key.signature_as_agreed is True
