"""Owns the stories of the lab: what is done to whom, and what a reader of the capture has to find.

`expect` is written by hand from what was done and from what the programs said. Where a race decides (both sides find
the same fault; a FIN becomes a RST because a byte stayed unread), it lists every ending that is true.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import programs as run
from tests.lab.network import SERVER_IPV6
from tests.lab.scene import Scene

Expect = dict[str, Any]

CLIENT, SERVER, EITHER, NETWORK = ["client"], ["server"], ["client", "server"], ["network"]
FIN, RST, CLOSED = ["fin"], ["rst"], ["fin", "rst"]
ML_KEM = "mlkem768x25519-sha256"
GROUP14_SHA1 = "KexAlgorithms=diffie-hellman-group14-sha1"


@dataclass(frozen=True)
class Case:
    """One story."""

    name: str
    title: str
    story: str
    run: Callable[[Scene], None]
    expect: Expect
    slow: bool = False


def ended(
    outcome: str, stage: str, by: list[str], how: list[str], finding: str | None, *also: str, sessions: int = 1
) -> Expect:
    """What to find: of `sessions` connections, one that ended so; `also` are further findings on it."""
    expect = {"outcome": outcome, "stage": stage, "closed_by": by, "how": how, "finding": finding}
    return {"sessions": sessions, **expect, **({"also": list(also)} if also else {})}


def failed(finding: str, stage: str, by: list[str], how: list[str] = CLOSED, *also: str) -> Expect:
    """An SSH handshake that one side gave up."""
    return ended("failed", stage, by, how, finding, *also)


def done(how: list[str] = FIN) -> Expect:
    """Both sides switched to encryption, and the client left when it wanted to."""
    return ended("encrypted", "encrypted", CLIENT, how, None)


def icmp_rejected(scene: Scene) -> None:
    """The router answers for the server."""
    scene.network.forbid("tcp dport 22 reject with icmp type admin-prohibited")
    scene.meet(run.sshd(scene), run.ssh(scene))


def syn_dropped(scene: Scene) -> None:
    """The router swallows what goes to the port."""
    scene.network.forbid("tcp dport 22 drop")
    scene.meet(run.sshd(scene), run.ssh(scene, "ConnectTimeout=8"))


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
        failed("closed-during-handshake", "kexinit", CLIENT),
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
        "the capture cannot tell this from a client that had nothing more to do.",
        lambda scene: scene.meet(run.sshd(scene), run.library_client(scene, "paramiko", known="no_hosts")),
        done(CLOSED),
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
        ended("not_ssh", "identification", SERVER, CLOSED, "not-an-ssh-server"),
    ),
    Case(
        "http-client-to-sshd",
        "An HTTP request to an SSH server",
        "A client sends an HTTP request to sshd, which says that this is no identification string, and closes.",
        lambda scene: scene.meet(
            run.sshd(scene), run.raw_client(r"GET / HTTP/1.1\r\nHost: 203.0.113.7:22\r\nAccept: */*\r\n\r\n", "read")
        ),
        ended("not_ssh", "identification", SERVER, CLOSED, "not-an-ssh-client"),
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
        failed("stalled", "identification", CLIENT, FIN),
    ),
    Case(
        "client-connect-and-close",
        "A client that connects and closes at once",
        "A client, such as a health check, connects to sshd and closes without a word.",
        lambda scene: scene.meet(run.sshd(scene), run.raw_client("", "close")),
        failed("client-closed-before-identification", "identification", CLIENT),
    ),
    Case(
        "max-startups",
        "Too many unauthenticated connections",
        "sshd allows one unauthenticated connection (MaxStartups=1:100:1). A first client holds it, then ssh comes.",
        lambda scene: scene.meet(
            run.sshd(scene, "MaxStartups=1:100:1"), run.ssh(scene), first=run.raw_client("", "hold", "3")
        ),
        ended("refused", "identification", SERVER, CLOSED, "refused-before-identification", sessions=2),
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
        failed("protocol-version-mismatch", "identification", SERVER),
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

CASES = (*SUCCESSES, *KEY_EXCHANGES, *NEGOTIATIONS, *HOST_KEYS, *CONNECTIONS)
