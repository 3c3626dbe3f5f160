"""Closed after the host key was shown.

What it means
    The server showed its host key and signed the key exchange; the client did not go on. Clients do that when the
    host key is not the one they know (changed, or unknown and strict), when the user says no, when a host certificate
    does not fit, or when the key is too short. Users see "Host key verification failed." or a warning that the key
    has changed.

How it is known
    The server's key exchange reply with the host key is in the capture; SSH_MSG_NEWKEYS of the client, its consent,
    is not; the client closed.

When it may be wrong
    That the client gave up after it had seen the host key is certain. That the key is the reason is not: an invalid
    signature (octets changed on the path, a broken server) looks exactly the same, and cannot be checked from a
    capture. Programs on libraries such as paramiko and libssh2 check the key after NEWKEYS; with them this finding
    does not appear.

What to do
    Compare the fingerprint below with that of the server, by another way than this network (`ssh-keygen -lf
    /etc/ssh/ssh_host_ed25519_key.pub` on its console). If the server really has a new key: `ssh-keygen -R HOST`
    (PuTTY: accept the new key, or delete its entry under SshHostKeys in the registry), then connect again and check
    the fingerprint. If it has not: somebody stands between.

References
    RFC 4251 §4.1; RFC 4253 §8; ssh(1), VERIFYING HOST KEYS; ssh-keygen(1), -R
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, HostKey, Remedy, Session, Timestamp
from sshpcap.rules.base import (
    Rule,
    duration,
    first,
    gave_up,
    how_it_ended,
    lost_to_the_capture,
    server_place,
    with_close,
)

ID = "host-key-not-accepted"
TITLE = "Closed after the host key was shown"

_AUTOMATIC_NS = 500_000_000
_HUMAN_NS = 1_000_000_000


def check(session: Session) -> Iterator[Finding]:
    """Fire when the client left between the host key and its own NEWKEYS."""
    key, close = session.host_key, session.close
    if key is None or session.stage == "encrypted" or gave_up(session) != "client" or close.how not in ("fin", "rst"):
        return
    if key.known_hosts is not None and key.known_hosts.status != "match":
        return  # The user's own files tell why.
    if first(session, "client", "SSH_MSG_NEWKEYS") or session.outcome != "failed" or lost_to_the_capture(session):
        return
    ended = close.disconnect.frame if close.disconnect else close.frame
    if ended is not None and ended < key.frame:
        return
    shown_at = next(m for m in session.messages if m.frame == key.frame and m.sender == "server")
    left = next((m for m in session.messages if close.disconnect and m.frame == close.disconnect.frame), None)
    left_at = left.time if left else close.time
    delay = left_at.ns - shown_at.time.ns if left_at else 0
    said = (
        f' The {close.disconnect.by} said why: "{close.disconnect.description}".'
        if close.disconnect and close.disconnect.description
        else ""
    )
    size = f" of {key.bits} bits" if key.bits else ""
    yield Finding(
        id=ID,
        severity="error",
        confidence="high",
        party="client",
        title=TITLE,
        summary=(
            f"The server showed its host key (frame {key.frame}: {key.type}{size}, {key.sha256}); the client did not"
            f" accept the key exchange; {how_it_ended(session)}.{said} {_pace(delay)}"
        ),
        evidence=with_close(
            session,
            Evidence(frame=key.frame, what=f"host key {key.type} {key.sha256}", bytes=shown_at.bytes),
            Evidence(frame=close.disconnect.frame, what="SSH_MSG_DISCONNECT") if close.disconnect else None,
        ),
        expected_messages=_messages(session, key),
        causes=tuple(_causes(session, key, delay)),
        remedies=_remedies(session, key),
    )


def _messages(session: Session, key: HostKey) -> dict[str, str]:
    """What programs print for each of the reasons (verbatim, from real runs)."""
    messages = {
        "openssh_client": "Host key verification failed.",
        "openssh_client_changed_key": "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!",
        "openssh_client_invalid_signature": (
            f"ssh_dispatch_run_fatal: Connection to {server_place(session)}: incorrect signature"
        ),
        "putty": (
            "WARNING - POTENTIAL SECURITY BREACH! / Connection abandoned. / Cannot confirm a host key in batch mode"
        ),
        "putty_invalid_signature": "Signature from server's host key is invalid",
        "dropbear": f"{key.type} host key mismatch / Didn't validate host key",
        "dropbear_invalid_signature": "Bad hostkey signature",
        "paramiko_invalid_signature": f"Signature verification ({key.type}) failed.",
        "asyncssh": "Host key is not trusted",
        "asyncssh_invalid_signature": "Key exchange hash mismatch",
        "sshd_log": f"Connection closed by {session.client.address} port {session.client.port} [preauth]",
    }
    if key.certificate is not None:
        messages["openssh_client_certificate"] = (
            "Certificate invalid: expired / not yet valid / name is not a listed principal"
        )
    if key.type.startswith("ssh-rsa"):
        messages["openssh_client_short_key"] = "Bad server host key: Invalid key length"
    return messages


def _pace(delay: int) -> str:
    if delay < _AUTOMATIC_NS:
        return f"It took {duration(delay)}: a decision of the program, not of a person."
    if delay >= _HUMAN_NS:
        return f"It took {duration(delay)}: long enough for a person at a prompt."
    return f"It took {duration(delay)}."


def _causes(session: Session, key: HostKey, delay: int) -> Iterator[str]:
    signature = "the signature was invalid: octets of the handshake were changed on the way, or the server is broken"
    client = session.client.identification
    if client is not None and client.implementation in _CHECK_AFTER_NEWKEYS:
        yield f"{signature} ({client.implementation} checks the key itself only after NEWKEYS)"
        return
    certificate = key.certificate
    if certificate is not None:
        now: Timestamp = session.start
        if certificate.type != "host":
            yield f"the certificate is a {certificate.type} certificate, not one for a host"
        if certificate.valid_before is not None and now >= certificate.valid_before:
            yield f"the certificate had expired (valid until {_day(certificate.valid_before)})"
        if certificate.valid_after is not None and now < certificate.valid_after:
            yield f"the certificate was not valid yet (valid from {_day(certificate.valid_after)})"
        principals = ", ".join(certificate.principals) or "none at all"
        yield f"the name that the user typed is not among the certificate's principals ({principals})"
    if key.type.startswith("ssh-rsa") and key.bits is not None and key.bits < 2048:
        yield f"the RSA key has only {key.bits} bits, fewer than the client may require (RequiredRSASize)"
    if delay >= _HUMAN_NS:
        yield "the user was asked about an unknown key and said no, or gave up"
    yield (
        "the key differs from the one in known_hosts: server reinstalled, address reused, several servers behind one"
        " name"
    )
    yield "the key is unknown and the client is strict, or cannot ask (batch mode)"
    yield "somebody stands between client and server"
    yield signature


def _day(moment: Timestamp) -> str:
    return str(moment)[:19].replace("T", " ") + " UTC"


_CHECK_AFTER_NEWKEYS = ("paramiko", "libssh", "libssh2")


def _remedies(session: Session, key: HostKey) -> tuple[Remedy, ...]:
    if key.certificate is not None:
        return (
            Remedy(
                side="server",
                action="look at the certificate: names, validity, authority",
                command="ssh-keygen -Lf /etc/ssh/ssh_host_ed25519_key-cert.pub",
            ),
            Remedy(
                side="server",
                action="sign the host key anew, with every name that users type, and restart sshd",
                command="ssh-keygen -s CA_KEY -h -I ID -n NAME,NAME -V +52w /etc/ssh/ssh_host_ed25519_key.pub",
                risk="whoever holds the CA key can impersonate every host",
            ),
            Remedy(
                side="client",
                action="know the authority. known_hosts:",
                command=f"@cert-authority *.example.org CA_PUBLIC_KEY    # {key.certificate.ca_sha256}",
            ),
        )
    host = session.server.address if session.server.port == 22 else f"[{session.server.address}]:{session.server.port}"
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
            action="PuTTY: accept the new key in its dialog after the comparison, or delete the entry under "
            r"HKEY_CURRENT_USER\Software\SimonTatham\PuTTY\SshHostKeys",
            risk="the same",
        ),
        Remedy(
            side="client",
            action="automation: provide the key beforehand, or accept first keys only. ssh_config:",
            command="StrictHostKeyChecking accept-new",
            risk="the first connection is not verified",
        ),
    )


RULE = Rule(ID, TITLE, "error", check)
