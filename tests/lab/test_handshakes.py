"""Records every handshake anew: with fresh keys, what the programs say of them and what sshpcap reads must agree again.

What is asserted of the committed recordings (tests/test_inventory.py, tests/ssh/test_recorded_keys.py) is asserted of
the new ones, by running those tests on them.
"""

from pathlib import Path

import pytest

from tests import test_inventory as inventory
from tests.handshakes import Recorded, recorded
from tests.lab.handshakes import FAMILIES, missing, record
from tests.ssh import test_recorded_keys as keys

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def anew(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Recorded]]:
    """The families that can be recorded here."""
    found = {}
    for family in FAMILIES:
        if missing(family) is None:
            folder: Path = tmp_path_factory.mktemp(family)
            record(family, folder)
            found[family] = recorded(folder)
    return found


@pytest.fixture(autouse=True)
def instead(monkeypatch: pytest.MonkeyPatch, anew: dict[str, dict[str, Recorded]]) -> None:
    """The new recordings in the place of the committed ones."""
    if "host-keys" not in anew:
        pytest.skip(f"the lab cannot run here: {missing('host-keys')}")
    monkeypatch.setattr(inventory, "ALL", {**inventory.ALL, **anew})
    monkeypatch.setattr(keys, "ALL", anew["host-keys"])


def test_all_that_debian_has_was_recorded(anew: dict[str, dict[str, Recorded]]) -> None:
    assert set(FAMILIES) - set(anew) <= {"ssh1"}


def test_what_was_agreed_on_is_what_openssh_says(anew: dict[str, dict[str, Recorded]]) -> None:
    told = [one for family in anew.values() for one in family.values() if one.truth["negotiated"]]
    assert len(told) >= 45
    for one in told:
        assert one.session.negotiation is not None
        for slot, name in one.truth["negotiated"].items():
            chosen = getattr(one.session.negotiation, slot).chosen
            assert chosen == (None if name == "<implicit>" else name), (one.name, slot)


@pytest.mark.parametrize("method", inventory.METHODS)
def test_method(method: str) -> None:
    inventory.test_method(method)


@pytest.mark.parametrize("message", inventory.BESIDES)
def test_message(message: str) -> None:
    inventory.test_message(message)


def test_the_rest_of_the_inventory() -> None:
    inventory.test_what_gssapi_said()
    inventory.test_ssh1_keys()
    inventory.test_a_guess()
    inventory.test_markers()


@pytest.mark.parametrize("algorithm", keys.algorithms())
def test_host_key(algorithm: str) -> None:
    keys.test_the_key_of_the_file(algorithm)
    if "ed448" in algorithm:
        keys.test_ed448(algorithm)
        return
    keys.test_as_ssh_keygen_says(algorithm)
    if "-cert-" in algorithm:
        keys.test_certificates_as_ssh_keygen_says(algorithm)
