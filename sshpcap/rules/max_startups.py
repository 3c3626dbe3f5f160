"""Too many unauthenticated connections (MaxStartups).

What it means
    The server has as many connections that have not logged in yet as it allows, and turns this one away at the door.
    sshd begins to do so at random (`MaxStartups 10:30:100`: from 10 on with a chance of 30 %, rising, from 100 on
    always), so one attempt fails and the next succeeds. No client shows the server's text at default verbosity
    (`ssh -v` shows it as a "banner line"); the capture has it.

How it is known
    OpenSSH 8.2 to 9.7 says "Exceeded MaxStartups" in the clear, within a millisecond or two of the connection's
    opening, and closes. No identification string follows.

When it may be wrong
    The text names the cause; only a server that lies could make this wrong. Who holds the places is not in this
    connection: other connections in the capture, or the server's log, show it. OpenSSH up to 8.1 closes without a
    text (see server-closed-before-identification), OpenSSH 9.8 and later says "Not allowed at this time" (see
    not-allowed-at-this-time).

What to do
    On the server, see who holds the places: `ss -tn state established '( sport = :22 )'`. Fewer connections at once
    from the clients (share them with ControlMaster, retry after a pause); on the server a higher `MaxStartups`, a
    shorter `LoginGraceTime`, a limit per source (`PerSourceMaxStartups`), and a firewall or fail2ban against scans.

References
    sshd_config(5), MaxStartups, PerSourceMaxStartups, LoginGraceTime; OpenSSH 8.2 release notes
"""

from collections.abc import Iterator

from sshpcap.model import Finding, Remedy, Session
from sshpcap.rules.base import Rule
from sshpcap.rules.printed import BEFORE_GREETING
from sshpcap.rules.refusal import refusal_finding, refused_with

ID = "max-startups"
TITLE = "Too many unauthenticated connections"
TEXT = "Exceeded MaxStartups"
LOG = (
    "beginning MaxStartups throttling / drop connection #N from [{client}]:{client_port} on [{server}]:{port} past"
    " MaxStartups"
)


def check(session: Session) -> Iterator[Finding]:
    """Fire on OpenSSH's own words for it."""
    refused = refused_with(session)
    if refused is None or not refused[0].startswith(TEXT):
        return
    yield refusal_finding(
        session,
        id=ID,
        title=TITLE,
        meaning="it has too many connections that have not logged in yet (MaxStartups)",
        log=LOG,
        causes=(
            "scans and password guessing hold the places of connections that have not logged in",
            "many jobs connect at the same moment (ansible, rsync, git, backups)",
            "slow logins (PAM, LDAP, DNS) hold their places for long",
            "clients that connect and do nothing until LoginGraceTime ends them",
        ),
        remedies=REMEDIES,
    )


REMEDIES = (
    Remedy(
        side="server",
        action="see who holds the places, and whether sshd counts the same",
        command="ss -tn state established '( sport = :22 )'; journalctl -u ssh | grep -i maxstartups",
    ),
    Remedy(
        side="server",
        action="allow more connections that have not logged in. sshd_config, then reload sshd:",
        command="MaxStartups 100:30:200",
        risk="more room for password guessing, and a process for each; pair it with the next line",
    ),
    Remedy(
        side="server",
        action="free the places sooner. sshd_config:",
        command="LoginGraceTime 30",
        risk="slow logins (one-time passwords, a user who searches the password) are cut off",
    ),
    Remedy(
        side="server",
        action="keep one source from taking all places (OpenSSH 8.5 and later). sshd_config:",
        command="PerSourceMaxStartups 10",
        risk="many users behind one NAT address share the ten",
    ),
    Remedy(
        side="client",
        action="open fewer connections and share one for many commands",
        command="ssh -o ControlMaster=auto -o ControlPath=~/.ssh/%C -o ControlPersist=10m HOST",
        risk="whoever can use the socket file can use the connection",
    ),
    Remedy(
        side="client",
        action="retry after a pause; OpenSSH does so itself only for the TCP connection, so in a loop",
        command="for n in 1 2 3 4 5; do ssh HOST true && break; sleep $((n * 5)); done",
    ),
)

RULE = Rule(ID, TITLE, "error", check, messages={**BEFORE_GREETING, "sshd_log": LOG})
