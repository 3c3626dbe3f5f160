"""From the proposals to NEWKEYS: where each finding fires, and what is only near."""

import pytest

from sshpcap.ssh.public_values import prime_of
from tests.support.sessions import closed, findings_of, greeted, proposed, session_of, told
from tests.support.sshbytes import (
    debug,
    disconnect,
    ecdh_init,
    ecdh_reply,
    ed25519_key,
    gex_group,
    gex_init,
    gex_reply,
    gex_request,
    identification,
    kexdh_init,
    kexdh_reply,
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


@pytest.mark.parametrize("heard", [True, False])
def test_what_a_program_that_is_not_known_wanted_before_its_login(heard: bool) -> None:
    flow = shown(ed25519_key(), client="probe_1")
    flow.client.sends(packet(newkeys()))
    if heard:
        flow.server.sends(bytes(316))
        flow.client.acks()
    (finding,) = told(session_of(closed(flow)))
    assert (finding.id, finding.severity) == ("closed-during-login", "warning")
    assert "host key" in finding.causes[0]
    assert any("damaged" in cause for cause in finding.causes) == heard
    assert any("scanner" in cause for cause in finding.causes)


@pytest.mark.parametrize("software", ["Go", "OpenSSH_9.2p1"])
def test_a_client_in_go_that_leaves_at_the_host_key_may_be_a_scanner(software: str) -> None:
    """The same name is that of programs that log in and of scanners: nothing before the login tells them apart."""
    flow = shown(ed25519_key(), client=software)
    (finding,) = told(session_of(closed(flow)))
    scanner = software == "Go"
    assert (finding.id, finding.confidence) == ("host-key-not-accepted", "medium" if scanner else "high")
    assert any("scanner" in cause for cause in finding.causes) == scanner
    assert any("known_hosts" in cause for cause in finding.causes)


@pytest.mark.parametrize("heard", [True, False])
def test_a_client_in_go_that_leaves_behind_newkeys_took_the_host_key(heard: bool) -> None:
    """Go's library asks about the host key before it sends NEWKEYS."""
    flow = shown(ed25519_key(), client="Go")
    flow.client.sends(packet(newkeys()))
    if heard:
        flow.server.sends(bytes(316))
        flow.client.acks()
    (finding,) = told(session_of(closed(flow)))
    assert (finding.id, finding.severity) == ("closed-during-login", "warning")
    assert "scanner" in finding.causes[0]
    assert not any("did not accept the host key" in cause for cause in finding.causes)
    assert any("damaged" in cause for cause in finding.causes) == heard


@pytest.mark.parametrize(("software", "scanner"), [("Go", True), ("OpenSSH_9.2p1", False)])
def test_a_client_in_go_that_leaves_before_the_key_exchange_may_be_a_scanner(software: str, scanner: bool) -> None:
    both = greeted(client=identification(software))
    both.client.sends(packet(kexinit()))
    both.server.sends(packet(server_kexinit()))
    both.client.acks()
    for flow in (greeted(client=identification(software)), both):
        (finding,) = told(session_of(closed(flow)))
        assert finding.id == "closed-during-handshake"
        assert ("scanner" in finding.causes[0]) == scanner
    # One that waited for seconds lost its patience; a server that closes has its own reasons.
    flow = greeted(client=identification(software))
    flow.client.sends(packet(kexinit()))
    flow.server.acks()
    flow.wait(5)
    assert not any("scanner" in cause for found in told(session_of(closed(flow))) for cause in found.causes)
    (finding,) = told(session_of(closed(greeted(client=identification(software)), by="server")))
    assert not any("scanner" in cause for cause in finding.causes)


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


FIXED = {"kex_algorithms": "diffie-hellman-group14-sha256"}
PRIME = prime_of("diffie-hellman-group14-sha256") or 0


def answered(f: int, *, client: str = "OpenSSH_9.2p1") -> Flow:
    """A key exchange in group 14 up to the server's value."""
    flow = greeted(client=identification(client))
    flow.client.sends(packet(kexinit(**FIXED)))
    flow.server.acks()
    flow.server.sends(packet(server_kexinit(**FIXED)))
    flow.client.sends(packet(kexdh_init(5)))
    flow.server.sends(packet(kexdh_reply(ed25519_key(), f, signature())) + packet(newkeys()))
    flow.client.acks()
    return flow


@pytest.mark.parametrize(
    ("f", "fault"),
    [(-5, "negative"), (0, "0"), (1, "1"), (PRIME - 1, "p-1"), (PRIME, "p"), (PRIME + 1, "more than p")],
)
def test_a_number_that_diffie_hellman_does_not_allow(f: int, fault: str) -> None:
    (finding,) = told(session_of(closed(answered(f))))
    assert (finding.id, finding.confidence, finding.party) == ("invalid-key-exchange-value", "high", "server")
    assert f"f is {fault}, not from 2 to p-2" in finding.summary
    printed = finding.expected_messages.get("openssh_client", "")
    assert printed.startswith("invalid public DH value: ") == (fault != "negative")
    flow = proposed(client=FIXED, server=FIXED)
    flow.client.sends(packet(kexdh_init(f)))
    flow.server.acks()
    (finding,) = told(session_of(closed(flow, by="server")))
    assert (finding.id, finding.confidence, finding.party) == ("invalid-key-exchange-value", "high", "client")
    assert f"e is {fault}, not" in finding.summary


def test_the_last_numbers_that_are_allowed() -> None:
    for good in (2, PRIME - 2):
        assert findings_of(closed(answered(good))) == ["host-key-not-accepted"]


@pytest.mark.parametrize(("client", "told_of"), [("AsyncSSH_2.14.0", None), ("probe_1", "medium"), ("Go", "high")])
def test_not_every_program_minds_one(client: str, told_of: str | None) -> None:
    (finding,) = told(session_of(closed(answered(1, client=client))))
    assert (finding.id == "invalid-key-exchange-value") == (told_of is not None)
    assert told_of in (finding.confidence, None)
    (finding,) = told(session_of(closed(answered(0, client=client))))
    assert (finding.id, finding.confidence) == ("invalid-key-exchange-value", "high")


def test_a_client_that_took_the_number_did_not_leave_for_it() -> None:
    flow = answered(1)
    flow.client.sends(packet(newkeys()))
    assert "invalid-key-exchange-value" not in findings_of(closed(flow))


@pytest.mark.parametrize(("f", "found"), [(22, True), (23, True), (21, False)])
def test_the_prime_of_a_group_exchange_is_the_servers(f: int, found: bool) -> None:
    flow = exchange(2048, 3072, 8192)
    flow.server.sends(packet(gex_group(23, 5)))
    flow.client.sends(packet(gex_init(5)))
    flow.server.sends(packet(gex_reply(ed25519_key(), f, signature())))
    flow.client.acks()
    assert ("invalid-key-exchange-value" in findings_of(closed(flow))) == found


def test_a_wrong_guess_belongs_to_another_group() -> None:
    flow = greeted()
    guess = {"kex_algorithms": "diffie-hellman-group16-sha512,diffie-hellman-group14-sha256"}
    flow.client.sends(packet(kexinit(True, **guess)) + packet(kexdh_init(PRIME)))
    flow.server.acks()
    flow.server.sends(packet(server_kexinit(**FIXED)))
    assert "invalid-key-exchange-value" not in findings_of(closed(flow, by="server"))


def test_a_login_message_in_the_clear() -> None:
    flow = proposed()
    flow.client.sends(packet(b"\x32" + string("root") + string("ssh-connection") + string("none")))
    (finding,) = told(session_of(closed(flow, by="server")))
    assert (finding.id, finding.party) == ("unexpected-message", "client")
    left = proposed()
    left.client.sends(packet(b"\x32" + string("root")))
    assert "unexpected-message" not in findings_of(closed(left))


def new_keys_too_early() -> Flow:
    """A server that answers the client's part with NEWKEYS alone, and an OpenSSH that does not understand it."""
    flow = proposed()
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.sends(packet(newkeys()))
    flow.client.sends(packet(unimplemented(1)))
    flow.server.acks()
    return flow


@pytest.mark.parametrize("by", ["client", "server"])
def test_new_keys_in_place_of_the_servers_part(by: str) -> None:
    flow = new_keys_too_early()
    flow.wait(3)
    session = session_of(closed(flow, by=by))
    (finding,) = told(session)
    assert (finding.id, finding.confidence, finding.party) == ("unexpected-message", "high", "server")
    assert "before its part of the key exchange" in finding.summary
    assert "does not understand it (SSH_MSG_UNIMPLEMENTED, frame 14)" in finding.summary
    assert finding.expected_messages["openssh_client"] == "kex_protocol_error: type 21 seq 1"
    assert session.stage == "kex"
    assert session.awaited is not None
    assert (session.awaited.party, session.awaited.what) == ("server", "its key exchange reply")


def test_a_reader_that_leaves_at_early_new_keys() -> None:
    flow = proposed(client=GEX, server=GEX)
    flow.client.sends(packet(gex_request(2048, 3072, 8192)))
    flow.server.sends(packet(gex_group(PRIME, 2)) + packet(newkeys()))
    flow.client.acks()
    (finding,) = told(session_of(closed(flow)))
    assert (finding.id, finding.party) == ("unexpected-message", "server")
    client = proposed()
    client.client.sends(packet(newkeys()))
    client.server.acks()
    (finding,) = told(session_of(closed(client, by="server")))
    assert (finding.id, finding.party) == ("unexpected-message", "client")


def test_new_keys_are_not_early_where_octets_are_missing() -> None:
    flow = proposed()
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.sends(packet(ecdh_reply(ed25519_key(), bytes(32), signature())))
    flow.drop()
    flow.server.sends(packet(newkeys()))
    flow.client.acks()
    assert "unexpected-message" not in findings_of(closed(flow))


def test_a_server_that_closes_itself_behind_early_new_keys_was_not_left() -> None:
    flow = proposed()
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.sends(packet(newkeys()))
    flow.client.acks()
    flow.wait(120)
    found = findings_of(closed(flow, by="server"))
    assert "unexpected-message" not in found
    assert "login-grace-time" not in found


def test_a_packet_that_was_not_understood_is_named() -> None:
    flow = proposed(client=FIXED, server=FIXED)
    flow.client.sends(packet(kexdh_init(5)))
    flow.server.sends(packet(unimplemented(1)))
    flow.wait(3)
    (finding,) = told(session_of(closed(flow, by="server")))
    assert (finding.id, finding.confidence) == ("closed-during-handshake", "medium")
    assert "the server said that it did not understand SSH_MSG_KEXDH_INIT of frame 12 (frame 13)" in finding.summary
    assert "No message" not in finding.summary
    assert finding.causes[0].startswith("the server proposes diffie-hellman-group14-sha256, but does not have it")
    assert not any("hung" in cause for cause in finding.causes)
    assert any("KexAlgorithms=-diffie-hellman-group14-sha256" in r.action for r in finding.remedies)


def test_a_packet_that_was_not_understood_is_named_where_both_then_wait() -> None:
    flow = proposed(client=FIXED, server=FIXED)
    flow.client.sends(packet(kexdh_init(5)))
    flow.server.sends(packet(unimplemented(1)))
    flow.client.acks()
    flow.wait(20)
    (finding,) = told(session_of(closed(flow)))
    assert (finding.id, finding.party) == ("stalled", "server")
    assert "; the server said that it did not understand SSH_MSG_KEXDH_INIT of frame 12" in finding.summary
    assert "no answer came by" not in finding.summary
    assert finding.causes[0].startswith("the server proposes diffie-hellman-group14-sha256, but does not have it")


def test_a_number_of_a_packet_that_is_not_there_names_none() -> None:
    flow = proposed(client=FIXED, server=FIXED)
    flow.client.sends(packet(kexdh_init(5)))
    flow.server.sends(packet(unimplemented(7)))
    (finding,) = told(session_of(closed(flow, by="server")))
    assert "No message says why." in finding.summary


def test_the_last_debug_text_of_the_side_that_left_is_quoted() -> None:
    flow = proposed(client=FIXED, server=FIXED)
    flow.client.sends(packet(debug("hello")) + packet(kexdh_init(5)))
    flow.server.sends(packet(debug("starting")) + packet(debug("License expired", always_display=True)))
    (finding,) = told(session_of(closed(flow, by="server")))
    assert 'Before that, the server said: "License expired" (frame 13).' in finding.summary
    assert "hello" not in finding.summary
    assert finding.causes[0] == "what the server says in its debug message"


def test_of_a_traceback_a_summary_has_the_last_line() -> None:
    """Twisted Conch sends all of it."""
    text = 'Traceback (most recent call last):\n  File "transport.py", line 7, in f\n    g()\nValueError: bad point\n'
    flow = proposed()
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.sends(packet(disconnect(2, text)))
    session = session_of(closed(flow, by="server"))
    (finding,) = told(session)
    assert finding.id == "disconnect-message"
    assert '"ValueError: bad point"' in finding.summary
    assert "Traceback" not in finding.summary
    assert any("Traceback" in one.what for one in finding.evidence)
    assert session.close.disconnect is not None
    assert session.close.disconnect.description.startswith("Traceback")


def with_trailing(octets: bytes, *, goes_on: bool = False) -> Flow:
    """A server whose proposal has something behind its last field."""
    flow = greeted()
    flow.client.sends(packet(kexinit()))
    flow.server.sends(packet(server_kexinit() + octets))
    flow.client.acks()
    if goes_on:
        flow.client.sends(packet(ecdh_init(bytes(32))))
    return flow


def test_octets_behind_the_last_field_of_a_proposal() -> None:
    session = session_of(closed(with_trailing(bytes(3))))
    (finding,) = told(session)
    assert (finding.id, finding.confidence, finding.party) == ("malformed-message", "high", "server")
    assert "SSH_MSG_KEXINIT (frame 9) contradicts itself: 3 octets stand behind its last field" in finding.summary
    assert finding.expected_messages["openssh_client"].endswith("unexpected bytes remain after decoding")
    assert session.negotiation is not None  # other programs read on
    assert "malformed-message" not in findings_of(closed(with_trailing(bytes(3), goes_on=True)))
    assert "malformed-message" not in findings_of(closed(with_trailing(bytes(3)), by="server"))


@pytest.mark.parametrize(
    ("key", "signed", "said"),
    [
        (b"", b"", "its host key of 0 octets cannot be read, its signature cannot be read"),
        (ed25519_key()[:20], signature(), "its host key of 20 octets cannot be read"),
        (ed25519_key(), b"", "its signature cannot be read"),
    ],
    ids=("both", "key", "signature"),
)
def test_a_host_key_or_a_signature_that_is_none(key: bytes, signed: bytes, said: str) -> None:
    flow = proposed()
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.sends(packet(ecdh_reply(key, bytes(32), signed)))
    flow.client.acks()
    (finding,) = told(session_of(closed(flow)))
    assert (finding.id, finding.party) == ("malformed-message", "server")
    assert f"SSH_MSG_KEX_ECDH_REPLY (frame 13) is of no use: {said}." in finding.summary
    assert finding.expected_messages["openssh_client"].endswith("invalid format")


@pytest.mark.parametrize("by", ["server", "client"])
def test_a_server_that_ends_in_the_middle_of_its_answer(by: str) -> None:
    flow = proposed()
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.sends(packet(ecdh_reply(ed25519_key(), bytes(32), signature()))[:100])
    flow.client.acks()
    (flow.server if by == "server" else flow.client).rst()
    (finding,) = told(session_of(flow))
    assert finding.id == "closed-during-handshake"
    cut_off = "It was still sending: it has sent 100 of" in finding.summary
    assert cut_off == (by == "server")
    assert finding.causes[0].startswith("the server's program crashed or was killed while it sent") == cut_off
    assert any("did not like" in cause for cause in finding.causes) != cut_off


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
