"""What servers and other protocols really say, as recorded from them."""

import pytest

from sshpcap.ssh.plain_text import complaint, protocol, refusal
from sshpcap.ssh.wire import printable


@pytest.mark.parametrize(
    "line",
    [
        b"Exceeded MaxStartups",
        b"Not allowed at this time",
        b"Timed out waiting for SSH identification string.",
        b"Too many connections",
        b"You are not allowed to connect",
        b"refused connect from 192.0.2.1 (192.0.2.1)",
    ],
)
def test_refusals(line: bytes) -> None:
    row = refusal(printable(line))
    assert row is not None
    assert row.meaning
    assert complaint(printable(line)) is None
    assert protocol(printable(line)) is None


@pytest.mark.parametrize(
    "line", [b"Invalid SSH identification string.", b"Protocol mismatch.", b"Protocol major versions differ."]
)
def test_complaints(line: bytes) -> None:
    row = complaint(printable(line))
    assert row is not None
    assert row.meaning
    assert refusal(printable(line)) is None


@pytest.mark.parametrize(
    "octets, name",
    [
        (b"HTTP/1.1 400 Bad Request", "HTTP"),
        (b"GET / HTTP/1.1", "HTTP"),
        (b"<html>", "HTTP"),
        (b"CONNECT example.com:22 HTTP/1.1", "HTTP CONNECT"),
        (b"PRI * HTTP/2.0", "HTTP/2"),
        (bytes.fromhex("160301020001"), "TLS"),
        (bytes.fromhex("15030300020228"), "TLS"),
        (bytes.fromhex("0300002c"), "RDP"),
        (b"PROXY TCP4 192.0.2.1 203.0.113.7 40000 22", "PROXY protocol v1"),
        (bytes.fromhex("0d0a0d0a000d0a515549540a2111"), "PROXY protocol v2"),
        (b"220 mail.example.com ESMTP Postfix", "SMTP"),
        (b"220 ProFTPD Server (FTP)", "FTP"),
        (b"220 hello", "SMTP or FTP"),
        (b"+OK ready", "POP3"),
        (b"* OK IMAP4rev1", "IMAP"),
        (bytes.fromhex("050100"), "SOCKS5"),
        (bytes.fromhex("fffd18"), "telnet"),
        (b"RFB 003.008", "VNC"),
    ],
)
def test_protocols(octets: bytes, name: str) -> None:
    assert protocol(printable(octets)) == name


@pytest.mark.parametrize("octets", [b"", b"Welcome to this machine", b"SSH-2.0-x", b"SSH-2.0-Exceeded MaxStartups"])
def test_neither(octets: bytes) -> None:
    text = printable(octets)
    assert (refusal(text), complaint(text), protocol(text)) == (None, None, None)
