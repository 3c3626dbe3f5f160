"""`sshpcap schema`: the shape of the JSON report."""

import json

import click

from sshpcap.cli.common import CONTEXT


@click.command(context_settings=CONTEXT)
def schema() -> None:
    """Print the JSON Schema of the report."""
    from sshpcap.report.machine import json_schema

    click.echo(json.dumps(json_schema(), indent=2))
