"""RSTs in another's name: one sign after the other, and what looks like one and is none."""

from sshpcap.frames import RST
from sshpcap.tcp.forgery import Examined, examine
from sshpcap.tcp.recorder import Recorder
from tests.support.wireflow import Flow


def talk(flow: Flow) -> Flow:
    flow.opens()
    for number in range(3):
        flow.client.sends(b"one more line\r\n", ip_id=1000 + number)
        flow.server.sends(b"and an answer\r\n", ip_id=5000 + number)
    return flow


def examined(flow: Flow) -> Examined:
    recorder = Recorder(flow.segments[0])
    for segment in flow.segments:
        recorder.add(segment)
    return examine(recorder, recorder.resets[0], ("client", "server"))


def test_a_reset_that_fits() -> None:
    flow = talk(Flow())
    flow.server.rst(ip_id=5003)
    found = examined(flow)
    assert (found.form, found.against, found.foreign, found.effective) == ("abort", (), False, True)
    assert found.answers == 8


def test_the_answer_of_a_host_without_the_socket_has_no_number() -> None:
    flow = talk(Flow())
    flow.server.rst(flags=RST, window=0, ip_id=0)
    found = examined(flow)
    assert (found.form, found.against) == ("gone", ())


def test_one_sign_is_not_sure() -> None:
    flow = talk(Flow())
    flow.server.rst(ip_id=5003, ttl=128)
    found = examined(flow)
    assert found.foreign
    assert not found.sure
    flow = talk(Flow())
    flow.server.rst(ip_id=0x4242)
    found = examined(flow)
    assert "0x4242" in found.against[0]
    assert (found.foreign, found.sure) == (True, False)


def test_two_signs_are() -> None:
    flow = talk(Flow())
    flow.server.rst(ip_id=0x4242, ttl=128)
    found = examined(flow)
    assert (found.foreign, found.sure) == (True, True)


def test_a_foreign_header_and_data_behind_it_are_sure() -> None:
    flow = talk(Flow())
    flow.server.rst(flags=RST, window=0, ip_id=0, ttl=128)
    flow.wait(1)
    flow.server.sends(b"the same again", ip_id=5004)
    found = examined(flow)
    assert (found.foreign, found.sure, found.by_host) == (True, True, False)


def test_a_missing_timestamp_is_told_and_decides_nothing_alone() -> None:
    stamp = bytes.fromhex("0101080a0000000100000000")
    flow = Flow()
    flow.client.syn(options=stamp)
    flow.server.syn_ack(options=stamp)
    for number in range(3):
        flow.server.sends(b"x", ip_id=5000 + number, options=stamp)
    flow.server.rst(ip_id=5003)
    found = examined(flow)
    assert "no TCP timestamp" in found.against[0]
    assert not found.foreign
    foreign = Flow()
    foreign.client.syn(options=stamp)
    foreign.server.syn_ack(options=stamp)
    for number in range(3):
        foreign.server.sends(b"x", ip_id=5000 + number, options=stamp)
    foreign.server.rst(ip_id=5003, ttl=128)
    assert examined(foreign).sure


def test_a_host_that_does_not_count_cannot_be_held_to_it() -> None:
    """RFC 6864 §4.1: the identification of a packet that is not fragmented may be anything."""
    flow = Flow()
    flow.opens()
    for number in (17, 60000, 3):
        flow.server.sends(b"x", ip_id=number)
    flow.server.rst(ip_id=0x4242)
    assert examined(flow).against == ()


def test_the_count_may_wrap() -> None:
    flow = Flow()
    flow.opens()
    for number in (65533, 65534, 65535):
        flow.server.sends(b"x", ip_id=number)
    flow.server.rst(ip_id=1)
    assert examined(flow).against == ()


def test_a_guessed_number_alone_accuses_nobody() -> None:
    """The capture may have missed what stands before it."""
    flow = talk(Flow())
    flow.server.rst(ip_id=5003, seq=flow.server.isn + flow.server.next + 1460)
    found = examined(flow)
    assert "1,460 beyond" in found.against[0]
    assert not found.foreign


def test_a_host_whose_connection_goes_on_may_reject_with_its_own_firewall() -> None:
    """Recorded as `rejected-with-a-reset`: sshd's socket never got the RST that its host sent the client."""
    flow = talk(Flow())
    flow.server.rst(flags=RST, window=0, ip_id=0)
    flow.wait(1)
    flow.server.sends(b"the same again", ip_id=5004)
    found = examined(flow)
    assert "went on sending data" in found.against[0]
    assert (found.foreign, found.sure, found.by_host) == (True, False, True)


def test_without_effect() -> None:
    flow = talk(Flow())
    flow.server.rst(ip_id=5003, ttl=128)
    flow.wait(0.2)
    flow.server.sends(b"on", ip_id=5004)
    flow.client.sends(b"and on", ip_id=1003)
    assert not examined(flow).effective


def test_a_refusal() -> None:
    flow = Flow()
    flow.client.syn()
    flow.server.rst(seq=0, window=0)
    found = examined(flow)
    assert (found.form, found.against) == ("refused", ())


def test_a_host_that_resets_an_older_connection_goes_on_asking() -> None:
    """RFC 9293 §3.10.7.3: the RST that answers an acknowledgement of an older connection, and the SYN again."""
    flow = Flow()
    flow.client.syn()
    flow.server.acks(ack=77)
    flow.client.rst(flags=RST, window=0, ip_id=0)
    flow.opens()
    flow.client.sends(b"one more line\r\n")
    flow.server.sends(b"and an answer\r\n")
    flow.client.sends(b"and one more\r\n")
    found = examined(flow)
    assert (found.form, found.against, found.foreign, found.effective) == ("gone", (), False, False)


# --- on a router, where what goes through is captured coming in and going out -----------------------------------------


def on_a_router(flow: Flow) -> Flow:
    """Every frame so far a second time, with a TTL less, as `-i any` has it."""
    for segment in flow.segments:
        flow.put(segment._replace(ttl=segment.ttl - 1))
    return flow


def routed(*ttls: int) -> Examined:
    """A RST of the server that was captured once for every TTL."""
    flow = on_a_router(talk(Flow(ttl=(64, 64))))
    for ttl in ttls:
        flow.server.rst(flags=RST, window=0, ip_id=0, ttl=ttl)
    return examined(flow)


def test_a_few_frames_that_were_captured_twice_make_no_router() -> None:
    """A capture that repeats some frames of one direction: that the RST is not among them tells nothing."""
    flow = talk(Flow(ttl=(64, 64)))
    for segment in flow.segments:
        if segment.source.port == 22:
            flow.put(segment._replace(ttl=segment.ttl - 1))
    flow.server.rst(flags=RST, window=0, ip_id=0, ttl=64)
    assert not examined(flow).foreign


def test_a_reset_that_was_only_made_there() -> None:
    """The router's own RST goes out, and never came in; its TTL is that with which every host sends."""
    found = routed(64)
    assert found.foreign
    assert not found.sure
    assert "only once: it was made, or stopped, at the capture point" in found.against[0]


def test_a_reset_that_came_through_was_seen_twice() -> None:
    """Its copy may come a little later than what is taken for the same frame."""
    assert routed(64, 63).against == ()


def test_one_reset_in_many_frames_that_are_seen_once_is_as_good_as_before() -> None:
    flow = talk(Flow(ttl=(64, 64)))
    flow.server.rst(flags=RST, window=0, ip_id=0)
    assert examined(flow).against == ()


def test_behind_address_translation_a_frame_is_seen_on_one_side_and_an_untranslated_reset_on_both() -> None:
    """Recorded: the state was flushed, the server's RST came in with TTL 64 and went out with 63, as all before it."""
    flow = talk(Flow(ttl=(64, 63)))
    flow.server.rst(flags=RST, window=0, ip_id=5003, ttl=64)
    flow.put(flow.segments[-1]._replace(ttl=63))
    assert examined(flow).against == ()


def test_a_copy_of_a_reset_that_comes_later_is_no_reset_of_its_own() -> None:
    """Recorded on a router that took more than 0.1 ms: the copy has the TTL behind the router."""
    flow = talk(Flow(ttl=(64, 64)))
    flow.server.rst(flags=RST, window=0, ip_id=0, ttl=63)
    flow.server.rst(flags=RST, window=0, ip_id=0, ttl=64)
    assert examined(flow).against == ()


def test_a_path_that_doubles_segments_is_no_router() -> None:
    flow = on_a_router(on_a_router(talk(Flow(ttl=(64, 64)))))
    flow.server.rst(flags=RST, window=0, ip_id=0, ttl=64)
    assert examined(flow).against == ()


def test_the_ttl_of_the_second_copies_is_one_of_the_side_s() -> None:
    """The copy that came in was lost to the capture: that it is seen once is told; its TTL is one of that side."""
    found = routed(63)
    assert not any("TTL" in sentence for sentence in found.against)
