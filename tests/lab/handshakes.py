"""Owns the handshakes of every kind: which real programs have which key exchange method and which host key, and how
all of them are recorded, a family in one network and one capture, each server on a port of its own.

python -m tests.lab.handshakes [FAMILY …]      records into tests/handshakes/FAMILY/: capture.pcap, truth.json

truth.json is what was started and what the programs said; nothing in it is from sshpcap. A family that needs a program
that is not here is left out (`missing`).
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.golden import ROOT
from tests.lab import handshake_keys, kerberos, programs
from tests.lab.home import furnish
from tests.lab.network import SERVER, Network, stop, wait_until
from tests.lab.record import negotiated
from tests.lab.scene import DRESS, PEERS

FOLDER = ROOT / "tests" / "handshakes"
FIRST_PORT = 2301
_SECONDS = 40
_TOLD = re.compile(
    r"Server host (?:key|certificate):.*|Host key fingerprint is:|ssh-\S+ \d+ SHA256:\S+|SSH2_MSG_KEX_DH_GEX_\w+\(.*"
    r"|Doing .*|.*GSS.*|cipher_init failed.*|Successfully started encryption|messages received: .*"
    r"|received b'.*|Using SSH protocol version 1.*|Host key fingerprint is.*"
    r"|\d+ [0-9a-f]{2}(?::[0-9a-f]{2}){15}.*|Using (?:RSA|Diffie|X|cv|Curve|Streamlined|ECDH).*"
)
"""What of a client's output is kept: what it says of the key exchange and of the host key."""


class Peer(NamedTuple):
    """One program: `{home}` and `{port}` stand in its command line, and keys of the server that it has."""

    program: str
    argv: tuple[str, ...]
    keys: tuple[str, ...] = ()
    keytab: str | None = None


class Handshake(NamedTuple):
    """A client and a server, under a name that says what is to be seen."""

    name: str
    client: Peer
    server: Peer


def ssh(*options: str) -> Peer:
    always = ("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null",
              "GlobalKnownHostsFile=/dev/null", "IdentityFile=none", "IdentitiesOnly=yes")  # fmt: skip
    words = [word for line in (*options, *always) for word in ("-o", line)]
    return Peer("ssh", ("ssh", "-vvv", "-F", "none", *words, "-p", "{port}", f"lab@{SERVER}", "true"))


def sshd(*options: str, keys: tuple[str, ...] = ("ed25519",), certified: bool = False) -> Peer:
    lines = [*options, "LogLevel=DEBUG3", "UsePAM=no", *(f"HostKey={{home}}/ssh_host_{kind}_key" for kind in keys)]
    if certified:
        lines += [f"HostCertificate={{home}}/ssh_host_{kind}_key-cert.pub" for kind in keys]
    words = [word for line in lines for word in ("-o", line)]
    return Peer("sshd", ("/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-p", "{port}", *words), keys)


def plink(*options: str) -> Peer:
    return Peer("plink", ("plink", "-v", "-batch", "-P", "{port}", *options, "-pw", "wrong", f"lab@{SERVER}", "true"))


def dbclient(*options: str) -> Peer:
    return Peer("dbclient", ("dbclient", "-y", "-y", "-p", "{port}", *options, f"lab@{SERVER}", "true"))


def asyncssh_client(**options: object) -> Peer:
    script = str(PEERS / "chosen_client.py")
    return Peer("asyncssh", (sys.executable, "-u", script, "asyncssh", SERVER, "{port}", json.dumps(options)))


def asyncssh_server(*keys: str, certified: bool = False, **options: object) -> Peer:
    names = [f"{{home}}/ssh_host_{kind}_key" for kind in keys]
    words = [f"{name}+{name}-cert.pub" for name in names] if certified else names
    script = str(PEERS / "handshake_server.py")
    return Peer("asyncssh", (sys.executable, "-u", script, "{port}", json.dumps(options), *words), keys)


def _python(name: str, *words: str, program: str = "python", keys: tuple[str, ...] = ()) -> Peer:
    return Peer(program, (sys.executable, "-u", str(PEERS / name), *words), keys)


def _on_socket(program: str, *argv: str, keys: tuple[str, ...] = ()) -> Peer:
    return _python("on_socket.py", "{port}", *argv, program=program, keys=keys)


def _between_openssh(*methods: str) -> tuple[Handshake, ...]:
    return tuple(
        Handshake(f"{m}, ssh to sshd", ssh(f"KexAlgorithms={m}"), sshd(f"KexAlgorithms=+{m}")) for m in methods
    )


def _plink_to_asyncssh(*methods: str) -> tuple[Handshake, ...]:
    return tuple(
        Handshake(f"{m}, plink to asyncssh", plink("-hostkey", "{ed25519}"), asyncssh_server("ed25519", kex_algs=[m]))
        for m in methods
    )


def _between_asyncssh(*methods: str) -> tuple[Handshake, ...]:
    return tuple(
        Handshake(f"{m}, asyncssh to asyncssh", asyncssh_client(kex_algs=[m]), asyncssh_server("ed25519", kex_algs=[m]))
        for m in methods
    )


def _gss_openssh(*methods: str) -> tuple[Handshake, ...]:
    client = ("GSSAPIKeyExchange=yes", "GSSAPIAuthentication=yes", f"GSSAPIServerIdentity={kerberos.SERVER_NAME}")
    server = ("GSSAPIKeyExchange=yes", "GSSAPIAuthentication=yes", "GSSAPIStrictAcceptorCheck=no")
    return tuple(
        Handshake(f"{m}, ssh to sshd", ssh(*client, f"GSSAPIKexAlgorithms={m}-"),
                  sshd(*server, f"GSSAPIKexAlgorithms={m}-"))
        for m in methods
    )  # fmt: skip


def _gss_asyncssh(method: str, name: str = "", *keys: str, keytab: str = "keytab") -> Handshake:
    about: dict[str, Any] = {"gss_host": kerberos.SERVER_NAME, "kex_algs": [method]}
    server = asyncssh_server(*keys, **about)._replace(keytab=keytab)
    return Handshake(f"{name or method}, asyncssh to asyncssh", asyncssh_client(gss_kex=True, **about), server)


def _host_keys() -> Iterator[Handshake]:
    for algorithm, kind in (
        ("ssh-rsa", "rsa"), ("rsa-sha2-256", "rsa"), ("rsa-sha2-512", "rsa"), ("ssh-dss", "dsa"),
        ("ecdsa-sha2-nistp256", "ecdsa"), ("ecdsa-sha2-nistp384", "ecdsa384"), ("ecdsa-sha2-nistp521", "ecdsa521"),
        ("ssh-ed25519", "ed25519"),
    ):  # fmt: skip
        yield Handshake(f"{algorithm}, ssh to sshd", ssh(f"HostKeyAlgorithms={algorithm}"),
                        sshd(f"HostKeyAlgorithms=+{algorithm}", keys=(kind,)))  # fmt: skip
        signed = f"{algorithm}-cert-v01@openssh.com"
        yield Handshake(f"{signed}, ssh to sshd", ssh(f"HostKeyAlgorithms={signed}"),
                        sshd(f"HostKeyAlgorithms=+{signed}", keys=(kind,), certified=True))  # fmt: skip
    for kind, plain in (("sk_ed25519", "sk-ssh-ed25519"), ("sk_ecdsa", "sk-ecdsa-sha2-nistp256")):
        for certified, suffix in ((False, "@openssh.com"), (True, "-cert-v01@openssh.com")):
            yield Handshake(f"{plain}{suffix}, ssh to asyncssh", ssh(f"HostKeyAlgorithms={plain}{suffix}"),
                            asyncssh_server(kind, certified=certified))  # fmt: skip
    yield Handshake("ssh-ed448, plink to asyncssh", plink("-hostkey", "{ed448}"), asyncssh_server("ed448"))
    yield Handshake("ssh-ed448, asyncssh to asyncssh", asyncssh_client(server_host_key_algs=["ssh-ed448"]),
                    asyncssh_server("ed448"))  # fmt: skip
    signed = "ssh-ed448-cert-v01@openssh.com"
    yield Handshake(f"{signed}, asyncssh to asyncssh", asyncssh_client(server_host_key_algs=[signed]),
                    asyncssh_server("ed448", certified=True))  # fmt: skip


_PARAMIKO_GEX = "diffie-hellman-group-exchange-sha256"


def _given_modulus(name: str, client: Peer, moduli: str) -> Handshake:
    words = ("{port}", "{home}/ssh_host_ed25519_key", _PARAMIKO_GEX, "late", f"{{home}}/{moduli}")
    return Handshake(name, client, _python("paramiko_server.py", *words, program="paramiko", keys=("ed25519",)))


FAMILIES: dict[str, tuple[Handshake, ...]] = {
    "diffie-hellman": (
        *_between_openssh(
            "diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1", "diffie-hellman-group14-sha256",
            "diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512",
        ),
        *_plink_to_asyncssh("diffie-hellman-group15-sha512", "diffie-hellman-group17-sha512"),
    ),
    "group-exchange": (
        *_between_openssh("diffie-hellman-group-exchange-sha1", "diffie-hellman-group-exchange-sha256"),
        Handshake("old request, plink to asyncssh", plink("-hostkey", "{ed25519}"),
                  asyncssh_server("ed25519", server_version="OpenSSH_2.5.1",
                                  kex_algs=["diffie-hellman-group-exchange-sha1"])),
        Handshake("a group of RFC 3526, plink to asyncssh", plink("-hostkey", "{ed25519}"),
                  asyncssh_server("ed25519", kex_algs=["diffie-hellman-group-exchange-sha256"])),
        _given_modulus("1024 bits, asyncssh to paramiko", asyncssh_client(kex_algs=[_PARAMIKO_GEX]), "moduli.1024"),
        _given_modulus("no safe prime, ssh to paramiko", ssh(f"KexAlgorithms={_PARAMIKO_GEX}"), "moduli.unsafe"),
        _given_modulus("no prime, ssh to paramiko", ssh(f"KexAlgorithms={_PARAMIKO_GEX}"), "moduli.composite"),
    ),
    "elliptic-curves": (
        *_between_openssh("ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521", "curve25519-sha256",
                          "curve25519-sha256@libssh.org"),
        *_plink_to_asyncssh("curve448-sha512"),
    ),
    "hybrids": (
        *_between_openssh("sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com"),
        *_between_asyncssh("mlkem768x25519-sha256", "mlkem768nistp256-sha256", "mlkem1024nistp384-sha384"),
        Handshake("sntrup761x25519-sha512@openssh.com, ssh to tinysshd", ssh(),
                  _on_socket("tinysshd", "tinysshd", "-q", "{home}/tinyssh")),
    ),
    "rsa": _plink_to_asyncssh("rsa1024-sha1", "rsa2048-sha256"),
    "gssapi": (
        *_gss_openssh("gss-group1-sha1", "gss-group14-sha1", "gss-group14-sha256", "gss-group16-sha512",
                      "gss-gex-sha1", "gss-nistp256-sha256", "gss-curve25519-sha256"),
        *(_gss_asyncssh(m) for m in ("gss-group15-sha512", "gss-group17-sha512", "gss-group18-sha512",
                                     "gss-gex-sha256", "gss-nistp384-sha384", "gss-nistp521-sha512",
                                     "gss-curve448-sha512")),
        _gss_asyncssh("gss-group14-sha256", "with a host key", "ed25519"),
        _gss_asyncssh("gss-group14-sha256", "the server has another key", "ed25519", keytab="other_keytab"),
        Handshake("the server has another key, ssh to sshd", *(
            peer._replace(keytab="other_keytab") if peer.program == "sshd" else peer
            for peer in _gss_openssh("gss-curve25519-sha256")[0][1:]
        )),
    ),
    "host-keys": tuple(_host_keys()),
    "ssh1": (
        Handshake("ssh1 to uppity", Peer("ssh1", (
            "ssh1", "-1", "-v", "-F", "/dev/null", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o",
            "UserKnownHostsFile=/dev/null", "-p", "{port}", f"lab@{SERVER}", "true",
        )), _on_socket("uppity", "uppity", "--hostkey", "{home}/ssh_host_rsa1_key", keys=("rsa1",))),
        Handshake("plink to uppity", plink("-1", "-hostkey", "{rsa1}"),
                  _on_socket("uppity", "uppity", "--hostkey", "{home}/ssh_host_rsa1_key", keys=("rsa1",))),
        Handshake("a wrong cookie, python to uppity", _python("raw_ssh1.py", SERVER, "{port}"),
                  _on_socket("uppity", "uppity", "--hostkey", "{home}/ssh_host_rsa1_key", keys=("rsa1",))),
    ),
    "order": (
        Handshake("a right guess, dbclient to sshd", dbclient(),
                  sshd("KexAlgorithms=curve25519-sha256", "HostKeyAlgorithms=ssh-ed25519")),
        Handshake("a wrong guess, dbclient to sshd", dbclient(), sshd("KexAlgorithms=ecdh-sha2-nistp521")),
        Handshake("a client proposes twice, python to sshd", _python("raw_again.py", "client", SERVER, "{port}"),
                  sshd()),
        Handshake("a client proposes twice, python to asyncssh", _python("raw_again.py", "client", SERVER, "{port}"),
                  asyncssh_server("ed25519")),
        Handshake("a server proposes twice, ssh to python", ssh(), _python("raw_again.py", "server", "{port}")),
        Handshake("a server proposes twice, plink to python", plink("-hostkey", "{ed25519}"),
                  _python("raw_again.py", "server", "{port}", keys=("ed25519",))),
    ),
}  # fmt: skip
_NEEDS = {"hybrids": ("tinysshd",), "gssapi": ("krb5kdc", "kadmin.local", "kinit"), "ssh1": ("uppity", "ssh1")}
_DEBIAN_GSSAPI = Path("/usr/lib/python3/dist-packages")


def missing(family: str) -> str | None:
    """Why a family cannot be recorded here, or None."""
    absent = [tool for tool in _NEEDS.get(family, ()) if not shutil.which(tool)]
    if family == "gssapi" and not (_DEBIAN_GSSAPI / "gssapi").exists():
        absent.append("python3-gssapi")
    return programs.missing() or (f"no {', '.join(absent)}" if absent else None)


def record(family: str, folder: Path) -> None:
    """Plays a family and writes its files into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="sshlab-"))
    try:
        with ExitStack() as stack:
            network = stack.enter_context(Network())
            stage = _Stage(network, home, FAMILIES[family])
            if family == "gssapi":
                stack.enter_context(kerberos.realm(network, home))
            with network.capture(folder / "capture.pcap"):
                truth = [stage.play(handshake) for handshake in FAMILIES[family]]
        keys = {kind: handshake_keys.told(home, kind) for kind in stage.kinds}
    finally:
        shutil.rmtree(home, ignore_errors=True)
    (folder / "truth.json").write_text(json.dumps({"handshakes": truth, "keys": keys}, indent=1) + "\n")


class _Stage:
    """Plays handshakes in one network, one after the other."""

    def __init__(self, network: Network, home: Path, handshakes: tuple[Handshake, ...]) -> None:
        self._network, self._home, self._port = network, home, FIRST_PORT - 1
        furnish(home)
        self.kinds = tuple(dict.fromkeys(kind for one in handshakes for kind in one.server.keys))
        handshake_keys.make(home, self.kinds)
        self._words = {kind: self._fingerprint(kind) for kind in self.kinds}
        if any("moduli." in word for one in handshakes for word in one.server.argv):
            handshake_keys.make_moduli(home)
        if any(one.server.program == "tinysshd" for one in handshakes):
            self._words["tinyssh"] = handshake_keys.make_tinyssh(home)
        if any(one.server.keytab for one in handshakes):
            (home / "gss").mkdir()
            for name in ("gssapi", "decorator.py"):
                (home / "gss" / name).symlink_to(_DEBIAN_GSSAPI / name)

    def _fingerprint(self, kind: str) -> str:
        """As plink wants it: SHA256 of a key of SSH-2, MD5 of one of SSH-1."""
        words = handshake_keys.short(self._home, kind).split()
        return words[1] if kind == "rsa1" else next(word for word in words if word.startswith("SHA256:"))

    def play(self, handshake: Handshake) -> dict[str, Any]:
        """Starts the server, runs the client to its end, and says what they were and said."""
        self._port += 1
        log = self._home / f"server-{self._port}.log"
        with self._serving(handshake.server, log):
            said = self._run(handshake.client)
        told = list(dict.fromkeys(m[0].strip() for m in map(_TOLD.search, said.splitlines()) if m))
        return {
            "port": self._port,
            "name": handshake.name,
            "client": programs.named(handshake.client.program),
            "server": programs.named(handshake.server.program),
            "commands": [self._clean(shlex.join(self._argv(peer))) for peer in handshake[1:]],
            "negotiated": negotiated(said + log.read_text(errors="replace")),
            "keys": list(handshake.server.keys),
            "told": [self._clean(line) for line in told][:24],
        }

    def _argv(self, peer: Peer) -> list[str]:
        words = {"home": str(self._home), "port": str(self._port), **self._words}
        return [re.sub(r"\{(\w+)\}", lambda m: words.get(m[1], m[0]), word) for word in peer.argv]

    @contextmanager
    def _serving(self, server: Peer, log: Path) -> Iterator[None]:
        dressed = ("sh", "-ec", DRESS, "sh", str(self._home), *self._argv(server))
        with log.open("wb") as sink:
            process = self._network.popen("server", dressed, **self._surroundings(sink, server))
        try:
            wait_until(lambda: self._network.listens(process, self._port), f"{server.program} listens")
            yield
        finally:
            stop(process)

    def _run(self, client: Peer) -> str:
        log = self._home / f"client-{self._port}.log"
        with log.open("wb") as sink:
            process = self._network.popen("client", self._argv(client), **self._surroundings(sink, client))
        try:
            process.wait(_SECONDS)
        finally:
            stop(process)
        return log.read_text(errors="backslashreplace").replace("\r", "")

    def _surroundings(self, sink: object, peer: Peer) -> dict[str, Any]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._home), "LANG": "C.UTF-8", "TZ": "UTC"}
        if (self._home / "krb5.conf").exists():
            environment |= kerberos.environment(self._home, peer.keytab or "keytab")
            environment["PYTHONPATH"] = f"{self._home}/gss"
        return {"stdin": subprocess.DEVNULL, "stdout": sink, "stderr": subprocess.STDOUT, "env": environment,
                "cwd": self._home}  # fmt: skip

    def _clean(self, text: str) -> str:
        for path, name in ((str(self._home), "/lab"), (sys.executable, "python3"), (str(PEERS), "peers")):
            text = text.replace(path, name)
        return text


def main() -> None:
    """Records the families named on the command line, or all that can be recorded here."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.handshakes")
    parser.add_argument("families", nargs="*", metavar="FAMILY", choices=[[], *FAMILIES])
    for family in parser.parse_args().families or FAMILIES:
        reason = missing(family)
        print(f"{family}: {reason or 'recorded'}", flush=True)
        if reason is None:
            record(family, FOLDER / family)


if __name__ == "__main__":
    main()
