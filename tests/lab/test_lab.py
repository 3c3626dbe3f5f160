"""Records every case of the lab anew and asks sshpcap what happened."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.lab.case import Case
from tests.lab.cases import CASES
from tests.lab.judge import judge, judge_details, of_interest
from tests.lab.programs import missing
from tests.lab.record import record

_REASON = missing()

pytestmark = [pytest.mark.lab, pytest.mark.skipif(_REASON is not None, reason=f"the lab cannot run here: {_REASON}")]

_CASES = [pytest.param(case, id=case.name, marks=[pytest.mark.slow] if case.slow else []) for case in CASES]


@pytest.mark.parametrize("case", _CASES)
def test_recorded_anew(case: Case, tmp_path: Path) -> None:
    from tests.support.worse import blocks_of, known_hosts_beside, told

    record(case, tmp_path)
    truth: dict[str, Any] = json.loads((tmp_path / "truth.json").read_text())
    capture = tmp_path / "capture.pcap"
    report = told(blocks_of(capture), known_hosts_beside(capture))
    wrong = judge(report, case.expect)
    if report.sessions:
        wrong += judge_details(of_interest(report, case.expect), truth)
    assert not wrong, f"{case.name}: {'; '.join(wrong)}\nthe client said:\n{truth['client_output']}"
