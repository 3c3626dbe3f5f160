"""`sshpcap explain`: the page of a finding."""

import click

from sshpcap.cli.common import CONTEXT


@click.command(context_settings=CONTEXT)
@click.argument("finding", required=False)
def explain(finding: str | None) -> None:
    """Explain FINDING: what it means, how it is known, when it may be wrong, what to do. Without FINDING: list all."""
    from sshpcap.rules import PAGES, RULES

    if finding is None:
        wide = max(len(rule.id) for rule in RULES)
        for rule in RULES:
            click.echo(f"{rule.id:<{wide}}  {rule.severity:<7}  {rule.title}")
        return
    page = PAGES.get(finding)
    if page is None:
        raise click.UsageError(f"there is no finding {finding!r}; `sshpcap explain` lists all")
    click.echo(f"{finding}\n{'=' * len(finding)}\n\n{page.strip()}")
