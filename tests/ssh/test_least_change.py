"""Every change that is proposed makes the two agree, and nothing less does: proven by `negotiate` itself."""

import itertools
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap.model import KexInit, Who
from sshpcap.ssh import abilities
from sshpcap.ssh.implementations import recognise
from sshpcap.ssh.least_change import Able, Change, applied, key_family, least_change
from sshpcap.ssh.negotiate import negotiate
from tests.support.proposals import RECORDED, offer, proposal

PROGRAMS = {side: [row["ident"] for row in RECORDED if row["side"] == side] for side in ("client", "server")}
FAILING = [
    (client, server)
    for client, server in itertools.product(PROGRAMS["client"], PROGRAMS["server"])
    if not negotiate(proposal("client", client), proposal("server", server)).agreed
]


def anything(_: str) -> bool | None:
    return None


def able_of(identification: str) -> Able:
    program, version = recognise(identification.split("-", 2)[2].split()[0])
    return lambda name: abilities.has(program, version, name)


def outcome(client: KexInit, server: KexInit, change: Change) -> bool:
    if change.side == "client":
        return negotiate(applied(client, change), server).agreed
    return negotiate(client, applied(server, change)).agreed


def proves(client: KexInit, server: KexInit, change: Change) -> None:
    assert outcome(client, server, change)
    for left_out in change.additions:
        less = change._replace(additions=tuple(pair for pair in change.additions if pair != left_out))
        assert not outcome(client, server, less), f"{left_out} is more than the least"


@pytest.mark.parametrize("side", get_args(Who))
@pytest.mark.parametrize("client_program, server_program", FAILING)
def test_every_pair_of_programs_that_fails(client_program: str, server_program: str, side: Who) -> None:
    client, server = proposal("client", client_program), proposal("server", server_program)
    change = least_change(client, server, side, anything)
    assert change is not None
    proves(client, server, change)
    able = able_of(client_program if side == "client" else server_program)
    possible = least_change(client, server, side, able)
    if possible is not None:
        proves(client, server, possible)
        assert all(able(name) is not False for _, name in possible.additions)


def test_there_are_pairs_that_fail() -> None:
    assert len(FAILING) >= 10


names = st.lists(
    st.sampled_from(["curve25519-sha256", "diffie-hellman-group1-sha1", "ssh-rsa", "ssh-ed25519", "aes128-ctr", "none",
                     "aes256-gcm@openssh.com", "3des-cbc", "hmac-md5", "hmac-sha2-256", "zlib", "", "$(id)", "null",
                     "ext-info-c", "kex-strict-s-v00@openssh.com"]), max_size=5,
).map(",".join)  # fmt: skip
LISTS = ("kex_algorithms", "server_host_key_algorithms", "encryption_algorithms_client_to_server",
         "encryption_algorithms_server_to_client", "mac_algorithms_client_to_server",
         "mac_algorithms_server_to_client", "compression_algorithms_client_to_server",
         "compression_algorithms_server_to_client")  # fmt: skip
proposals = st.lists(names, min_size=len(LISTS), max_size=len(LISTS)).map(
    lambda lists: offer(**dict(zip(LISTS, lists, strict=True)))
)


@given(proposals, proposals, st.sampled_from(get_args(Who)))
def test_any_proposals(client: KexInit, server: KexInit, side: Who) -> None:
    change = least_change(client, server, side, anything)
    if change is None:
        return
    assert outcome(client, server, change)
    added = {name for _, name in change.additions}
    assert not added & {"$(id)", "", "null", "ext-info-c", "kex-strict-s-v00@openssh.com"}


def test_nothing_to_change_where_they_agree() -> None:
    assert least_change(offer(), offer(), "client", anything) is None


def test_the_safest_common_name_comes_first() -> None:
    server = offer(kex_algorithms="diffie-hellman-group1-sha1,diffie-hellman-group14-sha1,ecdh-sha2-nistp256")
    client = offer(kex_algorithms="curve448-sha512")
    change = least_change(client, server, "client", anything)
    assert change == Change("client", (("kex", "ecdh-sha2-nistp256"),), False)
    # … of those that the program has.
    change = least_change(client, server, "client", lambda name: name == "diffie-hellman-group14-sha1")
    assert change == Change("client", (("kex", "diffie-hellman-group14-sha1"),), True)


def test_a_safe_name_that_may_be_there_comes_before_a_weak_one_that_is() -> None:
    server = offer(kex_algorithms="diffie-hellman-group1-sha1,ecdh-sha2-nistp256")
    change = least_change(offer(kex_algorithms="curve448-sha512"), server, "client",
                          lambda name: True if name == "diffie-hellman-group1-sha1" else None)  # fmt: skip
    assert change == Change("client", (("kex", "ecdh-sha2-nistp256"),), False)


def test_a_name_that_nobody_knows_is_never_proposed() -> None:
    server = offer(kex_algorithms="$(reboot),of tomorrow")
    assert least_change(offer(), server, "client", anything) is None


def test_a_cipher_that_needs_no_mac_is_less() -> None:
    client = offer(encryption="aes128-ctr", mac="hmac-md5")
    server = offer(encryption="aes256-ctr,aes256-gcm@openssh.com", mac="hmac-sha2-256")
    change = least_change(client, server, "client", anything)
    assert change is not None
    assert change.additions == (("cipher", "aes256-gcm@openssh.com"),)


def test_one_name_for_both_directions() -> None:
    server = offer(
        encryption_algorithms_client_to_server="aes256-gcm@openssh.com,aes192-ctr",
        encryption_algorithms_server_to_client="aes192-ctr,chacha20-poly1305@openssh.com",
    )
    change = least_change(offer(), server, "client", anything)
    assert change is not None
    assert change.additions == (("cipher", "aes192-ctr"),)


def test_a_server_needs_no_new_key_where_another_signature_will_do() -> None:
    client = offer(server_host_key_algorithms="ssh-ed25519,rsa-sha2-512")
    change = least_change(client, offer(server_host_key_algorithms="ssh-rsa"), "server", anything)
    assert change is not None
    assert change.additions == (("host_key", "rsa-sha2-512"),)
    assert key_family("rsa-sha2-512") == key_family("ssh-rsa") == "rsa"
    assert key_family("ssh-ed25519-cert-v01@openssh.com") is None
