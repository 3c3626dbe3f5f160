"""The host keys of the recorded handshakes: type, size, fingerprints, picture, SSHFP records and certificate are what
ssh-keygen said of them, and the key is the one in the server's file."""

import base64
import re

import pytest

from sshpcap.model import HostKey
from tests.handshakes import FOLDER, Recorded, recorded

ALL = recorded(FOLDER / "host-keys")
TYPES = {  # RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4, OpenSSH PROTOCOL.u2f; each plain and as PROTOCOL.certkeys has it
    "ssh-rsa": "ssh-rsa", "rsa-sha2-256": "ssh-rsa", "rsa-sha2-512": "ssh-rsa", "ssh-dss": "ssh-dss",
    "ecdsa-sha2-nistp256": "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384": "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521": "ecdsa-sha2-nistp521", "ssh-ed25519": "ssh-ed25519", "ssh-ed448": "ssh-ed448",
    "sk-ssh-ed25519": "sk-ssh-ed25519", "sk-ecdsa-sha2-nistp256": "sk-ecdsa-sha2-nistp256",
}  # fmt: skip


def algorithms() -> dict[str, str]:
    """Every host key algorithm, and the type of the key that it shows."""
    found = {}
    for algorithm, kind in TYPES.items():
        own = "@openssh.com" if algorithm.startswith("sk-") else ""
        found[algorithm + own] = kind + own
        found[f"{algorithm}-cert-v01@openssh.com"] = f"{kind}-cert-v01@openssh.com"
    return found


def of(algorithm: str) -> tuple[Recorded, HostKey]:
    one = next(one for name, one in ALL.items() if name.startswith(f"{algorithm}, "))
    assert one.session.host_key is not None
    return one, one.session.host_key


def test_every_handshake_is_about_one_of_them() -> None:
    assert {name.partition(",")[0] for name in ALL} == set(algorithms())


@pytest.mark.parametrize("algorithm", algorithms())
def test_the_key_of_the_file(algorithm: str) -> None:
    one, key = of(algorithm)
    negotiation = one.session.negotiation
    assert negotiation is not None
    assert negotiation.server_host_key_algorithm.chosen == algorithm
    assert key.type == algorithms()[algorithm]
    kind, blob = one.key["public"].split()[:2]
    if key.certificate is None:
        assert (key.type, key.blob) == (kind, base64.b64decode(blob))
    assert key.known_hosts_line == f"[203.0.113.7]:{one.truth['port']} {kind} {blob}"
    plain = algorithm.replace("-cert-v01@openssh.com", "@openssh.com" if algorithm.startswith("sk-") else "")
    assert (key.signature_algorithm, key.signature_as_agreed) == (plain, True)
    if key.type != plain:
        assert f"signed with {plain}, as agreed" in one.facts["host key"]
    said = [line for line in one.truth["told"] if line.startswith(("Server host key: ", "Server host cert"))]
    assert all(key.sha256 in line for line in said)
    assert said or "ssh to" not in one.name.replace("asyncssh to", "")


@pytest.mark.parametrize("algorithm", [name for name in algorithms() if "ed448" not in name])
def test_as_ssh_keygen_says(algorithm: str) -> None:
    one, key = of(algorithm)
    first, *picture = one.key["ssh-keygen -lv"]
    assert first.split()[:2] == [str(key.bits), key.sha256]
    assert one.key["ssh-keygen -l -E md5"].split()[:2] == [str(key.bits), key.md5]
    assert list(key.randomart) == picture
    assert [f"host {record}" for record in key.sshfp] == one.key["ssh-keygen -r"]


@pytest.mark.parametrize("algorithm", ["ssh-ed448", "ssh-ed448-cert-v01@openssh.com"])
def test_ed448(algorithm: str) -> None:
    """ssh-keygen does not know the type; puttygen does, and counts 448 bits where the key has 456 (RFC 8032 §5.2)."""
    one, key = of(algorithm)
    assert one.key["puttygen -l"].split()[:3] == ["ssh-ed448", "448", key.sha256]
    assert key.bits == 456
    assert [record.split()[:4] for record in key.sshfp] == [["IN", "SSHFP", "6", "1"], ["IN", "SSHFP", "6", "2"]]


@pytest.mark.parametrize("algorithm", [name for name in algorithms() if "-cert-" in name and "ed448" not in name])
def test_certificates_as_ssh_keygen_says(algorithm: str) -> None:
    one, key = of(algorithm)
    told = "\n".join(one.key["ssh-keygen -L"])
    certificate = key.certificate
    assert certificate is not None

    def field(name: str) -> str:
        found = re.search(rf"^{name}: (.*)$", told, re.MULTILINE)
        assert found is not None
        return found[1].strip()

    kind = key.type
    assert field("Type") == f"{kind} {certificate.type} certificate"
    assert field("Public key").split()[1] == key.sha256
    assert field("Signing CA").split()[:2] == ["ECDSA", certificate.ca_sha256]
    assert (certificate.ca_type, certificate.ca_bits) == ("ecdsa-sha2-nistp384", 384)
    assert (field("Key ID"), field("Serial")) == (f'"{certificate.key_id}"', str(certificate.serial))
    after, before = (str(moment)[:19] for moment in (certificate.valid_after, certificate.valid_before))
    assert field("Valid") == f"from {after} to {before}"
    assert certificate.when_shown == "valid"
    principals = told.partition("Principals:")[2].partition("Critical Options:")[0].split()
    assert list(certificate.principals) == principals
    options = told.partition("Critical Options:")[2].partition("Extensions:")[0].split("\n")
    named = [line.split()[0] for line in options if line.strip() and "(none)" not in line]
    assert list(certificate.critical_options) == named
    shown = one.facts["certificate"]
    assert all(text in shown for text in (certificate.key_id, *principals, certificate.ca_sha256, after, before))


def test_the_certificate_of_ed448() -> None:
    """What asyncssh was asked to make (tests/lab/handshake_keys.py)."""
    _, key = of("ssh-ed448-cert-v01@openssh.com")
    certificate = key.certificate
    assert certificate is not None
    assert (certificate.type, certificate.key_id, certificate.serial) == ("host", "lab host ed448", 448)
    assert certificate.principals == ("server.lab.example", "*.lab.example", "203.0.113.7")
    assert str(certificate.valid_after).startswith("2024-02-29")
