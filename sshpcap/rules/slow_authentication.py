"""The server took long to answer the first request of the login.

What it means
    Identification, key exchange and the start of the login went at once; then the server took seconds to answer the
    first request. sshd looks the client's name up at this moment when it is told to (`UseDNS yes`), and a resolver that
    does not answer costs 5 s and more a try. In current OpenSSH UseDNS does not delay the identification string; a
    wait there has another cause (TCP wrappers, xinetd, a proxy).

How it is known
    From times: the first answer behind the one as long as SSH_MSG_SERVICE_ACCEPT came 4.8 s or more after its request,
    the round trip of the path taken off.

When it may be wrong
    The pause is in the capture. Its reason is not: a slow directory service, PAM, or a busy server delay the same
    answer; so does a request that was lost and sent again. A first request that was a wrong password takes up to some
    4 s by itself.

What to do
    On the server: `UseDNS no`, and a resolver that answers. Test with `time getent hosts CLIENT` there.

References
    sshd_config(5), UseDNS; resolv.conf(5), timeout and attempts; ssh_config(5), GSSAPIAuthentication
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, duration

ID = "slow-authentication"
TITLE = "The server took long to answer the first request of the login"

_SLOW_NS = 4_800_000_000
_QUICK_NS = 2_000_000_000


def check(session: Session) -> Iterator[Finding]:
    """Fire on a late first answer, whatever it was."""
    login = session.authentication
    first = login.exchanges[0] if login is not None and login.exchanges else None
    if first is None or first.delay is None or first.answer_frame is None:
        return
    path = session.tcp.rtt.ns if session.tcp.rtt is not None else 0
    if first.delay.ns - path < _SLOW_NS:
        return
    repeated = session.tcp.client.retransmissions > 0
    yield Finding(
        id=ID,
        severity="warning",
        confidence="low" if repeated else "medium",
        party="server",
        title=TITLE,
        summary=(
            f"The handshake completed{_at_once(session)}; the server answered the first request of the login (frame"
            f" {first.frame}) only after {duration(first.delay.ns)} (frame {first.answer_frame}). Name resolution on"
            " the server is the usual reason."
            + (" Frames of the client were sent again, so that loss may have part in it." if repeated else "")
        ),
        evidence=(
            Evidence(frame=first.frame, what="the first request of the login"),
            Evidence(frame=first.answer_frame, what=f"its answer, {duration(first.delay.ns)} later"),
        ),
        causes=(
            "sshd looks up the client's name and its resolver does not answer (UseDNS yes)",
            "the user database is slow: LDAP, SSSD, NIS, PAM modules",
            "the server is overloaded",
        ),
        remedies=(
            Remedy(side="server", action="do not look names up. sshd_config:", command="UseDNS no"),
            Remedy(
                side="server",
                action="see how long the lookups take",
                command=f"time getent hosts {session.client.address}; time getent passwd USER",
            ),
            Remedy(side="server", action="name a resolver that answers", command="cat /etc/resolv.conf"),
        ),
    )


def _at_once(session: Session) -> str:
    """Whether the steps before were quick: then it is this one that is slow, and not the path or the host."""
    done = next((m for m in reversed(session.messages) if m.name == "SSH_MSG_NEWKEYS"), None)
    quick = done is not None and not session.coverage.midstream and done.time.ns - session.start.ns < _QUICK_NS
    return " at once" if quick else ""


RULE = Rule(ID, TITLE, "warning", check)
