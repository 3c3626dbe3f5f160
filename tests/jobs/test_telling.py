"""However many processes tell the connections, the report is the same, and nothing is left of them."""

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sshpcap
from benchmarks.make import write_pcap
from benchmarks.shapes import SHAPES
from sshpcap import limits, rules, teller
from sshpcap.analyzer import Analyzer
from sshpcap.capture import Captures
from sshpcap.cli import common
from sshpcap.connection import Connection
from sshpcap.interpret import interpret
from sshpcap.jobs import telling
from sshpcap.model import Report, Session
from sshpcap.report import FORMATS
from sshpcap.report.view import Options
from sshpcap.ssh import groups
from sshpcap.ssh.groups import Group, Groups
from sshpcap.teller import Teller, Told
from tests.golden import ROOT, capture_of, cases
from tests.support.captures import captures_at_hand, name_of, sampled

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")

RECORDED = [*captures_at_hand(), *sorted((ROOT / "tests" / "handshakes").rglob("*.pcap*"))]
MADE = [capture_of(case) for case in cases() if case.parent.name == "cases"]
GROUP_EXCHANGE = ROOT / "tests" / "handshakes" / "group-exchange" / "capture.pcap"


def _children() -> set[int]:
    """Processes that this one has begun, ended or not."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == os.getpid():
                found.add(int(path.parent.name))
    return found


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small shares; afterwards no child, and no descriptor more than before."""
    monkeypatch.setattr(limits, "TOLD_BY_A_JOB", 1)
    monkeypatch.setattr(telling, "_TOGETHER", 3)
    descriptors, children = os.listdir("/proc/self/fd"), _children()
    yield
    assert set(os.listdir("/proc/self/fd")) <= set(descriptors)
    assert _children() <= children


def report_on(paths: list[Path], jobs: int, **words: Any) -> Report:
    analyzer = Analyzer(jobs=jobs, **words)
    with Captures([str(path) for path in paths]) as source:
        for block in source.blocks():
            analyzer.feed(block)
        return analyzer.finish(source.describe(), release=True)


def shown(report: Report) -> list[str]:
    return [FORMATS[form](report, Options()) for form in ("json", "ndjson", "markdown", "plain")]


def forks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Processes that are begun from now on."""
    found: list[int] = []
    fork = os.fork

    def counted() -> int:
        process = fork()
        if process:
            found.append(process)
        return process

    monkeypatch.setattr(os, "fork", counted)
    return found


def every_capture() -> list[Path]:
    """What is committed; merged in the order of time, their servers have the same addresses and many keys."""
    return [path for path in [*RECORDED, *MADE] if path.is_relative_to(ROOT)]


@pytest.mark.parametrize("path", [*sampled(RECORDED, ours=3), *MADE], ids=name_of)
def test_every_capture_is_told_the_same_by_several_processes(path: Path) -> None:
    alone = shown(report_on([path], 1))
    assert shown(report_on([path], 2)) == alone
    assert shown(report_on([path], 3)) == alone


def test_all_captures_as_one_are_told_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that a server showed before are in the part of another process."""
    alone = report_on(every_capture(), 1)
    told_before = [one.index for one in alone.sessions if one.host_key is not None and one.host_key.shown_before]
    assert len(told_before) > 20
    judged: list[int] = []
    judge = rules.judge

    def noted(session: Session) -> Session:
        judged.append(session.index)
        return judge(session)

    monkeypatch.setattr(rules, "judge", noted)
    settled: list[int] = []
    settle = Teller.settle

    def counted(self: Teller, connection: Connection, told: Told, until: int) -> Session | None:
        settled.append(connection.index)
        return settle(self, connection, told, until)

    monkeypatch.setattr(Teller, "settle", counted)
    begun = forks(monkeypatch)
    for jobs in (2, 3, 5):
        judged.clear()
        settled.clear()
        several = report_on(every_capture(), jobs)
        assert shown(several) == shown(alone)
        assert several == alone
        again = set(judged) & set(settled)
        assert again
        assert again <= set(told_before)
        assert len(settled) >= len(alone.sessions) // 3
    assert len(begun) == 1 + 2 + 4


@pytest.mark.parametrize("room", [0, 2, 5])
def test_the_limit_on_tested_groups_is_that_of_one_process(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """Seven connections with a modulus each, five of them to be tested where none is known by name."""
    monkeypatch.setattr(limits, "GROUPS_TESTED", room)
    monkeypatch.setattr(groups, "_NAMES", {})
    alone = report_on([GROUP_EXCHANGE], 1)
    assert shown(alone)[0].count('"not tested"') == 2 + 5 - room
    for jobs in (2, 3, 7):
        assert report_on([GROUP_EXCHANGE], jobs) == alone


@given(
    st.lists(st.lists(st.integers(1000, 1040).map(lambda n: 2 * n + 1), max_size=4), max_size=30),
    st.lists(st.integers(0, 30), max_size=4),
    st.integers(0, 6),
)
def test_groups_of_several_processes_are_those_of_one(asked: list[list[int]], cuts: list[int], room: int) -> None:
    """What `Teller.settle` does: a part that agrees is taken as it is, one that does not is asked again here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "GROUPS_TESTED", room)
        alone, here = Groups(), Groups()
        wanted = [[alone.judge(p) for p in some] for some in asked]
        elsewhere = [Groups() for _ in range(31)]
        found = []
        for number, some in enumerate(asked):
            other = elsewhere[sum(cut <= number for cut in cuts)]
            other.said = said = dict[int, Group]()
            judged = [other.judge(p) for p in some]
            found.append(judged if here.agree(said) else [here.judge(p) for p in some])
        assert found == wanted


MANY = 30


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("jobs") / "failures.pcap"
    with path.open("wb") as file:
        write_pcap(SHAPES["failures"](MANY / 10_000), file)
    return path


def test_a_flood_with_limits_hit_is_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "flood.pcap"
    with path.open("wb") as file:
        write_pcap(SHAPES["flood"](0.01), file)
    for name, value in (("MAX_UNANSWERED", 100), ("MAX_CONNECTIONS", 200), ("MAX_SERVERS", 1), ("MAX_ADDRESSES", 7)):
        monkeypatch.setattr(limits, name, value)
        alone = report_on([path], 1)
        assert report_on([path], 2) == alone
        assert report_on([path], 3) == alone


def _dies(teller: Teller, connection: Connection, until: int) -> Told:
    if connection.index == MANY - 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return TELL_ELSEWHERE(teller, connection, until)


def _leaves(teller: Teller, connection: Connection, until: int) -> Told:
    if connection.index == MANY - 5:
        os._exit(3)
    return TELL_ELSEWHERE(teller, connection, until)


def _knows_nothing(teller: Teller, connection: Connection, until: int) -> Told:
    return Told(None, {})


def _cannot_send(teller: Teller, connection: Connection, until: int) -> Any:
    return threading.Lock()


def _is_interrupted(teller: Teller, connection: Connection, until: int) -> Told:
    raise KeyboardInterrupt


TELL_ELSEWHERE = Teller.tell_elsewhere


@pytest.mark.parametrize("fate", [_dies, _leaves, _knows_nothing, _cannot_send, _is_interrupted])
def test_what_a_child_does_not_say_is_told_here(
    monkeypatch: pytest.MonkeyPatch, failures: Path, fate: Callable[[Teller, Connection, int], Told]
) -> None:
    alone = report_on([failures], 1)
    assert len(alone.sessions) == MANY
    monkeypatch.setattr(Teller, "tell_elsewhere", fate)
    begun = forks(monkeypatch)
    assert report_on([failures], 3) == alone
    assert len(begun) == 2


def _nothing_left(*_: object) -> int:
    raise BlockingIOError(11, "Resource temporarily unavailable")


@pytest.mark.parametrize("name", ["fork", "pipe", "memfd_create"])
def test_where_the_system_has_nothing_to_give_one_process_tells(
    monkeypatch: pytest.MonkeyPatch, failures: Path, name: str
) -> None:
    alone = report_on([failures], 1)
    monkeypatch.setattr(os, name, _nothing_left)
    assert report_on([failures], 3) == alone


def test_nothing_is_forked_beside_other_threads_or_for_a_few(monkeypatch: pytest.MonkeyPatch, failures: Path) -> None:
    alone = report_on([failures], 1)
    begun = forks(monkeypatch)
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert report_on([failures], 3) == alone
    finally:
        done.set()
        thread.join()
    monkeypatch.setattr(limits, "TOLD_BY_A_JOB", MANY)
    assert report_on([failures], 3) == alone
    assert begun == []
    monkeypatch.setattr(limits, "TOLD_BY_A_JOB", MANY // 2)
    assert report_on([failures], 3) == alone
    assert len(begun) == 1
    monkeypatch.setattr(limits, "TOLD_BY_A_JOB", 1)
    monkeypatch.setattr(limits, "MAX_JOBS", 4)
    assert report_on([failures], 1000) == alone
    assert len(begun) == 1 + 3


class _OursError(Exception):
    pass


def _fails_at(numbers: tuple[int, ...]) -> Callable[..., Session]:
    whole = interpret

    def failing(recorder: Any, *, index: int, **words: Any) -> Session:
        if index in numbers:
            raise _OursError(index)
        return whole(recorder, index=index, **words)

    return failing


def test_errors_of_ours_are_the_same_notices_in_the_same_order(monkeypatch: pytest.MonkeyPatch, failures: Path) -> None:
    monkeypatch.setattr(teller, "interpret", _fails_at((2, 12, 13, 29)))
    alone = report_on([failures], 1, tolerant=True)
    assert len(alone.sessions) == MANY - 4
    assert [int(notice.text.split("_OursError(")[1][:-1]) for notice in alone.notices] == [2, 12, 13, 29]
    assert report_on([failures], 3, tolerant=True) == alone
    monkeypatch.setattr(limits, "MAX_NOTICES", 3)
    few = report_on([failures], 1, tolerant=True)
    assert len(few.notices) == 3
    assert report_on([failures], 3, tolerant=True) == few


@pytest.mark.parametrize("number", [2, MANY - 1])
def test_an_error_that_is_not_tolerated_ends_everything(
    monkeypatch: pytest.MonkeyPatch, failures: Path, number: int
) -> None:
    monkeypatch.setattr(teller, "interpret", _fails_at((number,)))
    with pytest.raises(_OursError, match=str(number)):
        report_on([failures], 3)


def test_an_interruption_ends_the_children(monkeypatch: pytest.MonkeyPatch, failures: Path) -> None:
    """They would have waited for ever: `_clean` finds none of them left."""
    monkeypatch.setattr(Teller, "tell_elsewhere", lambda *_: signal.pause())
    monkeypatch.setattr(Teller, "tell", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    # A shell starts what runs in its background with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            report_on([failures], 3)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_of_the_caller_does_not_run_in_a_child(monkeypatch: pytest.MonkeyPatch, failures: Path) -> None:
    alone = report_on([failures], 1)
    called: list[int] = []
    monkeypatch.setattr(Teller, "tell_elsewhere", lambda *_: os.kill(os.getpid(), signal.SIGUSR1))
    before = signal.signal(signal.SIGUSR1, lambda number, _: called.append(number))
    try:
        assert report_on([failures], 2) == alone
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert called == []


def test_ignored_children_are_ended_too(failures: Path) -> None:
    """Where SIGCHLD is ignored the system reaps them by itself."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert report_on([failures], 3) == report_on([failures], 1)
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_a_child_that_ends_between_two_looks_is_no_error(monkeypatch: pytest.MonkeyPatch, failures: Path) -> None:
    """It was there when it was asked for, and reaped by the system before it was killed."""
    wait = os.waitpid

    def still_there(process: int, options: int) -> tuple[int, int]:
        if not options:
            return wait(process, options)
        wait(process, 0)
        return 0, 0

    monkeypatch.setattr(os, "waitpid", still_there)
    assert report_on([failures], 2) == report_on([failures], 1)


def test_analyze_takes_jobs(monkeypatch: pytest.MonkeyPatch, failures: Path) -> None:
    begun = forks(monkeypatch)
    alone = sshpcap.analyze(failures)
    assert not begun
    assert sshpcap.analyze(failures, jobs=2) == alone
    assert len(begun) == 1


def test_a_progress_bar_leaves_no_thread_that_forbids_a_fork(monkeypatch: pytest.MonkeyPatch, failures: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setattr(common, "_PROGRESS_BYTES", 0)
    begun = forks(monkeypatch)
    assert len(common.read((str(failures),), (), None, jobs=2).sessions) == MANY
    assert "reading" in shown.getvalue()
    assert len(begun) == 1


@pytest.mark.parametrize("form", ["text", "json", "ndjson"])
def test_the_command_prints_the_same_octets(tmp_path: Path, form: str) -> None:
    """A whole process: what is buffered for standard output is not written twice."""
    path = tmp_path / "many.pcap"
    with path.open("wb") as file:
        write_pcap(SHAPES["failures"](0.06), file)
    printed = [
        subprocess.run([sys.executable, "-m", "sshpcap", "-f", form, *words, str(path)], capture_output=True, cwd=ROOT)
        for words in ((), ("--jobs", "2"), ("-j", "3"))
    ]
    assert printed[0].stdout
    assert printed[0].returncode == 0
    for one in printed[1:]:
        assert (one.stdout, one.stderr, one.returncode) == (printed[0].stdout, printed[0].stderr, 0)
