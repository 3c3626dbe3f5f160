"""Owns the stories of the lab: what is done to whom, and what a reader of the capture has to find.

`expect` is written by hand from what was done and from what the programs said. Where a race decides (both sides find
the same fault; a FIN becomes a RST because a byte stayed unread), it lists every ending that is true.
"""

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from tests.lab import before_newkeys, rare
from tests.lab import programs as run
from tests.lab.case import CLIENT, CLOSED, EITHER, FIN, NETWORK, SERVER, Case, Expect, done, ended, failed
from tests.lab.home import USER
from tests.lab.network import CLIENT as CLIENT_ADDRESS
from tests.lab.network import SERVER_IPV6, stop
from tests.lab.scene import Program, Scene

RST = ["rst"]
# A client that gives up while octets wait for an acknowledgement has its FIN wait behind them: nothing is sent.
OPEN = ["capture_end", "silence"]
ML_KEM = "mlkem768x25519-sha256"
_IMPATIENT = ("ServerAliveInterval=3", "ServerAliveCountMax=2")
"""Without it ssh waits for minutes."""
GROUP14_SHA1 = "KexAlgorithms=diffie-hellman-group14-sha1"


def icmp_rejected(scene: Scene) -> None:
    """The router answers for the server."""
    scene.network.forbid("tcp dport 22 reject with icmp type admin-prohibited")
    scene.meet(run.sshd(scene), run.ssh(scene))


def syn_dropped(scene: Scene) -> None:
    """The router swallows what goes to the port."""
    scene.network.forbid("tcp dport 22 drop")
    scene.meet(run.sshd(scene), run.ssh(scene, "ConnectTimeout=8"))


def large_dropped(scene: Scene, *options: str) -> None:
    """A path that carries no IP packet of more than 900 octets to the server, and says so to nobody."""
    scene.network.forbid("tcp dport 22 meta length > 900 drop")
    scene.meet(run.sshd(scene), run.ssh(scene, *_IMPATIENT, *options))


def large_dropped_clamped(scene: Scene) -> None:
    """The same path, but the router tells both sides to send small segments."""
    scene.network.forbid("tcp flags syn tcp option maxseg size set 800")
    large_dropped(scene)


def large_dropped_probing(scene: Scene) -> None:
    """The same path, but the client's kernel looks for the size that passes."""
    scene.network.run("client", ["sysctl", "-qw", "net.ipv4.tcp_mtu_probing=1"])
    scene.network.forbid("tcp dport 22 meta length > 900 drop")
    scene.meet(run.sshd(scene), run.ssh(scene))


def greeting_dropped(scene: Scene) -> None:
    """A firewall that reads the payload: what begins with SSH- does not pass (32 octets of TCP header)."""
    scene.network.forbid("tcp sport 22 @th,256,32 0x5353482d drop")
    scene.meet(run.sshd(scene), run.ssh(scene, "ConnectTimeout=8"))


def client_dropped(scene: Scene) -> None:
    """From the fifth packet on the router swallows what the client sends, and lets the server's pass."""
    scene.network.forbid("tcp dport 22 ct original packets > 4 drop")
    scene.meet(run.sshd(scene), run.ssh(scene, *_IMPATIENT))


def both_dropped(scene: Scene) -> None:
    """In the middle of the session the router begins to swallow everything."""
    for port in ("dport", "sport"):
        scene.network.forbid(f"tcp {port} 22 ct original packets > 25 drop")
    scene.meet(run.sshd(scene), run.ssh(scene, *_IMPATIENT, command="sleep 20"))


def banned_with_icmp(scene: Scene) -> None:
    """What fail2ban does: the server's own firewall begins to reject the client's packets."""
    scene.network.reject_at_server("tcp dport 22 ct original packets > 25 reject with icmp type port-unreachable")
    scene.meet(run.sshd(scene), run.ssh(scene, *_IMPATIENT, command="sleep 20"))


def rejected_with_a_reset(scene: Scene) -> None:
    """The server's own firewall rejects the client's proposal with a RST; sshd's socket learns nothing of it."""
    scene.network.reject_at_server("tcp dport 22 ct original packets > 5 reject with tcp reset")
    scene.meet(run.sshd(scene), run.ssh(scene))


def third_packet_dropped(scene: Scene) -> None:
    """The router lets the SYN pass, and nothing that follows it."""
    scene.network.forbid("tcp dport 22 tcp flags & syn == 0 drop")
    scene.meet(run.sshd(scene), run.ssh(scene, "ConnectTimeout=8"))


def reset_by_the_router(scene: Scene) -> None:
    """A box on the router sends the client a RST in the server's name when the proposals have been exchanged."""
    program = run.reset_injector("client")
    process = scene.network.popen("router", program.argv)
    try:
        scene.meet(run.sshd(scene), run.ssh(scene))
    finally:
        stop(process)


def offloaded(scene: Scene) -> None:
    """The client leaves checksums and segmentation to its network card, as hosts do."""
    scene.network.run("client", ["ethtool", "-K", "eth0", "tx", "on", "tso", "on", "gso", "on"])
    scene.meet(run.sshd(scene), run.ssh(scene))


def server_replaced(scene: Scene) -> None:
    """Two seconds after the client has come, another host takes over the server's address, as in a failover."""
    timer = threading.Timer(2.5, scene.network.replace_server)
    timer.start()
    scene.meet(run.sshd(scene), run.ssh(scene, "ServerAliveInterval=4", command="sleep 20"))
    timer.join()


def file_cut(scene: Scene) -> None:
    """Ten whole records of a success, and half of the eleventh."""
    scene.meet(run.sshd(scene), run.ssh(scene))
    _cut(scene.capture, 10)


def _cut(capture: Path, whole: int) -> None:
    data, offset = capture.read_bytes(), 24
    for _ in range(whole):
        offset += 16 + _captured(data, offset)
    capture.write_bytes(data[: offset + 16 + _captured(data, offset) // 2])


def _captured(data: bytes, offset: int) -> int:
    """The captured length in the record header at this offset."""
    return int.from_bytes(data[offset + 8 : offset + 12], "little")


SUCCESSES = (
    Case(
        "ok-openssh",
        "A successful connection: OpenSSH",
        "ssh logs in to sshd with a key and runs `true`.",
        lambda scene: scene.meet(run.sshd(scene), run.ssh(scene)),
        done(),
    ),
    Case(
        "ok-openssh-ipv6",
        "A successful connection over IPv6: OpenSSH",
        "ssh logs in to sshd with a key and runs `true`.",
        lambda scene: scene.meet(run.sshd(scene), run.ssh(scene, address=SERVER_IPV6)),
        done(),
    ),
    Case(
        "ok-plink",
        "A successful connection: PuTTY's plink",
        "plink, told the fingerprint of the host key, logs in to sshd with a key and runs `true`.",
        lambda scene: scene.meet(run.sshd(scene), run.plink(scene)),
        done(),
    ),
    Case(
        "ok-dbclient",
        "A successful connection: Dropbear's client",
        "dbclient logs in to sshd with a key and runs `true`.",
        lambda scene: scene.meet(run.sshd(scene), run.dbclient(scene)),
        done(CLOSED),
    ),
    Case(
        "ok-paramiko",
        "A successful connection: paramiko",
        "A paramiko client logs in to sshd with a key and runs `true`.",
        lambda scene: scene.meet(run.sshd(scene), run.library_client(scene, "paramiko")),
        done(CLOSED),
    ),
    Case(
        "ok-asyncssh",
        "A successful connection: asyncssh",
        "An asyncssh client logs in to sshd with a key and runs `true`.",
        lambda scene: scene.meet(run.sshd(scene), run.library_client(scene, "asyncssh")),
        done(CLOSED),
    ),
    Case(
        "ok-dropbear-server",
        "A successful connection: OpenSSH to a Dropbear server",
        "ssh logs in to dropbear with a key and runs `true`.",
        lambda scene: scene.meet(run.dropbear(scene), run.ssh(scene)),
        done(),
    ),
)

NEGOTIATIONS = (
    Case(
        "no-common-kex-openssh",
        "No common key exchange algorithm: OpenSSH",
        "sshd offers only diffie-hellman-group14-sha1, which ssh does not offer by default.",
        lambda scene: scene.meet(run.sshd(scene, GROUP14_SHA1), run.ssh(scene)),
        failed("no-common-kex-algorithm", "kexinit", EITHER),
    ),
    Case(
        "no-common-kex-plink",
        "No common key exchange algorithm: PuTTY's plink",
        "A paramiko server offers only mlkem768x25519-sha256, and takes its time; this plink is too old for that.",
        lambda scene: scene.meet(run.paramiko_server(scene, ML_KEM, "late"), run.plink(scene)),
        failed("no-common-kex-algorithm", "kexinit", EITHER),
    ),
    Case(
        "no-common-kex-plink-unsent",
        "No common key exchange algorithm, and the client's proposal is missing: PuTTY's plink",
        "A paramiko server offers only mlkem768x25519-sha256. Its proposal arrives before plink has sent its own; "
        "plink sees that it cannot go on and closes, so the capture shows the server's proposal only.",
        lambda scene: scene.meet(run.paramiko_server(scene, ML_KEM, "together"), run.plink(scene)),
        failed("no-common-kex-algorithm", "kexinit", CLIENT),
    ),
    Case(
        "weak-algorithm-refused-plink",
        "A weak key exchange method, and nobody to ask: PuTTY's plink",
        "sshd offers only diffie-hellman-group1-sha1. plink has it, below the line of what it takes without asking, "
        "and runs with -batch.",
        lambda scene: scene.meet(run.sshd(scene, "KexAlgorithms=diffie-hellman-group1-sha1"), run.plink(scene)),
        failed("weak-algorithm-refused", "kexinit", CLIENT),
    ),
    Case(
        "no-common-kex-dbclient",
        "No common key exchange algorithm: Dropbear's client",
        "sshd offers only sntrup761x25519-sha512@openssh.com, which this dbclient is too old for.",
        lambda scene: scene.meet(
            run.sshd(scene, "KexAlgorithms=sntrup761x25519-sha512@openssh.com"), run.dbclient(scene)
        ),
        failed("no-common-kex-algorithm", "kexinit", EITHER),
    ),
    Case(
        "no-common-kex-paramiko",
        "No common key exchange algorithm: paramiko",
        "sshd offers only diffie-hellman-group14-sha1, which paramiko has dropped.",
        lambda scene: scene.meet(run.sshd(scene, GROUP14_SHA1), run.library_client(scene, "paramiko")),
        failed("no-common-kex-algorithm", "kexinit", EITHER),
    ),
    Case(
        "no-common-cipher-asyncssh",
        "No common cipher: asyncssh",
        "sshd offers only aes128-cbc, which asyncssh does not offer by default; asyncssh says so in a DISCONNECT.",
        lambda scene: scene.meet(run.sshd(scene, "Ciphers=aes128-cbc"), run.library_client(scene, "asyncssh")),
        failed("no-common-cipher", "kexinit", EITHER),
    ),
    Case(
        "no-common-host-key-openssh",
        "No common host key algorithm: OpenSSH",
        "sshd has only an RSA key and signs only with ssh-rsa (SHA-1), which ssh does not accept by default.",
        lambda scene: scene.meet(run.sshd(scene, "HostKeyAlgorithms=ssh-rsa", host_keys=("rsa",)), run.ssh(scene)),
        failed("no-common-host-key-algorithm", "kexinit", EITHER),
    ),
    Case(
        "no-common-cipher-openssh",
        "No common cipher: OpenSSH",
        "sshd offers only aes128-cbc, which ssh does not offer by default.",
        lambda scene: scene.meet(run.sshd(scene, "Ciphers=aes128-cbc"), run.ssh(scene)),
        failed("no-common-cipher", "kexinit", EITHER),
    ),
    Case(
        "no-common-mac-openssh",
        "No common MAC: OpenSSH",
        "sshd offers only hmac-md5; ssh offers only CTR ciphers, with which a MAC is needed.",
        lambda scene: scene.meet(run.sshd(scene, "MACs=hmac-md5"), run.ssh(scene, "Ciphers=aes128-ctr,aes256-ctr")),
        failed("no-common-mac", "kexinit", EITHER),
    ),
    Case(
        "no-common-kex-and-cipher-openssh",
        "Neither a common key exchange algorithm nor a common cipher: OpenSSH",
        "sshd offers only diffie-hellman-group14-sha1 and aes128-cbc. Both sides name only the first.",
        lambda scene: scene.meet(run.sshd(scene, GROUP14_SHA1, "Ciphers=aes128-cbc"), run.ssh(scene)),
        failed("no-common-kex-algorithm", "kexinit", EITHER, CLOSED, "no-common-cipher"),
    ),
    Case(
        "no-common-kex-dropbear-server",
        "No common key exchange algorithm: OpenSSH to a Dropbear server",
        "ssh is told to use only diffie-hellman-group16-sha512, which this dropbear does not offer.",
        lambda scene: scene.meet(run.dropbear(scene), run.ssh(scene, "KexAlgorithms=diffie-hellman-group16-sha512")),
        failed("no-common-kex-algorithm", "kexinit", EITHER),
    ),
)

HOST_KEYS = (
    Case(
        "host-key-changed-openssh",
        "The server's host key is not the one in known_hosts: OpenSSH",
        "ssh knows another ed25519 key for this address and is told to check strictly.",
        lambda scene: scene.meet(run.sshd(scene), run.ssh(scene, "StrictHostKeyChecking=yes", known="former_hosts")),
        failed("host-key-not-accepted", "newkeys", CLIENT),
    ),
    Case(
        "host-key-refused-by-user-openssh",
        "A user answers no when asked about the host key: OpenSSH",
        "ssh knows no key for this address and asks; two seconds later the answer `no` is typed.",
        lambda scene: scene.meet(run.sshd(scene), run.ssh(scene, known="no_hosts", batch=False, answer="no")),
        failed("host-key-not-accepted", "newkeys", CLIENT),
    ),
    Case(
        "host-key-unknown-batch-openssh",
        "An unknown host key, and nobody to ask: OpenSSH",
        "ssh knows no key for this address and runs with BatchMode=yes.",
        lambda scene: scene.meet(run.sshd(scene), run.ssh(scene, known="no_hosts")),
        failed("host-key-not-accepted", "newkeys", CLIENT),
    ),
    Case(
        "host-key-rejected-plink",
        "An unknown host key, and nobody to ask: PuTTY's plink",
        "plink has no key of this server in its cache and runs with -batch.",
        lambda scene: scene.meet(run.sshd(scene), run.plink(scene, trusting=False)),
        failed("host-key-not-accepted", "newkeys", CLIENT),
    ),
    Case(
        "host-key-rejected-dbclient",
        "The server's host key is not the one in known_hosts: Dropbear's client",
        "dbclient knows another ed25519 key for this address.",
        lambda scene: scene.meet(run.sshd(scene), run.dbclient(scene, known="former_hosts")),
        failed("host-key-not-accepted", "newkeys", CLIENT),
    ),
    Case(
        "host-key-rejected-asyncssh",
        "The server's host key is not the one in known_hosts: asyncssh",
        "asyncssh knows another ed25519 key for this address, and says so in a DISCONNECT; either side may send the "
        "first FIN after it.",
        lambda scene: scene.meet(run.sshd(scene), run.library_client(scene, "asyncssh", known="former_hosts")),
        failed("host-key-not-accepted", "newkeys", EITHER),
    ),
    Case(
        "host-key-rejected-paramiko",
        "An unknown host key: paramiko",
        "paramiko knows no key for this address and rejects it, but only after both sides switched to encryption: "
        "the capture cannot tell this for certain from a client that had nothing more to do.",
        lambda scene: scene.meet(run.sshd(scene), run.library_client(scene, "paramiko", known="no_hosts")),
        ended("encrypted", "encrypted", CLIENT, CLOSED, "host-key-rejected-after-newkeys"),
    ),
)

CONNECTIONS = (
    Case(
        "port-closed",
        "Nothing listens on the port",
        "No server runs; the server's kernel answers the SYN with a RST.",
        lambda scene: scene.meet(None, run.ssh(scene)),
        ended("refused", "tcp", SERVER, ["rst", "never_opened"], "connection-refused"),
    ),
    Case(
        "syn-dropped",
        "A firewall drops the SYN",
        "The router drops what goes to port 22; ssh gives up after eight seconds.",
        syn_dropped,
        ended("failed", "tcp", ["network", "client", "unknown"], ["never_opened", "silence"], "no-answer-to-syn"),
    ),
    Case(
        "icmp-rejected",
        "A firewall rejects the SYN with ICMP",
        "The router answers each SYN with ICMP (administratively prohibited); ssh gives up after the second.",
        icmp_rejected,
        ended("refused", "tcp", NETWORK, ["icmp"], "connection-refused"),
    ),
    Case(
        "http-server",
        "A web server where an SSH server was expected",
        "Python's http.server listens on port 22; ssh sends its identification string and gets an error page.",
        lambda scene: scene.meet(run.http_server(scene), run.ssh(scene)),
        ended("not_ssh", "identification", SERVER, CLOSED, "http-server"),
    ),
    Case(
        "http-client-to-sshd",
        "An HTTP request to an SSH server",
        "A client sends an HTTP request to sshd, which says that this is no identification string, and closes.",
        lambda scene: scene.meet(
            run.sshd(scene), run.raw_client(r"GET / HTTP/1.1\r\nHost: 203.0.113.7:22\r\nAccept: */*\r\n\r\n", "read")
        ),
        ended("not_ssh", "identification", SERVER, CLOSED, "http-client"),
    ),
    Case(
        "accept-and-close",
        "A server that accepts and closes at once",
        "A listener accepts the connection and closes it without a word.",
        lambda scene: scene.meet(run.raw_server("close"), run.ssh(scene)),
        failed("server-closed-before-identification", "identification", SERVER),
    ),
    Case(
        "accept-and-silent",
        "A server that accepts and stays silent",
        "A listener accepts the connection and says nothing; ssh gives up after six seconds.",
        lambda scene: scene.meet(run.raw_server("silent"), run.ssh(scene, "ConnectTimeout=6")),
        failed("server-silent", "identification", CLIENT, FIN),
    ),
    Case(
        "client-connect-and-close",
        "A client that connects and closes at once",
        "A client, such as a health check, connects to sshd and closes without a word.",
        lambda scene: scene.meet(run.sshd(scene), run.raw_client("", "close")),
        failed("health-check-or-scan", "identification", CLIENT),
    ),
    Case(
        "max-startups",
        "Too many unauthenticated connections",
        "sshd allows one unauthenticated connection (MaxStartups=1:100:1). A first client holds it, then ssh comes.",
        lambda scene: scene.meet(
            run.sshd(scene, "MaxStartups=1:100:1"), run.ssh(scene), first=run.raw_client("", "hold", "3")
        ),
        ended("refused", "identification", SERVER, CLOSED, "max-startups", sessions=2),
    ),
    Case(
        "server-disconnects",
        "A server that says why it ends the connection",
        "An asyncssh server sends DISCONNECT 12, too many connections, when the client has sent its identification.",
        lambda scene: scene.meet(run.full_asyncssh_server(scene), run.raw_client(r"SSH-2.0-lab\r\n", "read")),
        failed("disconnect-message", "kexinit", SERVER),
    ),
    Case(
        "login-grace-time",
        "The server's patience ends before the login",
        "sshd waits ten seconds for a login (LoginGraceTime=10); a client sends its identification string and no more.",
        lambda scene: scene.meet(run.sshd(scene, "LoginGraceTime=10"), run.raw_client(r"SSH-2.0-lab\r\n", "read")),
        failed("login-grace-time", "kexinit", SERVER, FIN),
    ),
    Case(
        "login-grace-time-default",
        "The server's patience ends before the login, with sshd's default of two minutes",
        "sshd waits 120 seconds for a login; a client sends its identification string and no more.",
        lambda scene: scene.meet(run.sshd(scene), run.raw_client(r"SSH-2.0-lab\r\n", "read")),
        failed("login-grace-time", "kexinit", SERVER, FIN),
        slow=True,
    ),
    Case(
        "protocol-version-mismatch",
        "A client that speaks only SSH 1.5",
        "A client announces SSH-1.5 to sshd, which says that the major versions differ, and closes.",
        lambda scene: scene.meet(run.sshd(scene), run.raw_client(r"SSH-1.5-test\n", "read")),
        failed("ssh1-only-client", "identification", SERVER),
    ),
    Case(
        "capture-cut-mid-handshake",
        "A capture that ends in the middle of the handshake",
        "The connection of ok-openssh, but tcpdump stops after eleven packets.",
        lambda scene: scene.meet(run.sshd(scene), run.ssh(scene), packets=11),
        ended("incomplete", "kexinit", ["unknown"], ["capture_end"], "incomplete-capture"),
    ),
    Case(
        "file-cut-mid-record",
        "A capture file that was cut in the middle of a record",
        "The connection of ok-openssh, but the file was cut after half of its eleventh record.",
        file_cut,
        ended("incomplete", "kexinit", ["unknown"], ["capture_end"], "incomplete-capture"),
    ),
)


# --- behind the handshake --------------------------------------------------------------------------------------------

PASSWORD = "correct horse"
PAM = ("UsePAM=yes", "PasswordAuthentication=yes", "KbdInteractiveAuthentication=no")
KEYS_ONLY = "KbdInteractiveAuthentication=no"


def login(finding: str | None, by: list[str] = CLIENT, how: list[str] = CLOSED) -> Expect:
    """A completed handshake, and what there is to say of what came behind it."""
    return ended("encrypted", "encrypted", by, how, finding)


def with_password(scene: Scene) -> None:
    """Gives the user a password."""
    asked = ("openssl", "passwd", "-6", "-salt", "sshlab", PASSWORD)
    crypted = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    (scene.home / "shadow").write_text(f"{USER}:{crypted}:19000:0:99999:7:::\n")


def password_login(password: str, *client: str, server: tuple[str, ...] = (), **how: int) -> Callable[[Scene], None]:
    """The user logs in with a password, right or wrong, and PAM decides."""

    def story(scene: Scene) -> None:
        with_password(scene)
        scene.meet(run.sshd(scene, *server, *PAM), run.ssh_with_password(scene, *client, password=password, **how))

    return story


def then(seconds: float, act: Callable[[], None], meeting: Callable[[], None]) -> None:
    """A meeting, during which something happens some seconds after its beginning."""
    timer = threading.Timer(seconds, act)
    timer.start()
    try:
        meeting()
    finally:
        timer.cancel()
        timer.join()


def dropped_in_session(scene: Scene) -> None:
    """A firewall between the two forgets the connection, and drops what belongs to it."""
    client = run.ssh_staying(scene, "sleep 60", "ServerAliveInterval=1", "ServerAliveCountMax=6")
    cut = lambda: scene.network.forbid("tcp dport 22 drop")  # noqa: E731
    then(3.0, cut, lambda: scene.meet(run.sshd(scene), client))


def idle_behind_a_proxy(scene: Scene) -> None:
    """HAProxy closes what is idle for six seconds."""
    options = "timeout client 6s\ntimeout server 6s"
    server = run.haproxy(scene, run.sshd_on(scene, 2201), "127.0.0.1:2201", options=options)
    scene.meet(server, run.ssh_staying(scene, "echo working; sleep 20"))


def rejected_with_reset(scene: Scene) -> None:
    """The server's own firewall begins to answer for it."""

    def reject() -> None:
        for words in (
            "add table inet ban",
            "add chain inet ban input { type filter hook input priority 0; }",
            "add rule inet ban input tcp dport 22 reject with tcp reset",
        ):
            scene.network.run("server", ["nft", words])

    client = run.ssh_staying(scene, "sleep 60", "ServerAliveInterval=4")
    then(2.5, reject, lambda: scene.meet(run.sshd(scene), client))


def slow_names(scene: Scene) -> None:
    """The server asks a resolver that never answers for the client's name."""
    (scene.home / "resolv.conf").write_text(f"nameserver {CLIENT_ADDRESS}\noptions timeout:3 attempts:2\n")
    scene.network.forbid("udp dport 53 drop")
    server = run.sshd(scene, "UseDNS=yes")
    mounted = f'mount --bind {scene.home}/resolv.conf /etc/resolv.conf && exec "$@"'
    scene.meet(Program(("sh", "-c", mounted, "sh", *server.argv), server.version), run.ssh(scene))


LOGINS = (
    Case(
        "ok-password",
        "A successful login with a password",
        "ssh logs in to sshd, which asks PAM, with the right password, and runs `true`.",
        password_login(PASSWORD),
        done(),
    ),
    Case(
        "ok-aes-gcm",
        "A successful connection with AES-GCM, where the lengths of packets stay readable",
        "ssh logs in to sshd with a key and AES-GCM and runs `true`.",
        lambda scene: scene.meet(run.sshd(scene), run.ssh(scene, "Ciphers=aes256-gcm@openssh.com")),
        done(),
    ),
    Case(
        "wrong-password",
        "Three wrong passwords",
        "ssh is given a wrong password three times; sshd asks PAM, which takes its time.",
        password_login("battery staple"),
        login("authentication-failed"),
    ),
    Case(
        "wrong-password-aes-gcm",
        "A wrong password with AES-GCM, where the lengths of packets stay readable",
        "ssh is given a wrong password once; sshd asks PAM, which takes its time.",
        password_login("battery staple", "Ciphers=aes256-gcm@openssh.com", "NumberOfPasswordPrompts=1"),
        login("authentication-failed"),
    ),
    Case(
        "wrong-password-without-pam",
        "Three wrong passwords, and a server without PAM",
        "ssh is given a wrong password three times; sshd refuses it at once, so that it looks like a key.",
        password_login("battery staple", server=("UsePAM=no",)),
        login("no-usable-public-key"),
    ),
    Case(
        "too-many-keys",
        "An agent with too many keys",
        "sshd allows three attempts (MaxAuthTries=3); ssh offers six keys that it does not know.",
        lambda scene: scene.meet(run.sshd(scene, "MaxAuthTries=3"), run.ssh_with_keys(scene, 6)),
        login("too-many-authentication-failures", EITHER),
    ),
    Case(
        "unknown-keys",
        "Two keys that the server does not know",
        "sshd takes only keys; ssh offers two that it does not know, and has nothing else.",
        lambda scene: scene.meet(run.sshd(scene, KEYS_ONLY), run.ssh_with_keys(scene, 2)),
        login("no-usable-public-key"),
    ),
    Case(
        "no-method-left",
        "A client that may not use what the server takes",
        "sshd takes keys and passwords; ssh may use neither (batch mode, no keys) and leaves.",
        lambda scene: scene.meet(
            run.sshd(scene, "PasswordAuthentication=yes"), run.ssh(scene, "PubkeyAuthentication=no")
        ),
        login("closed-during-login"),
    ),
    Case(
        "second-factor-missing",
        "A key is not enough",
        "sshd demands a key and then a password (AuthenticationMethods); ssh has the key and may not ask.",
        lambda scene: scene.meet(
            run.sshd(scene, "AuthenticationMethods=publickey,password", "PasswordAuthentication=yes"), run.ssh(scene)
        ),
        login("second-factor-missing"),
    ),
    Case(
        "login-grace-time-at-prompt",
        "The server's patience ends at the password prompt",
        "sshd waits five seconds for a login (LoginGraceTime=5); nobody types the password for twelve.",
        password_login(PASSWORD, server=("LoginGraceTime=5",), pause=12),
        login("login-grace-time-at-prompt", SERVER, FIN),
    ),
    Case(
        "aborted-at-prompt",
        "Somebody breaks off at the password prompt",
        "ssh waits for a password and is interrupted after four seconds.",
        password_login(PASSWORD, pause=20, at_most=4),
        login("login-aborted-by-user"),
    ),
    Case(
        "force-command-false",
        "A login that succeeds, and a command that fails at once",
        "sshd runs `false` whatever is asked for (ForceCommand); nothing tells it from a short command that did well.",
        lambda scene: scene.meet(run.sshd(scene, "ForceCommand=/bin/false"), run.ssh(scene)),
        done(),
    ),
    Case(
        "chroot-not-owned-by-root",
        "A login that succeeds, and a server that then fails",
        "sshd is to lock the user into a directory that belongs to the user (ChrootDirectory), which it refuses.",
        lambda scene: scene.meet(run.sshd(scene, f"ChrootDirectory={scene.home}/user"), run.ssh(scene)),
        login("session-ended-at-once", SERVER),
    ),
    Case(
        "no-more-sessions",
        "A login that succeeds, and a session that is refused",
        "sshd allows no session in a connection (MaxSessions=0).",
        lambda scene: scene.meet(run.sshd(scene, "MaxSessions=0"), run.ssh(scene)),
        login("session-ended-at-once"),
    ),
    Case(
        "client-alive-timeout",
        "A client that is stopped in a session",
        "sshd asks every second whether the client is there (ClientAliveInterval=1, ClientAliveCountMax=3); the"
        " client's program is stopped.",
        lambda scene: scene.meet(
            run.sshd(scene, "ClientAliveInterval=1", "ClientAliveCountMax=3"),
            run.ssh_staying(scene, "sleep 60", script='"$@" & sleep 2; kill -STOP $!; sleep 7; kill -KILL $!'),
        ),
        login("client-alive-timeout", SERVER, FIN),
    ),
    Case(
        "server-alive-timeout",
        "A server that is stopped in a session",
        "ssh asks every second whether the server is there (ServerAliveInterval=1, ServerAliveCountMax=3); the user's"
        " command stops sshd's process of this very session (kill -STOP).",
        lambda scene: scene.meet(
            run.sshd(scene),
            run.ssh_staying(
                scene,
                "echo working; sleep 2; kill -STOP $PPID; sleep 20",
                "ServerAliveInterval=1",
                "ServerAliveCountMax=3",
            ),
        ),
        login("server-alive-timeout", CLIENT, FIN),
    ),
    Case(
        "session-killed",
        "A session whose process is ended",
        "The user runs a command that ends sshd's process of this very session (kill), as a shutdown does.",
        lambda scene: scene.meet(run.sshd(scene), run.ssh_staying(scene, "echo working; sleep 1; kill $PPID; sleep 5")),
        login("session-ended-by-server", SERVER, FIN),
    ),
    Case(
        "session-killed-with-a-reset",
        "A session whose process no longer reads and is ended",
        "The command stops sshd's process of this session, and 1.5 s later ends it (kill -STOP, kill -KILL). The line"
        " that the client sent meanwhile was never read, so the kernel closes with RST.",
        lambda scene: scene.meet(
            run.sshd(scene),
            run.ssh_staying(
                scene,
                "cat >/dev/null & sleep 1; kill -STOP $PPID; sleep 1.5; kill -KILL $PPID",
                script='(sleep 2; echo a line; sleep 5) | "$@"',
            ),
        ),
        login("session-ended-by-server", SERVER, RST),
    ),
    Case(
        "proxy-idle-timeout",
        "A proxy that ends an idle session",
        "HAProxy passes the connection on to sshd; the session sends nothing for six seconds (timeout client 6s), and"
        " HAProxy closes it.",
        idle_behind_a_proxy,
        login("session-ended-by-server", SERVER, FIN),
    ),
    Case(
        "firewall-drops-session",
        "A firewall that drops an open connection",
        "Three seconds after the login the router begins to drop what the client sends; the client asks six times"
        " (ServerAliveInterval=1) and leaves.",
        dropped_in_session,
        login("peer-vanished", ["unknown", "client"], ["capture_end", "silence", "fin", "rst"]),
    ),
    Case(
        "firewall-resets-session",
        "A firewall that answers an open connection with a reset",
        "The server's firewall begins to reject the port with RST while a session is open; the client's next packet is"
        " answered so.",
        rejected_with_reset,
        login("connection-unknown-to-peer", SERVER, RST),
    ),
    Case(
        "slow-names",
        "A server that looks up the client's name in vain",
        "sshd looks up names (UseDNS=yes), and its resolver does not answer; then the login succeeds.",
        slow_names,
        login("slow-authentication", CLIENT, FIN),
    ),
)


PATHS = (
    Case(
        "path-mtu-black-hole",
        "Large packets vanish on the way to the server",
        "The router drops what is longer than 900 octets on its way to the server, and sends no ICMP. ssh's proposal "
        "does not arrive; it gives up when its keep-alives are not answered; its FIN waits behind the proposal.",
        large_dropped,
        ended("stalled", "kexinit", ["unknown"], OPEN, "path-mtu-black-hole"),
    ),
    Case(
        "path-mtu-clamped",
        "Large packets vanish on the way, but the router makes both sides send small ones",
        "As path-mtu-black-hole, and the remedy: the router sets the MSS in both SYNs to 800. The login succeeds.",
        large_dropped_clamped,
        done(),
    ),
    Case(
        "path-mtu-probing",
        "Large packets vanish on the way, but the client's kernel finds out",
        "As path-mtu-black-hole, and the other remedy: net.ipv4.tcp_mtu_probing=1 on the client. The login succeeds "
        "after some seconds.",
        large_dropped_probing,
        {**done(), "also": ["path-mtu-black-hole"]},
    ),
    Case(
        "identification-dropped",
        "A firewall that drops the identification string",
        "The router drops what begins with SSH- on its way to the client; all else passes. ssh gives up after 8 s.",
        greeting_dropped,
        ended("failed", "identification", CLIENT, CLOSED, "identification-dropped"),
    ),
    Case(
        "dropped-midflow",
        "A firewall begins to drop one direction",
        "From its fifth packet on the router drops what the client sends, while the server's packets pass.",
        client_dropped,
        ended("stalled", "kexinit", ["unknown"], OPEN, "dropped-midflow"),
    ),
    Case(
        "dropped-both-ways",
        "Everything vanishes in the middle of a session",
        "After the client's 25th packet the router drops both directions. ssh waits for `sleep 20`, gets no answer to "
        "its keep-alives, and gives up without a packet that would arrive.",
        both_dropped,
        ended("encrypted", "encrypted", ["unknown"], OPEN, "peer-vanished"),
    ),
    Case(
        "banned-with-icmp",
        "A ban with ICMP comes while the session is open",
        "After the client's 25th packet the server's own firewall rejects what comes with ICMP port unreachable, as "
        "fail2ban does by default.",
        banned_with_icmp,
        ended("encrypted", "encrypted", ["unknown"], OPEN, "rejected-midflow"),
    ),
    Case(
        "third-packet-dropped",
        "A firewall that lets only the SYN pass",
        "The router drops every packet to port 22 that is no SYN. The connection seems open to ssh, which gives up "
        "after eight seconds.",
        third_packet_dropped,
        ended("stalled", "identification", ["unknown"], OPEN, "handshake-not-completed"),
    ),
    Case(
        "reset-injected",
        "A box on the path cuts the connection with a forged RST",
        "When the server's proposal passes, a program on the router sends the client a RST in the server's name, with "
        "TTL 128.",
        reset_by_the_router,
        failed("reset-injected", "kexinit", NETWORK, RST),
    ),
    Case(
        "rejected-with-a-reset",
        "The server's own firewall rejects the client's proposal with a TCP reset",
        "From the client's sixth packet on, nftables on the server's host rejects what comes with a TCP reset, "
        "which goes to the client only: sshd's connection goes on until the client's host resets it.",
        rejected_with_a_reset,
        failed("reset-injected", "kexinit", ["unknown", "server"], RST),
    ),
    Case(
        "server-replaced",
        "Another host takes over the server's address",
        "The login succeeded and `sleep 20` runs. Another host gets the server's address; it answers ssh's next "
        "keep-alive with RST.",
        server_replaced,
        ended("encrypted", "encrypted", SERVER, RST, "connection-unknown-to-peer"),
    ),
    Case(
        "captured-with-offload",
        "A capture in a host that leaves checksums to its card",
        "ssh logs in to sshd and runs `true`; the client's interface has its offloads on, so that tcpdump sees frames "
        "before the card has finished them.",
        offloaded,
        done(),
    ),
    Case(
        "half-open-scan",
        "A port scan that does not come in",
        "A scanner sends one SYN past its own kernel, which answers the SYN-ACK with RST.",
        lambda scene: scene.meet(run.sshd(scene), run.half_open()),
        ended("failed", "tcp", CLIENT, RST, "half-open-scan"),
    ),
    Case(
        "half-closed",
        "A client that closes its own direction only",
        "A client sends its identification string, closes its sending direction, and reads what the server still says.",
        lambda scene: scene.meet(run.sshd(scene), run.raw_client(r"SSH-2.0-lab\r\n", "half")),
        failed("half-closed", "kexinit", CLIENT, FIN),
    ),
    Case(
        "slow-answer-of-the-user",
        "A user takes his time to accept the host key",
        "ssh knows no key for this address and asks; two seconds later the answer is `yes`, and the login succeeds.",
        lambda scene: scene.meet(run.sshd(scene), run.ssh(scene, known="no_hosts", batch=False, answer="yes")),
        {**done(), "also": ["slow-handshake"]},
    ),
)

KEY_EXCHANGES = tuple(
    Case(
        f"kex-{name}",
        f"A key exchange of its own kind: {method}",
        f"An asyncssh server offers only {method}; {client} logs in and runs `true`.",
        lambda scene, client=client, method=method: scene.meet(  # type: ignore[misc]
            run.asyncssh_server(scene, method),
            run.plink(scene) if client == "plink" else run.library_client(scene, client),
        ),
        ended("encrypted", "encrypted", EITHER, CLOSED, None),
    )
    for name, client, method in (
        ("rsa2048-plink", "plink", "rsa2048-sha256"),
        ("curve448-plink", "plink", "curve448-sha512"),
        ("group-exchange-plink", "plink", "diffie-hellman-group-exchange-sha256"),
        ("group15-plink", "plink", "diffie-hellman-group15-sha512"),
        ("mlkem1024nistp384-asyncssh", "asyncssh", "mlkem1024nistp384-sha384"),
    )
)

CASES = (
    *SUCCESSES,
    *NEGOTIATIONS,
    *HOST_KEYS,
    *CONNECTIONS,
    *PATHS,
    *LOGINS,
    *before_newkeys.CASES,
    *KEY_EXCHANGES,
    *rare.CASES,
)
