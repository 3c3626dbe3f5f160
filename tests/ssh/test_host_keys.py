"""Public keys and host certificates, held against what ssh-keygen says of them."""

import base64
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap.model import Certificate, Timestamp
from sshpcap.ssh.host_keys import PublicKey, read_public_key, signature_algorithm
from sshpcap.ssh.wire import Malformed
from tests.support import sshbytes as ssh

needs_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


def blob_of(line: str) -> bytes:
    return base64.b64decode(line.split()[1])


def read(blob: bytes) -> PublicKey:
    key = read_public_key(blob)
    assert isinstance(key, PublicKey)
    return key


def certificate_of(blob: bytes) -> Certificate:
    certificate = read(blob).certificate
    assert certificate is not None
    return certificate


# --- keys that are committed -----------------------------------------------------------------------------------------

_LINES = [
    line
    for line in Path(__file__).with_name("public_keys.txt").read_text().splitlines()
    if not line.startswith("#")
]  # fmt: skip
KEYS = list(zip(_LINES[::3], _LINES[1::3], _LINES[2::3], strict=True))
BLOBS = [blob_of(line) for line, _, _ in KEYS]


@pytest.mark.parametrize("line, sha256, md5", KEYS, ids=[sha256.split("(")[1] for _, sha256, _ in KEYS])
def test_committed_keys(line: str, sha256: str, md5: str) -> None:
    key = read(blob_of(line))
    assert key.type == line.split()[0]
    assert sha256.split()[:2] == [str(key.bits), key.sha256]
    assert md5.split()[:2] == [str(key.bits), key.md5]
    assert (key.certificate is not None) == ("CERT" in sha256)


def test_committed_certificates() -> None:
    """What `TZ=UTC ssh-keygen -L` says of the first two keys of the file."""
    assert certificate_of(BLOBS[0]) == Certificate(
        type="host",
        serial=7,
        key_id="host key of a test",
        principals=("host.example.com", "192.0.2.1"),
        valid_after=_moment("2024-01-01T00:00:00"),
        valid_before=_moment("2025-01-01T00:00:00"),
        ca_type="ssh-ed25519",
        ca_sha256="SHA256:HJtBLCZgmExLBZPZP/IC3EyKwrBShzvpp9TmSixH+us",
        ca_bits=256,
        signed_with="ssh-ed25519",
    )
    assert certificate_of(BLOBS[1]) == Certificate(
        type="host",
        serial=0,
        key_id="forever",
        principals=(),
        valid_after=None,
        valid_before=None,
        ca_type="ssh-rsa",
        ca_sha256="SHA256:3lFXWm05VvOCXGn5GNQUE8ciYYhyXX0Tepn8KLuHfg0",
        ca_bits=2048,
        signed_with="rsa-sha2-512",
    )


def _moment(text: str) -> Timestamp:
    return Timestamp(round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000_000)


@pytest.mark.parametrize("blob", BLOBS)
def test_cut_short_anywhere_is_malformed(blob: bytes) -> None:
    for size in range(len(blob)):
        assert isinstance(read_public_key(blob[:size]), Malformed)


def test_a_type_that_is_not_known_has_fingerprints_and_no_size() -> None:
    key = read(ssh.string("ssh-new\x1b") + b"whatever")
    assert (key.type, key.bits, key.certificate) == (r"ssh-new\x1b", None, None)
    assert key.sha256.startswith("SHA256:")
    assert read(ssh.string("new-cert-v01@openssh.com")).certificate is None


def test_ed448() -> None:
    """RFC 8709 §4; `PuTTY` calls its size 448, the key has 57 octets (RFC 8032 §5.2)."""
    assert read(ssh.string("ssh-ed448") + ssh.string(bytes(57))).bits == 456


@pytest.mark.parametrize("bits", [768, 1023, 2047, 4096, 16384])
def test_the_size_of_an_rsa_key_is_that_of_its_modulus(bits: int) -> None:
    assert read(ssh.rsa_key((1 << bits) - 1)).bits == bits


def test_signature_algorithm() -> None:
    assert signature_algorithm(ssh.signature("rsa-sha2-512")) == "rsa-sha2-512"
    assert signature_algorithm(b"\x00\x00\x00\xffrsa") is None
    assert signature_algorithm(b"") is None


def _certificate(*, kind: int = 2, after: int = 0, before: int = (1 << 64) - 1, principals: bytes = b"") -> bytes:
    """PROTOCOL.certkeys: an Ed25519 host certificate."""
    return (
        ssh.string("ssh-ed25519-cert-v01@openssh.com") + ssh.string(b"nonce") + ssh.string(bytes(32)) + ssh.uint64(9)
        + (kind).to_bytes(4, "big") + ssh.string("id\n") + ssh.string(principals) + ssh.uint64(after)
        + ssh.uint64(before) + ssh.string(b"") * 3 + ssh.string(ssh.ed25519_key()) + ssh.string(ssh.signature())
    )  # fmt: skip


@pytest.mark.parametrize("kind, name", [(1, "user"), (2, "host"), (3, "unknown")])
def test_kinds_of_certificates(kind: int, name: str) -> None:
    certificate = certificate_of(_certificate(kind=kind))
    assert (certificate.type, certificate.serial, certificate.key_id) == (name, 9, r"id\x0a")


def test_times_beyond_the_calendar() -> None:
    certificate = certificate_of(_certificate(after=(1 << 64) - 2, before=253402300800))
    assert str(certificate.valid_after) == "9999-12-31T23:59:59.000000000Z"
    assert str(certificate.valid_before) == "9999-12-31T23:59:59.000000000Z"


def test_principals_that_are_cut_short() -> None:
    assert certificate_of(_certificate(principals=ssh.string("a") + ssh.string("b"))).principals == ("a", "b")
    assert isinstance(read_public_key(_certificate(principals=ssh.string("a") + b"\x00\x00\x00\x09b")), Malformed)


@given(st.sampled_from(BLOBS), st.integers(0, 400), st.binary(max_size=20))
def test_no_blob_raises(blob: bytes, at: int, octets: bytes) -> None:
    key = read_public_key(blob[:at] + octets + blob[at + len(octets) :])
    assert isinstance(key, (PublicKey, Malformed))


# --- keys that are made now ------------------------------------------------------------------------------------------


def keygen(*arguments: object) -> str:
    done = subprocess.run(
        ["ssh-keygen", *map(str, arguments)], capture_output=True, text=True, check=False, env={"TZ": "UTC"}
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"this ssh-keygen cannot: {done.stderr.strip()}")
    return done.stdout


def make_key(folder: Path, kind: str, bits: int, name: str = "key") -> Path:
    path = folder / name
    keygen("-q", "-t", kind, "-b", bits, "-N", "", "-C", "", "-f", path)
    return path


@needs_keygen
@pytest.mark.parametrize(
    "kind, bits",
    [("rsa", 1024), ("rsa", 2048), ("rsa", 3072), ("ecdsa", 256), ("ecdsa", 384), ("ecdsa", 521), ("ed25519", 256)],
)
def test_keys_of_ssh_keygen(tmp_path: Path, kind: str, bits: int) -> None:
    public = make_key(tmp_path, kind, bits).with_suffix(".pub")
    key = read(blob_of(public.read_text()))
    assert key.type == public.read_text().split()[0]
    assert keygen("-l", "-f", public).split()[:2] == [str(key.bits), key.sha256]
    assert keygen("-l", "-E", "md5", "-f", public).split()[:2] == [str(key.bits), key.md5]


@needs_keygen
@pytest.mark.parametrize("kind, bits", [("rsa", 2048), ("ecdsa", 256), ("ed25519", 256)])
@pytest.mark.parametrize(
    "options",
    [
        ("-h", "-n", "host.example.com,*.example.com,192.0.2.1", "-V", "20240101000000Z:20250101000000Z", "-z", "7"),
        ("-h", "-n", "h", "-V", "20240229:20240301120000", "-z", str((1 << 64) - 1)),
        ("-h",),
        ("-n", "root", "-O", "force-command=/bin/true", "-O", "source-address=192.0.2.0/24"),
    ],
    ids=["host", "one day", "for ever", "user"],
)
def test_certificates_of_ssh_keygen(tmp_path: Path, kind: str, bits: int, options: tuple[str, ...]) -> None:
    authority, path = make_key(tmp_path, "ed25519", 256, "ca"), make_key(tmp_path, kind, bits)
    keygen("-q", "-s", authority, "-I", "an id: x", *options, path.with_suffix(".pub"))
    signed = path.with_name(path.name + "-cert.pub")
    blob = blob_of(signed.read_text())
    key, certificate = read(blob), certificate_of(blob)
    told = keygen("-L", "-f", signed)

    def field(name: str) -> str:
        found = re.search(rf"^ *{name}: (.*)$", told, re.MULTILINE)
        assert found is not None
        return found[1].strip()

    assert field("Type") == f"{key.type} {certificate.type} certificate"
    assert field("Public key").split()[1] == key.sha256
    assert field("Signing CA").split()[1] == certificate.ca_sha256
    assert field("Key ID") == f'"{certificate.key_id}"'
    assert field("Serial") == str(certificate.serial)
    after, before = (str(moment)[:19] for moment in (certificate.valid_after, certificate.valid_before))
    assert field("Valid") == ("forever" if certificate.valid_after is None else f"from {after} to {before}")
    listed = re.search(r"Principals: *(.*?)\n *Critical", told, re.DOTALL)
    assert listed is not None
    assert listed[1].split() == (list(certificate.principals) or ["(none)"])
    assert keygen("-l", "-f", signed).split()[:2] == [str(key.bits), key.sha256]
