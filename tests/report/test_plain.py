"""Plain text for e-mail: ASCII, no line wider than asked, whatever the peers wrote."""

import pytest

from sshpcap.report import plain
from sshpcap.report.view import Options
from tests.support.hostile import hostile_flows
from tests.support.sessions import report_of

FLOWS = dict(hostile_flows())


@pytest.mark.parametrize("width", [60, 76, 120])
@pytest.mark.parametrize("name", FLOWS)
def test_ascii_and_narrow(name: str, width: int) -> None:
    text = plain.render(report_of(FLOWS[name]), Options(width=width))
    assert text.isascii()
    assert all(c.isprintable() or c == "\n" for c in text)
    assert max(map(len, text.splitlines())) <= width


def test_our_own_signs_become_words() -> None:
    assert plain.ascii_text("46 µs → …") == "46 us -> ..."
    assert plain.ascii_text("\u202e\x1b") == "\\u202e\\x1b"
