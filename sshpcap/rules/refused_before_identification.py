"""Refused before identification.

What it means
    The server accepted the TCP connection, said in plain text that it will not serve this client now, and closed. No
    client shows this text at default verbosity (`ssh -v` shows it as a "banner line"); the capture has it.

How it is known
    The server's first line is a text that SSH servers print for a refusal, and no identification string follows.

When it may be wrong
    The text is certain. "Not allowed at this time" (OpenSSH 9.8 and later) does not tell MaxStartups,
    PerSourceMaxStartups and PerSourcePenalties apart: refusals at random speak for the first, refusals of one client
    only for the last.

What to do
    "Exceeded MaxStartups": fewer connections at once from the clients, or a higher `MaxStartups` and a shorter
    `LoginGraceTime` on the server. "Not allowed at this time": the server's log names the reason; stop the failing
    logins and wait, or exempt the source with `PerSourcePenaltyExemptList`.

References
    sshd_config(5), MaxStartups, PerSourcePenalties; OpenSSH 9.8 release notes
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, closed_before_greeting, how_it_ended, with_close
from sshpcap.ssh import plain_text

ID = "refused-before-identification"
TITLE = "Refused before identification"


def check(session: Session) -> Iterator[Finding]:
    """Fire on a known refusal where the server's identification string should be."""
    lines = session.server.pre_identification
    if session.server.identification is not None or not lines:
        return
    refusal = plain_text.refusal(lines[0])
    if refusal is None:
        return
    said = next((m for m in session.messages if m.sender == "server"), None)
    frame = said.frame if said else session.tcp.server.last_data_frame
    yield Finding(
        id=ID,
        severity="error",
        confidence="high",
        party="server",
        title=TITLE,
        summary=(
            f'The server said "{lines[0]}" (frame {frame}) instead of an identification string, and'
            f" {how_it_ended(session)}: {refusal.meaning}."
        ),
        evidence=with_close(
            session,
            (
                Evidence(frame=frame, what=f'the server\'s text "{lines[0]}"', bytes=said.bytes if said else None)
                if frame is not None
                else None
            ),
        ),
        expected_messages={
            **closed_before_greeting(session),
            "sshd_log": "drop connection … past MaxStartups (9.2) / Maxstartups (10.x) / penalty: … (9.8 and later)",
        },
        causes=_CAUSES,
        remedies=_REMEDIES,
    )


_CAUSES = (
    "many connections at once that have not authenticated yet: scans, or parallel jobs (ansible, rsync, git)",
    "slow authentication (PAM, DNS) keeps the places occupied",
    ("earlier failed logins from this address, or from others behind the same NAT (penalties, OpenSSH 9.8 and later)"),
)

_REMEDIES = (
    Remedy(side="server", action="read why in sshd's log", command="journalctl -u ssh | grep 'drop connection'"),
    Remedy(
        side="server",
        action="allow more unauthenticated connections. sshd_config:",
        command="MaxStartups 100:30:200",
        risk="more room for brute force; pair it with a shorter LoginGraceTime",
    ),
    Remedy(
        side="server",
        action="exempt a trusted source from penalties (OpenSSH 9.8 and later). sshd_config:",
        command="PerSourcePenaltyExemptList 192.0.2.0/24",
        risk="no penalties for attackers in that network",
    ),
    Remedy(
        side="client",
        action="open fewer connections at once and share them. ssh_config:",
        command="ControlMaster auto",
    ),
)

RULE = Rule(ID, TITLE, "error", check)
