"""A worse capture may know less, never something else: frames removed, swapped, cut, one direction only, a late start.

What is said with high confidence of the worse capture must not contradict what the whole one shows. Every sample, and
the labelled captures where they are there (every fourth: the cases of one kind resemble each other; half of all of it
only with `--lab`).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sshpcap.analyzer import Analyzer
from sshpcap.capture import open_capture
from sshpcap.model import Session
from tests.support.captures import captures_at_hand, name_of, sampled
from tests.support.wireflow import Frame, block_of

SAMPLES = [path for path in captures_at_hand() if path.parent.parent.name == "samples"]
OTHERS = [path for path in captures_at_hand() if path not in SAMPLES][::4]
_MOST_FRAMES = 60


def _frames(path: Path) -> list[Frame]:
    frames = []
    with open_capture(str(path)) as source:
        for block in source.blocks():
            for row in range(len(block.number)):
                if block.link_type[row] != 1:
                    pytest.skip("only Ethernet is rewritten here")
                octets = bytes(block.frame(row))
                frames.append(Frame(int(block.number[row]), int(block.time[row]), octets, int(block.original[row])))
    return frames


def _first(frames: list[Frame], snaplen: int = 1 << 18) -> Session | None:
    analyzer = Analyzer()
    if frames:
        analyzer.feed(block_of(frames, snaplen=snaplen))
    return next(iter(analyzer.finish().sessions), None)


def _worse(frames: list[Frame]) -> Iterator[tuple[str, Session | None]]:
    for place in range(min(len(frames), _MOST_FRAMES)):
        yield f"without frame {place + 1}", _first(frames[:place] + frames[place + 1 :])
        swapped = [*frames[:place], *frames[place : place + 2][::-1], *frames[place + 2 :]]
        yield f"swapped at {place + 1}", _first(swapped)
        yield f"from frame {place + 1} on", _first(frames[place:])
    for snaplen in (54, 68, 96, 128, 200, 256):
        yield f"snaplen {snaplen}", _first(frames, snaplen)
    for source in {frame.octets[26:30] for frame in frames}:
        yield "one direction", _first([frame for frame in frames if frame.octets[26:30] == source])


def _contradiction(whole: Session, worse: Session) -> str | None:
    exchanged = whole.client.address != worse.client.address
    if exchanged and any(finding.id == "echo-service" for finding in whole.findings):
        return None  # it says all that a client says: where the client's own words are missing, it is one
    closes = ("fin", "rst")
    both_closed = whole.close.how in closes and worse.close.how in closes
    if both_closed and worse.close.confidence == "high" and worse.close.by != whole.close.by:
        return f"closed by {worse.close.by}, not by {whole.close.by}: {worse.close.reasoning}"
    if whole.outcome == "encrypted" and worse.outcome in ("failed", "refused", "not_ssh"):
        return f"{worse.outcome}: {worse.verdict.summary}"
    known = {finding.id for finding in whole.findings} | {None, "incomplete-capture", "no-answer-to-syn"}
    if worse.verdict.confidence == "high" and worse.verdict.cause not in known:
        return f"{worse.verdict.cause}: {worse.verdict.summary}"
    return None


@pytest.mark.parametrize("capture", sampled([*SAMPLES, *OTHERS], every=2, ours=2), ids=name_of)
def test_a_worse_capture_contradicts_nothing(capture: Path) -> None:
    frames = _frames(capture)
    whole = _first(frames)
    if whole is None or len({f.octets[26:38] for f in frames}) < 2:
        return
    # Endpoints that are used twice, or several connections, have no "first session" that is the same in every variant.
    analyzer = Analyzer()
    analyzer.feed(block_of(frames))
    if len(analyzer.finish().sessions) != 1:
        return
    wrong = []
    for what, session in _worse(frames):
        said = None if session is None else _contradiction(whole, session)
        if said is not None:
            wrong.append(f"{what}: {said}")
    assert not wrong, "\n".join(wrong[:5])


def test_there_is_something_to_worsen() -> None:
    assert len(SAMPLES) >= 38
