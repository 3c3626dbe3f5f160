"""Every recorded sample's verdict is right by its recorded truth: what was done, what the programs printed and
logged."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sshpcap.model import Report
from sshpcap.rules import RULES
from tests.golden import ROOT
from tests.lab.judge import judge, judge_details, of_interest
from tests.support.worse import blocks_of, known_hosts_beside, told

TRUTHS = sorted((ROOT / "samples").glob("*/truth.json"))


def found(folder: Path) -> Report:
    """What is found in a sample, with the client's file of known host keys where the sample has it."""
    capture = folder / "capture.pcap"
    return told(blocks_of(capture), known_hosts_beside(capture))


@pytest.mark.parametrize("file", TRUTHS, ids=lambda file: file.parent.name)
def test_verdict_is_true(file: Path) -> None:
    truth: dict[str, Any] = json.loads(file.read_text())
    report = found(file.parent)
    assert judge(report, truth["expect"]) == []
    assert judge_details(of_interest(report, truth["expect"]), truth) == []


@pytest.mark.parametrize("file", TRUTHS, ids=lambda file: file.parent.name)
def test_what_openssh_said_is_among_the_expected_messages(file: Path) -> None:
    """The message that the finding predicts is what the real client printed, to the letter."""
    truth: dict[str, Any] = json.loads(file.read_text())
    said = [line.strip() for line in truth["client_output"].splitlines() if line.startswith("Unable to negotiate")]
    if not said:
        pytest.skip("the client of this sample printed no negotiation error")
    report = found(file.parent)
    predicted = [finding.expected_messages["openssh_client"] for s in report.sessions for finding in s.findings]
    assert said[0] in predicted


NOT_SAID = {
    "banned-with-icmp": "the client was ended before it sent anything that failed",
    "dropped-both-ways": "ServerAliveInterval was faster, and sshd was ended before its own limit",
    "dropped-midflow": "ServerAliveInterval was faster, and sshd was ended before its own limit",
    "firewall-drops-session": "ServerAliveInterval was faster, and sshd was ended before its own limit",
    "path-mtu-black-hole": "ServerAliveInterval was faster, and sshd was ended before its own limit",
    "server-stuck-in-key-exchange": "ServerAliveInterval was faster",
    "host-key-differs": "the proxy in front of the servers has another address for them",
    "login-grace-time": "Debian's 9.2p1 logs nothing since its fix of CVE-2024-6387",
    "login-grace-time-at-prompt": "Debian's 9.2p1 logs nothing since its fix of CVE-2024-6387",
    "login-grace-time-default": "Debian's 9.2p1 logs nothing since its fix of CVE-2024-6387",
    "no-common-kex-and-cipher-openssh": "OpenSSH names the first of two categories; each has a finding",
    "strict-kex-violation-at-the-start": "what changed it has another address behind it",
    "wrong-password-aes-gcm": "who left is guessed: the lengths are readable, and the list is not",
}
"""Samples in which the programs did not say what they say in such a case, and why."""


@pytest.mark.parametrize("file", TRUTHS, ids=lambda file: file.parent.name)
def test_what_openssh_said_is_what_the_first_finding_quotes(file: Path) -> None:
    """What stands under a program's plain name is said without a condition, so its recorded output has each line."""
    truth: dict[str, Any] = json.loads(file.read_text())
    said = {"openssh_client": truth["client_output"], "sshd_log": truth["server_log"]}
    report = found(file.parent)
    for session in report.sessions:
        for name, party in (("openssh_client", session.client), ("sshd_log", session.server)):
            own = party.identification is not None and party.identification.implementation == "OpenSSH"
            text = session.findings[0].expected_messages.get(name) if session.findings else None
            if not own or text is None or not said[name]:
                continue
            missing = [line for line in text.split(" / ") if not re.search(_pattern(line), said[name])]
            assert not missing or file.parent.name in NOT_SAID, (name, missing, said[name])


def _pattern(line: str) -> str:
    """A line with what it leaves open: USER and HOST stand for names, N for a number; the client's file has a path."""
    return re.sub(r"\b(USER|HOST|DIRECTORY|N|known_hosts)\b", r"\\S+", re.escape(line))


def test_there_are_samples() -> None:
    assert len(TRUTHS) >= 100


def test_every_rule_has_a_sample_where_it_fires() -> None:
    fired = {finding.id for file in TRUTHS for session in found(file.parent).sessions for finding in session.findings}
    assert {rule.id for rule in RULES} - fired == set()


PATHS = (
    "banned-with-icmp",
    "dropped-both-ways",
    "identification-dropped",
    "path-mtu-black-hole",
    "reset-injected",
    "server-replaced",
    "third-packet-dropped",
    "vnc-server",
    "session-killed-with-a-reset",
    "strict-kex-violation",
)


@pytest.mark.parametrize("name", PATHS)
def test_what_the_client_said_of_a_broken_path_is_among_the_expected_messages(name: str) -> None:
    folder = ROOT / "samples" / name
    truth: dict[str, Any] = json.loads((folder / "truth.json").read_text())
    said = [line.strip() for line in truth["client_output"].splitlines() if line.strip()]
    (session,) = found(folder).sessions
    (finding,) = [one for one in session.findings if one.id == truth["expect"]["finding"]]
    assert said
    assert all(any(line in message for message in finding.expected_messages.values()) for line in said), said
