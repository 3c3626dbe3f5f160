"""Imports point one way, modules stay small, and nothing heavy is loaded at start."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.golden import ROOT

PACKAGE = ROOT / "sshpcap"
_BASE = {"model", "limits", "frames", "times", "version"}
# room → the rooms it may import from, besides itself and the base
ALLOWED = {
    "capture": set(),
    "net": set(),
    "tcp": set(),
    "ssh": set(),
    "interpret": {"tcp", "ssh"},
    "rules": {"ssh"},
    "report": {"net"},
    "connection": {"net", "tcp", "ssh"},
    "overall": {"net", "interpret"},
    "teller": {"connection", "overall", "tcp", "ssh", "interpret", "rules"},
    "intake": {"net"},
    "jobs": {"connection", "teller"},
    "analyzer": {"connection", "intake", "jobs", "overall", "teller", "net", "tcp", "ssh", "interpret", "rules"},
    "excerpt": {"net", "tcp", "ssh"},
    "live": {"capture", "analyzer", "connection", "net", "report"},
    "anonymize": {"net", "tcp", "ssh", "excerpt"},
    "cli": {"capture", "analyzer", "report", "rules", "excerpt", "live", "ssh", "anonymize"},
    "__init__": {"capture", "analyzer"},
    "__main__": {"cli"},
    "model": set(),
    "limits": set(),
    "frames": set(),
    "times": set(),
    "version": set(),
}


def _modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else path.stem


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "sshpcap":
            parts = node.module.split(".")
            if len(parts) > 1:
                yield parts[1]
            else:
                yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("sshpcap."))


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    room = _room(path)
    base = {"model": {"times"}}.get(room, set() if room in _BASE else _BASE)
    allowed = ALLOWED[room] | base | {room}
    assert set(_imports(path)) <= allowed


def test_report_uses_only_the_names_of_link_types() -> None:
    users = [p for p in (PACKAGE / "report").glob("*.py") if "sshpcap.net" in p.read_text()]
    assert {p.name for p in users} == {"heading.py", "quality.py"}
    assert all("from sshpcap.net.link import link_name\n" in p.read_text() for p in users)


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_is_small_and_says_what_it_owns(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 450
    assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_functions_fit_on_a_screen(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= 70, f"{path.name}:{node.lineno} {node.name} has {length} lines"


def test_nothing_heavy_is_loaded_for_a_json_report() -> None:
    code = (
        "import sys; sys.argv = ['sshpcap', '--format', 'json', sys.argv[1]]\n"
        "import io, contextlib\n"
        "from sshpcap.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    try: main()\n"
        "    except SystemExit: pass\n"
        "print([m for m in ('rich', 'scapy', 'dpkt', 'jinja2') if m in sys.modules])"
    )
    sample = ROOT / "samples" / "ok-openssh" / "capture.pcap"
    result = subprocess.run([sys.executable, "-c", code, str(sample)], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
