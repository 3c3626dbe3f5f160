"""RFC 4253 §7.1, §11; RFC 8308 §2.3: every clear message, whole and cut short at every octet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap.model import KexInit
from sshpcap.ssh.messages import NAME_LISTS, Disconnect, Fields, parse
from sshpcap.ssh.wire import Malformed
from tests.support import sshbytes as ssh

Layout = list[tuple[str, bytes]]

# A message: its name, its fields as they stand on the wire behind the number, and what is told of it.
MESSAGES: dict[int, tuple[str, Layout, Fields]] = {
    1: (
        "SSH_MSG_DISCONNECT",
        [
            ("reason code", ssh.uint32(11)),
            ("description", ssh.string("disconnected by user")),
            ("language tag", ssh.string("en")),
        ],
        {
            "reason": 11,
            "name": "SSH_DISCONNECT_BY_APPLICATION",
            "description": "disconnected by user",
            "language": "en",
        },
    ),
    2: ("SSH_MSG_IGNORE", [("data", ssh.string(b"\x00\xff\x1b"))], {"data_octets": 3}),
    3: ("SSH_MSG_UNIMPLEMENTED", [("packet sequence number", ssh.uint32(7))], {"sequence_number": 7}),
    4: (
        "SSH_MSG_DEBUG",
        [("always_display", ssh.boolean(True)), ("message", ssh.string("\x1b[1mhi")), ("language tag", ssh.string(""))],
        {"always_display": True, "message": r"\x1b[1mhi"},
    ),
    7: (
        "SSH_MSG_EXT_INFO",
        [
            ("nr-extensions", ssh.uint32(2)),
            ("extension-name", ssh.string("server-sig-algs")),
            ("extension-value", ssh.string("ssh-ed25519,rsa-sha2-512")),
            ("extension-name", ssh.string("no-flow-control")),
            ("extension-value", ssh.string("p")),
        ],
        {"extensions": ("server-sig-algs", "no-flow-control")},
    ),
    20: (
        "SSH_MSG_KEXINIT",
        [
            ("cookie", ssh.COOKIE),
            *((name, ssh.string(names)) for name, names in ssh.KEXINIT_LISTS.items()),
            ("first_kex_packet_follows", ssh.boolean(True)),
            ("reserved", ssh.uint32(0)),
        ],
        {"first_kex_packet_follows": True},
    ),
    21: ("SSH_MSG_NEWKEYS", [], {}),
}


@pytest.mark.parametrize("number", MESSAGES)
def test_whole(number: int) -> None:
    name, layout, fields = MESSAGES[number]
    parsed = parse(bytes((number,)) + b"".join(octets for _, octets in layout))
    assert (parsed.number, parsed.name, parsed.known) == (number, name, True)
    assert parsed.fields == fields
    assert not isinstance(parsed.value, Malformed)


@pytest.mark.parametrize("number", MESSAGES)
def test_cut_short_anywhere_names_the_field(number: int) -> None:
    name, layout, _ = MESSAGES[number]
    before = bytes((number,))
    for field, octets in layout:
        for size in range(len(octets)):
            parsed = parse(before + octets[:size])
            if (field, size) == ("language tag", 0) and number == 1:
                continue  # old programs leave it out
            assert (parsed.number, parsed.name, parsed.known, parsed.fields) == (number, name, True, {})
            assert isinstance(parsed.value, Malformed)
            assert parsed.value.field == field
            assert len(before) <= parsed.value.offset <= len(before) + size
        before += octets


def test_the_encoders_write_the_same() -> None:
    for number, encoded in {
        1: ssh.disconnect(11, "disconnected by user", "en"),
        3: ssh.unimplemented(7),
        20: ssh.kexinit(ssh.FOLLOWS),
        21: ssh.newkeys(),
    }.items():
        assert encoded == bytes((number,)) + b"".join(octets for _, octets in MESSAGES[number][1])


def test_kexinit_value() -> None:
    value = parse(ssh.kexinit(mac="a,b", languages_client_to_server="de")).value
    assert isinstance(value, KexInit)
    assert value.cookie == ssh.COOKIE.hex()
    assert value.first_kex_packet_follows is False
    for name in NAME_LISTS:
        names = ("a", "b") if name.startswith("mac") else tuple(filter(None, ssh.KEXINIT_LISTS[name].split(",")))
        assert getattr(value, name) == (("de",) if name == "languages_client_to_server" else names)
    assert tuple(ssh.KEXINIT_LISTS) == NAME_LISTS


def test_disconnect_value_and_the_language_tag_that_is_missing() -> None:
    assert parse(ssh.disconnect(2, "bye\n", "en")).value == Disconnect(2, r"bye\x0a", "en")
    without = parse(b"\x01" + ssh.uint32(2) + ssh.string("bye"))
    assert without.value == Disconnect(2, "bye", "")
    assert "language" not in without.fields
    assert parse(ssh.disconnect(77)).fields["name"] == "reason 77"


def test_a_count_of_extensions_that_lies() -> None:
    assert isinstance(parse(b"\x07\xff\xff\xff\xff").value, Malformed)
    many = parse(b"\x07\xff\xff\xff\xff" + (ssh.string("n") + ssh.string("")) * 1000)
    assert many.fields == {"extensions": ("n",) * 64}


def test_octets_behind_the_message_are_left_alone() -> None:
    assert parse(ssh.unimplemented(7) + b"more").fields == {"sequence_number": 7}


@pytest.mark.parametrize(
    "number, name",
    [
        (0, "message 0"),
        (5, "SSH_MSG_SERVICE_REQUEST"),
        (30, "message 30"),
        (53, "SSH_MSG_USERAUTH_BANNER"),
        (192, "message 192"),
        (255, "message 255"),
    ],
)
def test_a_message_that_is_not_read_keeps_its_number(number: int, name: str) -> None:
    parsed = parse(bytes((number,)) + b"whatever")
    assert (parsed.number, parsed.name, parsed.known, parsed.fields, parsed.value) == (number, name, False, {}, None)


@given(st.binary(min_size=1, max_size=300) | st.sampled_from(sorted(MESSAGES)).flatmap(
    lambda number: st.binary(max_size=60).map(lambda rest: bytes((number,)) + rest)
))  # fmt: skip
def test_no_payload_raises(payload: bytes) -> None:
    parsed = parse(payload)
    assert parsed.number == payload[0]
    assert parsed.known == (payload[0] in MESSAGES)
