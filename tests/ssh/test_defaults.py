"""Default proposals by program and release: recorded, or derived from release notes; held against recordings."""

import pytest

from sshpcap.model import KexInit, Who
from sshpcap.ssh.defaults import Default, clients_of, defaults, servers_of
from tests.support.proposals import RECORDED, offer, proposal


def row(side: Who, release: str, program: str = "OpenSSH") -> Default:
    (found,) = [one for one in defaults(side) if (one.program, one.release) == (program, release)]
    return found


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda r: f"{r['side']}-{r['ident'].split()[0]}")
def test_recordings_are_in_the_table(recorded: dict[str, str]) -> None:
    side: Who = "client" if recorded["side"] == "client" else "server"
    sources = {one.source: one.proposal for one in defaults(side)}
    wanted = proposal(side, recorded["ident"])
    found = sources[f"recorded: {recorded['ident']}"]
    fields = KexInit.__struct_fields__[:10]
    assert [getattr(found, name) for name in fields] == [getattr(wanted, name) for name in fields]


@pytest.mark.parametrize("side", ["client", "server"])
def test_a_derived_release_is_what_was_recorded_of_a_debian_release_of_it(side: Who) -> None:
    """Debian 12 ships 9.2 with two later things: the new name of sntrup761 and strict key exchange."""
    derived = row(side, "9.0–9.5").proposal
    recorded = row(side, "9.2p1 Debian-2+deb12u10").proposal
    backported = {"sntrup761x25519-sha512", "kex-strict-c-v00@openssh.com", "kex-strict-s-v00@openssh.com"}
    for name in KexInit.__struct_fields__[:8]:
        kept = tuple(n for n in getattr(recorded, name) if n not in backported and not n.startswith("webauthn"))
        assert set(getattr(derived, name)) == set(kept), name
        assert getattr(derived, name) == kept, name


@pytest.mark.parametrize(
    "release, lists, agreed",
    [
        ("8.2–8.7", {"server_host_key_algorithms": "ssh-rsa"}, True),
        ("8.8", {"server_host_key_algorithms": "ssh-rsa"}, False),
        ("7.8–8.1", {"kex_algorithms": "diffie-hellman-group14-sha1"}, True),
        ("8.2–8.7", {"kex_algorithms": "diffie-hellman-group14-sha1"}, False),
        ("7.6–7.7", {"kex_algorithms": "diffie-hellman-group-exchange-sha1"}, True),
        ("7.8–8.1", {"kex_algorithms": "diffie-hellman-group-exchange-sha1"}, False),
        ("8.9", {"kex_algorithms": "sntrup761x25519-sha512@openssh.com"}, True),
        ("8.8", {"kex_algorithms": "sntrup761x25519-sha512@openssh.com"}, False),
        ("9.6–9.8", {"kex_algorithms": "mlkem768x25519-sha256"}, False),
        ("9.9", {"kex_algorithms": "mlkem768x25519-sha256"}, True),
        ("7.5p1 Debian-14", {"encryption": "aes128-cbc"}, True),
        ("7.6–7.7", {"encryption": "aes128-cbc"}, False),
    ],
)
def test_clients_by_the_release_notes(release: str, lists: dict[str, str], agreed: bool) -> None:
    met = {(m.default.program, m.default.release): m.negotiation.agreed for m in clients_of(offer(**lists))}
    assert met["OpenSSH", release] == agreed


@pytest.mark.parametrize(
    "release, lists, agreed",
    [
        ("7.4–8.1", {"kex_algorithms": "diffie-hellman-group14-sha1"}, True),
        ("8.2–8.7", {"kex_algorithms": "diffie-hellman-group14-sha1"}, False),
        ("9.9", {"kex_algorithms": "diffie-hellman-group14-sha256"}, True),
        ("10.0–10.4", {"kex_algorithms": "diffie-hellman-group14-sha256"}, False),
        ("8.2–8.7", {"server_host_key_algorithms": "ssh-rsa"}, True),
        ("8.8", {"server_host_key_algorithms": "ssh-rsa"}, False),
    ],
)
def test_servers_by_the_release_notes(release: str, lists: dict[str, str], agreed: bool) -> None:
    met = {(m.default.program, m.default.release): m.negotiation.agreed for m in servers_of(offer(**lists))}
    assert met["OpenSSH", release] == agreed


def test_every_row_has_its_source() -> None:
    for side in ("client", "server"):
        for one in defaults(side):
            assert one.source.startswith(("recorded: SSH-2.0-", "derived from "))
            assert one.proposal.kex_algorithms
