"""A filter for SYN, FIN and RST leaves numbers: they tell that something was said, so that nothing is told of silence.

`tcp[tcpflags] & (tcp-syn|tcp-fin|tcp-rst) != 0` is a usual filter on busy hosts. What was really sent is what the flow
skips.
"""

import pytest

from sshpcap.frames import RST
from sshpcap.model import Session
from tests.support.sessions import report_of, session_of
from tests.support.wireflow import SECOND, Flow


def _opened() -> Flow:
    flow = Flow()
    flow.client.syn()
    flow.server.syn_ack()
    flow.wait(3)
    return flow


def _spoke(*, client: int = 3673, server: int = 4177) -> Flow:
    flow = _opened()
    flow.client.skips(client)
    flow.server.skips(server)
    return flow


def _says_nothing_of_silence(session: Session) -> None:
    assert session.outcome == "incomplete"
    assert [finding.id for finding in session.findings] == ["incomplete-capture"]


def test_octets_before_a_fin_were_sent() -> None:
    flow = _spoke()
    flow.client.fin()
    flow.server.fin()
    session = session_of(flow)
    _says_nothing_of_silence(session)
    assert "7,850 octets were sent, and none of them was captured" in session.verdict.summary
    # The server's only FIN stands behind all that the client had acknowledged: the client's came first.
    assert (session.close.by, session.close.confidence) == ("client", "high")


@pytest.mark.parametrize("by", ["client", "server"])
@pytest.mark.parametrize("changes", [{}, {"flags": RST, "window": 0, "ack": 0}], ids=["abort", "gone"])
def test_octets_before_a_reset_were_sent(by: str, changes: dict[str, int]) -> None:
    flow = _spoke()
    (flow.client if by == "client" else flow.server).rst(**changes)
    _says_nothing_of_silence(session_of(flow))


def test_who_resets_at_the_first_number_has_said_nothing() -> None:
    flow = _opened()
    flow.server.rst()
    assert session_of(flow).verdict.cause == "server-closed-before-identification"


def test_a_client_that_closes_at_the_first_number_has_said_nothing() -> None:
    flow = _opened()
    flow.client.fin()
    flow.server.fin()
    assert session_of(flow).verdict.cause == "client-closed-before-identification"


def test_one_syn_ack_and_no_more_is_no_handshake_that_stands_still() -> None:
    """A server without an acknowledgement repeats its SYN-ACK after a second: it had one."""
    flow, later = _opened(), Flow(ports=(40023, 22))
    later.now = flow.now + 20 * SECOND
    later.client.syn()
    assert report_of(flow, later).sessions[0].outcome == "incomplete"


def test_a_number_beyond_all_may_be_a_loss_or_a_guess() -> None:
    flow = _spoke()
    flow.server.rst()
    reasoning = " ".join(session_of(flow).close.reasoning)
    assert "either that much was sent and not captured, or somebody guessed the number" in reasoning
