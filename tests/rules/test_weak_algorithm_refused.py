"""PuTTY leaves where a weak algorithm is agreed on and nobody answers its question; the lab has the real plink."""

import pytest

from sshpcap.model import Session
from tests.support.sessions import closed, greeted, session_of
from tests.support.sshbytes import ecdh_init, identification, kexinit, packet, server_kexinit

GROUP1 = {"kex_algorithms": "diffie-hellman-group1-sha1"}
BOTH = {"kex_algorithms": "curve25519-sha256,diffie-hellman-group1-sha1"}
ID = "weak-algorithm-refused"


def left(
    client: str = "PuTTY_Release_0.78",
    *,
    mine: dict[str, str] | None = None,
    theirs: dict[str, str] | None = None,
    by: str = "client",
    unsent: bool = False,
    then: bytes = b"",
) -> Session:
    """A client that leaves when it has read the server's proposal."""
    flow = greeted(client=identification(client))
    if not unsent:
        flow.client.sends(packet(kexinit(**(BOTH if mine is None else mine))))
    flow.server.sends(packet(server_kexinit(**(GROUP1 if theirs is None else theirs))))
    if then:
        flow.client.sends(then)
    return session_of(closed(flow, by=by))


def ids(session: Session) -> list[str]:
    return [f.id for f in session.findings if f.severity == "error"]


@pytest.mark.parametrize("client", ["PuTTY_Release_0.78", "WinSCP_release_6.3.5", "PuTTY_Release_0.70"])
def test_it_left_without_a_word(client: str) -> None:
    session = left(client)
    assert ids(session) == [ID]
    finding = session.findings[0]
    assert finding.confidence == "medium"
    settings = [r.command for r in finding.remedies if r.side == "client"]
    assert len(settings) == 1
    assert (settings[0] or "").endswith(",dh-group1-sha1,WARN")
    server = [r.command for r in finding.remedies if r.side == "server"]
    assert server == ["KexAlgorithms diffie-hellman-group1-sha1,curve25519-sha256"]


def test_a_cipher_in_both_directions_is_one_setting() -> None:
    weak = {"encryption": "arcfour"}
    finding = left(mine={"encryption": "aes256-ctr,arcfour"}, theirs=weak).findings[0]
    assert finding.id == ID
    assert [r.command for r in finding.remedies if r.side == "client"] == [
        "Cipher=aes,chacha20,aesgcm,3des,blowfish,des,arcfour,WARN"
    ]
    assert "client-to-server cipher" in finding.expected_messages["putty"]


def test_with_its_proposal_unsent_the_defaults_tell() -> None:
    session = left(unsent=True)
    assert ids(session) == [ID]
    assert session.findings[0].confidence == "medium"
    assert "With its default settings" in session.findings[0].summary
    assert left("PuTTY_Release_0.81", unsent=True).findings[0].confidence == "low"


@pytest.mark.parametrize(
    "session",
    [
        left("OpenSSH_9.2p1"),  # it takes what it was told to
        left(mine={"encryption": "3des-cbc"}, theirs={"encryption": "3des-cbc"}),  # above the line since 0.54
        left(mine=BOTH, theirs=BOTH),  # something better is agreed on
        left(by="server"),
        left(then=packet(ecdh_init(bytes(32)))),  # it went on
        left("PuTTY_Release_0.78", unsent=True, theirs={"kex_algorithms": "of-tomorrow"}),
    ],
    ids=["OpenSSH", "3des", "better", "server", "went on", "nothing in common"],
)
def test_near_misses(session: Session) -> None:
    assert ID not in ids(session)
