"""What programs print: the texts are filled safely, and they are what real programs printed, label by label."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import sshpcap
from sshpcap.model import Session
from sshpcap.rules import RULES
from sshpcap.rules.printed import fill
from tests.golden import ROOT
from tests.support.sessions import closed, greeted, session_of

FOLDER = ROOT.parent / "shared" / "captures"
_TRUTH = FOLDER / "truth.json"
LABELS: list[dict[str, Any]] = json.loads(_TRUTH.read_text()) if _TRUTH.exists() else []

# Labels of what happens between the accepted connection and NEWKEYS. Negotiation and strict key exchange, TCP and
# what comes after NEWKEYS have tests of their own.
_MINE = re.compile(
    r"accept_(fin|rst|silent)|srv_|cli_|sshd_(auth_binary|child|hostkey_removed|upgraded)|sshd88_|maxstartups|penalty|"
    r"tcpwrap_deny|xinetd_noaccess|inetd_|dropbear_max|endlessh|haproxy|sslh_silent|stunnel|grace_(kex|noident)|"
    r"hung_listener|plink_ssh1|ssh1_|hk_(mism|unk|ask_no|ask_aband|rsa_too|reject)|hkcert_[^g]|kex_badsig|gex_|scan_|"
    r"unexpected|ecdh_bad|corrupt_[cs]_(ecdh|hostkey|ident|kexinit|sig)|libssh2_hostkey|"
    r"(gossh|jsch|libssh|nodessh2)_(accept|badsig|hostkey|http|silent|disconnect)|strict_disconnect"
)
_OUR_LABELS = [label for label in LABELS if _MINE.match(label["name"])]

_EXCEPTIONS = {
    # The label's program met no failure of this kind.
    "srv_erlang_ok_ssh92": "a control: the login succeeds",
    "srv_paramiko_ok_ssh92": "a control: the login succeeds",
    "srv_requiredrsasize_userkey_ssh92": "a control: the login succeeds",
    "jsch_badsig": "its proposals have nothing in common: the message is that of the negotiation",
    "nodessh2_disconnect12": "the last lines are level=… and close; the text is there, as msg=Too many users",
    "hk_mismatch_dbclient": "the output was cut off in the middle of its last line",
}


def _said(label: dict[str, Any]) -> list[str]:
    """The last lines of a real client's output that tell the failure; none for scripts that are no SSH client."""
    lines = [line.strip() for line in label["client_output"].replace("\r", "").splitlines()]
    lines = [
        line for line in lines if line and not line.startswith(("b'", "EOF", "close", "Warning: Perm", "TimeoutErr"))
    ]
    return [] if label["name"].startswith(("cli_", "grace_", "scan_", "sshd_child")) else lines[-8:]


def _sessions(label: dict[str, Any]) -> list[Session]:
    names = [name for name in label["files"] if (FOLDER / name).exists()]
    return [session for name in names for session in sshpcap.analyze(FOLDER / name).sessions]


@pytest.mark.skipif(not LABELS, reason="the labelled captures (../shared/captures) are not here")
def test_what_the_real_client_printed_is_among_the_expected_messages() -> None:
    missed = []
    for label in _OUR_LABELS:
        said = _said(label)
        if not said or label["name"] in _EXCEPTIONS:
            continue
        texts = [t for s in _sessions(label) for f in s.findings for t in f.expected_messages.values()]
        parts = [part.strip() for text in texts for part in text.split(" / ")]
        if not any(part and part in line for part in parts for line in said):
            missed.append(f"{label['name']}: {said[-1]}")
    assert not missed, "\n".join(missed)


@pytest.mark.skipif(not LABELS, reason="the labelled captures (../shared/captures) are not here")
def test_what_the_real_server_logged_is_among_the_expected_messages() -> None:
    """For clients that are scripts: the server's log says what it did not like."""
    missed = []
    for label in _OUR_LABELS:
        log = label["server_log"]
        if not label["name"].startswith(("cli_", "scan_", "grace_")) or "sshd" not in label["name"]:
            continue
        if not any(words in log for words in ("invalid", "too long", "Bad packet", "differ", "Timeout", "closed by")):
            continue  # Debian's 9.2p1 logs no timeout
        texts = [t for s in _sessions(label) for f in s.findings for t in f.expected_messages.values()]
        parts = [part.strip() for text in texts for part in text.split(" / ")]
        if not any(part and part in log for part in parts):
            missed.append(f"{label['name']}: {log[-200:]}")
    assert not missed, "\n".join(missed)


_FINDINGS = {
    r"accept_|gossh_accept|nodessh2_accept|jsch_accept": "server-closed-before-identification",
    r"tcpwrap_deny|xinetd_noaccess|inetd_|dropbear_max|stunnel": "server-closed-before-identification",
    r"sshd_(hostkey_removed|upgraded|auth_b)|sshd88_": "server-closed-before-identification",
    r"haproxy_(backend|noserver)|srv_silent_(asyncssh|paramiko)": "server-closed-before-identification",
    r"maxstartups_sshd92": "max-startups",
    r"maxstartups_sshd105|penalty": "not-allowed-at-this-time",
    r"srv_http|.*_http$": "http-server",
    r"srv_tls": "tls-server",
    r"srv_smtp": "smtp-or-ftp-server",
    r"endlessh": "tarpit",
    r"cli_http_to": "http-client",
    r"cli_tls": "tls-client",
    r"cli_proxy|haproxy_sendproxy": "proxy-header-unexpected",
    r"cli_(empty|rdp|nmap)": "not-an-ssh-client",
    r"cli_(biglen|garbage|http_after)": "bad-packet-length",
    r"cli_badver|srv_badver|cli_nul_to_sshd92|srv_nonl|srv_(nul|cr_mid)_ssh105": "malformed-identification",
    r"cli_(long|l300)|srv_longbanner_(asyncssh|dbclient)|srv_hugebanner_(asyncssh|ssh92)": "identification-too-long",
    r"cli_ssh15": "ssh1-only-client",
    r"srv_ssh15": "ssh1-only-server",
    r"srv_ssh3_(asyncssh|ssh)": "protocol-version-mismatch",
    r"srv_silent_conn|hung_|libssh_silent|nodessh2_silent": "server-silent",
    r"srv_kexinit_silent": "server-sends-no-proposal",
    r"scan_|ssh1_client|plink_ssh1": "health-check-or-scan",
    r"sslh_silent": "client-closed-before-identification",
    r"hkcert_": "host-certificate-not-accepted",
    r"hk_(mism|unk|ask|rsa_too)|kex_badsig|corrupt_|gossh_(badsig|host)|jsch_host": "host-key-not-accepted",
    r"hk_reject|libssh2_host|nodessh2_badsig": "host-key-rejected-after-newkeys",
    r"gex_group1024_ssh|gex_client": "group-out-of-range",
    r"ecdh_bad": "invalid-key-exchange-value",
    r"unexpected": "unexpected-message",
    r"grace_": "login-grace-time",
    r".*disconnect12|strict_disconnect": "disconnect-message",
}
"""What was done, by the label's name → the finding that explains it; written from the labels, not from our output."""


@pytest.mark.skipif(not LABELS, reason="the labelled captures (../shared/captures) are not here")
def test_every_label_gets_the_finding_that_explains_it() -> None:
    wrong, checked = [], 0
    for label in _OUR_LABELS:
        right = next((id for pattern, id in _FINDINGS.items() if re.match(pattern, label["name"])), None)
        if right is None or label["name"] == "jsch_badsig":
            continue
        for session in _sessions(label):
            if session.outcome == "incomplete":
                continue  # connections of the harness that were still open
            checked += 1
            if session.verdict.cause != right:
                wrong.append(f"{label['name']}: {session.verdict.cause}, not {right}")
    assert not wrong, "\n".join(wrong)
    assert checked >= 120


# --- the texts themselves --------------------------------------------------------------------------------------------


def test_only_our_own_names_are_filled_in() -> None:
    session = session_of(closed(greeted()))
    texts = {"a": "{server} port {port}", "b": "{client.__class__} {unknown} {", "c": "{text}"}
    filled = fill(texts, session, text="{server}")
    assert filled == {"a": "203.0.113.7 port 22", "b": "{client.__class__} {unknown} {", "c": "{server}"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_templates_are_texts(rule: Any) -> None:
    for program, text in rule.messages.items():
        assert re.fullmatch(r"[a-z0-9_]+", program), program
        assert text
        assert text == text.strip()


def test_the_folder_of_labels_is_whole() -> None:
    assert not LABELS or Path(FOLDER).is_dir()
