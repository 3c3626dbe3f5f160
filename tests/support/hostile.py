"""Peers whose every text tries to act: in a terminal, a browser, a ticket, a spreadsheet; and what must not come of it.

Must not know: how sshpcap makes anything harmless.
"""

from collections.abc import Iterator

from tests.support.sessions import closed, greeted, proposed
from tests.support.sshbytes import disconnect, identification, kexinit, packet
from tests.support.wireflow import Flow

BAD = (
    "<script>window.ran=1</script><img src=x onerror=window.ran=1> </details></pre></svg> @everyone @admin #1 !2 GH-3 "
    "ABC-4 ![i](http://evil.example/i.png) [l](javascript:window.ran=1) https://evil.example/x www.evil.example "
    "root@evil.example deadbeef1234567 | a | b | ``` ~~~ `x` $y$ **b** __u__ <!-- {{7*7}} {% x %} ]]> &lt; &#64; "
    "\x1b[31mred\x1b]0;t\x07 \r \u202eevil\u2066 \x9b31m \\x1b # h > q - l 1. n"
)
WORD = BAD.replace(" ", "_").replace(",", ";")
"""The same as one name, for name-lists."""


def hostile_flows() -> Iterator[tuple[str, Flow]]:
    """Connections of a hostile peer, by the field that it controls."""
    octets = BAD.replace("\r", "").encode()
    yield (
        "text before the identification",
        closed(greeted(server=octets + b"\n" + b"x" * 3000 + b"\n" + identification("Evil")), by="server"),
    )
    yield "refusal", closed(greeted(client=identification("OpenSSH_9.2p1"), server=octets + b"\r\n"), by="server")
    comment = greeted(client=identification(f"Evil {BAD[:200]}".replace("\r", "")), server=identification(WORD[:60]))
    yield "identification", closed(comment, by="client")
    said = greeted()
    said.server.sends(packet(disconnect(2, BAD, BAD)))
    yield "disconnect", closed(said, by="server")
    lists = dict.fromkeys(("kex_algorithms", "server_host_key_algorithms", "languages_server_to_client"), WORD)
    names = proposed(server=lists, client={"encryption_algorithms_client_to_server": WORD * 20})
    yield "name-lists", closed(names, by="client")
    long = proposed(server={"kex_algorithms": ",".join(f"{WORD}{n}" for n in range(20))})
    yield "many long names", closed(long, by="client")
    junk = greeted()
    junk.client.sends(packet(kexinit()))
    junk.server.sends(octets * 3)
    yield "no packet", closed(junk, by="client")
    connect = Flow(ports=(40022, 22))
    connect.opens()
    connect.client.sends(b"CONNECT " + octets.replace(b" ", b"") + b":22 HTTP/1.1\r\nHost: " + octets + b"\r\n\r\n")
    connect.server.sends(octets + b"\r\n")
    yield "preamble", closed(connect, by="server")
