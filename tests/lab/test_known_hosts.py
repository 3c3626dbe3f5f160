"""Verdicts on host keys are those of a real ssh, which talks to a real sshd through a pipe (no network at all)."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from sshpcap.model import Timestamp
from sshpcap.ssh.known_hosts import KnownHosts, read_known_hosts
from sshpcap.ssh.putty_hosts import read_putty
from tests.lab.programs import missing
from tests.ssh.test_known_hosts import putty_row
from tests.support.keys import certify, hashed, make_key, public, shown

_REASON = missing()
pytestmark = [pytest.mark.lab, pytest.mark.skipif(_REASON is not None, reason=f"the lab cannot run here: {_REASON}")]

# sshd wants its folder for privilege separation; a mount namespace of its own keeps that from everybody else.
_DRESS = 'mount -t tmpfs tmpfs /run; mkdir -m 755 /run/sshd; exec /usr/sbin/sshd -i -f /dev/null -o UsePAM=no "$@"'

CASES = {
    # name: (known_hosts, host, port, key the server shows)
    "match": ("host.example.org {one}", "host.example.org", 22, "one"),
    "match in the second line": ("host.example.org {two}\nhost.example.org {one}", "host.example.org", 22, "one"),
    "match, upper case": ("HOST.example.org {one}", "Host.Example.Org", 22, "one"),
    "match by wildcard": ("*.example.org {one}", "host.example.org", 22, "one"),
    "match by port": ("[host.example.org]:2222 {one}", "host.example.org", 2222, "one"),
    "match without port": ("host.example.org {one}", "host.example.org", 2222, "one"),
    "changed": ("host.example.org {two}", "host.example.org", 22, "one"),
    "changed, of another type": ("host.example.org {rsa}", "host.example.org", 22, "one"),
    "changed, rsa": ("host.example.org {one}", "host.example.org", 22, "rsa"),
    "changed by port": ("[host.example.org]:2222 {two}", "host.example.org", 2222, "one"),
    "changed without port": ("host.example.org {two}", "host.example.org", 2222, "one"),
    "unknown": ("other.example.org {one}", "host.example.org", 22, "one"),
    "unknown, empty": ("", "host.example.org", 22, "one"),
    "unknown by negation": ("*.example.org,!host.example.org {one}", "host.example.org", 22, "one"),
    "unknown, broken line": ("host.example.org ssh-ed25519 AAAA", "host.example.org", 22, "one"),
    "revoked": ("host.example.org {one}\n@revoked * {one}", "host.example.org", 22, "one"),
    "revoked, and nothing else": ("@revoked * {one}", "host.example.org", 22, "one"),
    "another is revoked": ("host.example.org {one}\n@revoked * {two}", "host.example.org", 22, "one"),
    "certificate": ("@cert-authority *.example.org {ca}", "host.example.org", 22, "good-cert"),
    "certificate by port": ("@cert-authority [host.example.org]:2222 {ca}", "host.example.org", 2222, "good-cert"),
    "certificate of an unknown authority": ("@cert-authority * {two}", "host.example.org", 22, "good-cert"),
    "certificate, plain key known": ("host.example.org {good}", "host.example.org", 22, "good-cert"),
    "certificate, another plain key known": ("host.example.org {two}", "host.example.org", 22, "good-cert"),
    "certificate for another name": ("@cert-authority *.example.org {ca}", "other.example.org", 22, "good-cert"),
    "certificate for no name": ("@cert-authority * {ca}", "host.example.org", 22, "nameless-cert"),
    "certificate expired": ("@cert-authority * {ca}", "host.example.org", 22, "old-cert"),
    "certificate expired, plain key known": ("@cert-authority * {ca}\n* {old}", "host.example.org", 22, "old-cert"),
    "certificate not yet valid": ("@cert-authority * {ca}", "host.example.org", 22, "future-cert"),
    "certificate, authority revoked": ("@cert-authority * {ca}\n@revoked * {ca}", "host.example.org", 22, "good-cert"),
    "certificate, key revoked": ("@cert-authority * {ca}\n@revoked * {good}", "host.example.org", 22, "good-cert"),
    "revoked without port": ("@revoked host.example.org {one}", "host.example.org", 2222, "one"),
    "carriage returns": ("host.example.org {one}\r", "host.example.org", 22, "one"),
    "form feed": ("host.example.org\f{one}", "host.example.org", 22, "one"),
    "no-break space": ("host.example.org\N{NO-BREAK SPACE}{one}", "host.example.org", 22, "one"),
    "marker and tab": ("@revoked\thost.example.org {one}", "host.example.org", 22, "one"),
    "long pattern": (f"{'a' * 1100},host.example.org {{one}}", "host.example.org", 22, "one"),
    "long pattern behind": (f"host.example.org,{'a' * 1100} {{one}}", "host.example.org", 22, "one"),
    "certificate with a critical option": ("@cert-authority * {ca}", "host.example.org", 22, "critical-cert"),
    "certificate for users": ("@cert-authority * {ca}", "host.example.org", 22, "user-cert"),
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name in ("one", "two", "ca", "good", "old", "future", "nameless", "critical"):
        make_key(folder, name)
    make_key(folder, "rsa", "rsa", "-b", "2048")
    certify(folder, "ca", "good", "-n", "host.example.org")
    certify(folder, "ca", "nameless")
    certify(folder, "ca", "critical", "-n", "host.example.org", "-O", "critical:something=else")
    certify(folder, "ca", "old", "-n", "host.example.org", "-V", "20200101:20200201")
    certify(folder, "ca", "future", "-n", "host.example.org", "-V", "20990101:20990201")
    make_key(folder, "user")
    subprocess.run(["ssh-keygen", "-q", "-s", "ca", "-I", "lab", "-n", "host.example.org", "user.pub"], cwd=folder,
                   check=True, timeout=60)  # fmt: skip
    return folder


def ssh(keys: Path, known: Path, host: str, port: int, key: str) -> str:
    """What a real ssh says of the key that a real sshd shows."""
    words = ["-h", str(keys / key.removesuffix("-cert"))]
    if key.endswith("-cert"):
        words += ["-o", f"HostCertificate={keys / key}.pub"]
    proxy = " ".join(["unshare", "-m", "sh", "-ec", f"'{_DRESS}'", "sh", *words])
    options = {"BatchMode": "yes", "StrictHostKeyChecking": "yes", "UserKnownHostsFile": str(known),
               "GlobalKnownHostsFile": "none", "ProxyCommand": proxy, "UpdateHostKeys": "no",
               # The order must not depend on what is known: the server has one key.
               "HostKeyAlgorithms": "ssh-ed25519-cert-v01@openssh.com,ssh-ed25519,rsa-sha2-512"}  # fmt: skip
    argv = ["ssh", "-F", "none", *(w for o in options.items() for w in ("-o", "=".join(o))), "-p", str(port),
            f"nobody@{host}", "true"]  # fmt: skip
    environment = {"PATH": os.environ["PATH"], "HOME": str(keys)}
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, env=environment, cwd=keys).stderr


def said(text: str) -> str:
    """The verdict in what ssh printed."""
    for words, verdict in (
        ("REVOKED HOST KEY", "revoked"),
        ("HOST IDENTIFICATION HAS CHANGED", "changed"),
        ("Permission denied", "match"),
        ("Certificate invalid: expired", "certificate-expired"),
        ("Certificate invalid: not yet valid", "certificate-not-yet-valid"),
        ("Certificate invalid:", "certificate-for-another-name"),
        ("host key is known for", "unknown"),
    ):
        if words in text:
            return verdict
    return text


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("form", ["plain", "hashed"])
def test_a_real_ssh_says_the_same(keys: Path, tmp_path: Path, name: str, form: str) -> None:
    text, host, port, key = CASES[name]
    text = text.format(
        **{path.stem: public(keys, path.stem) for path in keys.glob("*.pub") if "-cert" not in path.name}
    )
    if form == "hashed":
        text = hashed(tmp_path, text + "\n")
    known = tmp_path / "known_hosts"
    known.write_text(text + "\n")
    printed = ssh(keys, known, host, port, key)
    hosts = KnownHosts(read_known_hosts(known.read_text(), str(known)), {"192.0.2.7": (host,)})
    verdict = hosts.verdict("192.0.2.7", port, shown(keys, key), Timestamp(time.time_ns()))
    assert verdict.status == said(printed), printed
    if verdict.status == "changed":
        assert f"{known}:{verdict.line}" in printed


PUTTY = {
    # name: (type and place of the row, whose key it is, key the server shows)
    "match": ("22:host.example.org", "one", "one"),
    "match, rsa": ("22:host.example.org", "rsa", "rsa"),
    "changed": ("22:host.example.org", "two", "one"),
    "unknown, another port": ("2222:host.example.org", "one", "one"),
    "unknown, another name": ("22:other.example.org", "one", "one"),
    "unknown, another type": ("22:host.example.org", "rsa", "one"),
}


@pytest.mark.parametrize("name", PUTTY)
def test_a_real_plink_says_the_same(keys: Path, tmp_path: Path, name: str) -> None:
    place, known, key = PUTTY[name]
    kind, numbers = putty_row(keys, known)
    text = f"{kind}@{place} {numbers}\n"
    (tmp_path / ".putty").mkdir()
    (tmp_path / ".putty" / "sshhostkeys").write_text(text)
    proxy = " ".join(["unshare", "-m", "sh", "-ec", f"'{_DRESS}'", "sh", "-h", str(keys / key)])
    argv = ["plink", "-batch", "-ssh", "-proxycmd", proxy, "-pw", "wrong", "nobody@host.example.org", "true"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env=environment, cwd=tmp_path)
    said_by_plink = next(
        (verdict for words, verdict in (("POTENTIAL SECURITY BREACH", "changed"), ("is not cached", "unknown"),
         ("denied", "match"), ("supported authentication methods", "match")) if words in done.stderr), done.stderr,
    )  # fmt: skip
    hosts = KnownHosts(read_putty(text, "sshhostkeys"), {"192.0.2.7": ("host.example.org",)})
    verdict = hosts.verdict("192.0.2.7", 22, shown(keys, key), Timestamp(time.time_ns()))
    assert verdict.status == said_by_plink, done.stderr
