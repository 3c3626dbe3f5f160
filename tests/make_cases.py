"""Makes the captures of tests/cases/: recorded samples seen through a worse or stranger capture.

`python -m tests.make_cases` writes them again, octet for octet the same, with a README each; `python -m tests.golden
--update` writes their transcripts. A test holds the files against what is made here.
"""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.golden import ROOT
from tests.support import frames
from tests.support.blocks import read_file
from tests.support.captures import Pcapng, Recorded, pcap
from tests.support.sessions import closed, greeted, proposed
from tests.support.sshbytes import disconnect, identification, packet
from tests.support.wireflow import Flow, encode

CASES = ROOT / "tests" / "cases"


class Made(NamedTuple):
    """A case: what was done, and the file."""

    story: str
    octets: Callable[[], bytes]
    name: str = "capture.pcap"


def _sample(name: str) -> list[Recorded]:
    rows, _ = read_file(ROOT / "samples" / name / "capture.pcap")
    return [Recorded(row.octets, row.time, row.original) for row in rows]


def _from(flow: Flow) -> bytes:
    made = [encode(segment) for segment in flow.segments]
    return pcap(Recorded(frame.octets, frame.time, frame.original) for frame in made)


def _wrapped(name: str, link: str) -> bytes:
    number = frames.LINKS[link].number
    wrap = frames.LINKS[link].wrap
    return pcap([Recorded(wrap(_ip(one.octets)), one.time) for one in _sample(name)], link_type=number)


def _ip(frame: bytes) -> bytes:
    packet = frame[14:]
    return packet[: int.from_bytes(packet[2:4], "big")]


def _twice(name: str) -> bytes:
    every = [copy for one in _sample(name) for copy in (one, one._replace(time=one.time + 4_000))]
    return pcap(every)


def _snaplen(name: str, size: int) -> bytes:
    cut = [Recorded(one.octets[:size], one.time, one.length) for one in _sample(name)]
    return pcap(cut, snaplen=size)


def _one_side(name: str, source: bytes) -> bytes:
    return pcap([one for one in _sample(name) if one.octets[26:30] == source])


def _without(name: str, *numbers: int) -> bytes:
    return pcap([one for number, one in enumerate(_sample(name), start=1) if number not in numbers])


def _from_frame(name: str, first: int) -> bytes:
    return pcap(_sample(name)[first - 1 :])


def _fragmented(name: str) -> bytes:
    """Every packet of more than 576 octets as IP fragments (RFC 791 §3.2)."""
    made = []
    for one in _sample(name):
        ip = _ip(one.octets)
        if len(ip) <= 576:
            made.append(one)
            continue
        head, body = ip[:20], ip[20:]
        for start in range(0, len(body), 552):
            piece = body[start : start + 552]
            more = 0x2000 if start + 552 < len(body) else 0
            lengths = (20 + len(piece)).to_bytes(2, "big") + head[4:6] + (more | start // 8).to_bytes(2, "big")
            made.append(Recorded(one.octets[:14] + head[:2] + lengths + head[8:] + piece, one.time))
    return pcap(made)


def _two_interfaces(name: str) -> bytes:
    """Both directions on an interface each, Ethernet and raw IP, with other clocks' resolutions; then compressed."""
    file = Pcapng().section().interface(1, tsresol=9).interface(101, tsresol=6)
    for one in _sample(name):
        if one.octets[26:30] == bytes((192, 0, 2, 10)):
            file.enhanced(one.octets, one.time, interface=0)
        else:
            file.enhanced(_ip(one.octets), one.time // 1000, interface=1)
    return gzip.compress(bytes(file), mtime=0)


def _hostile() -> Flow:
    text = "\x1b[31mred\x1b]0;title\x07\r\u202eevil [link=http://example.org/]x[/link] <script>alert(1)</script>"
    flow = greeted(server=text.encode() + b"\n" + identification(f"Evil_{text[:10]}"))
    flow.server.sends(packet(disconnect(2, text, text)))
    return closed(flow, by="server")


def _proxied() -> Flow:
    flow = Flow(ports=(40022, 3128))
    flow.opens()
    flow.client.sends(b"CONNECT ssh.example.org:22 HTTP/1.1\r\nHost: ssh.example.org:22\r\n\r\n")
    flow.server.sends(b"HTTP/1.1 200 Connection established\r\n\r\n")
    flow.client.sends(identification("OpenSSH_9.2p1"))
    flow.server.sends(b"Exceeded MaxStartups\r\n")
    return closed(flow, by="server")


def _no_ssh() -> Flow:
    flow = Flow(ports=(40022, 443))
    flow.opens()
    flow.client.sends(bytes.fromhex("16030100c8010000c4") + bytes(191))
    flow.server.sends(bytes.fromhex("160303004a02000046") + bytes(70))
    return flow


MADE = {
    "captured-twice": Made(
        "The sample `host-key-changed-openssh` as a mirror port or `-i any` on a bridge shows it: every frame twice,"
        " 4 µs apart.",
        lambda: _twice("host-key-changed-openssh"),
    ),
    "fragmented": Made(
        "The sample `no-common-kex-openssh` with every packet of more than 576 octets as IP fragments.",
        lambda: _fragmented("no-common-kex-openssh"),
    ),
    "hostile-text": Made(
        "A server whose every text tries to act in a terminal, a browser or a ticket: escape sequences, a bidirectional"
        " override, rich's markup, HTML.",
        lambda: _from(_hostile()),
    ),
    "http-connect": Made(
        "SSH through an HTTP proxy on port 3128, refused by the server behind it in plain text.",
        lambda: _from(_proxied()),
    ),
    "lost-by-the-capture": Made(
        "The sample `ok-openssh` without the frame that carries the server's key exchange reply and NEWKEYS; the client"
        " acknowledges them, so the network did not lose them.",
        lambda: _without("ok-openssh", 14),
    ),
    "midstream": Made(
        "The sample `ok-openssh` from frame 25 on: everything is encrypted already.",
        lambda: _from_frame("ok-openssh", 25),
    ),
    "no-ssh": Made("A TLS connection to port 443 and nothing else.", lambda: _from(_no_ssh())),
    "server-side-only": Made(
        "The sample `host-key-changed-openssh` with the frames of the server only.",
        lambda: _one_side("host-key-changed-openssh", bytes((203, 0, 113, 7))),
    ),
    "snaplen-96": Made(
        "The sample `no-common-kex-openssh` as `tcpdump -s 96` shows it: no proposal is whole.",
        lambda: _snaplen("no-common-kex-openssh", 96),
    ),
    "two-interfaces": Made(
        "The sample `no-common-kex-openssh` in a gzip-compressed pcapng: the client's frames on an Ethernet"
        " interface with nanoseconds, the server's on a raw IP interface with microseconds.",
        lambda: _two_interfaces("no-common-kex-openssh"),
        "capture.pcapng.gz",
    ),
    "unknown-link-type": Made(
        "Three frames of link type 220 (USB), which cannot hold TCP for us.",
        lambda: pcap([Recorded(bytes(64), number) for number in range(3)], link_type=220),
    ),
    "vxlan-in-gre": Made(
        "The sample `no-common-kex-openssh` inside VXLAN inside GRE, as a cloud's traffic mirror sends it.",
        lambda: _wrapped("no-common-kex-openssh", "vxlan-in-gre"),
    ),
    "wifi": Made(
        "The sample `no-common-kex-openssh` on an open wireless network, captured with radiotap headers.",
        lambda: _wrapped("no-common-kex-openssh", "radiotap"),
    ),
    "waiting-for-the-user": Made(
        "Both proposals, then nothing: the capture ends 30 s later with a keep-alive.",
        lambda: _from(_waiting()),
    ),
}


def _waiting() -> Flow:
    flow = proposed()
    flow.wait(30)
    flow.client.keep_alive()
    return flow


def readme(name: str) -> str:
    """The README of a case."""
    return f"# {name}\n\n{MADE[name].story}\n\nMade by `python -m tests.make_cases`.\n"


def write(folder: Path = CASES) -> None:
    """Write all cases."""
    for name, made in MADE.items():
        case = folder / name
        case.mkdir(parents=True, exist_ok=True)
        (case / made.name).write_bytes(made.octets())
        (case / "README.md").write_text(readme(name))


if __name__ == "__main__":
    write()
