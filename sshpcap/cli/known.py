"""Reads the user's files of host keys for `--known-hosts`, and the names of `--name`."""

from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from sshpcap.ssh.known_hosts import KnownHosts

_LARGEST: Final = 64 << 20


def read_known(files: tuple[str, ...], names: tuple[str, ...]) -> "KnownHosts | None":
    """All entries of the files; None where none was given."""
    if not files:
        if names:
            raise click.UsageError("--name says what to look up in a file: give one with --known-hosts")
        return None
    from sshpcap.ssh.known_hosts import Entry, KnownHosts, read_known_hosts
    from sshpcap.ssh.putty_hosts import is_putty, read_putty

    entries: list[Entry] = []
    for file in files:
        text = _text(file)
        found = list(read_putty(text, file) if is_putty(text) else read_known_hosts(text, file))
        if not found and any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines()):
            raise click.FileError(file, hint="no line of it is one of a file of known host keys")
        entries += found
    given: dict[str, tuple[str, ...]] = {}
    for pair in names:
        number, equals, name = pair.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{pair!r} is not ADDRESS=NAME", param_hint="--name")
        place = address(number, "--name")
        given[place] = (*given.get(place, ()), name)
    return KnownHosts(entries, given)


def _text(file: str) -> str:
    """A whole file; Windows exports its registry as UTF-16."""
    try:
        with open(file, "rb") as opened:
            octets = opened.read(_LARGEST + 1)
    except OSError as error:
        raise click.FileError(file, hint=error.strerror or str(error)) from None
    if len(octets) > _LARGEST:
        raise click.FileError(file, hint=f"more than {_LARGEST:,} octets are no file of host keys")
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        return octets.decode("utf-16", errors="replace")
    return octets.decode("utf-8-sig", errors="replace")


def address(text: str, option: str) -> str:
    """An address in the form that the report uses. Raises click.BadParameter for what is no address."""
    import ipaddress

    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not an IP address (names are not in a capture)", param_hint=option
        ) from None
