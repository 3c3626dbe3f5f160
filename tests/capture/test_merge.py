"""Several captures as one: rotations, directories, capture points; mergecap as an independent merger."""

import gzip
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sshpcap import limits
from sshpcap.analyzer import Analyzer
from sshpcap.capture import CaptureError, sources
from sshpcap.capture.merge import Captures, expand
from sshpcap.model import Capture
from tests.support.blocks import Row, read_file, rows_of
from tests.support.captures import SAMPLES, Recorded, pcap, pcapng

MERGECAP = shutil.which("mergecap")
SAMPLE = SAMPLES / "ok-openssh" / "capture.pcap"


def read_all(*paths: object) -> tuple[list[Row], tuple[Capture, ...]]:
    with Captures([str(path) for path in paths]) as captures:
        rows = [row for block in captures.blocks() for row in rows_of(block)]
        assert captures.position == captures.size
        return rows, captures.describe()


def written(folder: Path, **files: Sequence[tuple[int, str]]) -> list[Path]:
    """pcap files of frames that are named by a text, at times in nanoseconds."""
    paths: list[Path] = []
    for name, frames in files.items():
        paths.append(folder / name)
        paths[-1].write_bytes(pcap([Recorded(text.encode(), time) for time, text in frames], variant="nanoseconds"))
    return paths


def texts(rows: list[Row]) -> list[str]:
    return [row.octets.decode() for row in rows]


# --- order -----------------------------------------------------------------------------------------------------------


def test_frames_come_in_the_order_of_time_and_are_numbered_through(tmp_path: Path) -> None:
    paths = written(tmp_path, a=[(10, "1"), (30, "3"), (50, "5")], b=[(20, "2"), (40, "4"), (60, "6")], c=[(70, "7")])
    for order in (paths, paths[::-1]):
        rows, captures = read_all(*order)
        assert texts(rows) == list("1234567")
        assert [row.number for row in rows] == list(range(1, 8))
        assert [row.time for row in rows] == list(range(10, 80, 10))
        assert [(Path(capture.path).name, capture.frames) for capture in captures] == [("a", 3), ("b", 3), ("c", 1)]


def test_of_equal_times_the_file_that_began_earlier_comes_first(tmp_path: Path) -> None:
    paths = written(tmp_path, b=[(10, "1"), (20, "2"), (20, "3")], a=[(20, "4"), (20, "5"), (30, "6")])
    assert texts(read_all(*paths)[0]) == texts(read_all(*paths[::-1])[0]) == list("123456")
    paths = written(tmp_path, a=[(10, "a"), (20, "A")], b=[(10, "b"), (20, "B")])
    assert texts(read_all(*paths)[0]) == list("abAB")
    assert texts(read_all(*paths[::-1])[0]) == list("baBA")


def test_a_clock_step_stays_where_it_was(tmp_path: Path) -> None:
    """A frame behind a later one of its own file comes right behind it: it is not sorted away."""
    paths = written(tmp_path, a=[(10, "1"), (50, "4"), (20, "5"), (60, "7")], b=[(30, "2"), (40, "3"), (55, "6")])
    assert texts(read_all(*paths)[0]) == list("1234567")


def test_formats_compressions_and_link_types_may_differ(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(gzip.compress(pcapng([Recorded(b"1", 10), Recorded(b"3", 30)], link_type=113)))
    (tmp_path / "b").write_bytes(pcap([Recorded(b"2", 20)], variant="nanoseconds", link_type=101))
    rows, captures = read_all(tmp_path / "a", tmp_path / "b")
    assert [(row.octets, row.link_type) for row in rows] == [(b"1", 113), (b"2", 101), (b"3", 113)]
    assert [(capture.format, capture.compression) for capture in captures] == [("pcapng", "gzip"), ("pcap", None)]


def test_captures_without_frames_are_told(tmp_path: Path) -> None:
    paths = written(tmp_path, a=[], b=[(10, "1")], c=[])
    rows, captures = read_all(*paths)
    assert texts(rows) == ["1"]
    assert sorted(capture.frames for capture in captures) == [0, 0, 1]
    assert read_all(*written(tmp_path, a=[], c=[]))[0] == []


def test_one_capture_is_as_it_is(tmp_path: Path) -> None:
    rows, (capture,) = read_all(SAMPLE)
    assert (rows, capture) == read_file(SAMPLE)
    shutil.copy(SAMPLE, tmp_path)
    assert read_all(tmp_path)[0] == rows


_files = st.lists(st.lists(st.integers(0, 12), max_size=8), min_size=2, max_size=5)


@given(_files, st.sampled_from([40, 70, 1 << 16]))
@settings(max_examples=150, deadline=None)
def test_the_earliest_next_frame_is_next(
    tmp_path_factory: pytest.TempPathFactory, times: list[list[int]], block_bytes: int
) -> None:
    """Against the definition, one frame after the other, with blocks of one frame, of a few, and of all."""
    folder = tmp_path_factory.mktemp("merge")
    named = {f"f{n}": [(time, f"{n}.{at}") for at, time in enumerate(one)] for n, one in enumerate(times)}
    paths = written(folder, **named)
    queues = sorted((list(frames) for frames in named.values() if frames), key=lambda frames: frames[0][0])
    right = []
    while any(queues):
        right.append(min((queue for queue in queues if queue), key=lambda queue: queue[0][0]).pop(0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "MERGED_BLOCK_BYTES", block_bytes)
        rows, captures = read_all(*paths)
    assert [(row.time, row.octets.decode()) for row in rows] == right
    assert [row.number for row in rows] == list(range(1, len(right) + 1))
    assert len(captures) == len(paths)


# --- mergecap --------------------------------------------------------------------------------------------------------


def by_mergecap(folder: Path, paths: Sequence[Path]) -> list[Row]:
    """Named in reverse, because of equal times mergecap takes the frame of the file that is named last."""
    assert MERGECAP
    target = folder / "merged.out"
    subprocess.run([MERGECAP, "-F", "nsecpcap", "-w", str(target), *map(str, reversed(paths))], check=True)
    rows = read_file(target)[0]
    target.unlink()
    return rows


def rotated(source: Path, folder: Path, frames_each: int) -> list[Path]:
    """As `tcpdump -C` splits: at any frame, also amid a connection; the tenth file sorts before the second."""
    rows, _ = read_file(source)
    paths: list[Path] = []
    for start in range(0, len(rows), frames_each):
        part = [Recorded(row.octets, row.time, row.original) for row in rows[start : start + frames_each]]
        paths.append(folder / f"rotated.pcap{len(paths) or ''}")
        paths[-1].write_bytes(pcap(part, variant="nanoseconds"))
    return paths


@pytest.mark.skipif(MERGECAP is None, reason="mergecap is not installed")
@pytest.mark.parametrize("frames_each", [1, 2, 3, 7, 20])
def test_a_rotation_by_mergecap(tmp_path: Path, frames_each: int) -> None:
    paths = rotated(SAMPLE, tmp_path, frames_each)
    whole = read_file(SAMPLE)[0]
    assert read_all(tmp_path)[0] == by_mergecap(tmp_path, paths) == whole
    assert read_all(*paths[::-1])[0] == whole


@pytest.mark.skipif(MERGECAP is None, reason="mergecap is not installed")
def test_two_overlapping_captures_by_mergecap(tmp_path: Path) -> None:
    """Two capture points: what one saw, the other saw a moment later."""
    rows, _ = read_file(SAMPLE)
    there = tmp_path / "there"
    there.write_bytes(
        pcap([Recorded(row.octets, row.time + 40_000, row.original) for row in rows[3:]], variant="nanoseconds")
    )
    mine, captures = read_all(SAMPLE, there)
    assert mine == by_mergecap(tmp_path, [SAMPLE, there])
    assert len(mine) == 2 * len(rows) - 3
    assert sorted(row.time for row in mine) == [row.time for row in mine]
    assert [capture.frames for capture in captures] == [len(rows), len(rows) - 3]


@pytest.mark.skipif(MERGECAP is None, reason="mergecap is not installed")
def test_equal_times_and_clock_steps_by_mergecap(tmp_path: Path) -> None:
    paths = written(
        tmp_path,
        a=[(at // 3 * 5_000, f"a{at}") for at in range(50)],
        b=[(5_000 + at % 7 * 5_000, f"b{at}") for at in range(50)],
        c=[(7_000 + at * 2_000, f"c{at}") for at in range(50)],
    )
    assert read_all(*paths)[0] == by_mergecap(tmp_path, paths)


# --- sessions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ok-openssh", "no-common-kex-openssh", "server-disconnects"])
@pytest.mark.parametrize("frames_each", [1, 5])
def test_a_connection_may_span_files(tmp_path: Path, name: str, frames_each: int) -> None:
    source = SAMPLES / name / "capture.pcap"
    rotated(source, tmp_path, frames_each)

    def sessions(path: Path) -> object:
        analyzer = Analyzer()
        with Captures([str(path)]) as captures:
            for block in captures.blocks():
                analyzer.feed(block)
        return analyzer.sessions()

    assert sessions(tmp_path) == sessions(source)


# --- what is meant ---------------------------------------------------------------------------------------------------


def test_a_directory_stands_for_the_captures_in_it(tmp_path: Path) -> None:
    written(tmp_path, b=[(20, "2")], a=[(10, "1")])
    (tmp_path / "notes.txt").write_text("what we did\n")
    (tmp_path / "new.pcap").write_bytes(b"")
    (tmp_path / "deeper").mkdir()
    os.mkfifo(tmp_path / "pipe")
    files, notices = expand([str(tmp_path)])
    assert files == [str(tmp_path / "a"), str(tmp_path / "b")]
    assert {notice.code for notice in notices} == {"not-a-capture"}
    assert [notice.text.split(" was left out: ")[0] for notice in notices] == [
        "deeper",
        "new.pcap",
        "notes.txt",
        "pipe",
    ]
    assert "it begins like a text file" in notices[2].text
    with Captures([str(tmp_path)]) as captures:
        assert captures.notices == notices


def test_many_other_files_are_told_together(tmp_path: Path) -> None:
    written(tmp_path, capture=[(10, "1")])
    for number in range(limits.MAX_NOTICES + 20):
        (tmp_path / f"note{number:03}").write_text("x")
    files, notices = expand([str(tmp_path)])
    assert len(files) == 1
    assert len(notices) == limits.MAX_NOTICES
    assert notices[-1].text == "21 more files were left out"


def test_a_file_is_read_once(tmp_path: Path) -> None:
    (path,) = written(tmp_path, a=[(10, "1")])
    (tmp_path / "latest").symlink_to("a")
    files, (notice,) = expand([str(tmp_path), str(path)])
    assert files == [str(path)]
    assert (notice.code, notice.count) == ("same-file", 2)
    assert texts(read_all(tmp_path, path)[0]) == ["1"]


def test_what_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = written(tmp_path, a=[(10, "1")])
    (tmp_path / "deeper").mkdir()
    (tmp_path / "text").write_text("hello")
    for paths, what in (
        ([tmp_path / "deeper"], "a directory without a capture in it"),
        ([path, tmp_path / "missing"], "no such file"),
        ([path, tmp_path / "text"], "it begins like a text file"),
        ([tmp_path / "missing"], "no such file"),
        (["null\0inside", path], "embedded null byte"),
        (["-", path], "-: standard input can only be read alone"),
        ([path, "-"], "-: standard input can only be read alone"),
        (["-", "-"], "-: standard input can only be read alone"),
    ):
        with pytest.raises(CaptureError, match=what):
            Captures([str(one) for one in paths])

    def refuse(self: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(CaptureError, match="permission denied"):
        Captures([str(tmp_path)])


# --- bounds ----------------------------------------------------------------------------------------------------------


def test_files_are_open_only_while_they_are_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_OPEN_CAPTURES", 2)
    written(tmp_path, **{f"f{n:02}": [(n * 10, str(n)), (n * 10 + 12, "overlaps")] for n in range(30)})
    most = 0
    with Captures([str(tmp_path)]) as captures:
        assert captures._open == []
        for _ in captures.blocks():
            most = max(most, len(captures._open))
        assert captures._open == []
        assert len(captures.describe()) == 30
    assert most == 2


def test_too_many_captures_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_OPEN_CAPTURES", 3)
    written(tmp_path, **{f"f{n}": [(n, "begins"), (1000, "ends")] for n in range(4)})
    with (
        Captures([str(tmp_path)]) as captures,
        pytest.raises(CaptureError, match="more than 3 captures overlap in time"),
    ):
        list(captures.blocks())
    assert captures._open == []


def test_the_first_time_is_looked_up_once_and_costs_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, **{f"f{n}": [(n, "x" * 50_000) for _ in range(8)] for n in range(3)})
    read: dict[str, list[int]] = {}
    close = sources.Source.close

    def note(self: sources.Source) -> None:
        if not self._raw.closed:
            read.setdefault(Path(self.path).name, []).append(self.position)
        close(self)

    monkeypatch.setattr(sources.Source, "close", note)
    rows, _ = read_all(*sorted(tmp_path.iterdir()))
    assert len(rows) == 24
    assert set(map(len, read.values())) == {2}
    assert all(first <= 4 * limits.FIRST_LOOK_BYTES < last for first, last in read.values())


def test_large_captures_are_merged_in_blocks(tmp_path: Path) -> None:
    """Frames that alternate between two files come in blocks, not one by one."""
    files = {n: [(2 * at + n, "x" * 100) for at in range(30_000)] for n in (0, 1)}
    paths = written(tmp_path, even=files[0], odd=files[1])
    with Captures([str(path) for path in paths]) as captures:
        blocks = [(len(block.number), len(block.buffer)) for block in captures.blocks()]
    assert sum(rows for rows, _ in blocks) == 60_000
    assert len(blocks) < 20
    assert max(size for _, size in blocks) <= 2 * limits.MERGED_BLOCK_BYTES


def test_pipes_among_the_files(tmp_path: Path) -> None:
    """`sshpcap <(zcat a.gz) <(zcat b.gz)`: a pipe cannot be asked for its time and read again."""
    written(tmp_path, a=[(10, "1"), (30, "3")], b=[(20, "2"), (40, "4")])
    pipes = [tmp_path / "pipe-a", tmp_path / "pipe-b"]
    for pipe in pipes:
        os.mkfifo(pipe)
    threads = [
        threading.Thread(target=pipe.write_bytes, args=((tmp_path / pipe.name[-1]).read_bytes(),)) for pipe in pipes
    ]
    for thread in threads:
        thread.start()
    rows, captures = read_all(*pipes)
    for thread in threads:
        thread.join()
    assert texts(rows) == list("1234")
    assert [capture.frames for capture in captures] == [2, 2]
