"""Every key exchange method, message and host key type there is, and the place where it is to be seen.

Most places are recordings of real programs (tests/handshakes/). What no program at hand has, and what only a message's
other form shows, is a vector built from the document that defines it: octets typed from the text, the section named.
The lengths of values are from the documents, never from sshpcap.
"""

from pathlib import Path
from typing import NamedTuple

import pytest

from sshpcap.model import Session
from tests.handshakes import FOLDER, Recorded, families, messages, recorded
from tests.support import sshbytes as ssh
from tests.support.sessions import closed, greeted, session_of
from tests.support.sshbytes import packet

# --- the methods -------------------------------------------------------------------------------------------------

SIGNED = ("K_S_octets", "signature_algorithm")
FIXED = {"SSH_MSG_KEXDH_INIT": ("e_bits",), "SSH_MSG_KEXDH_REPLY": ("f_bits", *SIGNED)}  # RFC 4253 §8
GROUP = {  # RFC 4419 §3, §5
    "SSH_MSG_KEX_DH_GEX_REQUEST": ("min", "n", "max"),
    "SSH_MSG_KEX_DH_GEX_GROUP": ("p_bits", "g_bits", "modulus"),
    "SSH_MSG_KEX_DH_GEX_INIT": ("e_bits",),
    "SSH_MSG_KEX_DH_GEX_REPLY": ("f_bits", *SIGNED),
}
ECDH = {"SSH_MSG_KEX_ECDH_INIT": ("Q_C_octets",), "SSH_MSG_KEX_ECDH_REPLY": ("Q_S_octets", *SIGNED)}  # RFC 5656 §4
HYBRID = {"SSH_MSG_KEX_HYBRID_INIT": ("C_INIT_octets",), "SSH_MSG_KEX_HYBRID_REPLY": ("S_REPLY_octets", *SIGNED)}
RSA = {  # RFC 4432 §4
    "SSH_MSG_KEXRSA_PUBKEY": ("K_S_octets", "K_T_bits"),
    "SSH_MSG_KEXRSA_SECRET": ("encrypted_secret_octets",),
    "SSH_MSG_KEXRSA_DONE": ("signature_algorithm",),
}
COMPLETE = ("mic_octets", "has_token", "token_octets")
GSS = {  # RFC 4462 §2.1
    "SSH_MSG_KEXGSS_INIT": ("token_octets", "e_bits"),
    "SSH_MSG_KEXGSS_COMPLETE": ("f_bits", *COMPLETE),
}
GSS_GROUP = {  # RFC 4462 §2.2
    "SSH_MSG_KEXGSS_GROUPREQ": ("min", "n", "max"),
    "SSH_MSG_KEXGSS_GROUP": ("p_bits", "g_bits", "modulus"),
    **GSS,
}
GSS_ECDH = {  # RFC 8732 §5.1
    "SSH_MSG_KEXGSS_INIT": ("token_octets", "Q_C_octets"),
    "SSH_MSG_KEXGSS_COMPLETE": ("Q_S_octets", *COMPLETE),
}

OPENSSH, PLINK, ASYNCSSH, TINYSSH = "ssh to sshd", "plink to asyncssh", "asyncssh to asyncssh", "ssh to tinysshd"
Fields = dict[str, tuple[str, ...]]


class Method(NamedTuple):
    """A method: its family's folder, who speaks it there, its messages with their fields, and lengths of both values
    as the documents have them: bits of a group, octets of a point or of a hybrid's parts."""

    family: str
    between: str
    messages: Fields
    sizes: tuple[int, int]


METHODS = {
    "diffie-hellman-group1-sha1": Method("diffie-hellman", OPENSSH, FIXED, (1024, 1024)),
    "diffie-hellman-group14-sha1": Method("diffie-hellman", OPENSSH, FIXED, (2048, 2048)),
    "diffie-hellman-group14-sha256": Method("diffie-hellman", OPENSSH, FIXED, (2048, 2048)),
    "diffie-hellman-group15-sha512": Method("diffie-hellman", PLINK, FIXED, (3072, 3072)),
    "diffie-hellman-group16-sha512": Method("diffie-hellman", OPENSSH, FIXED, (4096, 4096)),
    "diffie-hellman-group17-sha512": Method("diffie-hellman", PLINK, FIXED, (6144, 6144)),
    "diffie-hellman-group18-sha512": Method("diffie-hellman", OPENSSH, FIXED, (8192, 8192)),
    "diffie-hellman-group-exchange-sha1": Method("group-exchange", OPENSSH, GROUP, (8192, 8192)),
    "diffie-hellman-group-exchange-sha256": Method("group-exchange", OPENSSH, GROUP, (8192, 8192)),
    "ecdh-sha2-nistp256": Method("elliptic-curves", OPENSSH, ECDH, (65, 65)),
    "ecdh-sha2-nistp384": Method("elliptic-curves", OPENSSH, ECDH, (97, 97)),
    "ecdh-sha2-nistp521": Method("elliptic-curves", OPENSSH, ECDH, (133, 133)),
    "curve25519-sha256": Method("elliptic-curves", OPENSSH, ECDH, (32, 32)),
    "curve25519-sha256@libssh.org": Method("elliptic-curves", OPENSSH, ECDH, (32, 32)),
    "curve448-sha512": Method("elliptic-curves", PLINK, ECDH, (56, 56)),
    "mlkem768x25519-sha256": Method("hybrids", ASYNCSSH, HYBRID, (1184 + 32, 1088 + 32)),
    "mlkem768nistp256-sha256": Method("hybrids", ASYNCSSH, HYBRID, (1184 + 65, 1088 + 65)),
    "mlkem1024nistp384-sha384": Method("hybrids", ASYNCSSH, HYBRID, (1568 + 97, 1568 + 97)),
    "sntrup761x25519-sha512": Method("hybrids", OPENSSH, HYBRID, (1158 + 32, 1039 + 32)),
    "sntrup761x25519-sha512@openssh.com": Method("hybrids", TINYSSH, HYBRID, (1158 + 32, 1039 + 32)),
    "rsa1024-sha1": Method("rsa", PLINK, RSA, (1024, 1024 // 8)),
    "rsa2048-sha256": Method("rsa", PLINK, RSA, (2048, 2048 // 8)),
    "gss-group1-sha1": Method("gssapi", OPENSSH, GSS, (1024, 1024)),
    "gss-group14-sha1": Method("gssapi", OPENSSH, GSS, (2048, 2048)),
    "gss-group14-sha256": Method("gssapi", OPENSSH, GSS, (2048, 2048)),
    "gss-group15-sha512": Method("gssapi", ASYNCSSH, GSS, (3072, 3072)),
    "gss-group16-sha512": Method("gssapi", OPENSSH, GSS, (4096, 4096)),
    "gss-group17-sha512": Method("gssapi", ASYNCSSH, GSS, (6144, 6144)),
    "gss-group18-sha512": Method("gssapi", ASYNCSSH, GSS, (8192, 8192)),
    "gss-gex-sha1": Method("gssapi", OPENSSH, GSS_GROUP, (8192, 8192)),
    "gss-gex-sha256": Method("gssapi", ASYNCSSH, GSS_GROUP, (2048, 2048)),
    "gss-nistp256-sha256": Method("gssapi", OPENSSH, GSS_ECDH, (65, 65)),
    "gss-nistp384-sha384": Method("gssapi", ASYNCSSH, GSS_ECDH, (97, 97)),
    "gss-nistp521-sha512": Method("gssapi", ASYNCSSH, GSS_ECDH, (133, 133)),
    "gss-curve25519-sha256": Method("gssapi", OPENSSH, GSS_ECDH, (32, 32)),
    "gss-curve448-sha512": Method("gssapi", ASYNCSSH, GSS_ECDH, (56, 56)),
}

ALL = {family: recorded(FOLDER / family) for family in families()}
_VALUES = ("e_bits", "f_bits", "Q_C_octets", "Q_S_octets", "C_INIT_octets", "S_REPLY_octets", "K_T_bits",
           "encrypted_secret_octets")  # fmt: skip


def place(method: str) -> Recorded:
    where = METHODS[method]
    return ALL[where.family][f"{method}, {where.between}"]


@pytest.mark.parametrize("method", METHODS)
def test_method(method: str) -> None:
    """It was really used, by what the programs say; its messages come in order, each with its fields."""
    one, wanted = place(method), METHODS[method]
    session = one.session
    assert session.stage == "encrypted"
    assert session.negotiation is not None
    chosen = session.negotiation.kex_algorithm.chosen or ""
    assert chosen == method or (method.startswith("gss-") and chosen.rpartition("-")[0] == method)
    if one.truth["negotiated"]:
        assert one.truth["negotiated"]["kex_algorithm"] == chosen
    assert {m.name: m.kind for m in one.method()} == dict.fromkeys(wanted.messages, "message")
    assert [m.name for m in one.method()] == list(wanted.messages)
    for message in one.method():
        assert set(wanted.messages[message.name]) <= set(message.fields), message.name
    values = [message.fields[name] for message in one.method() for name in _VALUES if name in message.fields]
    for value, size in zip(values, wanted.sizes, strict=True):
        assert isinstance(value, int)
        # A number below a prime is as long as it, but for some bits that happen to be zero.
        assert value == size or (any("f_bits" in m.fields for m in one.method()) and size - 24 <= value < size)


# --- messages that a method has besides ------------------------------------------------------------------------------


class Seen(NamedTuple):
    """A message in a handshake that is recorded: folder, name, fields with their values where those are known."""

    family: str
    name: str
    fields: dict[str, object]


KEYTAB = "found in keytab but cannot decrypt ticket"
BESIDES = {
    "SSH_MSG_KEX_DH_GEX_REQUEST_OLD": Seen("group-exchange", "old request, plink to asyncssh", {"n": 2048}),
    "SSH_MSG_KEXGSS_HOSTKEY": Seen("gssapi", "with a host key, asyncssh to asyncssh", {"K_S_octets": 51}),
    "SSH_MSG_KEXGSS_CONTINUE": Seen("gssapi", "the server has another key, asyncssh to asyncssh", {}),
    # RFC 2743 §1.2.1.1: GSS_S_FAILURE is 13 in the upper half
    "SSH_MSG_KEXGSS_ERROR": Seen("gssapi", "the server has another key, asyncssh to asyncssh",
                                 {"major_status": 13 << 16, "language": "en-US"}),
    "SSH_MSG_UNIMPLEMENTED": Seen("order", "a client proposes twice, python to sshd", {"sequence_number": 1}),
    "SSH_MSG_DISCONNECT": Seen("order", "a client proposes twice, python to asyncssh",
                               {"reason": 2, "description": "Key exchange already in progress"}),
    "SSH1_SMSG_PUBLIC_KEY": Seen("ssh1", "ssh1 to uppity", {"host_key_bits": 1024}),
    "SSH1_CMSG_SESSION_KEY": Seen("ssh1", "ssh1 to uppity", {"cipher": "3DES"}),
    "SSH1_MSG_DISCONNECT": Seen("ssh1", "a wrong cookie, python to uppity",
                                {"description": "Client sent incorrect anti-spoofing cookie"}),
}  # fmt: skip


@pytest.mark.parametrize("message", BESIDES)
def test_message(message: str) -> None:
    seen = BESIDES[message]
    one = ALL[seen.family][seen.name]
    (found,) = [m for m in one.session.messages if m.name == message]
    assert found.kind == "message"
    assert seen.fields.items() <= found.fields.items()


def test_what_gssapi_said() -> None:
    one = ALL["gssapi"]["the server has another key, asyncssh to asyncssh"]
    (error,) = [m for m in one.session.messages if m.name == "SSH_MSG_KEXGSS_ERROR"]
    assert KEYTAB in str(error.fields["message"])
    assert one.session.host_key is not None  # of SSH_MSG_KEXGSS_HOSTKEY


def test_what_gssapi_said_is_in_the_report() -> None:
    one = ALL["gssapi"]["the server has another key, asyncssh to asyncssh"]
    assert any(KEYTAB in f.summary for f in one.session.findings)


def test_a_server_that_does_not_take_the_ticket() -> None:
    """sshd found its key in the keytab and could not decrypt the ticket; it left without a word, as its log says."""
    one = ALL["gssapi"]["the server has another key, ssh to sshd"]
    (finding,) = [f for f in one.session.findings if f.id == "closed-during-handshake"]
    assert any("keytab" in cause for cause in finding.causes)
    fine = ALL["gssapi"]["gss-curve25519-sha256, ssh to sshd"].session
    assert not any("keytab" in cause for f in fine.findings for cause in f.causes)


def test_what_gssapi_said_stands_out() -> None:
    """RFC 4462 §2.1: an error may be all that a server says before it leaves."""
    session = built("gss-group14-sha256-toWM5Slw5Ew8Mqkay+al2g==", ("client", ssh.kexgss_init(b"first", 1 << 2046)),
                    ("server", ssh.kexgss_error(13 << 16, 100001, "Clock skew too great")), by="server")  # fmt: skip
    (finding,) = [f for f in session.findings if f.id == "closed-during-handshake"]
    assert 'GSSAPI says: "Clock skew too great"' in finding.summary


def test_every_message_of_every_family_is_here() -> None:
    from sshpcap.ssh.kex import METHODS as KNOWN

    named = {message.name for _, family in KNOWN for message in family.values()}
    assert named <= {name for method in METHODS.values() for name in method.messages} | set(BESIDES)


def test_ssh1_keys() -> None:
    """Sizes and fingerprint as puttygen and both clients say; the masks as PuTTY's server sets them."""
    for name in ("ssh1 to uppity", "plink to uppity"):
        one = ALL["ssh1"][name]
        (keys,) = [m for m in one.session.messages if m.name == "SSH1_SMSG_PUBLIC_KEY"]
        bits, md5, *_ = one.key["puttygen -l"].split()
        assert (keys.fields["host_key_bits"], keys.fields["host_key_md5"]) == (int(bits), f"MD5:{md5}")
        assert keys.fields["ciphers"] == ("DES", "3DES", "Blowfish")
        assert keys.fields["authentications"] == ("RSA", "password", "TIS", "CryptoCard")
        # OpenSSH 7.5 with OpenSSL 3 has no 3DES as SSH-1 needs it: it leaves behind its key, the server's answer
        # comes or not.
        assert one.session.stage in (("encrypted",) if name.startswith("plink") else ("kex", "encrypted"))
    assert any(md5 in line for line in ALL["ssh1"]["plink to uppity"].truth["told"])


# --- order: guesses, proposals that come again -----------------------------------------------------------------------


def test_a_guess() -> None:
    right = ALL["order"]["a right guess, dbclient to sshd"].session
    wrong = ALL["order"]["a wrong guess, dbclient to sshd"].session
    for session, is_right in ((right, True), (wrong, False)):
        assert session.negotiation is not None
        (guess,) = session.negotiation.guesses
        assert (guess.sent_by, guess.right) == ("client", is_right)
        assert session.stage == "encrypted"
    sent = [(m.name, m.fields.get("guess")) for m in wrong.messages if m.sender == "client" and m.number == 30]
    assert sent == [("SSH_MSG_KEX_ECDH_INIT", "wrong"), ("SSH_MSG_KEX_ECDH_INIT", None)]
    assert [m.fields["Q_C_octets"] for m in wrong.messages if m.number == 30] == [32, 133]


@pytest.mark.parametrize("name, finding", [
    ("a client proposes twice, python to sshd", None),
    ("a client proposes twice, python to asyncssh", "disconnect-message"),
    ("a server proposes twice, ssh to python", None),
    ("a server proposes twice, plink to python", "unexpected-message"),
])  # fmt: skip
def test_a_proposal_that_comes_again(name: str, finding: str | None) -> None:
    """RFC 4253 §7.1 forbids it. OpenSSH goes on with the first one, the others leave; that is what they did here."""
    session = ALL["order"][name].session
    proposals = [m for m in session.messages if m.name == "SSH_MSG_KEXINIT" and m.sender == name.split()[1]]
    assert [m.fields.get("again", False) for m in proposals] == [False, True]
    assert any("again" in row.text and row.kind == "SSH_MSG_KEXINIT" for row in session.timeline)
    found = {f.id for f in session.findings}
    assert finding in found if finding else "unexpected-message" not in found
    if session.negotiation is not None:
        assert session.negotiation.encryption_client_to_server.chosen == "aes128-ctr"  # of the first


def test_markers() -> None:
    """Strict key exchange and extensions are announced by both OpenSSH programs of Debian, by TinySSH neither."""
    openssh = ALL["elliptic-curves"]["curve25519-sha256, ssh to sshd"].session
    assert (openssh.client.strict_kex, openssh.server.strict_kex) == (True, True)
    assert (openssh.client.ext_info, openssh.server.ext_info) == (True, False)
    assert openssh.negotiation is not None
    assert openssh.negotiation.strict_kex
    tiny = ALL["hybrids"]["sntrup761x25519-sha512@openssh.com, ssh to tinysshd"].session
    assert (tiny.client.strict_kex, tiny.server.strict_kex) == (True, False)


# --- groups that a server sends --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, bits, modulus, group, words", [
    ("a group of RFC 3526, plink to asyncssh", 4096, "safe prime", "group 16 of RFC 3526", ""),
    ("old request, plink to asyncssh", 2048, "safe prime", "group 14 of RFC 3526", ""),
    ("1024 bits, asyncssh to paramiko", 1024, "safe prime", "group 2 of RFC 2409", "weak: fewer than 2048"),
    ("no safe prime, ssh to paramiko", 2048, "prime, but no safe prime", None, "weak: its modulus"),
    ("no prime, ssh to paramiko", 2048, "not prime", None, "weak: its modulus is not prime"),
])  # fmt: skip
def test_group(name: str, bits: int, modulus: str, group: str | None, words: str) -> None:
    """OpenSSL made the primes; the groups of the RFCs are in asyncssh's table and in a moduli file of the lab."""
    session = ALL["group-exchange"][name].session
    (given,) = [m for m in session.messages if m.name == "SSH_MSG_KEX_DH_GEX_GROUP"]
    assert (given.fields["p_bits"], given.fields["modulus"], given.fields.get("group")) == (bits, modulus, group)
    (row,) = [row for row in session.timeline if row.kind == given.name]
    assert words in row.text
    weak = [f for f in session.findings if f.id == "weak-algorithms" and "group" in f.summary]
    assert bool(weak) == (words != "") or name.startswith("old request")  # whose method is weak by its hash


# --- vectors: what no program of Debian has, and other forms -------------------------------------------------------


def built(method: str, *payloads: tuple[str, bytes], by: str = "client") -> Session:
    """A handshake with this method and these messages of both sides."""
    flow = greeted()
    flow.client.sends(packet(ssh.kexinit(kex_algorithms=method)))
    flow.server.sends(packet(ssh.server_kexinit(kex_algorithms=method)))
    for sender, payload in payloads:
        (flow.client if sender == "client" else flow.server).sends(packet(payload))
    return session_of(closed(flow, by=by))


def fields(session: Session, name: str) -> dict[str, object]:
    return next(dict(m.fields) for m in session.messages if m.name == name)


def test_vector_sntrup4591761() -> None:
    """OpenSSH 8.0 to 8.4 and early TinySSH had it. Streamlined NTRU Prime 4591^761 (NTRU Prime, round 1 submission,
    §3.2): a public key of 1,218 octets, a ciphertext of 1,047; X25519 of 32 behind each (PROTOCOL of OpenSSH 8.0)."""
    session = built(
        "sntrup4591761x25519-sha512@tinyssh.org",
        ("client", ssh.ecdh_init(bytes(1218 + 32))),
        ("server", ssh.ecdh_reply(ssh.ed25519_key(), bytes(1047 + 32), ssh.signature()) ),
        ("server", ssh.newkeys()),
    )  # fmt: skip
    assert fields(session, "SSH_MSG_KEX_HYBRID_INIT") == {"C_INIT_octets": 1250}
    assert fields(session, "SSH_MSG_KEX_HYBRID_REPLY")["S_REPLY_octets"] == 1079
    assert "invalid-key-exchange-value" not in {f.id for f in session.findings}


def test_vector_gssapi_that_continues_and_ends_without_a_token() -> None:
    """RFC 4462 §2.1: a mechanism of several steps, CONTINUE of both sides, and a COMPLETE whose boolean is false."""
    session = built(
        "gss-group14-sha256-toWM5Slw5Ew8Mqkay+al2g==",
        ("client", ssh.kexgss_init(b"first", 1 << 2046)),
        ("server", ssh.kexgss_continue(b"challenge")),
        ("client", ssh.kexgss_continue(b"response!")),
        ("server", ssh.kexgss_complete(1 << 2045, b"mic")),
        ("server", ssh.newkeys()),
    )
    said = [(m.sender, m.name) for m in session.messages if m.number == 31]
    assert said == [("server", "SSH_MSG_KEXGSS_CONTINUE"), ("client", "SSH_MSG_KEXGSS_CONTINUE")]
    complete = fields(session, "SSH_MSG_KEXGSS_COMPLETE")
    assert complete == {"f_bits": 2046, "mic_octets": 3, "has_token": False}


# --- the golden text -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", families())
def test_golden(family: str) -> None:
    assert (FOLDER / family / "messages.txt").read_text() == messages(FOLDER / family)


def test_nothing_of_this_machine_is_in_the_files() -> None:
    for file in FOLDER.glob("*/truth.json"):
        text = file.read_text()
        assert str(Path.home()) not in text or Path.home() == Path("/root")
        assert "/tmp/" not in text
