"""`sshpcap live`: connections as they happen."""

import contextlib
import math
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from click.core import ParameterSource

from sshpcap import limits
from sshpcap.cli.common import CONTEXT, NO_COLOR, PORTS, encoding, finish, wants_color, width

if TYPE_CHECKING:
    from sshpcap.capture.live import LiveSource
    from sshpcap.live.loop import Loop, Signals
    from sshpcap.live.outputs import Output
    from sshpcap.live.watch import Watch

T = TypeVar("T")

_MIB: Final = 1 << 20
_SECOND: Final = 1_000_000_000
_DRAWN_SECONDS: Final = 0.5
_THREADS: Final = "OPENBLAS_NUM_THREADS"
_OF_INTERFACES: Final = {
    "expression": "--filter",
    "promiscuous": "--promiscuous",
    "ring_mib": "--ring-mib",
    "portable": "--scapy",
}


class _Seconds(click.FloatRange):
    """A time; what is no number ("nan") is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        seconds = super().convert(value, param, ctx)
        return self.fail(f"{value!r} is no time", param, ctx) if math.isnan(seconds) else seconds


@click.command(context_settings=CONTEXT)
@click.argument("pipe", required=False, metavar="[-]", type=click.Choice(("-",)))
@click.option(
    "-i", "--interface", "names", multiple=True, metavar="NAME",
    help="Listen here; repeatable. `any` is all of them; `sshpcap interfaces` lists them.",
)  # fmt: skip
@PORTS
@click.option("--filter", "expression", metavar="EXPRESSION", help="Frames to look at (pcap-filter), instead of ports.")
@click.option("--promiscuous", is_flag=True, help="Also frames for other hosts (a mirror port, a tap).")
@click.option("--user", default="nobody", show_default=True, metavar="NAME", help="Run as this user once listening.")
@click.option("--events", is_flag=True, help="One JSON event a line, on a terminal too.")
@click.option("-o", "--output", metavar="FILE", help="Append the events to FILE; SIGHUP opens it again.")
@click.option("--failures", is_flag=True, help="Leave out connections that go well.")
@click.option("--syslog", is_flag=True, help="Also log failed connections to syslog or journald.")
@click.option(
    "--metrics", metavar="[HOST:]PORT", help="Serve counters for Prometheus; on loopback unless HOST is given."
)
@click.option("--write", "directory", metavar="DIR", help="Keep an annotated pcapng of every failed handshake in DIR.")
@click.option(
    "--write-mib", default=limits.RECORD_BYTES // _MIB, show_default=True, type=click.IntRange(1),
    help="Octets of all those files; the oldest make room.",
)  # fmt: skip
@click.option(
    "--write-files", default=limits.RECORD_FILES, show_default=True, type=click.IntRange(1), help="Number of them."
)
@click.option(
    "--max-connections", default=limits.LIVE_CONNECTIONS, show_default=True, type=click.IntRange(16),
    help="Connections held; those idle for longest make room.",
)  # fmt: skip
@click.option(
    "--max-mib", default=limits.LIVE_BYTES // _MIB, show_default=True, type=click.IntRange(1),
    help="Memory that they may take.",
)  # fmt: skip
@click.option(
    "--max-idle", default=limits.LIVE_IDLE_NS // _SECOND, show_default=True, type=click.IntRange(1), metavar="SECONDS",
    help="Let go of encrypted connections without a frame for so long.",
)  # fmt: skip
@click.option(
    "--ring-mib", default=limits.RING_BYTES // _MIB, show_default=True, type=click.IntRange(4, 2048),
    help="The kernel's ring of frames.",
)  # fmt: skip
@click.option(
    "--interval", default=10.0, show_default=True, type=_Seconds(0.25), metavar="SECONDS",
    help="Time between statistics.",
)  # fmt: skip
@click.option("--duration", default=0.0, type=_Seconds(0), metavar="SECONDS", help="Stop by itself after this.")
@click.option("--scapy", "portable", is_flag=True, help="Listen with scapy, as on other systems than Linux.")
@NO_COLOR
def live(
    pipe: str | None,
    names: tuple[str, ...],
    ports: tuple[int, ...],
    expression: str | None,
    promiscuous: bool,
    user: str,
    events: bool,
    output: str | None,
    failures: bool,
    syslog: bool,
    metrics: str | None,
    directory: str | None,
    write_mib: int,
    write_files: int,
    max_connections: int,
    max_mib: int,
    max_idle: int,
    ring_mib: int,
    interval: float,
    duration: float,
    portable: bool,
    no_color: bool,
) -> None:
    """Explain SSH connections as they happen, on interfaces or from a pipe ("-").

    On a terminal a table that updates itself, and the full report at the end (Ctrl-C); elsewhere one JSON event a line:
    session_updated, session_closed, statistics. Needs root or CAP_NET_RAW only to begin; then it runs as --user.
    """
    _with_one_thread()
    from sshpcap.analyzer import SSH_PORT
    from sshpcap.capture.live import open_live
    from sshpcap.live import outputs
    from sshpcap.live.loop import Loop, Signals
    from sshpcap.live.names import named
    from sshpcap.live.preload import preload
    from sshpcap.live.watch import Bounds, Watch

    _refuse(pipe, names)
    every_port = (SSH_PORT, *ports)
    source = open_live(
        (pipe,) if pipe else names, ports=every_port, expression=expression, promiscuous=promiscuous,
        ring_bytes=ring_mib * _MIB, portable=portable,
    )  # fmt: skip
    bounds = Bounds(max_connections, max_mib * _MIB, max_idle * _SECOND)
    watch = Watch(every_port, bounds, keep_frames=directory is not None)
    drawn = sys.stdout.isatty() and not events and output is None
    color = drawn and wants_color(sys.stdout, no_color)
    preload(kept=directory is not None, served=metrics is not None, drawn=drawn)
    # From here on without rights: whatever is opened must be open to --user, now and when it is opened again, and our
    # own files may not be readable.
    runs_as = _give_up_rights(user, source)
    chosen = [] if drawn else [_events(output, failures)]
    if syslog:
        chosen.append(_opened(outputs.SYSLOG, outputs.Syslog))
    if metrics:
        chosen.append(_metrics(metrics))
    if directory is not None:
        chosen.append(_keeper(directory, write_mib * _MIB, write_files, every_port))
    what = expression or f"TCP port {', '.join(map(str, sorted(set(every_port))))}"
    with Signals() as signals:  # whoever has read that it listens may stop it
        click.echo(f"sshpcap: listening on {named(source)} for {what}; runs as {runs_as}", err=True)
        if drawn:
            chosen.append(_screen(watch, failures, color))
        output_to = outputs.Several(chosen)
        pace = _DRAWN_SECONDS if drawn else interval
        loop = Loop(source, watch, output_to, interval=pace, history=drawn, seconds=duration)
        _run(loop, signals, output_to)
    _end(loop, source, drawn=drawn, failures=failures, color=color)


def _refuse(pipe: str | None, names: tuple[str, ...]) -> None:
    """Options that contradict each other; what is read from a pipe was chosen by the program that writes it. Raises
    click.UsageError."""
    if bool(pipe) == bool(names):
        raise click.UsageError("name an interface (-i, see `sshpcap interfaces`), or `-` for a pipe")
    given = click.get_current_context().get_parameter_source
    for name, option in _OF_INTERFACES.items():
        if pipe and given(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{option} is for interfaces: on a pipe, ask the program that captures for it")


def _with_one_thread() -> None:
    """Rights are given up thread by thread, and NumPy's algebra (which is not used) has started some: begin again."""
    tasks = "/proc/self/task"
    asked_for = sys.argv[1:2] == ["live"] and _THREADS not in os.environ
    if asked_for and os.path.isdir(tasks) and len(os.listdir(tasks)) > 1:
        with contextlib.suppress(OSError):  # then it is seen later whether a thread has any rights
            os.execve(sys.executable, sys.orig_argv, os.environ | {_THREADS: "1"})


def _screen(watch: "Watch", failures: bool, color: bool) -> "Output":
    from sshpcap.live.screen import Screen

    return Screen(watch, failures=failures, color=color)


def _events(path: str | None, failures: bool) -> "Output":
    from sshpcap.live.outputs import Events

    return _opened(path, lambda: Events(path, failures=failures))


def _keeper(path: str, max_bytes: int, max_files: int, ports: tuple[int, ...]) -> "Output":
    from sshpcap.live.keeper import Keeper

    return _opened(path, lambda: Keeper(path, max_bytes, max_files, ports))


def _opened(where: str | None, make: Callable[[], T]) -> T:
    """An output that opens something. Raises click.ClickException with one line."""
    try:
        return make()
    except OSError as error:
        raise click.FileError(
            "standard output" if where is None else where, hint=(error.strerror or str(error)).lower()
        ) from None


def _metrics(address: str) -> "Output":
    from sshpcap.live.metrics import Endpoint

    host, _, port = address.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise click.BadParameter(f"{address!r} is not [HOST:]PORT", param_hint="--metrics")
    return _opened(address, lambda: Endpoint(host.strip("[]") or "127.0.0.1", int(port)))


def _give_up_rights(user: str, source: "LiveSource") -> str:
    from sshpcap.live import privilege

    try:
        return privilege.drop(user)
    except privilege.PrivilegeError as error:
        source.close()
        raise click.ClickException(str(error)) from None


def _run(loop: "Loop", signals: "Signals", output: "Output") -> None:
    try:
        loop.run(signals)
    except BrokenPipeError:
        sys.exit(0)  # whoever read the events has seen enough
    finally:
        output.close()


def _end(loop: "Loop", source: "LiveSource", *, drawn: bool, failures: bool, color: bool) -> None:
    """Show the report on a terminal, and exit. Raises what ended the capture."""
    report = loop.report()
    source.close()
    if drawn:
        from sshpcap.report import terminal
        from sshpcap.report.view import Options

        options = Options(failures=failures)
        text = terminal.render(report, options, width=width(sys.stdout), color=color, encoding=encoding(sys.stdout))
        sys.stdout.write(text)
        sys.stdout.flush()
    if loop.lost is not None:
        raise loop.lost
    finish(report, None)
