"""What is said of a login and of a session: made conversations where each finding fires, and near misses."""

from collections.abc import Callable

import pytest

from sshpcap.frames import RST
from sshpcap.limits import LAST_DATA
from sshpcap.model import Finding, Session
from tests.support.logins import AES_GCM, CHACHA, CIPHERS, CTR, SUCCESS, Cipher, Login, sealed
from tests.support.sessions import session_of, told
from tests.support.wireflow import Flow

THREE = "publickey,password,keyboard-interactive"
TOO_MANY = 1 + 4 + 4 + len("Too many authentication failures") + 4


def _found(flow: Flow) -> list[tuple[str, str, str]]:
    return [(f.id, f.severity, f.confidence) for f in told(session_of(flow))]


def _one(flow: Flow) -> tuple[Session, Finding]:
    session = session_of(flow)
    (finding,) = told(session)
    return session, finding


def _at_methods(methods: str = THREE, cipher: Cipher = CHACHA) -> Login:
    """A login of which the methods are known."""
    login = Login(cipher)
    login.begins()
    login.asks(40, login.refusal(methods))
    return login


def _session(cipher: Cipher = CHACHA) -> Login:
    """A login that succeeded, and a channel that is in use."""
    login = _at_methods(cipher=cipher)
    login.asks(280, SUCCESS)
    for _ in range(4):
        login.asks(90, 300)
    return login


@pytest.mark.parametrize("cipher", CIPHERS, ids=lambda cipher: f"{cipher.encryption} {cipher.mac}")
def test_a_login_and_a_logout_are_no_finding(cipher: Cipher) -> None:
    session = session_of(_session(cipher).ends())
    assert told(session) == []
    assert session.verdict.cause is None
    assert "successful login (confidence medium" in session.verdict.summary


def test_wrong_passwords() -> None:
    login = Login()
    login.wrong_passwords(3, THREE)
    session, finding = _one(login.ends())
    assert (finding.id, finding.severity, finding.confidence) == ("authentication-failed", "error", "medium")
    assert session.outcome == "encrypted"
    assert "3 requests were refused as slowly as passwords" in session.verdict.summary
    assert f"Permission denied ({THREE})." in finding.expected_messages["openssh_client"]
    frames = [item.frame for item in finding.evidence]
    assert frames == sorted(frames)
    assert session.close.frame in frames


def _sent_again(*, heard: bool) -> Login:
    """A request of which copies were sent 1 s and 4 s later; the answer comes behind the last one at once. The server
    may have acknowledged the first copy."""
    login = _at_methods("publickey")
    client, request = login.flow.client, sealed(CHACHA, 110)
    start = client.next - 1
    client.sends(request)
    login.flow.wait(1)
    client.sends(request, at=start)
    if heard:
        login.flow.server.acks()
    login.flow.wait(3)
    client.sends(request, at=start)
    login.flow.wait(0.01)
    login.says(login.flow.server, login.refusal("publickey"))
    return login


def test_a_request_that_was_lost_is_no_slow_refusal() -> None:
    """A refused key: what took seconds is the way of the request, and the answer came at once behind its last copy."""
    session, finding = _one(_sent_again(heard=False).ends())
    assert session.authentication is not None
    assert session.authentication.slow_refusals == 0
    last = session.authentication.exchanges[-1]
    assert last.delay is not None
    assert last.delay.ns < 50_000_000
    assert last.answer_frame is not None
    assert last.frame == last.answer_frame - 1
    assert finding.id != "authentication-failed"


def test_a_copy_behind_the_acknowledgement_does_not_make_a_refusal_quick() -> None:
    """The request had arrived; the client had not heard of it yet when it sent the last copy."""
    session, finding = _one(_sent_again(heard=True).ends())
    assert session.authentication is not None
    assert session.authentication.slow_refusals == 1
    assert finding.id == "authentication-failed"


def test_a_wrong_password_and_then_the_right_one_is_no_finding() -> None:
    login = Login()
    login.wrong_passwords(1)
    login.asks(64, SUCCESS, after=0.3)
    for _ in range(3):
        login.asks(90, 300)
    assert _found(login.ends()) == []


def test_an_unfinished_login_is_no_failure() -> None:
    login = Login()
    login.wrong_passwords(2)
    assert _found(login.flow) == []


def test_six_wrong_passwords_may_be_the_servers_limit() -> None:
    login = Login()
    login.wrong_passwords(6)
    assert "MaxAuthTries" in session_of(login.ends()).verdict.summary


def test_too_many_keys() -> None:
    login = _at_methods()
    for _ in range(5):
        login.asks(110, login.refusal(THREE))
    assert _found(login.ends("server")) == [("too-many-authentication-failures", "error", "medium")]


def test_too_many_keys_and_the_client_closes_first() -> None:
    """The last answer is as long as sshd's word for it, and not as the refusals."""
    login = _at_methods("publickey,password")
    for _ in range(3):
        login.asks(110, login.refusal("publickey,password"))
    login.asks(110, TOO_MANY)
    assert _found(login.ends()) == [("too-many-authentication-failures", "error", "medium")]


@pytest.mark.parametrize("cipher", CIPHERS, ids=lambda cipher: f"{cipher.encryption} {cipher.mac}")
def test_too_many_keys_in_every_cipher(cipher: Cipher) -> None:
    """With AES-CTR the word for it may be a success and one packet more by its size, but nobody goes on behind it."""
    login = _at_methods("publickey", cipher)
    for _ in range(2):
        login.asks(110, login.refusal("publickey"))
    login.asks(110, TOO_MANY)
    assert _found(login.ends()) == [("too-many-authentication-failures", "error", "medium")]


def test_what_may_be_a_success_is_none_where_the_client_goes_on() -> None:
    login = _at_methods("publickey", CTR)
    for _ in range(2):
        login.asks(110, login.refusal("publickey"))
    login.asks(110, TOO_MANY)
    login.says(login.flow.client, 40)
    session = session_of(login.ends())
    assert session.authentication is not None
    assert session.authentication.result == "unknown"


def _at_asyncssh(cipher: Cipher, *answers: int, together: bool = False) -> Session:
    """AsyncSSH's server, which sends an empty SSH_MSG_IGNORE (5 octets) in front of every packet of a login: a write of
    its own, that may share a segment with the next."""
    login = Login(cipher, software="AsyncSSH_2.24.1")
    login.begins()
    went_on = (300, 300, 300) if answers[-1] == SUCCESS else ()
    for answer in (*answers, *went_on):
        if together:
            login.asks(64, 5, answer)
        else:
            login.asks(64, 5)
            login.says(login.flow.server, answer)
    return session_of(login.ends())


@pytest.mark.parametrize("cipher", CIPHERS, ids=lambda cipher: f"{cipher.encryption} {cipher.mac}")
def test_what_is_to_be_ignored_is_no_success(cipher: Cipher) -> None:
    refusal = Login.refusal("password")
    refused = _at_asyncssh(cipher, refusal, refusal, refusal).authentication
    accepted = _at_asyncssh(cipher, refusal, refusal, SUCCESS).authentication
    assert refused is not None
    assert accepted is not None
    assert (refused.result, refused.refusals, refused.accepted_frame) == ("failed", 3, None)
    assert (accepted.result, accepted.refusals) == ("succeeded", 2)
    joined = _at_asyncssh(cipher, refusal, refusal, refusal, together=True).authentication
    assert joined is not None
    assert joined.result in ("failed", "unknown")
    joined = _at_asyncssh(cipher, refusal, refusal, SUCCESS, together=True).authentication
    assert joined is not None
    assert joined.result in ("succeeded", "unknown")


def test_quick_refusals_of_a_server_that_may_know_no_pause() -> None:
    """publickey and password are about as long: only of servers that refuse passwords slowly does that tell of keys."""
    session = _at_asyncssh(CHACHA, *[Login.refusal("password")] * 3)
    (finding,) = told(session)
    assert (finding.id, finding.confidence) == ("no-usable-public-key", "low")


def test_a_reset_tells_how_much_was_sent() -> None:
    """Octets that the capture lost: the answer that matters may be among them."""
    login = _at_methods("publickey")
    login.asks(110, 75)
    login.flow.server.skips(28)
    login.flow.server.rst()
    inferred = session_of(login.flow).authentication
    assert inferred is not None
    assert inferred.result == "unknown"


@pytest.mark.parametrize("cipher", CIPHERS, ids=lambda cipher: f"{cipher.encryption} {cipher.mac}")
def test_a_question_is_no_refusal_of_a_key(cipher: Cipher) -> None:
    """keyboard-interactive: the question may be as long as a refusal; behind the reply PAM asks for nothing more."""
    methods = "publickey,keyboard-interactive"
    login = _at_methods(methods, cipher)
    login.asks(64, login.refusal(methods))  # SSH_MSG_USERAUTH_INFO_REQUEST
    login.asks(40, 17)
    login.asks(20, SUCCESS)
    for _ in range(4):
        login.asks(90, 300)
    inferred = session_of(login.ends()).authentication
    assert inferred is not None
    assert (inferred.result, inferred.method, inferred.refusals) == ("succeeded", None, 1)


def test_a_known_key_that_cannot_sign() -> None:
    """The private key is encrypted, and nobody is there to be asked for the passphrase."""
    login = _at_methods("publickey")
    login.asks(110, 75)  # SSH_MSG_USERAUTH_PK_OK
    _, finding = _one(login.ends())
    assert finding.id == "closed-during-login"
    assert "could not sign" in finding.causes[0]
    assert not any("no key or method" in cause for cause in finding.causes)
    assert "Permission denied (publickey)." in finding.expected_messages["openssh_client"]


def test_a_client_without_a_method_where_the_list_may_have_several() -> None:
    """A list of two is as long as keyboard-interactive alone: nothing says that the server takes one method only."""
    login = _at_methods("publickey,password")
    assert _found(login.ends()) == [("closed-during-login", "error", "medium")]


def test_a_user_who_is_kept_out_is_among_the_causes() -> None:
    login = _at_methods("publickey")
    login.asks(110, login.refusal("publickey"))
    _, finding = _one(login.ends())
    assert any("AllowUsers" in cause for cause in finding.causes)


def test_two_refusals_and_a_server_that_closes_are_not_too_many() -> None:
    login = _at_methods()
    login.asks(110, login.refusal(THREE))
    assert _found(login.ends("server")) == [("closed-during-login", "error", "medium")]


def test_refused_keys_where_nothing_else_is_offered() -> None:
    login = _at_methods("publickey")
    for _ in range(2):
        login.asks(110, login.refusal("publickey"))
    assert _found(login.ends()) == [("no-usable-public-key", "error", "medium")]


@pytest.mark.parametrize("banner", [100, 104, 108, 232])
def test_a_banner_hides_no_refusal(banner: int) -> None:
    """sshd writes its banner and the first refusal at once, so that their sizes are seen together."""
    login = Login()
    login.begins()
    login.asks(40, banner, login.refusal("publickey"))
    login.asks(110, login.refusal("publickey"))
    assert _found(login.ends()) == [("no-usable-public-key", "error", "medium")]


def test_a_banner_and_a_login_without_a_password_are_no_refusals() -> None:
    """A channel's confirmation is as long as the refusal that lists one method."""
    login = Login()
    login.begins()
    login.asks(40, 104, SUCCESS)
    login.asks(32, 17)
    login.asks(40, 5, 100)
    inferred = session_of(login.ends()).authentication
    assert inferred is not None
    assert inferred.result == "unknown"


def test_quick_refusals_may_be_passwords_where_those_are_offered() -> None:
    login = _at_methods()
    for _ in range(2):
        login.asks(110, login.refusal(THREE))
    assert _found(login.ends()) == [("no-usable-public-key", "error", "low")]


def test_a_client_that_leaves_at_the_servers_first_encrypted_octets() -> None:
    """OpenSSH has taken the host key by then, and would go on: the MAC did not fit."""
    login = Login()
    login.flow.server.sends(bytes(316))
    login.flow.client.fin(bytes(44))
    login.flow.server.sends(bytes(44))
    login.flow.client.rst(flags=RST, window=0)
    _, finding = _one(login.flow)
    assert (finding.id, finding.severity, finding.confidence) == ("closed-during-login", "error", "medium")
    assert finding.causes[0].startswith("the server's octets were damaged on the way")
    assert not any("host key" in cause or "scanner" in cause for cause in finding.causes)
    assert "after the last data" not in finding.summary
    assert finding.expected_messages["openssh_client_of_damaged_octets"].endswith(
        "message authentication code incorrect"
    )


def test_a_person_who_gives_no_name_is_no_damage() -> None:
    """PuTTY has asked for the service, and asks its user for a name."""
    login = Login()
    login.begins()
    login.flow.wait(4)
    _, finding = _one(login.ends())
    assert (finding.id, finding.severity) == ("closed-during-login", "warning")
    assert finding.causes[0].startswith("the user or the program broke off")
    assert "damaged" in finding.causes[1]


@pytest.mark.parametrize(
    ("cipher", "length", "found"),
    [(AES_GCM, 4194608, True), (AES_GCM, 304, False), (AES_GCM, 3, True), (CHACHA, 4194608, False)],
)
def test_a_length_behind_newkeys_that_cannot_be(cipher: Cipher, length: int, found: bool) -> None:
    """AES-GCM leaves it readable: one bit that was changed makes it absurd."""
    login = Login(cipher)
    login.flow.server.sends(length.to_bytes(4, "big") + bytes(320))
    login.flow.client.fin(bytes(52))
    login.flow.server.fin()
    _, finding = _one(login.flow)
    assert (finding.id == "bad-packet-length") == found
    if found:
        assert (finding.confidence, finding.party) == ("high", "unknown")
        assert f"says that it has {length:,} octets" in finding.summary
        assert finding.expected_messages["openssh_client"].startswith(f"Bad packet length {length}.")


def test_an_odd_length_that_its_reader_did_not_leave_for() -> None:
    login = Login(AES_GCM)
    login.flow.server.sends(b"\x00\x40\x01\x30" + bytes(320))
    login.flow.client.acks()
    assert "bad-packet-length" not in [row[0] for row in _found(login.ends("server"))]


def test_a_key_that_is_known_and_refused() -> None:
    login = _at_methods("publickey")
    login.asks(110, 75)  # SSH_MSG_USERAUTH_PK_OK
    login.asks(280, login.refusal("password"))
    assert _found(login.ends()) == [("second-factor-missing", "error", "low")]


def test_a_question_and_a_slow_refusal_are_no_second_factor() -> None:
    login = _at_methods()
    login.asks(60, 36)
    login.asks(64, login.refusal(THREE), after=2.2)
    assert [row[0] for row in _found(login.ends())] == ["authentication-failed"]


def test_a_person_who_breaks_off() -> None:
    login = _at_methods()
    login.asks(60, 36)
    login.flow.wait(3)
    assert _found(login.ends()) == [("login-aborted-by-user", "warning", "medium")]
    at_once = _at_methods()
    at_once.asks(60, 36)
    assert [row[0] for row in _found(at_once.ends())] == ["closed-during-login"]


@pytest.mark.parametrize(
    ("seconds", "confidence", "killed"), [(120.5, "medium", []), (30, "low", [3]), (2.8, "low", [0])]
)
def test_the_servers_patience_at_the_prompt(seconds: float, confidence: str, killed: list[int]) -> None:
    login = _at_methods()
    login.flow.wait(seconds)
    login.flow.server.fin()
    login.flow.client.acks()
    login.flow.wait(9)
    login.says(login.flow.client, 64)  # a key is pressed at last
    login.flow.server.rst(flags=RST, window=0)
    assert _found(login.flow) == [("login-grace-time-at-prompt", "error", confidence)]
    finding = session_of(login.flow).findings[0]
    assert [number for number, cause in enumerate(finding.causes) if "killed" in cause] == killed


def test_a_session_that_the_server_ends_after_a_while_is_no_lack_of_patience() -> None:
    login = _session()
    login.flow.wait(120)
    assert _found(login.ends("server")) == [("session-ended-by-server", "warning", "medium")]


@pytest.mark.parametrize("segments", [2, LAST_DATA, 2 * LAST_DATA])
@pytest.mark.parametrize(("close", "known"), [("fin", True), ("rst", False)])
def test_who_spoke_last_is_never_told_from_what_came_behind_the_close(close: str, known: bool, segments: int) -> None:
    """An upload into a server that has closed: only so many segments are remembered, and none behind a FIN."""
    login = _session()
    getattr(login.flow.server, close)()
    sender = "server" if known or segments < LAST_DATA else None
    for _ in range(segments):
        login.says(login.flow.client, 1200)
    unanswered = session_of(login.flow).unanswered
    assert (unanswered[-1].sender if unanswered else None) == sender


@pytest.mark.parametrize(("seconds", "found"), [(10.1, True), (4.0, False)])
def test_slow_names(seconds: float, found: bool) -> None:
    login = Login()
    login.begins()
    login.asks(40, login.refusal(THREE), after=seconds)
    login.asks(280, SUCCESS)
    for _ in range(3):
        login.asks(90, 300)
    assert _found(login.ends()) == ([("slow-authentication", "warning", "medium")] if found else [])


def test_a_server_that_fails_behind_the_login() -> None:
    login = _at_methods()
    login.asks(280, SUCCESS)
    login.says(login.flow.client, 90)
    login.flow.server.rst()
    assert _found(login.flow) == [("session-ended-at-once", "error", "medium")]


def test_a_channel_that_is_refused() -> None:
    login = _at_methods()
    login.asks(280, SUCCESS)
    login.asks(90, 700, 60)
    login.says(login.flow.client, 40)
    assert _found(login.ends()) == [("session-ended-at-once", "warning", "medium")]


@pytest.mark.parametrize(("pause", "found"), [(0.4, "medium"), (1.2, "low")])
def test_a_connection_without_a_channel_whose_user_leaves_looks_like_a_refused_one(pause: float, found: str) -> None:
    """ssh -N: a refusal is answered within some round trips, a user takes a moment."""
    login = _at_methods()
    login.asks(280, SUCCESS)
    login.asks(90, 700, 60)
    login.flow.wait(pause)
    login.says(login.flow.client, 40)
    finding = session_of(login.ends()).findings[0]
    assert (finding.id, finding.confidence) == ("session-ended-at-once", found)
    assert ("ssh -N" in finding.causes[0]) == (found == "low")
    assert finding.party == ("server" if found == "medium" else "unknown")


def test_a_client_of_a_library_that_only_tries_the_login_is_no_refused_channel() -> None:
    flow = Flow()
    flow.opens()
    login = Login.__new__(Login)
    login.cipher = CHACHA
    login.flow = _other_client(flow)
    login.begins()
    login.asks(40, SUCCESS)
    login.asks(20, 300)
    assert _found(login.ends()) == []


def _other_client(flow: Flow) -> Flow:
    from tests.support.logins import HOST_KEY, SIGNATURE
    from tests.support.sshbytes import ecdh_init, ecdh_reply, identification, kexinit, newkeys, packet, server_kexinit

    lists = {"encryption": CHACHA.encryption}
    flow.client.sends(identification("libssh_0.10.6"))
    flow.server.sends(identification("OpenSSH_9.2p1"))
    flow.client.sends(packet(kexinit(**lists)))
    flow.server.sends(packet(server_kexinit(**lists)))
    flow.client.sends(packet(ecdh_init(bytes(32))))
    flow.server.sends(packet(ecdh_reply(HOST_KEY, bytes(32), SIGNATURE)) + packet(newkeys()))
    flow.client.sends(packet(newkeys()))
    flow.server.acks()
    return flow


def test_a_client_that_no_longer_answers() -> None:
    login = _session()
    for _ in range(3):
        login.flow.wait(15)
        login.says(login.flow.server, 32)
    login.flow.wait(15)
    _, finding = _one(login.ends("server"))
    assert (finding.id, finding.severity, finding.confidence) == ("client-alive-timeout", "warning", "medium")
    assert "packets came 15.0 s apart" in finding.summary


def _asks(login: Login, *pauses: float) -> Login:
    """The client's packets after these pauses; the server acknowledges them and says nothing."""
    for pause in pauses[:-1]:
        login.flow.wait(pause)
        login.says(login.flow.client, 32)
    login.flow.wait(pauses[-1])
    return login


def test_a_server_that_no_longer_answers() -> None:
    finding = session_of(_asks(_session(), 15, 15, 15, 15).ends()).findings[0]
    assert (finding.id, finding.confidence, finding.party) == ("server-alive-timeout", "medium", "server")
    assert "last 3 packets came 15.0 s apart" in finding.summary
    assert finding.expected_messages["openssh_client"] == "Timeout, server 203.0.113.7 not responding."


@pytest.mark.parametrize("pauses", [(15, 15, 4), (15, 6, 15), (15, 15), (0.2, 0.2, 0.2)], ids=str)
def test_a_user_who_leaves_is_no_lack_of_answers(pauses: tuple[float, ...]) -> None:
    session = session_of(_asks(_session(), *pauses).ends())
    assert "server-alive-timeout" not in [one.id for one in session.findings]


def test_a_client_without_such_questions_left_for_another_reason() -> None:
    flow = Flow()
    flow.opens()
    login = Login.__new__(Login)
    login.cipher = CHACHA
    login.flow = _other_client(flow)
    login.begins()
    login.asks(40, SUCCESS)
    login.asks(100, 300)
    assert _found(_asks(login, 15, 15, 15).ends()) == []


@pytest.mark.parametrize("pauses", [(15, 3, 40, 15), (15, 15, 15, 0.1), (0.2, 0.2, 0.2, 0.2)], ids=str)
def test_output_of_a_program_is_no_question_whether_the_client_is_there(pauses: tuple[float, ...]) -> None:
    login = _session()
    for pause in pauses[:-1]:
        login.flow.wait(pause)
        login.says(login.flow.server, 32)
    login.flow.wait(pauses[-1])
    assert _found(login.ends("server")) == [("session-ended-by-server", "warning", "medium")]


@pytest.mark.parametrize("cipher", CIPHERS, ids=lambda cipher: f"{cipher.encryption} {cipher.mac}")
def test_a_session_that_the_server_ends_unasked(cipher: Cipher) -> None:
    _, finding = _one(_session(cipher).ends("server"))
    assert (finding.id, finding.severity, finding.confidence) == ("session-ended-by-server", "warning", "medium")
    assert finding.remedies[0].side == "server"


def test_a_session_that_something_ends_for_being_idle() -> None:
    login = _session()
    login.says(login.flow.client, 40)
    login.flow.wait(350)
    _, finding = _one(login.ends("server"))
    assert "5 min 50 s after the last data" in finding.summary
    assert "nothing was sent" in finding.causes[0]
    assert finding.remedies[0].command == "ServerAliveInterval 60"


@pytest.mark.parametrize(("seconds", "found"), [(0.001, 0), (0.9, 0), (1.1, 1)])
def test_a_server_that_closes_on_what_the_client_said_last_may_have_been_asked(seconds: float, found: int) -> None:
    """It may be SSH_MSG_DISCONNECT, and the client's FIN may come later."""
    login = _session()
    login.says(login.flow.client, 40)
    login.flow.wait(seconds)
    assert len(_found(login.ends("server"))) == found


def test_another_server_may_close_when_a_session_is_done() -> None:
    login = Login(CHACHA, software="Cisco-1.25")
    login.begins()
    login.asks(280, SUCCESS)
    for _ in range(4):
        login.asks(90, 300)
    assert _found(login.ends("server")) == []


def test_a_library_that_only_tries_the_login_and_is_left_first() -> None:
    """SSH_MSG_DISCONNECT of a library: the server reads it and closes, and the client does so later."""
    flow = Flow()
    flow.opens()
    login = Login.__new__(Login)
    login.cipher = CHACHA
    login.flow = _other_client(flow)
    login.begins()
    login.asks(280, SUCCESS)
    login.says(login.flow.client, 40)
    assert _found(login.ends("server")) == []


def _repeated(login: Login, times: int) -> Flow:
    """The client's last data, sent again and never acknowledged."""
    client = login.flow.client
    place = client.next - 1
    client.sends(bytes(44))
    for pause in (0.2, 0.4, 0.8, 1.6, 3.2)[:times]:
        login.flow.wait(pause)
        client.sends(bytes(44), at=place)
    return login.flow


def test_a_connection_that_went_dead() -> None:
    _, finding = _one(_repeated(_session(), 4))
    assert (finding.id, finding.party) == ("peer-vanished", "unknown")
    assert "sent the same 44 octets 5 times" in finding.summary


def test_what_was_lost_and_came_through_is_not_dead() -> None:
    once = _repeated(_session(), 1)
    assert _found(once) == []
    login = _session()
    flow = _repeated(login, 4)
    flow.server.acks()
    login.says(flow.server, 300)
    assert _found(login.ends()) == []


def test_a_reset_for_data_in_an_open_session() -> None:
    login = _session()
    login.flow.wait(100)
    login.says(login.flow.client, 32)
    login.flow.drop()  # no acknowledgement
    login.flow.server.rst(flags=RST, window=0)
    assert _found(login.flow) == [("connection-unknown-to-peer", "error", "medium")]


def test_a_client_that_resets_at_its_end_has_forgotten_nothing() -> None:
    """Programs that leave with unread data: RST with ACK, or RST behind their FIN."""
    login = _session()
    login.says(login.flow.client, 40)
    login.flow.client.rst()
    assert _found(login.flow) == []
    login = _session()
    login.flow.client.fin()
    login.says(login.flow.server, 300)
    login.flow.client.rst(flags=RST, window=0)
    assert _found(login.flow) == []


def test_a_request_without_an_answer() -> None:
    login = Login()
    login.begins()
    login.asks(40)
    _, finding = _one(login.ends("server"))
    assert (finding.id, finding.severity) == ("closed-during-login", "error")
    assert "RefuseConnection" in finding.causes[0]
    assert "MAC" in finding.causes[2]


def test_a_client_that_leaves_before_the_login() -> None:
    session, finding = _one(Login().ends())
    assert (finding.id, finding.severity, finding.title) == (
        "closed-during-login",
        "warning",
        "Closed before the login began",
    )
    assert finding.causes[0].startswith("the user or the program broke off")
    assert "scanner" in finding.causes[1]
    assert session.authentication is not None
    assert session.authentication.result == "not_tried"


Story = Callable[[Login], None]


@pytest.mark.parametrize("cipher", [CHACHA, AES_GCM], ids=lambda cipher: cipher.encryption)
def test_no_finding_about_the_encrypted_part_is_ever_sure(cipher: Cipher) -> None:
    stories: tuple[tuple[Story, str], ...] = (
        (lambda login: login.wrong_passwords(3), "client"),
        (lambda login: login.wrong_passwords(3), "server"),
        (lambda login: login.begins(), "client"),
        (lambda login: login.asks(17), "server"),
    )
    for tell, by in stories:
        login = Login(cipher)
        tell(login)
        found = told(session_of(login.ends(by)))
        assert found
        assert all(finding.confidence != "high" for finding in found)
