"""`sshpcap compat`: which clients can connect to the servers of a capture with default settings, and the other way."""

import json
from typing import IO, TYPE_CHECKING, Any, Final

import click

from sshpcap.cli.common import CAPTURES, CONTEXT, OUTPUT, PORTS, finish, output_to, read

if TYPE_CHECKING:
    from sshpcap.model import Party, Report, Slot
    from sshpcap.ssh.defaults import Meeting

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
    with output_to(output, form) as out:
        report = read(captures, ports, None)
        found = list(_questions(report))
        if form == "json":
            out.write(json.dumps([_as_json(party, role, meetings) for party, role, meetings in found], indent=1) + "\n")
        elif not found:
            out.write("No proposal (SSH_MSG_KEXINIT) is in the capture.\n")
        else:
            for party, role, meetings in found:
                _write(out, party, role, meetings)
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
    from sshpcap.report.view import endpoint, safe

    software = party.identification.text if party.identification else "no identification string"
    where = endpoint(party) if role == "server" else party.address
    out.write(f"{role.capitalize()} {where}   {safe(software)}\n")
    question = "Which clients can connect" if role == "server" else "Which servers it can reach"
    out.write(f"{question}, with their default settings:\n")
    wide = max(len(f"{m.default.program} {m.default.release}") for m in meetings)
    for meeting in meetings:
        name = f"{meeting.default.program} {meeting.default.release}"
        yes = "yes" if meeting.negotiation.agreed else "no "
        out.write(f"  {yes}  {name:<{wide}}  {safe(_result(meeting, role))}\n")
    out.write("\n")


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
    more = len(outcome.failed) - 1
    rest = f" (and {more} more slot{'s' if more > 1 else ''})" if more else ""
    return f"no common {kind}: it offers none of {_listed(asked)}{rest}"


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
