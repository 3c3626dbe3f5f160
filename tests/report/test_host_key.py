"""What a report says of a host key: bounded, whatever a certificate holds, and in full only when that was asked for."""

import msgspec

import sshpcap
from sshpcap.model import Certificate, HostKey, Timestamp
from sshpcap.report.host_key import host_key_facts
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
    (fact, wrong, alone) = (dict(host_key_facts(one, fully=False))["host key"] for one in (key, other, unknown))
    assert "signed" not in fact
    assert wrong.endswith("; signed with ssh-rsa, which was not agreed on")
    assert alone.endswith("; signed with ssh-rsa")


def test_a_certificate_of_any_size() -> None:
    huge = Certificate(
        type="host", serial=1, key_id="i" * 30_000, principals=("p" * 9000,) * 300, valid_after=None,
        valid_before=Timestamp(0), ca_type="t" * 5000, ca_sha256="SHA256:x", critical_options=("o" * 700,) * 90,
        when_shown="expired",
    )  # fmt: skip
    key = msgspec.structs.replace(shown(), certificate=huge, known_hosts_line="l" * 40_000)
    facts = dict(host_key_facts(key, fully=True))
    assert len(facts["certificate"]) < 3000
    assert "and 292 more" in facts["certificate"]
    assert "from the beginning of time to 1970-01-01T00:00:00Z (expired when it was shown)" in facts["certificate"]
    assert "line" not in facts
