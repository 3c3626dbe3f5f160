"""The view while it goes on: what a person reads at the width of their terminal."""

import io

import pytest

from sshpcap.live.screen import Screen
from sshpcap.live.watch import Watch
from tests.live.test_outputs import changes, state


def shown(monkeypatch: pytest.MonkeyPatch, width: int, *, failures: bool = False) -> list[str]:
    """The lines of the view: one connection in its handshake, and some that are over."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    watch = Watch((22,), tolerant=False)
    told = changes("ok-openssh", "no-common-kex-openssh", "port-closed")
    (going_on,) = [change.session for change in changes("accept-and-close") if change.over]
    monkeypatch.setattr(watch, "open_sessions", lambda at_most: [going_on][:at_most])
    screen = Screen(watch, failures=failures, color=False)
    try:
        for change in told:
            screen.change(change)
        screen.statistics(state("ok-openssh", "no-common-kex-openssh", "port-closed"))
        with screen._console.capture() as capture:
            screen._console.print(screen._view())
    finally:
        screen.close()
    return capture.get().splitlines()


@pytest.mark.parametrize("width", [60, 80, 109, 110, 160, 250])
def test_every_line_fits(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    lines = shown(monkeypatch, width)
    assert all(len(line) <= width for line in lines)
    assert len(lines) <= 24


def test_a_wide_terminal_has_stage_and_result(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, 160)
    (head,) = [line for line in lines if line.startswith("#")]
    assert head.split() == ["#", "client", "server", "stage", "result", "what", "happened"]
    assert any("kexinit" in line and "failed" in line and "No common key exchange method" in line for line in lines)


def test_a_narrow_one_leaves_room_for_what_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, 80)
    (head,) = [line for line in lines if line.startswith("#")]
    assert head.split() == ["#", "client", "server", "state", "what", "happened"]
    (failed,) = [line for line in lines if "failed" in line and "No common" in line]
    assert "No common key exch" in failed
    assert any(line.rstrip().endswith("identification …") for line in lines), "how far the open one is"


def test_failures_only(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, 160, failures=True)
    table = [line for line in lines if line[:1].isdigit() and "192.0.2" in line]
    assert len(table) == 2
    assert not any("encrypted" in line for line in table)
    assert lines[-1].startswith("failures only")
