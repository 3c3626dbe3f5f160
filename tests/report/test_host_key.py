"""What a report says of a host key: bounded, whatever a certificate holds, and in full only when that was asked for."""

import msgspec
import pytest

import sshpcap
from sshpcap.model import Certificate, HostKey, Timestamp
from sshpcap.report.host_key import certificate_fact, key_fact, key_parts
from tests.golden import ROOT, run

SAMPLE = ROOT / "samples" / "ok-openssh" / "capture.pcap"


def shown() -> HostKey:
    (session,) = sshpcap.analyze(SAMPLE).sessions
    assert session.host_key is not None
    return session.host_key


def test_all_of_it_is_told_when_asked_for() -> None:
    key = shown()
    short, _ = run(["--connection", "1", str(SAMPLE)], 1000)
    full, _ = run(["--connection", "1", "--verbose", str(SAMPLE)], 1000)
    for text in (key.md5, *key.sshfp, str(key.known_hosts_line)):
        assert text in full
        assert text not in short


def test_what_was_signed_with() -> None:
    key = shown()
    other = msgspec.structs.replace(key, signature_algorithm="ssh-rsa", signature_as_agreed=False)
    unknown = msgspec.structs.replace(key, signature_algorithm="ssh-rsa", signature_as_agreed=None)
    assert "signed" not in key_fact(key)
    assert key_fact(other).endswith("; signed with ssh-rsa, which was not agreed on")
    assert key_fact(unknown).endswith("; signed with ssh-rsa")


def test_a_certificate_of_any_size() -> None:
    huge = msgspec.structs.replace(
        CERTIFICATE, key_id="i" * 30_000, principals=("p" * 9000,) * 300, ca_type="t" * 5000,
        critical_options=("o" * 700,) * 90,
    )  # fmt: skip
    assert len(certificate_fact(huge)) < 3000
    assert "and 292 more" in certificate_fact(huge)
    key = msgspec.structs.replace(shown(), certificate=huge, known_hosts_line="l" * 40_000)
    assert all(len(line) < 3000 for part in key_parts(key) for line in part.lines)


CERTIFICATE = Certificate(
    type="host",
    serial=7,
    key_id="lab",
    principals=("a.example.org", "b.example.org"),
    valid_after=Timestamp(1_700_000_000_000_000_000),
    valid_before=Timestamp(1_800_000_000_000_000_000),
    ca_type="ssh-ed25519",
    ca_sha256="SHA256:x",
    critical_options=(),
)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({}, '"lab", serial 7, for a.example.org, b.example.org; valid from 2023-11-14 22:13:20 UTC to'
                    " 2027-01-15 08:00:00 UTC; signed by ssh-ed25519 SHA256:x"),
        ({"when_shown": "expired"}, "to 2027-01-15 08:00:00 UTC, expired when it was shown;"),
        ({"when_shown": "not yet valid"}, "not yet valid when it was shown"),
        ({"valid_after": None, "valid_before": None}, "valid for ever;"),
        ({"valid_after": None}, "valid until 2027"),
        ({"valid_before": None}, "valid from 2023-11-14 22:13:20 UTC on;"),
        ({"principals": ()}, "for every name;"),
        ({"principals": tuple("abcdefghijk")}, "for a, b, c, d, e, f, g, h and 3 more;"),
        ({"type": "user"}, "a certificate for a user, which no client accepts"),
        ({"critical_options": ("x",)}, "; critical options: x"),
    ],
)  # fmt: skip
def test_a_certificate_in_a_sentence(changes: dict[str, object], words: str) -> None:
    certificate = msgspec.structs.replace(CERTIFICATE, **changes)
    assert words in certificate_fact(certificate)


def test_the_signature_is_named_where_it_is_not_the_type() -> None:
    from tests.rules.test_safety import connected
    from tests.support.sshbytes import rsa_key

    lists = {"server_host_key_algorithms": "rsa-sha2-256"}
    key = connected(client=lists, server=lists, key=rsa_key(1 << 2047 | 1), signed="rsa-sha2-256").host_key
    assert key is not None
    assert ", 2048 bits, SHA256:" in key_fact(key)
    assert "; signed with rsa-sha2-256, as agreed" in key_fact(key)
