"""A web server or HTTP proxy answers instead of an SSH server.

What it means
    The port belongs to a web server, or to an HTTP proxy that waits for a CONNECT request. It took the client's
    identification string for a broken request and answered with an error page. Clients do not show that page; they
    print the same words as for a server that closes.

How it is known
    The server's first octets are an HTTP status line (or a page), and no identification string follows. The page is
    in the capture in the clear; Wireshark calls it "Encrypted packet".

When it may be wrong
    That HTTP was spoken is certain. Whether it is the server itself, a proxy on the way or a captive portal that
    answers in its name is not in the first line; a `Server:` or `Via:` header in the capture may tell.

What to do
    Use the port of the SSH server. Through an HTTP proxy: let the client ask with CONNECT (ProxyCommand, PuTTY:
    Connection > Proxy, type HTTP). On the server's side: correct the port forwarding, NAT or load balancer.

References
    RFC 4253 §4.2; RFC 9110 §9.3.6 (CONNECT); ssh_config(5), ProxyCommand
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules.base import Rule
from sshpcap.rules.other_service import RIGHT_PORT, WHO_LISTENS, other_service, service_finding
from sshpcap.rules.printed import BEFORE_GREETING, GREETING_TIMED_OUT, together

ID = "http-server"
TITLE = "A web server or HTTP proxy answers instead of an SSH server"
_SPOKEN = ("HTTP", "HTTP CONNECT", "HTTP/2")
_TELLING = ("server:", "via:", "location:", "proxy-agent:")
_SHOWN = 80


def check(session: Session) -> Iterator[Finding]:
    """Fire on an HTTP answer of the server."""
    spoken = other_service(session)
    if spoken is None or spoken.protocol not in _SPOKEN:
        return
    telling = [line[:_SHOWN] for line in spoken.lines if line.lower().startswith(_TELLING)]
    more = f' (it says "{telling[0]}")' if telling else ""
    yield service_finding(
        session,
        spoken,
        id=ID,
        title=TITLE,
        named="speaks HTTP, not SSH",
        more=more,
        causes=(
            "the port belongs to a web server",
            "an HTTP proxy that must be asked with CONNECT",
            "a port forwarding, NAT or load balancer leads to a web server",
            "a captive portal answers in the server's place",
        ),
        remedies=(
            RIGHT_PORT,
            Remedy(
                side="client",
                action="through an HTTP proxy, ask with CONNECT (OpenBSD's netcat; PuTTY: Connection > Proxy, HTTP)",
                command="ssh -o ProxyCommand='nc -X connect -x PROXY:8080 %h %p' HOST",
                risk="most proxies allow CONNECT to port 443 only",
            ),
            WHO_LISTENS,
        ),
    )


RULE = Rule(ID, TITLE, "error", check, messages=together(BEFORE_GREETING, given_up=GREETING_TIMED_OUT))
