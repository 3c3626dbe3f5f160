"""Owns the command lines: how each server and client of the lab is called, and what it says its version is.

Clients log in with the user's key and run `true`, unless a case says otherwise. `missing` tells why the lab cannot run.
"""

import functools
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys

from tests.lab.home import KINDS, USER
from tests.lab.network import SERVER
from tests.lab.scene import PEERS, PORT, Program, Scene

_TOOLS = (
    *("ip", "nft", "sysctl", "ethtool", "tcpdump", "setsid", "mount"),
    *("ssh", "ssh-keygen", "sshd", "plink", "puttygen", "dropbear", "dropbearconvert", "dbclient"),
)
_SSHD = "/usr/sbin/sshd"


def missing() -> str | None:
    """Why the lab cannot run here, or None."""
    if not sys.platform.startswith("linux"):
        return "no Linux"
    if os.geteuid() != 0:
        return "not root"
    absent = [tool for tool in _TOOLS if not shutil.which(tool)]
    absent += [module for module in ("paramiko", "asyncssh") if not importlib.util.find_spec(module)]
    return f"no {', '.join(absent)}" if absent else None


def sshd(scene: Scene, *options: str, host_keys: tuple[str, ...] = KINDS) -> Program:
    """OpenSSH's server; each option is a line of sshd_config."""
    # The debug lines tell what was negotiated; they are kept apart from what an administrator sees.
    always = ("LogLevel=DEBUG1", "UsePAM=no", "PasswordAuthentication=no", "PrintMotd=no")
    keys = tuple(f"HostKey={scene.home}/ssh_host_{kind}_key" for kind in host_keys)
    words = [word for line in (*options, *always, *keys) for word in ("-o", line)]
    return Program((_SSHD, "-D", "-e", "-f", "/dev/null", "-p", str(PORT), *words), _version(_SSHD, "-V"))


def dropbear(scene: Scene) -> Program:
    """Dropbear's server."""
    keys = [word for kind in KINDS for word in ("-r", f"{scene.home}/ssh_host_{kind}_key.dropbear")]
    pid_file = f"{scene.home}/dropbear.pid"
    return Program(("dropbear", "-F", "-E", "-s", "-P", pid_file, "-p", str(PORT), *keys), _version("dropbear", "-V"))


def paramiko_server(scene: Scene, method: str, when: str) -> Program:
    """A server made with paramiko that offers one key exchange method, see `peers/paramiko_server.py`."""
    words = (f"{scene.home}/ssh_host_ed25519_key", method, when)
    return _python("paramiko_server.py", str(PORT), *words, module="paramiko")


def full_asyncssh_server(scene: Scene) -> Program:
    """A server made with asyncssh that says it has too many connections."""
    return _python("asyncssh_server.py", str(PORT), f"{scene.home}/ssh_host_ed25519_key", module="asyncssh")


def asyncssh_server(scene: Scene, method: str) -> Program:
    """A server made with asyncssh that offers one key exchange method and lets everybody in."""
    options = json.dumps({"kex_algs": [method]})
    words = (f"{scene.home}/ssh_host_ed25519_key", options)
    return _python("chosen_server.py", str(PORT), *words, module="asyncssh")


def http_server(scene: Scene) -> Program:
    """Python's own web server."""
    argv = (sys.executable, "-u", "-m", "http.server", str(PORT), "--directory", f"{scene.home}/user")
    return Program(argv, f"Python {sys.version.split()[0]} http.server")


def raw_server(then: str) -> Program:
    """A listener that says nothing, see `peers/raw_server.py`."""
    return _python("raw_server.py", str(PORT), then)


def ssh(
    scene: Scene,
    *options: str,
    address: str = SERVER,
    known: str = "known_hosts",
    batch: bool = True,
    answer: str | None = None,
) -> Program:
    """OpenSSH's client; each option is a line of ssh_config. Without `batch` it may ask, and gets the answer."""
    always = (
        f"UserKnownHostsFile={scene.home}/{known}",
        "GlobalKnownHostsFile=/dev/null",
        f"IdentityFile={scene.home}/user_key",
        "IdentitiesOnly=yes",
    )
    batched = ("BatchMode=yes",) if batch else ()
    words = [word for line in (*options, *batched, *always) for word in ("-o", line)]
    argv = ("ssh", "-vvv", "-F", "/dev/null", *words, f"{USER}@{address}", "true")
    return Program(argv, _version("ssh", "-V"), answer)


def plink(scene: Scene, *options: str, trusting: bool = True) -> Program:
    """PuTTY's command line client; its cache of host keys is empty, so it must be told which key to trust."""
    trusted = ("-hostkey", str(scene.host_key("ed25519")["sha256"])) if trusting else ()
    argv = ("plink", "-ssh", "-batch", *trusted, "-i", f"{scene.home}/user_key.ppk", *options)
    return Program((*argv, f"{USER}@{SERVER}", "true"), _version("plink", "-V"))


def dbclient(scene: Scene, known: str = "known_hosts") -> Program:
    """Dropbear's client; it reads known_hosts nowhere but below its home."""
    (scene.home / ".ssh").mkdir(mode=0o700)
    shutil.copy(scene.home / known, scene.home / ".ssh" / "known_hosts")
    argv = ("dbclient", "-i", f"{scene.home}/user_key.dropbear", f"{USER}@{SERVER}", "true")
    return Program(argv, _version("dbclient", "-V"))


def library_client(scene: Scene, module: str, known: str = "known_hosts") -> Program:
    """A client made with paramiko or asyncssh."""
    files = (f"{scene.home}/user_key", f"{scene.home}/{known}")
    return _python(f"{module}_client.py", SERVER, USER, *files, module=module)


def raw_client(text: str, *then: str) -> Program:
    """A client that sends this text and no more, see `peers/raw_client.py`."""
    return _python("raw_client.py", SERVER, str(PORT), text, *then)


def _python(name: str, *words: str, module: str | None = None) -> Program:
    version = f"Python {sys.version.split()[0]}"
    if module:
        version = f"{module} {importlib.metadata.version(module)}, {version}"
    return Program((sys.executable, "-u", str(PEERS / name), *words), version)


@functools.cache
def _version(*argv: str) -> str:
    """The line of a program's answer that has its name and number."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=10)
    lines = [line for line in done.stdout.splitlines() if re.search(r"OpenSSH_\d|Dropbear v|Release \d", line)]
    return lines[0].strip()
