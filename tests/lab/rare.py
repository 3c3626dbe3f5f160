"""Owns the stories that need more than a server and a client: known host keys, somebody in the middle, old protocols.

Like `cases.py`, `expect` is written by hand from what was done and from what the programs said.
"""

import json
import sys

from tests.lab import programs as run
from tests.lab.before_newkeys import certified, keygen
from tests.lab.case import CLIENT, CLOSED, EITHER, SERVER, Case, done, ended, failed
from tests.lab.home import USER
from tests.lab.network import SERVER as SERVER_ADDRESS
from tests.lab.network import stop
from tests.lab.scene import PEERS, PORT, Program, Scene

_OWN_PORT = 40022
_MIDDLE_PORT = 2222
_STRICT = "StrictHostKeyChecking=yes"


# --- files of known host keys: kept beside the capture, and given to the analysis ------------------------------------


def knowing(scene: Scene, name: str, text: str) -> str:
    """Writes a file of known host keys into the scene; its name."""
    (scene.home / name).write_text(text)
    return name


def public(scene: Scene, key: str) -> str:
    """Type and blob of a public key."""
    return " ".join((scene.home / f"{key}.pub").read_text().split()[:2])


def strictly(scene: Scene, known: str, server: Program | None = None) -> None:
    """ssh checks strictly against this file."""
    scene.known = scene.home / known
    scene.meet(server or run.sshd(scene, host_keys=("ed25519",)), run.ssh(scene, _STRICT, known=known))


def revoked(scene: Scene) -> None:
    """The line of the server's key is marked."""
    strictly(scene, knowing(scene, "revoked", f"@revoked * {public(scene, 'ssh_host_ed25519_key')}\n"))


def other_server(scene: Scene) -> None:
    """The file is about another address."""
    strictly(scene, knowing(scene, "others", f"203.0.113.99 {public(scene, 'former_ed25519_key')}\n"))


def expired(scene: Scene) -> None:
    """A certificate of last month."""
    server = certified(scene, "-4w:-1w")
    strictly(scene, "authorities", server)


def other_name(scene: Scene) -> None:
    """A certificate that is valid, but for another host."""
    certified(scene, "-1d:+520w")
    words = ("-h", "-I", "lab", "-n", "other.example.org", "-V", "-1d:+520w")
    keygen(scene, "-q", "-s", f"{scene.home}/authority", *words, f"{scene.home}/ssh_host_ed25519_key.pub")
    certificate = f"HostCertificate={scene.home}/ssh_host_ed25519_key-cert.pub"
    trusted = knowing(scene, "authority_of_one", f"@cert-authority {SERVER_ADDRESS} {public(scene, 'authority')}\n")
    strictly(scene, trusted, run.sshd(scene, certificate, host_keys=("ed25519",)))


KNOWN = (
    Case(
        "known-host-key-changed",
        "The file of known host keys has another key",
        "ssh checks strictly against a file with another ed25519 key for the server's address. The file is kept.",
        lambda scene: strictly(scene, "former_hosts"),
        failed("host-key-changed", "newkeys", CLIENT),
    ),
    Case(
        "known-host-key-unknown",
        "The file of known host keys does not have the server",
        "ssh checks strictly against a file that has another server's key only. The file is kept.",
        other_server,
        failed("host-key-unknown", "newkeys", CLIENT),
    ),
    Case(
        "known-host-key-revoked",
        "The file of known host keys marks the server's key as revoked",
        "ssh checks strictly against a file with a line @revoked for the server's key. The file is kept.",
        revoked,
        failed("host-key-revoked", "newkeys", CLIENT),
    ),
    Case(
        "known-authority-certificate-expired",
        "A host certificate that has expired, of an authority that is known",
        "sshd shows a certificate that ended a week ago; ssh trusts its authority. The file is kept.",
        expired,
        failed("certificate-expired", "newkeys", CLIENT),
    ),
    Case(
        "known-authority-certificate-for-another-name",
        "A host certificate for another name, of an authority that is known",
        "sshd shows a certificate for other.example.org; ssh trusts its authority for the address that it was "
        "given. The file is kept.",
        other_name,
        failed("certificate-for-another-name", "newkeys", CLIENT),
    ),
)


# --- somebody in the middle ------------------------------------------------------------------------------------------


def old_ssh(scene: Scene) -> Program:
    """The client of OpenSSH 7.5, which knows no strict key exchange, speaking SSH-2."""
    options = (
        f"UserKnownHostsFile={scene.home}/known_hosts",
        "GlobalKnownHostsFile=/dev/null",
        f"IdentityFile={scene.home}/user_key",
        "IdentitiesOnly=yes",
        "BatchMode=yes",
    )
    words = [word for line in options for word in ("-o", line)]
    argv = ("ssh1", "-2", "-vvv", "-F", "/dev/null", *words, f"{USER}@{SERVER_ADDRESS}", "true")
    return Program(argv, run.ssh1().version)


def in_the_middle(scene: Scene, what: str, client: Program) -> None:
    """On the router somebody takes the client's connections and changes what comes back."""
    network = scene.network
    network.run("router", ["nft", "add chain inet lab taken { type nat hook prerouting priority dstnat; }"])
    network.run("router", ["nft", f"add rule inet lab taken tcp dport {PORT} redirect to :{_MIDDLE_PORT}"])
    words = (str(_MIDDLE_PORT), SERVER_ADDRESS, str(PORT), what)
    process = network.popen("router", (sys.executable, "-u", str(PEERS / "man_in_the_middle.py"), *words))
    try:
        scene.meet(run.sshd(scene), client, meanwhile=lambda: network.settle(process, _MIDDLE_PORT))
    finally:
        stop(process)


MIDDLE = (
    Case(
        "strict-kex-violation",
        "Somebody in the middle inserts a message, and both sides are strict",
        "A program on the router takes the connection and sends the client SSH_MSG_IGNORE before the server's "
        "SSH_MSG_NEWKEYS. ssh has announced strict key exchange, as sshd has, and leaves; it has switched to "
        "encryption already, so that what it says to that is encrypted.",
        lambda scene: in_the_middle(scene, "late", run.ssh(scene)),
        ended("encrypted", "encrypted", CLIENT, CLOSED, "strict-kex-violation"),
    ),
    Case(
        "strict-kex-violation-at-the-start",
        "Somebody in the middle inserts a message before the proposal, and both sides are strict",
        "As strict-kex-violation, but the message stands before the server's SSH_MSG_KEXINIT.",
        lambda scene: in_the_middle(scene, "early", run.ssh(scene)),
        failed("strict-kex-violation", "kexinit", CLIENT),
    ),
    Case(
        "terrapin-attack",
        "Somebody in the middle inserts a message, and cuts off one",
        "The client of OpenSSH 7.5 knows no strict key exchange. A program on the router inserts SSH_MSG_IGNORE before "
        "the server's SSH_MSG_NEWKEYS and cuts off the server's first encrypted message. Neither side notices.",
        lambda scene: in_the_middle(scene, "terrapin", old_ssh(scene)),
        {**done(), "also": ["inserted-message", "terrapin-exposed"]},
    ),
    Case(
        "terrapin-exposed",
        "An old client that does not know strict key exchange",
        "The client of OpenSSH 7.5 logs in to sshd and runs `true`; they agree on chacha20-poly1305. Nobody attacks.",
        lambda scene: scene.meet(run.sshd(scene), old_ssh(scene)),
        {**done(), "also": ["terrapin-exposed"]},
    ),
)


# --- programs that are rare ------------------------------------------------------------------------------------------


def compressing_client(method: str) -> Program:
    """An asyncssh client that demands compression."""
    words = ("asyncssh", SERVER_ADDRESS, str(PORT), json.dumps({"compression_algs": [method]}))
    return run.python("chosen_client.py", *words, module="asyncssh")


def killed_in_key_exchange(scene: Scene) -> None:
    """The server's process is killed while the client waits for its part of the key exchange."""
    server = run.paramiko_server(scene, "curve25519-sha256@libssh.org", "stuck")
    program = Program(("timeout", "-s", "KILL", "3", *server.argv), server.version)
    scene.meet(program, run.ssh(scene))


def missigning_server(scene: Scene) -> Program:
    """See `peers/missigning_server.py`."""
    return run.python("missigning_server.py", str(PORT), f"{scene.home}/ssh_host_rsa_key", module="paramiko")


def old_protocol(scene: Scene) -> None:
    """Debian's ssh1 and a server that speaks SSH-1."""
    options = (f"UserKnownHostsFile={scene.home}/user/none", "StrictHostKeyChecking=no", "BatchMode=yes")
    words = [word for line in options for word in ("-o", line)]
    argv = ("ssh1", "-1", "-F", "/dev/null", *words, f"{USER}@{SERVER_ADDRESS}", "true")
    scene.meet(run.python("ssh1_server.py", str(PORT)), Program(argv, run.ssh1().version))


def same_port(scene: Scene) -> None:
    """A client loses its first connection, of which the server is not told, and comes again from the same port."""
    # The quota lets the first RST be dropped, and no other.
    scene.network.forbid(f"tcp dport {PORT} tcp flags & rst == rst quota until 60 bytes drop")
    place = (SERVER_ADDRESS, str(PORT), str(_OWN_PORT))
    leave = run.python("from_port.py", *place, "leave")
    relay = run.python("from_port.py", *place, "relay")
    plain = run.ssh(scene, f"ProxyCommand={' '.join(relay.argv)}")
    script = f'{" ".join(leave.argv)}; exec "$@"'
    scene.meet(run.sshd(scene), Program(("sh", "-c", script, "sh", *plain.argv), plain.version))


def stopped_reader(scene: Scene) -> None:
    """The client's program is stopped, as with Ctrl-Z, before the server sends more than its host can keep."""
    scene.network.run("client", ["sysctl", "-qw", "net.ipv4.tcp_rmem=4096 8192 8192"])
    script = '"$@" >/dev/null & sleep 1.5; kill -STOP $!; sleep 7; kill -CONT $!; wait $!'
    command = "sleep 2.5; head -c 60000 /dev/zero"
    scene.meet(run.sshd(scene), run.ssh_staying(scene, command, script=script))


_WEAK = ("KexAlgorithms=diffie-hellman-group14-sha1", "Ciphers=aes128-cbc", "MACs=hmac-sha1")

OTHERS = (
    Case(
        "no-common-compression",
        "A client that demands compression",
        "An asyncssh client offers only zlib@openssh.com; sshd has compression switched off.",
        lambda scene: scene.meet(run.sshd(scene, "Compression=no"), compressing_client("zlib@openssh.com")),
        failed("no-common-compression", "kexinit", EITHER),
    ),
    Case(
        "server-killed-in-key-exchange",
        "The server's process dies in the middle of the key exchange",
        "A paramiko server has taken ssh's part of the key exchange when its process is killed.",
        killed_in_key_exchange,
        failed("closed-during-handshake", "kex", SERVER),
    ),
    Case(
        "signature-of-another-algorithm",
        "A server that signs with another algorithm than was agreed on",
        "A paramiko server with an RSA key was changed to sign with rsa-sha2-256 always. It agrees on rsa-sha2-512 "
        "with ssh, which refuses the signature.",
        lambda scene: scene.meet(missigning_server(scene), run.ssh(scene)),
        failed("signature-of-another-algorithm", "newkeys", CLIENT),
    ),
    Case(
        "ssh1-in-use",
        "A server and a client that speak SSH-1",
        "OpenSSH 7.5's ssh1 -1 meets a server that shows the keys of SSH-1. It sends the session key, and gives up: "
        "the OpenSSL of today has none of SSH-1's ciphers.",
        old_protocol,
        failed("ssh1-in-use", "kex", CLIENT),
    ),
    Case(
        "port-reused",
        "A client that comes again from a port which the server still has in an older connection",
        "A client's connection ends with a RST that the router swallows. Then ssh comes from the same port: sshd's "
        "host answers with an acknowledgement of the old connection, the client's host resets that, and the SYN that "
        "is sent again succeeds.",
        same_port,
        ended("encrypted", "encrypted", CLIENT, CLOSED, "port-reused", sessions=2),
    ),
    Case(
        "receiver-stuck",
        "A client that is stopped while the server sends",
        "ssh is stopped (SIGSTOP) before the command's output comes; its window fills up. Seven seconds later it "
        "goes on.",
        stopped_reader,
        {**done(CLOSED), "also": ["receiver-stuck"]},
    ),
    Case(
        "weak-algorithms",
        "Weak algorithms, because the server has no other",
        "sshd offers only diffie-hellman-group14-sha1, aes128-cbc and hmac-sha1; ssh was told to take them.",
        lambda scene: scene.meet(run.sshd(scene, *_WEAK), run.ssh(scene, *_WEAK)),
        {**done(), "also": ["weak-algorithms"]},
    ),
)

CASES = (*KNOWN, *MIDDLE, *OTHERS)
