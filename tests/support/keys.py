"""Keys and host certificates made with ssh-keygen, for tests that hold us against it."""

import shutil
import subprocess
from pathlib import Path

from sshpcap.model import HostKey
from sshpcap.ssh.host_keys import read_public_key
from sshpcap.ssh.wire import Malformed

WITH_SSH_KEYGEN = shutil.which("ssh-keygen") is not None


def keygen(folder: Path, *words: str) -> str:
    done = subprocess.run(["ssh-keygen", *words], cwd=folder, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def make_key(folder: Path, name: str, kind: str = "ed25519", *words: str) -> str:
    """Makes a key pair; "TYPE BASE64"."""
    keygen(folder, "-q", "-t", kind, "-N", "", "-C", "", "-f", name, *words)
    return public(folder, name)


def certify(folder: Path, authority: str, name: str, *words: str) -> None:
    """Signs NAME.pub with a CA as a host certificate: NAME-cert.pub."""
    keygen(folder, "-q", "-s", authority, "-h", "-I", "lab host", *words, f"{name}.pub")


def public(folder: Path, name: str) -> str:
    return " ".join((folder / f"{name}.pub").read_text().split()[:2])


def shown(folder: Path, name: str) -> HostKey:
    """The key as a server shows it."""
    import base64

    blob = base64.b64decode(public(folder, name).split()[1])
    key = read_public_key(blob)
    assert not isinstance(key, Malformed)
    return HostKey(
        type=key.type, bits=key.bits, sha256=key.sha256, md5=key.md5, blob=blob, frame=1, signature_algorithm=None,
        certificate=key.certificate,
    )  # fmt: skip


def hashed(folder: Path, text: str) -> str:
    """The lines with their names hashed by ssh-keygen -H."""
    (folder / "to_hash").write_text(text)
    keygen(folder, "-H", "-f", "to_hash")
    return (folder / "to_hash").read_text()
