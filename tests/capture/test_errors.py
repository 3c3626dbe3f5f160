"""The error and the notices of the capture room."""

from sshpcap import limits
from sshpcap.capture.errors import CaptureError, Notices
from sshpcap.model import Notice


def test_an_error_says_what_where_and_at_which_octet() -> None:
    assert str(CaptureError("is odd", "x.pcap", 7)) == "x.pcap: is odd (at byte 7)"
    assert str(CaptureError("is odd", "x.pcap")) == "x.pcap: is odd"
    error = CaptureError("is odd", "x.pcap", 0)
    assert (error.what, error.where, error.offset) == ("is odd", "x.pcap", 0)
    assert str(error).endswith("(at byte 0)")


def test_every_kind_is_told_once_with_its_first_place_and_a_count() -> None:
    notices = Notices()
    notices.add("b", "first", frame=3, offset=30)
    notices.add("a", "other")
    notices.add("b", "second", frame=4)
    assert notices.listed() == (
        Notice(code="b", text="first", frame=3, offset=30, count=2),
        Notice(code="a", text="other", frame=None, offset=None, count=1),
    )


def test_kinds_are_bounded() -> None:
    notices = Notices()
    for number in range(limits.MAX_NOTICES + 10):
        notices.add(f"kind-{number}", "x")
    assert len(notices.listed()) == limits.MAX_NOTICES
    notices.add("kind-0", "x")
    assert notices.listed()[0].count == 2
