"""Key exchanges with messages of their own, from both proposals to encryption: RSA (RFC 4432), GSSAPI (RFC 4462)."""

from sshpcap.model import Session
from tests.support import sshbytes as ssh
from tests.support.sessions import closed, greeted, session_of, told
from tests.support.sshbytes import kexinit, newkeys, packet, server_kexinit
from tests.support.wireflow import Flow

GSS = "gss-group14-sha256-toWM5Slw5Ew8Mqkay+al2g=="
PRIME = (1 << 2048) - 1942289


def begun(method: str, host_key: str = "ssh-ed25519") -> Flow:
    lists = {"kex_algorithms": method, "server_host_key_algorithms": host_key}
    flow = greeted()
    flow.client.sends(packet(kexinit(**{**lists, "kex_algorithms": f"{method},ext-info-c"})))
    flow.server.sends(packet(server_kexinit(**lists)))
    return flow


def encrypted(flow: Flow) -> Session:
    flow.server.sends(packet(newkeys()))
    flow.client.sends(packet(newkeys()))
    flow.client.sends(bytes(range(64)))
    flow.server.sends(bytes(range(64)))
    return session_of(closed(flow))


def names(session: Session) -> list[str]:
    return [m.name for m in session.messages if m.number is not None and 30 <= m.number <= 49]


def test_rsa() -> None:
    flow = begun("rsa2048-sha256")
    flow.server.sends(packet(ssh.kexrsa_pubkey(ssh.ed25519_key(), ssh.rsa_key(PRIME))))
    flow.client.sends(packet(ssh.kexrsa_secret(bytes(256))))
    flow.server.sends(packet(ssh.kexrsa_done(ssh.signature())))
    session = encrypted(flow)
    assert session.stage == "encrypted"
    assert names(session) == ["SSH_MSG_KEXRSA_PUBKEY", "SSH_MSG_KEXRSA_SECRET", "SSH_MSG_KEXRSA_DONE"]
    assert next(m.fields["K_T_bits"] for m in session.messages if m.name == "SSH_MSG_KEXRSA_PUBKEY") == 2048
    assert session.host_key is not None
    assert session.host_key.signature_algorithm == "ssh-ed25519"
    assert [finding.id for finding in told(session)] == ["closed-during-login"]  # nobody logs in here


def test_rsa_waits_for_the_server() -> None:
    flow = begun("rsa2048-sha256")
    flow.wait(30)
    flow.client.keep_alive()
    waiting = session_of(flow).awaited
    assert waiting is not None
    assert (waiting.party, waiting.what) == ("server", "the first key exchange message")


def test_gss_without_a_host_key() -> None:
    flow = begun(GSS, "null")
    flow.client.sends(packet(ssh.kexgss_init(b"token", PRIME - 5)))
    flow.server.sends(packet(ssh.kexgss_continue(b"more")))
    flow.client.sends(packet(ssh.kexgss_continue(b"and more")))
    flow.server.sends(packet(ssh.kexgss_complete(PRIME - 9, b"mic", b"last")))
    session = encrypted(flow)
    assert names(session) == [
        "SSH_MSG_KEXGSS_INIT", "SSH_MSG_KEXGSS_CONTINUE", "SSH_MSG_KEXGSS_CONTINUE", "SSH_MSG_KEXGSS_COMPLETE",
    ]  # fmt: skip
    assert session.stage == "encrypted"
    assert session.host_key is None
    assert [finding.id for finding in told(session)] == ["closed-during-login"]  # nobody logs in here


def test_gss_with_a_host_key() -> None:
    flow = begun("gss-curve25519-sha256-toWM5Slw5Ew8Mqkay+al2g==")
    flow.client.sends(packet(ssh.kexgss_init(b"token", bytes(32))))
    flow.server.sends(packet(ssh.kexgss_hostkey(ssh.ed25519_key())))
    flow.server.sends(packet(ssh.kexgss_complete(bytes(32), b"mic")))
    session = encrypted(flow)
    assert session.host_key is not None
    assert session.host_key.type == "ssh-ed25519"
    assert session.host_key.signature_algorithm is None


def test_gss_error_is_readable() -> None:
    flow = begun(GSS, "null")
    flow.client.sends(packet(ssh.kexgss_init(b"token", PRIME - 5)))
    flow.server.sends(packet(ssh.kexgss_error(0xD0000, 100001, "No key table entry found\x1b[31m")))
    session = session_of(closed(flow, by="server"))
    (error,) = [m for m in session.messages if m.name == "SSH_MSG_KEXGSS_ERROR"]
    assert error.fields["message"] == "No key table entry found\\x1b[31m"
    assert any("No key table entry found" in row.text for row in session.timeline)


def test_gss_group_exchange() -> None:
    flow = begun("gss-gex-sha1-toWM5Slw5Ew8Mqkay+al2g==", "null")
    flow.client.sends(packet(ssh.kexgss_groupreq(1024, 2048, 8192)))
    flow.server.sends(packet(ssh.kexgss_group((1 << 1023) | 1, 2)))
    session = session_of(closed(flow))
    assert any("1024 to 8192 bits, best 2048" in row.text for row in session.timeline)
    assert any("offers a group of 1024 bits" in row.text for row in session.timeline)
