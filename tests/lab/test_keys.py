"""Remedies for host keys: forgotten, added, made anew, signed; then the client that refused accepts."""

import sys

import pytest

from tests.lab.host import USER
from tests.lab.network import SERVER
from tests.lab.programs import missing_for_remedies
from tests.lab.scene import PEERS
from tests.lab.site import LOGIN, Site, take

_REASON = missing_for_remedies()
pytestmark = [pytest.mark.lab, pytest.mark.skipif(_REASON is not None, reason=f"the lab cannot run here: {_REASON}")]

KNOWN = "/root/.ssh/known_hosts"
NEW = LOGIN.replace("ssh ", "ssh -o StrictHostKeyChecking=accept-new ")
CACHE = "/root/.putty/sshhostkeys"


def _other_key(place: Site) -> None:
    """The client knows another ed25519 key for the server, and no more."""
    place.client.shell("ssh-keygen -q -t ed25519 -N '' -f /run/other")
    place.client.write(KNOWN, f"{SERVER} {place.client.read('/run/other.pub')}")


def test_a_changed_key_is_forgotten_in_the_file_that_has_it(place: Site) -> None:
    _other_key(place)
    refused = place.attempt(known=KNOWN)
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in refused.output
    place.client.shell(take(refused.finding("host-key-changed"), "ssh-keygen -f"))
    place.attempt(NEW).succeeded()


def test_an_unknown_key_is_added_or_accepted(place: Site) -> None:
    place.client.write(KNOWN, "")
    found = place.attempt(known=KNOWN).finding("host-key-unknown")
    place.client.shell(take(found, "echo"))
    place.attempt().succeeded()
    place.client.write(KNOWN, "")
    place.client.append("/root/.ssh/config", f"  {take(found, 'StrictHostKeyChecking')}")
    place.attempt().succeeded()


def test_a_line_of_puttys_file_is_deleted(place: Site) -> None:
    place.client.shell("puttygen .ssh/id_ed25519 -O private -o key.ppk")
    other = "ssh-ed25519@22:other.example.org 0x1,0x2\n"
    place.client.write(CACHE, f"{other}ssh-ed25519@22:{SERVER} 0x1,0x2\n")
    plink = f"echo y | plink -ssh -i key.ppk {USER}@{SERVER} true"
    refused = place.attempt(plink.replace("echo y | plink", "plink -batch"), known=CACHE)
    assert "POTENTIAL SECURITY BREACH" in refused.output
    place.client.shell(take(refused.finding("host-key-changed"), "sed -i"))
    assert place.client.read(CACHE) == other
    place.attempt(plink).succeeded()
    place.attempt(plink.replace("echo y | plink", "plink -batch")).succeeded()


def test_revoked_keys_are_made_anew(place: Site) -> None:
    lines = place.client.read(KNOWN).splitlines()
    place.client.write(KNOWN, "".join(f"@revoked {line}\n" for line in lines))
    refused = place.attempt(known=KNOWN)
    assert "REVOKED HOST KEY DETECTED" in refused.output
    place.server.shell(take(refused.finding("host-key-revoked"), "ssh-keygen -A"))
    place.attempt(NEW).succeeded()


def test_host_certificates_are_signed_and_their_authority_is_known(place: Site) -> None:
    host, key = "lab.example.org", "/etc/ssh/ssh_host_ed25519_key"
    place.client.append("/etc/hosts", f"{SERVER} {host}")
    place.server.shell("ssh-keygen -q -t ed25519 -N '' -f CA_KEY")
    authority = " ".join(place.server.read("/root/CA_KEY.pub").split()[:2])
    login = LOGIN.replace(SERVER, host)
    place.client.write(KNOWN, "")

    def certified(names: str, validity: str) -> None:
        place.server.shell(f"ssh-keygen -q -s CA_KEY -h -I lab -n {names} -V {validity} {key}.pub")
        place.server.configure(f"HostCertificate {key}-cert.pub", f"HostKey {key}")

    # Nobody has told the client of the authority; and sshd, told of no certificate, shows none.
    certified(host, "+52w")
    found = place.attempt(login).finding("host-certificate-not-accepted")
    shown = place.server.shell(take(found, "ssh-keygen -Lf"))
    assert f"{host}\n" in shown
    pattern = take(found, "@cert-authority", CA_PUBLIC_KEY=authority)
    place.client.write(KNOWN, f"{pattern}\n")
    place.server.configure(take(found, "HostCertificate"), f"HostKey {key}")
    place.attempt(login).succeeded()

    for id, names, validity in (
        ("host-certificate-not-accepted", host, "-4w:-1w"),
        ("certificate-expired", host, "-4w:-1w"),
        ("certificate-for-another-name", "other.example.org", "+52w"),
    ):
        certified(names, validity)
        known = "" if id.startswith("host") else KNOWN
        refused = place.attempt(login, known=known, name=host if known else "")
        assert "Certificate invalid" in refused.output
        sign = take(refused.finding(id), "ssh-keygen -s", ID="lab", NAME=host)
        place.server.shell(sign)
        place.server.shell("systemctl restart ssh")
        place.attempt(login).succeeded()

    # An authority of former times: its key is RSA, and it signed with SHA-1.
    place.server.shell("rm CA_KEY*; ssh-keygen -q -t rsa -N '' -f CA_KEY")
    place.client.write(KNOWN, f"@cert-authority {host} {place.server.read('/root/CA_KEY.pub')}")
    certified(f"{host} -t ssh-rsa", "+52w")
    refused = place.attempt(login)
    assert "Certificate signed with disallowed algorithm" in refused.output
    found = refused.finding("host-certificate-not-accepted")
    assert "SHA-1" in found.causes[0]
    place.server.shell(take(found, "ssh-keygen -s", ID="lab", NAME=host))
    place.server.shell("systemctl restart ssh")
    place.attempt(login).succeeded()


def test_a_library_learns_the_key(place: Site) -> None:
    _other_key(place)
    library = f"{sys.executable} {PEERS}/paramiko_client.py {SERVER} {USER} /root/.ssh/id_ed25519 {KNOWN}"
    refused = place.attempt(library)
    assert refused.exit != 0
    place.client.shell(take(refused.finding("host-key-rejected-after-newkeys"), "ssh-keyscan"))
    place.attempt(library).succeeded()


def test_curl_is_told_the_key(place: Site) -> None:
    place.client.shell("ssh-keygen -q -t ecdsa -m PEM -N '' -f pem")
    place.server.append(f"/home/{USER}/.ssh/authorized_keys", place.client.read("/root/pem.pub"))
    login = f"-sS -u {USER}: --key pem --pubkey pem.pub"
    wrong = "A" * 42 + "E="
    refused = place.attempt(f"curl {login} --hostpubsha256 {wrong} sftp://{SERVER}/")
    assert refused.exit != 0
    line = take(refused.finding("host-key-rejected-after-newkeys"), "curl")
    place.attempt(line.replace("curl ", f"curl {login} ")).succeeded()


def test_a_server_without_host_keys_and_one_on_another_address(place: Site) -> None:
    place.server.shell("systemctl stop ssh; rm /etc/ssh/ssh_host_*_key*")
    started = place.server.attempt("systemctl start ssh")
    assert "no hostkeys available" in started.stdout
    found = place.attempt().finding("connection-refused")
    place.server.shell(take(found, "ssh-keygen -A"))
    place.client.write(KNOWN, "")
    place.attempt(NEW).succeeded()
    place.server.configure("ListenAddress 127.0.0.1")
    found = place.attempt().finding("connection-refused")
    assert "listenaddress 127.0.0.1:22" in place.server.shell(take(found, "listenaddress"))
    place.server.configure()
    place.attempt().succeeded()
