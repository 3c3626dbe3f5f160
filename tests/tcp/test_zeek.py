"""Zeek's conn_state and history: the table in its documentation of `Conn::Info`, a connection each."""

from collections.abc import Callable

import pytest

from sshpcap.frames import ACK, FIN, RST, SYN
from sshpcap.tcp.recorder import Recorder
from sshpcap.tcp.zeek import conn_state, history
from tests.support.wireflow import Flow


def both(flow: Flow, originator: int = 0) -> tuple[str, str]:
    segments = flow.segments
    recorder = Recorder(segments[0])
    for segment in segments:
        recorder.add(segment)
    return conn_state(recorder, originator), history(recorder, originator)


def _attempt(flow: Flow) -> None:
    flow.client.syn()
    flow.client.syn()


def _established(flow: Flow) -> None:
    flow.opens()
    flow.client.sends(b"x")
    flow.server.acks()
    flow.server.sends(b"y")


def _finished(flow: Flow) -> None:
    _established(flow)
    flow.client.fin()
    flow.server.fin()
    flow.client.acks()


def _finished_and_reset(flow: Flow) -> None:
    _finished(flow)
    flow.client.rst(flags=RST, window=0)


def _rejected(flow: Flow) -> None:
    flow.client.syn()
    flow.server.rst(seq=0, window=0)


def _closed_by_originator(flow: Flow) -> None:
    _established(flow)
    flow.client.fin()
    flow.server.sends(b"more")


def _closed_by_responder(flow: Flow) -> None:
    _established(flow)
    flow.server.fin()
    flow.client.acks()


def _aborted_by_originator(flow: Flow) -> None:
    _established(flow)
    flow.client.rst()


def _reset_by_responder(flow: Flow) -> None:
    _established(flow)
    flow.server.rst()


def _fin_then_rst(flow: Flow) -> None:
    _established(flow)
    flow.client.fin()
    flow.server.sends(b"late")
    flow.client.rst(flags=RST, window=0)


def _fin_rst_and_a_late_fin(flow: Flow) -> None:
    _fin_then_rst(flow)
    flow.server.fin()


def _given_up(flow: Flow) -> None:
    flow.client.syn()
    flow.client.rst()


def _syn_ack_and_rst(flow: Flow) -> None:
    flow.server.syn_ack()
    flow.server.rst()


def _syn_and_fin(flow: Flow) -> None:
    flow.client.syn()
    flow.client.fin()


def _syn_ack_and_fin(flow: Flow) -> None:
    flow.server.syn_ack()
    flow.server.fin()


def _midstream(flow: Flow) -> None:
    flow.client.sends(b"x")
    flow.server.sends(b"y")


def _midstream_with_fins(flow: Flow) -> None:
    _midstream(flow)
    flow.client.acks()
    flow.client.sends(b"z")


def _syn_missed(flow: Flow) -> None:
    flow.server.syn_ack()
    flow.client.acks()
    flow.client.sends(b"x")


def _acknowledged_before_it_is_answered(flow: Flow) -> None:
    flow.client.syn()
    flow.server.acks()


def _only_the_originator(flow: Flow) -> None:
    flow.client.syn()
    flow.client.acks()
    flow.client.sends(b"x")


@pytest.mark.parametrize(
    "script, state, letters",
    [
        (_attempt, "S0", "S"),
        (_established, "S1", "ShADad"),
        (_finished, "SF", "ShADadFf"),
        (_finished_and_reset, "SF", "ShADadFfR"),
        (_rejected, "REJ", "Sr"),
        (_closed_by_originator, "S2", "ShADadF"),
        (_closed_by_responder, "S3", "ShADadf"),
        (_aborted_by_originator, "RSTO", "ShADadR"),
        (_reset_by_responder, "RSTR", "ShADadr"),
        (_fin_then_rst, "RSTO", "ShADadFR"),
        (_fin_rst_and_a_late_fin, "SF", "ShADadFRf"),
        (_given_up, "RSTOS0", "SR"),
        (_syn_ack_and_rst, "RSTRH", "hr"),
        (_syn_and_fin, "SH", "SF"),
        (_syn_ack_and_fin, "SHR", "hf"),
        (_midstream, "OTH", "Dd"),
        (_midstream_with_fins, "OTH", "DdA"),
        (_syn_missed, "S1", "hAD"),
        (_only_the_originator, "S0", "SAD"),
        (_acknowledged_before_it_is_answered, "S0", "Sa"),
    ],
)
def test_states(script: Callable[[Flow], None], state: str, letters: str) -> None:
    flow = Flow()
    script(flow)
    assert both(flow) == (state, letters)


def test_the_originator_is_in_upper_case() -> None:
    flow = Flow()
    flow.opens()
    assert both(flow, originator=1)[1] == "sHa"


def test_resets_with_another_number_are_noted_again() -> None:
    flow = Flow()
    flow.opens()
    for step in (0, 0, 1460, 4380):
        flow.server.rst(seq=flow.server.isn + 1 + step)
    assert both(flow)[1] == "ShArrr"


def test_flags_that_do_not_go_together() -> None:
    flow = Flow()
    flow.client.syn(flags=SYN | FIN)
    flow.server.rst(flags=RST | FIN)
    flow.server.rst(flags=RST | SYN)
    assert both(flow)[1] == "Qiq"


def test_retransmissions_and_zero_windows_are_noted_at_every_power_of_ten() -> None:
    flow = Flow()
    flow.opens()
    flow.client.sends(b"xy")
    for _ in range(10):
        flow.client.sends(b"xy", at=0)
        flow.server.acks(window=0)
    assert both(flow)[1] == "ShADTawTw"


def test_a_fin_with_octets_is_a_fin() -> None:
    flow = Flow()
    flow.opens()
    flow.client.fin(b"bye")
    flow.server.acks(flags=ACK, window=0)  # of no interest behind the other side's FIN
    assert both(flow) == ("S2", "ShAFa")
    flow.client.fin(seq=flow.client.isn + 4)  # the same FIN again, without the octets
    assert both(flow) == ("S2", "ShAFa")
    flow.client.fin()
    assert both(flow) == ("S2", "ShAFaF")
