"""What is true of every labelled capture beside the project: its entry in the catalogue of failures, closer and stage.

The entries, closers and stages are read from the labels (`TRUTH.md`, `truth.json`: what was really done, what the
programs printed and logged), never from our own reports. `python -m tests.labels` prints the table of hits, misses and
wrong claims: of the finding, of who closed, of the stage, and of the way it ended (the first FIN, RST or ICMP error
that the labels name, by its frame). An entry of the catalogue is one cause; `FINDINGS` says which of our
findings name it.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import sshpcap
from sshpcap.model import Session
from tests.support.captures import MORE_CAPTURES

Verdict = Literal["hit", "miss", "wrong"]

_ANY: Final = "client server"
_PLAIN: Final = "tcp identification kexinit"
"""Some clients, dbclient among them, send their proposal with their identification string."""

# name of the label → entry, who really closed ("none": nobody, or whoever was killed later), stages reached
_LABELS: Final = (
    # Programs that turned out to have an algorithm in common, or small enough segments: what they printed says so.
    ("real_(kex_mlkem|mac_md5)_only_paramiko|real_hostkey_sshrsa_only_dbclient", "OK", _ANY, "encrypted"),
    ("real_cipher_gcm_only_nomac_plink|mtu_blackhole_c2s_dbclient", "OK", _ANY, "encrypted"),
    ("jsch_badsig", "NEG-01", _ANY, "kexinit kex newkeys"),  # its output: "Algorithm negotiation fail"
    # lshd has none of the scripted client's ciphers either, and ciphers come first.
    ("nego_srv_(mac|comp)_.*_lshd", "NEG-03", "server", "kexinit"),
    # What was odd was taken: the reader went on, by its log or its own messages, and the scripted peer had no more to
    # say until its own time was up.
    ("cli_lf_to_dropbear|cli_nul_to_(dropbear|proftpd)", "NO-MORE", "client", "kexinit"),
    ("srv_hugebanner_paramiko", "NO-MORE", "server", "kexinit"),
    ("gex_group1024_asyncssh", "NO-MORE", "server", "kex"),
    # Without the stripped names client and server agree on other methods: no host key is ever shown.
    ("corrupt_s_stripalg_.*", "DOWNGRADE", "server", "kex"),
    ("port_reuse_.*", "TCP-10", _ANY, "tcp identification"),
    ("rst_injected_late_.*", "LATE", "client", "encrypted"),
    ("jsch_hostkey_.*", "KEX-01", _ANY, "kex newkeys"),  # announced by the client, first FIN from the server
    ("accept_(fin|rst)_.*|.*_accept_fin|gossh_accept_fin", "BAN-08", "server", _PLAIN),
    ("accept_silent_then_fin_.*", "SIL-03", "server", _PLAIN),
    ("accept_queue_full_.*", "TCP-09", "client", "tcp"),
    ("proftpd_ok_sftp_.*", "AUTH-03", "client", "encrypted"),  # the server offers password only
    ("auth_ok_.*|.*_ok|ok_.*|.*_ok_.*|hk_ask_(yes|once)_.*|hk_known_.*|hkcert_good_.*", "OK", _ANY, "encrypted"),
    ("hk_rsa1024_.*|moduli_.*|real_optin_.*|srv_requiredrsasize_.*|first_kex_.*|rekey_.*", "OK", _ANY, "encrypted"),
    ("mtu_blackhole_mtuprobing_.*|mtu_.*_ok_.*|sshd99_hostkey_removed_.*", "OK", _ANY, "encrypted"),
    ("auth_chroot_.*", "AUTH-06", "server", "encrypted"),
    ("auth_ctrlc_.*", "AUTH-08", "client", "encrypted"),
    ("auth_(denyusers|invaliduser|wrongpw)_.*|.*_wrongpw|dropbear_wrongpw_.*", "AUTH-01", _ANY, "encrypted"),
    ("auth_(forcecommand|maxsessions0|nologin_shell)_.*", "AUTH-05", "client", "encrypted"),
    ("auth_maxtries_.*", "AUTH-02", "server", "encrypted"),
    ("auth_(nokey|root_denied)_.*", "AUTH-03", "client", "encrypted"),
    ("ban_established_tcpreset_.*", "BAN-06", "server network", "encrypted"),
    ("ban_established_.*", "BAN-06", "none", "encrypted"),
    ("cli_(biglen|garbage_after_ver|http_after_ver)_.*", "KI-04", "server", "identification kexinit"),
    ("cli_ssh15_.*", "ID-06", "server", "identification kexinit"),
    ("cli_proxy.*", "ID-08", "server", "tcp identification kexinit"),
    ("cli_(l300|long|lf|nul|badver)_.*", "ID-04", "server client", "identification kexinit"),
    ("cli_.*", "ID-07", "server client", "tcp identification kexinit"),
    ("clientalive_.*", "SES-02", "server", "encrypted"),
    ("corrupt_c_enc_.*", "KEX-12", "server", "encrypted"),
    ("corrupt_s_enc_.*", "KEX-12", "client", "encrypted"),
    ("corrupt_.*|kex_badsig_.*|.*_badsig", "KEX-02", _ANY, "kex newkeys encrypted"),
    ("dpi_drop_.*", "ID-11", "none", "tcp identification kexinit"),
    ("dropbear_max_unauth_.*", "BAN-07", "server", _PLAIN),
    ("dropbear_nohostkey_.*|tcp_rst_closed_.*|.*_refused(_curl)?", "TCP-02", "server", "tcp"),
    ("sshd_(bad_config|hostkey_bad|missing|no_hostkeys).*", "TCP-02", "server", "tcp"),
    ("xinetd_cps_.*", "TCP-02", "server", "tcp identification"),
    ("ecdh_bad_point_.*|unexpected_msg_.*", "KEX-04", "server", "kexinit kex"),
    ("endlessh_.*", "SIL-02", _ANY, _PLAIN),
    ("fw_drop_midflow_.*", "KI-03", "none", "identification kexinit kex"),
    ("gex_.*", "KEX-03", _ANY, "kex"),
    ("gossh_hostkey_.*|jsch_hostkey_.*|hk_(ask|mismatch|reject|rsa_toosmall|unknown)_.*", "KEX-01", "client",
     "kex newkeys encrypted"),
    ("hkcert_.*|libssh2_hostkey_.*", "KEX-01", "client", "kex newkeys encrypted"),
    (".*_http|srv_http_.*", "ID-01", _ANY, _PLAIN),
    (".*nego_kex.*|.*nego_srv_kex.*|libssh2_kex_.*|lshd_default_.*|real_kex_.*", "NEG-01", _ANY, "kexinit kex"),
    (".*nego_(srv_)?hostkey.*|real_hostkey_.*", "NEG-02", _ANY, "kexinit kex"),
    (".*nego_(srv_)?cipher.*|real_cipher_cbc.*", "NEG-03", _ANY, "kexinit kex"),
    (".*nego_(srv_)?mac.*|real_mac_.*", "NEG-04", _ANY, "kexinit kex"),
    (".*nego_(srv_)?comp.*", "NEG-05", _ANY, "kexinit kex"),
    ("grace_auth_.*", "AUTH-09", "server", "encrypted"),
    ("grace_.*", "ID-10", "server", "tcp identification kexinit kex"),
    ("halfclose_.*", "SES-04", _ANY, "identification kexinit"),
    ("haproxy_backend_.*|haproxy_noserver_.*", "SIL-03", "server", _PLAIN),
    ("haproxy_sendproxy_.*", "ID-08", _ANY, "tcp identification kexinit"),
    ("hung_listener_.*|srv_silent_.*|sslh_silent_.*|.*_silent", "SIL-01", _ANY, _PLAIN),
    ("inetd_sshd_nokeys_.*|sshd.*_hostkey_removed_.*", "SRV-03", "server", _PLAIN),
    ("sshd_(upgraded|auth_binary|session_binary)_.*", "SRV-05", "server", _PLAIN),
    ("jump_forward_denied_.*", "AUTH-11", "client", "encrypted"),
    (".*_disconnect12|strict_disconnect_.*", "KEX-07", _ANY, "identification kexinit kex"),
    ("strict_.*|terrapin_strict_.*", "KEX-05", _ANY, "identification kexinit kex newkeys"),
    ("terrapin_.*", "KEX-06", "client", "encrypted"),
    ("maxstartups_.*", "BAN-01", "server", _PLAIN),
    ("penalty_.*", "BAN-02", "server", "tcp identification encrypted"),
    ("mtu_blackhole_.*", "KI-01", "none", "identification kexinit kex newkeys"),
    ("nat_timeout_.*", "SES-01", "client", "encrypted"),
    ("plink_ssh1_.*|ssh1_client_.*", "ID-06", "client", "identification"),
    ("refuseconnection_.*", "BAN-03", "server", "encrypted"),
    ("rst_injected_.*", "ID-12", "network", "identification kexinit kex newkeys encrypted"),
    ("scan_.*", "ID-09", "client", _PLAIN),
    ("server_reboot_.*", "SES-03", "server", "encrypted"),
    ("srv_(badver|cr_mid|nul|longbanner|hugebanner|nonl)_.*", "ID-04", _ANY, "tcp identification kexinit kex"),
    ("srv_(lfonly|ssh199)_.*", "KI-02", "server", "kexinit identification"),
    ("srv_kexinit_silent_.*", "KI-02", _ANY, "kexinit identification"),
    ("srv_smtp_.*", "ID-02", _ANY, _PLAIN),
    ("srv_ssh(15|3)_.*", "ID-05", _ANY, "identification kexinit"),
    ("srv_tls_.*|stunnel_.*", "ID-03", _ANY, _PLAIN),
    ("sshd_child_.*", "SRV-07", "server", "kexinit kex"),
    ("sshd_emfile_.*", "SRV-06", "server", "encrypted tcp identification"),
    ("tcp_host_down_local_.*", "TCP-05", "none", "tcp"),
    ("tcp_(host_down|icmp|local_fw|noroute).*", "TCP-04", "network server", "tcp"),
    ("tcp_syn_drop_.*", "TCP-01", "none client", "tcp"),
    ("tcpwrap_deny_.*", "BAN-04", "server", _PLAIN),
    ("xinetd_noaccess_.*", "BAN-05", "server", _PLAIN),
    ("tcpwrap_hostname_.*|usedns_.*", "AUTH-10", _ANY, "encrypted"),
)  # fmt: skip

_CLOSED_EARLY: Final = "server-closed-before-identification"
_REJECTED: Final = "host-key-not-accepted host-key-rejected-after-newkeys"
_LEFT: Final = "client-closed-before-identification"
_NOTHING: Final = "no-answer-to-syn"
FINDINGS: Final[dict[str, str]] = {
    "AUTH-01": "authentication-failed",
    "AUTH-02": "too-many-authentication-failures",
    "AUTH-03": "no-usable-public-key",
    "AUTH-05": "session-ended-at-once -",
    "AUTH-06": "session-ended-at-once",
    "AUTH-08": "login-aborted-by-user",
    "AUTH-09": "login-grace-time-at-prompt",
    "AUTH-10": "slow-authentication -",
    "AUTH-11": "session-ended-at-once",
    "BAN-01": "max-startups not-allowed-at-this-time",
    "BAN-02": "not-allowed-at-this-time",
    "BAN-03": "closed-during-login",
    "BAN-04": _CLOSED_EARLY,
    "BAN-05": _CLOSED_EARLY,
    "BAN-06": "peer-vanished rejected-midflow connection-unknown-to-peer",
    "BAN-07": _CLOSED_EARLY,
    "BAN-08": _CLOSED_EARLY,
    "DOWNGRADE": "closed-during-handshake",
    "ID-01": "http-server",
    "ID-02": "smtp-or-ftp-server",
    "ID-03": "tls-server server-closed-before-identification",
    "ID-04": "malformed-identification identification-too-long protocol-version-mismatch server-sends-no-proposal",
    "ID-05": "ssh1-only-server protocol-version-mismatch server-sends-no-proposal",
    "ID-06": "ssh1-only-client health-check-or-scan",
    "ID-07": "http-client tls-client not-an-ssh-client",
    "ID-08": "proxy-header-unexpected",
    "ID-09": "health-check-or-scan",
    "ID-10": "login-grace-time",
    "ID-11": "identification-dropped",
    "ID-12": "reset-injected connection-unknown-to-peer",
    "KEX-01": f"{_REJECTED} host-certificate-not-accepted host-key-too-short disconnect-message",
    "KEX-02": _REJECTED,
    "KEX-03": "group-out-of-range",
    "KEX-04": "invalid-key-exchange-value unexpected-message",
    "KEX-05": "strict-kex-violation",
    "KEX-06": "inserted-message",
    "KEX-07": "disconnect-message",
    "KEX-12": "closed-during-login",
    "KI-01": "path-mtu-black-hole",
    "KI-02": "server-sends-no-proposal stalled",
    "KI-03": "dropped-midflow peer-vanished stalled",
    "KI-04": "bad-packet-length malformed-message",
    "LATE": "-",
    "NEG-01": "no-common-kex-algorithm",
    "NEG-02": "no-common-host-key-algorithm",
    "NEG-03": "no-common-cipher",
    "NEG-04": "no-common-mac",
    "NEG-05": "no-common-compression",
    "NO-MORE": "closed-during-handshake",
    "OK": "-",
    "SES-01": "peer-vanished -",
    "SES-02": "client-alive-timeout",
    "SES-03": "connection-unknown-to-peer",
    "SES-04": "half-closed closed-during-handshake -",
    "SIL-01": f"server-silent health-check-or-scan {_CLOSED_EARLY} {_LEFT}",
    "SIL-02": "tarpit",
    "SIL-03": _CLOSED_EARLY,
    "SRV-03": _CLOSED_EARLY,
    "SRV-05": _CLOSED_EARLY,
    "SRV-06": "closed-during-login",
    "SRV-07": "closed-during-handshake",
    "TCP-01": _NOTHING,
    "TCP-02": "connection-refused",
    "TCP-04": "connection-refused",
    "TCP-05": "-",
    "TCP-09": _NOTHING,
    "TCP-10": f"- health-check-or-scan {_LEFT} incomplete-capture",
}
"""Entry → the findings that name it; "-" stands for a verdict without a cause."""


class Label(NamedTuple):
    """What is true of one capture."""

    name: str
    capture: Path
    entry: str
    closers: frozenset[str]
    stages: frozenset[str]
    truth: dict[str, Any]


class Judged(NamedTuple):
    """How our verdict on a capture compares with the truth."""

    label: Label
    verdict: Verdict
    said: str
    why: str
    facts: dict[str, str]
    """closer, stage, way → "hit", or what is said instead."""


class Ending(NamedTuple):
    """The first FIN, RST or ICMP error of a file, as its label has it."""

    way: str
    by: str
    frame: int


def labels() -> Iterator[Label]:
    """Every label with a capture that is here."""
    path = MORE_CAPTURES / "truth.json"
    if not path.exists():
        return
    for truth in json.loads(path.read_text()):
        entry, closers, stages = label_of(truth["name"])
        for name in truth["files"]:
            if (MORE_CAPTURES / name).exists():
                words = frozenset(closers.split()), frozenset(stages.split())
                yield Label(name.removesuffix(".pcap"), MORE_CAPTURES / name, entry, *words, truth)


def label_of(name: str) -> tuple[str, str, str]:
    """Entry, closers, stages of a name. Raises LookupError for one that is in no row."""
    for pattern, entry, closers, stages in _LABELS:
        if re.fullmatch(pattern, name):
            return entry, closers, stages
    raise LookupError(name)


def ending_of(label: Label) -> Ending | None:
    """What the label says is the first close in the file; None where it says that there is none."""
    seen = label.truth["observed_first_close"].get(label.capture.name, "")
    found = re.match(r"(FIN|RST|ICMP)[^@]*? from (\S+) at frame (\d+)", seen)
    return Ending(found[1].lower(), found[2], int(found[3])) if found else None


def judge(label: Label) -> Judged:
    """Compare. Of several connections in a capture the one that is right decides: the others prepared the scene."""
    sessions = sshpcap.analyze(label.capture).sessions
    expected = FINDINGS[label.entry].split()
    causes = [session.verdict.cause or "-" for session in sessions]
    said = " ".join(dict.fromkeys(causes)) or "no session"
    facts = _facts(label, sessions)
    wrong = [text for session in sessions for text in _false_claims(session, label, expected)]
    hit = [session for session in sessions if (session.verdict.cause or "-") in expected]
    if wrong and (len(sessions) == 1 or not hit):
        return Judged(label, "wrong", said, wrong[0], facts)
    # Behind a firewall that drops the SYN there is nothing to see.
    if hit or (not sessions and (label.entry == "TCP-01" or "-" in expected)):
        return Judged(label, "hit", said, "", facts)
    return Judged(label, "miss", said, f"expected {' or '.join(expected)}", facts)


def _facts(label: Label, sessions: tuple[Session, ...]) -> dict[str, str]:
    """Who closed, at which stage, in which way, against the label."""
    ending = ending_of(label)
    at_it = tuple(session for session in sessions if ending and session.close.frame == ending.frame)
    # Of several connections the last is the one that the others prepared, unless the label's frame names one.
    if not sessions:
        return {}
    session = (at_it or sessions)[-1]
    close, way = session.close, "none" if ending is None else ending.way
    ours = close.how if close.how in ("fin", "rst", "icmp") else "none"
    by_frame = ending is not None and close.frame == ending.frame
    # An ICMP error, a forged RST or an old connection's, that did not end it is no close.
    passed = ending is not None and not by_frame and (way == "icmp" or label.entry in ("LATE", "TCP-10"))
    right_way = passed or (ours == way and (by_frame or ending is None))
    if label.closers == {"none"} or close.by == "unknown":
        # Nobody, until the harness killed the client: its FIN may have come through.
        killed = "killed" in label.truth["closer"] and close.by == "client" and close.how == "fin"
        right_closer = close.by == "unknown" or killed
    else:
        right_closer = close.by in label.closers
    stages = {one.stage for one in sessions}
    return {
        "closer": "hit" if right_closer else f"{close.by}, {close.confidence}",
        "stage": "hit" if stages & label.stages else " ".join(sorted(stages)),
        "way": "hit" if right_way else f"{close.how} in frame {close.frame}",
    }


def _false_claims(session: Session, label: Label, expected: list[str]) -> Iterator[str]:
    close = session.close
    closed = close.how in ("fin", "rst", "icmp") and close.by in ("client", "server")
    if closed and close.confidence == "high" and close.by not in label.closers and "none" not in label.closers:
        yield f"closed by {close.by}: {close.reasoning}"
    if session.stage not in label.stages and session.verdict.confidence == "high":
        yield f"stage {session.stage}"
    verdict = session.verdict
    if verdict.confidence == "high" and (verdict.cause or "-") not in expected and verdict.cause is not None:
        yield f"{verdict.cause}: {verdict.summary}"
    if label.entry == "OK" and session.outcome in ("failed", "refused", "not_ssh", "stalled"):
        yield f"outcome {session.outcome} of a connection that went well"


def main() -> None:
    """Print the table."""
    rows = [judge(label) for label in labels()]
    for row in sorted(rows, key=lambda row: (row.verdict, row.label.entry, row.label.name)):
        others = ", ".join(f"{fact}: {said}" for fact, said in row.facts.items() if said != "hit")
        print(f"{row.verdict:5}  {row.label.entry:9} {row.label.name:45} {row.said}  {row.why[:150]}{others}")
    for verdict in ("hit", "miss", "wrong"):
        print(verdict, sum(row.verdict == verdict for row in rows))
    for fact in ("closer", "stage", "way"):
        said = [row.facts[fact] for row in rows if fact in row.facts]
        print(fact, "hit", said.count("hit"), "of", len(said))


if __name__ == "__main__":
    main()
