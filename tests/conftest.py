"""One hypothesis profile for everybody (the same examples on every run, no clock), and the switch for the lab."""

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci", derandomize=True, deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lab", action="store_true", help="also record real programs in network namespaces (root, Linux)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--lab"):
        return
    skip = pytest.mark.skip(reason="records real programs in network namespaces for minutes: run with --lab, as root")
    for item in items:
        if "lab" in item.keywords:
            item.add_marker(skip)
