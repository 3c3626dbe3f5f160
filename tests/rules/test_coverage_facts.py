"""Facts about the capture that are shown though no rule speaks of them."""

from tests.support.sessions import closed, greeted, session_of


def test_another_copy_of_the_same_octets_is_told() -> None:
    flow = greeted()
    start = flow.client.next - 1
    flow.client.sends(b"\x00\x00\x00\x0cone copy")
    flow.client.sends(b"\x00\x00\x00\x0can other", at=start)
    session = session_of(closed(flow))
    assert session.coverage.conflict_frame == 9


def test_no_conflict_where_the_copies_agree() -> None:
    flow = greeted()
    start = flow.client.next - 1
    flow.client.sends(b"\x00\x00\x00\x0cone copy")
    flow.client.sends(b"\x00\x00\x00\x0cone copy", at=start)
    assert session_of(closed(flow)).coverage.conflict_frame is None
