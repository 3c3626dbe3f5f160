"""The negotiation and the host key in reports for people: in every format, narrow and wide, short and verbose."""

import re

import pytest

from sshpcap.model import Report
from sshpcap.report import FORMATS, terminal
from sshpcap.report.negotiated import slot_rows
from sshpcap.report.view import Options
from sshpcap.ssh.negotiate import negotiate
from tests.golden import ROOT, run
from tests.support.keys import WITH_SSH_KEYGEN, keygen
from tests.support.proposals import offer
from tests.support.sessions import closed, proposed, report_of

PLINK = str(ROOT / "samples" / "ok-plink" / "capture.pcap")
OPENSSH = str(ROOT / "samples" / "ok-openssh" / "capture.pcap")
CHACHA = {"encryption": "chacha20-poly1305@openssh.com"}


def printed(*words: str, columns: int = 80) -> str:
    text, code = run(["analyze", "--connection", "1", *words], columns)
    assert code == 0
    return text


def section(text: str, title: str) -> list[str]:
    """The lines below a heading, up to the next one."""
    lines = text[text.index(f"\n{title}\n") :].split("\n")[2:]
    return lines[: next((n for n, line in enumerate(lines) if re.match(r"\w", line) and n > 12), len(lines))]


def test_a_line_for_each_slot_and_what_was_passed_over() -> None:
    lines = section(printed(PLINK), "Negotiation")
    text = "\n".join(lines)
    assert "passed over: ssh-ed448 (the server offers no key of that type)" in text
    assert "Terrapin      not exposed" in text
    assert "the client offers" not in text


def test_certificates_are_counted_where_there_is_little_room() -> None:
    text = " ".join(printed(OPENSSH).split())
    assert "passed over: 8 types of certificates (the server offers no host certificate)" in text
    text = " ".join(printed("-v", OPENSSH).split())
    assert "rsa-sha2-256-cert-v01@openssh.com (the server offers no host certificate)" in text


@pytest.mark.parametrize("columns", [80, 160])
def test_both_offers_in_order_with_marks(columns: int) -> None:
    lines = section(printed("-v", PLINK, columns=columns), "Negotiation")
    start = next(n for n, line in enumerate(lines) if line.startswith("  host key: the client offers"))
    assert [line.split() for line in lines[start + 1 : start + 4]] == [
        ["✗", "ssh-ed448", "✓", "ssh-ed25519"],
        ["✓", "ssh-ed25519", "ecdsa-sha2-nistp256"],
        ["ecdsa-sha2-nistp256", "rsa-sha2-512"],
    ]
    assert "  ✓ chosen, ✗ passed over" in lines
    assert any("ssh-dss (weak)" in line for line in lines)


@pytest.mark.skipif(not WITH_SSH_KEYGEN, reason="no ssh-keygen")
@pytest.mark.parametrize("form", ["text", "plain", "markdown", "html"])
def test_the_host_key_as_ssh_keygen_shows_it(tmp_path: object, form: str) -> None:
    from html import unescape
    from pathlib import Path

    verbose = ("-v",) if form in ("text", "plain") else ()
    text = unescape(printed("--format", form, *verbose, PLINK))
    (line,) = set(re.findall(r"203\.0\.113\.7 (ssh-ed25519 [\w+/=]{60,})", text))
    folder = Path(str(tmp_path))
    (folder / "key.pub").write_text(f"{line}\n")
    first, *art = keygen(folder, "-lv", "-f", "key.pub").splitlines()
    assert first.split()[1] in text
    assert keygen(folder, "-l", "-E", "md5", "-f", "key.pub").split()[1] in text
    for record in keygen(folder, "-r", "HOST", "-f", "key.pub").splitlines():
        assert record in text
    for row in art:
        assert row in text


@pytest.mark.parametrize("form", ["text", "plain"])
def test_only_the_sha256_without_verbose(form: str) -> None:
    text = printed("--format", form, PLINK)
    assert "SHA256:D3Ygyr+1DBqiKifOfZK2bKc5zsf+RuezOxYpP81mECo" in text
    assert "MD5:" not in text
    assert "SSHFP" not in text


@pytest.mark.parametrize("form", ["markdown", "html"])
def test_folded_where_a_format_can(form: str) -> None:
    text = printed("--format", form, PLINK)
    folds = re.findall(r"<details[^>]*><summary>([^<]*)", text)
    assert {"Negotiation", "Host key"} <= {fold.strip() for fold in folds}
    assert text.index("MD5:") > text.index("<summary>Host key")


@pytest.mark.parametrize(
    "strict, cipher, words",
    [
        (False, "chacha20-poly1305@openssh.com", "exposed"),
        (True, "chacha20-poly1305@openssh.com", "both sides announce strict key exchange"),
        (False, "aes256-gcm@openssh.com", "would show that packets are missing"),
    ],
)
def test_a_sentence_on_terrapin_for_this_session(strict: bool, cipher: str, words: str) -> None:
    client, server = (f"curve25519-sha256,kex-strict-{side}-v00@openssh.com" if strict else "curve25519-sha256"
                      for side in "cs")  # fmt: skip
    rows = slot_rows(negotiate(offer(encryption=cipher, kex_algorithms=client),
                               offer(encryption=cipher, kex_algorithms=server)))  # fmt: skip
    row = rows[-1]
    assert row.name == "Terrapin"
    assert words in f"{row.result}: {row.reason}"
    assert (row.tone == "warn") == (row.result == "exposed")


def test_terrapin_in_one_direction() -> None:
    one = {"encryption_algorithms_server_to_client": CHACHA["encryption"]}
    row = slot_rows(negotiate(offer(**one), offer(**one)))[-1]
    assert row.result == "exposed, server to client"


def test_no_word_on_terrapin_where_nothing_was_agreed() -> None:
    assert slot_rows(negotiate(offer(**CHACHA), offer()))[-1].name != "Terrapin"


def _hostile() -> Report:
    names = ",".join(f"\x1b[31m{number}-{'x' * 40}" for number in range(400))
    return report_of(closed(proposed(client={"kex_algorithms": names}, server={"kex_algorithms": names[::-1]})))


@pytest.mark.parametrize("form", ["plain", "markdown", "html"])
def test_offers_are_bounded(form: str) -> None:
    text = FORMATS[form](_hostile(), Options(verbose=True))
    assert "\x1b" not in text
    assert "more" in text
    assert len(text) < 150_000


def test_offers_are_bounded_on_a_terminal() -> None:
    for width in (40, 80, 160):
        text = terminal.render(_hostile(), Options(verbose=True), width=width)
        assert all(c.isprintable() or c == "\n" for c in text)
        assert "… and " in text
        assert max(map(len, text.splitlines())) <= width


def test_ascii_terminal() -> None:
    text = terminal.render(report_of(closed(proposed())), Options(verbose=True), width=80, encoding="ascii")
    assert "  * chosen, x passed over" in text


@pytest.mark.parametrize(
    "lists, name, words",
    [
        ({"server_host_key_algorithms": "ssh-rsa"}, "host key", "weak: signatures with SHA-1"),
        ({"kex_algorithms": "diffie-hellman-group1-sha1"}, "key exchange", "weak: 1024-bit group"),
        ({"encryption": "aes128-cbc"}, "cipher", "weak: CBC mode"),
        ({"compression": "zlib"}, "compression", "legacy: compresses what a client sends before its login"),
        ({"mac": "hmac-md5"}, "MAC", "weak: relies on MD5"),
    ],
)
def test_what_speaks_against_a_choice_stands_beside_it(lists: dict[str, str], name: str, words: str) -> None:
    (row,) = [row for row in slot_rows(negotiate(offer(**lists), offer(**lists))) if row.name == name]
    assert words in row.reason
    assert row.reason.endswith(")")  # the reference
    assert row.tone == "warn"
