"""Writes the documents that are made from the code: docs/findings.md and docs/schema.json.

python tools/make_docs.py            rewrite them
python tools/make_docs.py --check    say which are out of date, exit 1 if any is
"""

import json
import sys
from pathlib import Path
from typing import Final

from sshpcap.report.machine import json_schema
from sshpcap.rules import RULES
from sshpcap.rules.said import page

DOCS: Final = Path(__file__).resolve().parent.parent / "docs"


def findings() -> str:
    """All findings, a section each, from the docstrings and messages of their rules."""
    parts = [
        "# Findings\n",
        "Made from the rules by `python tools/make_docs.py`; `sshpcap explain ID` prints the same.\n",
    ]
    parts += [f"- [{rule.id}](#{rule.id}): {rule.title} ({rule.severity})" for rule in RULES]
    for rule in RULES:
        parts.append(f"\n## {rule.id}\n")
        for line in page(rule.id).splitlines():
            heading = bool(line) and not line.startswith(" ") and not line.endswith(".")
            parts.append(f"\n### {line}\n" if heading else line.strip())
    return "\n".join(parts) + "\n"


def schema() -> str:
    """The JSON Schema of the report."""
    return json.dumps(json_schema(), indent=2) + "\n"


MADE: Final = {"findings.md": findings, "schema.json": schema}


def main(arguments: list[str]) -> int:
    """Write, or check."""
    stale = [name for name, make in MADE.items() if not (DOCS / name).exists() or (DOCS / name).read_text() != make()]
    if "--check" in arguments:
        print("\n".join(f"docs/{name} is out of date: python tools/make_docs.py" for name in stale))
        return 1 if stale else 0
    for name in stale:
        (DOCS / name).write_text(MADE[name]())
        print(f"wrote docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
