"""Owns the network of the lab: three namespaces, client - router - server, and what happens on their links.

Knows nothing of SSH. Everything it starts or makes is gone when the `Network` is left, whatever happened inside.
"""

import itertools
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

Where = Literal["client", "router", "server", "successor"]

_HOSTS: tuple[Where, ...] = ("client", "router", "server")

CLIENT = "192.0.2.10"
SERVER = "203.0.113.7"
SERVER_IPV6 = "2001:db8:2::7"

# Errors only: neighbour discovery and router advertisements say nothing about a connection.
CAPTURE_FILTER = "tcp or icmp or (icmp6 and ip6[40] < 128)"
SETTLE_SECONDS = 0.6

_numbers = itertools.count(1)


@dataclass(frozen=True)
class _End:
    """One end of a link."""

    mac: str
    ipv4: str
    ipv6: str


_LINKS: tuple[tuple[Where, _End, _End], ...] = (
    # a host, its end, the router's end
    (
        "client",
        _End("00:00:5e:00:53:10", CLIENT, "2001:db8:1::10"),
        _End("00:00:5e:00:53:01", "192.0.2.1", "2001:db8:1::1"),
    ),
    (
        "server",
        _End("00:00:5e:00:53:07", SERVER, SERVER_IPV6),
        _End("00:00:5e:00:53:02", "203.0.113.1", "2001:db8:2::1"),
    ),
)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    """Polls until the condition holds; `TimeoutError` names what did not happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.02)


def stop(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> None:
    """Ends one process of ours: politely, then for certain."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


class Network:
    """The three namespaces, for as long as the `with` block lasts."""

    def __init__(self) -> None:
        self._prefix = f"sshlab-{os.getpid()}-{next(_numbers)}"

    def __enter__(self) -> "Network":
        try:
            self._build()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def popen(self, where: Where, argv: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Starts a program in a namespace; `ip netns exec` becomes that program, so the process is the program."""
        return subprocess.Popen(["ip", "netns", "exec", self._name(where), *argv], **options)

    def run(self, where: Where, argv: Sequence[str]) -> None:
        """Runs a short command in a namespace to its end; it must succeed."""
        _ip("netns", "exec", self._name(where), *argv)

    def forbid(self, rule: str) -> None:
        """Adds one nftables rule to what the router forwards, for instance `tcp dport 22 drop`."""
        self.run("router", ["nft", "add rule inet lab forward " + rule])

    def reject_at_server(self, rule: str) -> None:
        """Adds one nftables rule to what the server itself takes in: a firewall, or a ban, on the host."""
        self.run("server", ["nft", "add table inet lab"])
        self.run("server", ["nft", "add chain inet lab input { type filter hook input priority 0; }"])
        self.run("server", ["nft", "add rule inet lab input " + rule])

    def replace_server(self) -> None:
        """Another host takes over the server's address and its place in the network, and knows nothing of before."""
        _, near, far = _LINKS[1]
        successor = self._name("successor")
        _ip("netns", "add", successor)
        _ip("-n", self._name("server"), "link", "set", "eth0", "netns", successor)
        self._configure("successor", "eth0", near, far)
        _ip("-n", successor, "route", "add", "default", "via", far.ipv4)

    @contextmanager
    def capture(self, path: Path, packet_count: int | None = None) -> Iterator[None]:
        """Records the client's interface into `path`; tcpdump ends by itself after `packet_count` packets."""
        messages = path.with_suffix(".tcpdump")
        argv = ["tcpdump", "-i", "eth0", "-U", "-n", "-s", "0", "--immediate-mode", "-Z", "root", "-w", str(path)]
        argv += [] if packet_count is None else ["-c", str(packet_count)]
        with messages.open("wb") as sink:
            process = self.popen("client", [*argv, CAPTURE_FILTER], stdout=sink, stderr=sink)
        try:
            wait_until(lambda: b"listening on" in messages.read_bytes(), "tcpdump listens")
            yield
            time.sleep(SETTLE_SECONDS)
        finally:
            stop(process, signal.SIGINT)
            messages.unlink()

    def listens(self, process: subprocess.Popen[bytes], port: int) -> bool:
        """Whether anything in the namespace of this process listens on a TCP port; asks the kernel, sends nothing."""
        rows: list[str] = []
        for table in ("tcp", "tcp6"):
            with suppress(OSError):
                rows += Path(f"/proc/{process.pid}/net/{table}").read_text().splitlines()[1:]
        # the columns: number, local address:port in hex, remote address:port, state (0A is LISTEN)
        return any(row.split()[1].endswith(f":{port:04X}") and row.split()[3] == "0A" for row in rows)

    def settle(self, process: subprocess.Popen[bytes], port: int) -> None:
        """Waits until something in the namespace of this process listens."""
        wait_until(lambda: self.listens(process, port), f"port {port} listens")

    def _name(self, where: str) -> str:
        return f"{self._prefix}-{where}"

    def _build(self) -> None:
        for where in _HOSTS:
            _ip("netns", "add", self._name(where))
            _ip("-n", self._name(where), "link", "set", "lo", "up")
        self.run("router", ["sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"])
        for host, near, far in _LINKS:
            name, router = self._name(host), self._name("router")
            peer = ["peer", "name", host, "netns", router, "address", far.mac]
            _ip("link", "add", "eth0", "netns", name, "address", near.mac, "type", "veth", *peer)
            self._configure(host, "eth0", near, far)
            self._configure("router", host, far, near)
            _ip("-n", name, "route", "add", "default", "via", far.ipv4)
            _ip("-n", name, "route", "add", "default", "via", far.ipv6)
        self.run("router", ["nft", "add table inet lab"])
        self.run("router", ["nft", "add chain inet lab forward { type filter hook forward priority 0; }"])

    def _configure(self, where: Where, device: str, end: _End, other: _End) -> None:
        # Segments and checksums as on a wire, not as handed to a network card.
        off = [word for what in ("tso", "gso", "gro", "tx", "rx") for word in (what, "off")]
        self.run(where, ["ethtool", "-K", device, *off])
        name = self._name(where)
        _ip("-n", name, "address", "add", f"{end.ipv4}/24", "dev", device)
        _ip("-n", name, "address", "add", f"{end.ipv6}/64", "dev", device, "nodad")
        _ip("-n", name, "link", "set", device, "up")
        # Both ends know each other, so that no packet has to wait for an answer to ARP or neighbour discovery.
        for address in (other.ipv4, other.ipv6):
            _ip("-n", name, "neighbour", "add", address, "lladdr", other.mac, "dev", device, "nud", "permanent")

    def _remove(self) -> None:
        for where in (*_HOSTS, "successor"):
            name = self._name(where)
            listed = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, timeout=20)
            for pid in listed.stdout.split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, timeout=20)


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=20)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")
