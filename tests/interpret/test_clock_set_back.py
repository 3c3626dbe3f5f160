"""A clock that is set back during the capture: nothing waited for as long as the clock then says."""

from tests.support.sessions import proposed, session_of
from tests.support.wireflow import SECOND


def test_a_step_back_is_no_wait() -> None:
    flow = proposed()
    flow.now -= 40 * SECOND
    flow.client.acks()
    session = session_of(flow)
    assert session.coverage.clock_steps == 1
    assert session.awaited is not None
    assert session.awaited.waited.seconds < 1
    assert (session.outcome, session.verdict.cause) == ("incomplete", "incomplete-capture")


def test_a_wait_behind_a_small_step_is_still_seen() -> None:
    flow = proposed()
    flow.now -= SECOND
    flow.client.acks()
    flow.wait(60)
    flow.client.acks()
    session = session_of(flow)
    assert session.awaited is not None
    assert 57 < session.awaited.waited.seconds < 60
    assert session.outcome == "stalled"
