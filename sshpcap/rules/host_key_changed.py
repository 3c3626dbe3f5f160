"""The host key is not the known one.

What it means
    The file of known host keys has another key for this server than the one that it showed. Either the server got
    a new key (reinstalled, address reused, another machine behind the same name), or somebody stands between.

How it is known
    The key is in the server's key exchange reply. The file was given with --known-hosts; the line that differs is
    named, and `ssh-keygen -F` finds the same. OpenSSH takes any other key for the name as a change, of whatever
    type; PuTTY only one of the same type.

When it may be wrong
    The file must be that of the user whose client it was, as it was then. The name that the user typed is not in
    a capture: the server's address is looked up, and the names given with --name ADDRESS=NAME. When the client
    went on all the same, the finding is a warning: its user accepted the key, or it reads another file.

What to do
    Compare the fingerprint with that of the server, by another way than this network. If the server has a new key,
    forget the old one with the command below. If it has not, do not log in.

References
    ssh(1), VERIFYING HOST KEYS; ssh-keygen(1), -R; RFC 4251 §4.1
"""

from collections.abc import Iterator

from sshpcap.model import Finding, HostKey, KnownEntry, KnownHost, Session
from sshpcap.rules import known
from sshpcap.rules.base import Rule
from sshpcap.rules.printed import fill

ID = "host-key-changed"
TITLE = "The host key is not the known one"
_MESSAGES = {
    "openssh_client": (
        "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! / The fingerprint for the {kind} key sent by the remote host"
        " is / {sha256}. / Offending {old_kind} key in {place} / Host key for {host} has changed and you have requested"
        " strict checking. / Host key verification failed."
    ),
    "putty": (
        "WARNING - POTENTIAL SECURITY BREACH! / The host key does not match the one Plink has cached for this server: /"
        " {host}"
    ),
    "dropbear": "{type} host key mismatch for {host} ! / Fingerprint is {sha256} / Expected {old_sha256}",
    "paramiko": "BadHostKeyException: Host key for server '{host}' does not match",
    "asyncssh": "Host key is not trusted for host {host}",
    "jsch": "reject HostKey: {host}",
    "go": "ssh: handshake failed: knownhosts: key mismatch",
}
"""Verbatim, from real runs."""


def check(session: Session) -> Iterator[Finding]:
    """Fire when the files have other keys for the server."""
    key = session.host_key
    verdict = key.known_hosts if key else None
    if key is None or verdict is None or verdict.status != "changed" or not verdict.differing:
        return
    entry = verdict.differing[-1]
    left = known.client_left(session)
    then = known.then(session, "the client went on: its user accepted it, or reads another file")
    yield Finding(
        id=ID,
        severity=known.severity(session, "warning"),
        confidence="high" if left else "medium",
        party="client" if left else "unknown",
        title=TITLE,
        summary=(
            f"The server showed the {key.type} key {key.sha256} (frame {key.frame}); {known.place(entry)} has for"
            f" {verdict.name} the {entry.type} key {entry.sha256}; {then}."
        ),
        evidence=known.evidence(session, key),
        expected_messages=_messages(session, key, verdict),
        causes=(
            "the server was reinstalled, or its keys were made anew",
            "another machine has the address or the name now (DHCP, DNS, load balancer)",
            "somebody stands between client and server",
        ),
        remedies=(
            known.compare(key),
            *(known.forget(session, one, verdict.name) for one in _once(verdict)),
        ),
    )


def _once(verdict: KnownHost) -> list[KnownEntry]:
    """One remedy for each OpenSSH file, one for each line of PuTTY's."""
    return list({(e.file, e.line if e.putty else 0): e for e in verdict.differing}.values())[:5]


def _messages(session: Session, key: HostKey, verdict: KnownHost) -> dict[str, str]:
    entry = verdict.differing[-1]
    return fill(
        _MESSAGES,
        session,
        host=verdict.name,
        kind=known.openssh_type(key.type),
        type=key.type,
        sha256=key.sha256,
        old_kind=known.openssh_type(entry.type),
        old_sha256=entry.sha256,
        place=known.place(entry),
    )


RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES)
