"""Owns the matrix: which client meets which server with which options, and how all of them are played in one network.

Every pair has OpenSSH on one side at least, which tells what was negotiated (`ssh -vvv`, or sshd's debug log). Nobody
logs in: a pair has played when the login is reached, or when the two could not agree.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.lab.network import SERVER, Network, stop, wait_until
from tests.lab.record import negotiated
from tests.lab.scene import DRESS, PEERS

FIRST_PORT = 2201
JSCH = ("/usr/share/java/jsch.jar", "/usr/share/java/jzlib.jar")
"""Debian's libjsch-java."""
_SECONDS = 40


class Meeting(NamedTuple):
    """A client and a server with their options: ssh_config and sshd_config lines, or what the program takes."""

    client: str
    client_options: tuple[str, ...] = ()
    server: str = "sshd"
    server_options: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of a test."""
        mine, theirs = ",".join(self.client_options), ",".join(self.server_options)
        return re.sub(r"[^\w@.,=+:-]", "", f"{self.client} {mine} to {self.server} {theirs}".replace(" ", "_"))[:150]


class Played(NamedTuple):
    """What became of it."""

    port: int
    negotiated: dict[str, str] | None
    """By OpenSSH's debug lines; None where it could not agree."""
    printed: str
    reached_login: bool


_KEX = (
    "diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1", "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512", "diffie-hellman-group-exchange-sha1",
    "diffie-hellman-group-exchange-sha256", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521",
    "curve25519-sha256", "curve25519-sha256@libssh.org", "sntrup761x25519-sha512@openssh.com",
)  # fmt: skip
_CIPHERS = (
    "3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc", "aes128-ctr", "aes192-ctr", "aes256-ctr",
    "aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com",
)  # fmt: skip
_MACS = (
    "hmac-sha1", "hmac-sha1-96", "hmac-sha2-256", "hmac-sha2-512", "hmac-md5", "hmac-md5-96", "umac-64@openssh.com",
    "umac-128@openssh.com", "hmac-sha1-etm@openssh.com", "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com", "hmac-md5-etm@openssh.com", "umac-64-etm@openssh.com", "umac-128-etm@openssh.com",
)  # fmt: skip
_HOST_KEYS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")
_CTR = "Ciphers=aes128-ctr"

MEETINGS = (
    *(Meeting("ssh", (f"KexAlgorithms={n}",), "sshd", (f"KexAlgorithms=+{n}",)) for n in _KEX),
    *(Meeting("ssh", (f"Ciphers={n}",), "sshd", (f"Ciphers=+{n}",)) for n in _CIPHERS),
    *(Meeting("ssh", (f"MACs={n}", _CTR), "sshd", (f"MACs=+{n}",)) for n in _MACS),
    *(Meeting("ssh", (f"HostKeyAlgorithms={n}",), "sshd", (f"HostKeyAlgorithms=+{n}",)) for n in _HOST_KEYS),
    *(Meeting("ssh", ("Compression=yes",), "sshd", (f"Compression={n}",)) for n in ("yes", "no")),
    Meeting("ssh"),
    Meeting("ssh", ("KexAlgorithms=ecdh-sha2-nistp521,curve25519-sha256",), "sshd",
            ("KexAlgorithms=curve25519-sha256,ecdh-sha2-nistp521",)),
    Meeting("ssh", ("Ciphers=aes256-ctr,aes128-gcm@openssh.com",), "sshd",
            ("Ciphers=aes128-gcm@openssh.com,aes256-ctr",)),
    Meeting("ssh", ("HostKeyAlgorithms=^rsa-sha2-512",)),
    Meeting("ssh", ("Ciphers=^aes256-gcm@openssh.com", "MACs=hmac-md5"), "sshd", ("MACs=hmac-sha1",)),
    *(Meeting("plink", (), "sshd", options) for options in (
        (), ("KexAlgorithms=diffie-hellman-group-exchange-sha256",), ("KexAlgorithms=ecdh-sha2-nistp256",),
        ("Ciphers=aes128-gcm@openssh.com",), ("Ciphers=aes256-cbc", "MACs=hmac-sha1"),
        ("HostKeyAlgorithms=rsa-sha2-512",),
    )),
    *(Meeting("dbclient", client, "sshd", options) for client, options in (
        ((), ()), (("-c", "aes128-ctr"), ()), (("-c", "aes256-ctr", "-m", "hmac-sha1"), ()),
        ((), ("KexAlgorithms=diffie-hellman-group14-sha256",)), ((), ("HostKeyAlgorithms=rsa-sha2-256",)),
    )),
    *(Meeting("asyncssh", (json.dumps(client),), "sshd", options) for client, options in (
        ({}, ()), ({"kex_algs": ["curve448-sha512", "ecdh-sha2-nistp384"]}, ()),
        ({"encryption_algs": "aes256-ctr", "mac_algs": ["hmac-sha2-512"]}, ()),
        ({"server_host_key_algs": ["rsa-sha2-256"]}, ()), ({"compression_algs": ["zlib@openssh.com"]}, ()),
    )),
    *(Meeting("paramiko", (json.dumps(client),), "sshd", options) for client, options in (
        ({}, ()), ({"disabled": {"ciphers": ["aes128-ctr", "aes192-ctr"]}}, ()),
        ({"disabled": {"keys": ["ssh-ed25519"]}}, ()),
    )),
    *(Meeting("ssh", client, "dropbear") for client in (
        (), ("KexAlgorithms=ecdh-sha2-nistp256",), ("Ciphers=aes256-ctr",), ("HostKeyAlgorithms=rsa-sha2-256",),
        ("Ciphers=aes128-ctr", "MACs=hmac-sha1"),
    )),
    *(Meeting("ssh", client, "asyncssh", (json.dumps(options),)) for client, options in (
        ((), {}), ((), {"kex_algs": ["ecdh-sha2-nistp256", "diffie-hellman-group16-sha512"]}),
        ((_CTR,), {"mac_algs": ["hmac-sha2-256"]}), (("KexAlgorithms=diffie-hellman-group18-sha512",), {}),
    )),
)  # fmt: skip
"""Pairs that agree."""

FAILING = (
    Meeting("ssh", (), "sshd", ("KexAlgorithms=diffie-hellman-group14-sha1",)),
    Meeting("ssh", (), "sshd", ("KexAlgorithms=diffie-hellman-group1-sha1", "Ciphers=3des-cbc")),
    Meeting("ssh", (), "sshd", ("HostKeyAlgorithms=ssh-rsa",)),
    Meeting("ssh", (), "sshd", ("Ciphers=aes128-cbc,aes256-cbc",)),
    Meeting("ssh", (_CTR,), "sshd", ("MACs=hmac-md5",)),
    Meeting("ssh", ("Ciphers=aes256-ctr",), "sshd", ("Ciphers=aes192-cbc", "MACs=hmac-md5-96")),
    Meeting("ssh", (), "sshd", ("KexAlgorithms=diffie-hellman-group14-sha1", "HostKeyAlgorithms=ssh-rsa",
                                "Ciphers=aes128-cbc", "MACs=hmac-sha1-96")),
    Meeting("ssh", ("KexAlgorithms=diffie-hellman-group16-sha512",), "dropbear"),
    Meeting("ssh", ("HostKeyAlgorithms=ecdsa-sha2-nistp384",), "sshd"),
    Meeting("asyncssh", ("{}",), "sshd", ("Ciphers=aes128-cbc",)),
    Meeting("asyncssh", ("{}",), "sshd", ("KexAlgorithms=diffie-hellman-group1-sha1",)),
    Meeting("plink", (), "sshd", ("KexAlgorithms=sntrup761x25519-sha512",)),
    Meeting("dbclient", (), "sshd", ("Ciphers=aes128-gcm@openssh.com",)),
    Meeting("paramiko", ("{}",), "sshd", ("KexAlgorithms=diffie-hellman-group14-sha1",)),
    *(Meeting("asyncssh", (json.dumps(client),), "sshd", options) for client, options in (
        ({"server_host_key_algs": ["ssh-rsa"]}, ()), ({"compression_algs": ["zlib"]}, ()),
        ({"encryption_algs": ["aes128-ctr"], "mac_algs": ["hmac-md5"]}, ()),
        ({"compression_algs": ["zlib@openssh.com"]}, ("Compression=no",)),
    )),
    *(Meeting("paramiko", (json.dumps(client),), "sshd", options) for client, options in (
        ({"set": {"kex": ["mlkem768x25519-sha256"]}}, ()),
        ({"disabled": {"kex": ["curve25519-sha256@libssh.org", "ecdh-sha2-nistp256"]}},
         ("KexAlgorithms=ecdh-sha2-nistp256",)),
        ({"set": {"key_types": ["rsa-sha2-512"]}}, ("HostKeyAlgorithms=ssh-ed25519",)),
        ({"set": {"ciphers": ["aes128-cbc"]}}, ()), ({"set": {"ciphers": ["aes256-ctr"]}}, ("Ciphers=aes128-ctr",)),
        ({"set": {"ciphers": ["aes128-ctr"], "digests": ["hmac-md5"]}}, ("MACs=hmac-sha2-256",)),
    )),
    Meeting("paramiko", ("{}",), "asyncssh", (json.dumps({"compression_algs": ["zlib@openssh.com"]}),)),
    *(Meeting("dbclient", client, "sshd", options) for client, options in (
        (("-c", "aes128-ctr"), ("Ciphers=chacha20-poly1305@openssh.com",)),
        (("-c", "aes128-ctr", "-m", "hmac-sha1"), ("MACs=hmac-sha2-256",)),
        (("-c", "aes128-ctr", "-m", "hmac-sha1"), ("Ciphers=aes256-ctr", "MACs=hmac-sha2-256")),
    )),
    Meeting("ssh", ("HostKeyAlgorithms=ssh-ed25519",), "dropbear", ("rsa",)),
    *(Meeting("ssh", client, server, (json.dumps(options),)) for server, client, options in (
        ("asyncssh", (), {"kex_algs": ["diffie-hellman-group1-sha1"]}),
        ("asyncssh", ("HostKeyAlgorithms=rsa-sha2-512",), {}),
        ("asyncssh", (), {"encryption_algs": ["aes256-cbc"]}),
        ("asyncssh", (_CTR,), {"mac_algs": ["hmac-md5"]}),
        ("paramiko", ("KexAlgorithms=curve25519-sha256@libssh.org",), {"set": {"kex": ["ecdh-sha2-nistp256"]}}),
        ("paramiko", ("HostKeyAlgorithms=rsa-sha2-512",), {}),
        ("paramiko", ("Ciphers=aes256-ctr",), {"set": {"ciphers": ["aes128-ctr"]}}),
        ("paramiko", (_CTR, "MACs=hmac-sha2-512"), {"set": {"digests": ["hmac-sha2-256"]}}),
    )),
    Meeting("asyncssh", (json.dumps({"compression_algs": ["zlib@openssh.com"]}),), "paramiko", ("{}",)),
)  # fmt: skip
"""Pairs that do not: every kind of algorithm, every program that a report has a least change for, on each side."""


_RSA_KEX = "SSH_MSG_KEXRSA_PUBKEY SSH_MSG_KEXRSA_SECRET SSH_MSG_KEXRSA_DONE"
_ECDH = "SSH_MSG_KEX_ECDH_INIT SSH_MSG_KEX_ECDH_REPLY"
_HYBRID = "SSH_MSG_KEX_HYBRID_INIT SSH_MSG_KEX_HYBRID_REPLY"
_FIXED = "SSH_MSG_KEXDH_INIT SSH_MSG_KEXDH_REPLY"
_GEX = "SSH_MSG_KEX_DH_GEX_REQUEST SSH_MSG_KEX_DH_GEX_GROUP SSH_MSG_KEX_DH_GEX_INIT SSH_MSG_KEX_DH_GEX_REPLY"


def _offering(method: str) -> tuple[str, ...]:
    return (json.dumps({"kex_algs": [method]}),)


FAMILIES = {
    **{Meeting(client, (), "asyncssh", _offering(method)): messages for client, method, messages in (
        ("plink", "rsa2048-sha256", _RSA_KEX), ("plink", "rsa1024-sha1", _RSA_KEX), ("plink", "curve448-sha512", _ECDH),
        ("plink", "diffie-hellman-group15-sha512", _FIXED), ("plink", "diffie-hellman-group17-sha512", _FIXED),
        ("plink", "diffie-hellman-group18-sha512", _FIXED), ("plink", "diffie-hellman-group-exchange-sha1", _GEX),
        ("plink", "ecdh-sha2-nistp521", _ECDH), ("dbclient", "diffie-hellman-group14-sha256", _FIXED),
    )},
    **{Meeting("asyncssh", _offering(method), "asyncssh", _offering(method)): messages for method, messages in (
        ("mlkem768x25519-sha256", _HYBRID), ("mlkem768nistp256-sha256", _HYBRID),
        ("mlkem1024nistp384-sha384", _HYBRID), ("rsa2048-sha256", _RSA_KEX), ("curve448-sha512", _ECDH),
        ("diffie-hellman-group16-sha512", _FIXED), ("diffie-hellman-group-exchange-sha256", _GEX),
    )},
    Meeting("paramiko", (json.dumps({"kex": ["curve25519-sha256@libssh.org"]}),), "asyncssh",
            _offering("mlkem768x25519-sha256")): _HYBRID,
    Meeting("plink", (), "sshd", ("KexAlgorithms=sntrup761x25519-sha512@openssh.com",)): _HYBRID,
}  # fmt: skip
"""Every family of key exchange methods between programs that have it, and the messages it consists of."""


class Stage:
    """Plays meetings in one network, one after the other, each server on a port of its own."""

    def __init__(self, network: Network, home: Path) -> None:
        self._network = network
        self._home = home
        self._port = FIRST_PORT - 1

    def play(self, meeting: Meeting) -> Played:
        """Start the server, run the client to its end, and read what OpenSSH says."""
        self._port += 1
        log = self._home / f"server-{self._port}.log"
        with self._serving(meeting, log):
            done = self._run(meeting)
        debug = done + log.read_text(errors="backslashreplace")
        reached = re.search(r"Permission denied|the login is reached|SSH2_MSG_SERVICE_ACCEPT received", done)
        reached = reached or re.search(
            r"KEX done|expecting SSH2_MSG_NEWKEYS \[preauth\]\n.*SSH2_MSG_NEWKEYS rec", debug
        )
        return Played(self._port, negotiated(debug), done + "\n--- server\n" + log.read_text(errors="replace"),
                      reached is not None)  # fmt: skip

    @contextmanager
    def _serving(self, meeting: Meeting, log: Path) -> Iterator[None]:
        dressed = ("sh", "-ec", DRESS, "sh", str(self._home), *self._server(meeting))
        with log.open("wb") as sink:
            process = self._network.popen("server", dressed, **self._surroundings(sink))
        try:
            wait_until(lambda: self._network.listens(process, self._port), f"{meeting.name} listens")
            yield
        finally:
            stop(process)

    def _server(self, meeting: Meeting) -> tuple[str, ...]:
        kinds = [kind for kind in ("ed25519", "ecdsa", "rsa") if meeting.server != "dropbear" or not
                 meeting.server_options or kind in meeting.server_options]  # fmt: skip
        keys = [f"{self._home}/ssh_host_{kind}_key" for kind in kinds]
        if meeting.server == "sshd":
            made = [o.partition("=")[2] for o in meeting.server_options if o.startswith("HostKey=")]
            lines = [o for o in meeting.server_options if not o.startswith("HostKey=")]
            lines += ["LogLevel=DEBUG3", "UsePAM=no", *(f"HostKey={key}" for key in (*keys, *made))]
            options = [word for line in lines for word in ("-o", line)]
            return ("/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-p", str(self._port), *options)
        if meeting.server == "dropbear":
            files = [*(f"{key}.dropbear" for key in keys), *(o for o in meeting.server_options if "/" in o)]
            words = [word for file in files for word in ("-r", file)]
            return ("dropbear", "-F", "-E", "-P", f"{self._home}/pid", "-p", str(self._port), *words)
        options = list(meeting.server_options) or ["{}"]
        script = str(PEERS / "chosen_server.py")
        return (sys.executable, "-u", script, str(self._port), keys[0], *options, meeting.server)

    def _client(self, meeting: Meeting) -> tuple[str, ...]:
        port, options = str(self._port), meeting.client_options
        if meeting.client == "ssh":
            always = ("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null",
                      "GlobalKnownHostsFile=/dev/null", "IdentityFile=none", "IdentitiesOnly=yes")  # fmt: skip
            words = [word for line in (*options, *always) for word in ("-o", line)]
            return ("ssh", "-vvv", "-F", "none", *words, "-p", port, f"lab@{SERVER}", "true")
        if meeting.client == "plink":
            trusted = [w for kind in ("ed25519", "ecdsa", "rsa") for w in ("-hostkey", self._fingerprint(kind))]
            return (
                "plink",
                "-v",
                "-ssh",
                "-batch",
                "-P",
                port,
                *trusted,
                *options,
                "-pw",
                "wrong",
                f"lab@{SERVER}",
                "true",
            )
        if meeting.client == "dbclient":
            return ("dbclient", "-y", "-y", "-p", port, *options, f"lab@{SERVER}", "true")
        if meeting.client == "jsch":
            told = [option for option in options if not option.startswith("LINE:")]
            lines = [option.removeprefix("LINE:") for option in options if option.startswith("LINE:")]
            source = self._home / str(self._port) / "JschClient.java"
            source.parent.mkdir()
            source.write_text((PEERS / source.name).read_text().replace("// LINES", "\n".join(lines)))
            return ("java", "-cp", ":".join(JSCH), str(source), SERVER, port, *told)
        script = str(PEERS / "chosen_client.py")
        return (sys.executable, "-u", script, meeting.client, SERVER, port, *options)

    def _fingerprint(self, kind: str) -> str:
        key = f"{self._home}/ssh_host_{kind}_key.pub"
        return subprocess.run(["ssh-keygen", "-lf", key], capture_output=True, text=True, timeout=20).stdout.split()[1]

    def _run(self, meeting: Meeting) -> str:
        log = self._home / f"client-{self._port}.log"
        with log.open("wb") as sink:
            process = self._network.popen("client", self._client(meeting), **self._surroundings(sink))
        try:
            process.wait(_SECONDS)
        finally:
            stop(process)
        return log.read_text(errors="backslashreplace").replace("\r", "")

    def _surroundings(self, sink: object) -> dict[str, object]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._home), "LANG": "C.UTF-8", "TZ": "UTC"}
        return {"stdin": subprocess.DEVNULL, "stdout": sink, "stderr": subprocess.STDOUT, "env": environment,
                "cwd": self._home}  # fmt: skip
