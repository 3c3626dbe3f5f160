"""known_hosts: the lines for a name are those that `ssh-keygen -F` finds. The lab holds verdicts against a real ssh."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap.model import Timestamp
from sshpcap.ssh.known_hosts import KnownHosts, ShownKeys, lookup_name, names_host, read_known_hosts
from sshpcap.ssh.putty_hosts import is_putty, read_putty
from tests.support.keys import WITH_SSH_KEYGEN, certify, hashed, keygen, make_key, shown

pytestmark = pytest.mark.skipif(not WITH_SSH_KEYGEN, reason="no ssh-keygen")

NAMES = ("host.example.org", "HOST.example.org", "192.0.2.7", "2001:db8::7", "other.example.org",
         "[host.example.org]:2222", "[192.0.2.7]:2222", "a.b.example.org", "hosts.example.org")  # fmt: skip
PATTERNS = (
    "host.example.org", "Host.Example.Org", "host.example.org,192.0.2.7", "*.example.org", "h?st.example.org",
    "*.example.org,!other.example.org", "!other.example.org,*", "!*.example.org", "[host.example.org]:2222",
    "[*]:2222", "192.0.2.*", "2001:db8::7", "*", "host*", "h[o]st.example.org", "host.example.org,",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name in ("one", "two", "ca"):
        make_key(folder, name)
    make_key(folder, "rsa", "rsa", "-b", "2048")
    make_key(folder, "ecdsa", "ecdsa", "-b", "384")
    return folder


def found_by_ssh_keygen(folder: Path, text: str, name: str) -> list[int]:
    (folder / "hosts").write_text(text)
    return [int(n) for n in re.findall(r"found: line (\d+)", keygen(folder, "-F", name, "-f", "hosts"))]


def found_by_us(text: str, name: str) -> list[int]:
    lookup = name if name.startswith("[") else lookup_name(name, 22)
    return [e.line for e in KnownHosts(read_known_hosts(text, "hosts")).find(lookup)]


def public_of(folder: Path, name: str) -> str:
    return " ".join((folder / f"{name}.pub").read_text().split()[:2])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_lines_that_ssh_keygen_finds(folder: Path, pattern: str, name: str) -> None:
    key = public_of(folder, "one")
    text = f"# a comment\n\n{pattern} {key} comment\n@revoked {pattern} {key}\n  @cert-authority {pattern} {key}\n"
    assert found_by_us(text, name.lower()) == found_by_ssh_keygen(folder, text, name.lower())


@pytest.mark.parametrize("name", NAMES)
def test_hashed_names(folder: Path, name: str) -> None:
    key = public_of(folder, "one")
    text = hashed(folder, f"host.example.org,192.0.2.7 {key}\n[host.example.org]:2222 {key}\n2001:db8::7 {key}\n")
    assert "|1|" in text
    assert found_by_us(text, name.lower()) == found_by_ssh_keygen(folder, text, name.lower())


@pytest.mark.parametrize(
    "line",
    ["", "host.example.org", "host.example.org ssh-ed25519", "host.example.org ssh-ed25519 !!!",
     "host.example.org 1024 35 123456", "@unknown host.example.org KEY", "|1|x|y KEY", "|2|AAAA|AAAA KEY",
     "host.example.org ssh-rsa KEY"],
)  # fmt: skip
def test_lines_that_cannot_be_read_are_skipped(folder: Path, line: str) -> None:
    key = public_of(folder, "one")
    text = line.replace("KEY", key if "ssh-rsa" not in line else key.split()[1]) + f"\nhost.example.org {key}\n"
    assert found_by_us(text, "host.example.org") == [2]


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    KnownHosts(read_known_hosts(text, "f")).find("a")
    names_host(text.split(" ")[0], "a")
    list(read_putty(text, "f"))
    is_putty(text)


NOW = Timestamp(1_800_000_000_000_000_000)


def status(folder: Path, text: str, key: str = "one", *, address: str = "192.0.2.7", port: int = 22,
           names: tuple[str, ...] = ()) -> tuple[str, int | None]:  # fmt: skip
    hosts = KnownHosts(read_known_hosts(text, "hosts"), {address: names} if names else None)
    verdict = hosts.verdict(address, port, shown(folder, key), NOW)
    return verdict.status, verdict.line


def test_verdicts(folder: Path) -> None:
    one, two, rsa = (public_of(folder, name) for name in ("one", "two", "rsa"))
    assert status(folder, f"192.0.2.7 {one}") == ("match", 1)
    assert status(folder, f"192.0.2.7 {two}\n192.0.2.7 {one}") == ("match", 2)
    assert status(folder, f"192.0.2.7 {two}") == ("changed", 1)
    assert status(folder, f"192.0.2.7 {rsa}") == ("changed", 1)
    assert status(folder, f"192.0.2.7 {one}\n@revoked * {one}") == ("revoked", 2)
    assert status(folder, f"192.0.2.8 {one}") == ("unknown", None)
    assert status(folder, f"[192.0.2.7]:2222 {one}", port=2222) == ("match", 1)
    # ssh looks without the port, too, but only for the key itself.
    assert status(folder, f"192.0.2.7 {one}", port=2222) == ("match", 1)
    assert status(folder, f"192.0.2.7 {two}", port=2222) == ("unknown", None)
    assert status(folder, f"host.example.org {two}", names=("Host.Example.org",)) == ("changed", 1)
    assert status(folder, f"host.example.org {two}\n192.0.2.7 {one}", names=("host.example.org",)) == ("changed", 1)


def test_forms_of_lines(folder: Path) -> None:
    """As a real ssh reads them (the lab holds the same lines against it)."""
    one, two = public_of(folder, "one"), public_of(folder, "two")
    kind, blob = one.split()
    # A key that is revoked for the name without the port is revoked.
    assert status(folder, f"@revoked 192.0.2.7 {one}", port=2222) == ("revoked", 1)
    assert status(folder, f"192.0.2.7 {one}\r\n") == ("match", 1)
    assert status(folder, f"\t192.0.2.7\t{kind}\t{blob}\tcomment") == ("match", 1)
    # Only blanks and tabs part words; only a blank ends a marker, where there is one.
    assert status(folder, f"192.0.2.7\f{one}") == ("unknown", None)
    assert status(folder, f"192.0.2.7\N{NO-BREAK SPACE}{one}") == ("unknown", None)
    assert status(folder, f"192.0.2.7 {one}\N{LINE SEPARATOR}192.0.2.7 {two}") == ("unknown", None)
    assert status(folder, f"@revoked\t192.0.2.7 {one}") == ("unknown", None)
    assert status(folder, f"@revoked\t192.0.2.7\t{kind}\t{blob}") == ("revoked", 1)
    assert status(folder, f"192.0.2.7 {one}\0\n192.0.2.7 {two}") == ("match", 1)
    assert status(folder, f"{'a' * 1100},192.0.2.7 {one}") == ("unknown", None)
    assert status(folder, f"192.0.2.7,{'a' * 1100} {one}") == ("unknown", None)


def test_a_certificate_in_the_place_of_a_key(folder: Path) -> None:
    certify(folder, "ca", "one", "-n", "192.0.2.7")
    whole = f"192.0.2.7 {public_of(folder, 'one-cert')}"
    assert status(folder, whole, "one-cert") == ("changed", 1)
    assert status(folder, whole, "one") == ("changed", 1)


def test_a_certificate_with_a_critical_option(folder: Path) -> None:
    """OpenSSH knows none for hosts, and takes no certificate that has one."""
    certify(folder, "ca", "one", "-n", "192.0.2.7", "-O", "critical:something=else")
    assert status(folder, f"@cert-authority * {public_of(folder, 'ca')}", "one-cert") == ("unknown", None)


def test_the_key_under_another_name_is_told(folder: Path) -> None:
    hosts = KnownHosts(read_known_hosts(f"host.example.org {public_of(folder, 'one')}", "hosts"))
    verdict = hosts.verdict("192.0.2.7", 22, shown(folder, "one"), NOW)
    assert verdict.status == "unknown"
    assert [(e.hosts, e.line) for e in verdict.other_names] == [("host.example.org", 1)]


@pytest.mark.parametrize(
    "words, names, expected",
    [
        (("-n", "host.example.org,192.0.2.7"), (), "match"),
        (("-n", "host.example.org"), (), "match"),  # good for the name in it, for which the authority is known
        (("-n", "host.example.org"), ("host.example.org",), "match"),
        (("-n", "host.example.org"), ("other.example.org",), "certificate-for-another-name"),
        ((), ("host.example.org",), "match"),  # without any name it is for all
        (("-n", "host.example.org", "-V", "20200101:20200201"), ("host.example.org",), "certificate-expired"),
        (("-n", "host.example.org", "-V", "20400101:20410201"), ("host.example.org",), "certificate-not-yet-valid"),
    ],
)
def test_certificates(folder: Path, words: tuple[str, ...], names: tuple[str, ...], expected: str) -> None:
    certify(folder, "ca", "one", *words)
    text = f"@cert-authority *.example.org {public_of(folder, 'ca')}"
    assert status(folder, text, "one-cert", names=names)[0] == expected
    # The plain key inside counts where the certificate does not.
    assert status(folder, f"{text}\n* {public_of(folder, 'one')}", "one-cert", names=names)[0] == "match"
    # An authority that is not known does not count.
    assert status(folder, f"@cert-authority * {public_of(folder, 'two')}", "one-cert", names=names)[0] == "unknown"
    assert status(folder, f"{text}\n@revoked * {public_of(folder, 'ca')}", "one-cert", names=names)[0] == "revoked"


def test_shown_keys(folder: Path) -> None:
    from tests.rules.test_rules import shown_key
    from tests.support.sessions import closed, session_of

    first = session_of(closed(shown_key()))
    assert first.host_key is not None
    import msgspec

    other = msgspec.structs.replace(first, index=2, host_key=msgspec.structs.replace(first.host_key, sha256="SHA256:x"))
    keys = ShownKeys()
    assert keys.before(first) == ()
    assert [(k.connection, k.sha256) for k in keys.before(other)] == [(1, first.host_key.sha256)]
    assert keys.before(first) == ()


# --- PuTTY -----------------------------------------------------------------------------------------------------------


def putty_row(folder: Path, name: str) -> tuple[str, str]:
    """What PuTTY keeps of a key, told once more from its public numbers by the cryptography library."""
    pytest.importorskip("cryptography")
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    key = load_ssh_public_key((folder / f"{name}.pub").read_bytes())
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return "rsa2", f"0x{numbers.e:x},0x{numbers.n:x}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        point = key.public_numbers()
        return "ecdsa-sha2-nistp384", f"nistp384,0x{point.x:x},0x{point.y:x}"
    assert isinstance(key, ed25519.Ed25519PublicKey)
    packed = int.from_bytes(key.public_bytes_raw(), "little")
    prime = 2**255 - 19
    y, odd = packed & (1 << 255) - 1, packed >> 255
    d = -121665 * pow(121666, -1, prime) % prime
    square = (y * y - 1) * pow(d * y * y + 1, -1, prime) % prime
    x = pow(square, (prime + 3) // 8, prime)
    if (x * x - square) % prime:
        x = x * pow(2, (prime - 1) // 4, prime) % prime
    if x & 1 != odd:
        x = prime - x
    return "ssh-ed25519", f"0x{x:x},0x{y:x}"


@pytest.mark.parametrize("name", ["one", "two", "rsa", "ecdsa"])
@pytest.mark.parametrize("form", ["file", "registry"])
def test_putty(folder: Path, name: str, form: str) -> None:
    kind, numbers = putty_row(folder, name)
    if form == "file":
        text = f"{kind}@22:192.0.2.7 {numbers}\n{kind}@2222:host.example.org {numbers}\n"
    else:
        text = (
            "Windows Registry Editor Version 5.00\r\n\r\n"
            "[HKEY_CURRENT_USER\\Software\\SimonTatham\\PuTTY\\SshHostKeys]\r\n"
            f'"{kind}@22:192.0.2.7"="{numbers}"\r\n"{kind}@2222:host.example.org"="{numbers}"\r\n'
        )
    assert is_putty(text)
    hosts = KnownHosts(read_putty(text, "cache"))
    assert hosts.verdict("192.0.2.7", 22, shown(folder, name), NOW).status == "match"
    assert hosts.verdict("192.0.2.8", 22, shown(folder, name), NOW).status == "unknown"
    assert hosts.verdict("192.0.2.7", 23, shown(folder, name), NOW).status == "unknown"
    if name in ("one", "two"):
        other = shown(folder, "two" if name == "one" else "one")
        verdict = hosts.verdict("192.0.2.7", 22, other, NOW)
        assert (verdict.status, verdict.putty) == ("changed", True)
        # A key of another type is not a change for PuTTY.
        assert hosts.verdict("192.0.2.7", 22, shown(folder, "rsa"), NOW).status == "unknown"


@pytest.mark.parametrize(
    "row",
    ["rsa2@22:h 0x1", "rsa2@22:h 0xzz,0x1", "ssh-ed25519@22:h 0x1,0x" + "f" * 80, "dss@99999999:h 0x1,0x2,0x3,0x4",
     "ecdsa-sha2-nistp999@22:h nistp999,0x1,0x2", "@22:h 0x1", "rsa2@22:h 0x1," + "0x2" * 9000],
)  # fmt: skip
def test_rows_that_cannot_be_read(row: str) -> None:
    assert list(read_putty(row, "f")) == []


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*", "host", True),
        ("h*t", "host", True),
        ("h*s", "host", False),
        ("*o*s*", "host", True),
        ("*s*o*", "host", False),
        ("a*a", "a", False),
        ("a?c*e", "abcde", True),
        ("a**e", "abcde", True),
        ("*b", "abab", True),
        ("*ab?", "abab", False),
    ],
)
def test_wildcards_of_patterns(pattern: str, name: str, expected: bool) -> None:
    assert names_host(pattern, name) is expected


def test_a_pattern_with_many_wildcards_takes_no_time_that_anybody_notices() -> None:
    """With backtracking, this is not over before the machine is."""
    assert not names_host("*a" * 400 + "b", "a" * 1000)
    assert names_host("*a" * 400 + "*", "a" * 1000)


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_wildcards_match_as_a_plain_search_does(pattern: str, name: str) -> None:
    def plain(p: str, n: str) -> bool:
        if not p:
            return not n
        if p[0] == "*":
            return plain(p[1:], n) or (bool(n) and plain(p, n[1:]))
        return bool(n) and p[0] in ("?", n[0]) and plain(p[1:], n[1:])

    assert names_host(pattern, name) == plain(pattern, name)
