"""What programs say: every text of a finding is found again as that finding's, by its own words and by real outputs."""

import json
from collections.abc import Iterator

import pytest

import sshpcap
from sshpcap.model import Session
from sshpcap.rules import RULES
from sshpcap.rules.said import PART, page, search
from tests.golden import ROOT
from tests.support.captures import MORE_CAPTURES

SAMPLES = sorted((ROOT / "samples").glob("*/*.pcap*"))
CASES = sorted((ROOT / "tests" / "cases").glob("*/*.pcap*"))
WITHOUT = {
    "signature-of-another-algorithm": "no program was seen to complain of it: the label's clients all checked the key",
}
"""Rules of severity error without a text, and why."""
_FEW = 8
"""A line with fewer characters of its own than this proves nothing (a server's free text, "EOF")."""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_an_error_has_its_texts_or_a_reason_why_not(rule: sshpcap.rules.Rule) -> None:
    assert bool(rule.messages) or rule.severity != "error" or rule.id in WITHOUT
    assert not (rule.messages and rule.id in WITHOUT)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_page_has_what_programs_say(rule: sshpcap.rules.Rule) -> None:
    assert (f"\n{PART}\n" in page(rule.id)) == bool(rule.messages)
    assert page(rule.id).index("\nReferences\n") > page(rule.id).rindex("\n    - ") if rule.messages else True


def _everything() -> Iterator[tuple[str, Session]]:
    """Every connection of the samples, of the made cases and of the labelled captures."""
    files = [*SAMPLES, *CASES, *sorted(MORE_CAPTURES.glob("*.pcap"))]
    for file in files:
        yield from ((f"{file.parent.name}/{file.name}", session) for session in sshpcap.analyze(file).sessions)


def test_every_expected_message_is_recognised_as_its_finding_s_own() -> None:
    missed: dict[str, str] = {}
    checked = set()
    for name, session in _everything():
        for finding in session.findings:
            for program, text in finding.expected_messages.items():
                for line in text.split(" / "):
                    if _free(line, finding.id, program) or (finding.id, program, line) in checked:
                        continue
                    checked.add((finding.id, program, line))
                    if finding.id not in {fit.finding for fit in search(line)}:
                        missed.setdefault(f"{finding.id}, {program}: {line}", name)
    assert not missed, "\n".join(f"{what} ({name})" for what, name in missed.items())
    assert len(checked) > 500


def _free(line: str, finding: str, program: str) -> bool:
    """A line without words of the program's own: a fingerprint, or what the other side wrote."""
    if len(line) < _FEW or line.startswith(("SHA256:", "# ")):
        return True
    # Of a DISCONNECT these show the peer's text and nothing of their own.
    if finding == "disconnect-message" and program.startswith(("asyncssh", "node_ssh2")):
        return True
    return finding == "http-client" and '"GET' in line  # a request has " / " in it, which looks like the end of a line
