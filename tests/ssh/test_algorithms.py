"""RFC 9142, RFC 8758, RFC 8332 and others: how safe each algorithm is. No rating without its source."""

import pytest

from sshpcap.ssh.algorithms import GRADES, RATINGS, WIDELY_SUPPORTED, Kind, badness, rating, weakness
from tests.support.proposals import RECORDED

KINDS: dict[str, Kind] = {
    "kex": "kex", "hostkey": "host_key", "enc_c2s": "cipher", "enc_s2c": "cipher", "mac_c2s": "mac", "mac_s2c": "mac",
    "comp_c2s": "compression", "comp_s2c": "compression",
}  # fmt: skip
PSEUDO = {"ext-info-c", "ext-info-s", "kex-strict-c-v00@openssh.com", "kex-strict-s-v00@openssh.com",
          "kexguess2@matt.ucc.asn.au"}  # fmt: skip


@pytest.mark.parametrize(
    "kind, name, grade, word",
    [
        ("kex", "mlkem768x25519-sha256", "post-quantum", "hybrid"),
        ("kex", "curve25519-sha256", "good", "elliptic"),
        ("kex", "diffie-hellman-group14-sha256", "good", "2048"),
        ("kex", "diffie-hellman-group14-sha1", "legacy", "SHA-1"),
        ("kex", "diffie-hellman-group-exchange-sha1", "weak", "SHA-1"),
        ("kex", "diffie-hellman-group1-sha1", "weak", "1024"),
        ("kex", "rsa1024-sha1", "broken", "1024"),
        ("kex", "gss-group1-sha1-toWM5Slw5Ew8Mqkay+al2g==", "weak", "1024"),
        ("host_key", "ssh-rsa", "weak", "SHA-1"),
        ("host_key", "rsa-sha2-512", "good", "without"),
        ("host_key", "ssh-dss", "weak", "DSA"),
        ("cipher", "3des-cbc", "weak", "Sweet32"),
        ("cipher", "aes128-cbc", "weak", "CBC"),
        ("cipher", "arcfour256", "broken", "RC4"),
        ("cipher", "none", "broken", "no protection"),
        ("compression", "none", "good", "before the login"),
        ("compression", "zlib", "legacy", "before its login"),
        ("mac", "hmac-md5", "weak", "MD5"),
        ("mac", "hmac-sha1", "legacy", "SHA-1"),
        ("mac", "hmac-sha1-96", "weak", "shortened"),
    ],
)
def test_grades(kind: Kind, name: str, grade: str, word: str) -> None:
    found = rating(kind, name)
    assert found is not None
    assert found.grade == grade
    assert word in found.reason
    assert (weakness(kind, name) is None) == (grade in ("post-quantum", "good"))


@pytest.mark.parametrize("name", ["of tomorrow", "", "curve25519-sha256;reboot", "gss-group1-sha1-$(id)", "x" * 10_000])
def test_not_known(name: str) -> None:
    assert rating("kex", name) is None
    assert weakness("kex", name) is None
    assert badness("kex", name) == len(GRADES)


def test_every_rating_has_a_reason_and_a_reference() -> None:
    for rows in RATINGS.values():
        for _, found in rows:
            assert found.reason
            assert found.reference


def test_real_programs_offer_little_that_is_not_known() -> None:
    unknown = set()
    for row in RECORDED:
        for short, names in row["lists"].items():
            if short in KINDS:
                unknown |= {n for n in names.split(",") if n and not rating(KINDS[short], n)} - PSEUDO
    # AsyncSSH's names of an old Tectia, a curve by its number, lsh's own.
    assert all("@ssh.com" in n or "1.3.132.0.10" in n or n.startswith(("spki-", "x509v3-")) for n in unknown), unknown


def test_what_is_widely_supported_is_good() -> None:
    kinds: tuple[Kind, ...] = ("kex", "host_key", "cipher", "mac")
    for name in WIDELY_SUPPORTED:
        assert [badness(kind, name) for kind in kinds if rating(kind, name)] == [GRADES.index("good")], name
