"""The host key is not known.

What it means
    The files of known host keys have no line for this server. A client asks its user, or refuses where it cannot
    ask (batch mode, strict checking).

How it is known
    The key is in the server's key exchange reply. The files were given with --known-hosts; neither the server's
    address nor a name given with --name ADDRESS=NAME is in them.

When it may be wrong
    The name that the user typed is not in a capture. If the user typed a name, its line may be in the file although
    the address is not; where the same key is there under another name, that is said. So the confidence is low unless
    the name was given.

What to do
    Compare the fingerprint with that of the server, by another way than this network; then add the line below, or
    accept the key in the client's question.

References
    ssh(1), VERIFYING HOST KEYS; ssh_config(5), StrictHostKeyChecking; ssh-keyscan(1)
"""

from collections.abc import Iterator

from sshpcap.model import Finding, HostKey, KnownHost, Remedy, Session
from sshpcap.rules import known
from sshpcap.rules.base import Rule, how_it_ended
from sshpcap.rules.printed import fill

ID = "host-key-unknown"
TITLE = "The host key is not known"
_MESSAGES = {
    "openssh_client": (
        "No {kind} host key is known for {host} and you have requested strict checking. / Host key verification failed."
    ),
    "openssh_client_asking": (
        "The authenticity of host '{host}' can't be established. / {kind} key fingerprint is {sha256}."
    ),
    "openssh_client_asking_since_10_1": "{kind} key fingerprint is: {sha256}",
    "putty": "The host key is not cached for this server: / Cannot confirm a host key in batch mode",
    "dropbear": "Host is not in the trusted hosts file. / Didn't validate host key",
    "paramiko": "Server '{host}' not found in known_hosts",
    "asyncssh": "Host key is not trusted for host {host}",
    "jsch": "UnknownHostKey: {host}.",
}


def check(session: Session) -> Iterator[Finding]:
    """Fire when no line of the files is for the server."""
    key = session.host_key
    verdict = key.known_hosts if key else None
    if key is None or verdict is None or verdict.status != "unknown":
        return
    others = verdict.other_names
    if others and not known.client_left(session):
        return  # The key is known under the name that was typed, most likely.
    left = known.client_left(session)
    elsewhere = (
        f" The same key is known as {', '.join(dict.fromkeys(e.hosts for e in others))} ({known.place(others[0])})."
        if others
        else ""
    )
    yield Finding(
        id=ID,
        severity=known.severity(session, "info"),
        confidence="medium" if left and not others else "low",
        party="client",
        title=TITLE,
        summary=(
            f"No line of the given files is for {verdict.name}, whose server showed the {key.type} key {key.sha256}"
            f" (frame {key.frame}){'; ' + how_it_ended(session) if left else ''}.{elsewhere}"
        ),
        evidence=known.evidence(session, key),
        expected_messages=_messages(session, key, verdict),
        causes=(
            "nobody has connected to this server from that account, or only under another name",
            "the client was strict, or could not ask (batch mode)",
        ),
        remedies=(
            known.compare(key),
            *_line(key),
            Remedy(
                side="client",
                action="automation: accept first keys only. ssh_config:",
                command="StrictHostKeyChecking accept-new",
                risk="the first connection is not verified",
            ),
        ),
    )


def _line(key: HostKey) -> Iterator[Remedy]:
    if key.known_hosts_line is not None:
        yield Remedy(
            side="client",
            action="after the comparison: add the key, here under the address",
            command=f"echo '{key.known_hosts_line}' >> ~/.ssh/known_hosts",
            risk="without the comparison this accepts whoever answered in the capture",
        )


def _messages(session: Session, key: HostKey, verdict: KnownHost) -> dict[str, str]:
    return fill(_MESSAGES, session, host=verdict.name, kind=known.openssh_type(key.type), sha256=key.sha256)


RULE = Rule(ID, TITLE, "error", check, messages=_MESSAGES)
