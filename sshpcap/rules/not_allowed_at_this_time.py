"""The server says "Not allowed at this time".

What it means
    OpenSSH 9.8 and later turns a connection away at the door with this text, for one of three reasons that the text
    does not tell apart: a penalty for earlier failures from this address (`PerSourcePenalties`, on by default), too
    many connections from this address (`PerSourceMaxStartups`), or too many in all (`MaxStartups`). No client shows
    the text at default verbosity (`ssh -v` shows it as a "banner line").

How it is known
    The text stands in the clear where the identification string should be, and the server closes at once. Other
    connections of the same capture help: an earlier failure from this address and no success since speak for a
    penalty; refusals between successes speak for MaxStartups.

When it may be wrong
    That the server refuses is certain. Which of the three it is, only sshd's log says: "penalty: failed
    authentication" (or: connections without attempting authentication, exceeded LoginGraceTime, caused crash,
    connection prohibited by RefuseConnection), or "Maxstartups".

What to do
    Read sshd's log. For a penalty: stop what fails (a job with a wrong key, a health check that connects and closes)
    and wait; penalties last seconds to ten minutes. Exempt trusted sources with `PerSourcePenaltyExemptList`. A
    restart of sshd forgets all penalties. For MaxStartups see max-startups.

References
    sshd_config(5), PerSourcePenalties, PerSourcePenaltyExemptList, MaxStartups; OpenSSH 9.8 release notes
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules import max_startups
from sshpcap.rules.base import Rule
from sshpcap.rules.company import Company
from sshpcap.rules.printed import BEFORE_GREETING
from sshpcap.rules.refusal import refusal_finding, refused_with

ID = "not-allowed-at-this-time"
TITLE = 'Refused with "Not allowed at this time"'
TEXT = "Not allowed at this time"
LOG = (
    "drop connection #N from [{client}]:{client_port} on [{server}]:{port} penalty: failed authentication"
    " (or: connections without attempting authentication, exceeded LoginGraceTime, caused crash, …); or, for the limit"
    " of connections: drop connection #N from [{client}]:{client_port} on [{server}]:{port} Maxstartups"
)


def check(session: Session) -> Iterator[Finding]:
    """Fire on OpenSSH's own words for it."""
    yield from _judge(session, None)


def among(session: Session, company: Company) -> Iterator[Finding]:
    """The same, with what became of this client's other connections to the server."""
    if company.opened > 1:
        yield from _judge(session, company)


def _judge(session: Session, company: Company | None) -> Iterator[Finding]:
    refused = refused_with(session)
    if refused is None or not refused[0].startswith(TEXT):
        return
    hint, causes = _others(session, company)
    yield refusal_finding(
        session,
        id=ID,
        title=TITLE,
        meaning=(
            "it refuses this client for now, because of a penalty for earlier failures (PerSourcePenalties) or of a"
            f" limit of connections (MaxStartups, PerSourceMaxStartups); the text does not tell which{hint}"
        ),
        log=LOG,
        causes=causes,
        remedies=_REMEDIES,
    )


_PENALTY = (
    "earlier failures from this address, or from others behind the same NAT: wrong keys or passwords, clients that"
    " connect and do not log in, such as health checks (PerSourcePenalties)"
)
_LIMIT = "too many connections that have not logged in yet (MaxStartups): then other attempts at the same time succeed"
_PER_SOURCE = "too many connections from this address at once (PerSourceMaxStartups)"


def _others(session: Session, company: Company | None) -> tuple[str, tuple[str, ...]]:
    """What this client's other connections speak for, and the causes in that order."""
    usual = (_PENALTY, _LIMIT, _PER_SOURCE)
    if company is None:
        return "", usual
    client = session.client.address
    later, failed = company.greeted_clients.get(client, 0), company.failed_clients.get(client, 0)
    if later > session.index:
        return (
            f", but this client's connection {later}, after it, got an identification string: that speaks for a limit"
            " or a short penalty",
            (_LIMIT, _PENALTY, _PER_SOURCE),
        )
    if failed and failed == later:
        return (
            f", but this client's connection {failed}, before it, had failed, and none since got an identification"
            " string: that speaks for a penalty",
            usual,
        )
    return "", usual


_REMEDIES = (
    Remedy(
        side="server",
        action="read which of the reasons it was",
        command="journalctl -u ssh | grep -E 'drop connection|srclimit_penalise'",
    ),
    Remedy(
        side="client",
        action="stop the job that fails or connects without logging in, and wait (10 minutes at most by default)",
    ),
    Remedy(
        side="server",
        action="exempt a trusted source from penalties. sshd_config, then reload sshd:",
        command="PerSourcePenaltyExemptList 192.0.2.0/24",
        risk="no penalties for attackers in that network",
    ),
    Remedy(
        side="server",
        action="make penalties milder. sshd_config:",
        command="PerSourcePenalties authfail:1s noauth:0s max:30s",
        risk="password guessing costs less; PerSourcePenalties no switches them off altogether",
    ),
    *max_startups.REMEDIES[1:3],
)

RULE = Rule(ID, TITLE, "error", check, messages={**BEFORE_GREETING, "sshd_log": LOG}, among=among)
