"""Makes the captures of tests/cases/: recorded samples seen through a worse or stranger capture.

`python -m tests.make_cases` writes them again, octet for octet the same (compressed ones with the same octets inside),
with a README each; `python -m tests.golden --update` writes their transcripts. A test holds the files against what is
made here. How a capture gets worse: `tests/support/recipes.py`.
"""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.golden import ROOT
from tests.support import recipes
from tests.support.captures import Recorded, pcap
from tests.support.sessions import closed, greeted, proposed
from tests.support.sshbytes import disconnect, identification, kexinit, packet, server_kexinit, string
from tests.support.wireflow import Flow

CASES = ROOT / "tests" / "cases"
PLAIN = "capture.pcap"


class Made(NamedTuple):
    """A case: what was done, and the file or the files."""

    story: str
    octets: Callable[[], bytes | recipes.Files]
    name: str = PLAIN
    same: bool = False
    """Every file is the same conversation, and gives the same sessions as `capture.pcap`."""
    commands: tuple[str, ...] = ()
    """What its transcript shows; none: the report, and for several files `info` on each."""

    def files(self) -> recipes.Files:
        """All files by name."""
        made = self.octets()
        return {self.name: made} if isinstance(made, bytes) else made


# Names of tests/support/frames.py:LINKS.
LINKS = (
    "vlan", "qinq", "qinq-old", "sll", "sll-vlan", "sll2", "sll2-vlan", "raw-12", "raw-14", "raw-101", "raw-ipv4",
    "loop", "null-FreeBSD-little", "null-FreeBSD-big", "ppp", "ppp-bare", "ppp-hdlc", "ppp-with-direction",
    "cisco-hdlc", "nflog", "wifi", "wifi-qos", "wifi-four-addresses", "radiotap", "llc-snap",
)  # fmt: skip
LINKS6 = (
    "raw-ipv6", "raw-101", "sll2", "loop", "null-Linux-little", "null-NetBSD-big", "null-FreeBSD-little",
    "null-Darwin-little", "ppp", "nflog", "radiotap", "6in4", "ip-in-ipv6", "gre", "mpls-ethernet",
)  # fmt: skip
TUNNELS = (
    "mpls", "mpls-ethernet", "pppoe", "pppoe-ethernet", "gre", "gre-checksum-key-sequence", "gre-ethernet", "erspan-2",
    "erspan-3", "ip-in-ip", "ip-in-ipv6", "mpls-in-ip", "vxlan", "geneve", "gtp-u", "gtp-u-sequence", "vxlan-in-gre",
)  # fmt: skip

SMALL = "protocol-version-mismatch"
HANDSHAKE = "host-key-rejected-dbclient"

SOCKS5_CLIENT = bytes.fromhex("050100 05010003 0f") + b"ssh.example.org" + struct.pack(">H", 22)
SOCKS5_SERVER = bytes.fromhex("0500 05000001 00000000 0000")
SOCKS4_CLIENT = bytes.fromhex("0401 0016 cb007107") + b"user\0"
SOCKS4_SERVER = bytes.fromhex("005a 0000 00000000")
PROXY_V1 = b"PROXY TCP4 198.51.100.9 203.0.113.7 51000 22\r\n"
PROXY_V2 = bytes.fromhex("0d0a0d0a000d0a515549540a 21 11 000c c6336409 cb007107 c738 0016")


def _hostile() -> bytes:
    text = "\x1b[31mred\x1b]0;title\x07\r\u202eevil [link=http://example.org/]x[/link] <script>alert(1)</script>"
    flow = greeted(server=text.encode() + b"\n" + identification(f"Evil_{text[:10]}"))
    flow.server.sends(packet(disconnect(2, text, text)))
    return recipes.of_flow(closed(flow, by="server"))


def _proxied() -> bytes:
    flow = Flow(ports=(40022, 3128))
    flow.opens()
    flow.client.sends(b"CONNECT ssh.example.org:22 HTTP/1.1\r\nHost: ssh.example.org:22\r\n\r\n")
    flow.server.sends(b"HTTP/1.1 200 Connection established\r\n\r\n")
    flow.client.sends(identification("OpenSSH_9.2p1"))
    flow.server.sends(b"Exceeded MaxStartups\r\n")
    return recipes.of_flow(closed(flow, by="server"))


def _no_ssh() -> bytes:
    flow = Flow(ports=(40022, 443))
    flow.opens()
    flow.client.sends(bytes.fromhex("16030100c8010000c4") + bytes(191))
    flow.server.sends(bytes.fromhex("160303004a02000046") + bytes(70))
    return recipes.of_flow(flow)


def _waiting() -> bytes:
    flow = proposed()
    flow.wait(30)
    flow.client.keep_alive()
    return recipes.of_flow(flow)


def _call_home() -> bytes:
    """RFC 8071 §2: the SSH server opens the TCP connection; then the SSH client has only key exchanges of others."""
    flow = Flow(client="203.0.113.7", server="192.0.2.10", ports=(40830, 4334))
    server, client = flow.client, flow.server
    flow.opens()
    server.sends(identification("OpenSSH_9.2p1"))
    client.acks()
    client.sends(identification("NetconfManager_2.1"))
    server.acks()
    client.sends(packet(kexinit(kex_algorithms="diffie-hellman-group1-sha1,ext-info-c")))
    server.acks()
    server.sends(packet(server_kexinit(kex_algorithms="curve25519-sha256,kex-strict-s-v00@openssh.com")))
    client.acks()
    return recipes.of_flow(closed(flow, by="server"))


def _proposal_only() -> bytes:
    """Open before the capture began, on an odd port; the server's answer shows who is who."""
    flow = Flow(ports=(60022, 41022))
    flow.client.skips(21)
    flow.server.skips(23)
    flow.client.sends(packet(kexinit()))
    flow.server.sends(packet(server_kexinit()))
    flow.client.sends(packet(b"\x1e" + string(bytes(32))))
    flow.server.acks()
    flow.wait(20)
    flow.client.fin()
    flow.server.rst()
    return recipes.of_flow(flow)


MADE = {
    # --- containers, link types, tunnels: the same conversation in every one ---
    "containers": Made(
        "The sample `no-common-kex-dbclient` as pcap (every magic number, both byte orders), as pcapng of both byte"
        " orders, other resolutions and an offset of the time, as snoop, and compressed in every way.",
        lambda: recipes.containers("no-common-kex-dbclient"),
        same=True,
    ),
    "links": Made(
        "The sample `protocol-version-mismatch` under every link type that can hold it.",
        lambda: recipes.links(SMALL, LINKS),
        same=True,
    ),
    "links-ipv6": Made(
        "The sample `protocol-version-mismatch` as if both hosts had IPv6 addresses, under link types and in tunnels"
        " that tell the versions of IP apart.",
        lambda: recipes.links_of_ipv6(SMALL, LINKS6),
        same=True,
    ),
    "tunnels": Made(
        "The sample `protocol-version-mismatch` in every tunnel; each is named in its session.",
        lambda: recipes.links(SMALL, TUNNELS),
        same=True,
    ),
    "every-block": Made(
        "The sample `host-key-rejected-dbclient` as pcapng with everything that may stand around the frames: two"
        " sections of both byte orders, names, secrets, comments, statistics with drops, custom and unregistered"
        " blocks, an obsolete and a simple packet block, three interfaces.",
        lambda: recipes.every_block(HANDSHAKE),
        "capture.pcapng",
        commands=("sshpcap capture.pcapng", "sshpcap info capture.pcapng"),
    ),
    "two-interfaces": Made(
        "The sample `no-common-kex-openssh` in a gzip-compressed pcapng: the client's frames on an Ethernet"
        " interface with nanoseconds, the server's on a raw IP interface with microseconds.",
        lambda: recipes.two_interfaces("no-common-kex-openssh"),
        "capture.pcapng.gz",
    ),
    "rotated": Made(
        "The sample `host-key-rejected-dbclient` in three files, as `tcpdump -C` or `-G` writes it: the connection"
        " spans them. Named in the wrong order.",
        lambda: recipes.rotated(HANDSHAKE, 3),
        "capture.pcap0",
        commands=(
            "sshpcap capture.pcap2 capture.pcap0 capture.pcap1",
            "sshpcap info capture.pcap0 capture.pcap1 capture.pcap2",
        ),
    ),
    "unknown-link-type": Made(
        "Three frames of link type 220 (USB), which cannot hold TCP for us.",
        lambda: pcap([Recorded(bytes(64), number) for number in range(3)], link_type=220),
    ),
    "vxlan-in-gre": Made(
        "The sample `no-common-kex-openssh` inside VXLAN inside GRE, as a cloud's traffic mirror sends it.",
        lambda: recipes.wrapped("no-common-kex-openssh", "vxlan-in-gre"),
    ),
    "wifi": Made(
        "The sample `no-common-kex-openssh` on an open wireless network, captured with radiotap headers.",
        lambda: recipes.wrapped("no-common-kex-openssh", "radiotap"),
    ),
    # --- IP ---
    "fragmented": Made(
        "The sample `no-common-kex-openssh` with every packet of more than 576 octets as IP fragments.",
        lambda: recipes.fragmented("no-common-kex-openssh"),
    ),
    "fragmented-ipv6": Made(
        "The sample `ok-openssh-ipv6` with every packet of more than 654 octets as two IPv6 fragments, the last one"
        " first.",
        lambda: recipes.fragmented6("ok-openssh-ipv6"),
    ),
    "overlapping-fragments": Made(
        "The sample `no-common-kex-dbclient` in IP fragments of which the second overlaps the first with other octets.",
        lambda: recipes.overlapping("no-common-kex-dbclient"),
        commands=("sshpcap capture.pcap", "sshpcap info capture.pcap"),
    ),
    "offloaded": Made(
        "The sample `no-common-kex-openssh` as captured on the client's host: its network card has not filled in the"
        " checksums yet, and large segments have the total length 0.",
        lambda: recipes.offloaded("no-common-kex-openssh"),
        commands=("sshpcap capture.pcap", "sshpcap info capture.pcap"),
    ),
    "damaged-segment": Made(
        "The sample `host-key-rejected-dbclient` with a bit of the client's first key exchange message turned on the"
        " way; it is sent again 200 ms later.",
        lambda: recipes.damaged(HANDSHAKE, 10, 80),
        commands=("sshpcap capture.pcap", "sshpcap info capture.pcap"),
    ),
    # --- what a capture does ---
    "captured-twice": Made(
        "The sample `host-key-changed-openssh` as a mirror port or `-i any` on a bridge shows it: every frame twice,"
        " 4 µs apart.",
        lambda: recipes.twice("host-key-changed-openssh"),
    ),
    "clock-step": Made(
        "The sample `host-key-rejected-dbclient` on a host whose clock is set back by two seconds before frame 8.",
        lambda: recipes.clock_step(HANDSHAKE, 8, 2 * recipes.SECOND),
        commands=("sshpcap capture.pcap", "sshpcap info capture.pcap"),
    ),
    "reordered": Made(
        "The sample `host-key-rejected-dbclient` with every payload in three segments, of which the second comes last.",
        lambda: recipes.reordered(HANDSHAKE),
    ),
    "lost-by-the-capture": Made(
        "The sample `ok-openssh` without the frame that carries the server's key exchange reply and NEWKEYS; the client"
        " acknowledges them, so the network did not lose them.",
        lambda: recipes.without("ok-openssh", 14),
    ),
    "snaplen-96": Made(
        "The sample `no-common-kex-openssh` as `tcpdump -s 96` shows it: no proposal is whole.",
        lambda: recipes.snaplen("no-common-kex-openssh", 96),
    ),
    "midstream": Made(
        "The sample `ok-openssh` from frame 25 on: everything is encrypted already.",
        lambda: recipes.from_frame("ok-openssh", 25),
    ),
    "midstream-on-an-odd-port": Made(
        "A connection to port 41022 that was open before the capture began; both proposals are in it.",
        _proposal_only,
    ),
    "server-side-only": Made(
        "The sample `host-key-changed-openssh` with the frames of the server only.",
        lambda: recipes.one_side("host-key-changed-openssh", client=False),
    ),
    "client-side-only": Made(
        "The sample `host-key-rejected-dbclient` with the frames of the client only.",
        lambda: recipes.one_side(HANDSHAKE, client=True),
    ),
    "half-duplex-at-the-start": Made(
        "The sample `host-key-rejected-dbclient` without what the server sent before frame 8: its SYN-ACK and its"
        " identification string.",
        lambda: recipes.half_duplex(HANDSHAKE, client=False, first=8),
    ),
    "half-duplex-at-the-end": Made(
        "The sample `no-common-kex-dbclient` without what the server sent behind frame 6: its proposal and its FIN,"
        " which the client acknowledges.",
        lambda: recipes.half_duplex("no-common-kex-dbclient", client=False, last=6),
    ),
    # --- who is who, and what stands in front ---
    "call-home": Made(
        "NETCONF Call Home (RFC 8071): the SSH server opens the TCP connection, to port 4334 of the SSH client.",
        _call_home,
    ),
    "http-connect": Made(
        "SSH through an HTTP proxy on port 3128, refused by the server behind it in plain text.",
        _proxied,
    ),
    "proxy-protocol-v1": Made(
        "The sample `host-key-rejected-dbclient` behind a load balancer that speaks the PROXY protocol, version 1.",
        lambda: recipes.behind_preamble(HANDSHAKE, PROXY_V1, b"", 2222),
    ),
    "proxy-protocol-v2": Made(
        "The same in version 2, which is binary.",
        lambda: recipes.behind_preamble(HANDSHAKE, PROXY_V2, b"", 2222),
    ),
    "socks4": Made(
        "The sample `host-key-rejected-dbclient` through a SOCKS 4 proxy.",
        lambda: recipes.behind_preamble(HANDSHAKE, SOCKS4_CLIENT, SOCKS4_SERVER, 1080),
    ),
    "socks5": Made(
        "The sample `host-key-rejected-dbclient` through a SOCKS 5 proxy, which is given the name of the server.",
        lambda: recipes.behind_preamble(HANDSHAKE, SOCKS5_CLIENT, SOCKS5_SERVER, 1080),
    ),
    # --- the rest ---
    "hostile-text": Made(
        "A server whose every text tries to act in a terminal, a browser or a ticket: escape sequences, a bidirectional"
        " override, rich's markup, HTML.",
        _hostile,
    ),
    "no-ssh": Made("A TLS connection to port 443 and nothing else.", _no_ssh),
    "waiting-for-the-user": Made(
        "Both proposals, then nothing: the capture ends 30 s later with a keep-alive.",
        _waiting,
    ),
}


def commands(name: str) -> tuple[str, ...]:
    """What the transcript of a case shows, where its recipe says so."""
    made = MADE[name]
    if made.commands or not made.same:
        return made.commands
    return f"sshpcap {PLAIN}", *(f"sshpcap info {file}" for file in sorted(made.files()))


def readme(name: str) -> str:
    """The README of a case."""
    made = MADE[name]
    several = "\n\nEvery file gives the sessions of `capture.pcap`." if made.same else ""
    return f"# {name}\n\n{made.story}{several}\n\nMade by `python -m tests.make_cases`.\n"


def write(folder: Path = CASES) -> None:
    """Write all cases."""
    for name, made in MADE.items():
        case = folder / name
        case.mkdir(parents=True, exist_ok=True)
        for file, octets in made.files().items():
            (case / file).write_bytes(octets)
        (case / "README.md").write_text(readme(name))
        if commands(name) and not (case / "run.console").exists():
            (case / "run.console").write_text("".join(f"$ {command}\n" for command in commands(name)))


if __name__ == "__main__":
    write()
