"""RFC 4253 §4.2: the form of the identification string; §5.1: what 1.99 means."""

import pytest

from sshpcap.ssh.identification import IdentificationLine, in_front, parse_identification
from sshpcap.ssh.wire import Malformed


def parsed(line: bytes) -> IdentificationLine:
    read = parse_identification(line)
    assert isinstance(read, IdentificationLine)
    return read


@pytest.mark.parametrize(
    "line, protocol_version, software, comment, line_end",
    [
        (b"SSH-2.0-billsSSH_3.6.3q3\r\n", "2.0", "billsSSH_3.6.3q3", None, "crlf"),  # the example of RFC 4253 §4.2
        (b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\r\n", "2.0", "OpenSSH_9.2p1", "Debian-2+deb12u10", "crlf"),
        (b"SSH-2.0-JSCH-0.1.54\n", "2.0", "JSCH-0.1.54", None, "lf"),  # JSch sends LF only
        (b"SSH-2.0-lshd-2.1 lsh - a GNU ssh\r\n", "2.0", "lshd-2.1", "lsh - a GNU ssh", "crlf"),
        (b"SSH-1.99-Cisco-1.25\n", "1.99", "Cisco-1.25", None, "lf"),
        (b"SSH-1.5-1.2.27\n", "1.5", "1.2.27", None, "lf"),
        (b"SSH-2.0-\r\n", "2.0", "", None, "crlf"),
        (b"SSH-2.0-Go \r\n", "2.0", "Go", "", "crlf"),
        (b"SSH-2.0-a  b\r\n", "2.0", "a", " b", "crlf"),
        (b"SSH-2.0-Go", "2.0", "Go", None, "lf"),
        (b"SSH--\r\n", "", "", None, "crlf"),
    ],
)
def test_fields(line: bytes, protocol_version: str, software: str, comment: str | None, line_end: str) -> None:
    read = parsed(line)
    assert (read.protocol_version, read.software, read.comment, read.line_end) == (
        protocol_version, software, comment, line_end,
    )  # fmt: skip
    assert read.raw == line.rstrip(b"\r\n")


@pytest.mark.parametrize(
    "version, major",
    [
        ("2.0", 2),
        ("1.99", 2),
        ("1.5", 1),
        ("1.3", 1),
        ("3.0", 3),
        ("2", 2),
        ("x.0", None),
        ("", None),
        ("9999.0", None),
    ],
)
def test_major_version(version: str, major: int | None) -> None:
    assert parsed(f"SSH-{version}-x\r\n".encode()).major == major


def test_unusual_digits_are_no_number() -> None:
    assert parsed("SSH-²-x\r\n".encode()).major is None


@pytest.mark.parametrize("line", [b"SSH-2.0\r\n", b"SSH-\n", b"SSH-"])
def test_the_second_dash_is_missing(line: bytes) -> None:
    read = parse_identification(line)
    assert isinstance(read, Malformed)
    assert read.field == "protocol_version"


@pytest.mark.parametrize("line", [b"ssh-2.0-x\r\n", b"HTTP/1.1 200 OK\r\n", b""])
def test_what_is_none(line: bytes) -> None:
    read = parse_identification(line)
    assert isinstance(read, Malformed)
    assert read.field == "identification"


@pytest.mark.parametrize("size", [255, 256, 9000])
def test_length_is_not_judged_here(size: int) -> None:
    line = b"SSH-2.0-" + b"a" * (size - 10) + b"\r\n"
    assert len(line) == size
    assert len(parsed(line).software) == size - 10


def test_octets_that_do_not_belong_there_are_made_visible() -> None:
    read = parsed(b"SSH-2.0-a\x00b\rc \x1b[2J\xc3\xa9\r\n")
    assert read.software == r"a\x00b\x0dc"
    assert read.comment == r"\x1b[2J\xc3\xa9"
    assert read.raw == b"SSH-2.0-a\x00b\rc \x1b[2J\xc3\xa9"


def test_only_one_carriage_return_belongs_to_the_line_end() -> None:
    assert parsed(b"SSH-2.0-a\r\r\n").software == r"a\x0d"


def test_octets_in_front_are_looked_for_in_one_pass() -> None:
    """A telnet command is made of octets that are no text, too: there must be one way to read it."""
    assert in_front(r"\xff\xfb\x01" * 500) == ()
    assert len(in_front(r"\xff\xfb\x01" * 500 + "SSH-2.0-x")) == 1500
