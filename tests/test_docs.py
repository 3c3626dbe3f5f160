"""What the documents say is what the program does."""

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from sshpcap import cli
from sshpcap.rules import PAGES, RULES
from tests.golden import ROOT, run
from tools import make_docs

README = (ROOT / "README.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_look_is_what_the_command_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    look = _blocks("")[0]
    command, _, shown = look.partition("\n")
    printed, code = run(command.removeprefix("$ sshpcap ").split())
    assert code == 0
    assert printed.startswith(shown.removesuffix("…\n").rstrip())


def test_the_python_example_prints_what_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(_blocks("python")[0], {})
    assert out.getvalue() in README


def test_quick_start_is_two_commands() -> None:
    assert len(_blocks("sh")[0].strip().splitlines()) == 2


def test_made_documents_are_up_to_date() -> None:
    assert make_docs.main(["--check"]) == 0


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_finding_has_its_page(rule: object) -> None:
    page = PAGES[rule.id]  # type: ignore[attr-defined]
    for part in ("What it means", "How it is known", "When it may be wrong", "What to do", "References"):
        assert f"\n{part}\n    " in page, f"{part} is missing"


def test_every_rule_module_is_listed() -> None:
    shared = {"__init__", "base", "negotiation", "verdict"}
    shared |= {
        "company",
        "greetings",
        "other_client",
        "other_service",
        "printed",
        "refusal",
        "shown_key",
        "silent_client",
    }
    modules = {path.stem for path in (ROOT / "sshpcap" / "rules").glob("*.py")} - shared
    assert {rule.id.replace("-", "_") for rule in RULES} == modules


def _commands() -> Iterator[click.Command]:
    context = click.Context(cli.cli)
    for name in cli.cli.list_commands(context):
        command = cli.cli.get_command(context, name)
        assert command is not None
        yield command


def test_options_in_the_readme_exist() -> None:
    known = {name for command in _commands() for param in command.params for name in param.opts}
    named = set(re.findall(r"`sshpcap[^`]*?`", README))
    used = {word for text in named for word in re.findall(r"--[a-z-]+", text)}
    assert used, "the README names no option"
    assert used <= known


def test_every_option_has_a_help_text() -> None:
    for command in _commands():
        for param in command.params:
            if isinstance(param, click.Option):
                assert param.help, f"{command.name} {param.opts}"


def test_links_lead_somewhere() -> None:
    for document in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_no_path_of_a_machine_is_in_the_project() -> None:
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "samples").rglob("*.json")):
        assert not re.search(r"(?<![\w.])/(root|home|work)/", path.read_text()), path


def test_project_files_are_there() -> None:
    assert all((ROOT / name).exists() for name in ("LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "sshpcap/py.typed"))
    assert Path(ROOT / ".ci" / "run").stat().st_mode & 0o111
