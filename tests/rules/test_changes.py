"""The least change in the words of each program."""

import pytest

from sshpcap.model import Remedy
from tests.support.sessions import closed, greeted, session_of
from tests.support.sshbytes import identification, kexinit, packet, server_kexinit
from tests.support.wireflow import Flow

GROUP14 = {"kex_algorithms": "diffie-hellman-group14-sha1"}


def remedies(
    client: str = "OpenSSH_9.2p1", server: str = "OpenSSH_9.2p1", *, port: int = 22, mine: dict[str, str] | None = None,
    theirs: dict[str, str] | None = None,
) -> list[Remedy]:  # fmt: skip
    flow = greeted(Flow(ports=(40022, port)), client=identification(client), server=identification(server))
    flow.client.sends(packet(kexinit(**(mine or {}))))
    flow.server.sends(packet(server_kexinit(**(theirs or {}))))
    (finding,) = [f for f in session_of(closed(flow)).findings if f.remedies and f.id.startswith("no-common")]
    return list(finding.remedies)


def commands(side: str, *words: str, **lists: dict[str, str]) -> list[str | None]:
    return [r.command for r in remedies(*words, mine=lists.get("mine"), theirs=lists.get("theirs")) if r.side == side]


def test_openssh_client() -> None:
    line, config = commands("client", theirs=GROUP14)
    assert line == "ssh -o KexAlgorithms=+diffie-hellman-group14-sha1 203.0.113.7"
    assert config == "KexAlgorithms +diffie-hellman-group14-sha1"


def test_openssh_client_on_another_port() -> None:
    found = [r.command for r in remedies(port=2222, theirs=GROUP14) if r.side == "client"]
    assert found[0] == "ssh -o KexAlgorithms=+diffie-hellman-group14-sha1 203.0.113.7 -p 2222"


def test_openssh_before_7_gets_the_whole_list() -> None:
    line, _ = commands("client", "OpenSSH_6.6", theirs={"kex_algorithms": "diffie-hellman-group14-sha1"})
    expected = "curve25519-sha256,ecdh-sha2-nistp256,diffie-hellman-group14-sha1"
    assert line == f"ssh -o KexAlgorithms={expected} 203.0.113.7"


def test_every_slot_in_one_change() -> None:
    theirs = {**GROUP14, "encryption": "aes128-cbc", "mac": "hmac-md5"}
    line, *config = commands("client", theirs=theirs)
    assert line is not None
    assert config == ["KexAlgorithms +diffie-hellman-group14-sha1", "Ciphers +aes128-cbc", "MACs +hmac-md5"]
    assert line == (
        "ssh -o KexAlgorithms=+diffie-hellman-group14-sha1 -o Ciphers=+aes128-cbc -o MACs=+hmac-md5 203.0.113.7"
    )


def test_sshd_that_was_narrowed_keeps_its_list() -> None:
    (lines,) = commands("server", theirs=GROUP14)
    assert lines == "KexAlgorithms diffie-hellman-group14-sha1,curve25519-sha256"


def test_sshd_gets_a_weak_name_by_plus() -> None:
    (lines,) = commands("server", mine=GROUP14)
    assert lines == "KexAlgorithms +diffie-hellman-group14-sha1"


def test_sshd_without_the_key() -> None:
    make, lines, narrowed = commands("server", mine={"server_host_key_algorithms": "ecdsa-sha2-nistp256"})
    assert make == "ssh-keygen -q -t ecdsa -N '' -f /etc/ssh/ssh_host_ecdsa_key"
    assert lines == "HostKey /etc/ssh/ssh_host_ecdsa_key"
    # The key may be there, and not be allowed: a capture does not tell that apart.
    assert narrowed == "HostKeyAlgorithms ssh-ed25519,rsa-sha2-512,ecdsa-sha2-nistp256"


def test_sshd_without_the_curve() -> None:
    lists = {"server_host_key_algorithms": "ecdsa-sha2-nistp256"}
    make, lines, _ = commands("server", mine={"server_host_key_algorithms": "ecdsa-sha2-nistp384"}, theirs=lists)
    assert make == "ssh-keygen -q -t ecdsa -b 384 -N '' -f /etc/ssh/ssh_host_ecdsa384_key"
    assert lines == "HostKey /etc/ssh/ssh_host_ecdsa384_key"


def test_dropbear_server() -> None:
    (lines,) = commands("server", "OpenSSH_9.2p1", "dropbear_2022.83", mine={"encryption": "aes128-cbc"})
    assert lines == "#define DROPBEAR_ENABLE_CBC_MODE 1"
    (make,) = commands("server", "OpenSSH_9.2p1", "dropbear_2022.83",
                       mine={"server_host_key_algorithms": "ecdsa-sha2-nistp256"})  # fmt: skip
    assert make == "dropbearkey -t ecdsa -f /etc/dropbear/dropbear_ecdsa_host_key"


@pytest.mark.parametrize(
    "client, theirs, words",
    [
        ("PuTTY_Release_0.78", {"kex_algorithms": "mlkem768x25519-sha256"}, "Connection > SSH > Kex"),
        ("paramiko_5.1.0", GROUP14, "no setting helps"),
        ("OpenSSH_9.2p1", {"encryption": "arcfour"}, "the last OpenSSH release with arcfour was 7.5"),
        ("OpenSSH_9.2p1", {"kex_algorithms": "$(reboot)"}, "no setting helps"),
    ],
)
def test_nothing_to_set(client: str, theirs: dict[str, str], words: str) -> None:
    (remedy,) = [r for r in remedies(client, theirs=theirs) if r.side == "client"]
    assert words in remedy.action
    assert remedy.command is None


def test_other_programs_that_can_are_named() -> None:
    (remedy,) = [r for r in remedies("paramiko_5.1.0", theirs=GROUP14) if r.side == "client"]
    assert "With their default settings these can connect:" in remedy.action
    assert "PuTTY 0.78" in remedy.action
    assert "paramiko" not in remedy.action.partition("can connect:")[2]


@pytest.mark.parametrize(
    "client, command",
    [
        ("AsyncSSH_2.24.1", "asyncssh.connect(…, kex_algs='+diffie-hellman-group1-sha1')"),
        ("ssh2js1.17.0", "algorithms: { kex: { append: ['diffie-hellman-group1-sha1'] } }"),
        ("JSCH-0.1.54", 'session.setConfig("kex", session.getConfig("kex") + ",diffie-hellman-group1-sha1");'),
        ("Unknown_1.0", None),
    ],
)
def test_other_clients(client: str, command: str | None) -> None:
    (remedy,) = [r for r in remedies(client, theirs={"kex_algorithms": "diffie-hellman-group1-sha1"})
                 if r.side == "client"]  # fmt: skip
    assert remedy.command == command
    assert "weak" in (remedy.risk or "")


@pytest.mark.parametrize(
    "lists, lines",
    [
        ({"kex_algorithms": "diffie-hellman-group1-sha1"}, ["DROPBEAR_DH_GROUP1 1", "DROPBEAR_DH_GROUP1_CLIENTONLY 0"]),
        ({"encryption": "3des-cbc"}, ["DROPBEAR_3DES 1", "DROPBEAR_ENABLE_CBC_MODE 1"]),
        ({"kex_algorithms": "diffie-hellman-group16-sha512"}, ["DROPBEAR_DH_GROUP16 1"]),
    ],
)
@pytest.mark.parametrize("side", ["client", "server"])
def test_a_build_of_dropbear(side: str, lists: dict[str, str], lines: list[str]) -> None:
    """By common-algo.c and default_options.h of 2022.83, and a build with these lines."""
    words, other = ("dropbear_2022.83", "OpenSSH_9.2p1"), {"theirs": lists}
    if side == "server":
        words, other = words[::-1], {"mine": lists}
    assert commands(side, *words, **other) == [f"#define {line}" for line in lines]


@pytest.mark.parametrize(
    "server, line",
    [
        ("AsyncSSH_2.24.1", "asyncssh.listen(…, server_host_keys=[…, 'ssh_host_ecdsa_key'])"),
        ("paramiko_5.1.0", "transport.add_server_key(paramiko.PKey.from_path('ssh_host_ecdsa_key'))"),
    ],
)
def test_a_library_without_the_key(server: str, line: str) -> None:
    wanted = {"server_host_key_algorithms": "ecdsa-sha2-nistp256"}
    made = commands("server", "OpenSSH_9.2p1", server, mine=wanted)
    assert made == ["ssh-keygen -q -t ecdsa -N '' -f ssh_host_ecdsa_key", line]


@pytest.mark.parametrize(
    "client, mine, theirs, told",
    [
        ("dropbear_2022.83", {"encryption": "aes128-ctr"}, {"encryption": "chacha20-poly1305@openssh.com"},
         "dbclient -c aes128-ctr,chacha20-poly1305@openssh.com 203.0.113.7"),
        ("dropbear_2022.83", {"mac": "hmac-sha1"}, {"mac": "hmac-sha2-256"},
         "dbclient -m hmac-sha1,hmac-sha2-256 203.0.113.7"),
        # Another release, or what its options do not choose: that takes a build.
        ("dropbear_2020.81", {"mac": "hmac-sha1"}, {"mac": "hmac-sha2-256"}, "#define DROPBEAR_SHA2_256_HMAC 1"),
        ("dropbear_2022.83", {"kex_algorithms": "curve25519-sha256"}, {"kex_algorithms": "ecdh-sha2-nistp256"},
         "#define DROPBEAR_ECDH 1"),
        ("paramiko_5.1.0", {"encryption": "aes256-ctr"}, {"encryption": "aes128-cbc"},
         "options = transport.get_security_options(); options.ciphers += ('aes128-cbc',)"),
        ("JSCH-0.1.54", {"mac": "hmac-md5"}, {"mac": "hmac-sha1,hmac-sha2-512"},
         'session.setConfig("mac.c2s", session.getConfig("mac.c2s") + ",hmac-sha1");'),
        ("JSCH-0.1.54", {}, {"kex_algorithms": "curve25519-sha256@libssh.org"}, None),
        ("JSCH_0.2.15", {}, {"kex_algorithms": "curve25519-sha256@libssh.org"},
         'session.setConfig("kex", session.getConfig("kex") + ",curve25519-sha256@libssh.org");'),
    ],
)  # fmt: skip
def test_clients_that_were_told_to_offer_less(
    client: str, mine: dict[str, str], theirs: dict[str, str], told: str | None
) -> None:
    assert commands("client", client, mine=mine, theirs=theirs)[0] == told


def test_what_paramiko_disables_must_be_allowed() -> None:
    (remedy,) = [r for r in remedies("paramiko_5.1.0", mine={"encryption": "aes256-ctr"},
                                     theirs={"encryption": "aes128-ctr"}) if r.side == "client"]  # fmt: skip
    assert "disabled_algorithms" in remedy.action


def test_no_name_of_a_peer_gets_into_a_command() -> None:
    hostile = "$(reboot),`id`,a;b,-oProxyCommand=x"
    for remedy in remedies(theirs={"kex_algorithms": hostile, "server_host_key_algorithms": hostile}):
        for bad in hostile.split(","):
            assert bad not in (remedy.command or "")
