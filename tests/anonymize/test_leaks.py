"""What names hosts and people in clear text, and logins: in no anonymous output; logins in none at all."""

import json
from pathlib import Path

import pytest

from sshpcap.anonymize import Pseudonyms
from sshpcap.anonymize.preambles import replaced
from sshpcap.anonymize.pseudonyms import masked
from sshpcap.ssh import logins
from tests.golden import ROOT, run
from tests.support.sessions import closed, greeted, proposed, write_pcap
from tests.support.sshbytes import disconnect, identification, kexinit, packet
from tests.support.wireflow import Flow

NAMES = Pseudonyms(b"a key for a test")
CONNECT = (
    b"CONNECT alphabase:22 HTTP/1.1\r\nHost: alphabase:22\r\nUser-Agent: alphalaptop\r\n"
    b"Proxy-Authorization: Basic YWxwaGE6c2VjcmV0\r\n\r\n"
)
SOCKS = b"\x05\x01\x02" + b"\x01\x05alpha\x06secret" + b"\x05\x01\x00\x03\x09alphabase\x00\x16"
PROXY_2 = (
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x1d" + bytes([10, 11, 12, 13, 10, 11, 12, 14, 156, 64, 0, 22])
    + b"\x02\0\x0ealpha.internal"
)  # fmt: skip


def behind(preamble: bytes) -> Flow:
    """A client behind a proxy that says something first; the server takes it."""
    flow = Flow()
    flow.opens()
    flow.client.sends(preamble + identification("OpenSSH_9.2p1"))
    flow.server.sends(identification("OpenSSH_9.2p1"))
    return closed(flow)


def everything(path: Path, *options: str) -> bytes:
    """All that the formats and a slice have of a capture."""
    texts = [run(["-f", form, *options, str(path)])[0] for form in ("text", "json", "markdown", "html", "plain")]
    out = path.with_name("slice.pcapng")
    assert run(["slice", *options, "-o", str(out), str(path)])[1] == 0
    return "".join(texts).encode() + out.read_bytes()


@pytest.mark.parametrize(
    ("preamble", "login"),
    [
        (CONNECT, b"YWxwaGE6c2VjcmV0"),
        (CONNECT.replace(b"Proxy-Authorization: Basic", b"cookie:"), b"YWxwaGE6c2VjcmV0"),
        (SOCKS, b"secret"),
    ],
    ids=["HTTP", "cookie", "SOCKS"],
)
def test_a_login_in_front_of_ssh_is_in_no_output(preamble: bytes, login: bytes, tmp_path: Path) -> None:
    path = write_pcap(tmp_path / "a.pcap", behind(preamble))
    assert login not in everything(path)
    assert login not in everything(path, "--anonymize")


def test_a_request_with_a_login_that_sshd_gets(tmp_path: Path) -> None:
    flow = Flow()
    flow.opens()
    flow.server.sends(identification("OpenSSH_9.2p1"))
    flow.client.sends(b"GET / HTTP/1.1\r\nAuthorization: Bearer c2VjcmV0\r\nHost: alphabase\r\n\r\n")
    path = write_pcap(tmp_path / "a.pcap", closed(flow, by="server"))
    assert b"c2VjcmV0" not in everything(path)
    assert b"alpha" not in everything(path, "--anonymize")


@pytest.mark.parametrize("preamble", [CONNECT, SOCKS, PROXY_2], ids=["HTTP", "SOCKS", "PROXY"])
def test_names_in_a_preamble(preamble: bytes, tmp_path: Path) -> None:
    path = write_pcap(tmp_path / "a.pcap", behind(preamble))
    found = everything(path, "--anonymize")
    assert b"alpha" not in found
    assert b"10.11.12" not in found


@pytest.mark.parametrize(
    "said",
    [
        b"::ffff:10.11.12.13",
        b"00:1b:21:aa:bb:cc",
        b"ip-10-11-12-13",
        b"db_01.alpha.example",
        b"alpha_host.example",
        "älpha.example".encode(),
        b"root@alphabase",
    ],
)
def test_names_in_a_text(said: bytes, tmp_path: Path) -> None:
    flow = proposed()
    flow.server.sends(packet(disconnect(2, (b"no " + said + b" here").decode("utf-8"))))
    path = write_pcap(tmp_path / "a.pcap", closed(flow, by="server"))
    found = everything(path, "--anonymize")
    for part in (b"alpha", b"lpha", b"11.12", b"11-12", b"1b:21", b"aa:bb"):
        assert part not in found, part
    assert len(masked(said)) == len(said)


def test_what_the_user_names_and_pastes(tmp_path: Path) -> None:
    known = tmp_path / "alphas_hosts"
    known.write_text(
        "alphadb,203.0.113.7 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
    )
    said = "ssh: connect to host alphadb port 22: /home/alpha/.ssh/known_hosts:7"
    capture = str(ROOT / "samples" / "ok-openssh" / "capture.pcap")
    options = ["--anonymize", "--known-hosts", str(known), "--name", "203.0.113.7=alphadb", "--client-said", said]
    for form in ("json", "text", "markdown"):
        assert "alpha" not in run(["-f", form, *options, capture])[0], form


def test_the_comment_of_a_distribution_and_the_words_of_a_file(tmp_path: Path) -> None:
    flow = greeted(server=identification("OpenSSH_9.2p1 Debian-2+alpha1"))
    flow.client.sends(packet(kexinit()))
    path = write_pcap(tmp_path / "a.pcap", closed(flow))
    report = json.loads(run(["-f", "json", "--anonymize", str(path)])[0])
    assert "alpha" not in json.dumps(report)
    assert report["sessions"][0]["server"]["identification"]["distribution"] is None


def test_lengths_stay() -> None:
    for name, octets in (("HTTP CONNECT", CONNECT), ("SOCKS5", SOCKS), ("PROXY protocol v2", PROXY_2)):
        assert len(replaced(octets, name, NAMES)) == len(octets)
        assert len(logins.hidden(octets)) == len(octets)


def test_only_a_login_is_hidden() -> None:
    assert logins.hidden(b"authorization is needed: yes") == b"authorization is needed: yes"
    assert logins.hidden(CONNECT).startswith(CONNECT.partition(b"YWx")[0])
    assert logins.places(SOCKS) == [(5, 10), (11, 17)]
    assert logins.places(SOCKS[:8]) == [(5, 8)]
    assert logins.places(b"\x05") == []
