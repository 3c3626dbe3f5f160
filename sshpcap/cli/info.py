"""`sshpcap info`: what a capture is and how good it is."""

import click

from sshpcap.cli.common import (
    CAPTURES,
    CONTEXT,
    NO_COLOR,
    OUTPUT,
    PORTS,
    encoding,
    finish,
    output_to,
    read,
    wants_color,
    width,
)


@click.command(context_settings=CONTEXT)
@CAPTURES
@OUTPUT
@PORTS
@NO_COLOR
def info(captures: tuple[str, ...], output: str | None, ports: tuple[int, ...], no_color: bool) -> None:
    """Say what the captures are, how good they are, and which conclusions that forbids."""
    from sshpcap.report import terminal

    with output_to(output, "text", captures) as out:
        report = read(captures, ports, None)
        color = output is None and wants_color(out, no_color)
        out.write(terminal.render_info(report, width=width(out), color=color, encoding=encoding(out)))
    finish(report, None)
