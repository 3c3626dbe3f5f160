"""Owns the command lines: how each server and client of the lab is called, and what it says its version is.

Clients log in with the user's key and run `true`, unless a case says otherwise. `missing` tells why the lab cannot run.
"""

import functools
import importlib.metadata
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

from tests.lab.home import KINDS, USER
from tests.lab.network import SERVER
from tests.lab.scene import PEERS, PORT, Program, Scene

_TOOLS = (
    *("ip", "nft", "sysctl", "ethtool", "tcpdump", "setsid", "mount"),
    *("haproxy", "endlessh", "openssl", "ssh-keyscan", "ssh1"),
    *("ssh", "ssh-keygen", "sshd", "plink", "puttygen", "dropbear", "dropbearconvert", "dbclient"),
)
_TOOLS_OF_REMEDIES = (
    *("nc", "fail2ban-client", "conntrack", "traceroute", "tracepath", "ping", "sslh", "stunnel", "tinyproxy", "curl"),
    *("nsenter", "bash", "ss", "nstat"),
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


def missing_for_remedies() -> str | None:
    """Why commands of findings cannot be tried here, or None."""
    absent = [tool for tool in _TOOLS_OF_REMEDIES if not shutil.which(tool)]
    return missing() or (f"no {', '.join(absent)}" if absent else None)


def sshd(scene: Scene, *options: str, host_keys: tuple[str, ...] = KINDS) -> Program:
    """OpenSSH's server; each option is a line of sshd_config."""
    # The debug lines tell what was negotiated; they are kept apart from what an administrator sees.
    always = ("LogLevel=DEBUG1", "UsePAM=no", "PasswordAuthentication=no", "PrintMotd=no")
    keys = tuple(f"HostKey={scene.home}/ssh_host_{kind}_key" for kind in host_keys)
    words = [word for line in (*options, *always, *keys) for word in ("-o", line)]
    return Program((_SSHD, "-D", "-e", "-f", "/dev/null", "-p", str(PORT), *words), _version(_SSHD, "-V"))


def sshd_on(scene: Scene, port: int, *options: str, host_keys: tuple[str, ...] = KINDS) -> str:
    """The shell's words that start such a server in the background, on another port."""
    argv = sshd(scene, *options, host_keys=host_keys).argv
    return shlex.join([str(port) if word == str(PORT) else word for word in argv]) + " & "


def haproxy(scene: Scene, before: str, *servers: str, options: str = "") -> Program:
    """HAProxy on the SSH port; `before` starts its backends, `servers` are its lines for them."""
    lines = [
        "global", "  log stdout format raw local0", "defaults", "  mode tcp", "  log global", "  option tcplog",
        "  timeout connect 5s", "  timeout client 60s", "  timeout server 60s", "listen ssh", f"  bind :{PORT}",
        "  balance roundrobin", *(f"  {line}" for line in options.splitlines()),
        *(f"  server ssh{number} {line}" for number, line in enumerate(servers, start=1)),
    ]  # fmt: skip
    config = scene.home / "haproxy.cfg"
    config.write_text("\n".join(lines) + "\n")
    script = f"ip link set lo up; {before}sleep 0.5; exec haproxy -db -f {config}"
    return Program(("sh", "-c", script), _version("haproxy", "-v"))


def endlessh(milliseconds: int) -> Program:
    """A tarpit: a line of its own every so many milliseconds, for ever."""
    argv = ("endlessh", "-4", "-p", str(PORT), "-d", str(milliseconds), "-v", "-f", "/dev/null")
    return Program(argv, _version("endlessh", "-V"))


def tls_server(scene: Scene) -> Program:
    """OpenSSL's TLS server with a certificate of its own."""
    make = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=lab -keyout tls.key -out tls.crt 2>/dev/null"
    script = f"cd {scene.home}; {make}; exec openssl s_server -quiet -accept {PORT} -cert tls.crt -key tls.key"
    return Program(("sh", "-c", script), _version("openssl", "version"))


def tls_client() -> Program:
    """OpenSSL's TLS client."""
    return Program(("openssl", "s_client", "-connect", f"{SERVER}:{PORT}"), _version("openssl", "version"))


def keyscan() -> Program:
    """ssh-keyscan for one kind of key."""
    return Program(("ssh-keyscan", "-T", "10", "-t", "ed25519", SERVER), _version("ssh", "-V"))


def ssh1() -> Program:
    """Debian's ssh1, the client of OpenSSH 7.5, limited to SSH-1."""
    argv = ("ssh1", "-1", "-F", "/dev/null", "-o", "BatchMode=yes", f"{USER}@{SERVER}", "true")
    return Program(argv, _version("ssh1", "-V"))


def raw_kex_client(what: str) -> Program:
    """A client that breaks the protocol in the key exchange, see `peers/raw_kex_client.py`."""
    return python("raw_kex_client.py", SERVER, str(PORT), what)


def dropbear(scene: Scene) -> Program:
    """Dropbear's server."""
    keys = [word for kind in KINDS for word in ("-r", f"{scene.home}/ssh_host_{kind}_key.dropbear")]
    pid_file = f"{scene.home}/dropbear.pid"
    return Program(("dropbear", "-F", "-E", "-s", "-P", pid_file, "-p", str(PORT), *keys), _version("dropbear", "-V"))


def paramiko_server(scene: Scene, method: str, when: str, *moduli: str) -> Program:
    """A server made with paramiko that offers one key exchange method, see `peers/paramiko_server.py`."""
    words = (f"{scene.home}/ssh_host_ed25519_key", method, when, *moduli)
    return python("paramiko_server.py", str(PORT), *words, module="paramiko")


def full_asyncssh_server(scene: Scene) -> Program:
    """A server made with asyncssh that says it has too many connections."""
    return python("asyncssh_server.py", str(PORT), f"{scene.home}/ssh_host_ed25519_key", module="asyncssh")


def asyncssh_server(scene: Scene, method: str, **more: list[str]) -> Program:
    """A server made with asyncssh that offers one key exchange method and lets everybody in."""
    options = json.dumps({"kex_algs": [method], **more})
    words = (f"{scene.home}/ssh_host_ed25519_key", options)
    return python("chosen_server.py", str(PORT), *words, module="asyncssh")


def http_server(scene: Scene) -> Program:
    """Python's own web server."""
    argv = (sys.executable, "-u", "-m", "http.server", str(PORT), "--directory", f"{scene.home}/user")
    return Program(argv, f"Python {sys.version.split()[0]} http.server")


def raw_server(then: str, *text: str) -> Program:
    """A listener that says nothing, or only a text, see `peers/raw_server.py`."""
    return python("raw_server.py", str(PORT), then, *text)


def ssh(
    scene: Scene,
    *options: str,
    address: str = SERVER,
    known: str = "known_hosts",
    batch: bool = True,
    answer: str | None = None,
    command: str = "true",
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
    argv = ("ssh", "-vvv", "-F", "/dev/null", *words, f"{USER}@{address}", command)
    return Program(argv, _version("ssh", "-V"), answer)


def ssh_with_password(scene: Scene, *options: str, password: str, pause: int = 0, at_most: int = 0) -> Program:
    """OpenSSH's client, which gets the password, after a pause, from a program; interrupted after `at_most` seconds."""
    script = scene.home / "askpass"
    script.write_text(f"#!/bin/sh\nsleep {pause}\necho '{password}'\n")
    script.chmod(0o755)
    words = ("PubkeyAuthentication=no", "PreferredAuthentications=password", *options)
    plain = ssh(scene, *words, batch=False)
    limit = ("timeout", "-s", "INT", str(at_most)) if at_most else ()
    return Program(("env", f"SSH_ASKPASS={script}", "SSH_ASKPASS_REQUIRE=force", *limit, *plain.argv), plain.version)


def ssh_with_keys(scene: Scene, count: int, *options: str) -> Program:
    """OpenSSH's client with so many keys that the server does not know, and no other."""
    argv = list(ssh(scene, *options).argv)
    place = argv.index(f"IdentityFile={scene.home}/user_key")
    names = [f"{scene.home}/other_key_{number}" for number in range(1, count + 1)]
    for name in names:
        subprocess.run(
            ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "other", "-f", name), check=True, timeout=60
        )
    argv[place - 1 : place + 1] = [word for name in names for word in ("-o", f"IdentityFile={name}")]
    return Program(tuple(argv), _version("ssh", "-V"))


def ssh_staying(scene: Scene, command: str, *options: str, script: str = 'exec "$@"') -> Program:
    """OpenSSH's client that runs another command than `true`, called by a line of shell that may do things to it."""
    plain = ssh(scene, *options)
    return Program(("sh", "-c", script, "sh", *plain.argv[:-1], command), plain.version)


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
    return python(f"{module}_client.py", SERVER, USER, *files, module=module)


def raw_client(text: str, *then: str) -> Program:
    """A client that sends this text and no more, see `peers/raw_client.py`."""
    return python("raw_client.py", SERVER, str(PORT), text, *then)


def reset_injector(interface: str) -> Program:
    """A box that cuts connections, see `peers/reset_injector.py`."""
    return python("reset_injector.py", interface)


def half_open() -> Program:
    """A scanner that sends a SYN and no more, see `peers/half_open.py`."""
    return python("half_open.py", SERVER, str(PORT))


def python(name: str, *words: str, module: str | None = None) -> Program:
    """A program of `peers/`; `module` is the library that it shows."""
    version = f"Python {sys.version.split()[0]}"
    if module:
        version = f"{module} {importlib.metadata.version(module)}, {version}"
    return Program((sys.executable, "-u", str(PEERS / name), *words), version)


def named(program: str) -> str:
    """What a program calls itself, by its short name."""
    python = f"Python {sys.version.split()[0]}"
    if program in ("asyncssh", "paramiko"):
        return f"{program} {importlib.metadata.version(program)}, {python}"
    if program == "tinysshd":
        asked = ("dpkg-query", "-W", "-f", "TinySSH ${Version} (Debian)", "tinysshd")
        return subprocess.run(asked, capture_output=True, text=True, timeout=10).stdout
    called = {"sshd": (_SSHD, "-V"), "uppity": ("uppity", "--version"), "python": ()}.get(program, (program, "-V"))
    answer = _version(*called) if called else ""
    return (
        (answer if program in answer.lower() else f"{program}: {answer}") if called else f"a test's program, {python}"
    )


@functools.cache
def _version(*argv: str) -> str:
    """The line of a program's answer that has its name and number."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=10)
    lines = [
        line
        for line in done.stdout.splitlines()
        if re.search(r"OpenSSH_\d|Dropbear v|Release \d|HAProxy version|Endlessh \d|OpenSSL \d", line)
    ]
    return lines[0].strip()
