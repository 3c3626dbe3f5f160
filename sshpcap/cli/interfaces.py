"""`sshpcap interfaces`: where live capture can listen."""

import click

from sshpcap.cli.common import CONTEXT


@click.command(context_settings=CONTEXT)
def interfaces() -> None:
    """List the network interfaces that `sshpcap live -i` can name."""
    from sshpcap.capture.live import list_interfaces
    from sshpcap.live.names import listed

    for line in listed(list_interfaces()):
        click.echo(line)
