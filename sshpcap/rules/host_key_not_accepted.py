"""Closed after the host key was shown.

What it means
    The server showed its host key and signed the key exchange; the client did not go on. Clients do that when the
    host key is not the one they know (changed, or unknown and strict), when the user says no, or when the signature
    is wrong. OpenSSH's users see "Host key verification failed.", often with "WARNING: REMOTE HOST IDENTIFICATION HAS
    CHANGED!"; PuTTY's "WARNING - POTENTIAL SECURITY BREACH!". Keys that are certificates, and short RSA keys, have
    findings of their own.

How it is known
    The server's key exchange reply with the host key is in the capture; SSH_MSG_NEWKEYS of the client, its consent,
    is not; the client closed. The time between the two tells a program's decision (changed or unknown key, strict or
    batch mode: some milliseconds) from a person's at a prompt (seconds).

When it may be wrong
    That the client gave up after it had seen the host key is certain. That the key is the reason is not: an invalid
    signature (octets changed on the path, a broken server) looks exactly the same, and cannot be checked from a
    capture, because the shared secret is not in it. "Changed" and "unknown" look the same, too: what the client knew
    is in its known_hosts, not in the capture. Programs on libraries such as paramiko and libssh2 check the key after
    NEWKEYS; see host-key-rejected-after-newkeys. Of a client that is none of the known programs, or
    names itself as Go's library does, the confidence is medium: a script or a scanner may have had what it wanted.

What to do
    Compare the fingerprint below with that of the server, by another way than this network (`ssh-keygen -lf
    /etc/ssh/ssh_host_ed25519_key.pub` on its console). If the server really has a new key (reinstalled, keys made
    anew, address reused), let the client forget the old one: `ssh-keygen -R HOST`, for another port `ssh-keygen -R
    '[HOST]:PORT'`. PuTTY on Windows keeps keys in the registry under HKEY_CURRENT_USER\\Software\\SimonTatham\\PuTTY\\
    SshHostKeys, one value a server named like ssh-ed25519@22:HOST; PuTTY on Linux in ~/.putty/sshhostkeys, one line a
    server. Then connect again and check the fingerprint once more. If the server has no new key: somebody stands
    between, do not go on.

    A server that lacks host keys does not show up here: it closes before its identification string, or does not
    listen (see server-closed-before-identification). The host key does not make the shared secret either; it signs
    it.

References
    RFC 4251 §4.1; RFC 4253 §8; ssh(1), VERIFYING HOST KEYS; ssh-keygen(1), -R; sshd(8), SSH_KNOWN_HOSTS FILE FORMAT
"""

from collections.abc import Iterator

from sshpcap.model import Finding, HostKey, Remedy, Session
from sshpcap.rules.base import Rule
from sshpcap.rules.printed import fill
from sshpcap.rules.shown_key import (
    CHECK_AFTER_NEWKEYS,
    CLIENT_LEFT,
    GO,
    HUMAN_NS,
    INVALID_SIGNATURE,
    INVALID_SIGNATURE_TEXTS,
    SCANNER_IN_GO,
    Refused,
    known_hosts_name,
    refused_key,
    refused_key_finding,
    short_type,
)

ID = "host-key-not-accepted"
TITLE = "Closed after the host key was shown"

MESSAGES = {
    "openssh_client": "Host key verification failed.",
    "openssh_client_changed_key": (
        "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! / IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY! /"
        " The fingerprint for the {kind} key sent by the remote host is / {sha256} / Host key for {server} has changed"
        " and you have requested strict checking."
    ),
    "openssh_client_unknown_key": "No {kind} host key is known for {server} and you have requested strict checking.",
    "openssh_client_short_key": "Bad server host key: Invalid key length",
    "openssh_client_question": (
        "The authenticity of host '{server} ({server})' can't be established. / Are you sure you want to continue"
        " connecting (yes/no/[fingerprint])?"
    ),
    "openssh_client_question_before_8": "Are you sure you want to continue connecting (yes/no)?",
    "putty_changed_key": (
        "WARNING - POTENTIAL SECURITY BREACH! / The host key does not match the one PuTTY has cached for this server"
    ),
    "putty_unknown_key": "The host key is not cached for this server / Connection abandoned.",
    "putty_before_0_78": (
        "The server's host key is not cached in the registry. You have no guarantee that the server is the computer you"
        " think it is."
    ),
    "putty_batch": "Cannot confirm a host key in batch mode",
    "putty_hostkey_option": "Host key not in manually configured list",
    "dropbear_changed_key": "{type} host key mismatch for {server} !",
    "dropbear_unknown_key": (
        "Host '{server}' is not in the trusted hosts file. / Do you want to continue connecting? (y/n) / Didn't"
        " validate host key"
    ),
    "asyncssh": "Host key is not trusted for host {server}",
    "jsch": "UnknownHostKey: {server}. {kind} key fingerprint is {md5}",
    "jsch_changed_key": "reject HostKey: {server}",
    "go": "ssh: handshake failed: host key rejected by callback",
    "go_known_hosts": "ssh: handshake failed: knownhosts: key mismatch",
    **INVALID_SIGNATURE_TEXTS,
    **CLIENT_LEFT,
}


def check(session: Session) -> Iterator[Finding]:
    """Fire when the client left between the host key and its own NEWKEYS."""
    refused = refused_key(session)
    if refused is None or keyscan(session):
        return
    yield refused_key_finding(
        session,
        refused,
        id=ID,
        title=TITLE,
        confidence="high" if _known_program(session) else "medium",
        messages=messages(session, refused.key, MESSAGES),
        causes=tuple(_causes(session, refused)),
        remedies=remedies(session, refused.key),
    )


def _known_program(session: Session) -> bool:
    """Of these it is known that nothing but the key, its signature or the user makes them leave here; a script or a
    scanner may have had enough."""
    client = session.client.identification
    return client is not None and client.implementation not in (None, GO)


def keyscan(session: Session) -> bool:
    """ssh-keyscan names itself so, takes the key and leaves: host-key-collected."""
    client = session.client.identification
    return client is not None and client.software.startswith("OpenSSH-keyscan")


def messages(session: Session, key: HostKey, texts: dict[str, str]) -> dict[str, str]:
    """The texts with what belongs to this key."""
    md5 = key.md5.removeprefix("MD5:")
    return fill(texts, session, kind=short_type(key), type=key.type, sha256=key.sha256, md5=md5)


def _causes(session: Session, refused: Refused) -> Iterator[str]:
    client = session.client.identification
    if client is not None and client.implementation in CHECK_AFTER_NEWKEYS:
        yield f"{INVALID_SIGNATURE} ({client.implementation} checks the key itself only after NEWKEYS)"
        return
    if refused.delay >= HUMAN_NS:
        yield "the user was asked about an unknown key and said no, or gave up"
    yield (
        "the key differs from the one in known_hosts: server reinstalled, keys made anew, address reused, several"
        " servers behind one name, a kind of key that is preferred since an upgrade"
    )
    yield "the key is unknown and the client is strict, or cannot ask (batch mode)"
    if client is not None and client.implementation == GO:
        yield SCANNER_IN_GO
    key = refused.key
    if key.type == "ssh-rsa" and key.bits is not None:
        yield f"the RSA key of {key.bits:,} bits is shorter than the client demands (RequiredRSASize)"
    yield "somebody stands between client and server, or a firewall inspects SSH"
    yield INVALID_SIGNATURE


def remedies(session: Session, key: HostKey) -> tuple[Remedy, ...]:
    """First compare, then forget the old key; the ways of OpenSSH, PuTTY on both systems, and of automation."""
    host, kind = known_hosts_name(session), key.type
    return (
        Remedy(
            side="server",
            action=f"compare with the real key, on the server's console; the capture shows {key.sha256}",
            command="for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done",
        ),
        Remedy(
            side="client",
            action=(
                "only if that is the server's key: forget the old one (also under the host's name), then connect again"
            ),
            command=f"ssh-keygen -R '{host}'",
            risk="without the comparison this accepts whoever answers",
        ),
        Remedy(
            side="client",
            action="PuTTY on Windows: accept the new key in its dialog after the comparison, or delete its value",
            command=(
                r"reg delete HKCU\Software\SimonTatham\PuTTY\SshHostKeys"
                f" /v {_putty_type(kind)}@{session.server.port}:HOST"
            ),
            risk="the same",
        ),
        Remedy(
            side="client",
            action="PuTTY on Linux: the same, or delete its line in ~/.putty/sshhostkeys",
            command=f"sed -i '/^{_putty_type(kind)}@{session.server.port}:HOST /d' ~/.putty/sshhostkeys",
            risk="the same",
        ),
        Remedy(
            side="client",
            action="automation: provide the key beforehand, or accept first keys only. ssh_config:",
            command="StrictHostKeyChecking accept-new",
            risk="the first connection is not verified; a changed key is still refused",
        ),
        Remedy(
            side="server",
            action="several servers behind one name or address: the same host keys on all, or certificates for them",
            risk="one stolen key impersonates all of them",
        ),
    )


def _putty_type(kind: str) -> str:
    """How PuTTY names the kind of a key in its cache."""
    return "rsa2" if kind == "ssh-rsa" else "dss" if kind == "ssh-dss" else kind


RULE = Rule(ID, TITLE, "error", check, messages=MESSAGES)
