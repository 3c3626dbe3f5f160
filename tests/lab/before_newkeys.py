"""Owns the stories from the accepted connection to NEWKEYS: who refuses, who speaks something else, what is not liked.

Like `cases.py`, `expect` is written by hand from what was done and from what the programs said.
"""

import subprocess
from pathlib import Path

from tests.lab import programs as run
from tests.lab.case import CLIENT, CLOSED, EITHER, FIN, SERVER, Case, ended, failed
from tests.lab.home import KINDS
from tests.lab.network import SERVER as SERVER_ADDRESS
from tests.lab.scene import PORT, Program, Scene

GEX = "diffie-hellman-group-exchange-sha256"
# RFC 2409 §6.2, the second Oakley group: a safe prime of 1024 bits, as moduli(5) wants it.
_OAKLEY_2 = (
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B"
    "302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE6"
    "49286651ECE65381FFFFFFFFFFFFFFFF"
)


def small_moduli(scene: Scene) -> Path:
    """A moduli(5) file whose only group has 1024 bits."""
    path = scene.home / "moduli"
    path.write_text(f"20200101000000 2 6 100 1023 2 {_OAKLEY_2}\n")
    return path


def short_key(scene: Scene) -> Program:
    """sshd whose only host key is an RSA key of 1024 bits."""
    keygen(scene, "-q", "-t", "rsa", "-b", "1024", "-N", "", "-f", f"{scene.home}/short_key")
    scene.add_host_key("short_key")
    return run.sshd(scene, f"HostKey={scene.home}/short_key", host_keys=())


def certified(scene: Scene, validity: str, *signing: str, authority: str = "ed25519") -> Program:
    """sshd whose ed25519 key has a certificate; the client knows its authority, and no key."""
    home = scene.home
    if not (home / "authority").exists():
        keygen(scene, "-q", "-t", authority, "-N", "", "-f", f"{home}/authority")
        public = " ".join((home / "authority.pub").read_text().split()[:2])
        (home / "authorities").write_text(f"@cert-authority * {public}\n")
    names = ("-h", "-I", "lab", "-n", SERVER_ADDRESS)
    keygen(scene, "-q", *signing, "-s", f"{home}/authority", *names, "-V", validity, f"{home}/ssh_host_ed25519_key.pub")
    certificate = f"HostCertificate={home}/ssh_host_ed25519_key-cert.pub"
    return run.sshd(scene, certificate, host_keys=("ed25519",))


def keygen(scene: Scene, *words: str) -> None:
    """Runs ssh-keygen; it must succeed."""
    subprocess.run(["ssh-keygen", *words], cwd=scene.home, check=True, capture_output=True, timeout=60)


def keys_removed(scene: Scene) -> None:
    """sshd listens; then somebody removes its host keys."""

    def remove() -> None:
        for kind in KINDS:
            (scene.home / f"ssh_host_{kind}_key").unlink()

    scene.meet(run.sshd(scene), run.ssh(scene), meanwhile=remove)


def two_keys(scene: Scene) -> None:
    """HAProxy sends one connection to a server with one key, and the next to a server with another."""
    one = run.sshd_on(scene, 2201, host_keys=("ed25519",))
    scene.add_host_key("former_ed25519_key")
    former = f"HostKey={scene.home}/former_ed25519_key"
    other = run.sshd_on(scene, 2202, former, host_keys=())
    server = run.haproxy(scene, one + other, "127.0.0.1:2201", "127.0.0.1:2202")
    scene.meet(server, run.ssh(scene), first=run.ssh(scene))


def with_header(scene: Scene, option: str) -> None:
    """HAProxy puts a PROXY header in front of what it passes on to sshd."""
    server = run.haproxy(scene, run.sshd_on(scene, 2201), f"127.0.0.1:2201 {option}")
    scene.meet(server, run.ssh(scene))


def backend_down(scene: Scene) -> None:
    """HAProxy's only server does not listen."""
    scene.meet(run.haproxy(scene, "", "127.0.0.1:2201"), run.ssh(scene))


ACCEPTED = (
    Case(
        "not-allowed-at-this-time",
        'A server that says "Not allowed at this time"',
        "A listener speaks the text with which OpenSSH 9.8 and later refuses a client for now, and closes.",
        lambda scene: scene.meet(run.raw_server("end", r"Not allowed at this time\r\n"), run.ssh(scene)),
        ended("refused", "identification", SERVER, CLOSED, "not-allowed-at-this-time"),
    ),
    Case(
        "too-many-sessions",
        "A device that has no session left",
        'A listener says "Too many connections." as some appliances do, and closes.',
        lambda scene: scene.meet(run.raw_server("end", r"Too many connections.\r\n"), run.ssh(scene)),
        ended("refused", "identification", SERVER, CLOSED, "refused-before-identification"),
    ),
    Case(
        "host-keys-removed",
        "The host keys vanish while sshd runs",
        "sshd listens; its host key files are removed; then ssh comes. The process that sshd starts for the connection "
        "finds no key and exits before it has sent an octet.",
        keys_removed,
        failed("server-closed-before-identification", "identification", SERVER),
    ),
    Case(
        "haproxy-backend-down",
        "HAProxy without a backend",
        "HAProxy listens on the SSH port; its only server does not. It tries again for three seconds, then closes.",
        backend_down,
        failed("server-closed-before-identification", "identification", SERVER),
    ),
    Case(
        "smtp-server",
        "A mail server where an SSH server was expected",
        "A listener greets as SMTP servers do and calls the client's identification string an unknown command.",
        lambda scene: scene.meet(
            run.raw_server("end", r"220 mail.example.org ESMTP ready\r\n502 5.5.2 command not recognized\r\n"),
            run.ssh(scene),
        ),
        ended("not_ssh", "identification", SERVER, CLOSED, "smtp-or-ftp-server"),
    ),
    Case(
        "echo-service",
        "An echo where an SSH server was expected",
        "A listener sends back every octet that it gets, and closes when the client is silent for three seconds.",
        lambda scene: scene.meet(run.python("echo.py", str(PORT), "3"), run.ssh(scene)),
        failed("echo-service", "kex", SERVER),
    ),
    Case(
        "tls-server",
        "A TLS service where an SSH server was expected",
        "A listener answers the client's identification string with a TLS alert (protocol_version), and closes.",
        lambda scene: scene.meet(run.raw_server("end", r"\x15\x03\x03\x00\x02\x02\x46"), run.ssh(scene)),
        ended("not_ssh", "identification", EITHER, CLOSED, "tls-server"),
    ),
    Case(
        "tls-server-without-alert",
        "A TLS service that closes without a word",
        "OpenSSL's TLS server listens on port 22. It takes the client's identification string for a record of a wrong "
        "version, and closes without an alert: nothing in the capture says that TLS was expected.",
        lambda scene: scene.meet(run.tls_server(scene), run.ssh(scene)),
        failed("server-closed-before-identification", "identification", SERVER),
    ),
    Case(
        "vnc-server",
        "A remote desktop server where an SSH server was expected",
        "A listener greets as VNC servers do; ssh waits for more until its time limit.",
        lambda scene: scene.meet(run.raw_server("say", r"RFB 003.008\n"), run.ssh(scene, "ConnectTimeout=4")),
        ended("not_ssh", "identification", CLIENT, CLOSED, "not-an-ssh-server"),
    ),
    Case(
        "tarpit-endlessh",
        "A tarpit",
        "endlessh sends a line of random characters every 40 ms; dbclient gives up after fifty of them.",
        lambda scene: scene.meet(run.endlessh(40), run.dbclient(scene)),
        ended("not_ssh", "kexinit", CLIENT, CLOSED, "tarpit"),
    ),
    Case(
        "proxy-header",
        "A load balancer puts a PROXY header in front, seen at the client",
        "HAProxy passes the connection on to sshd with send-proxy. sshd does not know the header and says so in plain "
        "text, behind its identification string; ssh takes that for a packet.",
        lambda scene: with_header(scene, "send-proxy"),
        failed("proxy-header-unexpected", "kexinit", EITHER),
    ),
    Case(
        "proxy-header-at-server",
        "A PROXY header in front of the identification string, seen at the server",
        "A client sends a header of the PROXY protocol, version 1, and its identification string to sshd.",
        lambda scene: scene.meet(
            run.sshd(scene),
            run.raw_client(r"PROXY TCP4 192.0.2.1 203.0.113.7 40000 22\r\nSSH-2.0-lab\r\n", "read"),
        ),
        failed("proxy-header-unexpected", "identification", SERVER),
    ),
    Case(
        "tls-client-to-sshd",
        "A TLS client at an SSH server",
        "OpenSSL's TLS client sends a ClientHello to sshd, which says that this is no identification string.",
        lambda scene: scene.meet(run.sshd(scene), run.tls_client()),
        ended("not_ssh", "identification", EITHER, CLOSED, "tls-client"),
    ),
    Case(
        "empty-line-to-sshd",
        "A client that sends an empty line",
        "A client sends CR LF to sshd, as a person with telnet who presses Return.",
        lambda scene: scene.meet(run.sshd(scene), run.raw_client(r"\r\n", "read")),
        ended("not_ssh", "identification", SERVER, CLOSED, "not-an-ssh-client"),
    ),
    Case(
        "ssh1-client",
        "A client that is limited to SSH-1",
        "OpenSSH 7.5's ssh1 -1 waits for the server's identification string, sees that it knows no SSH-1, and leaves "
        "without a word.",
        lambda scene: scene.meet(run.sshd(scene), run.ssh1()),
        failed("health-check-or-scan", "identification", CLIENT),
    ),
)

GREETINGS = (
    Case(
        "ssh1-server",
        "A server that speaks only SSH-1",
        "A listener announces SSH-1.5, as very old devices do.",
        lambda scene: scene.meet(run.raw_server("say", r"SSH-1.5-Old\n"), run.ssh(scene)),
        failed("ssh1-only-server", "identification", CLIENT),
    ),
    Case(
        "ssh3-server",
        "A server that announces a version that does not exist",
        "A listener announces SSH-3.0.",
        lambda scene: scene.meet(run.raw_server("say", r"SSH-3.0-Next\r\n"), run.ssh(scene)),
        failed("protocol-version-mismatch", "identification", CLIENT),
    ),
    Case(
        "malformed-identification",
        "A server whose identification string has no version",
        "A listener announces SSH-abc.",
        lambda scene: scene.meet(run.raw_server("say", r"SSH-abc-foo\r\n"), run.ssh(scene)),
        failed("malformed-identification", "identification", CLIENT),
    ),
    Case(
        "identification-too-long",
        "An identification string of more than 255 octets: Dropbear's client",
        "sshd adds 300 characters to its identification string (VersionAddendum); dbclient reads what is behind its "
        "limit as a packet.",
        lambda scene: scene.meet(run.sshd(scene, f"VersionAddendum={'A' * 300}"), run.dbclient(scene)),
        failed("identification-too-long", "kexinit", CLIENT),
    ),
    Case(
        "server-sends-no-proposal",
        "A server that identifies itself and then is silent",
        "A listener announces SSH-2.0 and says no more; ssh gives up after four seconds (ServerAliveInterval).",
        lambda scene: scene.meet(
            run.raw_server("say", r"SSH-2.0-Stuck\r\n"),
            run.ssh(scene, "ServerAliveInterval=2", "ServerAliveCountMax=2"),
        ),
        failed("server-sends-no-proposal", "kexinit", CLIENT),
    ),
)

KEY_EXCHANGE = (
    Case(
        "host-certificate-expired",
        "A host certificate that has expired",
        "sshd shows a certificate that ended a week ago; ssh trusts its authority, and knows no key of the server.",
        lambda scene: scene.meet(certified(scene, "-4w:-1w"), run.ssh(scene, known="authorities")),
        failed("host-certificate-not-accepted", "newkeys", CLIENT),
    ),
    Case(
        "host-certificate-signed-with-sha-1",
        "A host certificate whose authority signed with SHA-1",
        "The authority has an RSA key and signed as ssh-keygen did before 8.2 (ssh-rsa); ssh trusts it, and does not"
        " take such a signature.",
        lambda scene: scene.meet(
            certified(scene, "+52w", "-t", "ssh-rsa", authority="rsa"), run.ssh(scene, known="authorities")
        ),
        failed("host-certificate-not-accepted", "newkeys", CLIENT),
    ),
    Case(
        "host-key-too-short",
        "An RSA host key that is shorter than the client demands",
        "sshd's only host key is an RSA key of 1024 bits; ssh demands 2048 (RequiredRSASize).",
        lambda scene: scene.meet(short_key(scene), run.ssh(scene, "RequiredRSASize=2048", known="no_hosts")),
        failed("host-key-too-short", "newkeys", CLIENT),
    ),
    Case(
        "host-key-collected",
        "ssh-keyscan",
        "ssh-keyscan asks sshd for its ed25519 key, and leaves.",
        lambda scene: scene.meet(run.sshd(scene), run.keyscan()),
        failed("host-key-collected", "newkeys", CLIENT),
    ),
    Case(
        "host-key-differs",
        "A load balancer in front of two servers with different host keys",
        "HAProxy sends the first connection to one sshd and the second to another; ssh knows the key of one.",
        two_keys,
        ended("failed", "newkeys", CLIENT, CLOSED, "host-key-differs", "host-key-not-accepted", sessions=2),
    ),
    Case(
        "server-stuck-in-key-exchange",
        "A server that does not answer the client's part of the key exchange",
        "A paramiko server takes ssh's part of the key exchange and does nothing; ssh gives up after four seconds "
        "(ServerAliveInterval).",
        lambda scene: scene.meet(
            run.paramiko_server(scene, "curve25519-sha256@libssh.org", "stuck"),
            run.ssh(scene, "ServerAliveInterval=2", "ServerAliveCountMax=2"),
        ),
        failed("stalled", "kex", CLIENT),
    ),
    Case(
        "group-out-of-range",
        "A Diffie-Hellman group that is smaller than the client asked for",
        "A paramiko server has only a group of 1024 bits; ssh asks for 2048 or more.",
        lambda scene: scene.meet(
            run.paramiko_server(scene, GEX, "late", str(small_moduli(scene))), run.ssh(scene, f"KexAlgorithms={GEX}")
        ),
        failed("group-out-of-range", "kex", CLIENT),
    ),
    Case(
        "invalid-key-exchange-value",
        "A key exchange value of 31 octets instead of 32",
        "A client sends sshd a value for curve25519-sha256 that is an octet too short; sshd closes without a word.",
        lambda scene: scene.meet(run.sshd(scene), run.raw_kex_client("value")),
        failed("invalid-key-exchange-value", "kex", SERVER, FIN),
    ),
    Case(
        "unexpected-message",
        "A login request before encryption",
        "A client sends SSH_MSG_USERAUTH_REQUEST to sshd in the clear, in the middle of the key exchange.",
        lambda scene: scene.meet(run.sshd(scene), run.raw_kex_client("login")),
        failed("unexpected-message", "kexinit", SERVER, FIN),
    ),
    Case(
        "malformed-message",
        "A proposal that ends too early",
        "A client's SSH_MSG_KEXINIT ends in the middle of its third name-list; sshd closes without a word.",
        lambda scene: scene.meet(run.sshd(scene), run.raw_kex_client("proposal")),
        failed("malformed-message", "kexinit", SERVER),
    ),
    Case(
        "bad-packet-length",
        "An HTTP request behind the identification string",
        "A client sends its identification string and then an HTTP request to sshd.",
        lambda scene: scene.meet(
            run.sshd(scene), run.raw_client(r"SSH-2.0-lab\r\nGET / HTTP/1.1\r\nHost: lab\r\n\r\n", "read")
        ),
        failed("bad-packet-length", "kexinit", SERVER),
    ),
)

CASES = (*ACCEPTED, *GREETINGS, *KEY_EXCHANGE)
