"""Records every case of the lab anew and asks sshpcap what happened."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sshpcap.model import Session
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
    expect = dict(case.expect)
    session = of_interest(report, expect) if report.sessions else None
    if session and session.close.how == "fin" and truth["client_exit"] == 0 and expect["outcome"] == "encrypted":
        # Where all went well, both programs close at once: the faster one is first.
        expect["closed_by"] = [_first_fin(capture, session)]
    wrong = judge(report, expect)
    if session:
        wrong += judge_details(session, truth)
    assert not wrong, f"{case.name}: {'; '.join(wrong)}\nthe client said:\n{truth['client_output']}"


def _first_fin(capture: Path, session: Session) -> str:
    """Whose FIN tshark shows first."""
    ports = f"tcp.port == {session.client.port} && tcp.port == {session.server.port}"
    words = ["tshark", "-r", str(capture), "-Y", f"tcp.flags.fin == 1 && {ports}", "-T", "fields", "-e", "tcp.srcport"]
    told = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout.split()
    return "client" if told[0] == str(session.client.port) else "server"
