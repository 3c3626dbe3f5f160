"""The ladder: arrows, gaps with names, what was repeated and lost, the step that decided; and its lines' widths."""

import pytest

from sshpcap.report import ladder
from sshpcap.report.clock import Clock
from sshpcap.report.view import Options, view
from tests.support.hostile import hostile_flows
from tests.support.sessions import closed, greeted, proposed, report_of, session_of
from tests.support.wireflow import START, Flow


def _drawn(flow: Flow, width: int = 100, glyphs: ladder.Glyphs = ladder.ASCII) -> list[str]:
    steps = ladder.steps(session_of(flow))
    lines = ladder.draw(steps, ("192.0.2.10:40022", "203.0.113.7:22"), width, glyphs, "seconds")
    return [f"{line.before} {line.mark} {line.body}" for line in lines]


def test_who_speaks_is_where_the_arrow_begins() -> None:
    lines = _drawn(closed(greeted()))
    assert any("| asks for a connection (SYN) ---" in line and line.endswith(">|") for line in lines)
    assert any("|<---" in line and line.endswith("accepts the connection (SYN-ACK) |") for line in lines)


def test_the_decisive_step_is_marked() -> None:
    (line,) = [line for line in _drawn(closed(greeted())) if " * |" in line]
    assert "closes its direction (FIN) ====" in line


def test_a_pause_is_drawn_and_named() -> None:
    flow = greeted()
    flow.wait(30)
    pause = [line for line in _drawn(closed(flow, by="server")) if ":" in line and "30.0 s" in line]
    assert any("30.0 s without" in line for line in pause), pause


def test_a_pause_that_a_hole_could_explain_has_no_name() -> None:
    flow = greeted()
    flow.server.skips(10)
    flow.wait(30)
    lines = _drawn(closed(flow, by="client"))
    assert any("30.0 s pass" in line for line in lines)
    assert not any("30.0 s without" in line for line in lines)


def test_silence_at_the_end_is_a_pause() -> None:
    flow = proposed()
    flow.wait(30)
    flow.client.acks()
    assert ladder.steps(session_of(flow))[-1].text.endswith("of the client; then the capture ends")


def test_unanswered_and_repeated_syns() -> None:
    flow = Flow()
    for _ in range(3):
        flow.client.syn()
        flow.wait(3)
    steps = [step for step in ladder.steps(session_of(flow)) if not step.gap]
    assert [step.again for step in steps] == [False, True, True]
    assert len({step.lost for step in steps}) == 1


@pytest.mark.parametrize("width", [60, 80, 160])
@pytest.mark.parametrize("name", dict(hostile_flows()))
def test_no_line_is_wider_than_asked(name: str, width: int) -> None:
    shown = view(report_of(dict(hostile_flows())[name]), Options())
    for detail in shown.details:
        for glyphs in (ladder.ASCII, ladder.UNICODE):
            lines = ladder.draw(detail.steps, detail.ends, width, glyphs, "seconds")
            assert max(len(f"{line.before} {line.mark} {line.body}") for line in lines) <= width


def test_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    assert Clock("relative").of_row(START + 1_500_000, START) == "0.001500"
    assert Clock("utc").of_row(START + 1_500_000, START) == "22:13:20.001500"
    assert Clock("utc").moment(START) == "2023-11-14 22:13:20.000 UTC"
    monkeypatch.setenv("TZ", "UTC-5:30")
    time.tzset()
    try:
        assert Clock("local").of_row(START, START) == "03:43:20.000000"
        assert Clock("local").moment(START) == "2023-11-15 03:43:20.000 +0530"
    finally:
        monkeypatch.undo()
        time.tzset()
