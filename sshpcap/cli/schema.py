"""`sshpcap schema`: the shape of the JSON report, or of live events."""

import json

import click

from sshpcap.cli.common import CONTEXT


@click.command(context_settings=CONTEXT)
@click.option("--events", is_flag=True, help="Of the events of `sshpcap live` instead.")
def schema(events: bool) -> None:
    """Print the JSON Schema of the report."""
    if events:
        from sshpcap.live.events import json_schema
    else:
        from sshpcap.report.machine import json_schema
    click.echo(json.dumps(json_schema(), indent=2))
