"""What programs say: every text of a finding is found again as that finding's, by its own words and by real outputs."""

import re
from collections.abc import Iterator

import pytest

import sshpcap
from sshpcap.model import Session
from sshpcap.rules import RULES
from sshpcap.rules.base import Rule
from sshpcap.rules.said import PART, page, search
from tests.golden import ROOT
from tests.labels import FINDINGS, labels
from tests.support.captures import MORE_CAPTURES

SAMPLES = sorted((ROOT / "samples").glob("*/*.pcap*"))
CASES = sorted((ROOT / "tests" / "cases").glob("*/*.pcap*"))
WITHOUT = {
    "signature-of-another-algorithm": "no program was seen to complain of it: the label's clients all checked the key",
}
"""Rules of severity error without a text, and why."""
_FEW = 8
"""A line with fewer characters of its own than this proves nothing (a server's free text, "EOF")."""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_an_error_has_its_texts_or_a_reason_why_not(rule: Rule) -> None:
    assert bool(rule.messages) or rule.severity != "error" or rule.id in WITHOUT
    assert not (rule.messages and rule.id in WITHOUT)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_page_has_what_programs_say(rule: Rule) -> None:
    assert (f"\n{PART}\n" in page(rule.id)) == bool(rule.messages)
    assert page(rule.id).index("\nReferences\n") > page(rule.id).rindex("\n    - ") if rule.messages else True


def _everything() -> Iterator[tuple[str, Session]]:
    """Every connection of the samples, of the made cases and of the labelled captures."""
    files = [*SAMPLES, *CASES, *sorted(MORE_CAPTURES.glob("*.pcap"))]
    for file in files:
        yield from ((f"{file.parent.name}/{file.name}", session) for session in sshpcap.analyze(file).sessions)


def test_every_expected_message_is_recognised_as_its_finding_s_own() -> None:
    missed: dict[str, str] = {}
    checked = set()
    for name, session in _everything():
        for finding in session.findings:
            for program, text in finding.expected_messages.items():
                for line in text.split(" / "):
                    if _free(line, finding.id, program) or (finding.id, program, line) in checked:
                        continue
                    checked.add((finding.id, program, line))
                    if finding.id not in {fit.finding for fit in search(line)}:
                        missed.setdefault(f"{finding.id}, {program}: {line}", name)
    assert not missed, "\n".join(f"{what} ({name})" for what, name in missed.items())
    assert len(checked) > 500


def _free(line: str, finding: str, program: str) -> bool:
    """A line without words of the program's own: a fingerprint, or what the other side wrote."""
    if len(line) < _FEW or line.startswith(("SHA256:", "# ")):
        return True
    # Of a DISCONNECT these show the peer's text and nothing of their own.
    if finding == "disconnect-message" and program.startswith(("asyncssh", "node_ssh2")):
        return True
    # A request has " / " in it, which looks like the end of a line.
    return finding == "http-client" and program == "sshd_log" and '"' in line


_SPEECHLESS = {
    "auth_ctrlc_at_prompt_ssh92": "only the prompt was printed: the user broke off",
    "ban_established_drop_ssh92": "only the prompt was printed: the client hung until it was ended",
    "ban_established_reject_icmp_ssh92": "only the prompt was printed: the client hung until it was ended",
    "usedns_yes_slow_resolver_password_ssh92": "only the prompt was printed: the login was slow, not refused",
    "nodessh2_disconnect12": "the server's own words, which no finding can know; `--client-said` finds them",
    "strict_disconnect_after_kexinit_asyncssh": "the server's own words; `--client-said` finds them",
}
_SCRIPTS = ("cli_", "grace_", "scan_", "sshd_child", "port_reuse", "sslh_silent_client")
"""Labels whose client is a script of the lab: it prints octets, not messages."""


def _last_lines(output: str) -> str:
    lines = [line.strip() for line in output.replace("\r", "").splitlines()]
    return "\n".join([line for line in lines if line and not line.startswith(("b'", "EOF", "Warning: Perm"))][-8:])


@pytest.mark.skipif(not MORE_CAPTURES.exists(), reason="the labelled captures (../shared/captures) are not here")
def test_what_real_clients_printed_leads_to_the_finding_of_their_capture() -> None:
    checked, found, missed, speechless = 0, 0, [], set()
    for label in labels():
        said = _last_lines(label.truth["client_output"])
        causes = {session.verdict.cause for session in sshpcap.analyze(label.capture).sessions} - {None}
        if label.entry in ("OK", "LATE") or label.name.startswith(_SCRIPTS) or not said or not causes:
            continue
        checked += 1
        if causes & {fit.finding for fit in search(said)}:
            found += 1
        elif label.truth["name"] in _SPEECHLESS:
            speechless.add(label.truth["name"])
        else:
            missed.append(f"{label.name}: {sorted(map(str, causes))} not for {said[-200:]!r}")
    print(f"{found} of {checked} outputs of real clients lead to the finding of their capture")
    assert not missed, "\n".join(missed)
    assert speechless == set(_SPEECHLESS)  # an exception that is none any more is taken out
    assert found >= 260


A, P = "203.0.113.7", "22"
_INDEX = (
    # The index of quoted texts of the support catalogue: texts, and the entries that produce them.
    (f"ssh: connect to host {A} port {P}: Connection timed out", "TCP-01 TCP-09"),
    (f"ssh: connect to host {A} port {P}: Connection refused", "TCP-02 TCP-04"),
    (f"ssh: connect to host {A} port {P}: No route to host", "TCP-04"),
    (f"ssh: connect to host {A} port {P}: Network is unreachable", "TCP-04"),
    (
        "ssh_exchange_identification: Connection closed by remote host",
        "BAN-01 BAN-02 BAN-04 BAN-05 BAN-07 BAN-08 SIL-03 ID-01 SRV-03 SRV-05",
    ),
    (
        "kex_exchange_identification: Connection closed by remote host",
        "BAN-01 BAN-02 BAN-04 BAN-05 BAN-07 BAN-08 SIL-03 ID-01 SRV-03 SRV-05",
    ),
    (
        "kex_exchange_identification: read: Connection reset by peer",
        "BAN-01 BAN-02 BAN-04 BAN-05 BAN-07 BAN-08 SIL-03 ID-01 SRV-03 SRV-05 ID-12",
    ),
    (f"Connection reset by {A} port {P}", "BAN-01 BAN-02 BAN-08 ID-12 SES-03"),
    ("Connection reset by UNKNOWN port -1", "BAN-08"),
    ("write: Connection reset by peer", "BAN-08"),
    (f"Connection closed by {A} port {P}", "BAN-08 BAN-03 ID-10 SRV-06 SRV-07 KEX-04 KEX-12"),
    ("Connection timed out during banner exchange", "SIL-01 ID-11"),
    (f"Connection to {A} port {P} timed out", "KI-01 KI-02"),
    (f"banner exchange: Connection to {A} port {P}: invalid format", "ID-03 ID-04 SIL-02"),
    (f"banner exchange: Connection to {A} port {P}: could not read protocol version", "ID-05"),
    ("Protocol major versions differ: 2 vs. 1", "ID-05"),
    ("Protocol major versions differ: 1 vs. 2", "ID-06"),
    ("Bad packet length 1231976033.", "ID-08 KI-04"),
    (f"ssh_dispatch_run_fatal: Connection to {A} port {P}: message authentication code incorrect",
     "ID-08 KI-04 KEX-12"),
    (f"Unable to negotiate with {A} port {P}: no matching key exchange method found. Their offer: x", "NEG-01"),
    (f"Unable to negotiate with {A} port {P}: no matching host key type found. Their offer: ssh-rsa", "NEG-02"),
    (f"Unable to negotiate with {A} port {P}: no matching cipher found. Their offer: aes128-cbc", "NEG-03"),
    ("Couldn't agree a client-to-server cipher (available: aes128-cbc,3des-cbc)", "NEG-03"),
    ("Couldn't agree a server-to-client MAC (available: hmac-md5)", "NEG-04"),
    ('Selected key exchange algorithm "x,y" does not correspond to any supported algorithm', "NEG-01"),
    ("No matching algo comp s->c", "NEG-05"),
    ("Incompatible ssh peer (no acceptable kex algorithm)", "NEG-01"),
    ("Algorithm negotiation fail", "NEG-01 NEG-02 NEG-03 NEG-04 NEG-05"),
    ("Host key verification failed.", "KEX-01"),
    ("@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @", "KEX-01"),
    ("WARNING - POTENTIAL SECURITY BREACH!", "KEX-01"),
    ("FATAL ERROR: Cannot confirm a host key in batch mode", "KEX-01"),
    ("paramiko.ssh_exception.BadHostKeyException: Host key for server 'x' does not match: got 'a'", "KEX-01"),
    (f"UnknownHostKey: {A}. ECDSA key fingerprint is 00:11", "KEX-01"),
    (f"ssh_dispatch_run_fatal: Connection to {A} port {P}: incorrect signature", "KEX-02"),
    ("Signature from server's host key is invalid", "KEX-02"),
    ("Bad hostkey signature", "KEX-02"),
    (f"ssh_dispatch_run_fatal: Connection to {A} port {P}: DH GEX group out of range", "KEX-03"),
    ("Bad server host key: Invalid key length", "KEX-01"),
    (f"Disconnecting {A} port {P}: strict KEX violation: unexpected packet type 2 (seqnr 1)", "KEX-05"),
    (f"Received disconnect from {A} port {P}:12: Too many users", "KEX-07"),
    (f"Received disconnect from {A} port {P}:2: Too many authentication failures", "KEX-07 AUTH-02"),
    (f"me@{A}: Permission denied (publickey,password).", "AUTH-01 AUTH-03"),
    ("Too many authentication failures", "AUTH-02"),
    ("client_loop: send disconnect: Broken pipe", "AUTH-06 SES-01 SES-03"),
    (f"packet_write_wait: Connection to {A} port {P}: Broken pipe", "SES-01 SES-03"),
    (f"Timeout, server {A} not responding.", "SES-01"),
    ("Server unexpectedly closed network connection", "BAN-08 SRV-03 SIL-03 ID-01 ID-02 ID-03 ID-10 KEX-12"),
    ("Remote side unexpectedly closed network connection", "BAN-08 SRV-03 SIL-03 ID-01 ID-02 ID-03 ID-10 KEX-12"),
    ("Network error: Software caused connection abort", "SES-01"),
    ("Network error: Connection reset by peer", "ID-12 SES-03"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "entries"), _INDEX, ids=lambda value: value[:50])
def test_a_quoted_text_leads_to_the_findings_of_its_entries(text: str, entries: str) -> None:
    found = {fit.finding for fit in search(text)}
    missed = [entry for entry in entries.split() if not found & set(FINDINGS[entry].split())]
    assert not missed, f"{missed} not among {sorted(found)}"


_CATALOGUE = MORE_CAPTURES.parent / "FAILURES.md"
_ELSEWHERE = {
    "BAN-05": "the close of xinetd itself; where its limit closes the port, the finding is connection-refused",
    "KEX-02": "the client's own texts; behind a stripped proposal it prints what is printed for every close",
    "KI-01": "what Windows prints behind a black hole was seen by nobody",
}
"""Entries that the catalogue's index names for a text that leads to other findings, and why."""


def _rows() -> Iterator[tuple[list[str], list[str]]]:
    """The rows of the catalogue's index (§9): the texts that users quote, and the entries."""
    index = _CATALOGUE.read_text().partition("## 9.")[2].partition("\n## ")[0]
    for row in index.splitlines():
        texts = re.findall("`([^`]+)`", row.strip("|").partition(" | ")[0])
        if not texts:
            continue
        named, family = re.sub(r"\([^)]*\)", "", row.rpartition(" | ")[2]), ""
        entries = []
        for kind, first, last in re.findall(r"(?:\b([A-Z]+)-|(?<=, ))(\d\d)\b(?:\.\.(\d\d))?", named):
            family = kind or family
            entries += [f"{family}-{number:02}" for number in range(int(first), int(last or first) + 1)]
        yield texts, entries


@pytest.mark.skipif(not _CATALOGUE.exists(), reason="the catalogue (../shared/FAILURES.md) is not here")
def test_every_text_of_the_catalogues_index_leads_to_its_findings() -> None:
    rows = list(_rows())
    assert sum(len(texts) for texts, _ in rows) >= 40
    for texts, entries in rows:
        wanted = {entry: set(FINDINGS[entry].split()) - {"-"} for entry in entries if entry in FINDINGS}
        wanted = {entry: findings for entry, findings in wanted.items() if findings}
        found = set()
        for text in texts:
            quoted = re.sub(r"\bA\b", A, re.sub(r"\bport P\b", f"port {P}", re.sub(r"\b[NX]\b", "...", text)))
            findings = {fit.finding for fit in search(quoted)}
            if wanted:  # the index's last row is of prompts, which are no failures
                assert findings & set().union(*wanted.values()), f"{quoted}: {sorted(findings)}"
            found |= findings
        missed = [entry for entry, findings in wanted.items() if not findings & found and entry not in _ELSEWHERE]
        assert not missed, f"{texts}: {missed}"


def _order(text: str) -> list[str]:
    return [fit.finding for fit in search(text)]


def test_a_text_that_is_all_comes_before_one_that_is_a_part() -> None:
    fits = {fit.finding: fit for fit in search("Connection closed by 203.0.113.7 port 22")}
    order = list(fits)
    assert order[:2] == ["closed-during-handshake", "closed-during-login"]
    # OpenSSH 9.5 and later print it alone before identification, too: a condition. So does it behind a key's press.
    assert order.index("login-grace-time") < order.index("login-grace-time-at-prompt") < order.index("max-startups")
    assert fits["weak-algorithm-refused"].weight < fits["max-startups"].weight  # what a log has is another line
    # The line in front is missing in the text, and said.
    changed = next(fit for fit in search("Host key verification failed.") if fit.finding == "host-key-changed")
    assert changed.also.startswith("WARNING: ")


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Permission denied (publickey).", "no-usable-public-key"),
        ("Permission denied (publickey,gssapi-keyex,gssapi-with-mic).", "no-usable-public-key"),
        ("no matching host key type found. Their offer: ssh-rsa,ssh-dss", "no-common-host-key-algorithm"),
        ("no matching cipher found. Their offer: aes128-cbc,3des-cbc", "no-common-cipher"),
        ("Too many authentication failures", "too-many-authentication-failures"),
        ("Received disconnect from 192.0.2.1 port 22:2: Too many authentication failures",
         "too-many-authentication-failures"),
    ],
)  # fmt: skip
def test_what_people_paste_without_its_beginning(text: str, first: str) -> None:
    assert _order(text)[0] == first
