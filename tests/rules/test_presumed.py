"""A client that leaves with its proposal unsent: what its program's default settings tell, and when they do not."""

import pytest

from sshpcap.model import Session
from tests.support.sessions import session_of, told
from tests.support.sshbytes import identification, packet, server_kexinit
from tests.support.wireflow import Flow

PLINK = "PuTTY_Release_0.78"


def left(software: str, **offer: str) -> Session:
    """The client reads the server's proposal and closes."""
    flow = Flow()
    flow.opens()
    flow.client.sends(identification(software))
    flow.server.sends(identification("OpenSSH_9.2p1"))
    flow.server.sends(packet(server_kexinit(**offer)))
    flow.client.acks()
    flow.client.fin()
    flow.server.fin()
    return session_of(flow)


@pytest.mark.parametrize(
    "offer, expected",
    [
        ({"kex_algorithms": "mlkem768x25519-sha256"}, "no-common-kex-algorithm"),
        ({"server_host_key_algorithms": "x@example.org"}, "no-common-host-key-algorithm"),
        ({"encryption": "x@example.org"}, "no-common-cipher"),
    ],
)
def test_the_defaults_of_its_program_have_nothing_in_common(offer: dict[str, str], expected: str) -> None:
    session = left(PLINK, **offer)
    finding = next(f for f in told(session) if f.id == expected)
    assert finding.confidence == "medium"
    assert "PuTTY 0.78" in finding.summary
    assert not any(program.endswith("_log") for program in finding.expected_messages)
    assert session.negotiation is None


def test_another_version_is_a_weaker_sign() -> None:
    (finding,) = told(left("PuTTY_Release_0.70", kex_algorithms="mlkem768x25519-sha256"))
    assert finding.confidence == "low"


@pytest.mark.parametrize("software, offer", [(PLINK, {}), ("OpenSSH_9.2p1", {"kex_algorithms": "x@example.org"})])
def test_what_would_fit_and_programs_that_speak_first_tell_nothing(software: str, offer: dict[str, str]) -> None:
    assert not [f for f in told(left(software, **offer)) if f.id.startswith("no-common")]
