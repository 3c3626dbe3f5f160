"""What may be inferred of a login from sizes and times: made conversations, and the labelled captures."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sshpcap
from sshpcap.analyzer import Analyzer
from sshpcap.frames import Segment
from sshpcap.model import Authentication, Session
from tests.support.captures import MORE_CAPTURES
from tests.support.logins import AES_GCM, CHACHA, CIPHERS, CTR, CTR_ETM, SERVICE, SUCCESS, Cipher, Login
from tests.support.sessions import session_of, told
from tests.support.wireflow import Flow, block_of, encode

THREE = "publickey,password,keyboard-interactive"


def _of(flow: Flow) -> Authentication:
    login = session_of(flow).authentication
    assert login is not None
    return login


def _name(cipher: Cipher) -> str:
    return f"{cipher.encryption} {cipher.mac}"


every_cipher = pytest.mark.parametrize("cipher", CIPHERS, ids=_name)


@every_cipher
def test_a_login_that_succeeds(cipher: Cipher) -> None:
    login = Login(cipher)
    login.succeeds()
    found = _of(login.ends())
    assert (found.result, found.confidence) == ("succeeded", "medium")
    assert found.after is not None
    assert (found.after.client_turns, found.after.server_turns) == (4, 3)
    assert found.packets == ("exact" if cipher.clear else "by size")


@every_cipher
def test_wrong_passwords(cipher: Cipher) -> None:
    login = Login(cipher)
    login.wrong_passwords(3, THREE)
    found = _of(login.ends())
    assert (found.result, found.confidence, found.method) == ("failed", "medium", "password-like")
    assert (found.refusals, found.slow_refusals) == (4, 3)
    assert THREE in found.offered_methods
    assert [one.reading for one in found.exchanges] == ["refused"] * 4


@every_cipher
def test_refused_keys(cipher: Cipher) -> None:
    login = Login(cipher)
    login.begins()
    for _ in range(4):
        login.asks(110, login.refusal("publickey"))
    found = _of(login.ends())
    assert (found.result, found.method, found.slow_refusals) == ("failed", "publickey-like", 0)


@every_cipher
def test_an_open_connection_is_not_judged(cipher: Cipher) -> None:
    login = Login(cipher)
    login.wrong_passwords(2)
    assert _of(login.flow).result == "unknown"


def test_questions_between_refusals_are_no_refusals() -> None:
    """Keyboard-interactive: a question for every answer, and only the answers are slow."""
    login = Login()
    login.begins()
    login.asks(40, login.refusal(THREE))
    for _ in range(3):
        login.asks(60, 36)
        login.asks(64, login.refusal(THREE), after=1.8)
    found = _of(login.ends())
    assert (found.refusals, found.slow_refusals) == (4, 3)
    assert [one.reading for one in found.exchanges[1:3]] == ["other", "refused"]


def test_a_first_answer_written_together_with_another_packet() -> None:
    """OpenSSH 9.9 and later: SSH_MSG_EXT_INFO and the first refusal in one write."""
    login = Login()
    login.begins()
    login.asks(40, 240, login.refusal(THREE))
    for _ in range(2):
        login.asks(60, 36)
        login.asks(64, login.refusal(THREE), after=1.8)
    found = _of(login.ends())
    assert (found.result, found.refusals, found.slow_refusals) == ("failed", 2, 2)


def test_a_success_without_a_request_for_methods() -> None:
    login = Login()
    login.begins()
    login.asks(40, SUCCESS, after=0.1)
    login.asks(20, 40)
    assert _of(login.ends()).result == "succeeded"


@pytest.mark.parametrize(("cipher", "confidence"), [(CHACHA, "medium"), (AES_GCM, "low"), (CTR, "low")], ids=str)
def test_an_empty_refusal_may_be_as_short_as_a_success(cipher: Cipher, confidence: str) -> None:
    """Where blocks are long, nothing but what follows tells the two apart; and here nothing follows."""
    login = Login(cipher)
    login.begins()
    login.asks(40, SUCCESS)
    found = _of(login.ends())
    assert (found.result, found.confidence) == ("succeeded", confidence)


def test_a_success_hidden_in_a_longer_write_is_no_failure() -> None:
    """Banner and success in one write: lengths do not tell, so nothing is said; with readable ones it is found."""
    for cipher, result in ((CHACHA, "unknown"), (CTR, "unknown"), (CTR_ETM, "succeeded")):
        login = Login(cipher)
        login.begins()
        login.asks(40, 60, SUCCESS)
        for _ in range(4):
            login.asks(90, 300)
        assert _of(login.ends()).result == result, cipher.encryption


def test_no_request_after_the_service() -> None:
    login = Login()
    login.begins()
    assert _of(login.ends()).result == "not_tried"
    assert _of(Login().ends()).result == "not_tried"


def test_what_is_sent_with_the_service_unasked_answers_nothing() -> None:
    """A server's banner stands behind SSH_MSG_SERVICE_ACCEPT; a client that does not wait gets its answer there."""
    login = Login(AES_GCM)
    login.asks(SERVICE, SERVICE, login.refusal(THREE))
    login.asks(40, SUCCESS)
    login.asks(90, 300)
    assert [one.reading for one in _of(login.ends()).exchanges] == ["accepted"]
    login = Login(AES_GCM)
    login.says(login.flow.client, SERVICE, 40)
    login.says(login.flow.server, SERVICE, login.refusal(THREE))
    login.asks(64, login.refusal(THREE), after=2)
    assert [one.reading for one in _of(login.ends()).exchanges] == ["refused", "refused"]


def test_a_long_message_in_a_segment_of_its_own_is_not_the_beginning_of_the_next() -> None:
    """Recorded with AsyncSSH on both sides, whose client sends its request before the server's NEWKEYS: extensions, and
    then SSH_MSG_SERVICE_ACCEPT, in two segments and one turn. The key exchange had longer segments."""
    flow = Flow()
    many = ",".join([CHACHA.encryption, *(f"cipher-{number}@example.com" for number in range(40))])
    login = Login(CHACHA._replace(encryption=many), flow=flow)
    login.says(flow.client, SERVICE)
    login.says(flow.server, 560)
    login.says(flow.server, SERVICE)
    login.asks(40, login.refusal("publickey,password"))
    login.asks(280, SUCCESS)
    login.asks(90, 36)
    session = session_of(login.ends())
    assert session.tcp.server.largest > 600
    assert session.authentication is not None
    assert session.authentication.result == "succeeded"


def test_a_request_without_an_answer() -> None:
    login = Login()
    login.begins()
    login.asks(40)
    found = _of(login.ends("server"))
    assert (found.result, found.exchanges[-1].reading) == ("failed", "unanswered")
    login = Login()
    login.says(login.flow.client, SERVICE)
    assert _of(login.ends("server")).result == "failed"


def test_compression_from_the_first_packet_makes_sizes_worthless() -> None:
    login = Login(compression="zlib")
    login.succeeds()
    found = _of(login.ends())
    assert found.result == "unknown"
    assert "compressed" in found.reasoning[0]
    login = Login(compression="zlib@openssh.com")  # begins behind the login
    login.succeeds()
    assert _of(login.ends()).result == "succeeded"


def test_lengths_that_cannot_be_are_not_followed() -> None:
    """A rekey to another cipher, or a peer that lies: the sizes of writes are all that is left."""
    login = Login(AES_GCM)
    login.begins()
    login.flow.server.sends(b"\xff" * 40)
    found = _of(login.ends())
    assert found.packets != "exact"
    assert found.result != "succeeded"


def test_missing_octets_end_the_story() -> None:
    login = Login()
    login.begins()
    login.asks(40, login.refusal(THREE))
    login.asks(64, SUCCESS)
    login.flow.drop()  # the client's acknowledgement
    login.flow.drop()  # SSH_MSG_USERAUTH_SUCCESS
    login.asks(90, 300)
    found = _of(login.ends())
    assert found.result == "unknown"


def test_nothing_tells_of_passwords_or_keys_pressed() -> None:
    """The same conversation with passwords of other lengths gives the same result."""
    reports = []
    for length in (30, 60, 90):
        login = Login(AES_GCM)
        login.begins()
        login.asks(40, login.refusal(THREE))
        login.asks(length, login.refusal(THREE), after=2.0)
        reports.append(_of(login.ends()))
    assert reports[0] == reports[1] == reports[2]


# --- segments are not packets ----------------------------------------------------------------------------------------


def _with_banner(login: Login) -> None:
    """Several packets in a write, of both sides."""
    login.begins()
    login.says(login.flow.client, 5, 40)
    login.says(login.flow.server, 200, login.refusal(THREE))
    login.says(login.flow.client, 5, 280)
    login.says(login.flow.server, 60, SUCCESS, 400)
    login.asks(90, 52, 8)
    login.says(login.flow.client, 40)


_STORIES = {
    "wrong passwords": lambda login: login.wrong_passwords(3),
    "success": Login.succeeds,
    "several packets in a write": _with_banner,
}


def _resegmented(flow: Flow, cuts: list[int]) -> Flow:
    """The same data behind NEWKEYS in other segments: every write is split at some places, or at none."""
    again, place = Flow(), 0
    for segment in flow.segments:
        again.now = max(again.now, segment.time)
        if not segment.length or segment.frame <= _HANDSHAKE_FRAMES:
            again.put(segment)
            continue
        at = 0
        while at < segment.length:
            size = cuts[place % len(cuts)]
            place += 1
            piece = segment.payload[at : at + size]
            again.put(segment._replace(seq=(segment.seq + at) % (1 << 32), payload=piece, length=len(piece)))
            at += size
    return again


_HANDSHAKE_FRAMES = len(Login().flow.segments)


@pytest.mark.parametrize("cipher", [AES_GCM, CTR_ETM], ids=_name)
@pytest.mark.parametrize("story", _STORIES)
@given(cuts=st.lists(st.integers(16, 400), min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
def test_any_segments_give_the_same_result_where_lengths_are_readable(
    cipher: Cipher, story: str, cuts: list[int]
) -> None:
    login = Login(cipher)
    _STORIES[story](login)
    flow = login.ends()
    whole, again = _of(flow), _of(_resegmented(flow, cuts))
    for field in ("result", "confidence", "packets", "refusals", "slow_refusals", "offered_methods"):
        assert getattr(again, field) == getattr(whole, field), field
    assert [one.answer_octets for one in again.exchanges] == [one.answer_octets for one in whole.exchanges]


@pytest.mark.parametrize("cipher", [CHACHA, CTR], ids=_name)
@pytest.mark.parametrize("story", _STORIES)
@given(cuts=st.lists(st.integers(16, 400), min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
def test_other_segments_give_no_opposite_result_where_they_are_not(cipher: Cipher, story: str, cuts: list[int]) -> None:
    login = Login(cipher)
    _STORIES[story](login)
    flow = login.ends()
    truth = "failed" if story == "wrong passwords" else "succeeded"
    assert _of(_resegmented(flow, cuts)).result in (truth, "unknown")


@pytest.mark.parametrize("story", _STORIES)
@every_cipher
def test_a_missing_frame_gives_no_opposite_result(cipher: Cipher, story: str) -> None:
    login = Login(cipher)
    _STORIES[story](login)
    segments = login.ends().segments
    truth = "failed" if story == "wrong passwords" else "succeeded"
    for place in range(_HANDSHAKE_FRAMES, len(segments)):
        less = _replayed(segments[:place] + segments[place + 1 :])
        assert less.result in (truth, "unknown"), f"without frame {place + 1}: {less.reasoning}"


def _replayed(segments: list[Segment]) -> Authentication:
    analyzer = Analyzer()
    analyzer.feed(block_of(encode(segment) for segment in segments))
    (session,) = analyzer.finish().sessions
    assert session.authentication is not None
    return session.authentication


def test_the_end_of_a_long_session_is_remembered_with_and_without_triage() -> None:
    """More than is remembered one by one; the last segments stand in blocks that hold no FIN."""
    login = Login()
    login.succeeds()
    for _ in range(200):
        login.asks(16, 100)
    last = login.flow.count
    for _ in range(3):
        login.flow.wait(15)
        login.says(login.flow.server, 32)
    login.flow.wait(15)
    segments = login.ends("server").segments
    reports = []
    for triage in (True, False):
        analyzer = Analyzer(triage=triage)
        for start in range(0, len(segments), 7):
            analyzer.feed(block_of(encode(segment) for segment in segments[start : start + 7]))
        reports.append(analyzer.finish().sessions)
    assert reports[0] == reports[1]
    ((session,), _) = reports
    assert [one.sender for one in session.unanswered] == ["server"] * 4
    assert [one.frame for one in session.unanswered[1:]] == [last + 1, last + 3, last + 5]
    assert "client-alive-timeout" in [finding.id for finding in session.findings]


@given(
    steps=st.lists(st.sampled_from(["asks", "answers", "again", "acks", "lost", "waits"]), max_size=40),
    block=st.integers(1, 30),
    by=st.sampled_from(["client", "server", "nobody"]),
)
@settings(max_examples=30, deadline=None)
def test_any_end_of_a_long_session_is_the_same_without_triage(steps: list[str], block: int, by: str) -> None:
    login = Login()
    login.succeeds()
    for _ in range(130):
        login.asks(16, 100)
    flow = login.flow
    for step in steps:
        if step == "again":
            flow.server.sends(bytes(28), at=flow.server.next - 29)
        elif step == "acks":
            flow.client.acks()
        elif step == "lost":
            flow.server.sends(bytes(60))
            flow.drop()
        elif step == "waits":
            flow.wait(2)
        else:
            (flow.client if step == "asks" else flow.server).sends(bytes(28))
    if by != "nobody":
        login.ends(by)
    frames = [encode(segment) for segment in flow.segments]
    reports = []
    for triage in (True, False):
        analyzer = Analyzer(triage=triage)
        for start in range(0, len(frames), block):
            analyzer.feed(block_of(frames[start : start + block]))
        reports.append(analyzer.finish().sessions)
    assert reports[0] == reports[1]


# --- captures of real programs ---------------------------------------------------------------------------------------

_LABELLED = {
    "auth_chroot_badperm_ssh92": ("succeeded", "session-ended-at-once"),
    "auth_ctrlc_at_prompt_ssh92": ("failed", "login-aborted-by-user"),
    "auth_denyusers_ssh92": ("failed", "authentication-failed"),
    "auth_forcecommand_false_ssh92": ("succeeded", None),
    "auth_invaliduser_ssh92": ("failed", "authentication-failed"),
    "auth_maxsessions0_ssh92": ("succeeded", "session-ended-at-once"),
    "auth_maxtries_keys_ssh105": ("failed", "too-many-authentication-failures"),
    "auth_nokey_batch_ssh105": ("failed", "no-usable-public-key"),
    "auth_nologin_shell_ssh92": ("succeeded", None),
    "auth_ok_password_ssh92": ("succeeded", None),
    "auth_root_denied_ssh92": ("failed", "no-usable-public-key"),
    "auth_wrongpw_dbclient": ("failed", "authentication-failed"),
    "auth_wrongpw_kbdint_ssh105": ("failed", "authentication-failed"),
    "auth_wrongpw_password_ssh92": ("failed", "authentication-failed"),
    "auth_wrongpw_plink": ("failed", "authentication-failed"),
    "ban_established_drop_ssh92": ("unknown", "peer-vanished"),
    "ban_established_reject_icmp_ssh92": ("unknown", "rejected-midflow"),
    "ban_established_tcpreset_ssh92": ("failed", "connection-unknown-to-peer"),
    "clientalive_timeout_ssh92": ("succeeded", "client-alive-timeout"),
    "corrupt_c_enc_paramiko": ("failed", "closed-during-login"),
    "corrupt_c_enc_plink": ("failed", "closed-during-login"),
    "corrupt_c_enc_ssh105": ("failed", "closed-during-login"),
    "corrupt_s_enc_dbclient": ("failed", "closed-during-login"),
    "corrupt_s_enc_plink": ("failed", "closed-during-login"),
    "corrupt_s_enc_ssh92": ("failed", "closed-during-login"),
    "dropbear_wrongpw_ssh92": ("failed", "authentication-failed"),
    "gossh_wrongpw": ("failed", "authentication-failed"),
    "grace_auth_ssh105_sshd105": ("failed", "login-grace-time-at-prompt"),
    "hk_reject_paramiko": ("not_tried", "host-key-rejected-after-newkeys"),
    "jump_forward_denied_ssh92": ("succeeded", "session-ended-at-once"),
    "jump_ok_ssh92": ("succeeded", None),
    "libssh2_hostkey_md5_curl": ("not_tried", "host-key-rejected-after-newkeys"),
    "libssh_wrongpw": ("failed", "authentication-failed"),
    "nat_timeout_silent_serveralive_ssh92.client": ("succeeded", "peer-vanished"),
    "nat_timeout_silent_serveralive_ssh92.server": ("succeeded", None),
    "nodessh2_wrongpw": ("failed", "authentication-failed"),
    "proftpd_ok_sftp_kex_ssh92": ("failed", "no-usable-public-key"),
    "refuseconnection_sshd105_ssh105": ("failed", "closed-during-login"),
    "rekey_ssh92": ("succeeded", None),
    "server_reboot_rst_old_flow_ssh92": ("succeeded", "connection-unknown-to-peer"),
    "sshd_emfile_ssh92": ("failed", "closed-during-login"),
    "usedns_yes_slow_resolver_password_ssh92": ("succeeded", "slow-authentication"),
    "usedns_yes_slow_resolver_ssh92": ("succeeded", "slow-authentication"),
}
"""By name: what really became of the login, and the finding; from what was done and what the programs printed."""

labelled = pytest.mark.skipif(not MORE_CAPTURES.is_dir(), reason="the labelled captures are not here")


def _encrypted(path: Path) -> list[Session]:
    return [session for session in sshpcap.analyze(path).sessions if session.stage == "encrypted"]


@labelled
@pytest.mark.parametrize("name", _LABELLED)
def test_labelled_captures(name: str) -> None:
    path = MORE_CAPTURES / f"{name}.pcap"
    if not path.exists():
        pytest.skip(f"{name} is not here")
    (session,) = _encrypted(path)
    result, finding = _LABELLED[name]
    assert session.authentication is not None
    assert session.authentication.result == result
    found = [f for f in told(session) if f.id != "incomplete-capture"]
    assert [f.id for f in found] == ([finding] if finding else [])
    # What sizes and times tell is never certain; what the path did can be.
    by_tcp = ("peer-vanished", "rejected-midflow", "connection-unknown-to-peer")
    assert all(f.confidence != "high" or f.id in by_tcp for f in found)


@labelled
def test_every_other_encrypted_capture_is_a_login_without_a_finding() -> None:
    """All the rest of the labelled captures that reach encryption are logins that succeeded; nothing else is said."""
    seen = 0
    for path in sorted(MORE_CAPTURES.glob("*.pcap")):
        if path.stem in _LABELLED or path.stem == "nodessh2_badsig":
            continue
        for session in _encrypted(path):
            seen += 1
            assert session.authentication is not None
            assert session.authentication.result == "succeeded", path.name
            assert [f.id for f in told(session) if f.id != "inserted-message"] == [], path.name
    assert seen >= 40
