"""Two captures of one connection at two places: each is told as if it had been read alone; or nothing is sure."""

import json
from pathlib import Path
from typing import Any

import pytest

import sshpcap
from sshpcap.capture import open_capture
from tests.golden import run
from tests.support.captures import MORE_CAPTURES, SAMPLES, Recorded, pcap
from tests.support.transforms import other_end

PAIRS = [
    path
    for path in sorted(MORE_CAPTURES.glob("*.client.pcap"))
    if path.with_name(path.name.replace(".client.", ".server.")).exists()
]
MILLISECOND = 1_000_000
SECOND = 1000 * MILLISECOND
NAMES = (
    "ok-openssh", "no-common-kex-openssh", "path-mtu-black-hole", "dropped-midflow", "dropped-both-ways",
    "wrong-password", "host-key-changed-openssh", "server-stuck-in-key-exchange", "receiver-stuck", "slow-names",
    "login-grace-time", "rejected-with-a-reset", "session-killed", "syn-dropped", "icmp-rejected",
)  # fmt: skip
"""Findings of every kind: about time, repetitions, and what was said."""


def frames_of(path: Path) -> list[Recorded]:
    with open_capture(str(path)) as source:
        return [
            Recorded(bytes(block.frame(row)), int(block.time[row]), int(block.original[row]))
            for block in source.blocks()
            for row in range(len(block.number))
        ]


def both_ends(name: str, folder: Path, *, delay: int, clock: int, slower: int = 1) -> list[str]:
    """`slower`: all of it takes so many times longer, so that there is room for delays: a lab's paths have none."""
    here = frames_of(SAMPLES / name / "capture.pcap")
    start = here[0].time
    here = [frame._replace(time=start + (frame.time - start) * slower) for frame in here]
    paths = [folder / "client.pcap", folder / "server.pcap"]
    paths[0].write_bytes(pcap(here))
    paths[1].write_bytes(pcap(other_end(here, delay=delay, clock=clock)))
    return [str(path) for path in paths]


def report_of(*arguments: str) -> dict[str, Any]:
    printed, code = run([*arguments, "--format", "json"])
    assert code == 0, printed
    report: dict[str, Any] = json.loads(printed)
    return report


def codes(report: dict[str, Any]) -> list[str]:
    return [notice["code"] for notice in report["notices"]]


def said(report: dict[str, Any]) -> list[Any]:
    """All that is said of the connections, without the numbers of frames."""
    return [
        (one["outcome"], one["stage"], one["verdict"]["cause"], one["verdict"]["confidence"], one["close"]["how"],
         one["close"]["by"], one["tcp"]["client"]["retransmissions"], one["tcp"]["server"]["retransmissions"],
         one["start"], [(finding["id"], finding["confidence"]) for finding in one["findings"]])
        for one in report["sessions"]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("clock", "slower"),
    [(-7200 * SECOND, 1), (-3 * SECOND, 1), (300 * MILLISECOND, 1), (3 * SECOND, 1), (0, 1000), (SECOND, 1000)],
)
@pytest.mark.parametrize("name", NAMES)
def test_each_is_told_as_if_it_were_alone(name: str, clock: int, slower: int, tmp_path: Path) -> None:
    ends = both_ends(name, tmp_path, delay=10_000 * slower, clock=clock, slower=slower)
    together = report_of(*ends)
    if not clock and name in ("syn-dropped", "icmp-rejected"):
        return  # SYNs alone are known by their IP identification to be the same: `test_one_clock…`
    assert codes(together)[0] == "captures-apart"
    assert said(together) == [one for path in ends for one in said(report_of(path))]
    assert [session["index"] for session in together["sessions"]] == list(range(1, len(together["sessions"]) + 1))
    # Frames are numbered on.
    counts = [capture["frames"] for capture in together["captures"]]
    firsts = [session["tcp"]["client"]["first_frame"] for session in together["sessions"]]
    alone = report_of(ends[0])["sessions"][0]["tcp"]["client"]["first_frame"]
    assert firsts[0] == alone
    assert firsts[len(firsts) // 2] == alone + counts[0]


@pytest.mark.skipif(not PAIRS, reason="no recordings beside the checkout")
@pytest.mark.parametrize("client", PAIRS, ids=lambda path: path.stem)
def test_real_captures_of_both_ends(client: Path, tmp_path: Path) -> None:
    """Of one machine's clock; that of the server is set three seconds forward here."""
    server = client.with_name(client.name.replace(".client.", ".server."))
    later = tmp_path / "server.pcap"
    later.write_bytes(pcap([frame._replace(time=frame.time + 3 * SECOND) for frame in frames_of(server)]))
    alone = [report_of(str(path), "-p", "2222") for path in (client, later)]
    together = report_of(str(client), str(later), "-p", "2222")
    seen = [{one["wireshark_filter"] for one in report["sessions"]} for report in alone]
    if seen[0] & seen[1]:
        assert codes(together)[0] == "captures-apart"
        assert said(together) == said(alone[0]) + said(alone[1])


def test_the_names_stand_there_and_in_an_anonymous_report_they_do_not(tmp_path: Path) -> None:
    ends = both_ends("ok-openssh", tmp_path, delay=10_000, clock=SECOND)
    text, _ = run(ends)
    plain = " ".join(text.replace("!", "").split())
    assert "connection 1 is as client.pcap shows it, connection 2 is as server.pcap does" in plain
    assert "as mergecap -a puts them together" in plain
    hidden, _ = run([*ends, "--anonymize"])
    assert "client.pcap" not in hidden
    assert "server.pcap" not in hidden


def test_a_rotation_of_two_places_is_not_parted(tmp_path: Path) -> None:
    """Both copies of the SYN are in the first file: the second one goes on with the same connection."""
    here = frames_of(SAMPLES / "ok-openssh" / "capture.pcap")
    both = sorted([*here, *other_end(here, delay=10_000, clock=SECOND)], key=lambda frame: frame.time)
    paths = [tmp_path / "one.pcap", tmp_path / "two.pcap"]
    cut = len(here) + 10
    paths[0].write_bytes(pcap(both[:cut]))
    paths[1].write_bytes(pcap(both[cut:]))
    together = report_of(*map(str, paths))
    assert "captures-apart" not in codes(together)
    assert len(together["sessions"]) == 1
    assert together["sessions"][0]["coverage"]["elsewhere_frame"] <= cut


def test_copies_that_are_known_for_copies_make_nothing_unsure(tmp_path: Path) -> None:
    """A router that holds packets back for 30 ms, captured on both of its sides with one clock (`-i any`): only Linux's
    SYN-ACK, without an IP identification, comes too late for a bridge."""
    path = tmp_path / "both.pcap"
    name = "path-mtu-black-hole"
    paths = both_ends(name, tmp_path, delay=10_000 * 1000, clock=0, slower=1000)
    both = sorted([frame for one in paths for frame in frames_of(Path(one))], key=lambda frame: frame.time)
    path.write_bytes(pcap(both))
    (session, *_) = sshpcap.analyze(path).sessions
    (alone, *_) = sshpcap.analyze(Path(paths[0])).sessions
    assert session.coverage.elsewhere_frame is not None
    assert session.verdict.cause == alone.verdict.cause == "path-mtu-black-hole"
    assert session.verdict.confidence != "low"
    assert "incomplete-capture" not in {finding.id for finding in session.findings} - {f.id for f in alone.findings}


def test_info_knows_that_they_were_read_apart(tmp_path: Path) -> None:
    ends = both_ends("ok-openssh", tmp_path, delay=10_000, clock=SECOND)
    printed, code = run(["info", *ends])
    assert code == 0
    assert "2 captures, read each by itself" in printed
    counts = [report_of(path)["captures"][0]["protocols"]["tcp"] for path in ends]
    assert report_of(*ends)["captures"][-1]["protocols"]["tcp"] == sum(counts)
    assert report_of(*ends)["captures"][0]["protocols"] == {}


def test_what_reads_the_captures_again_finds_the_same_frames(tmp_path: Path) -> None:
    ends = both_ends("no-common-kex-openssh", tmp_path, delay=10_000, clock=SECOND)
    frames = sum(capture["frames"] for capture in report_of(*ends)["captures"])
    text, _ = run([*ends, "--verbose"])
    alone, _ = run([ends[0], "--verbose"])
    assert text.count(" SYN ") >= 2 * alone.count(" SYN ")
    out = tmp_path / "slice.pcapng"
    printed, code = run(["slice", *ends, "-o", str(out)])
    assert code == 0, printed
    assert f"{frames} frames" in printed
    assert len(frames_of(out)) == frames
    printed, code = run(["ticket", *ends, "-o", str(tmp_path / "bundle")])
    assert code == 0, printed


def test_one_clock_and_a_bridge_between_are_one_capture(tmp_path: Path) -> None:
    together = report_of(*both_ends("ok-openssh", tmp_path, delay=10_000, clock=0))
    assert "captures-apart" not in codes(together)
    assert len(together["sessions"]) == 1


def test_rotated_files_are_one_capture(tmp_path: Path) -> None:
    """A SYN that is sent again has another timestamp."""
    frames = frames_of(SAMPLES / "syn-dropped" / "capture.pcap")
    paths = [tmp_path / "one.pcap", tmp_path / "two.pcap"]
    paths[0].write_bytes(pcap(frames[:2]))
    paths[1].write_bytes(pcap(frames[2:]))
    together = report_of(*map(str, paths))
    assert "captures-apart" not in codes(together)
    assert said(together) == said(report_of(str(SAMPLES / "syn-dropped" / "capture.pcap")))


@pytest.mark.parametrize("name", ["ok-openssh", "no-common-kex-openssh", "path-mtu-black-hole", "dropped-midflow"])
def test_put_into_one_file_nothing_of_the_path_is_sure(name: str, tmp_path: Path) -> None:
    here = frames_of(SAMPLES / name / "capture.pcap")
    there = other_end(here, delay=10_000, clock=3 * SECOND)
    path = tmp_path / "both.pcap"
    path.write_bytes(pcap(sorted([*here, *there], key=lambda frame: frame.time)))
    (session, *_) = sshpcap.analyze(path).sessions
    assert session.coverage.elsewhere_frame is not None
    told = {finding.id: finding for finding in session.findings}
    assert f"Frame {session.coverage.elsewhere_frame} is a SYN" in told["incomplete-capture"].summary
    surely = {finding.id for finding in session.findings if finding.confidence != "low"} - {"incomplete-capture"}
    assert surely == ({"no-common-kex-algorithm"} if name == "no-common-kex-openssh" else set())
