"""Owns the folder that server and client of a scene live in: fresh keys, known_hosts, and a user to log in as.

ssh_host_{ed25519,ecdsa,rsa}_key    the server's host keys; ssh_host_*.dropbear the same for dropbear
user_key, user_key.{dropbear,ppk}   the user's key, for OpenSSH and the libraries, dbclient, plink
known_hosts                         the server's host keys, under each of its addresses
former_hosts, no_hosts              the same before the server got a new ed25519 key; and an empty one
user/.ssh/authorized_keys           the user's public key, where sshd and dropbear look for it
passwd, shadow                      the server's own user list, see `scene.py`
"""

import os
import subprocess
from pathlib import Path

from tests.lab.network import SERVER, SERVER_IPV6

HostKey = dict[str, str | int]

USER = "lab"
KINDS = ("ed25519", "ecdsa", "rsa")
_USER_ID = 60022


def furnish(home: Path) -> dict[str, HostKey]:
    """Fills an empty folder; what `ssh-keygen -l` says of each host key, by the name of its file."""
    home.chmod(0o711)
    for kind in KINDS:
        _run(home, "ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "host", "-f", f"ssh_host_{kind}_key")
        _run(home, "dropbearconvert", "openssh", "dropbear", f"ssh_host_{kind}_key", f"ssh_host_{kind}_key.dropbear")
    _run(home, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", USER, "-f", "user_key")
    _run(home, "dropbearconvert", "openssh", "dropbear", "user_key", "user_key.dropbear")
    _run(home, "puttygen", "user_key", "-O", "private", "-o", "user_key.ppk")
    _run(home, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "former", "-f", "former_ed25519_key")
    _know(home, "known_hosts", *(f"ssh_host_{kind}_key" for kind in KINDS))
    _know(home, "former_hosts", "former_ed25519_key")
    _know(home, "no_hosts")
    account = home / "user"
    (account / ".ssh").mkdir(parents=True)
    (account / ".ssh" / "authorized_keys").write_bytes((home / "user_key.pub").read_bytes())
    for path in (account, account / ".ssh", account / ".ssh" / "authorized_keys"):
        os.chown(path, _USER_ID, 65534)
    system = [line for line in Path("/etc/passwd").read_text().splitlines() if line.split(":")[0] in ("root", "sshd")]
    (home / "passwd").write_text("\n".join([*system, f"{USER}:x:{_USER_ID}:65534::{account}:/bin/sh", ""]))
    (home / "shadow").write_text(f"{USER}:*:19000:0:99999:7:::\n")
    return {f"ssh_host_{kind}_key": described(home, f"ssh_host_{kind}_key") for kind in KINDS}


def _know(home: Path, name: str, *keys: str) -> None:
    """Writes a known_hosts file: these keys belong to the server."""
    public = [" ".join((home / f"{key}.pub").read_text().split()[:2]) for key in keys]
    (home / name).write_text("".join(f"{address} {key}\n" for address in (SERVER, SERVER_IPV6) for key in public))


def described(home: Path, key: str) -> HostKey:
    """What `ssh-keygen -l` says of a key.

    `256 SHA256:... comment (ED25519)` and `256 MD5:... comment (ED25519)`, taken apart.
    """
    name = f"{key}.pub"
    bits, sha256, *_, brackets = _run(home, "ssh-keygen", "-l", "-f", name).split()
    md5 = _run(home, "ssh-keygen", "-l", "-E", "md5", "-f", name).split()[1]
    return {"sha256": sha256, "md5": md5, "bits": int(bits), "type": brackets.strip("()")}


def _run(home: Path, *argv: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    done = subprocess.run(argv, cwd=home, env=environment, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"{argv}: {done.stdout}{done.stderr}")
    return done.stdout
