"""What tests of remedies share: a site, and the account of the commands that they took from findings."""

from collections.abc import Iterator

import pytest

from tests.lab import proofs
from tests.lab.site import Site, site


@pytest.fixture
def place() -> Iterator[Site]:
    """A site whose captures are thrown away."""
    with site() as made:
        yield made


@pytest.fixture(autouse=True)
def _account(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test of remedies runs the commands of its rows in `proofs.PROOFS`, all of them and no others."""
    proofs.settle("")
    yield
    wrong = proofs.settle(getattr(request.node, "originalname", request.node.name))
    assert not wrong, "\n".join(wrong)
