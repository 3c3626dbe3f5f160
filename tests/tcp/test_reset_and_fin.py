"""A RST and the FIN of the other side: what the RST acknowledges tells which came first, whatever the capture has."""

from sshpcap.analyzer import Analyzer
from tests.support.sessions import greeted, session_of
from tests.support.wireflow import Flow, block_of, encode


def test_a_reset_that_acknowledges_the_fin_behind_it_came_second() -> None:
    """Two taps with different delays: the client's FIN is captured behind the RST that it provoked."""
    flow = greeted()
    flow.client.fin()
    flow.server.rst()
    frames = flow.segments
    frames[-2], frames[-1] = frames[-1]._replace(frame=frames[-2].frame), frames[-2]._replace(frame=frames[-1].frame)
    analyzer = Analyzer()
    analyzer.feed(block_of(encode(segment) for segment in frames))
    (session,) = analyzer.finish().sessions
    assert (session.close.how, session.close.by, session.close.frame) == ("fin", "client", frames[-1].frame)
    assert "that one came first: the capture has them in the wrong order" in " ".join(session.close.reasoning)


def test_a_reset_that_acknowledges_what_was_not_captured_may_not_be_the_first_close() -> None:
    flow = greeted()
    flow.client.sends(b"GET / HTTP/1.1\r\n\r\n")
    flow.drop()
    flow.client.fin()
    flow.drop()
    flow.server.rst()
    close = session_of(flow).close
    assert (close.by, close.confidence) == ("server", "medium")
    assert "a FIN may be among them" in " ".join(close.reasoning)


def test_a_reset_that_acknowledges_what_was_captured_is_the_first_close() -> None:
    flow = greeted()
    flow.client.sends(b"GET / HTTP/1.1\r\n\r\n")
    flow.server.rst()
    close = session_of(flow).close
    assert (close.by, close.confidence) == ("server", "high")


def test_a_fin_that_is_all_there_is_may_be_the_second_one() -> None:
    flow = Flow()
    flow.client.skips(3000)
    flow.server.skips(3000)
    flow.client.fin()
    flow.server.acks()
    close = session_of(flow).close
    assert (close.by, close.confidence) == ("client", "low")
