"""The made cases are what their recipe makes, and mean what their story says."""

import json

import pytest

from tests.golden import report
from tests.make_cases import CASES, MADE, readme


@pytest.mark.parametrize("name", MADE)
def test_the_files_are_what_the_recipe_makes(name: str) -> None:
    assert (CASES / name / MADE[name].name).read_bytes() == MADE[name].octets()
    assert (CASES / name / "README.md").read_text() == readme(name)


def test_no_case_without_a_recipe() -> None:
    assert {path.name for path in CASES.iterdir()} == set(MADE)


@pytest.mark.parametrize("name", ["fragmented", "two-interfaces", "vxlan-in-gre", "wifi"])
def test_the_way_it_was_captured_changes_nothing_of_the_verdict(name: str) -> None:
    (session,) = json.loads(report(CASES / name))["sessions"]
    (plain,) = json.loads(report(CASES.parent.parent / "samples" / "no-common-kex-openssh"))["sessions"]
    for field in ("outcome", "stage", "negotiation", "community_id"):
        assert session[field] == plain[field]
    assert session["verdict"]["cause"] == plain["verdict"]["cause"]
    assert session["close"]["by"] == plain["close"]["by"]


def test_frames_captured_twice_change_nothing() -> None:
    (session,) = json.loads(report(CASES / "captured-twice"))["sessions"]
    (plain,) = json.loads(report(CASES.parent.parent / "samples" / "host-key-changed-openssh"))["sessions"]
    assert session["verdict"]["cause"] == plain["verdict"]["cause"] == "host-key-not-accepted"
    assert session["coverage"]["duplicates"] == 20
    assert session["tcp"]["history"] == plain["tcp"]["history"]
    assert session["tcp"]["client"]["retransmissions"] == 0


@pytest.mark.parametrize("name", ["lost-by-the-capture", "midstream", "server-side-only", "snaplen-96"])
def test_what_is_missing_is_said_and_nothing_is_made_of_it(name: str) -> None:
    (session,) = json.loads(report(CASES / name))["sessions"]
    assert "incomplete-capture" in [finding["id"] for finding in session["findings"]]
    assert session["outcome"] in ("incomplete", "encrypted")
