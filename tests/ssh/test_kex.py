"""Messages 30 to 49 of every method: RFC 4253 §8, RFC 4419 §5, RFC 5656 §4, RFC 8731 §3.1 and the hybrid drafts."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap.ssh.kex import (
    ECDH,
    FIXED_DH,
    GROUP_EXCHANGE,
    GSS_DH,
    GSS_ECDH,
    GSS_GROUP_EXCHANGE,
    HYBRID,
    METHODS,
    RSA,
    Family,
    family_of,
    parse_kex,
    sender_by_form,
)
from sshpcap.ssh.wire import Malformed
from tests.support import sshbytes as ssh

KEY, SIGNATURE = ssh.ed25519_key(), ssh.signature()
PRIME = (1 << 2048) - 1942289


Field = tuple[str, bytes, bytes | int | str]


class Case(NamedTuple):
    """A message: who sends it, its number and name, its octets, and its fields as name, octets on the wire, value."""

    family: Family
    sender: str
    name: str
    payload: bytes
    fields: list[Field]


def _gss(family: Family, value: int | bytes, octets: bytes) -> list[Case]:
    """RFC 4462 §2.1 with both forms of COMPLETE."""
    names = ("Q_C", "Q_S") if isinstance(value, bytes) else ("e", "f")
    mic: Field = ("mic", ssh.string(b"mic"), b"mic")
    return [
        Case(family, "client", "SSH_MSG_KEXGSS_INIT", ssh.kexgss_init(b"token", value),
             [("token", ssh.string(b"token"), b"token"), (names[0], octets, value)]),
        Case(family, "both", "SSH_MSG_KEXGSS_CONTINUE", ssh.kexgss_continue(b"t"), [("token", ssh.string(b"t"), b"t")]),
        Case(family, "server", "SSH_MSG_KEXGSS_COMPLETE", ssh.kexgss_complete(value, b"mic"),
             [(names[1], octets, value), mic, ("has_token", b"\0", False)]),
        Case(family, "server", "SSH_MSG_KEXGSS_COMPLETE", ssh.kexgss_complete(value, b"mic", b"t"),
             [(names[1], octets, value), mic, ("has_token", b"\1", True), ("token", ssh.string(b"t"), b"t")]),
        Case(family, "server", "SSH_MSG_KEXGSS_HOSTKEY", ssh.kexgss_hostkey(KEY), [("K_S", ssh.string(KEY), KEY)]),
        Case(family, "server", "SSH_MSG_KEXGSS_ERROR", ssh.kexgss_error(0xD0000, 100001, "No key table entry found"),
             [("major_status", ssh.uint32(0xD0000), 0xD0000), ("minor_status", ssh.uint32(100001), 100001),
              ("message", ssh.string("No key table entry found"), "No key table entry found"),
              ("language", ssh.string(""), "")]),
    ]  # fmt: skip


REPLY_FIELDS: list[Field] = [("K_S", ssh.string(KEY), KEY), ("f", ssh.mpint(PRIME - 9), PRIME - 9)]
SIGNED: Field = ("signature", ssh.string(SIGNATURE), SIGNATURE)
CASES = [
    Case(FIXED_DH, "client", "SSH_MSG_KEXDH_INIT", ssh.kexdh_init(PRIME - 5), [("e", ssh.mpint(PRIME - 5), PRIME - 5)]),
    Case(FIXED_DH, "client", "SSH_MSG_KEXDH_INIT", ssh.kexdh_init(0), [("e", ssh.mpint(0), 0)]),
    Case(FIXED_DH, "client", "SSH_MSG_KEXDH_INIT", ssh.kexdh_init(-1), [("e", ssh.mpint(-1), -1)]),
    Case(
        FIXED_DH, "server", "SSH_MSG_KEXDH_REPLY", ssh.kexdh_reply(KEY, PRIME - 9, SIGNATURE), [*REPLY_FIELDS, SIGNED]
    ),
    Case(
        GROUP_EXCHANGE, "client", "SSH_MSG_KEX_DH_GEX_REQUEST_OLD", ssh.gex_request_old(2048),
        [("n", ssh.uint32(2048), 2048)],
    ),
    Case(
        GROUP_EXCHANGE, "client", "SSH_MSG_KEX_DH_GEX_REQUEST", ssh.gex_request(2048, 3072, 8192),
        [("min", ssh.uint32(2048), 2048), ("n", ssh.uint32(3072), 3072), ("max", ssh.uint32(8192), 8192)],
    ),
    Case(
        GROUP_EXCHANGE, "server", "SSH_MSG_KEX_DH_GEX_GROUP", ssh.gex_group(PRIME, 2),
        [("p", ssh.mpint(PRIME), PRIME), ("g", ssh.mpint(2), 2)],
    ),
    Case(GROUP_EXCHANGE, "client", "SSH_MSG_KEX_DH_GEX_INIT", ssh.gex_init(77), [("e", ssh.mpint(77), 77)]),
    Case(
        GROUP_EXCHANGE, "server", "SSH_MSG_KEX_DH_GEX_REPLY", ssh.gex_reply(KEY, PRIME - 9, SIGNATURE),
        [*REPLY_FIELDS, SIGNED],
    ),
    Case(
        ECDH, "client", "SSH_MSG_KEX_ECDH_INIT", ssh.ecdh_init(b"\x04" * 65),
        [("Q_C", ssh.string(b"\x04" * 65), b"\x04" * 65)],
    ),
    Case(
        ECDH, "server", "SSH_MSG_KEX_ECDH_REPLY", ssh.ecdh_reply(KEY, b"Q" * 32, SIGNATURE),
        [("K_S", ssh.string(KEY), KEY), ("Q_S", ssh.string(b"Q" * 32), b"Q" * 32), SIGNED],
    ),
    Case(
        HYBRID, "client", "SSH_MSG_KEX_HYBRID_INIT", ssh.ecdh_init(b"C" * 1216),
        [("C_INIT", ssh.string(b"C" * 1216), b"C" * 1216)],
    ),
    Case(
        HYBRID, "server", "SSH_MSG_KEX_HYBRID_REPLY", ssh.ecdh_reply(KEY, b"S" * 1120, SIGNATURE),
        [("K_S", ssh.string(KEY), KEY), ("S_REPLY", ssh.string(b"S" * 1120), b"S" * 1120), SIGNED],
    ),
    Case(
        RSA, "server", "SSH_MSG_KEXRSA_PUBKEY", ssh.kexrsa_pubkey(KEY, ssh.rsa_key(PRIME)),
        [("K_S", ssh.string(KEY), KEY), ("K_T", ssh.string(ssh.rsa_key(PRIME)), ssh.rsa_key(PRIME))],
    ),
    Case(
        RSA, "client", "SSH_MSG_KEXRSA_SECRET", ssh.kexrsa_secret(b"s" * 256),
        [("encrypted_secret", ssh.string(b"s" * 256), b"s" * 256)],
    ),
    Case(RSA, "server", "SSH_MSG_KEXRSA_DONE", ssh.kexrsa_done(SIGNATURE), [SIGNED]),
    *(
        case
        for family, value, octets in ((GSS_DH, PRIME - 5, ssh.mpint(PRIME - 5)), (GSS_ECDH, b"Q" * 32,
                                      ssh.string(b"Q" * 32)), (GSS_GROUP_EXCHANGE, PRIME - 5, ssh.mpint(PRIME - 5)))
        for case in _gss(family, value, octets)
    ),
    Case(
        GSS_GROUP_EXCHANGE, "client", "SSH_MSG_KEXGSS_GROUPREQ", ssh.kexgss_groupreq(2048, 3072, 8192),
        [("min", ssh.uint32(2048), 2048), ("n", ssh.uint32(3072), 3072), ("max", ssh.uint32(8192), 8192)],
    ),
    Case(
        GSS_GROUP_EXCHANGE, "server", "SSH_MSG_KEXGSS_GROUP", ssh.kexgss_group(PRIME, 2),
        [("p", ssh.mpint(PRIME), PRIME), ("g", ssh.mpint(2), 2)],
    ),
]  # fmt: skip
IDS = [f"{case.name}-{place}" for place, case in enumerate(CASES)]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_whole(case: Case) -> None:
    message = case.family[case.payload[0]]
    assert (message.name, message.sender) == (case.name, case.sender)
    assert parse_kex(case.payload, message) == {name: value for name, _, value in case.fields}
    assert case.payload[1:] == b"".join(octets for _, octets, _ in case.fields)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_cut_short_anywhere_names_the_field(case: Case) -> None:
    message = case.family[case.payload[0]]
    at = 1
    for name, octets, _ in case.fields:
        for size in range(at, at + len(octets)):
            read = parse_kex(case.payload[:size], message)
            assert isinstance(read, Malformed)
            assert read.field == name
            assert at <= read.offset <= size
        at += len(octets)


def test_every_message_of_every_family_is_tried() -> None:
    tried = {(id(case.family), case.payload[0]) for case in CASES}
    assert tried == {(id(family), number) for _, family in METHODS for number in family}


@pytest.mark.parametrize(
    "family, methods",
    [
        (
            FIXED_DH,
            "diffie-hellman-group1-sha1 diffie-hellman-group14-sha1 diffie-hellman-group14-sha256 "
            "diffie-hellman-group15-sha512 diffie-hellman-group16-sha512 diffie-hellman-group17-sha512 "
            "diffie-hellman-group18-sha512 diffie-hellman-group14-sha224@ssh.com",
        ),
        (GROUP_EXCHANGE, "diffie-hellman-group-exchange-sha1 diffie-hellman-group-exchange-sha256"),
        (
            ECDH,
            "ecdh-sha2-nistp256 ecdh-sha2-nistp384 ecdh-sha2-nistp521 ecdh-sha2-1.3.132.0.10 curve25519-sha256 "
            "curve25519-sha256@libssh.org curve448-sha512",
        ),
        (
            HYBRID,
            "mlkem768x25519-sha256 mlkem768nistp256-sha256 mlkem1024nistp384-sha384 sntrup761x25519-sha512 "
            "sntrup761x25519-sha512@openssh.com",
        ),
        (RSA, "rsa1024-sha1 rsa2048-sha256"),
        (GSS_DH, "gss-group1-sha1-toWM5Slw5Ew8Mqkay+al2g== gss-group14-sha256-toWM5Slw5Ew8Mqkay+al2g=="),
        (GSS_GROUP_EXCHANGE, "gss-gex-sha1-toWM5Slw5Ew8Mqkay+al2g=="),
        (GSS_ECDH, "gss-nistp256-sha256-toWM5Slw5Ew8Mqkay+al2g== gss-curve25519-sha256-toWM5Slw5Ew8Mqkay+al2g=="),
        (None, "ext-info-c none curve25519 diffie-hellman rsa4096-sha512"),
    ],
)
def test_methods(family: Family | None, methods: str) -> None:
    for method in methods.split():
        assert family_of(method) is family, method


@given(st.sampled_from(CASES), st.binary(max_size=80))
def test_no_payload_raises(case: Case, rest: bytes) -> None:
    message = case.family[case.payload[0]]
    read = parse_kex(case.payload[:1] + rest, message)
    names = [name for name, _ in message.fields]
    assert isinstance(read, Malformed) or [name for name in read if name != "trailing"] in (names, names[:-1])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_sender_by_the_form_alone(case: Case) -> None:
    """Right where it is told; told for what begins and what ends every exchange of the common families."""
    told = sender_by_form(case.payload)
    assert told in (case.sender, None)
    if not case.name.startswith(("SSH_MSG_KEXRSA", "SSH_MSG_KEXGSS")):
        assert (told is None) == (case.name in ("SSH_MSG_KEX_DH_GEX_REQUEST_OLD", "SSH_MSG_KEX_DH_GEX_INIT"))


RFC_4432_KEY = b"\x1e" + ssh.string(KEY) + ssh.string(b"transient key")
RFC_4432_SECRET = b"\x1f" + ssh.string(bytes(256))
RFC_4462_INIT = b"\x1e" + ssh.string(b"token") + ssh.mpint(PRIME)
RFC_4462_CONTINUE = b"\x1f" + ssh.string(b"token")
RFC_4462_COMPLETE = b"\x20" + ssh.mpint(5) + ssh.string(b"mic") + ssh.boolean(False)
RFC_4462_ERROR = b"\x22" + ssh.uint32(1) + ssh.uint32(2) + ssh.string("why") + ssh.string("")


@pytest.mark.parametrize(
    "payload",
    [RFC_4432_KEY, RFC_4432_SECRET, RFC_4462_INIT, RFC_4462_CONTINUE, RFC_4462_COMPLETE, RFC_4462_ERROR, b"\x1e", b""],
)
def test_other_methods_use_the_numbers_in_their_own_way(payload: bytes) -> None:
    assert sender_by_form(payload) is None


@given(st.binary(max_size=40))
def test_the_sender_of_any_octets(octets: bytes) -> None:
    assert sender_by_form(octets) in ("client", "server", None)
