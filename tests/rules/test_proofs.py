"""Every command that a finding gives has been run in the lab, or a reason says why no program there can."""

import ast
from pathlib import Path

import pytest

import sshpcap
from tests.golden import ROOT
from tests.lab.proofs import LOOK, PROOFS, RECORD, of
from tests.lab.test_commands import SHOWN
from tests.support.remedies import MADE_ELSEWHERE, commands, fits

_LAB = ROOT / "tests" / "lab"
_ROWS = {(module, template): proof for module, row in PROOFS.items() for template, proof in row.items()}


def _tests() -> set[str]:
    trees = (ast.parse(path.read_text()) for path in _LAB.glob("test_*.py"))
    return {node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_command_of_a_rule_has_a_proof_or_a_reason() -> None:
    """A new remedy is run in the lab: a row in `tests/lab/proofs.py` names the test, or says why it cannot be."""
    assert len(commands()) >= 150
    assert {(command.module, command.template) for command in commands()} == set(_ROWS)


def test_a_proof_is_a_test_and_all_else_a_reason_in_words() -> None:
    tests = _tests()
    for row, proof in _ROWS.items():
        assert proof in tests or " " in proof, f"{row}: {proof}"


def test_few_commands_are_without_proof() -> None:
    unproven = sorted({template for (_, template), proof in _ROWS.items() if " " in proof})
    assert len(unproven) <= 10, unproven


def test_what_only_looks_says_what_it_shows() -> None:
    for (_, template), proof in _ROWS.items():
        if proof == LOOK:
            assert any(template.startswith(begins) for begins, _, _ in SHOWN), template
        assert (proof == RECORD) == template.startswith("tcpdump"), template


@pytest.mark.parametrize("folder", ["samples", "tests/cases"])
def test_no_finding_gives_a_command_that_is_not_in_the_table(folder: str) -> None:
    checked = 0
    for path in sorted(Path(ROOT / folder).glob("*/*.pcap*")):
        for session in sshpcap.analyze(path).sessions:
            for finding in session.findings:
                if finding.id.startswith(("no-common-", "weak-algorithm-refused")):
                    continue  # made of both proposals: MADE_ELSEWHERE
                for remedy in finding.remedies:
                    if remedy.command is not None:
                        checked += 1
                        rows = [template for module, template in _ROWS if of(module, finding.id)]
                        assert any(fits(row, remedy.command) for row in rows), f"{finding.id}: {remedy.command}"
    assert checked > 50
    assert MADE_ELSEWHERE == ("changes", "negotiation")
