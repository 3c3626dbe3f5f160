"""TCP options: the octets of RFC 9293 §3.2, RFC 2018 §3 and RFC 7323 §3 by hand, and garbage."""

from hypothesis import given
from hypothesis import strategies as st

from sshpcap.tcp.options import Options, read_options


def test_a_syn_of_linux() -> None:
    found = read_options(bytes.fromhex("020405b4 0402 080a 5a8b3c11 00000000 01 030307"))
    assert found == Options(mss=1460, window_scale=7, sack_permitted=True, stamped=True,
                            stamps=bytes.fromhex("5a8b3c11 00000000"))  # fmt: skip


def test_selective_acknowledgements() -> None:
    found = read_options(bytes.fromhex("0101 0512 00000100 00000200 ffffff00 00000010"))
    assert found.sacks == ((0x100, 0x200), (0xFFFFFF00, 0x10))


def test_what_is_behind_the_end_is_padding() -> None:
    assert read_options(bytes.fromhex("00 020405b4")) == Options()


def test_a_shift_beyond_14_is_14() -> None:
    assert read_options(bytes.fromhex("0303ff")).window_scale == 14


def test_lengths_that_lie() -> None:
    for octets in ("02", "0200", "0201", "0205b4", "020605b4", "050a00000001", "0507000000010000"):
        assert read_options(bytes.fromhex(octets)) == Options()


@given(st.binary(max_size=60))
def test_garbage(octets: bytes) -> None:
    read_options(octets)
