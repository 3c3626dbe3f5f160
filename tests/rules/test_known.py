"""Findings about host keys that the user's files, or earlier connections, speak of."""

import json
from pathlib import Path

import pytest

from sshpcap.analyzer import Analyzer
from sshpcap.model import Finding, Session
from sshpcap.ssh.known_hosts import KnownHosts, read_known_hosts
from tests.golden import ROOT, run
from tests.rules.test_rules import SIGNATURE, shown_key
from tests.ssh.test_known_hosts import putty_row
from tests.support.keys import WITH_SSH_KEYGEN, certify, make_key, public, shown
from tests.support.sessions import closed, proposed, write_pcap
from tests.support.sshbytes import ecdh_init, ecdh_reply, newkeys, packet
from tests.support.wireflow import Flow

pytestmark = pytest.mark.skipif(not WITH_SSH_KEYGEN, reason="no ssh-keygen")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name in ("one", "two", "ca"):
        make_key(folder, name)
    certify(folder, "ca", "one", "-n", "host.example.org", "-V", "20200101:20200201")
    certify(folder, "ca", "two", "-n", "host.example.org")
    return folder


def with_key(folder: Path, name: str, *, accepted: bool = False, flow: Flow | None = None) -> Flow:
    flow = proposed(flow)
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.sends(packet(ecdh_reply(shown(folder, name).blob, bytes(32), SIGNATURE)) + packet(newkeys()))
    flow.client.acks()
    if accepted:
        flow.client.sends(packet(newkeys()))
        flow.client.sends(bytes(range(64)))
        flow.server.sends(bytes(range(64)))
    return flow


def judged(flow: Flow, text: str | None, *names: str, file: str = "known_hosts") -> Session:
    known = (
        None if text is None else KnownHosts(read_known_hosts(text, file), {"203.0.113.7": names} if names else None)
    )
    analyzer = Analyzer(known_hosts=known)
    analyzer.feed(closed(flow).block())
    (session,) = analyzer.finish().sessions
    return session


def finding(session: Session, id: str) -> Finding:
    (found,) = [f for f in session.findings if f.id == id]
    return found


def test_changed(folder: Path) -> None:
    session = judged(with_key(folder, "one"), f"# mine\n203.0.113.7 {public(folder, 'two')}")
    assert session.verdict.cause == "host-key-changed"
    assert [f.id for f in session.findings] == ["host-key-changed"]
    found = finding(session, "host-key-changed")
    assert found.severity == "error"
    assert "known_hosts:2" in found.summary
    assert shown(folder, "two").sha256 in found.summary
    assert "Offending ED25519 key in known_hosts:2" in found.expected_messages["openssh_client"]
    assert found.remedies[1].command == "ssh-keygen -f known_hosts -R 203.0.113.7"


def test_changed_and_the_client_went_on(folder: Path) -> None:
    session = judged(with_key(folder, "one", accepted=True), f"203.0.113.7 {public(folder, 'two')}")
    found = finding(session, "host-key-changed")
    assert (found.severity, found.confidence) == ("warning", "medium")


def test_match_leaves_the_other_explanations(folder: Path) -> None:
    session = judged(with_key(folder, "one"), f"203.0.113.7 {public(folder, 'one')}")
    assert session.verdict.cause == "host-key-not-accepted"
    assert session.host_key is not None
    assert session.host_key.known_hosts is not None
    assert session.host_key.known_hosts.status == "match"


def test_a_file_with_a_strange_name_is_quoted(folder: Path) -> None:
    session = judged(with_key(folder, "one"), f"203.0.113.7 {public(folder, 'two')}", file="a; reboot")
    command = finding(session, "host-key-changed").remedies[1].command
    assert command == "ssh-keygen -f 'a; reboot' -R 203.0.113.7"


def test_unknown(folder: Path) -> None:
    found = finding(judged(with_key(folder, "one"), ""), "host-key-unknown")
    assert (found.severity, found.confidence) == ("error", "medium")
    elsewhere = judged(with_key(folder, "one"), f"host.example.org {public(folder, 'one')}")
    assert finding(elsewhere, "host-key-unknown").confidence == "low"
    assert "host.example.org" in finding(elsewhere, "host-key-unknown").summary
    accepted = judged(with_key(folder, "one", accepted=True), "")
    assert finding(accepted, "host-key-unknown").severity == "info"


def test_revoked(folder: Path) -> None:
    session = judged(with_key(folder, "one"), f"@revoked * {public(folder, 'one')}")
    assert session.verdict.cause == "host-key-revoked"


def test_certificate_expired(folder: Path) -> None:
    authority = f"@cert-authority * {public(folder, 'ca')}"
    session = judged(with_key(folder, "one-cert"), authority, "host.example.org")
    assert session.verdict.cause == "certificate-expired"
    assert finding(session, "certificate-expired").confidence == "high"
    # It is a fact without any file, too.
    accepted = judged(with_key(folder, "one-cert", accepted=True), None)
    assert (finding(accepted, "certificate-expired").severity, accepted.outcome) == ("warning", "encrypted")
    valid = judged(with_key(folder, "two-cert", accepted=True), None)
    assert "certificate-expired" not in [f.id for f in valid.findings]


def test_certificate_for_another_name(folder: Path) -> None:
    session = judged(with_key(folder, "two-cert"), f"@cert-authority * {public(folder, 'ca')}", "alias.example.org")
    assert session.verdict.cause == "certificate-for-another-name"
    fine = judged(with_key(folder, "two-cert"), f"@cert-authority * {public(folder, 'ca')}", "host.example.org")
    assert fine.host_key is not None
    assert fine.host_key.known_hosts is not None
    assert fine.host_key.known_hosts.status == "match"


def test_several_host_keys(folder: Path) -> None:
    analyzer = Analyzer()
    for number, name in enumerate(("one", "two", "one"), start=1):
        flow = Flow(ports=(40000 + number, 22))
        flow.wait(number * 60)
        analyzer.feed(closed(with_key(folder, name, accepted=True, flow=flow)).block())
    sessions = analyzer.finish().sessions
    keys = [session.host_key for session in sessions]
    assert [[one.connection for one in key.shown_before] for key in keys if key] == [[], [1], [2]]
    summary = finding(sessions[1], "host-key-differs").summary
    assert "connection 1" in summary
    assert shown(folder, "one").sha256 in summary
    # Another server may have what keys it likes.
    other = Flow(ports=(40009, 22), server="203.0.113.8")
    analyzer = Analyzer()
    analyzer.feed(closed(with_key(folder, "one")).block())
    analyzer.feed(closed(with_key(folder, "two", flow=other)).block())
    assert not [f for s in analyzer.finish().sessions for f in s.findings if f.id == "host-key-differs"]


def test_without_files_nothing_is_said_of_them() -> None:
    session = judged(shown_key(), None)
    assert session.host_key is not None
    assert session.host_key.known_hosts is None


def test_the_option(tmp_path: Path) -> None:
    capture = str(ROOT / "samples" / "host-key-changed-openssh" / "capture.pcap")
    known = tmp_path / "known_hosts"
    known.write_text("")
    printed, code = run(["--known-hosts", str(known), capture])
    assert code == 0
    assert "host-key-unknown" in printed
    printed, code = run(["--known-hosts", str(tmp_path / "nothing"), capture])
    assert code == 2
    assert "nothing" in printed
    for words in (["--name", "203.0.113.7=host"], ["--known-hosts", str(known), "--name", "host=host"],
                  ["--known-hosts", str(known), "--name", "203.0.113.7"]):  # fmt: skip
        assert run([*words, capture])[1] == 2
    assert run(["--known-hosts", str(known), "--name", "203.0.113.7=host", capture])[1] == 0


def test_several_keys_over_several_captures_with_their_times(folder: Path, tmp_path: Path) -> None:
    names = []
    for number, name in enumerate(("one", "two")):
        flow = Flow(ports=(40000 + number, 22))
        flow.wait(number * 2 * 86_400)
        names.append(
            str(write_pcap(tmp_path / f"{name}.pcap", closed(with_key(folder, name, accepted=True, flow=flow))))
        )
    printed, _ = run(["--format", "json", *names])
    one, two = json.loads(printed)["sessions"]
    (before,) = two["host_key"]["shown_before"]
    assert (before["sha256"], before["connection"]) == (shown(folder, "one").sha256, 1)
    assert before["time"] == one["start"]
    told = [f["summary"] for s in (one, two) for f in s["findings"] if f["id"] == "host-key-differs"]
    moments = [s["start"][:19].replace("T", " ") for s in (two, one)]
    assert [f"48.0 h {word} ({moment} UTC)" in text for word, moment, text in zip(("later", "before"), moments, told,
                                                                              strict=True)] == [True, True]  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-16", "ascii"])
def test_an_exported_registry_file(folder: Path, tmp_path: Path, encoding: str) -> None:
    """regedit writes UTF-16 with a byte order mark (version 5.00); REGEDIT4 is in ASCII."""
    capture = write_pcap(tmp_path / "capture.pcap", closed(with_key(folder, "one", accepted=True)))
    head = "Windows Registry Editor Version 5.00" if encoding == "utf-16" else "REGEDIT4"
    statuses = []
    for name in ("one", "two"):
        kind, numbers = putty_row(folder, name)
        lines = (head, "", r"[HKEY_CURRENT_USER\Software\SimonTatham\PuTTY\SshHostKeys]",
                 f'"{kind}@22:host.example.org"="{numbers}"', "")  # fmt: skip
        (tmp_path / "keys.reg").write_bytes("\r\n".join(lines).encode(encoding))
        words = ["--known-hosts", str(tmp_path / "keys.reg"), "--name", "203.0.113.7=host.example.org"]
        (session,) = json.loads(run(["--format", "json", *words, str(capture)])[0])["sessions"]
        statuses.append(session["host_key"]["known_hosts"]["status"])
    assert statuses == ["match", "changed"]


def test_nobody_went_on_where_the_capture_ends_at_the_key(folder: Path) -> None:
    """The client's consent is SSH_MSG_NEWKEYS; without it nothing is known, or that the key never arrived."""
    files = KnownHosts(read_known_hosts(f"203.0.113.7 {public(folder, 'two')}", "known_hosts"), None)
    analyzer = Analyzer(known_hosts=files)
    analyzer.feed(with_key(folder, "one").block())
    (session,) = analyzer.finish().sessions
    summary = finding(session, "host-key-changed").summary
    assert "what the client made of it is not in the capture" in summary
    assert "went on" not in summary


def test_a_changed_key_that_never_arrived_was_not_refused(folder: Path) -> None:
    flow = proposed()
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.acks()
    before = flow.server.isn + flow.server.next
    flow.server.sends(packet(ecdh_reply(shown(folder, "one").blob, bytes(32), SIGNATURE)) + packet(newkeys()))
    flow.wait(8)
    flow.client.fin(ack=before)
    files = KnownHosts(read_known_hosts(f"203.0.113.7 {public(folder, 'two')}", "known_hosts"), None)
    analyzer = Analyzer(known_hosts=files)
    analyzer.feed(flow.block())
    (session,) = analyzer.finish().sessions
    found = finding(session, "host-key-changed")
    assert found.severity == "warning"
    assert "never reached the client" in found.summary
