"""Owns the hosts of the lab as their administrators see them: commands run as they stand, on files of the host's own.

A host is a namespace of the `Network` with its own /etc, /var, /root, /home, /run and /usr/local: the machine's below,
and what is written there stays in the host and goes with it. Its user logs in to the server with a key; both hosts know
each other. systemd cannot run in there: `peers/systemctl` and `peers/journalctl` start and stop the real sshd and show
its real log, as those of that name do. Knows nothing of captures and findings.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.network import SERVER, Network, Where, stop, wait_until
from tests.lab.scene import PEERS

USER = "lab"
_PASSWD = f"{USER}:x:60022:65534::/home/{USER}:/bin/sh"
# The machine's own directories below, a file system of the host's own above.
_DRESS = """
mount --make-rprivate / 2>/dev/null || true
mount -t tmpfs tmpfs "$1"
for place in etc var root home usr/local; do
  mkdir -p "$1/$place/upper" "$1/$place/work"
  mount -t overlay overlay -o "lowerdir=/$place,upperdir=$1/$place/upper,workdir=$1/$place/work" "/$place"
done
mount -t tmpfs tmpfs /run; mkdir -m 755 /run/sshd
rm -rf /var/run; ln -s /run /var/run
rm -rf /root/.ssh /root/.putty /root/.config /etc/ssh/ssh_host_* /etc/ssh/ssh_config.d /etc/ssh/sshd_config.d /var/log/*
mkdir -m 700 /root/.ssh; mkdir -p /etc/ssh
install -m 755 "$2/systemctl" "$2/journalctl" /usr/local/bin/
touch /run/ready; exec sleep 3600
"""
SSHD_CONFIG = """PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM yes
PrintMotd no
Subsystem sftp internal-sftp
"""


class Host:
    """One host, for as long as the `with` block of `hosts` lasts."""

    def __init__(self, network: Network, where: Where, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._holder = network.popen(where, ["sh", "-ec", _DRESS, "sh", str(folder), str(PEERS)])
        wait_until(lambda: self.attempt("test -e /run/ready").returncode == 0, f"{where} is dressed")

    def attempt(self, line: str, seconds: float = 60, text: str = "") -> "subprocess.CompletedProcess[str]":
        """Runs a line of shell as root of this host; `text` is what it reads."""
        enter = ("nsenter", "-t", str(self._holder.pid), "-m", "-n", "bash", "-c", f"cd /root; {line}")
        path = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        environment = {"PATH": path, "HOME": "/root", "LANG": "C.UTF-8", "TZ": "UTC", "USER": "root"}
        return subprocess.run(
            enter, env=environment, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="backslashreplace", timeout=seconds,
        )  # fmt: skip

    def shell(self, line: str, seconds: float = 60, text: str = "") -> str:
        """The same; it must succeed."""
        done = self.attempt(line, seconds, text)
        assert done.returncode == 0, f"{line}: exit {done.returncode}\n{done.stdout}"
        return done.stdout

    def start(self, line: str) -> None:
        """Starts a program that stays; it ends with the host."""
        self.shell(f"({line}) > /var/log/started.log 2>&1 < /dev/null & sleep 0.5")

    def write(self, path: str, text: str, mode: str = "644") -> None:
        """A file of this host, whole."""
        self.shell(f"mkdir -p $(dirname {path}) && cat > {path} && chmod {mode} {path}", text=text)

    def append(self, path: str, text: str) -> None:
        """A line at the end of a file."""
        self.shell(f"mkdir -p $(dirname {path}) && cat >> {path}", text=f"{text}\n")

    def read(self, path: str) -> str:
        """A file of this host; empty where there is none."""
        return self.attempt(f"cat {path} 2>/dev/null").stdout

    def leave(self) -> None:
        """Ends what holds the namespace; the `Network` ends the rest."""
        stop(self._holder)

    def configure(self, *lines: str) -> None:
        """sshd_config with these lines in front, and sshd started with it: the first line with a keyword holds."""
        self.write("/etc/ssh/sshd_config", "\n".join((*lines, SSHD_CONFIG)))
        self.shell("systemctl restart ssh")


@contextmanager
def hosts(network: Network, home: Path) -> Iterator[tuple[Host, Host]]:
    """Client and server, each with what it needs to meet the other: keys, an account, a known host."""
    client, server = Host(network, "client", home / "client"), Host(network, "server", home / "server")
    try:
        server.shell("ip link set lo up; ssh-keygen -A > /dev/null")
        server.shell(f"grep -v '^{USER}:' /etc/passwd > /run/p; echo '{_PASSWD}' >> /run/p; cat /run/p > /etc/passwd")
        server.shell(f"echo '{USER}:*:19000:0:99999:7:::' >> /etc/shadow; mkdir -p /home/{USER}/.ssh")
        client.shell("ip link set lo up; ssh-keygen -q -t ed25519 -N '' -C lab -f .ssh/id_ed25519")
        server.write(f"/home/{USER}/.ssh/authorized_keys", client.read("/root/.ssh/id_ed25519.pub"), "600")
        server.shell(f"chown -R {USER}: /home/{USER}; chmod 755 /home/{USER}; chmod 700 /home/{USER}/.ssh")
        public = server.shell("cat /etc/ssh/ssh_host_*_key.pub")
        client.write("/root/.ssh/known_hosts", "".join(f"{SERVER} {line}\n" for line in public.splitlines()))
        server.configure()
        yield client, server
    finally:
        client.leave()
        server.leave()
