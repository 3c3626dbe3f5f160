"""Owns the files of a recorded case: capture.pcap, truth.json, and README.md, which is the truth for people; where the
finding is about known host keys, known_hosts.

python -m tests.lab.record [CASE ...]      records all cases, or these, into samples/
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

from tests.lab.case import Case
from tests.lab.cases import CASES
from tests.lab.programs import missing
from tests.lab.scene import Facts, scene

SAMPLES = Path(__file__).parents[2] / "samples"
KNOWN_HOSTS = "known_hosts"
"""The client's file of known host keys, in the samples whose findings need it."""

_KEX = re.compile(r"debug1: kex: algorithm: (\S+)")
_HOST_KEY = re.compile(r"debug1: kex: host key algorithm: (\S+)")
_DIRECTION = re.compile(r"debug1: kex: (client->server|server->client) cipher: (\S+) MAC: (\S+) compression: (\S+)")


def record(case: Case, folder: Path) -> None:
    """Plays one case and writes its files into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with scene(folder / "capture.pcap") as stage:
        case.run(stage)
        if stage.known:
            (folder / KNOWN_HOSTS).write_bytes(stage.known.read_bytes())
    truth = _truth(case, stage.facts)
    (folder / "truth.json").write_text(json.dumps(truth, indent=2) + "\n")
    (folder / "README.md").write_text(_readme(truth))


def _truth(case: Case, facts: Facts) -> dict[str, Any]:
    return {
        "case": case.name,
        "title": case.title,
        "story": case.story,
        "programs": facts.programs,
        "commands": facts.commands,
        "client_output": facts.client_output,
        "client_debug": facts.client_debug,
        "client_exit": facts.client_exit,
        "server_log": facts.server_log,
        "negotiated": negotiated(facts.client_debug or facts.server_debug),
        "host_keys": facts.host_keys,
        "expect": case.expect,
    }


def negotiated(debug: str) -> dict[str, str] | None:
    """What OpenSSH says was negotiated; None if it does not say all of it."""
    kex, host_key = _KEX.search(debug), _HOST_KEY.search(debug)
    directions = {match[1]: match for match in _DIRECTION.finditer(debug)}
    if not kex or not host_key or len(directions) < 2:
        return None
    negotiated = {"kex_algorithm": kex[1], "server_host_key_algorithm": host_key[1]}
    for arrow in ("client->server", "server->client"):
        _, *names = directions[arrow].groups()
        for slot, name in zip(("encryption", "mac", "compression"), names, strict=True):
            negotiated[f"{slot}_{arrow.replace('->', '_to_')}"] = name
    return negotiated


def _readme(truth: dict[str, Any]) -> str:
    expect = truth["expect"]
    parts = [f"# {truth['title']}", truth["story"]]
    programs = "\n".join(f"- {role}: {version}" for role, version in truth["programs"].items())
    parts += ["## Programs", programs, "Captured with tcpdump on the client's interface."]
    parts += ["## Commands", *(f"{role}:\n\n{_quoted(line)}" for role, line in truth["commands"].items())]
    parts += [f"## What the client said (exit status {truth['client_exit']})", _quoted(truth["client_output"])]
    parts += ["## What the server logged", _quoted(truth["server_log"])]
    if truth["negotiated"]:
        parts += ["## Negotiated", "\n".join(f"- {slot}: {name}" for slot, name in truth["negotiated"].items())]
    keys = (f"- {key['type']}, {key['bits']} bits, {key['sha256']}, {key['md5']}" for key in truth["host_keys"])
    parts += ["## The server's host keys", "\n".join(keys)]
    facts = (f"- {name.replace('_', ' ')}: {_either(value)}" for name, value in expect.items())
    parts += ["## What there is to find", "\n".join(facts)]
    return "\n\n".join(parts) + "\n"


def _quoted(text: str) -> str:
    return f"```\n{text.rstrip()}\n```" if text.strip() else "(nothing)"


def _either(value: object) -> str:
    return " or ".join(value) if isinstance(value, list) else "none" if value is None else str(value)


def main() -> None:
    """Records the cases named on the command line, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.record", description="Records cases into samples/.")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    wanted = parser.parse_args().cases
    if reason := missing():
        parser.exit(1, f"the lab cannot run here: {reason}\n")
    if unknown := set(wanted) - {case.name for case in CASES}:
        parser.error(f"unknown case: {', '.join(sorted(unknown))}")
    for case in CASES:
        if not wanted or case.name in wanted:
            record(case, SAMPLES / case.name)
            print(case.name, flush=True)


if __name__ == "__main__":
    main()
