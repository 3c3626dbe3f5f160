"""What the rules about known host keys share: whether the client left because of the key, warnings, remedies."""

import shlex
from typing import Final

from sshpcap.model import Evidence, HostKey, KnownEntry, Remedy, Session, Severity
from sshpcap.rules.base import first, gave_up, how_it_ended, key_undelivered, lost_to_the_capture, with_close

REGISTRY: Final = r"HKCU\Software\SimonTatham\PuTTY\SshHostKeys"
_WORDS: Final = {
    "ssh-rsa": "RSA",
    "ssh-dss": "DSA",
    "ssh-ed25519": "ED25519",
    "ssh-ed448": "ED448",
    "sk-ssh-ed25519@openssh.com": "ED25519-SK",
    "sk-ecdsa-sha2-nistp256@openssh.com": "ECDSA-SK",
}


def client_left(session: Session) -> bool:
    """The client ended it between the host key and its own NEWKEYS."""
    key, close = session.host_key, session.close
    if key is None or session.outcome != "failed" or close.how not in ("fin", "rst") or lost_to_the_capture(session):
        return False
    if key_undelivered(session):
        return False
    return gave_up(session) == "client" and first(session, "client", "SSH_MSG_NEWKEYS") is None


def then(session: Session, accepted: str) -> str:
    """What the client did with the key, as a clause: `accepted` where it sent its consent, SSH_MSG_NEWKEYS."""
    if client_left(session):
        return how_it_ended(session)
    if first(session, "client", "SSH_MSG_NEWKEYS") or session.outcome == "encrypted":
        return accepted
    if key_undelivered(session):
        return "by the acknowledgements this never reached the client"
    return "what the client made of it is not in the capture"


def severity(session: Session, otherwise: Severity) -> Severity:
    """An error where the client left; else a warning or less, because the files may not be this client's."""
    return "error" if client_left(session) else otherwise


def openssh_type(kind: str) -> str:
    """A key's type as OpenSSH's messages name it."""
    plain = kind.replace("-cert-v01@openssh.com", "")
    plain = plain if plain == kind or not plain.startswith("sk-") else f"{plain}@openssh.com"
    word = _WORDS.get(plain, "ECDSA" if plain.startswith("ecdsa-") else plain)
    return f"{word}-CERT" if "-cert-" in kind else word


def evidence(session: Session, key: HostKey) -> tuple[Evidence, ...]:
    """The host key, and the close where the client left."""
    shown = Evidence(frame=key.frame, what=f"host key {key.type} {key.sha256}")
    return with_close(session, shown) if client_left(session) else (shown,)


def place(entry: KnownEntry) -> str:
    """File and line of an entry, as OpenSSH writes it."""
    return f"{entry.file}:{entry.line}"


def putty_name(session: Session, kind: str, host: str) -> str:
    """The name of an entry in PuTTY's cache."""
    plain = {"ssh-rsa": "rsa2", "ssh-dss": "dss"}.get(kind, kind)
    bare = host.removeprefix("[").partition("]")[0]
    return f"{plain}@{session.server.port}:{bare}"


def compare(key: HostKey) -> Remedy:
    """The first thing to do, always."""
    return Remedy(
        side="server",
        action=f"compare with the real key, on the server's console; the capture shows {key.sha256}",
        command="for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done",
    )


def forget(session: Session, entry: KnownEntry, name: str) -> Remedy:
    """The command that clears a line of the user's file."""
    action = "only if that is the server's key: forget the old one, then connect again"
    risk = "without the comparison this accepts whoever answers"
    if not entry.putty:
        command = f"ssh-keygen -f {shlex.quote(entry.file)} -R {shlex.quote(name)}"
    elif entry.file.lower().endswith(".reg"):
        command = f'reg delete {REGISTRY} /v "{putty_name(session, entry.type, name)}" /f'
    else:
        command = f"sed -i {entry.line}d {shlex.quote(entry.file)}"
    return Remedy(side="client", action=action, command=command, risk=risk)
