"""What `sshpcap info` says of a capture, and what it forbids to conclude."""

from pathlib import Path

import pytest

import sshpcap
from sshpcap import limits
from sshpcap.analyzer import Analyzer
from sshpcap.capture.merge import Captures
from sshpcap.model import Report
from sshpcap.report.quality import Quality, quality
from tests.make_cases import CASES, MADE
from tests.support.captures import SAMPLES, Pcapng
from tests.support.recipes import ip_of, sample
from tests.support.sessions import report_of
from tests.support.wireflow import Flow


def judged(*paths: Path) -> Quality:
    analyzer = Analyzer()
    with Captures([str(path) for path in paths]) as source:
        for block in source.blocks():
            analyzer.feed(block)
        return quality(analyzer.finish(source.describe()))


def case(name: str) -> Quality:
    return judged(*sorted(path for path in (CASES / name).iterdir() if path.name in MADE[name].files()))


def facts(found: Quality, name: str) -> list[str]:
    return [value for fact, value in found.facts if fact.strip() == name]


def test_nothing_is_forbidden_where_nothing_is_missing() -> None:
    assert judged(SAMPLES / "ok-openssh" / "capture.pcap").forbids == ()


FORBIDDEN = {
    "client-side-only": "Of 1 of 1 connections only the frames of the client are there",
    "server-side-only": "Of 1 of 1 connections only the frames of the server are there",
    "midstream": "nothing of what was negotiated is known",
    "midstream-on-an-odd-port": "Before the capture began, 1 of 1 connections were open",
    "snaplen-96": "Frames were cut short",
    "lost-by-the-capture": "Frames were lost by the capture",
    "every-block": "Frames were lost by the capture",
    "half-duplex-at-the-end": "Frames were lost by the capture",
    "half-duplex-at-the-start": "Of 1 of 1 connections the first frames of one side are missing",
    "clock-step": "Times step backwards",
    "no-ssh": "No SSH is seen: that does not show that there was none",
    "unknown-link-type": "3 frames cannot be read",
    "waiting-for-the-user": "When the capture ends, 1 of 1 connections are open",
    "damaged-segment": "1 segment with a wrong checksum",
    "offloaded": "Frames of 192.0.2.10 were captured before the network card",
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_is_missing_forbids_a_conclusion(name: str) -> None:
    assert FORBIDDEN[name] in " ".join(case(name).forbids)


def test_a_file_that_is_cut_off() -> None:
    found = judged(SAMPLES / "file-cut-mid-record" / "capture.pcap")
    assert any(text.startswith("A file is cut off or damaged") for text in found.forbids)
    assert "the file ends in the middle of record 11" in facts(found, "notice")[0]


def test_no_icmp_where_nobody_answers() -> None:
    assert any("No ICMP at all" in text for text in judged(SAMPLES / "syn-dropped" / "capture.pcap").forbids)


# --- facts -----------------------------------------------------------------------------------------------------------


def test_interfaces_are_named_with_what_each_lost() -> None:
    found = case("every-block")
    assert facts(found, "interface") == [
        "eth0 (uplink), Ethernet, 6 frames, snaplen 262,144, 4 lost, filter: tcp port 22",
        "tun0, raw IP, 1 frame",
        "eth1, Ethernet, 5 frames, 0 lost",
    ]
    assert facts(found, "lost when capturing") == ["4 frames"]


def test_interfaces_of_several_files_are_those_of_each(tmp_path: Path) -> None:
    """Both files have an interface 0, with another name and other drops; their frames alternate."""
    every = sample("no-common-kex-dbclient")
    for place, name in enumerate((b"eth0", b"wlan0")):
        file = Pcapng().section().interface((1, 101)[place], tsresol=9, options=[(2, name)])
        for one in every[place::2]:
            file.enhanced(ip_of(one.octets) if place else one.octets, one.time)
        (tmp_path / name.decode()).write_bytes(bytes(file.statistics(ifdrop=3 + place)))
    analyzer = Analyzer()
    with Captures([str(tmp_path / "eth0"), str(tmp_path / "wlan0")]) as source:
        for block in source.blocks():
            analyzer.feed(block)
        report = analyzer.finish(source.describe())
    interfaces = [one for capture in report.captures for one in capture.interfaces]
    assert [(one.name, one.link_type, one.frames, one.drops) for one in interfaces] == [
        ("eth0", 1, 6, 3), ("wlan0", 101, 6, 4)]  # fmt: skip
    assert facts(quality(report), "lost when capturing") == ["7 frames"]
    assert report.sessions[0].negotiation is not None


def test_text_of_an_interface_cannot_act(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    name = b"\x1b]0;title\x07\xe2\x80\xae\xff" + b"n" * 1000
    path.write_bytes(bytes(Pcapng().section().interface(options=[(2, name)])))
    (one,) = sshpcap.analyze(str(path)).captures[0].interfaces
    assert one.name is not None
    assert one.name.isprintable()
    assert one.name.startswith("\\u001b]0;title\\u0007\\u202e\\xff")
    assert len(one.name) < 2 * limits.MAX_OPTION_TEXT


def test_several_captures_are_told_together() -> None:
    found = case("rotated")
    assert len(facts(found, "capture")) == 3
    assert facts(found, "together") == ["3 captures, read as one in the order of time"]
    assert facts(found, "frames") == ["12 (3,295 octets captured)"]
    assert facts(found, "protocols") == ["tcp 12"]


def test_a_thousand_captures_are_not_told_one_by_one() -> None:
    (one,) = judged_report(SAMPLES / "port-closed" / "capture.pcap").captures
    report = Report(schema_version=1, sshpcap_version="0", captures=(one,) * 1000, sessions=(), notices=())
    found = quality(report)
    assert len(facts(found, "capture")) == limits.SHOWN_CAPTURES
    assert facts(found, "") == [f"and {1000 - limits.SHOWN_CAPTURES:,} more"]
    assert facts(found, "frames")[0].startswith("2,000 ")


def judged_report(path: Path) -> Report:
    return sshpcap.analyze(str(path))


def test_tunnels_are_counted() -> None:
    assert facts(judged(CASES / "tunnels" / "vxlan.pcap"), "tunnels") == ["VXLAN (42) (1 connection)"]


# --- checksums -------------------------------------------------------------------------------------------------------


def checksums(report: Report) -> str:
    (text,) = facts(quality(report), "checksums")
    return text


def test_checksums_tell_where_the_capture_was_taken() -> None:
    assert checksums(judged_report(SAMPLES / "ok-openssh" / "capture.pcap")) == "43 right"
    assert facts(case("offloaded"), "checksums") == [
        "7 not filled in yet: captured on 192.0.2.10, before the network card; 6 right"
    ]
    assert facts(case("damaged-segment"), "checksums") == ["1 wrong; 12 right"]


def test_large_segments_that_the_receiving_card_has_merged_do_not_tell_the_host() -> None:
    """Linux leaves the pseudo header's sum in what generic receive offload has merged: only in those."""
    flow = Flow()
    flow.opens()
    for _ in range(4):
        flow.server.sends(b"x" * 100)
    report = report_of(flow)
    (session,) = report.sessions
    assert session.tcp.server.checksums.right == 5
    from msgspec.structs import replace

    merged = replace(session.tcp.server, checksums=replace(session.tcp.server.checksums, right=3, left_out=2))
    changed = replace(report, sessions=(replace(session, tcp=replace(session.tcp, server=merged)),))
    assert checksums(changed) == "2 not filled in yet (merged by the network card); 5 right"
    assert not any("network card" in text for text in quality(changed).forbids)


def test_where_no_segment_is_whole_nothing_is_said() -> None:
    flow = Flow()
    flow.client.syn(payload=b"", length=10)
    assert checksums(report_of(flow)) == "not to be told: no segment is whole"
