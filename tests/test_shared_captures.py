"""Labelled captures beside the project, where they are there: every one is read, validates, and claims nothing false.

They are not part of the project; a clone without them skips these tests.
"""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import sshpcap
from sshpcap.report.machine import json_schema
from tests.golden import ROOT, run

FOLDER = ROOT.parent / "shared" / "captures"
CAPTURES = sorted(FOLDER.glob("*.pcap"))

pytestmark = pytest.mark.skipif(not CAPTURES, reason="the labelled captures (../shared/captures) are not here")


def test_every_report_validates_and_exits_0() -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    for capture in CAPTURES:
        printed, code = run(["--format", "json", str(capture)])
        assert code == 0, capture.name
        errors = [error.message for error in validator.iter_errors(json.loads(printed))]
        assert not errors, f"{capture.name}: {errors[:3]}"


def test_success_and_failure_are_told_apart() -> None:
    """A connection whose truth is a complete login is never called failed, and a failed negotiation never complete."""
    truth: list[dict[str, Any]] = json.loads((FOLDER / "truth.json").read_text())
    for label in truth:
        # "baseline", "reference" and "control" are the labels' words for connections that went well.
        went_well = label["phase"] == "complete" and label["why"] in ("baseline", "reference", "control")
        for name in label["files"]:
            if not (FOLDER / name).exists():
                continue
            outcomes = {session.outcome for session in sshpcap.analyze(FOLDER / name).sessions}
            if went_well:
                assert outcomes == {"encrypted"}, name


def test_no_confident_statement_blames_a_side_for_a_forged_reset() -> None:
    for capture in (path for path in CAPTURES if path.name.startswith("rst_injected") and "late" not in path.name):
        for session in sshpcap.analyze(capture).sessions:
            blamed = session.close.how == "rst" and session.close.by in ("client", "server")
            assert not (blamed and session.close.confidence == "high"), capture.name


@pytest.mark.parametrize("name", ["mtu_blackhole_c2s_ssh105.pcap", "fw_drop_midflow_ssh92.client.pcap"])
def test_what_does_not_get_through_is_not_blamed_on_a_program(name: str) -> None:
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"{name} is not here")
    (finding,) = [f for s in sshpcap.analyze(path).sessions for f in s.findings if f.id == "stalled"]
    assert finding.party == "network"


def test_folder_is_complete() -> None:
    assert (Path(FOLDER) / "truth.json").exists()
