"""From the proposals to NEWKEYS: where each finding fires, and what is only near."""

import pytest

from tests.support.sessions import closed, findings_of, greeted, proposed, session_of, told
from tests.support.sshbytes import (
    disconnect,
    ecdh_init,
    ecdh_reply,
    ed25519_key,
    gex_group,
    gex_init,
    gex_request,
    identification,
    kexinit,
    mpint,
    newkeys,
    packet,
    rsa_key,
    server_kexinit,
    signature,
    string,
    uint32,
    uint64,
    unimplemented,
)
from tests.support.wireflow import START, Flow

GEX = {"kex_algorithms": "diffie-hellman-group-exchange-sha256"}
NOW = START // 1_000_000_000


def certificate(*, after: int, before: int, principals: tuple[str, ...] = ("host",), kind: int = 2) -> bytes:
    """A host certificate as PROTOCOL.certkeys writes it."""
    names = b"".join(string(name) for name in principals)
    return (
        string("ssh-ed25519-cert-v01@openssh.com") + string(bytes(32)) + string(bytes(range(32))) + uint64(1)
        + uint32(kind) + string("id") + string(names) + uint64(after) + uint64(before) + string("") + string("")
        + string("") + string(ed25519_key()) + string(signature())
    )  # fmt: skip


def shown(key: bytes, *, client: str = "OpenSSH_9.2p1", lists: dict[str, str] | None = None) -> Flow:
    """A handshake up to the server's NEWKEYS, with this host key."""
    flow = greeted(client=identification(client))
    flow.client.sends(packet(kexinit(**(lists or {}))))
    flow.server.acks()
    flow.server.sends(packet(server_kexinit(**(lists or {}))))
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.sends(packet(ecdh_reply(key, bytes(32), signature())) + packet(newkeys()))
    flow.client.acks()
    return flow


def test_an_expired_certificate_is_read_from_the_capture() -> None:
    flow = shown(certificate(after=NOW - 900, before=NOW - 60))
    (finding,) = told(session_of(closed(flow)))
    assert (finding.id, finding.confidence) == ("host-certificate-not-accepted", "high")
    assert "had expired" in finding.summary
    assert "had expired" in finding.causes[0]


def test_a_certificate_that_is_not_valid_yet_or_for_users() -> None:
    (early,) = told(session_of(closed(shown(certificate(after=NOW + 600, before=NOW + 900)))))
    assert "not valid yet" in early.causes[0]
    (user,) = told(session_of(closed(shown(certificate(after=0, before=2**64 - 1, kind=1)))))
    assert "not one for a host" in user.causes[0]


def test_a_good_certificate_is_not_blamed_for_its_dates() -> None:
    (finding,) = told(session_of(closed(shown(certificate(after=NOW - 60, before=NOW + 900)))))
    assert "principals (host)" in finding.causes[0]
    assert "expired" not in finding.summary


def test_an_expired_certificate_that_was_accepted_is_a_remark() -> None:
    flow = shown(certificate(after=NOW - 900, before=NOW - 60))
    flow.client.sends(packet(newkeys()) + bytes(200))
    session = session_of(closed(flow))
    assert [finding.id for finding in session.findings] == ["certificate-expired"]
    assert session.outcome == "encrypted"


@pytest.mark.parametrize(("bits", "found"), [(768, "high"), (1024, "medium"), (3072, None)])
def test_short_rsa_key(bits: int, found: str | None) -> None:
    (finding,) = told(session_of(closed(shown(rsa_key(1 << (bits - 1) | 1)))))
    expected = ("host-key-too-short", found) if found else ("host-key-not-accepted", "high")
    assert (finding.id, finding.confidence) == expected


def test_a_person_who_says_no_to_a_short_key_is_a_person() -> None:
    flow = shown(rsa_key(1 << 1023 | 1))
    flow.wait(5)
    (finding,) = told(session_of(closed(flow)))
    assert finding.id == "host-key-not-accepted"
    assert finding.causes[0].startswith("the user was asked")


@pytest.mark.parametrize(("client", "confidence"), [("OpenSSH_9.2p1", "high"), ("probe_1", "medium")])
def test_what_a_program_that_is_not_known_wanted_is_not_known(client: str, confidence: str) -> None:
    (finding,) = told(session_of(closed(shown(ed25519_key(), client=client))))
    assert (finding.id, finding.confidence) == ("host-key-not-accepted", confidence)


def test_the_tutorials_remedies_for_a_changed_key_are_there() -> None:
    (finding,) = told(session_of(closed(shown(ed25519_key()))))
    commands = [remedy.command or "" for remedy in finding.remedies]
    assert "ssh-keygen -R '203.0.113.7'" in commands
    assert any(r"HKCU\Software\SimonTatham\PuTTY\SshHostKeys" in command for command in commands)
    assert any("~/.putty/sshhostkeys" in command for command in commands)
    printed = " ".join(finding.expected_messages.values())
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in printed
    assert "POTENTIAL SECURITY BREACH" in printed


def test_another_port_stands_in_brackets() -> None:
    class Elsewhere(Flow):
        def __init__(self) -> None:
            super().__init__(ports=(40022, 2222))

    flow = proposed(Elsewhere())
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.sends(packet(ecdh_reply(ed25519_key(), bytes(32), signature())) + packet(newkeys()))
    flow.client.acks()
    (finding,) = told(session_of(closed(flow)))
    assert "ssh-keygen -R '[203.0.113.7]:2222'" in [remedy.command for remedy in finding.remedies]


def test_keyscan_asks_for_a_kind_of_key_that_the_server_does_not_have() -> None:
    """It asks for each kind, one connection each: nothing is wrong, and nothing is to be added to the server."""
    flow = greeted(client=identification("OpenSSH-keyscan"))
    flow.client.sends(packet(kexinit(server_host_key_algorithms="sk-ssh-ed25519@openssh.com")))
    flow.server.acks()
    flow.server.sends(packet(server_kexinit(server_host_key_algorithms="ssh-ed25519")))
    flow.client.acks()
    (finding,) = told(session_of(closed(flow)))
    assert (finding.id, finding.severity) == ("host-key-collected", "warning")
    assert "sk-ssh-ed25519@openssh.com" in finding.summary
    assert not any(remedy.command for remedy in finding.remedies)


def test_keyscan_is_no_refusal() -> None:
    (finding,) = told(session_of(closed(shown(ed25519_key(), client="OpenSSH-keyscan"))))
    assert (finding.id, finding.severity) == ("host-key-collected", "warning")


@pytest.mark.parametrize("client", ["paramiko_3.4.0", "libssh2_1.10.0", "OpenSSH_9.2p1"])
def test_a_client_that_leaves_right_behind_newkeys(client: str) -> None:
    flow = shown(ed25519_key(), client=client)
    flow.client.sends(packet(newkeys()))
    session = session_of(closed(flow))
    assert session.outcome == "encrypted"
    library = not client.startswith("OpenSSH")
    expected = "host-key-rejected-after-newkeys" if library else "closed-during-login"
    assert [f.id for f in session.findings] == [expected]
    assert all(f.confidence == "medium" for f in session.findings)


def test_a_library_that_tried_to_log_in_accepted_the_key() -> None:
    flow = shown(ed25519_key(), client="paramiko_3.4.0")
    flow.client.sends(packet(newkeys()) + bytes(range(48)))
    flow.server.sends(bytes(range(48)))
    flow.client.sends(bytes(range(80)))
    assert findings_of(closed(flow)) == []


# --- the key exchange itself -----------------------------------------------------------------------------------------


def exchange(minimum: int, preferred: int, maximum: int) -> Flow:
    """A group exchange up to the client's request."""
    flow = proposed(client=GEX, server=GEX)
    flow.client.sends(packet(gex_request(minimum, preferred, maximum)))
    flow.server.acks()
    return flow


def test_a_group_that_is_smaller_than_the_client_asked_for() -> None:
    flow = exchange(2048, 3072, 8192)
    flow.server.sends(packet(gex_group(1 << 1023 | 1, 2)))
    (finding,) = told(session_of(closed(flow)))
    assert (finding.id, finding.confidence, finding.party) == ("group-out-of-range", "high", "server")
    assert "DH GEX group out of range" in finding.expected_messages["openssh_client"]


def test_a_small_group_that_the_client_took_is_no_finding() -> None:
    flow = exchange(2048, 3072, 8192)
    flow.server.sends(packet(gex_group(1 << 1023 | 1, 2)))
    flow.client.sends(packet(gex_init(5)))
    assert "group-out-of-range" not in findings_of(closed(flow))
    allowed = exchange(1024, 2048, 8192)
    allowed.server.sends(packet(gex_group(1 << 1023 | 1, 2)))
    assert "group-out-of-range" not in findings_of(closed(allowed))


def test_a_request_that_no_server_can_fulfil() -> None:
    (finding,) = told(session_of(closed(exchange(16000, 16000, 16384), by="server")))
    assert (finding.id, finding.party) == ("group-out-of-range", "client")
    assert findings_of(closed(exchange(2048, 3072, 8192), by="server")) == ["closed-during-handshake"]


@pytest.mark.parametrize(("size", "finding"), [(31, "invalid-key-exchange-value"), (32, "closed-during-handshake")])
def test_a_value_of_a_wrong_size(size: int, finding: str) -> None:
    flow = proposed()
    flow.client.sends(packet(ecdh_init(bytes(size))))
    flow.server.acks()
    assert findings_of(closed(flow, by="server")) == [finding]


def test_a_wrong_size_and_a_client_that_left_itself_are_not_connected() -> None:
    flow = proposed()
    flow.client.sends(packet(ecdh_init(bytes(31))))
    assert findings_of(closed(flow)) == ["closed-during-handshake"]


def test_a_login_message_in_the_clear() -> None:
    flow = proposed()
    flow.client.sends(packet(b"\x32" + string("root") + string("ssh-connection") + string("none")))
    (finding,) = told(session_of(closed(flow, by="server")))
    assert (finding.id, finding.party) == ("unexpected-message", "client")
    left = proposed()
    left.client.sends(packet(b"\x32" + string("root")))
    assert "unexpected-message" not in findings_of(closed(left))


def test_a_second_proposal() -> None:
    flow = proposed()
    flow.client.sends(packet(kexinit(False, b"x" * 16, encryption="aes256-ctr")))
    session = session_of(closed(flow, by="server"))
    (finding,) = told(session)
    assert (finding.id, finding.party, finding.confidence) == ("unexpected-message", "client", "medium")
    assert "a second time" in finding.summary
    assert session.negotiation is not None
    assert session.negotiation.encryption_client_to_server.chosen == "aes128-ctr"
    left = proposed()
    left.client.sends(packet(kexinit(False, b"x" * 16)))
    assert "unexpected-message" not in findings_of(closed(left))
    answered = proposed()
    answered.client.sends(packet(kexinit(False, b"x" * 16)))
    answered.server.sends(packet(unimplemented(1)))
    assert "unexpected-message" not in findings_of(closed(answered, by="server"))


@pytest.mark.parametrize(
    "after, before, word", [(-60, 60, "valid"), (60, 120, "not yet valid"), (-120, -60, "expired")]
)
def test_the_times_of_a_certificate_when_it_was_shown(after: int, before: int, word: str) -> None:
    session = session_of(closed(shown(certificate(after=NOW + after, before=NOW + before))))
    assert session.host_key is not None
    assert session.host_key.certificate is not None
    assert session.host_key.certificate.when_shown == word


# --- octets that are no packet --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "number", "text"),
    [(b"GET / HTTP/1.1\r\n\r\n", 1195725856, "GET "), (b"\x7f\xff\xff\xff" + bytes(20), 2147483647, None)],
    ids=("text", "binary"),
)
def test_bad_packet_length(octets: bytes, number: int, text: str | None) -> None:
    flow = greeted()
    flow.client.sends(octets)
    flow.server.acks()
    (finding,) = told(session_of(closed(flow, by="server")))
    assert finding.id == "bad-packet-length"
    assert f"Bad packet length {number}." in finding.expected_messages["sshd_log"]
    assert f"(bad packet size {number + 4})" in finding.expected_messages["dropbear_log"]
    assert (f'The number is the text "{text}"' in finding.summary) == (text is not None)


def test_a_proposal_is_no_bad_packet() -> None:
    assert "bad-packet-length" not in findings_of(closed(proposed()))


def test_a_proposal_that_ends_too_early() -> None:
    flow = greeted()
    flow.server.sends(packet(server_kexinit()[:60]))
    (finding,) = told(session_of(closed(flow)))
    assert (finding.id, finding.party) == ("malformed-message", "server")
    assert "incomplete message" in finding.expected_messages["openssh_client"]


@pytest.mark.parametrize(
    ("code", "words"), [(12, "as many connections"), (2, "broke the protocol"), (10, "what the text says")]
)
def test_a_disconnect_has_causes_by_its_code(code: int, words: str) -> None:
    flow = proposed()
    flow.server.sends(packet(disconnect(code, "because")))
    (finding,) = told(session_of(closed(flow, by="server")))
    assert words in finding.causes[0]
    assert (
        f"Received disconnect from 203.0.113.7 port 22:{code}: because" in finding.expected_messages["openssh_client"]
    )


def test_braces_in_a_peers_text_stay_what_they_are() -> None:
    flow = proposed()
    flow.server.sends(packet(disconnect(2, "{server} {0} {oops")))
    (finding,) = told(session_of(closed(flow, by="server")))
    assert "{server} {0} {oops" in finding.expected_messages["openssh_client"]


def test_a_group_number_is_an_mpint() -> None:
    """The helper above builds what RFC 4251 §5 says of mpint: a leading zero where the top bit is set."""
    assert mpint(0x80) == b"\x00\x00\x00\x02\x00\x80"
