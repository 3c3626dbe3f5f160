"""Removing any single frame from any capture never turns an honest verdict into a wrong one with high confidence.

Every frame of every sample and every made case; of the other recordings every sixth, and all of them with `--lab`.
"""

from pathlib import Path

import pytest

from tests import golden
from tests.support.captures import captures_at_hand, name_of, sampled
from tests.support.worse import blocks_of, contradictions, known_hosts_beside, told, without_one

GOLDEN = [golden.capture_of(case) for case in golden.cases()]
GOLDEN = [capture for capture in GOLDEN if capture.suffix != ".bad"]
OTHERS = [capture for capture in captures_at_hand() if capture not in GOLDEN]


def _name(capture: Path) -> str:
    return capture.parent.name if capture in GOLDEN else name_of(capture)


@pytest.mark.parametrize("capture", [*GOLDEN, *sampled(OTHERS)], ids=_name)
def test_no_frame_is_needed_for_honesty(capture: Path) -> None:
    blocks, known = blocks_of(capture), known_hosts_beside(capture)
    whole = told(blocks, known)
    wrong = [
        f"without frame {frame}: {what}"
        for frame, worse in without_one(blocks)
        for what in contradictions(whole, told(worse, known))
    ]
    assert not wrong, "\n".join(wrong[:5])


def test_there_are_frames_to_remove() -> None:
    assert len(GOLDEN) >= 130
