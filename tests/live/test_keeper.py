"""The recorder: whole, annotated files, within their limits."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import sshpcap
from sshpcap import limits
from sshpcap.capture import open_capture
from sshpcap.capture.recorder_dir import RecorderDirectory
from sshpcap.live.keeper import Keeper
from sshpcap.live.watch import Watch
from tests.live.test_outputs import changes
from tests.support.blocks import block_of, read_file, rows_of
from tests.support.captures import Recorded


def name(at: int) -> str:
    return f"sshpcap-20260101T0000{at:02d}.000000000Z-{at}-refused.pcapng"


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


def test_a_failed_handshake_is_kept_with_what_is_said_of_it(tmp_path: Path) -> None:
    keeper = Keeper(str(tmp_path), 1 << 20, 10, (22,))
    for change in changes("ok-openssh", "no-common-kex-openssh", "ok-dbclient"):
        keeper.change(change)
    keeper.close()
    (path,) = tmp_path.iterdir()
    assert path.name.endswith("-1-no-common-kex-algorithm.pcapng")
    right = sshpcap.analyze("samples/no-common-kex-openssh/capture.pcap").sessions
    assert sshpcap.analyze(path).sessions == right
    rows, _ = read_file("samples/no-common-kex-openssh/capture.pcap")
    kept, capture = read_file(path)
    assert [row[1:] for row in kept] == [row[1:] for row in rows]
    assert capture.notices == ()


@pytest.mark.skipif(not shutil.which("tshark"), reason="no tshark")
def test_wireshark_shows_the_comments(tmp_path: Path) -> None:
    keeper = Keeper(str(tmp_path), 1 << 20, 10, (22,))
    keeper.change(changes("no-common-kex-openssh")[-1])
    (path,) = tmp_path.iterdir()
    shown = subprocess.run(
        ["tshark", "-r", path, "-T", "json", "-e", "frame.number", "-e", "frame.comment"],
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    layers = [packet["_source"]["layers"] for packet in json.loads(shown.stdout)]
    comments = {int(layer["frame.number"][0]): layer.get("frame.comment", []) for layer in layers}
    assert len(comments) == 14
    assert comments[4] == ["identifies itself: SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10"]
    assert any(text.startswith("no-common-kex-algorithm: the client's offer") for text in comments[9])
    assert comments[5] == []


def test_frames_are_numbered_as_in_the_file(tmp_path: Path) -> None:
    """However many came before them on the interface."""
    (change,) = [change for change in changes("no-common-kex-openssh") if change.over]
    later = tuple(kept._replace(number=kept.number + 1_000_000) for kept in change.frames)
    keeper = Keeper(str(tmp_path), 1 << 20, 10, (22,))
    keeper.change(change._replace(frames=later))
    (path,) = tmp_path.iterdir()
    assert b"(FIN, frame 12" in path.read_bytes()


def test_the_file_tells_how_long_was_listened(tmp_path: Path) -> None:
    """Without that a handshake that stalled would look as if the capture had ended in its middle."""
    frames = _until_the_first_identification()
    for patience in (limits.LIVE_HANDSHAKE_NS, limits.LIVE_HANDSHAKE_NS + 7):
        watch = Watch((22,), keep_frames=True, tolerant=False)
        watch.feed(block_of(frames))
        (change,) = [change for change in watch.tick(frames[-1].time + patience) if change.over]
        keeper = Keeper(str(tmp_path), 1 << 20, 10, (22,))
        keeper.change(change)
        (path,) = tmp_path.iterdir()
        (session,) = sshpcap.analyze(path).sessions
        assert session.outcome == change.session.outcome != "incomplete"
        assert session.verdict == change.session.verdict
        path.unlink()


def _until_the_first_identification() -> list[Recorded]:
    with open_capture("samples/ok-openssh/capture.pcap") as source:
        rows = [row for block in source.blocks() for row in rows_of(block)]
    end = next(at for at, row in enumerate(rows) if b"SSH-" in row.octets)
    return [Recorded(row.octets, row.time) for row in rows[: end + 1]]


# --- the directory ---------------------------------------------------------------------------------------------------


def test_the_oldest_make_room_by_number(tmp_path: Path) -> None:
    directory = RecorderDirectory(str(tmp_path), 1 << 20, 3)
    for at in range(7):
        directory.add(name(at), b"x")
    assert names(tmp_path) == [name(4), name(5), name(6)]


def test_the_oldest_make_room_by_octets(tmp_path: Path) -> None:
    directory = RecorderDirectory(str(tmp_path), 1000, 100)
    for at in range(7):
        directory.add(name(at), bytes(300))
    assert names(tmp_path) == [name(4), name(5), name(6)]
    directory.add(name(8), bytes(1001))
    assert names(tmp_path) == [name(4), name(5), name(6)]
    directory.add(name(9), bytes(1000))
    assert names(tmp_path) == [name(9)]


def test_files_of_an_earlier_run_count_and_others_are_left_alone(tmp_path: Path) -> None:
    for other in ("notes.txt", "sshpcap-mine.pcapng", ".hidden.part", "zzz.pcapng"):
        (tmp_path / other).write_bytes(bytes(5000))
    for at in range(3):
        (tmp_path / name(at)).write_bytes(bytes(400))
    (tmp_path / f".{name(3)}.part").write_bytes(b"half")
    directory = RecorderDirectory(str(tmp_path), 1000, 100)
    directory.add(name(5), bytes(300))
    assert names(tmp_path) == sorted(
        [".hidden.part", "notes.txt", "sshpcap-mine.pcapng", "zzz.pcapng", name(2), name(5)]
    )


def test_somebody_else_may_remove_files(tmp_path: Path) -> None:
    directory = RecorderDirectory(str(tmp_path), 1000, 2)
    directory.add(name(1), b"x")
    (tmp_path / name(1)).unlink()
    directory.add(name(2), b"x")
    directory.add(name(3), b"x")
    assert names(tmp_path) == [name(2), name(3)]


def test_only_own_names(tmp_path: Path) -> None:
    directory = RecorderDirectory(str(tmp_path), 1000, 2)
    for bad in ("../x.pcapng", "x", f"{name(1)}/../../y"):
        with pytest.raises(ValueError):
            directory.add(bad, b"")


def test_a_write_that_fails_leaves_nothing_and_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keeper = Keeper(str(tmp_path), 1 << 20, 10, (22,))
    (change,) = [change for change in changes("no-common-kex-openssh") if change.over]

    def full(_out: int, _octets: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        keeper.change(change)
        keeper.change(change)
    assert names(tmp_path) == []
    said = capsys.readouterr().err
    assert said.count("No space left on device") == 1
    keeper.change(change)
    assert len(names(tmp_path)) == 1
