"""Every golden case prints what its transcript says, and its report is what its report.json says."""

import json
from pathlib import Path

import jsonschema
import pytest

from sshpcap.report.machine import from_json, json_schema, to_json
from tests import golden

CASES = golden.cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_transcript(case: Path) -> None:
    expected = (case / "run.console").read_text()
    assert golden.transcript(golden.commands(case), case) == expected


@pytest.mark.parametrize(
    "case", [case for case in CASES if (case / "report.json").exists()], ids=lambda case: case.name
)
def test_report(case: Path) -> None:
    text = (case / "report.json").read_text()
    assert golden.report(case) == text
    document = json.loads(text)
    jsonschema.validate(document, json_schema(), cls=jsonschema.Draft202012Validator)
    # The report survives a round trip, nanoseconds included.
    assert json.loads(to_json(from_json(text.encode()))) == document


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_formats(case: Path) -> None:
    made = dict(golden.formats(case))
    assert {path.name for path in (case / "formats").iterdir()} == set(made)
    for name, text in made.items():
        assert text == (case / "formats" / name).read_text(), name
