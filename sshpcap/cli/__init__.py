"""The command line: source → analyzer → report. The only room that prints, exits, or knows a terminal.

A command is one file here and one row in `_COMMANDS`; it is loaded when it is asked for.
Exit codes: 0 analysed · 1 a finding at or above --fail-on · 2 bad usage, unreadable input or no room for the output ·
70 internal error.
"""

import errno
import importlib
import os
import sys
from io import TextIOWrapper
from typing import Final

import click

from sshpcap.cli.common import CONTEXT, EXIT_INTERNAL, EXIT_UNREADABLE
from sshpcap.version import VERSION

_COMMANDS: Final = {
    "analyze": "analyze",
    "info": "info",
    "live": "live",
    "interfaces": "interfaces",
    "slice": "slice",
    "ticket": "ticket",
    "explain": "explain",
    "compat": "compat",
    "schema": "schema",
}
"""Command → file of this room that has it, under the same name."""

_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Whatever is being written, the system has no room for it: nothing that is ours."""


class _Commands(click.Group):
    """`sshpcap CAPTURE` means `sshpcap analyze CAPTURE`: the main job needs no word of its own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"sshpcap.cli.{_COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {"-h", "--help", "--version"}
        if args and args[0] not in _COMMANDS and args[0] not in own:
            args.insert(0, "analyze")
        return super().parse_args(ctx, args)


@click.group(cls=_Commands, context_settings=CONTEXT, invoke_without_command=True)
@click.version_option(VERSION, prog_name="sshpcap")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Explain the SSH connections in a packet capture, without keys or passwords.

    `sshpcap CAPTURE` is short for `sshpcap analyze CAPTURE`.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> None:
    """Entry point of the `sshpcap` command: turns what can go wrong into one line and an exit code."""
    from sshpcap.capture.errors import CaptureError

    if isinstance(sys.stdout, TextIOWrapper):
        # Text for people falls back to escapes where the terminal cannot show it.
        sys.stdout.reconfigure(errors="backslashreplace")
    for name in ("COLUMNS", "LINES"):
        if not os.environ.get(name, "0").isdecimal():
            del os.environ[name]  # rich takes "²" for a number
    try:
        cli(standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except CaptureError as error:
        _complain(str(error))
        sys.exit(EXIT_UNREADABLE)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _complain(error.format_message())
        sys.exit(EXIT_UNREADABLE)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
    except Exception as error:  # the last resort: one line for the user, a way to report it
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            _complain(f"what it had to say could not be written: {error.strerror}")
            sys.exit(EXIT_UNREADABLE)
        if os.environ.get("SSHPCAP_DEBUG"):
            raise
        _complain(f"internal error: {error!r} (SSHPCAP_DEBUG=1 shows where)")
        sys.exit(EXIT_INTERNAL)


def _complain(text: str) -> None:
    from sshpcap.report.view import safe

    click.echo(f"sshpcap: {safe(text)}", err=True)
