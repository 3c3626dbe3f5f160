"""`sshpcap explain`: the page of a finding, or the findings behind a text that a program printed."""

import textwrap
from typing import Final

import click

from sshpcap.cli.common import CONTEXT


@click.command(context_settings=CONTEXT)
@click.argument("what", nargs=-1, metavar="[FINDING | TEXT]")
def explain(what: tuple[str, ...]) -> None:
    """Explain a FINDING, or a TEXT that a client printed or a server logged. Without either: list all findings.

    Of a finding: what it means, how it is known, when it may be wrong, what to do, what programs say. Of a text: the
    findings that produce it, what its numbers mean, and what a capture would show.
    """
    from sshpcap.rules import PAGES, RULES
    from sshpcap.rules.said import page

    asked = " ".join(what)
    if not asked.strip():
        wide = max(len(rule.id) for rule in RULES)
        for rule in RULES:
            click.echo(f"{rule.id:<{wide}}  {rule.severity:<7}  {rule.title}")
        return
    if asked not in PAGES:
        _explain_text(asked)
        return
    click.echo(f"{asked}\n{'=' * len(asked)}\n\n{page(asked)}")


def _explain_text(text: str) -> None:
    """Say what produces a text."""
    from sshpcap.report.view import safe
    from sshpcap.rules import PAGES, RULES
    from sshpcap.rules.said import nearest, part, search
    from sshpcap.rules.spoken_numbers import notes

    fits, remarks = search(text), notes(text)
    for remark in remarks:
        click.echo(_wrapped(remark))
    if not fits and not remarks:
        like = ", ".join(f'"{line}"' for line in nearest(text))
        known = f"; the nearest texts that are known: {like}" if like else ""
        shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
        raise click.UsageError(
            f'"{safe(shown)}" is neither a finding (`sshpcap explain` lists all) nor a text that is known{known}'
        )
    if not fits:
        return
    if remarks:
        click.echo()
    one = len(fits) == 1
    click.echo(_wrapped(_ONE if one else _MANY.format(count=len(fits))))
    titles = {rule.id: rule.title for rule in RULES}
    for place, fit in enumerate(fits):
        click.echo(f"\n{fit.finding}: {titles[fit.finding]}")
        if place < _IN_FULL:
            also = (
                f" Another line is printed as well, which is not in the text: `{_shown(fit.also)}`" if fit.also else ""
            )
            click.echo(_wrapped(f"Printed by {', '.join(fit.programs)}.{also}", "  "))
        shows = part(PAGES[fit.finding], "How it is known").strip().split("\n\n")[0]
        click.echo(_wrapped(f"In a capture: {shows}", "  "))
    click.echo(
        "\n`sshpcap explain FINDING` says more; `sshpcap --client-said TEXT CAPTURE` says which connection it is."
    )


def _shown(line: str) -> str:
    """A line of a program with capitals for what differs from case to case, as in a finding's page."""
    from sshpcap.rules.said import with_capitals

    return with_capitals(line)


_ONE: Final = "One finding produces this text:"
_MANY: Final = (
    "{count} findings produce this text; a text alone does not tell which. First come those that explain most of it,"
    " then those of which it is all that a program prints, not one of several lines, then the general ones. How common"
    " each is in practice is not known here."
)
_IN_FULL: Final = 8
"""Of so many findings the programs are named, too."""
_SHOWN: Final = 200


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(" ".join(text.split()), 100, initial_indent=indent, subsequent_indent=indent)
