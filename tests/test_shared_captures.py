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


# What the labels say was done to the network, and the finding that says so (with the first session that has one).
NETWORK = {
    "ban_established_drop_ssh92": "peer-vanished",
    "ban_established_reject_icmp_ssh92": "rejected-midflow",
    "ban_established_tcpreset_ssh92": "connection-unknown-to-peer",
    "dpi_drop_srvident_ssh92.client": "identification-dropped",
    "dpi_drop_srvident_ssh92.server": "identification-dropped",
    "fw_drop_midflow_ssh92.client": "dropped-midflow",
    "fw_drop_midflow_ssh92.server": "peer-vanished",
    "halfclose_after_ident_sshd92": "half-closed",
    "mtu_blackhole_c2s_paramiko": "path-mtu-black-hole",
    "mtu_blackhole_c2s_ssh105": "path-mtu-black-hole",
    "mtu_blackhole_mtuprobing_ssh92": "path-mtu-black-hole",
    "mtu_blackhole_s2c_dbclient": "path-mtu-black-hole",
    "mtu_blackhole_s2c_ssh88": "path-mtu-black-hole",
    "nat_timeout_silent_serveralive_ssh92.client": "peer-vanished",
    "port_reuse_syn_on_established": "port-reused",
    "rst_injected_both_ssh92.client": "reset-injected",
    "rst_injected_both_ssh92.middle": "reset-injected",
    "rst_injected_both_ssh92.server": "reset-injected",
    "rst_injected_client_ssh92.client": "reset-injected",
    "rst_injected_client_ssh92.middle": "connection-unknown-to-peer",
    "rst_injected_client_ssh92.server": "connection-unknown-to-peer",
    "rst_injected_guess_ssh92.client": "reset-injected",
    "rst_injected_late_guess_ssh92.client": "reset-injected",
    "rst_injected_server_ssh92.client": "connection-unknown-to-peer",
    "rst_injected_server_ssh92.middle": "reset-injected",
    "rst_injected_server_ssh92.server": "reset-injected",
    "server_reboot_rst_old_flow_ssh92": "connection-unknown-to-peer",
}
# Everything that these findings may be about; on any other label they would be wrong.
NETWORK_FINDINGS = {*NETWORK.values(), "half-open-scan", "handshake-not-completed", "receiver-stuck"}


def _without_point(name: str) -> str:
    return name.split(".", 1)[0]


def test_what_the_network_did_is_found() -> None:
    for name, finding in NETWORK.items():
        path = FOLDER / f"{name}.pcap"
        if not path.exists():
            continue
        found = [f.id for s in sshpcap.analyze(path).sessions for f in s.findings if f.severity != "warning"]
        assert finding in found, f"{name}: {found}"


def test_the_network_is_not_blamed_for_anything_else() -> None:
    """No label but those above tells of a disturbed network: these findings are near misses everywhere else."""
    disturbed = {_without_point(name) for name in NETWORK}
    for path in CAPTURES:
        if _without_point(path.stem) in disturbed:
            continue
        found = {f.id for s in sshpcap.analyze(path).sessions for f in s.findings} & NETWORK_FINDINGS
        assert not found, f"{path.name}: {found}"


def test_folder_is_complete() -> None:
    assert (Path(FOLDER) / "truth.json").exists()
