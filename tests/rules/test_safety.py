"""Terrapin, strict key exchange, weak algorithms: where they are told, and where they are not."""

from pathlib import Path

import pytest

import sshpcap
from sshpcap.model import Session
from sshpcap.ssh.negotiate import negotiate
from tests.golden import ROOT
from tests.support.proposals import offer
from tests.support.sessions import closed, greeted, session_of
from tests.support.sshbytes import (
    debug,
    ecdh_init,
    ecdh_reply,
    ed25519_key,
    gex_group,
    gex_request,
    ignore,
    kexinit,
    newkeys,
    packet,
    rsa_key,
    server_kexinit,
    signature,
    unimplemented,
)
from tests.support.wireflow import Flow

SHARED = ROOT.parent / "shared" / "captures"
CHACHA = {"encryption": "chacha20-poly1305@openssh.com"}
STRICT_C = "curve25519-sha256,kex-strict-c-v00@openssh.com"
STRICT_S = "curve25519-sha256,kex-strict-s-v00@openssh.com"


def connected(
    *, client: dict[str, str] | None = None, server: dict[str, str] | None = None, before: bytes = b"",
    between: bytes = b"", key: bytes | None = None, signed: str = "ssh-ed25519",
) -> Session:  # fmt: skip
    """A connection that becomes encrypted; the server sends something before its proposal, or before its reply."""
    flow = greeted()
    flow.client.sends(packet(kexinit(**(client or {}))))
    flow.server.sends(before + packet(server_kexinit(**(server or {}))))
    flow.client.sends(packet(ecdh_init(bytes(32))))
    reply = ecdh_reply(key or ed25519_key(), bytes(32), signature(signed))
    flow.server.sends(between + packet(reply) + packet(newkeys()))
    flow.client.sends(packet(newkeys()))
    flow.client.sends(bytes(range(64)))
    flow.server.sends(bytes(range(64)))
    return session_of(flow)


def ids(session: Session) -> list[str]:
    return [f.id for f in session.findings]


@pytest.mark.parametrize(
    "lists, client_strict, server_strict, exposed, directions",
    [
        (CHACHA, False, False, True, 2),
        (CHACHA, True, False, True, 2),
        (CHACHA, True, True, False, 2),
        ({"encryption": "aes256-gcm@openssh.com"}, False, False, False, 0),
        ({"encryption": "aes128-ctr", "mac": "hmac-sha2-256-etm@openssh.com"}, False, False, False, 0),
        ({"encryption": "aes128-cbc", "mac": "hmac-sha2-256"}, False, False, False, 0),
        ({"encryption": "aes128-cbc", "mac": "hmac-sha2-256-etm@openssh.com"}, False, False, True, 2),
        (
            {"encryption_algorithms_server_to_client": "chacha20-poly1305@openssh.com"},
            False, False, True, 1,
        ),
    ],
)  # fmt: skip
def test_terrapin(
    lists: dict[str, str], client_strict: bool, server_strict: bool, exposed: bool, directions: int
) -> None:
    client = offer(**lists, kex_algorithms=STRICT_C if client_strict else "curve25519-sha256")
    server = offer(**lists, kex_algorithms=STRICT_S if server_strict else "curve25519-sha256")
    found = negotiate(client, server).terrapin
    assert found is not None
    assert found.exposed == exposed
    assert len(found.directions) == directions
    assert found.reason


def test_no_terrapin_verdict_without_an_agreement() -> None:
    assert negotiate(offer(**CHACHA), offer()).terrapin is None


def test_exposed_is_told_as_information_only() -> None:
    session = connected(client=CHACHA, server=CHACHA)
    assert ids(session) == ["terrapin-exposed"]
    assert session.verdict.cause is None
    strict = connected(client={**CHACHA, "kex_algorithms": STRICT_C}, server={**CHACHA, "kex_algorithms": STRICT_S})
    assert ids(strict) == []
    one = connected(client={**CHACHA, "kex_algorithms": STRICT_C}, server=CHACHA)
    assert one.findings[0].party == "server"


@pytest.mark.parametrize("payload", [ignore(b"x"), debug("x"), unimplemented(3)])
def test_a_message_that_may_have_been_inserted(payload: bytes) -> None:
    session = connected(client=CHACHA, server=CHACHA, between=packet(payload))
    assert ids(session) == ["inserted-message", "terrapin-exposed"]
    assert session.findings[0].confidence == "medium"
    # With a cipher that shows what is missing, such a message is nothing to speak of.
    assert ids(connected(between=packet(payload))) == []


@pytest.mark.parametrize("payload", [ignore(b"x"), debug("x"), unimplemented(3)])
@pytest.mark.parametrize("place", ["before", "between"])
def test_strict_kex_violation(payload: bytes, place: str) -> None:
    strict = {"client": {"kex_algorithms": STRICT_C}, "server": {"kex_algorithms": STRICT_S}}
    octets = packet(payload)
    session = connected(**strict, before=octets if place == "before" else b"",  # type: ignore[arg-type]
                        between=octets if place == "between" else b"")  # fmt: skip
    assert ids(session)[0] == "strict-kex-violation"
    finding = session.findings[0]
    assert ("before its proposal" in finding.summary) == (place == "before")
    # The proposal has number 0, the answer to it 1.
    told = {"before": "KEXINIT was not the first packet", "between": f"unexpected packet type {payload[0]} (seqnr 1)"}
    assert told[place] in finding.expected_messages["openssh_client"]
    assert "strict-kex-violation" not in ids(connected(**strict))  # type: ignore[arg-type]


def test_weak_algorithms() -> None:
    weak = {"encryption": "3des-cbc", "mac": "hmac-sha1-96"}
    session = connected(client=weak, server=weak)
    assert ids(session) == ["weak-algorithms"]
    assert session.findings[0].severity == "info"
    assert "Sweet32" in session.findings[0].summary
    assert "hmac-sha1-96" in session.findings[0].summary
    broken = {"encryption": "arcfour"}
    assert connected(client=broken, server=broken).findings[0].severity == "warning"
    assert ids(connected()) == []


def test_what_the_client_would_have_liked() -> None:
    session = connected(client={"encryption": "aes256-ctr,aes128-cbc"}, server={"encryption": "aes128-cbc"})
    assert session.negotiation is not None
    slot = session.negotiation.encryption_client_to_server
    assert (slot.passed_over, slot.grade) == (("aes256-ctr",), "weak")
    assert "aes256-ctr" in session.findings[0].causes[0]


def test_short_key() -> None:
    lists = {"server_host_key_algorithms": "rsa-sha2-256"}
    short = connected(client=lists, server=lists, key=rsa_key(1 << 1023 | 1), signed="rsa-sha2-256")
    assert "1024 bits" in short.findings[0].summary
    assert ids(connected(client=lists, server=lists, key=rsa_key(1 << 2047 | 1), signed="rsa-sha2-256")) == []


def test_small_group() -> None:
    lists = {"kex_algorithms": "diffie-hellman-group-exchange-sha256"}
    flow: Flow = greeted()
    flow.client.sends(packet(kexinit(**lists)))
    flow.server.sends(packet(server_kexinit(**lists)))
    flow.client.sends(packet(gex_request(1024, 2048, 8192)))
    flow.server.sends(packet(gex_group(1 << 1023 | 1, 2)))
    (finding,) = [f for f in session_of(closed(flow)).findings if f.id == "weak-algorithms"]
    assert "1024 bits" in finding.summary


@pytest.mark.parametrize("p, g, said", [
    ((1 << 2048) - 1, 2, "is not prime"), ((1 << 2203) - 1, 2, "is prime, but no safe prime"),
    ((1 << 2203) - 1, 1, "the generator"), ((1 << 2203) - 1, (1 << 2203) - 2, "the generator"), (-5, 2, "is not prime"),
])  # fmt: skip
def test_a_modulus_that_is_no_safe_prime(p: int, g: int, said: str) -> None:
    """2^2203 - 1 is a Mersenne prime; half of it is even more than odd: 2^2202 - 1 is divisible by 3."""
    lists = {"kex_algorithms": "diffie-hellman-group-exchange-sha256"}
    flow: Flow = greeted()
    flow.client.sends(packet(kexinit(**lists)))
    flow.server.sends(packet(server_kexinit(**lists)))
    flow.client.sends(packet(gex_request(2048, 2048, 8192)))
    flow.server.sends(packet(gex_group(p, g)))
    session = session_of(closed(flow))
    (finding,) = [f for f in session.findings if f.id == "weak-algorithms"]
    assert said in finding.summary
    assert any("weak: its" in row.text for row in session.timeline)


@pytest.mark.parametrize(
    "agreed, signed, fires",
    [
        ("rsa-sha2-512", "rsa-sha2-512", False),
        ("rsa-sha2-512", "ssh-rsa", True),
        ("rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-512", False),
        ("sk-ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com", False),
        ("ssh-ed25519", "ssh-rsa", True),
        ("webauthn-sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", False),
        ("webauthn-sk-ecdsa-sha2-nistp256@openssh.com", "webauthn-sk-ecdsa-sha2-nistp256@openssh.com", False),
        ("webauthn-sk-ecdsa-sha2-nistp256@openssh.com", "ssh-rsa", True),
    ],
)
def test_signature_of_another_algorithm(agreed: str, signed: str, fires: bool) -> None:
    lists = {"server_host_key_algorithms": agreed}
    session = connected(client=lists, server=lists, signed=signed)
    assert ("signature-of-another-algorithm" in ids(session)) == fires
    assert session.host_key is not None
    assert session.host_key.signature_as_agreed is not fires


# --- labelled captures of real programs ------------------------------------------------------------------------------


def _labelled(pattern: str) -> list[Path]:
    return sorted(SHARED.glob(pattern)) or [SHARED / "none"]


def _found(path: Path) -> set[str]:
    if not path.exists():
        pytest.skip("the labelled captures (../shared/captures) are not here")
    return {finding.id for session in sshpcap.analyze(path).sessions for finding in session.findings}


@pytest.mark.parametrize("path", _labelled("terrapin_*.pcap"), ids=lambda path: path.stem)
def test_recorded_terrapin(path: Path) -> None:
    found = _found(path)
    assert ("strict-kex-violation" in found) == ("strict" in path.stem)
    assert ("inserted-message" in found) == ("strict" not in path.stem)


@pytest.mark.parametrize("path", _labelled("strict_*.pcap"), ids=lambda path: path.stem)
def test_recorded_strict(path: Path) -> None:
    # A DISCONNECT is allowed at any time.
    assert ("strict-kex-violation" in _found(path)) == ("disconnect" not in path.stem)


def test_no_other_labelled_capture_has_signs_of_tampering() -> None:
    for path in SHARED.glob("*.pcap"):
        if not path.name.startswith(("terrapin_", "strict_")):
            assert not _found(path) & {"strict-kex-violation", "inserted-message"}, path.name
