"""Owns the host keys of the handshakes: one of every type that programs have, certificates of them, and what the
programs that made them say of each.

`ssh_host_KIND_key`, its `.pub`, and `ssh_host_KIND_key-cert.pub`. What a security key does is done by the lab's server
(`peers/handshake_server.py`): of those the file has the secret only.
"""

import base64
import importlib.util
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.lab.scene import PEERS

OPENSSH_KINDS = {
    "rsa": ("rsa", "-b", "3072"),
    "dsa": ("dsa",),
    "ecdsa": ("ecdsa", "-b", "256"),
    "ecdsa384": ("ecdsa", "-b", "384"),
    "ecdsa521": ("ecdsa", "-b", "521"),
    "ed25519": ("ed25519",),
}
SK_KINDS = ("sk_ed25519", "sk_ecdsa")
CERTIFIED = (*OPENSSH_KINDS, *SK_KINDS)
CA = "lab_ca"
_PRINCIPALS = "server.lab.example,*.lab.example,203.0.113.7"
_VALID = "20240229120000Z:20350101000000Z"


def make(home: Path, kinds: tuple[str, ...]) -> None:
    """Makes keys of these kinds, and certificates of all that ssh-keygen can sign."""
    if not (home / CA).exists():
        _run(home, "ssh-keygen", "-q", "-t", "ecdsa", "-b", "384", "-N", "", "-C", "CA", "-f", CA)
    for serial, kind in enumerate(kinds, start=1):
        name = f"ssh_host_{kind}_key"
        if not (home / f"{name}.pub").exists():
            _make(home, kind, name)
        if kind == "ed448":
            _certify_ed448(home, name)
        if kind in CERTIFIED:
            options = ("-O", "critical:verify-required") if kind == "rsa" else ()
            _run(home, "ssh-keygen", "-q", "-s", CA, "-h", "-I", f"lab host {kind}", "-n", _PRINCIPALS, "-z",
                 str(serial), "-V", _VALID, *options, f"{name}.pub")  # fmt: skip


def _make(home: Path, kind: str, name: str) -> None:
    if kind in OPENSSH_KINDS:
        _run(home, "ssh-keygen", "-q", "-t", *OPENSSH_KINDS[kind], "-N", "", "-C", "host", "-f", name)
    elif kind == "rsa1":
        _run(home, "puttygen", "-t", "rsa1", "-b", "1024", *_QUIET, "-o", name)
        (home / f"{name}.pub").write_text(_run(home, "puttygen", name, "-L"))
    elif kind == "ed448":
        _run(home, "puttygen", "-t", "ed448", *_QUIET, "-O", "private-openssh-new", "-o", name)
        (home / f"{name}.pub").write_text(_run(home, "puttygen", name, "-L"))
    else:
        secret = os.urandom(32)
        (home / name).write_bytes(secret)
        key = _server_module().sk_key(kind.removeprefix("sk_"), secret)
        (home / f"{name}.pub").write_bytes(key.export_public_key())


def _certify_ed448(home: Path, name: str) -> None:
    """ssh-keygen does not know the type; asyncssh does."""
    import asyncssh

    authority, key = asyncssh.read_private_key(home / CA), asyncssh.read_public_key(home / f"{name}.pub")
    made = authority.generate_host_certificate(
        key, "lab host ed448", principals=_PRINCIPALS.split(","), serial=448, valid_after="20240229",
        valid_before="20350101",
    )  # fmt: skip
    made.write_certificate(home / f"{name}-cert.pub")


_QUIET = ("-q", "--random-device", "/dev/urandom", "-C", "host", "--new-passphrase", "/dev/null")


def _server_module() -> Any:
    """The lab's server, whose keys these are; a peer is a program, and no module of a package."""
    found = importlib.util.spec_from_file_location("handshake_server", PEERS / "handshake_server.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def told(home: Path, kind: str) -> dict[str, Any]:
    """What ssh-keygen (for ed448 and rsa1: puttygen) says of a key and its certificate."""
    name = f"ssh_host_{kind}_key.pub"
    if kind in ("ed448", "rsa1"):
        return {"public": (home / name).read_text().strip(), "puttygen -l": _run(home, "puttygen", "-l", name).strip()}
    says = {
        "public": (home / name).read_text().strip(),
        "ssh-keygen -lv": _run(home, "ssh-keygen", "-lv", "-f", name).splitlines(),
        "ssh-keygen -l -E md5": _run(home, "ssh-keygen", "-l", "-E", "md5", "-f", name).strip(),
        "ssh-keygen -r": _run(home, "ssh-keygen", "-r", "host", "-f", name).splitlines(),
    }
    signed = name.replace(".pub", "-cert.pub")
    if (home / signed).exists():
        lines = _run(home, "ssh-keygen", "-L", "-f", signed).splitlines()[1:]  # the first is the file's name
        says["ssh-keygen -L"] = [line.strip() for line in lines]
    return says


def short(home: Path, kind: str) -> str:
    """One line with the fingerprint of a key."""
    tool = "puttygen" if kind in ("ed448", "rsa1") else "ssh-keygen"
    return _run(home, tool, "-l", *(() if tool == "puttygen" else ("-f",)), f"ssh_host_{kind}_key.pub")


def make_tinyssh(home: Path) -> str:
    """The key of a tinysshd, in its folder; its fingerprint. The file has the 32 octets of an Ed25519 key."""
    _run(home, "tinysshd-makekey", "tinyssh")
    os.chmod(home / "tinyssh", 0o755)
    public = (home / "tinyssh" / "ed25519.pk").read_bytes()
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + public
    (home / "tinyssh.pub").write_text(f"ssh-ed25519 {base64.b64encode(blob).decode()}\n")
    return _run(home, "ssh-keygen", "-l", "-f", "tinyssh.pub").split()[1]


_RFC_2409 = (
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF"
)


def make_moduli(home: Path) -> None:
    """Files for the group exchange, as moduli(5) has them: a group that is too small, and two that are no safe primes.

    The first is that of RFC 2409 §6.2. OpenSSL makes the primes; that half of what is one less is none, too, it checks.
    """
    small = int(_RFC_2409, 16)
    factors = [int(_run(home, "openssl", "prime", "-generate", "-bits", str(bits))) for bits in (1024, 1024)]
    prime = int(_run(home, "openssl", "prime", "-generate", "-bits", "2048"))
    for name, modulus in (("1024", small), ("unsafe", prime), ("composite", factors[0] * factors[1])):
        size = modulus.bit_length() - 1
        line = f"20230101000000 2 6 100 {size} 2 {modulus:X}\n"
        (home / f"moduli.{name}").write_text(line)


def _run(home: Path, *argv: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TZ": "UTC"}
    done = subprocess.run(argv, cwd=home, env=environment, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"{argv}: {done.stdout}{done.stderr}")
    return done.stdout
