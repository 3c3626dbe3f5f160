"""`sshpcap compat`: which clients can connect to the servers of a capture with default settings, and the other way."""

import json
import shutil
from textwrap import wrap
from typing import IO, TYPE_CHECKING, Any, Final

import click

from sshpcap.cli.common import CAPTURES, CONTEXT, OUTPUT, PORTS, finish, output_to, read, warn, width

if TYPE_CHECKING:
    from sshpcap.model import Party, Report, Slot
    from sshpcap.ssh.defaults import Default, Meeting

_SLOTS: Final = {
    "kex_algorithm": "key exchange method",
    "server_host_key_algorithm": "host key algorithm",
    "encryption": "cipher",
    "mac": "MAC",
    "compression": "compression method",
}
_SHOWN: Final = 4


@click.command(context_settings=CONTEXT)
@CAPTURES
@click.option("-f", "--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True,
              help="text for people, or JSON.")  # fmt: skip
@OUTPUT
@PORTS
def compat(captures: tuple[str, ...], form: str, output: str | None, ports: tuple[int, ...]) -> None:
    """Say which clients can connect to each server of the captures, and which servers each client can reach.

    With default settings on the other side, from a table of proposals that running programs made; and what the first
    obstacle is for those that cannot.
    """
    with output_to(output, form, captures) as out:
        report = read(captures, ports, None)
        found = list(_questions(report))
        if form == "json":
            out.write(json.dumps([_as_json(party, role, meetings) for party, role, meetings in found], indent=1) + "\n")
        elif not found:
            out.write("No proposal (SSH_MSG_KEXINIT) is in the capture.\n")
        else:
            for party, role, meetings in found:
                _write(out, party, role, meetings)
    warn(report)
    finish(report, None)


_Question = tuple["Party", str, tuple["Meeting", ...]]


def _questions(report: "Report") -> list[_Question]:
    """Every server and every client with its proposal once: the same proposal of the same program is asked once."""
    from sshpcap.ssh.defaults import clients_of, servers_of

    seen: set[tuple[Any, ...]] = set()
    asked: list[_Question] = []
    for session in report.sessions:
        for role, party in (("server", session.server), ("client", session.client)):
            proposal = party.kexinit
            if proposal is None:
                continue
            place = (role, party.address, party.port if role == "server" else 0)
            told = (*place, *(getattr(proposal, name) for name in proposal.__struct_fields__[:8]))
            if told in seen:
                continue
            seen.add(told)
            asked.append((party, role, clients_of(proposal) if role == "server" else servers_of(proposal)))
    return asked


def _write(out: IO[str], party: "Party", role: str, meetings: tuple["Meeting", ...]) -> None:
    """Those that can, then those that cannot; programs with the same result stand together."""
    from sshpcap.report.view import endpoint, safe

    columns = width(out) or shutil.get_terminal_size().columns
    software = party.identification.text if party.identification else "no identification string"
    where = endpoint(party) if role == "server" else party.address
    _lines(out, f"{role.capitalize()} {where}   {safe(software)}", columns, "", "  ")
    able = sum(meeting.negotiation.agreed for meeting in meetings)
    question = "Clients that can connect" if role == "server" else "Servers that it can reach"
    out.write(f"{question}, with their default settings: {able} of {len(meetings)}\n")
    groups: dict[tuple[bool, str], list[Default]] = {}
    for meeting in meetings:
        groups.setdefault((meeting.negotiation.agreed, _result(meeting, role)), []).append(meeting.default)
    for (agreed, result), programs in sorted(groups.items(), key=lambda group: not group[0][0]):
        _lines(out, _programs(programs), columns, "  yes  " if agreed else "  no   ", " " * 7)
        _lines(out, safe(result if agreed else f"first obstacle: {result}"), columns, " " * 9, " " * 9)
    out.write("\n")


def _lines(out: IO[str], text: str, columns: int, first: str, indent: str) -> None:
    lines = wrap(text, columns, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False)
    out.write("".join(f"{line}\n" for line in lines))


def _programs(programs: list["Default"]) -> str:
    """Each program once, with all its releases."""
    releases: dict[str, list[str]] = {}
    for one in programs:
        releases.setdefault(one.program, []).append(one.release)
    return "; ".join(f"{program} {', '.join(those)}".strip() for program, those in releases.items())


def _result(meeting: "Meeting", role: str) -> str:
    """What is agreed on, or the first obstacle: in the order in which programs look."""
    from sshpcap.ssh.negotiate import real_methods

    outcome = meeting.negotiation
    if outcome.agreed:
        chosen = (outcome.kex_algorithm, outcome.server_host_key_algorithm, outcome.encryption_client_to_server)
        return ", ".join(slot.chosen or "" for slot in chosen)
    first = outcome.failed[0]
    slot: Slot = getattr(outcome, first)
    kind = next(words for key, words in _SLOTS.items() if first.startswith(key))
    asked = real_methods(slot.server_offer if role == "server" else slot.client_offer)
    kinds = {next(words for key, words in _SLOTS.items() if name.startswith(key)) for name in outcome.failed} - {kind}
    rest = f"; no common {' and '.join(w for w in _SLOTS.values() if w in kinds)} either" if kinds else ""
    return f"no common {kind}, it offers none of {_listed(asked)}{rest}"


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:_SHOWN]) or "none"
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown


def _as_json(party: "Party", role: str, meetings: tuple["Meeting", ...]) -> dict[str, Any]:
    return {
        "role": role,
        "address": party.address,
        "port": party.port if role == "server" else None,
        "software": party.identification.text if party.identification else None,
        "with": [
            {
                "program": m.default.program,
                "release": m.default.release,
                "source": m.default.source,
                "agreed": m.negotiation.agreed,
                "failed": m.negotiation.failed,
                "result": _result(m, role),
            }
            for m in meetings
        ],
    }
