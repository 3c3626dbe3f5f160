"""Why a client did not get what it would rather have had: by the lists, and by OpenSSH's release notes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap.ssh.negotiate import SLOTS, negotiate
from sshpcap.ssh.passed_over import Program
from tests.support.proposals import RECORDED, offer, proposal

OPENSSH: Program = ("OpenSSH", "9.2p1")
KEX, KEY = "kex_algorithms", "server_host_key_algorithms"
CIPHER = "encryption_algorithms_client_to_server"


@pytest.mark.parametrize(
    "lists, client, server, program, reason",
    [
        # Releases: OpenSSH's release notes of 9.9, 10.0 and 7.6.
        (KEX, "mlkem768x25519-sha256,x", "x", OPENSSH, "new in OpenSSH 9.9, the server is 9.2p1"),
        (KEX, "diffie-hellman-group1-sha1,x", "x", OPENSSH, "in OpenSSH 9.2p1, but not offered"),
        (KEY, "ssh-dss,x", "x,ssh-dss-cert-v01@openssh.com", ("OpenSSH", "10.0p2"),
         "the server offers no key of that type"),
        (CIPHER, "arcfour,x", "x", OPENSSH, "in OpenSSH until 7.5, the server is 9.2p1"),
        # Debian's 9.2 has a name of 9.9: the release does not tell.
        (KEX, "sntrup761x25519-sha512,x", "x", OPENSSH, "the server does not offer that"),
        (KEX, "mlkem768x25519-sha256,x", "x", ("Dropbear", "2022.83"), "the server does not offer that"),
        (KEX, "mlkem768x25519-sha256,x", "x", ("OpenSSH", None), "the server does not offer that"),
        (KEX, "curve25519-sha256,x", "curve25519-sha256@libssh.org,x", OPENSSH,
         "offered under the name curve25519-sha256@libssh.org"),
        # A host key algorithm needs a key, a certificate a certificate (RFC 4253 §7.1, PROTOCOL.certkeys).
        (KEY, "ssh-ed25519,x", "rsa-sha2-512,x", OPENSSH, "the server offers no key of that type"),
        (KEY, "ssh-rsa,x", "rsa-sha2-512,x", OPENSSH, "in OpenSSH 9.2p1, but not offered"),
        (KEY, "ssh-ed25519-cert-v01@openssh.com,x", "ssh-ed25519,x", OPENSSH, "the server offers no host certificate"),
        (CIPHER, "twofish256-cbc,x", "x", ("lsh", "2.1"), "the server does not offer that"),
    ],
)  # fmt: skip
def test_the_reason(lists: str, client: str, server: str, program: Program, reason: str) -> None:
    found = negotiate(offer(**{lists: client}), offer(**{lists: server}), program)
    (slot,) = [getattr(found, name) for name in SLOTS if getattr(found, name).chosen == "x"]
    (blocked,) = slot.blocked
    assert (blocked.names, blocked.reason) == ((client.split(",")[0],), reason)
    assert slot.passed_over == blocked.names


def test_the_other_direction() -> None:
    found = negotiate(offer(encryption="aes256-ctr,aes128-ctr"), offer(
        encryption_algorithms_client_to_server="aes128-ctr", encryption_algorithms_server_to_client="aes256-ctr"
    ))  # fmt: skip
    (blocked,) = found.encryption_client_to_server.blocked
    assert blocked.reason == "offered for the other direction only"
    assert found.encryption_server_to_client.blocked == ()


def test_everything_is_blocked_where_nothing_was_chosen() -> None:
    found = negotiate(offer(kex_algorithms="a,mlkem768x25519-sha256,b"), offer(), OPENSSH).kex_algorithm
    assert found.passed_over == ()
    assert [one.names for one in found.blocked] == [("a", "b"), ("mlkem768x25519-sha256",)]


def test_a_mac_that_is_not_needed_is_not_blocked() -> None:
    aead = "aes256-gcm@openssh.com"
    found = negotiate(offer(encryption=aead, mac="a,b"), offer(encryption=aead, mac="b"))
    assert found.mac_client_to_server.blocked == ()


def test_what_is_not_good_in_either_offer() -> None:
    found = negotiate(offer(encryption="aes128-ctr,3des-cbc"), offer(encryption="arcfour,aes128-ctr,aes128-ctr"))
    slot = found.encryption_client_to_server
    assert [(one.name, one.grade) for one in slot.doubtful] == [("arcfour", "broken"), ("3des-cbc", "weak")]
    assert "RFC 8758" in slot.doubtful[0].concern
    many = ",".join(f"gss-group1-sha1-{number}" for number in range(500))
    assert len(negotiate(offer(kex_algorithms=many), offer()).kex_algorithm.doubtful) == 100


names = st.lists(st.sampled_from(["a", "b", "c", "", "ssh-rsa", "rsa-sha2-256", "x-cert-y"]), max_size=6).map(",".join)


@given(names, names)
def test_each_better_name_has_one_reason(client: str, server: str) -> None:
    for lists in (KEX, KEY, CIPHER):
        found = negotiate(offer(**{lists: client}), offer(**{lists: server}))
        for name in SLOTS:
            slot = getattr(found, name)
            told = [one for group in slot.blocked for one in group.names]
            assert sorted(told) == sorted(slot.passed_over if slot.chosen else [n for n in slot.client_offer if n]) or (
                slot.reason.startswith("the cipher") and not told
            )


def test_real_programs() -> None:
    """What OpenSSH 10.5 would rather have had of a Dropbear 2022.83."""
    rows = {(row["side"], row["ident"]) for row in RECORDED}
    assert ("server", "SSH-2.0-dropbear_2022.83") in rows
    found = negotiate(proposal("client", "SSH-2.0-OpenSSH_10.5"), proposal("server", "SSH-2.0-dropbear_2022.83"))
    assert found.kex_algorithm.chosen == "curve25519-sha256"
    (blocked,) = found.kex_algorithm.blocked
    assert blocked.names[0] == "mlkem768x25519-sha256"
