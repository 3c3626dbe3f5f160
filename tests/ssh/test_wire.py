"""RFC 4251 §5, with the examples that stand there, and text of a peer made harmless."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap import limits
from sshpcap.ssh.wire import Reader, WireError, printable

VECTORS = [
    ("byte", "ff", 255),
    ("boolean", "00", False),
    ("boolean", "01", True),
    ("boolean", "80", True),  # "all non-zero values MUST be interpreted as TRUE"
    ("uint32", "29b7f4aa", 699921578),
    ("uint64", "0000000129b7f4aa", 699921578 + (1 << 32)),
    ("string", "00000000", b""),
    ("string", "0000000774657374696e67", b"testing"),
    ("text", "000000036100 1b", r"a\x00\x1b"),
    ("name_list", "00000000", ()),
    ("name_list", "00000004 7a6c6962", ("zlib",)),
    ("name_list", "00000009 7a6c69622c6e6f6e65", ("zlib", "none")),
    ("mpint", "00000000", 0),
    ("mpint", "00000008 09a378f9b2e332a7", 0x9A378F9B2E332A7),
    ("mpint", "00000002 0080", 0x80),
    ("mpint", "00000002 edcc", -0x1234),
    ("mpint", "00000005 ff21524111", -0xDEADBEEF),
]


@pytest.mark.parametrize("kind, octets, value", VECTORS)
def test_types(kind: str, octets: str, value: object) -> None:
    reader = Reader(bytes.fromhex(octets) + b"rest")
    assert getattr(reader, kind)("field") == value
    assert reader.end() == b"rest"
    assert reader.end() == b""


@pytest.mark.parametrize("kind, octets, value", VECTORS)
def test_short_input_names_the_field_at_every_length(kind: str, octets: str, value: object) -> None:
    whole = bytes.fromhex(octets)
    for size in range(len(whole)):
        with pytest.raises(WireError) as caught:
            getattr(Reader(b"??" + whole[:size], 2), kind)("the field")
        malformed = caught.value.malformed
        assert malformed.field == "the field"
        assert 2 <= malformed.offset <= 2 + size
        assert "octets" in malformed.reason


def test_a_length_beyond_the_end_reads_nothing() -> None:
    reader = Reader(b"\xff\xff\xff\xffabc")
    with pytest.raises(WireError):
        reader.string("field")
    assert reader.end() == b"abc"


@pytest.mark.parametrize(
    "octets, names",
    [
        (b"a,", ("a", "")),  # libssh 0.10.6
        (b",a", ("", "a")),
        (b",", ("", "")),
        (b"a,,b", ("a", "", "b")),
        (b"a b\x1b[31m,c", (r"a b\x1b[31m", "c")),
    ],
)
def test_name_lists_keep_empty_names(octets: bytes, names: tuple[str, ...]) -> None:
    assert Reader(len(octets).to_bytes(4, "big") + octets).name_list("names") == names


def test_a_thousand_names() -> None:
    names = tuple(f"algorithm-{number}@example.com" for number in range(1000))
    octets = ",".join(names).encode()
    assert Reader(len(octets).to_bytes(4, "big") + octets).name_list("names") == names


def test_names_without_end_are_bounded() -> None:
    octets = b"," * 100_000
    reader = Reader(len(octets).to_bytes(4, "big") + octets)
    assert len(reader.name_list("names")) == limits.MAX_NAMES
    assert reader.end() == b""


def _octets_of(text: str) -> bytes:
    """What `printable` was given."""
    found = re.findall(r"\\\\|\\x([0-9a-f]{2})|(.)", text)
    return b"".join(bytes.fromhex(code) if code else (char or "\\").encode() for code, char in found)


@given(st.binary() | st.text(alphabet="\\x041abc").map(str.encode))
def test_printable_is_ascii_without_controls_and_tells_the_octets(octets: bytes) -> None:
    text = printable(octets)
    assert text.isascii()
    assert text.isprintable()
    assert _octets_of(text) == octets  # so it is injective


def test_printable_keeps_all_of_printable_ascii() -> None:
    kept = bytes(range(32, 127)).replace(b"\\", b"")
    assert printable(kept) == kept.decode()
    assert printable(b"\\\x7f\x80\n") == r"\\\x7f\x80\x0a"
