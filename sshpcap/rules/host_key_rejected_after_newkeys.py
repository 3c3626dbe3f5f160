"""The client left as soon as the key exchange was complete.

What it means
    Both sides switched to encryption, and the client left at once, before it could have tried to log in. Programs on
    the libraries paramiko, libssh, libssh2 (curl) and ssh2 of Node.js do that when they do not accept the host key:
    these libraries complete the key exchange first and ask about the key, or check its signature, afterwards.

How it is known
    The client is one of these libraries by its identification string, sent no more behind its SSH_MSG_NEWKEYS than
    one small packet or two, fewer octets than a login needs, and closed.

When it may be wrong
    What was said behind NEWKEYS is encrypted: a client that had nothing more to do, a program that crashed or a user
    who gave up look the same. Therefore medium confidence.

What to do
    Look at the program's own message. If it is about the host key, compare the fingerprint with the server's, by
    another way than this network, then give the program the right key: known_hosts for paramiko
    (`load_system_host_keys`, or `ssh-keyscan` and a comparison), `--hostpubsha256` for curl,
    `ssh_session_is_known_server` for libssh.

References
    RFC 4253 §8; the documentation of paramiko.client.MissingHostKeyPolicy; curl(1), --hostpubsha256
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, duration, first, how_it_ended, lost_to_the_capture, shown, with_close
from sshpcap.rules.printed import fill
from sshpcap.rules.shown_key import CHECK_AFTER_NEWKEYS, known_hosts_name

ID = "host-key-rejected-after-newkeys"
TITLE = "The client left as soon as the key exchange was complete"
_FEWER_THAN_A_LOGIN = 100
"""Octets: SSH_MSG_SERVICE_REQUEST and SSH_MSG_USERAUTH_REQUEST together have more in every cipher."""
_SOON_NS = 2_000_000_000
_MESSAGES = {
    "paramiko": "Server '{server}' not found in known_hosts",
    "paramiko_changed_key": "BadHostKeyException: Host key for server '{server}' does not match",
    "libssh2": "Denied establishing ssh session: mismatch md5 fingerprint",
    "curl": "SSL peer certificate or SSH remote key was not OK",
    "node_ssh2": "Handshake failed: signature verification failed",
    "node_ssh2_refused": "Handshake failed: host verification failed",
    "sshd_log": "Connection closed by {client} port {client_port} [preauth]",
}


def check(session: Session) -> Iterator[Finding]:
    """Fire when such a library left right behind its NEWKEYS."""
    client, key, close = session.client.identification, session.host_key, session.close
    if session.stage != "encrypted" or key is None or client is None or lost_to_the_capture(session):
        return
    if client.implementation not in CHECK_AFTER_NEWKEYS or close.by != "client" or close.how not in ("fin", "rst"):
        return
    consent = first(session, "client", "SSH_MSG_NEWKEYS")
    if consent is None or close.time is None:
        return
    encrypted = session.tcp.client.bytes - max(m.bytes[1] for m in session.messages if m.sender == "client")
    stayed = close.time.ns - consent.time.ns
    if encrypted >= _FEWER_THAN_A_LOGIN or stayed >= _SOON_NS:
        return
    yield Finding(
        id=ID,
        severity="warning",
        confidence="medium",
        party="client",
        title=TITLE,
        summary=(
            f"The key exchange was complete, and the client left {duration(stayed)} after its SSH_MSG_NEWKEYS (frame"
            f" {consent.frame}), with {encrypted} encrypted octets, fewer than a login needs: {how_it_ended(session)}."
            f" Programs on {client.implementation} do that when they do not accept the host key (frame {key.frame}:"
            f" {key.type}, {key.sha256})."
        ),
        evidence=with_close(
            session,
            Evidence(frame=key.frame, what=f"host key {key.type} {key.sha256}"),
            shown(consent, "the client's SSH_MSG_NEWKEYS"),
        ),
        expected_messages=fill(_MESSAGES, session),
        causes=(
            "the host key is unknown to the program, or not the one that it knows",
            "the signature was invalid (ssh2 of Node.js)",
            "the program had nothing more to do: a health check, a collector of host keys",
            "the program crashed or was ended",
        ),
        remedies=_remedies(session, key.sha256, key.type),
    )


def _remedies(session: Session, sha256: str, kind: str) -> tuple[Remedy, ...]:
    name = kind.removesuffix("-cert-v01@openssh.com").removeprefix("ssh-")
    return (
        Remedy(
            side="server",
            action=f"compare with the real key, on the server's console; the capture shows {sha256}",
            command="for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done",
        ),
        Remedy(
            side="client",
            action="only if that is the server's key: forget an old one, and let the program know the new one",
            command=(
                f"ssh-keygen -R '{known_hosts_name(session)}'; ssh-keyscan -p {session.server.port} -t"
                f" {name.partition('-')[0]} {session.server.address} >> ~/.ssh/known_hosts"
            ),
            risk="without the comparison this accepts whoever answers",
        ),
        Remedy(
            side="client",
            action="curl and libcurl (7.80 and later): name the key that is expected",
            command=f"curl --hostpubsha256 {sha256.removeprefix('SHA256:')} sftp://{session.server.address}/",
            risk="the same",
        ),
    )


RULE = Rule(ID, TITLE, "warning", check, messages=_MESSAGES)
