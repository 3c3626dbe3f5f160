"""RFC 4253 §7.1: what two proposals lead to. The oracles: `ssh -vvv` in the samples, and the rule told once more."""

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sshpcap
from sshpcap.model import KexInit, Negotiation
from sshpcap.ssh.negotiate import SLOTS, is_aead, negotiate, real_methods
from tests.support import sshbytes as ssh
from tests.support.proposals import RECORDED, offer, proposal

SAMPLES = Path(__file__).parents[2] / "samples"
# Those where ssh told what was agreed, and the capture has both proposals.
TOLD = {
    path: told
    for path in sorted(SAMPLES.glob("*/truth.json"))
    if (told := json.loads(path.read_text())["negotiated"]) and path.parent.name != "file-cut-mid-record"
}

# Slot → name-list.
LISTS = dict(zip(SLOTS, (
    "kex_algorithms", "server_host_key_algorithms", "encryption_algorithms_client_to_server",
    "encryption_algorithms_server_to_client", "mac_algorithms_client_to_server", "mac_algorithms_server_to_client",
    "compression_algorithms_client_to_server", "compression_algorithms_server_to_client",
), strict=True))  # fmt: skip
PSEUDO = ("ext-info-c", "ext-info-s", "kex-strict-c-v00@openssh.com", "kex-strict-s-v00@openssh.com",
          "kexguess2@matt.ucc.asn.au")  # fmt: skip
AEAD = ("chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com")


def chosen(found: Negotiation) -> dict[str, str | None]:
    return {slot: getattr(found, slot).chosen for slot in SLOTS}


def test_equal_proposals_take_the_first_of_every_list() -> None:
    found = negotiate(offer(), offer())
    assert chosen(found) == {slot: ssh.KEXINIT_LISTS[name].split(",")[0] for slot, name in LISTS.items()}
    assert (found.agreed, found.failed, found.guesses, found.strict_kex) == (True, (), (), False)


@pytest.mark.parametrize(
    "client, server, name",
    [
        ("a,b,c", "c,b", "b"),  # the client's order counts
        ("a", "a", "a"),
        ("a,b", "b", "b"),
        ("a", "b", None),
        ("a", "", None),
        ("", "a", None),
        ("", "", None),
        ("a,", ",b", None),  # an empty name is none
        (",,b", "b,,", "b"),
        ("a,a,b", "b,a", "a"),
        ("A", "a", None),  # names are case-sensitive (RFC 4250 §4.6.1)
        ("a@x", "a", None),
    ],
)
@pytest.mark.parametrize("slot", SLOTS)
def test_one_slot(slot: str, client: str, server: str, name: str | None) -> None:
    found = negotiate(offer(**{LISTS[slot]: client}), offer(**{LISTS[slot]: server}))
    assert chosen(found)[slot] == name
    assert found.failed == (() if name else (slot,))
    assert found.agreed == (name is not None)
    result = getattr(found, slot)
    assert result.client_offer == (tuple(client.split(",")) if client else ())
    assert result.server_offer == (tuple(server.split(",")) if server else ())
    assert result.reason


def test_directions_are_negotiated_apart() -> None:
    client = offer(
        encryption_algorithms_client_to_server="aes128-ctr,aes256-ctr",
        encryption_algorithms_server_to_client="aes256-ctr,aes128-ctr",
        compression_algorithms_server_to_client="zlib,none",
    )
    found = negotiate(client, offer(compression="none,zlib"))
    assert found.encryption_client_to_server.chosen == "aes128-ctr"
    assert found.encryption_server_to_client.chosen == "aes256-ctr"
    assert found.compression_client_to_server.chosen == "none"
    assert found.compression_server_to_client.chosen == "zlib"


def test_every_slot_that_fails_is_told() -> None:
    nothing = dict.fromkeys(ssh.KEXINIT_LISTS, "of-the-server-only")
    found = negotiate(offer(), offer(**nothing))
    assert found.failed == SLOTS
    assert not found.agreed
    assert set(chosen(found).values()) == {None}


@pytest.mark.parametrize("name", PSEUDO)
def test_announcements_are_never_chosen(name: str) -> None:
    found = negotiate(offer(kex_algorithms=f"{name},a"), offer(kex_algorithms=f"{name},b"))
    assert found.failed == ("kex_algorithm",)
    assert found.kex_algorithm.client_offer == ("a",)
    assert found.kex_algorithm.server_offer == ("b",)
    assert negotiate(offer(kex_algorithms=f"{name},a"), offer(kex_algorithms=f"a,{name}")).kex_algorithm.chosen == "a"
    assert real_methods((name, "a", name)) == ("a",)


@pytest.mark.parametrize("cipher", AEAD)
def test_a_cipher_that_authenticates_needs_no_mac(cipher: str) -> None:
    """OpenSSH and plink connect with AES-GCM and no common MAC."""
    found = negotiate(offer(encryption=cipher, mac="a"), offer(encryption=cipher, mac="b"))
    assert found.agreed
    assert found.mac_client_to_server.chosen is None
    assert found.mac_server_to_client.chosen is None
    assert "AEAD" in found.mac_client_to_server.reason
    assert is_aead(cipher)
    assert not is_aead("aes128-ctr")


def test_only_the_direction_with_such_a_cipher_needs_no_mac() -> None:
    ciphers = {"encryption": "aes128-ctr", "encryption_algorithms_client_to_server": AEAD[0]}
    found = negotiate(offer(**ciphers, mac="a"), offer(**ciphers, mac="b"))
    assert found.failed == ("mac_server_to_client",)


def test_without_a_common_cipher_the_macs_are_compared() -> None:
    found = negotiate(offer(encryption=AEAD[0], mac="a"), offer(encryption=AEAD[1], mac="b"))
    assert found.failed == (
        "encryption_client_to_server", "encryption_server_to_client", "mac_client_to_server", "mac_server_to_client",
    )  # fmt: skip


@pytest.mark.parametrize("client, server, strict", [(True, True, True), (True, False, False), (False, True, False)])
def test_strict_kex_needs_both(client: bool, server: bool, strict: bool) -> None:
    names = ("a,kex-strict-c-v00@openssh.com" if client else "a", "a,kex-strict-s-v00@openssh.com" if server else "a")
    found = negotiate(offer(kex_algorithms=names[0]), offer(kex_algorithms=names[1]))
    assert found.strict_kex == strict


# --- guesses: RFC 4253 §7 --------------------------------------------------------------------------------------------

GUESS2 = "kexguess2@matt.ucc.asn.au"


@pytest.mark.parametrize(
    "client, server, right",
    [
        ({}, {}, True),
        ({"kex_algorithms": "a,b"}, {"kex_algorithms": "a"}, True),
        ({"kex_algorithms": "a,b"}, {"kex_algorithms": "b,a"}, False),
        ({"server_host_key_algorithms": "a,b"}, {"server_host_key_algorithms": "b,a"}, False),
        ({"mac": "a"}, {"mac": "b"}, False),
        ({"compression": "zlib,none"}, {"compression": "none,zlib"}, True),
        # Between two Dropbears only the first key exchange method counts.
        (
            {"kex_algorithms": f"a,{GUESS2}", "server_host_key_algorithms": "a,b"},
            {"kex_algorithms": f"a,{GUESS2}", "server_host_key_algorithms": "b,a"},
            True,
        ),
        (
            {"kex_algorithms": f"a,{GUESS2}", "server_host_key_algorithms": "a,b"},
            {"kex_algorithms": "a", "server_host_key_algorithms": "b,a"},
            False,
        ),
        ({"kex_algorithms": f"a,b,{GUESS2}"}, {"kex_algorithms": f"b,a,{GUESS2}"}, False),
    ],
)
def test_guesses(client: dict[str, str], server: dict[str, str], right: bool) -> None:
    found = negotiate(offer(ssh.FOLLOWS, **client), offer(**server))
    assert [(guess.sent_by, guess.right) for guess in found.guesses] == [("client", right)]
    found = negotiate(offer(**client), offer(ssh.FOLLOWS, **server))
    assert [(guess.sent_by, guess.right) for guess in found.guesses] == [("server", right)]
    found = negotiate(offer(ssh.FOLLOWS, **client), offer(ssh.FOLLOWS, **server))
    assert [(guess.sent_by, guess.right) for guess in found.guesses] == [("client", right), ("server", right)]


@pytest.mark.parametrize(
    "server, words",
    [
        ({}, "key exchange method and host key algorithm"),
        ({"kex_algorithms": "a"}, "different key exchange methods"),
        ({"mac": "a"}, "cannot agree"),
        ({"server_host_key_algorithms": "rsa-sha2-512,ssh-ed25519"}, "different host key algorithms"),
    ],
)
def test_a_guess_says_why(server: dict[str, str], words: str) -> None:
    (guess,) = negotiate(offer(ssh.FOLLOWS), offer(**server)).guesses
    assert words in guess.reason


def test_dropbear_guesses_wrong_against_openssh_and_goes_on() -> None:
    client = proposal("client", "SSH-2.0-dropbear_2022.83")
    server = proposal("server", "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10")
    found = negotiate(client, server)
    assert [(guess.sent_by, guess.right) for guess in found.guesses] == [("client", False)]
    assert found.kex_algorithm.chosen == "curve25519-sha256"
    assert found.agreed


# --- real proposals --------------------------------------------------------------------------------------------------


def by_the_rule(client: tuple[str, ...], server: tuple[str, ...]) -> str | None:
    """RFC 4253 §7.1: iterate over the client's list; the first that the server also has."""
    for name in client:
        if name and name not in PSEUDO and name in server:
            return name
    return None


PROGRAMS = {side: [row["ident"] for row in RECORDED if row["side"] == side] for side in ("client", "server")}
PAIRS = list(itertools.product(PROGRAMS["client"], PROGRAMS["server"]))


@pytest.mark.parametrize("client_program, server_program", PAIRS)
def test_every_pair_of_programs(client_program: str, server_program: str) -> None:
    client, server = proposal("client", client_program), proposal("server", server_program)
    found = negotiate(client, server)
    for slot, name in LISTS.items():
        expected = by_the_rule(getattr(client, name), getattr(server, name))
        result = getattr(found, slot).chosen
        cipher = getattr(found, slot.replace("mac", "encryption")).chosen
        if slot.startswith("mac") and cipher is not None and ("gcm" in cipher or "poly1305" in cipher):
            assert result is None
            assert slot not in found.failed
        else:
            assert result == expected
            assert (slot in found.failed) == (expected is None)
    assert found.agreed == (not found.failed)


@pytest.mark.parametrize(
    "client, server, kex, host_key, cipher",  # what these programs were seen to use with each other
    [
        ("SSH-2.0-OpenSSH_10.5", "SSH-2.0-OpenSSH_10.5", "mlkem768x25519-sha256", "ssh-ed25519",
         "chacha20-poly1305@openssh.com"),
        ("SSH-2.0-PuTTY_Release_0.78", "SSH-2.0-lshd-2.1 lsh - a GNU ssh", "diffie-hellman-group14-sha1", "ssh-rsa",
         "aes256-cbc"),
        ("SSH-2.0-OpenSSH_9.9", "SSH-2.0-lshd-2.1 lsh - a GNU ssh", None, None, None),
    ],
)  # fmt: skip
def test_pairs(client: str, server: str, kex: str | None, host_key: str | None, cipher: str | None) -> None:
    found = negotiate(proposal("client", client), proposal("server", server))
    assert found.kex_algorithm.chosen == kex
    assert found.server_host_key_algorithm.chosen == host_key
    assert found.encryption_client_to_server.chosen == cipher


@pytest.mark.skipif(not TOLD, reason="the samples are not here")
@pytest.mark.parametrize("path", TOLD, ids=lambda path: path.parent.name)
def test_what_ssh_says_of_the_samples(path: Path) -> None:
    session = sshpcap.analyze(path.with_name("capture.pcap")).sessions[-1]  # whose words these are came last
    assert session.negotiation is not None
    found = chosen(session.negotiation)
    for slot, name in TOLD[path].items():
        assert found[slot] == (None if name == "<implicit>" else name)
    assert session.negotiation.agreed


# --- any proposals ---------------------------------------------------------------------------------------------------

names = st.lists(
    st.sampled_from(["a", "b", "c", "d", "", *PSEUDO, *AEAD, "none"]), max_size=6
).map(",".join)  # fmt: skip
proposals = st.builds(
    lambda follows, lists: offer(follows, **dict(zip(LISTS.values(), lists, strict=True))),
    st.booleans(),
    st.lists(names, min_size=len(LISTS), max_size=len(LISTS)),
)


@given(proposals, proposals)
def test_a_chosen_name_is_the_first_of_the_client_that_the_server_has(client: KexInit, server: KexInit) -> None:
    found = negotiate(client, server)
    for slot, name in LISTS.items():
        result = getattr(found, slot).chosen
        mine, theirs = getattr(client, name), getattr(server, name)
        if result is not None:
            assert result
            assert result in mine
            assert result in theirs
            assert slot != "kex_algorithm" or result not in PSEUDO
            before = mine[: mine.index(result)]
            assert not [other for other in before if other and other in theirs and other not in PSEUDO]
    assert found.agreed == (not found.failed)
    assert len(found.guesses) == client.first_kex_packet_follows + server.first_kex_packet_follows
