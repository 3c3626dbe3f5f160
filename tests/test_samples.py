"""Every recorded sample's verdict is right by its recorded truth: what was done, what the programs printed and
logged."""

import json
from pathlib import Path
from typing import Any

import pytest

import sshpcap
from tests.golden import ROOT
from tests.lab.judge import judge, judge_details, of_interest

TRUTHS = sorted((ROOT / "samples").glob("*/truth.json"))


@pytest.mark.parametrize("file", TRUTHS, ids=lambda file: file.parent.name)
def test_verdict_is_true(file: Path) -> None:
    truth: dict[str, Any] = json.loads(file.read_text())
    report = sshpcap.analyze(file.parent / "capture.pcap")
    assert judge(report, truth["expect"]) == []
    assert judge_details(of_interest(report, truth["expect"]), truth) == []


@pytest.mark.parametrize("file", TRUTHS, ids=lambda file: file.parent.name)
def test_what_openssh_said_is_among_the_expected_messages(file: Path) -> None:
    """The message that the finding predicts is what the real client printed, to the letter."""
    truth: dict[str, Any] = json.loads(file.read_text())
    said = [line.strip() for line in truth["client_output"].splitlines() if line.startswith("Unable to negotiate")]
    if not said:
        pytest.skip("the client of this sample printed no negotiation error")
    report = sshpcap.analyze(file.parent / "capture.pcap")
    predicted = [finding.expected_messages["openssh_client"] for s in report.sessions for finding in s.findings]
    assert said[0] in predicted


def test_there_are_samples() -> None:
    assert len(TRUTHS) >= 38


def test_every_rule_has_a_sample_where_it_fires() -> None:
    fired = {
        finding.id
        for file in (ROOT / "samples").glob("*/capture.pcap")
        for session in sshpcap.analyze(file).sessions
        for finding in session.findings
    }
    from sshpcap.rules import RULES

    # These have no program in the lab that provokes them yet; made captures in tests/rules/ do.
    made = {"no-common-compression", "malformed-message", "port-reused", "receiver-stuck", "closed-during-handshake"}
    # Files of known keys, certificates, an attacker, SSH-1: tests/rules/test_known.py and test_safety.py, the lab's
    # test_known_hosts.py, and the labelled captures beside the project.
    made |= {"host-key-changed", "host-key-unknown", "host-key-revoked", "certificate-expired"}
    made |= {"certificate-for-another-name", "signature-of-another-algorithm", "strict-kex-violation", "ssh1-in-use"}
    made |= {"inserted-message", "terrapin-exposed", "weak-algorithms"}
    assert {rule.id for rule in RULES} - fired <= made


PATHS = (
    "banned-with-icmp",
    "dropped-both-ways",
    "identification-dropped",
    "path-mtu-black-hole",
    "reset-injected",
    "server-replaced",
    "third-packet-dropped",
)


@pytest.mark.parametrize("name", PATHS)
def test_what_the_client_said_of_a_broken_path_is_among_the_expected_messages(name: str) -> None:
    folder = ROOT / "samples" / name
    truth: dict[str, Any] = json.loads((folder / "truth.json").read_text())
    said = [line.strip() for line in truth["client_output"].splitlines() if line.strip()]
    (session,) = sshpcap.analyze(folder / "capture.pcap").sessions
    (finding,) = [one for one in session.findings if one.id == truth["expect"]["finding"]]
    assert said
    assert all(any(line in message for message in finding.expected_messages.values()) for line in said), said
